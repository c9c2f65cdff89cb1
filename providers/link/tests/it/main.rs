//! The shells over real sockets, against servers that each test scripts itself.

mod connections;
mod hearing;
mod requests;
mod speaking;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use providers_link::socket::Manners;
use runtime::{Kind, Tasks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

const SERVE: Kind = Kind::new("test.serve");
/// For what happens at once on a machine that may be busy.
const LONG: Duration = Duration::from_secs(10);

/// The server's end of one connection.
struct Peer(WebSocketStream<TcpStream>);

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    Text(String),
    Samples(usize),
    Gone,
}

impl Peer {
    async fn next(&mut self) -> Got {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Got::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => return Got::Samples(bytes.len() / 2),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Got::Gone,
            }
        }
    }

    async fn say(&mut self, text: &str) {
        let _gone = self.0.send(Message::text(text)).await;
    }

    /// Reads until this text; how many samples came before it.
    async fn until(&mut self, text: &str) -> usize {
        let mut samples = 0;
        loop {
            let got = self.next().await;
            assert_ne!(got, Got::Gone, "{text:?} was waited for");
            match got {
                Got::Text(got) if got == text => return samples,
                Got::Samples(count) => samples += count,
                Got::Text(_) | Got::Gone => {}
            }
        }
    }

    /// Reads until so many samples came.
    async fn hear(&mut self, samples: usize) {
        let mut heard = 0;
        while heard < samples {
            let got = self.next().await;
            assert_ne!(got, Got::Gone, "{samples} samples were waited for, {heard} came");
            if let Got::Samples(count) = got {
                heard += count;
            }
        }
    }
}

/// Serves connections by the script, each as it comes; its address.
async fn serve<F, S>(tasks: &Tasks, script: F) -> String
where
    F: Fn(usize, Peer) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback is free");
    let address = listener.local_addr().expect("bound");
    let own = tasks.child();
    tasks.spawn(SERVE, async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { continue };
            own.spawn(SERVE, script(number, Peer(socket)));
        }
    });
    format!("ws://{address}/?key=sk-secret")
}

/// Answers every connection with these bytes, or never; the address without scheme.
async fn answer(tasks: &Tasks, bytes: Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback is free");
    let address = listener.local_addr().expect("bound");
    tasks.spawn(SERVE, async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if let Some(bytes) = &bytes {
                let mut request = [0; 4096];
                let _read = stream.read(&mut request).await;
                let _gone = stream.write_all(bytes).await;
            }
            kept.push(stream);
        }
    });
    address.to_string()
}

fn manners() -> Manners {
    Manners { connect_within: Duration::from_secs(2), largest_message: 64 << 10, ..Manners::new("acme") }
}
