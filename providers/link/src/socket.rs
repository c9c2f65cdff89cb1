//! One connection: where it goes, what goes over it, how it ends.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::Secret;
use futures::{SinkExt, StreamExt};
use providers_api::ErrorKind;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::{self, HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::carrier::{Carried, Carrier};
use crate::codes::Fault;

/// Of the body of a refused handshake, so much is read.
const LARGEST_REFUSAL: usize = 16 << 10;
/// The library takes 128 KiB for each socket, which no message of a vendor fills.
const READ_BUFFER: usize = 16 << 10;
/// A vendor that does not read for so long has gone.
const SEND_WITHIN: Duration = Duration::from_secs(5);
/// After a failed write the vendor's reason for its end may still lie in our buffers.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(50);
/// For saying goodbye to a vendor that may no longer listen.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

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

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.url.expose().hash(state);
        for (name, value) in &self.headers {
            (name, value.expose()).hash(state);
        }
        self.subprotocols.hash(state);
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
    /// What frames travel over. None: websockets.
    pub carrier: Option<Arc<dyn Carrier>>,
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
            carrier: None,
        }
    }
}

/// An open connection. Pings are answered while it is read.
#[derive(Debug)]
pub struct Socket {
    inner: Inner,
    id: u64,
    manners: Manners,
    opened_at: Instant,
    sent_at: Instant,
}

#[derive(Debug)]
enum Inner {
    Web(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Carried(Box<dyn Carried>),
}

/// Opens a connection within `Manners::connect_within`. Cancel-safe: dropping the future closes what was begun.
///
/// # Errors
/// When nobody answers, the handshake is refused, or the endpoint cannot be right. Never names the URL, which may hold a key.
pub async fn connect(endpoint: &Endpoint, manners: &Manners) -> Result<Socket, Fault> {
    let inner = match &manners.carrier {
        Some(carrier) => Inner::Carried(carrier.open(endpoint, manners).await?),
        None => Inner::Web(Box::new(web(endpoint, manners).await?)),
    };
    let now = Instant::now();
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    Ok(Socket { inner, id, manners: manners.clone(), opened_at: now, sent_at: now })
}

async fn web(
    endpoint: &Endpoint,
    manners: &Manners,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Fault> {
    let request = handshake(endpoint)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(manners.largest_message))
        .max_frame_size(Some(manners.largest_message))
        .read_buffer_size(READ_BUFFER);
    let connecting = Box::pin(tokio_tungstenite::connect_async_with_config(request, Some(config), true));
    match timeout(manners.connect_within, connecting).await {
        Ok(Ok((inner, _response))) => Ok(inner),
        Ok(Err(tungstenite::Error::Http(response))) => Err(refused(manners, &response)),
        Ok(Err(error)) => Err(unreachable(&error)),
        Err(_elapsed) => {
            let reason = format!("no connection within {:?}", manners.connect_within);
            Err(Fault::new(ErrorKind::Unreachable, reason))
        }
    }
}

impl Socket {
    #[must_use]
    pub const fn manners(&self) -> &Manners {
        &self.manners
    }

    /// Its own in this process.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    #[must_use]
    pub const fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// When something was last sent, pings and pongs not counted.
    #[must_use]
    pub const fn sent_at(&self) -> Instant {
        self.sent_at
    }

    /// Not cancel-safe: a dropped send may have been sent.
    ///
    /// # Errors
    /// When the connection is over: for the vendor's reason, where it gave one. The same faults as of `next`.
    pub async fn send(&mut self, frame: Frame) -> Result<(), Fault> {
        self.sent_at = Instant::now();
        if let Inner::Carried(carried) = &mut self.inner {
            return carried.send(frame);
        }
        self.write(match frame {
            Frame::Text(text) => Message::text(text),
            Frame::Binary(bytes) => Message::binary(bytes),
        })
        .await
    }

    /// # Errors
    /// As `send`.
    pub async fn send_all(&mut self, frames: Vec<Frame>) -> Result<(), Fault> {
        for frame in frames {
            self.send(frame).await?;
        }
        Ok(())
    }

    /// # Errors
    /// As `send`.
    pub async fn ping(&mut self) -> Result<(), Fault> {
        self.sent_at = Instant::now();
        self.write(Message::Ping(Bytes::new())).await
    }

