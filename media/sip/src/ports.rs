//! A bounded range of UDP ports for audio. A port goes back when its lease is dropped, and is taken again as late as possible.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;

#[derive(Debug, Clone)]
pub(crate) struct Ports {
    first: u16,
    count: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    taken: HashSet<u16>,
    next: u16,
}

/// A bound socket and its place in the range.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) socket: UdpSocket,
    /// For reports (RTCP): the port above, where nobody else has it.
    pub(crate) reports: Option<UdpSocket>,
    index: u16,
    state: Arc<Mutex<State>>,
}

impl Ports {
    /// Even ports from `first` to `last`, as RTP wants them.
    pub(crate) fn new(first: u16, last: u16) -> Self {
        let first = first.saturating_add(first % 2);
        let count = last.saturating_sub(first) / 2 + 1;
        Self { first, count, state: Arc::default() }
    }

    /// `None` where every port of the range is taken, by us or by another program.
    pub(crate) async fn take(&self, ip: IpAddr) -> Option<Lease> {
        for _ in 0..self.count {
            let index = self.reserve()?;
            let mut kept = Kept { index, state: &self.state, keep: false };
            let port = self.first + 2 * index;
            if let Ok(socket) = UdpSocket::bind(SocketAddr::new(ip, port)).await {
                kept.keep = true;
                let reports = UdpSocket::bind(SocketAddr::new(ip, port | 1)).await.ok();
                return Some(Lease { socket, reports, index, state: Arc::clone(&self.state) });
            }
        }
        None
    }

    pub(crate) fn taken(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).taken.len()
    }

    fn reserve(&self) -> Option<u16> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..self.count {
            let index = state.next % self.count;
            state.next = (index + 1) % self.count;
            if state.taken.insert(index) {
                return Some(index);
            }
        }
        None
    }
}

/// Gives the place back where binding failed or was cancelled.
struct Kept<'a> {
    index: u16,
    state: &'a Mutex<State>,
    keep: bool,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if !self.keep {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(&self.index);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(&self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_range_is_never_left_and_never_leaks() {
        let free = UdpSocket::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound").port();
        let first = free & !1;
        let ports = Ports::new(first, first + 5);
        let ip = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..50 {
            let lease = ports.take(ip).await.expect("one is free");
            let port = lease.socket.local_addr().expect("bound").port();
            assert!((first..=first + 5).contains(&port) && port.is_multiple_of(2), "{port}");
        }
        let mut held = Vec::new();
        while let Some(lease) = ports.take(ip).await {
            held.push(lease);
        }
        assert!(!held.is_empty() && held.len() <= 3);
        assert_eq!(ports.taken(), held.len());
        held.pop();
        assert!(ports.take(ip).await.is_some());
        drop(held);
        assert_eq!(ports.taken(), 0);
    }
}
