//! SIP over TCP, in plain: connections that others make to us.
//!
//! The stack's reader of streams ends a connection at the first message that it cannot read. It is given connections of which nothing is left to read,
//! to write to; what comes by them is read here (`reading`), and goes to it by a channel.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rsipstack::platform::mpsc::unbounded_channel;
use rsipstack::sip::{SipMessage, Transport};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::connection::TransportSender;
use rsipstack::transport::stream::{StreamConnection, StreamConnectionInner};
use rsipstack::transport::tcp::TcpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use runtime::{Kind, Tasks};
use tokio::io::ReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::knocks::{Place, accept, watched};
use crate::pace::{Pace, Paces, WRITE};
use crate::reading::{By, GOODBYE, Next, Reading};

const CONNECTION: Kind = Kind::new("sip.tcp");

/// Takes connections until `tasks` is cancelled; those that are there end with the stack.
///
/// # Errors
/// When the stack takes no messages.
#[expect(clippy::disallowed_methods, reason = "the stack takes messages from no other channel")]
pub(crate) async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    endpoint: &EndpointInnerRef,
    paces: Paces,
    stack: CancellationToken,
    tasks: &Arc<Tasks>,
) -> rsipstack::Result<()> {
    let local = named(address);
    // As the stack has it: without a bound. Each connection has one message in it (`pace`), and requests in work are bounded by the dispatcher.
    let (messages, incoming) = unbounded_channel();
    // Nothing is sent by it.
    let (nobody, _) = unbounded_channel();
    let channel =
        ChannelConnection::create_connection(incoming, nobody, local.clone(), Some(stack.child_token()));
    endpoint.transport_layer.inner.serve_connection(SipConnection::Channel(channel.await?));
    let own = Arc::clone(tasks);
    accept(listener, tasks, move |tcp, peer, place| {
        let (local, messages, token) = (local.clone(), messages.clone(), stack.child_token());
        let paces = paces.clone();
        // Calls say goodbye by their connections when the server stops.
        own.spawn_graceful(CONNECTION, async move {
            let work = async {
                let pace = paces.of((local.clone(), named(peer)), &tcp)?;
                carry(tcp, peer, local, place, messages, pace, &token).await
            };
            let ended = token.run_until_cancelled(work).await;
            if let Some(Err(error)) = ended {
                tracing::debug!(%peer, %error, "a connection over TCP ended");
            }
        });
        std::future::ready(())
    });
    Ok(())
}

fn named(address: SocketAddr) -> SipAddr {
    SipAddr { r#type: Some(Transport::Tcp), addr: address.into() }
}

async fn carry(
    tcp: TcpStream,
    peer: SocketAddr,
    local: SipAddr,
    place: Place,
    messages: TransportSender,
    pace: Pace,
    token: &CancellationToken,
) -> rsipstack::Result<()> {
    watched(&tcp)?;
    let (read, write) = tokio::io::split(tcp);
    let inner = StreamConnectionInner {
        local_addr: local,
        remote_addr: named(peer),
        read_half: Mutex::new(None),
        write_half: Mutex::new(write),
    };
    let connection = TcpConnection { inner: Arc::new(inner), cancel_token: Some(token.clone()) };
    let read = forward(Reading::new(read, By::Them(place)), &connection, peer, &messages, &pace).await;
    // Whoever would send by it, or waits for an answer, looks for another.
    token.cancel();
    let _rude = timeout(GOODBYE, connection.close()).await;
    read
}

async fn forward(
    mut reading: Reading<ReadHalf<TcpStream>>,
    connection: &TcpConnection,
    peer: SocketAddr,
    messages: &TransportSender,
    pace: &Pace,
) -> rsipstack::Result<()> {
    loop {
        match reading.next().await? {
            Next::Message(message) => {
                let message = SipMessage::try_from(message.as_slice()).map_err(rsipstack::Error::from);
                let message =
                    message.and_then(|read| SipConnection::update_msg_received(read, peer, Transport::Tcp));
                let Ok(message) = message else {
                    reading.fault();
                    continue;
                };
                pace.turn().await?;
                let by = SipConnection::Tcp(connection.clone());
                messages.send(TransportEvent::Incoming(message, by, named(peer)))?;
            }
            Next::Say(answer) => {
                let said = timeout(WRITE, connection.send_raw(&answer)).await;
                said.map_err(|_late| {
                    pace.let_go();
                    io::Error::from(io::ErrorKind::TimedOut)
                })??;
            }
            Next::End => return Ok(()),
        }
    }
}