    /// The next message; `None` where the vendor closed the connection without a complaint. Cancel-safe.
    ///
    /// # Errors
    /// When the connection broke, was closed for a reason, or a message is none that a socket may carry.
    pub async fn next(&mut self) -> Result<Option<Frame>, Fault> {
        loop {
            let web = match &mut self.inner {
                Inner::Web(web) => web,
                Inner::Carried(carried) => {
                    return std::future::poll_fn(|context| carried.poll_next(context)).await;
                }
            };
            match web.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Some(Frame::Text(text.as_str().to_owned()))),
                Some(Ok(Message::Binary(bytes))) => return Ok(Some(Frame::Binary(bytes))),
                Some(Ok(Message::Close(frame))) => return self.closed(frame),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return broken(&error),
                None => return Ok(None),
            }
        }
    }

    /// Says goodbye; a vendor that does not hear it is left.
    pub async fn close(mut self) {
        if let Inner::Web(web) = &mut self.inner {
            let _gone = timeout(CLOSE_WITHIN, web.as_mut().close(None)).await;
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), Fault> {
        // Of the messages that are no frames there are only pings, which carriers need not.
        let Inner::Web(web) = &mut self.inner else { return Ok(()) };
        match timeout(SEND_WITHIN, web.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.last_words(&error).await),
            Err(_elapsed) => {
                Err(Fault::new(ErrorKind::Closed, format!("the vendor has read nothing for {SEND_WITHIN:?}")))
            }
        }
    }

    async fn last_words(&mut self, error: &tungstenite::Error) -> Fault {
        let reading = async {
            loop {
                match self.next().await {
                    Ok(Some(_unheard)) => {}
                    Ok(None) => break None,
                    Err(fault) => break Some(fault),
                }
            }
        };
        match timeout(LAST_WORDS_WITHIN, reading).await {
            Ok(Some(fault)) if fault.kind != ErrorKind::Protocol => fault,
            _ => Fault::new(ErrorKind::Closed, plain(error)),
        }
    }

    fn closed(&self, frame: Option<tungstenite::protocol::CloseFrame>) -> Result<Option<Frame>, Fault> {
        let Some(frame) = frame else { return Ok(None) };
        let (code, reason) = (u16::from(frame.code), frame.reason.as_str());
        let kind = (self.manners.closed)(code, reason);
        if matches!(code, 1000 | 1005) && kind == ErrorKind::Closed {
            return Ok(None);
        }
        Err(Fault::new(
            kind,
            format!("close code {code}: {}", if reason.is_empty() { "no reason given" } else { reason }),
        ))
    }
}

/// What the end of a connection is that nobody asked for, where `Socket::next` gave `None`.
#[must_use]
pub fn left() -> Fault {
    Fault::new(ErrorKind::Closed, "the vendor closed the connection")
}

/// The address for sockets of a service whose address for requests is given, or either: `https` is `wss`, `http` is `ws`.
#[must_use]
pub fn for_sockets(base: &str) -> String {
    base.strip_prefix("http").map_or_else(|| base.to_owned(), |rest| format!("ws{rest}"))
}

/// The other way.
#[must_use]
pub fn for_requests(base: &str) -> String {
    base.strip_prefix("ws").map_or_else(|| base.to_owned(), |rest| format!("http{rest}"))
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

fn handshake(endpoint: &Endpoint) -> Result<http::Request<()>, Fault> {
    let mut request =
        endpoint.url.expose().as_str().into_client_request().map_err(|_may_hold_a_key| {
            Fault::new(ErrorKind::Rejected, "the address of the vendor is no URL")
        })?;
    for (name, value) in &endpoint.headers {
        let (name, value) = (header_name(name)?, header_value(value.expose())?);
        request.headers_mut().append(name, value);
    }
    if !endpoint.subprotocols.is_empty() {
        let value = header_value(&endpoint.subprotocols.join(", "))?;
        request.headers_mut().insert(http::header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    Ok(request)
}

fn header_name(name: &str) -> Result<HeaderName, Fault> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Fault::new(ErrorKind::Rejected, format!("{name:?} is no name of a header")))
}

fn header_value(value: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_secret| Fault::new(ErrorKind::Unauthorized, "the key holds characters that no key has"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn refused(manners: &Manners, response: &http::Response<Option<Vec<u8>>>) -> Fault {
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let body = response.body().as_deref().unwrap_or_default();
    let body = String::from_utf8_lossy(&body[..body.len().min(LARGEST_REFUSAL)]);
    let retry_after = headers
        .iter()
        .find(|(name, _)| name == "retry-after")
        .and_then(|(_, value)| value.trim().parse().ok())
        .map(Duration::from_secs);
    let status = response.status().as_u16();
    let refusal = Refusal { status, retry_after, headers: &headers, body: &body };
    let (kind, reason) = (manners.refused)(&refusal);
    Fault::new(
        kind,
        format!("HTTP {status}: {}", if reason.is_empty() { "no reason given" } else { &reason }),
    )
}

fn unreachable(error: &tungstenite::Error) -> Fault {
    match error {
        tungstenite::Error::Protocol(_) | tungstenite::Error::Capacity(_) | tungstenite::Error::Utf8(_) => {
            Fault::protocol(plain(error))
        }
        _ => Fault::new(ErrorKind::Unreachable, plain(error)),
    }
}

fn broken(error: &tungstenite::Error) -> Result<Option<Frame>, Fault> {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Ok(None),
        tungstenite::Error::Protocol(
            ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing,
        )
        | tungstenite::Error::Io(_)
        | tungstenite::Error::Tls(_) => Err(Fault::new(ErrorKind::Closed, plain(error))),
        _ => Err(Fault::protocol(plain(error))),
    }
}

/// Without anything that could hold the URL.
fn plain(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Url(_) | tungstenite::Error::HttpFormat(_) => {
            "the address of the vendor cannot be right".to_owned()
        }
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "the connection broke off".to_owned()
        }
        other => other.to_string(),
    }
}
