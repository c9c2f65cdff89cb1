//! The browsers' side of the house: answers offers and hands out peers, all on one UDP port.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime::tasks::{Kind, Tasks};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::addresses::Addresses;
use crate::candidate::Candidate;
use crate::endpoint::{Endpoint, Identity, unguessable};
use crate::error::Error;
use crate::metrics::{DATAGRAMS_DROPPED, PEERS, PEERS_HALF_OPEN, ROUTES};
use crate::options::Options;
use crate::peer::{self, CONTROLS, Control, INBOX, Parts, Peer};
use crate::table::{PeerId, Table};
use crate::wire::{Buffers, Wire};

const RECEIVE: Kind = Kind::vital("rtc.receive");
const PEER: Kind = Kind::new("rtc.peer");

/// After an error of the socket itself (memory, an interface that went), before the next try.
const SOCKET_PAUSE: Duration = Duration::from_millis(20);

/// What the caller's signalling gets back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub sdp: String,
    pub pc_id: String,
}

/// What the server holds now. All zero when every peer has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub peers: usize,
    pub half_open: usize,
    /// Entries of the routing table, by address and by ICE user fragment.
    pub routes: usize,
}

/// Cheap to clone. When the last clone is dropped every peer is closed and the port is free.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    identity: Identity,
    addresses: Arc<Addresses>,
    wire: Arc<Wire>,
    table: Arc<Mutex<Table>>,
    tasks: Tasks,
}

impl Server {
    /// Opens the port and starts to listen. Its tasks end with `tasks`.
    pub fn bind(options: Options, tasks: &Tasks) -> Result<Self, Error> {
        options.validate()?;
        let wire = Wire::bind(options.listen, options.socket_buffer_bytes)
            .map_err(|source| Error::Bind { address: options.listen, source })?;
        let addresses = Arc::new(Addresses::of(wire.address(), &options.advertise)?);
        tracing::info!(address = %wire.address(), announced = ?addresses.announced(), "listening for WebRTC");
        let (wire, table, tasks) = (Arc::new(wire), Arc::<Mutex<Table>>::default(), tasks.child());
        tasks.spawn(RECEIVE, receive(Arc::clone(&wire), Arc::clone(&table)));
        let identity = Identity::generate();
        Ok(Self { inner: Arc::new(Inner { options, identity, addresses, wire, table, tasks }) })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.inner.wire.address()
    }

    /// The host candidates that every answer carries.
    #[must_use]
    pub fn candidates_announced(&self) -> &[SocketAddr] {
        self.inner.addresses.announced()
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        let table = lock(&self.inner.table);
        Stats { peers: table.peers(), half_open: table.half_open(), routes: table.routes() }
    }

    /// Sets the gauges to what `stats` says.
    pub fn report(&self) {
        let Stats { peers, half_open, routes } = self.stats();
        for (name, count) in [(PEERS, peers), (PEERS_HALF_OPEN, half_open), (ROUTES, routes)] {
            metrics::gauge!(name).set(count as f64);
        }
    }

    /// Says goodbye to every peer and waits until the last has ended. The port is free when the last clone is dropped.
    pub async fn shutdown(&self) {
        self.inner.tasks.shutdown().await;
    }

    /// Answers a new caller.
    pub fn offer(&self, sdp: &str) -> Result<(Answer, Peer), Error> {
        self.offer_from(sdp, None)
    }

    /// Answers a new caller whose connections that are being set up count as those of `from`.
    pub fn offer_from(&self, sdp: &str, from: Option<IpAddr>) -> Result<(Answer, Peer), Error> {
        let inner = &*self.inner;
        self.admit(&lock(&inner.table), from)?;
        let now = tokio::time::Instant::now().into_std();
        let (mut endpoint, answer) =
            Endpoint::answer(&inner.identity, inner.addresses.announced(), sdp, now)?;
        // A name that authorises changes.
        let pc_id = format!("pc_{}", unguessable());
        let (inbox_sender, inbox) = mpsc::channel(INBOX);
        let (control_sender, control) = mpsc::channel(CONTROLS);
        let id: PeerId = Arc::from(pc_id.as_str());
        {
            let mut table = lock(&inner.table);
            self.admit(&table, from)?;
            table.insert(Arc::clone(&id), from, endpoint.ufrag(), inbox_sender, control_sender);
        }
        let parts = Parts {
            endpoint,
            identity: inner.identity.clone(),
            addresses: Arc::clone(&inner.addresses),
            wire: Arc::clone(&inner.wire),
            patience: inner.options.patience(),
            registration: Some(Registration { table: Arc::clone(&inner.table), id }),
            inbox,
            control,
            token: inner.tasks.token(),
        };
        let (peer, run) = peer::make(pc_id.clone(), parts);
        inner.tasks.spawn_graceful(PEER, run);
        Ok((Answer { sdp: answer, pc_id }, peer))
    }

