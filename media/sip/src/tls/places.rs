//! How many connections over TLS there may be, in all and from one address. They cost a handshake each, and memory for as long as they last.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::network;

/// In all.
const MOST: usize = 4_096;
/// From one address: an office of phones, each with one of its own.
const OF_ONE: usize = 256;

#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    network: IpAddr,
    all: Places,
}

impl Places {
    /// `None`: there are too many, in all or of that address.
    pub(super) fn take(&self, from: IpAddr) -> Option<Place> {
        let network = network(from);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (taken.values().sum::<usize>(), taken.get(&network).copied().unwrap_or(0));
        if all >= MOST || own >= OF_ONE {
            return None;
        }
        taken.insert(network, own + 1);
        drop(taken);
        Some(Place { network, all: self.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share_and_gives_it_back() {
        let places = Places::default();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut held: Vec<Place> = std::iter::from_fn(|| places.take(one)).collect();
        assert_eq!(held.len(), OF_ONE);
        assert!(places.take(other).is_some());
        held.pop();
        assert!(places.take(one).is_some());
        drop(held);
        assert!(places.0.lock().expect("no panic").is_empty());
    }

    #[test]
    fn many_addresses_have_no_more_than_all_there_is() {
        let places = Places::default();
        let from = |n: u32| IpAddr::from((0xC633_0000 + n / 200).to_be_bytes());
        let held: Vec<Place> = (0..10_000).map_while(|n| places.take(from(n))).collect();
        assert_eq!(held.len(), MOST);
    }
}
