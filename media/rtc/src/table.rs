//! Who a datagram is for: peers by remote address, and by ICE user fragment while the address is new.
//!
//! Plain data, no I/O. Holds nothing for datagrams that name nobody, so a flood of them costs no memory.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::peer::Control;
use crate::stun;
use crate::wire::Arrived;

pub(crate) type PeerId = Arc<str>;

/// Addresses remembered for one peer: a browser has a few interfaces, and one more after a network change.
const ADDRESSES_PER_PEER: usize = 16;

/// How long the holder of an address must be silent before another peer's connectivity check may take it over.
/// Taking it at once would let a caller with a forged source address cut off another.
const ADDRESS_IS_HELD_FOR: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Table {
    peers: HashMap<PeerId, Entry>,
    by_ufrag: HashMap<String, PeerId>,
    by_address: HashMap<SocketAddr, Held>,
    half_open: usize,
}

struct Entry {
    inbox: mpsc::Sender<Arrived>,
    control: mpsc::Sender<Control>,
    /// Where its offer came from.
    from: Option<IpAddr>,
    ufrag: String,
    addresses: Vec<SocketAddr>,
    connected: bool,
}

struct Held {
    by: PeerId,
    inbox: mpsc::Sender<Arrived>,
    heard: Instant,
}

impl Table {
    pub(crate) fn insert(
        &mut self,
        id: PeerId,
        from: Option<IpAddr>,
        ufrag: String,
        inbox: mpsc::Sender<Arrived>,
        control: mpsc::Sender<Control>,
    ) {
        self.by_ufrag.insert(ufrag.clone(), Arc::clone(&id));
        self.half_open += 1;
        let entry = Entry { inbox, control, from, ufrag, addresses: Vec::new(), connected: false };
        self.peers.insert(id, entry);
    }

    /// The peer has new ICE credentials; its addresses stay until checks come from others.
    pub(crate) fn rename(&mut self, id: &str, ufrag: String) {
        let Some((id, _)) = self.peers.get_key_value(id) else { return };
        let id = Arc::clone(id);
        if let Some(entry) = self.peers.get_mut(&id) {
            self.by_ufrag.remove(&entry.ufrag);
            entry.ufrag.clone_from(&ufrag);
            self.by_ufrag.insert(ufrag, id);
        }
    }

    pub(crate) fn connected(&mut self, id: &str) {
        if let Some(entry) = self.peers.get_mut(id)
            && !entry.connected
        {
            entry.connected = true;
            self.half_open -= 1;
        }
    }

    pub(crate) fn remove(&mut self, id: &str) {
        let Some(entry) = self.peers.remove(id) else { return };
        self.by_ufrag.remove(&entry.ufrag);
        for address in &entry.addresses {
            if self.by_address.get(address).is_some_and(|held| *held.by == *id) {
                self.by_address.remove(address);
            }
        }
        self.half_open -= usize::from(!entry.connected);
    }

    pub(crate) fn control(&self, id: &str) -> Option<mpsc::Sender<Control>> {
        self.peers.get(id).map(|entry| entry.control.clone())
    }

    pub(crate) fn peers(&self) -> usize {
        self.peers.len()
    }

    pub(crate) const fn half_open(&self) -> usize {
        self.half_open
    }

    pub(crate) fn half_open_from(&self, from: IpAddr) -> usize {
        self.peers.values().filter(|entry| !entry.connected && entry.from == Some(from)).count()
    }

    pub(crate) fn routes(&self) -> usize {
        self.by_ufrag.len() + self.by_address.len()
    }

    /// Where a datagram goes, or nowhere.
    pub(crate) fn route(
        &mut self,
        source: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) -> Option<&mpsc::Sender<Arrived>> {
        if let Some(ufrag) = stun::our_ufrag(datagram) {
            let id = self.by_ufrag.get(ufrag)?;
            hold(&mut self.by_address, &mut self.peers, id, source, now);
            return self.peers.get(id).map(|entry| &entry.inbox);
        }
        let held = self.by_address.get_mut(&source)?;
        held.heard = now;
        Some(&held.inbox)
    }
}

