//! One connection over TLS as the stack takes it: whole messages come out of it, and whoever is silent, slow or dead is let go.
//!
//! The stack has one maker of TLS connections for the whole process, which knows nothing of trunks and certificates. Ours makes none: it hands over
//! what was made and verified here. A connection that the stack wants for itself, to some address that a message named, is refused.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use async_trait::async_trait;
use rsipstack::platform::tls::{TlsClientConfig, TlsConnector, TlsStream, set_client_connector};
use rsipstack::transport::{PlatformTlsConnection, SipAddr, SipConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::frames::{Frame, Frames};
use super::pings::{Pings, Silence};
use crate::knocks::{FIRST, Place, watched};
use crate::manners::{Inspector, Verdict};
use crate::metrics::REFUSED;

/// A message that has begun is whole by then.
const WHOLE: Duration = Duration::from_secs(30);
/// Longer than any call is quiet that keeps a session timer.
const IDLE: Duration = Duration::from_secs(2 * 3_600);
/// For a peer that takes nothing.
const WRITE: Duration = Duration::from_secs(10);
const GOODBYE: Duration = Duration::from_secs(1);
const CHUNK: usize = 4_096;
/// Whoever sends more messages that are none is let go.
const FAULTS: u32 = 20;

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

/// Who connected, and what that means for how long it may be silent.
pub(super) enum By {
    /// Others, to us.
    Them(#[expect(dead_code, reason = "given back when the connection is dropped")] Place),
    Us,
}

/// Hands a connection to the stack, which keeps it and reads from it once it is added.
pub(super) async fn handed(tls: Tls, by: By, stack: &CancellationToken) -> rsipstack::Result<SipConnection> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_client_connector(Arc::new(Handover)));
    let (tcp, _) = tls.get_ref();
    let (peer, local) = (tcp.peer_addr()?, tcp.local_addr()?);
    watched(tcp)?;
    let (read, write) = tokio::io::split(tls);
    let reading = Reading {
        half: read,
        frames: Frames::default(),
        pings: Pings::default(),
        heard: false,
        faults: 0,
        begun: None,
    };
    let stream = Stream {
        reading: Mutex::new(reading),
        write: Mutex::new(write),
        local,
        by,
        inspector: Inspector::default(),
    };
    let target = SipAddr { r#type: Some(rsipstack::sip::Transport::Tls), addr: peer.into() };
    let made: Box<dyn TlsStream> = Box::new(stream);
    let connection = MADE
        .scope(
            Cell::new(Some(made)),
            PlatformTlsConnection::connect(&target, None, Some(stack.child_token())),
        )
        .await?;
    Ok(SipConnection::TlsPlatform(connection))
}

struct Stream {
    reading: Mutex<Reading>,
    write: Mutex<WriteHalf<Tls>>,
    local: SocketAddr,
    by: By,
    inspector: Inspector,
}

struct Reading {
    half: ReadHalf<Tls>,
    frames: Frames,
    pings: Pings,
    /// A message came.
    heard: bool,
    /// Messages that were none in order.
    faults: u32,
    /// When the message began that is not whole.
    begun: Option<Instant>,
}

impl Stream {
    async fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let written = timeout(WRITE, async {
            let mut half = self.write.lock().await;
            half.write_all(bytes).await?;
            half.flush().await
        });
        written.await.unwrap_or_else(|_late| Err(std::io::ErrorKind::TimedOut.into()))
    }

    /// Until when something has to come; `None`: it is ours, and needs not.
    fn patience(&self, reading: &Reading) -> Option<Instant> {
        match (reading.begun, &self.by) {
            (Some(begun), _) => Some(begun + WHOLE),
            (None, By::Us) => None,
            (None, By::Them(_)) => Some(Instant::now() + if reading.heard { IDLE } else { FIRST }),
        }
    }
}

#[async_trait]
impl TlsStream for Stream {
    /// A whole message; nothing at the end of the stream. The stack asks for the next one when this one is with its transaction.
    async fn recv(&self) -> rsipstack::Result<Vec<u8>> {
        let mut reading = self.reading.lock().await;
        let mut bytes = [0; CHUNK];
        loop {
            let frame = reading.frames.next().map_err(|why| rsipstack::Error::Error(why.to_string()))?;
            match frame {
                Some(Frame::Message(message)) => {
                    reading.begun = None;
                    match self.inspector.looks_at(&message) {
                        Verdict::Passes => {
                            reading.heard = true;
                            return Ok(message);
                        }
                        Verdict::Refused(answer) => self.write(&answer).await?,
                        Verdict::Dropped => {}
                    }
                    metrics::counter!(REFUSED, "why" => "malformed").increment(1);
                    reading.faults += 1;
                    if reading.faults > FAULTS {
                        return Ok(Vec::new());
                    }
                    continue;
                }
                Some(Frame::Ping) => {
                    self.write(b"\r\n").await?;
                    continue;
                }
                None if reading.frames.is_amid() => {
                    reading.begun.get_or_insert_with(Instant::now);
                }
                None => reading.begun = None,
            }
            let until = self.patience(&reading);
            let ping = reading.pings.due(Instant::now());
            let next = until.map_or(ping, |until| until.min(ping));
            match timeout_at(next, reading.half.read(&mut bytes)).await {
                Ok(Ok(0)) => return Ok(Vec::new()),
                Ok(Ok(length)) => {
                    reading.pings.came(&bytes[..length]);
                    reading.frames.push(&bytes[..length]);
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_silent) if until.is_some_and(|until| until <= Instant::now()) => return Ok(Vec::new()),
                Err(_silent) if matches!(self.by, By::Us) => match reading.pings.silent(Instant::now()) {
                    Silence::Ask => self.write(b"\r\n\r\n").await?,
                    Silence::Dead => {
                        tracing::info!("a connection of ours is not answered any more, and given up");
                        return Ok(Vec::new());
                    }
                },
                Err(_silent) => {}
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
