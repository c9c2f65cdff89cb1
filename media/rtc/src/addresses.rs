//! Which addresses of ours a peer is told, and through which of them a datagram came.

use std::net::{IpAddr, SocketAddr};

use crate::error::Error;

/// The host candidates of a socket. Never empty.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    announced: Vec<SocketAddr>,
    /// Whether the announced addresses are this machine's own, so that replies can name them as their source.
    own: bool,
}

impl Addresses {
    /// Of a socket bound to `bound`, or `advertise` in place of the interfaces' addresses.
    pub(crate) fn of(bound: SocketAddr, advertise: &[IpAddr]) -> Result<Self, Error> {
        let with_port =
            |ips: Vec<IpAddr>| ips.into_iter().map(|ip| SocketAddr::new(ip, bound.port())).collect();
        if !advertise.is_empty() {
            return Ok(Self { announced: with_port(advertise.to_vec()), own: false });
        }
        if !bound.ip().is_unspecified() {
            return Ok(Self { announced: vec![bound], own: true });
        }
        let interfaces = if_addrs::get_if_addrs().map_err(Error::Interfaces)?;
        let ips = announceable(interfaces.into_iter().map(|interface| interface.ip()), bound.is_ipv6());
        Ok(Self { announced: with_port(ips), own: true })
    }

    pub(crate) fn announced(&self) -> &[SocketAddr] {
        &self.announced
    }

    /// The candidate that a datagram to `ip` was meant for. Behind a NAT that is the one announced for it.
    pub(crate) fn candidate_for(&self, ip: Option<IpAddr>, source: SocketAddr) -> SocketAddr {
        let exact = ip.and_then(|ip| self.announced.iter().find(|address| address.ip() == ip));
        let family = || self.announced.iter().find(|address| address.is_ipv4() == source.is_ipv4());
        exact.or_else(family).copied().unwrap_or(self.announced[0])
    }

    /// The source address to ask of the system for a reply from `candidate`.
    pub(crate) fn source_for(&self, candidate: SocketAddr) -> Option<IpAddr> {
        self.own.then_some(candidate.ip())
    }
}

/// Loopback last: a browser on another machine should not try it first.
fn announceable(ips: impl Iterator<Item = IpAddr>, v6_socket: bool) -> Vec<IpAddr> {
    let mut ips: Vec<_> = ips.filter(|ip| (ip.is_ipv4() || v6_socket) && !is_link_local(ip)).collect();
    ips.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6(), *ip));
    ips.dedup();
    if ips.is_empty() {
        ips.push(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    }
    ips
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn loopback_comes_last_and_link_local_not_at_all() {
        let found = ["127.0.0.1", "169.254.1.1", "fe80::1", "::1", "192.0.2.4", "2001:db8::4", "192.0.2.4"];
        let v4 = announceable(found.into_iter().map(ip), false);
        assert_eq!(v4, [ip("192.0.2.4"), ip("127.0.0.1")]);
        let both = announceable(found.into_iter().map(ip), true);
        assert_eq!(both, [ip("192.0.2.4"), ip("2001:db8::4"), ip("127.0.0.1"), ip("::1")]);
    }

    #[test]
    fn behind_a_nat_the_public_address_stands_for_the_private_one() {
        let bound = "10.0.0.5:7000".parse().expect("an address");
        let addresses = Addresses::of(bound, &[ip("203.0.113.9")]).expect("no interfaces needed");
        let public = "203.0.113.9:7000".parse().expect("an address");
        assert_eq!(addresses.announced(), [public]);
        let source = "198.51.100.1:5000".parse().expect("an address");
        assert_eq!(addresses.candidate_for(Some(ip("10.0.0.5")), source), public);
        assert_eq!(
            addresses.source_for(public),
            None,
            "the system knows the private address, not the public one"
        );
    }
}