/// Notes that `source` is the peer's, unless another peer is using it.
fn hold(
    by_address: &mut HashMap<SocketAddr, Held>,
    peers: &mut HashMap<PeerId, Entry>,
    id: &PeerId,
    source: SocketAddr,
    now: Instant,
) {
    match by_address.get_mut(&source) {
        Some(held) if held.by == *id => held.heard = now,
        Some(held) if now.saturating_duration_since(held.heard) < ADDRESS_IS_HELD_FOR => {}
        _ => {
            let Some(entry) = peers.get_mut(id) else { return };
            if entry.addresses.len() >= ADDRESSES_PER_PEER {
                // The oldest goes: a caller who changes networks often must not become unreachable.
                let oldest = entry.addresses.remove(0);
                if by_address.get(&oldest).is_some_and(|held| held.by == *id) {
                    by_address.remove(&oldest);
                }
            }
            entry.addresses.push(source);
            by_address.insert(source, Held { by: Arc::clone(id), inbox: entry.inbox.clone(), heard: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        table: Table,
        now: Instant,
        inboxes: Vec<mpsc::Receiver<Arrived>>,
    }

    impl Fixture {
        fn with(ids: &[&str]) -> Self {
            #[expect(
                clippy::disallowed_methods,
                reason = "the table takes time as an argument; a test needs one origin"
            )]
            let now = Instant::now();
            let mut fixture = Self { table: Table::default(), now, inboxes: Vec::new() };
            for id in ids {
                let (inbox, receiver) = mpsc::channel(4);
                fixture.table.insert(Arc::from(*id), None, format!("u-{id}"), inbox, mpsc::channel(1).0);
                fixture.inboxes.push(receiver);
            }
            fixture
        }

        fn goes_to(&mut self, port: u16, datagram: &[u8]) -> Option<usize> {
            let source = SocketAddr::from(([192, 0, 2, 1], port));
            let inbox = self.table.route(source, datagram, self.now)?.clone();
            let arrived = Arrived { at: self.now, source, local: None, bytes: bytes::Bytes::new() };
            inbox.try_send(arrived).expect("room");
            self.inboxes.iter_mut().position(|receiver| receiver.try_recv().is_ok())
        }
    }

    fn check(ufrag: &str) -> Vec<u8> {
        let name = format!("{ufrag}:theirs");
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([0; 12]);
        bytes.extend([0, 6, 0, name.len() as u8]);
        bytes.extend(name.bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    const RTP: &[u8] = &[0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn an_address_is_known_after_a_connectivity_check_and_forgotten_with_its_peer() {
        let mut net = Fixture::with(&["a", "b"]);
        assert_eq!(net.goes_to(5000, RTP), None);
        assert_eq!(net.goes_to(5000, &check("u-b")), Some(1));
        assert_eq!(net.goes_to(5000, RTP), Some(1));
        assert_eq!(net.goes_to(5001, &check("nobody")), None);
        net.table.remove("b");
        assert_eq!(net.goes_to(5000, RTP), None);
        net.table.remove("a");
        assert_eq!((net.table.peers(), net.table.routes(), net.table.half_open()), (0, 0, 0));
    }

    #[test]
    fn a_live_peers_address_is_not_taken_over_but_a_silent_ones_is() {
        let mut net = Fixture::with(&["victim", "other"]);
        net.goes_to(5000, &check("u-victim"));
        assert_eq!(net.goes_to(5000, &check("u-other")), Some(1), "the check itself is answered");
        assert_eq!(net.goes_to(5000, RTP), Some(0), "the media is not");
        net.now += ADDRESS_IS_HELD_FOR;
        assert_eq!(net.goes_to(5000, &check("u-other")), Some(1));
        assert_eq!(net.goes_to(5000, RTP), Some(1), "a page was reloaded on the same port");
        net.table.remove("victim");
        assert_eq!(net.goes_to(5000, RTP), Some(1), "the old holder's end does not take it away");
    }

    #[test]
    fn one_peer_cannot_fill_the_table() {
        let mut net = Fixture::with(&["a"]);
        for port in 1..=1000 {
            net.goes_to(port, &check("u-a"));
        }
        assert_eq!(net.table.routes(), ADDRESSES_PER_PEER + 1);
        assert_eq!(net.goes_to(1000, RTP), Some(0), "the newest stays");
        net.table.remove("a");
        assert_eq!(net.table.routes(), 0);
    }

    #[test]
    fn half_open_peers_are_counted_until_they_connect_or_end() {
        let mut net = Fixture::with(&["a", "b", "c"]);
        net.table.connected("a");
        net.table.connected("a");
        assert_eq!(net.table.half_open(), 2);
        net.table.remove("b");
        net.table.remove("a");
        assert_eq!(net.table.half_open(), 1);
    }

    #[test]
    fn after_an_ice_restart_only_the_new_name_counts() {
        let mut net = Fixture::with(&["a"]);
        net.table.rename("a", "fresh".to_owned());
        assert_eq!(net.goes_to(5000, &check("u-a")), None);
        assert_eq!(net.goes_to(5000, &check("fresh")), Some(0));
    }
}
