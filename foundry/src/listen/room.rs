//! How many connections there may be, in all and from one address.

use std::net::IpAddr;
use std::sync::Arc;

use control_server::counted;
use runtime::{Share, Shares};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Clone)]
pub(super) struct Room {
    all: Arc<Semaphore>,
    /// 0: no limit.
    per_address: usize,
    taken: Shares,
}

/// Given back when it is dropped.
pub(super) struct Place {
    _one_of_all: OwnedSemaphorePermit,
    _one_of_its_address: Option<Share>,
}

impl Room {
    pub(super) fn new(all: usize, per_address: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), per_address, taken: Shares::default() }
    }

    /// Waits until there is room for another. Cancel-safe.
    pub(super) async fn any(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// `None`: the address has its share already.
    pub(super) fn place(&self, permit: OwnedSemaphorePermit, address: IpAddr) -> Option<Place> {
        let share = match counted(address).filter(|_| self.per_address > 0) {
            Some(address) => Some(self.taken.take(address, self.per_address)?),
            None => None,
        };
        Some(Place { _one_of_all: permit, _one_of_its_address: share })
    }
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
        assert_eq!(room.taken.len(), 2, "who has left is forgotten");
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
