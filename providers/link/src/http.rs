//! The one outbound HTTP client.

mod body;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use providers_api::ErrorKind;
use serde::de::DeserializeOwned;

use crate::codes::Fault;
use body::Rests;

pub use body::Body;

/// Of a body that says what is wrong, so much is read.
const LARGEST_REFUSAL: usize = 16 << 10;

/// For reading it.
const REFUSAL_WITHIN: Duration = Duration::from_secs(2);

/// Cheap to clone; all clones share the connections, which are kept by host and scheme.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    rests: Arc<Rests>,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub connect_within: Duration,
    /// Free connections are kept for so long.
    pub idle_for: Duration,
    /// By which authorities servers are verified; `None`: by the system's.
    pub trust: Option<Arc<rustls::ClientConfig>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { connect_within: Duration::from_secs(5), idle_for: Duration::from_secs(90), trust: None }
    }
}

/// The head of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Without parameters, lower-case; empty where there was none.
    pub content_type: String,
    pub retry_after: Option<Duration>,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// # Panics
    /// Never: the options hold nothing that the TLS library could refuse.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let builder = reqwest::Client::builder();
        let builder = match options.trust {
            Some(trust) => builder.tls_backend_preconfigured(trust.as_ref().clone()),
            None => builder,
        };
        let inner = builder
            .connect_timeout(options.connect_within)
            .pool_idle_timeout(options.idle_for)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("agent-foundry/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("the options are ours");
        Self { inner, rests: Arc::default() }
    }

    /// A request to be filled and given to `send`.
    pub fn post(&self, url: &str) -> reqwest::RequestBuilder {
        self.inner.post(url)
    }

    pub fn get(&self, url: &str) -> reqwest::RequestBuilder {
        self.inner.get(url)
    }

    /// Sends; a good answer comes with its body to be streamed, any other is a fault. Dropping the future or the body ends the request;
    /// a body of which no more is wanted is given to `Body::finish`.
    ///
    /// # Errors
    /// When nobody answers, and what `refused` makes of a status that is not 2xx.
    pub async fn send(
        &self,
        request: reqwest::RequestBuilder,
        refused: impl FnOnce(&Answer, &str) -> Fault,
    ) -> Result<(Answer, Body), Fault> {
        let response = request.send().await.map_err(|error| sending(&error))?;
        let answer = head(&response);
        if (200..300).contains(&answer.status) {
            let body = response.bytes_stream().map(|piece| piece.map_err(|error| reading(&error)));
            return Ok((answer, Body::of(body.boxed(), Arc::clone(&self.rests))));
        }
        let mut text = Vec::new();
        let mut body = response.bytes_stream();
        let reading = async {
            while let Some(Ok(piece)) = body.next().await
                && text.len() < LARGEST_REFUSAL
            {
                text.extend_from_slice(&piece);
            }
        };
        // A refusal whose reason never comes is a refusal.
        let _late = tokio::time::timeout(REFUSAL_WITHIN, reading).await;
        text.truncate(LARGEST_REFUSAL);
        Err(refused(&answer, &String::from_utf8_lossy(&text)))
    }
}

/// Of an answer that is read to its end; the longest list of voices has about 1 MB.
const LARGEST_JSON: usize = 8 << 20;

/// A small answer, read to its end.
///
/// # Errors
/// When it breaks off, is too large, or is not what was asked for. The reason never quotes it: it may hold a token.
pub async fn json<T: DeserializeOwned>(mut body: Body) -> Result<T, Fault> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece?);
        if bytes.len() > LARGEST_JSON {
            return Err(Fault::protocol(format!("an answer of more than {LARGEST_JSON} bytes")));
        }
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        Fault::protocol(format!("an answer that is not as documented, at line {}", error.line()))
    })
}

fn head(response: &reqwest::Response) -> Answer {
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let find = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let content_type = find("content-type").and_then(|value| value.split(';').next()).unwrap_or_default();
    Answer {
        status: response.status().as_u16(),
        content_type: content_type.trim().to_ascii_lowercase(),
        retry_after: find("retry-after").and_then(|value| value.trim().parse().ok()).map(Duration::from_secs),
        headers,
    }
}

fn sending(error: &reqwest::Error) -> Fault {
    // A connection that did not come about in time is no different from one that was refused.
    let late = error.is_timeout() && !error.is_connect();
    Fault::new(if late { ErrorKind::TimedOut } else { ErrorKind::Unreachable }, cause(error))
}

fn reading(error: &reqwest::Error) -> Fault {
    Fault::new(ErrorKind::Closed, cause(error))
}

/// The innermost reason, which is what a person can act on. Never the client's own words: they name the address, which may hold a key.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost = None;
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        innermost = Some(inner);
        source = inner.source();
    }
    match innermost {
        Some(inner) if !inner.is::<reqwest::Error>() => inner.to_string(),
        _ => "the request failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_there_is_told_without_the_address() {
        let client = Client::new(Options::default());
        for url in ["http://127.0.0.1:1/v1?key=sk-1", "no address?key=sk-1"] {
            let sent = client.send(client.get(url), |_, _| Fault::protocol("answered")).await;
            let Err(fault) = sent else { panic!("nobody is there") };
            assert_eq!(fault.kind, ErrorKind::Unreachable, "{fault:?}");
            assert!(!fault.reason.contains("sk-1") && !fault.reason.contains("127.0.0.1"), "{fault:?}");
        }
    }
}
