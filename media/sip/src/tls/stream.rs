//! One connection over TLS as the stack takes it.
//!
//! The stack has one maker of TLS connections for the whole process, which knows nothing of trunks and certificates. Ours makes none: it hands over
//! what was made and verified here. A connection that the stack wants for itself, to some address that a message named, is refused.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::{Arc, Once};

use async_trait::async_trait;
use rsipstack::platform::tls::{TlsClientConfig, TlsConnector, TlsStream, set_client_connector};
use rsipstack::transport::{PlatformTlsConnection, SipAddr, SipConnection};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::knocks::watched;
use crate::pace::{Pace, Paces, WRITE};
use crate::reading::{By, GOODBYE, Next, Reading};

type Tls = tokio_rustls::TlsStream<TcpStream>;

tokio::task_local! {
    static MADE: Cell<Option<Box<dyn TlsStream>>>;
}

struct Handover;

#[async_trait]
impl TlsConnector for Handover {
    async fn connect(&self, _: &TlsClientConfig, to: SocketAddr) -> rsipstack::Result<Box<dyn TlsStream>> {
        let made = MADE.try_with(Cell::take).ok().flatten();
        made.ok_or_else(|| {
            rsipstack::Error::Error(format!(
                "no connection over TLS leads to {to}, and none is made for a message alone"
            ))
        })
    }
}

/// Hands a connection to the stack, which keeps it and reads from it once it is added.
pub(super) async fn handed(
    tls: Tls,
    by: By,
    paces: &Paces,
    stack: &CancellationToken,
) -> rsipstack::Result<SipConnection> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_client_connector(Arc::new(Handover)));
    let (tcp, _) = tls.get_ref();
    let (peer, local) = (tcp.peer_addr()?, tcp.local_addr()?);
    watched(tcp)?;
    let named =
        |address: SocketAddr| SipAddr { r#type: Some(rsipstack::sip::Transport::Tls), addr: address.into() };
    let pace = paces.of((named(local), named(peer)), tcp)?;
    let (read, write) = tokio::io::split(tls);
    let reading = Reading::new(read, by);
    let stream = Stream { reading: Mutex::new(reading), write: Mutex::new(write), pace, local };
    let made: Box<dyn TlsStream> = Box::new(stream);
    let connection = MADE
        .scope(
            Cell::new(Some(made)),
            PlatformTlsConnection::connect(&named(peer), None, Some(stack.child_token())),
        )
        .await?;
    Ok(SipConnection::TlsPlatform(connection))
}

struct Stream {
    reading: Mutex<Reading<ReadHalf<Tls>>>,
    write: Mutex<WriteHalf<Tls>>,
    pace: Pace,
    local: SocketAddr,
}

impl Stream {
    async fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let written = timeout(WRITE, async {
            let mut half = self.write.lock().await;
            half.write_all(bytes).await?;
            half.flush().await
        });
        written.await.unwrap_or_else(|_late| {
            // Half a message may be out: nothing can follow it.
            self.pace.let_go();
            Err(std::io::ErrorKind::TimedOut.into())
        })
    }
}

#[async_trait]
impl TlsStream for Stream {
    /// A whole message; nothing at the end of the stream.
    async fn recv(&self) -> rsipstack::Result<Vec<u8>> {
        let mut reading = self.reading.lock().await;
        loop {
            match reading.next().await? {
                Next::Message(message) => {
                    self.pace.turn().await?;
                    return Ok(message);
                }
                Next::Say(answer) => self.write(&answer).await?,
                Next::End => return Ok(Vec::new()),
            }
        }
    }

    async fn send_all(&self, bytes: Vec<u8>) -> rsipstack::Result<()> {
        Ok(self.write(&bytes).await?)
    }

    async fn shutdown(&self) -> rsipstack::Result<()> {
        let _rude = timeout(GOODBYE, async { self.write.lock().await.shutdown().await }).await;
        Ok(())
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.local)
    }
}
