//! A WebSocket of protobuf messages to a LiveKit server: that of a participant's signalling, and that of a worker.

use std::time::Duration;

use domain::Secret;
use futures::{SinkExt as _, StreamExt as _};
use media_rtc::Trust;
use runtime::tasks::{Kind, Tasks};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

use crate::error::Error;

/// Messages to the server that wait for the socket. When full the line counts as broken: its owner never waits for it.
const OUTGOING: usize = 64;
/// Messages of the server that its owner has not read. When full the socket is not read.
const INCOMING: usize = 64;
/// How long one message may take to leave, the close included.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The two ends of a socket that a task moves messages on. The receiver ends with the socket; dropping the sender closes it, after
/// what waits.
#[derive(Debug)]
pub(crate) struct Line<Out, In> {
    pub(crate) sender: mpsc::Sender<Out>,
    pub(crate) receiver: mpsc::Receiver<In>,
}

/// The server's address as WebSockets want it. `LIVEKIT_URL` may have any of the four schemes.
///
/// # Errors
/// What is wrong with the address.
pub(crate) fn base(url: &str) -> Result<String, Error> {
    let trimmed = url.trim().trim_end_matches('/');
    let (scheme, rest) = trimmed.split_once("://").unwrap_or(("", trimmed));
    let scheme = match scheme {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return Err(Error::Options(format!("{url:?} is no address such as wss://livekit.example.com"))),
    };
    if rest.is_empty() || rest.contains(['?', '#', '@', ' ']) {
        return Err(Error::Options(format!("{scheme}://... has to name a host and nothing else")));
    }
    Ok(format!("{scheme}://{rest}"))
}

/// Whether an address of a LiveKit server is one.
///
/// # Errors
/// What is wrong with it.
pub fn check_url(url: &str) -> Result<(), Error> {
    base(url).map(drop)
}

/// Cancel-safe: a dropped attempt is closed.
pub(crate) async fn dial(
    url: &str,
    token: &Secret<String>,
    trust: &Trust,
    within: Duration,
) -> Result<Socket, Error> {
    let host = host(url);
    let mut request = url.into_client_request().map_err(|error| Error::Options(error.to_string()))?;
    let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
    let mut bearer = bearer.map_err(|_| Error::Options("the token is none".to_owned()))?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let connector = url.starts_with("wss:").then(|| Connector::Rustls(trust.config()));
    let connecting = tokio_tungstenite::connect_async_tls_with_config(request, None, true, connector);
    let connecting = Box::pin(connecting);
    match tokio::time::timeout(within, connecting).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(response))) if response.status().is_client_error() => {
            Err(Error::Refused { host, status: response.status().as_u16() })
        }
        Ok(Err(error)) => Err(Error::Unreachable { host, source: Box::new(error) }),
        Err(_elapsed) => Err(Error::Silent { host, within }),
    }
}

/// Moves messages until either end is dropped or the socket breaks.
pub(crate) fn carry<Out, In>(socket: Socket, kind: Kind, tasks: &Tasks) -> Line<Out, In>
where
    Out: prost::Message + 'static,
    In: prost::Message + Default + 'static,
{
    let (sender, outgoing) = mpsc::channel(OUTGOING);
    let (incoming, receiver) = mpsc::channel(INCOMING);
    tasks.spawn_graceful(kind, pump::<Out, In>(socket, outgoing, incoming));
    Line { sender, receiver }
}

async fn pump<Out: prost::Message, In: prost::Message + Default>(
    mut socket: Socket,
    mut outgoing: mpsc::Receiver<Out>,
    incoming: mpsc::Sender<In>,
) {
    loop {
        tokio::select! {
            message = outgoing.recv() => match message {
                Some(message) => {
                    let sent = socket.send(Message::Binary(message.encode_to_vec().into()));
                    if !matches!(tokio::time::timeout(LEAVES_WITHIN, sent).await, Ok(Ok(()))) {
                        return;
                    }
                }
                None => break,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => match In::decode(bytes) {
                    Ok(message) => {
                        if incoming.send(message).await.is_err() && outgoing.is_closed() {
                            break;
                        }
                    }
                    Err(error) => tracing::debug!(%error, "a message of LiveKit cannot be read"),
                },
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
    let _closed = tokio::time::timeout(LEAVES_WITHIN, socket.close(None)).await;
}

fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_scheme_of_an_address_will_do_and_nonsense_is_named() {
        for (url, wanted) in [
            ("ws://127.0.0.1:7880", "ws://127.0.0.1:7880"),
            ("http://livekit:7880/", "ws://livekit:7880"),
            ("https://x.example.com", "wss://x.example.com"),
            (" wss://x.example.com ", "wss://x.example.com"),
        ] {
            assert_eq!(base(url).expect("an address"), wanted);
        }
        for url in ["", "livekit", "ftp://x", "ws://", "ws://user:secret@x"] {
            assert!(matches!(base(url), Err(Error::Options(_))), "{url:?}");
        }
        assert_eq!(host("wss://x.example.com/rtc?a=b"), "x.example.com");
    }
}