    /// Answers a caller who is already here: an ICE restart, a changed direction, or with `restart` (or another DTLS
    /// key) a new connection in place of the broken one. The `Peer` stays the same and says `Lost`, unless it has, and
    /// `Active` when the new connection stands.
    pub async fn renegotiate(&self, pc_id: &str, sdp: &str, restart: bool) -> Result<Answer, Error> {
        let (answer, answered) = oneshot::channel();
        self.ask(pc_id, Control::Offer { sdp: sdp.to_owned(), restart, answer }).await?;
        let sdp = answered.await.map_err(|_| Error::PeerEnded)??;
        Ok(Answer { sdp, pc_id: pc_id.to_owned() })
    }

    /// Candidates that a caller found after the offer. Unusable ones are ignored.
    pub async fn candidates(&self, pc_id: &str, candidates: Vec<Candidate>) -> Result<(), Error> {
        let usable =
            candidates.iter().take(crate::candidate::MOST_CANDIDATES).filter_map(Candidate::parse).collect();
        self.ask(pc_id, Control::Candidates(usable)).await
    }

    /// A caller has said by other means that they hang up: their `Peer` says `Closed`.
    pub async fn leave(&self, pc_id: &str) -> Result<(), Error> {
        self.ask(pc_id, Control::Leave).await
    }

    async fn ask(&self, pc_id: &str, change: Control) -> Result<(), Error> {
        let unknown = || Error::PeerUnknown(pc_id.chars().take(64).collect());
        let control = lock(&self.inner.table).control(pc_id).ok_or_else(unknown)?;
        control.send(change).await.map_err(|_| Error::PeerEnded)
    }

    fn admit(&self, table: &Table, from: Option<IpAddr>) -> Result<(), Error> {
        let Options { max_peers, max_half_open, max_half_open_per_address, .. } = self.inner.options;
        if table.peers() >= max_peers {
            return Err(Error::Full { live: table.peers(), limit: max_peers });
        }
        if table.half_open() >= max_half_open {
            return Err(Error::TooManyConnecting { half_open: table.half_open(), limit: max_half_open });
        }
        let limit = max_half_open_per_address;
        if let Some(from) = from.filter(|_| limit > 0) {
            let half_open = table.half_open_from(from);
            if half_open >= limit {
                return Err(Error::TooManyConnectingFrom { from, half_open, limit });
            }
        }
        Ok(())
    }
}

/// A peer's place in the routing table; leaving it is not to be forgotten, so it happens on drop.
pub(crate) struct Registration {
    table: Arc<Mutex<Table>>,
    id: PeerId,
}

impl Registration {
    pub(crate) fn rename(&self, ufrag: String) {
        lock(&self.table).rename(&self.id, ufrag);
    }

    pub(crate) fn connected(&self) {
        lock(&self.table).connected(&self.id);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.table).remove(&self.id);
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one loop that reads for all peers.
async fn receive(wire: Arc<Wire>, table: Arc<Mutex<Table>>) {
    let mut buffers = Buffers::batch();
    loop {
        let read = wire.receive(&mut buffers, |at, source, local, datagram| {
            let mut table = lock(&table);
            let dropped = match table.route(source, datagram, at) {
                Some(inbox) => {
                    inbox.try_send(peer::arrived(at, source, local, datagram)).err().map(|_| "inbox_full")
                }
                None => Some("unknown"),
            };
            if let Some(why) = dropped {
                metrics::counter!(DATAGRAMS_DROPPED, "why" => why).increment(1);
            }
        });
        if let Err(error) = read.await {
            tracing::debug!(%error, "WebRTC socket");
            tokio::time::sleep(SOCKET_PAUSE).await;
        }
    }
}
