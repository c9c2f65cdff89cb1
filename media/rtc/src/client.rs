//! The other side: a peer that calls a server, with a UDP socket of its own. `foundry call`, load tests and LiveKit use it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use runtime::tasks::{Kind, Tasks};
use tokio::sync::{mpsc, oneshot};

use crate::addresses::Addresses;
use crate::endpoint::{Endpoint, Identity, unguessable};
use crate::error::Error;
use crate::options;
use crate::peer::{self, CONTROLS, Control, INBOX, Parts, Peer};
use crate::wire::{Arrived, Buffers, Wire};

const RECEIVE: Kind = Kind::new("rtc.client.receive");
const PEER: Kind = Kind::new("rtc.client.peer");

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The unspecified address offers every interface and loopback as candidates.
    pub listen: SocketAddr,
    /// Label of the data channel.
    pub channel: String,
    /// When to give up; the names are those of the server's options.
    pub connect_within_ms: u64,
    pub lost_after_ms: u64,
    pub return_within_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        let options::Options { connect_within_ms, lost_after_ms, return_within_ms, .. } =
            options::Options::default();
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self { listen, channel: "rtvi".to_owned(), connect_within_ms, lost_after_ms, return_within_ms }
    }
}

/// The signalling handle of a calling peer. The connection lives as long as its `Peer`; dropping this changes nothing.
#[derive(Clone)]
pub struct Client {
    control: mpsc::Sender<Control>,
}

impl Client {
    /// Opens a socket and makes an offer: audio both ways and a data channel. Nothing is sent before `accept`.
    pub fn offer(options: &Options, tasks: &Tasks) -> Result<(Self, Peer, String), Error> {
        Self::offer_as(&Identity::generate(), options, tasks)
    }

    fn offer_as(
        identity: &Identity,
        options: &Options,
        tasks: &Tasks,
    ) -> Result<(Self, Peer, String), Error> {
        let bind = |source| Error::Bind { address: options.listen, source };
        let wire = Arc::new(Wire::bind(options.listen, SOCKET_BUFFER_BYTES).map_err(bind)?);
        let addresses = Arc::new(Addresses::of(wire.address(), &[])?);
        let now = tokio::time::Instant::now().into_std();
        let (endpoint, offer) = Endpoint::offer(identity, addresses.announced(), &options.channel, now)?;
        let (inbox_sender, inbox) = mpsc::channel(INBOX);
        let (sender, control) = mpsc::channel(CONTROLS);
        let patience = options::Options {
            connect_within_ms: options.connect_within_ms,
            lost_after_ms: options.lost_after_ms,
            return_within_ms: options.return_within_ms,
            ..options::Options::default()
        }
        .patience();
        let parts = Parts {
            endpoint,
            identity: identity.clone(),
            addresses,
            wire: Arc::clone(&wire),
            patience,
            registration: None,
            inbox,
            control,
            token: tasks.token(),
        };
        let (peer, run) = peer::make(format!("pc_{}", unguessable()), parts);
        tasks.spawn(RECEIVE, receive(wire, inbox_sender));
        tasks.spawn_graceful(PEER, run);
        Ok((Self { control: sender }, peer, offer))
    }

    /// Takes the server's answer to the last offer and connects.
    pub async fn accept(&self, answer: &str) -> Result<(), Error> {
        let (done, result) = oneshot::channel();
        self.ask(Control::Answer { sdp: answer.to_owned(), done }).await?;
        result.await.map_err(|_| Error::PeerEnded)?
    }

    /// An offer that restarts ICE, to be answered by `Server::renegotiate` and given to `accept`.
    pub async fn restart(&self) -> Result<String, Error> {
        let (offer, result) = oneshot::channel();
        self.ask(Control::Restart(offer)).await?;
        result.await.map_err(|_| Error::PeerEnded)
    }

    async fn ask(&self, change: Control) -> Result<(), Error> {
        self.control.send(change).await.map_err(|_| Error::PeerEnded)
    }
}

/// One caller needs little.
const SOCKET_BUFFER_BYTES: usize = 256 * 1024;
const DATAGRAMS_AT_ONCE: usize = 2;

/// Reads for the one peer, and ends with it.
async fn receive(wire: Arc<Wire>, inbox: mpsc::Sender<Arrived>) {
    let mut buffers = Buffers::of(DATAGRAMS_AT_ONCE);
    loop {
        tokio::select! {
            () = inbox.closed() => return,
            read = wire.receive(&mut buffers, |at, source, local, datagram| {
                // A full inbox loses audio that is late already.
                let _ = inbox.try_send(peer::arrived(at, source, local, datagram));
            }) => {
                if let Err(error) = read {
                    tracing::debug!(%error, "WebRTC client socket");
                    return;
                }
            }
        }
    }
}
