//! One connection: where it goes, what goes over it.

use std::time::Duration;

use bytes::Bytes;
use domain::Secret;
use providers_api::ErrorKind;

/// Where a connection goes and with which credentials. Two that are equal lead to the same vendor, tenant and region, so that a
/// connection may be used for either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `wss://…` or, for tests and servers beside us, `ws://…`, with its query.
    pub url: Secret<String>,
    pub headers: Vec<(&'static str, Secret<String>)>,
    pub subprotocols: Vec<String>,
}

impl Endpoint {
    #[must_use]
    pub fn new(url: String) -> Self {
        Self { url: Secret::new(url), headers: Vec::new(), subprotocols: Vec::new() }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }
}

/// A message, either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    Binary(Bytes),
}

/// How a vendor's sockets behave.
#[derive(Debug, Clone)]
pub struct Manners {
    /// Of the provider, in errors and metrics.
    pub name: &'static str,
    pub connect_within: Duration,
    /// A larger message ends the connection as a breach of protocol, in bytes.
    pub largest_message: usize,
    /// Without anything sent for so long, the protocol's `keep_alive` is sent. None: nothing is needed.
    pub keep_alive: Option<Duration>,
    /// A connection is replaced at the next quiet moment after this age, before the vendor's limit.
    pub rotate_after: Option<Duration>,
    /// What a refused handshake means: status, header by name, body.
    pub refused: fn(&Refusal<'_>) -> (ErrorKind, String),
    /// What a close code means, with its reason.
    pub closed: fn(u16, &str) -> ErrorKind,
}

/// A handshake that was answered by something else than a socket.
#[derive(Debug)]
pub struct Refusal<'a> {
    pub status: u16,
    pub retry_after: Option<Duration>,
    /// Values of headers, lower-case names.
    pub headers: &'a [(String, String)],
    /// Its beginning.
    pub body: &'a str,
}

impl Manners {
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            connect_within: Duration::from_secs(5),
            largest_message: 4 << 20,
            keep_alive: None,
            rotate_after: None,
            refused: |refusal| {
                (crate::codes::status(refusal.status, refusal.retry_after), refusal.body.to_owned())
            },
            closed: |code, _reason| crate::codes::close(code),
        }
    }
}

/// Percent-encoding for a value of a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
