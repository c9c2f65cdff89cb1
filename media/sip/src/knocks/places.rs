//! How many connections there may be, in all and from one address. They cost memory for as long as they last, and over TLS a handshake each.

use std::net::IpAddr;
use std::sync::Arc;

use runtime::{Share, Shares};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::network;

/// In all.
const MOST: usize = 4_096;
/// From one address: an office of phones, each with one of its own.
const OF_ONE: usize = 256;

#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    taken: Shares,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _one_of_all: OwnedSemaphorePermit,
    _one_of_its_address: Share,
}

impl Default for Places {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MOST)), taken: Shares::default() }
    }
}

impl Places {
    /// `None`: there are too many, in all or of that address.
    pub(super) fn take(&self, from: IpAddr) -> Option<Place> {
        let one_of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let share = self.taken.take(network(from), OF_ONE)?;
        Some(Place { _one_of_all: one_of_all, _one_of_its_address: share })
    }
}

#[cfg(test)]
impl Place {
    /// One of many.
    pub(crate) fn of(from: IpAddr) -> Self {
        Places::default().take(from).expect("nobody else has any")
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
        assert!(places.taken.is_empty());
    }

    #[test]
    fn many_addresses_have_no_more_than_all_there_is() {
        let places = Places::default();
        let from = |n: u32| IpAddr::from((0xC633_0000 + n / 200).to_be_bytes());
        let held: Vec<Place> = (0..10_000).map_while(|n| places.take(from(n))).collect();
        assert_eq!(held.len(), MOST);
    }
}
