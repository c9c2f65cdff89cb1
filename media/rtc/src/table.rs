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
mod tests;
