//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control_server::counted;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Clone)]
pub(super) struct Room {
    all: Arc<Semaphore>,
    /// 0: no limit.
    per_address: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// Given back when it is dropped.
pub(super) struct Place {
    _one_of_all: OwnedSemaphorePermit,
    of: Option<IpAddr>,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Room {
    pub(super) fn new(all: usize, per_address: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), per_address, taken: Arc::default() }
    }

    /// Waits until there is room for another. Cancel-safe.
    pub(super) async fn any(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// `None`: the address has its share already.
    pub(super) fn place(&self, permit: OwnedSemaphorePermit, address: IpAddr) -> Option<Place> {
        let of = counted(address).filter(|_| self.per_address > 0);
        if let Some(address) = of {
            let mut taken = lock(&self.taken);
            let count = taken.entry(address).or_default();
            if *count >= self.per_address {
                return None;
            }
            *count += 1;
        }
        Some(Place { _one_of_all: permit, of, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.of else { return };
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&address);
            }
        }
    }
}

fn lock(taken: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    async fn enter(room: &Room, address: &str) -> Option<Place> {
        room.place(room.any().await.expect("open"), ip(address))
    }

    #[tokio::test]
    async fn one_address_takes_no_more_than_its_share() {
        let room = Room::new(100, 2);
        let first = enter(&room, "192.0.2.1").await;
        let _second = enter(&room, "::ffff:192.0.2.1").await.expect("its share");
        assert!(enter(&room, "192.0.2.1").await.is_none(), "past its share");
        assert!(enter(&room, "192.0.2.2").await.is_some(), "others have their own");
        drop(first);
        assert!(enter(&room, "192.0.2.1").await.is_some(), "its share is free again");
        let _one = enter(&room, "2001:db8::1").await.expect("its share");
        let _other = enter(&room, "2001:db8::2").await.expect("its share");
        assert!(enter(&room, "2001:db8::3").await.is_none(), "a network is one client");
        let _machine = [enter(&room, "127.0.0.1").await, enter(&room, "::1").await];
        assert!(enter(&room, "127.0.0.1").await.is_some(), "the machine itself is not counted");
        assert_eq!(lock(&room.taken).len(), 2, "who has left is forgotten");
    }

    #[tokio::test]
    async fn zero_sets_no_limit() {
        let room = Room::new(100, 0);
        let _many: Vec<Place> = futures::future::join_all((0..50).map(|_| enter(&room, "192.0.2.1")))
            .await
            .into_iter()
            .map(|place| place.expect("no limit"))
            .collect();
    }
}
