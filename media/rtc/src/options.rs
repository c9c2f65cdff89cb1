//! How the server listens and when it gives up on a peer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The one UDP address of all browsers. The unspecified address listens on every interface; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Addresses told to browsers instead of the interfaces' own: the public side of a NAT or load balancer. The
    /// port is that of `listen`, which the NAT must keep.
    pub advertise: Vec<IpAddr>,
    /// Peers at once, connected or not. More are refused with `PEERS_FULL`.
    pub max_peers: usize,
    /// Peers that were answered and have not connected yet. More are refused with `PEERS_CONNECTING`.
    pub max_half_open: usize,
    /// As many of those from one address. More are refused with `TOO_MANY_CONNECTING`; 0 sets no limit.
    pub max_half_open_per_address: usize,
    /// How long a peer may take from the answer until media can flow.
    pub connect_within_ms: u64,
    /// How long nothing may arrive from a connected peer before it counts as lost. Browsers send at least a
    /// connectivity check every 2.5 s.
    pub lost_after_ms: u64,
    /// How long a lost peer is kept for it to come back by itself, by ICE restart or by `restart_pc`. It ends before where
    /// its holder drops it.
    pub return_within_ms: u64,
    /// Receive and send buffer asked of the system for the socket, in bytes; it may grant less.
    pub socket_buffer_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            advertise: Vec::new(),
            max_peers: 2_000,
            max_half_open: 256,
            max_half_open_per_address: 16,
            connect_within_ms: 15_000,
            lost_after_ms: 5_000,
            return_within_ms: 30_000,
            socket_buffer_bytes: 2 << 20,
        }
    }
}

impl Options {
    pub fn validate(&self) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Options(what.to_owned()));
        if self.max_peers == 0 || self.max_half_open == 0 {
            return wrong("max_peers and max_half_open must be at least 1");
        }
        if self.connect_within_ms < 1_000 || self.lost_after_ms < 500 {
            return wrong("connect_within_ms must be at least 1000 and lost_after_ms at least 500");
        }
        if self.advertise.iter().any(|ip| ip.is_unspecified() || ip.is_multicast()) {
            return wrong("advertise needs addresses that a browser can reach");
        }
        Ok(())
    }

    pub(crate) const fn patience(&self) -> Patience {
        Patience {
            connect: Duration::from_millis(self.connect_within_ms),
            lost: Duration::from_millis(self.lost_after_ms),
            back: Duration::from_millis(self.return_within_ms),
        }
    }
}

/// How long a peer may be silent, by what it is doing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) lost: Duration,
    pub(crate) back: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_nonsense_is_named() {
        assert!(Options::default().validate().is_ok());
        let none = Options { max_peers: 0, ..Options::default() };
        assert!(none.validate().is_err_and(|error| error.to_string().contains("max_peers")));
        let nowhere = Options { advertise: vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)], ..Options::default() };
        assert!(nowhere.validate().is_err_and(|error| error.to_string().contains("advertise")));
    }
}
