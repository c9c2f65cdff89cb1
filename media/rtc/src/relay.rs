//! An address of ours at a TURN server, for where no other path leads: what is sent by it goes to the server, what the server brings is
//! taken out of its wrapping. Allocation, permissions and their renewal are the library's; sockets and clocks are the link's.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use domain::Secret;
use turn_client_proto::api::{TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::prelude::TurnClientApi as _;
use turn_client_proto::stun::Instant as Moment;
use turn_client_proto::stun::agent::Transmit;
use turn_client_proto::types::TurnCredentials;
use turn_client_proto::types::stun::TransportType;
use turn_client_proto::udp::TurnClientUdp;

/// Servers that are asked: one is enough, and another one where that fails.
const MOST_SERVERS: usize = 2;
const PORT: u16 = 3478;
/// A name that is not found by then is none.
const RESOLVED_WITHIN: Duration = Duration::from_secs(2);
/// For a server that is closed.
const NEVER: Duration = Duration::from_secs(3_600);

/// ICE servers as signalling gives them.
#[derive(Debug, Clone)]
pub struct IceServer {
    pub urls: Vec<String>,
    pub username: String,
    pub credential: Secret<String>,
}

/// A TURN server that can be asked for a relay, by UDP.
#[derive(Debug, Clone)]
pub struct TurnServer {
    pub(crate) address: SocketAddr,
    username: String,
    credential: Secret<String>,
}

/// Those of the servers that can relay by UDP, their names looked up. Others (STUN, TURN over TCP or TLS) are left out.
pub async fn servers(given: &[IceServer]) -> Vec<TurnServer> {
    let mut found = Vec::new();
    for server in given {
        for (host, port) in server.urls.iter().filter_map(|url| by_udp(url)) {
            let looked_up =
                tokio::time::timeout(RESOLVED_WITHIN, tokio::net::lookup_host((host, port))).await;
            // Links have sockets of IPv4.
            let address =
                looked_up.ok().and_then(Result::ok).and_then(|mut all| all.find(SocketAddr::is_ipv4));
            let Some(address) = address else {
                tracing::debug!("a TURN server's address is not known");
                continue;
            };
            if found.len() < MOST_SERVERS && found.iter().all(|known: &TurnServer| known.address != address) {
                let (username, credential) = (server.username.clone(), server.credential.clone());
                found.push(TurnServer { address, username, credential });
            }
        }
    }
    found
}

/// RFC 7065: host and port of `turn:host[:port][?transport=udp]`.
fn by_udp(url: &str) -> Option<(&str, u16)> {
    let rest = url.strip_prefix("turn:")?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, "transport=udp"));
    if query != "transport=udp" {
        return None;
    }
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !port.contains(']') => (host, port.parse().ok()?),
        _ => (place, PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then_some((host, port))
}

/// What became of a datagram of the server's.
pub(crate) enum Taken {
    /// The server's own.
    Handled,
    /// A peer sent this to our relayed address.
    From(SocketAddr, Vec<u8>),
}

pub(crate) struct Relay {
    client: TurnClientUdp,
    server: SocketAddr,
    /// Ours, that the server is asked from.
    local: SocketAddr,
    /// What the library counts its time from.
    zero: Instant,
    relayed: Option<SocketAddr>,
    /// Peers that wait for the allocation.
    wanted: Vec<IpAddr>,
    closed: bool,
}

impl Relay {
    /// Asks for an allocation with the next `poll`.
    pub(crate) fn new(server: &TurnServer, local: SocketAddr, now: Instant) -> Self {
        let credentials = TurnCredentials::new(&server.username, server.credential.expose());
        let client = TurnClientUdp::allocate(local, server.address, TurnConfig::new(credentials));
        let server = server.address;
        Self { client, server, local, zero: now, relayed: None, wanted: Vec::new(), closed: false }
    }

    /// The address that peers reach us by.
    pub(crate) const fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    pub(crate) const fn server(&self) -> SocketAddr {
        self.server
    }

    pub(crate) const fn local(&self) -> SocketAddr {
        self.local
    }

    fn moment(&self, now: Instant) -> Moment {
        let passed = now.saturating_duration_since(self.zero).as_nanos();
        Moment::from_nanos(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// The server may bring what this peer sends.
    pub(crate) fn admit(&mut self, peer: IpAddr, now: Instant) {
        if self.relayed.is_none() {
            if !self.wanted.contains(&peer) {
                self.wanted.push(peer);
            }
        } else if !self.client.have_permission(TransportType::Udp, peer) {
            let moment = self.moment(now);
            if let Err(error) = self.client.create_permission(TransportType::Udp, peer, moment) {
                tracing::debug!(%error, "a peer is not let through a relay");
            }
        }
    }

    /// What is to be sent to the server so that `peer` gets `contents`.
    pub(crate) fn wrap(&mut self, peer: SocketAddr, contents: &[u8], now: Instant) -> Option<Vec<u8>> {
        let moment = self.moment(now);
        let wrapped = self.client.send_to(TransportType::Udp, peer, contents, moment).ok()??;
        Some(wrapped.build().data)
    }

    pub(crate) fn take(&mut self, datagram: &[u8], now: Instant) -> Taken {
        let moment = self.moment(now);
        let transmit = Transmit::new(datagram, TransportType::Udp, self.server, self.local);
        match self.client.recv(transmit, moment) {
            TurnRecvRet::PeerData(data) => Taken::From(data.peer, data.data().to_vec()),
            TurnRecvRet::Handled | TurnRecvRet::Ignored(_) | TurnRecvRet::PeerIcmp { .. } => Taken::Handled,
        }
    }

    /// What is due: datagrams for the server, and the relayed address where it has just been given.
    pub(crate) fn poll(&mut self, now: Instant, mut send: impl FnMut(&[u8])) -> Option<SocketAddr> {
        let moment = self.moment(now);
        if matches!(self.client.poll(moment), TurnPollRet::Closed) {
            self.closed = true;
        }
        let mut given = None;
        while let Some(event) = self.client.poll_event() {
            match event {
                TurnEvent::AllocationCreated(TransportType::Udp, address) => {
                    tracing::debug!("a TURN server relays for us");
                    self.relayed = Some(address);
                    given = Some(address);
                }
                TurnEvent::AllocationCreateFailed(_) => {
                    tracing::info!(server = %self.server, "a TURN server does not relay for us");
                    self.closed = true;
                }
                TurnEvent::PermissionCreateFailed(..) => {
                    tracing::info!(server = %self.server, "a TURN server does not let a peer through");
                }
                _ => {}
            }
        }
        if self.relayed.is_some() {
            for peer in std::mem::take(&mut self.wanted) {
                self.admit(peer, now);
            }
        }
        while let Some(transmit) = self.client.poll_transmit(moment) {
            send(&transmit.data);
        }
        given
    }

    /// When `poll` is due next.
    pub(crate) fn due(&mut self, now: Instant) -> Instant {
        let moment = self.moment(now);
        match self.client.poll(moment) {
            TurnPollRet::WaitUntil(due) if !self.closed => {
                now + due.saturating_duration_since(moment).max(Duration::from_millis(1))
            }
            _ => now + NEVER,
        }
    }

    /// The server is told that it is no longer needed.
    pub(crate) fn close(&mut self, now: Instant, mut send: impl FnMut(&[u8])) {
        let moment = self.moment(now);
        if self.client.delete(moment).is_ok() {
            while let Some(transmit) = self.client.poll_transmit(moment) {
                send(&transmit.data);
            }
        }
    }
}

/// Of ours that lie beside each other: loopback for a server on loopback, any other one otherwise.
pub(crate) fn local_for(announced: &[SocketAddr], server: SocketAddr) -> Option<SocketAddr> {
    let near = |address: &&SocketAddr| {
        address.is_ipv4() == server.is_ipv4() && address.ip().is_loopback() == server.ip().is_loopback()
    };
    let family = |address: &&SocketAddr| address.is_ipv4() == server.is_ipv4();
    announced.iter().find(near).or_else(|| announced.iter().find(family)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_turn_over_udp_are_read_and_others_are_not() {
        for (url, wanted) in [
            ("turn:relay.example.com", Some(("relay.example.com", 3478))),
            ("turn:192.0.2.1:443?transport=udp", Some(("192.0.2.1", 443))),
            ("turn:[2001:db8::1]:9", Some(("2001:db8::1", 9))),
            ("turn:[2001:db8::1]", Some(("2001:db8::1", 3478))),
            ("turn:relay.example.com?transport=tcp", None),
            ("turns:relay.example.com:443?transport=tcp", None),
            ("stun:relay.example.com", None),
            ("turn:", None),
            ("turn:x:99999", None),
        ] {
            assert_eq!(by_udp(url), wanted, "{url}");
        }
    }

    #[test]
    fn a_server_on_loopback_is_asked_from_there() {
        let [out, back]: [SocketAddr; 2] =
            ["192.0.2.1:7", "127.0.0.1:7"].map(|text| text.parse().expect("an address"));
        let server = |text: &str| text.parse().expect("an address");
        assert_eq!(local_for(&[out, back], server("127.0.0.1:3478")), Some(back));
        assert_eq!(local_for(&[out, back], server("198.51.100.1:3478")), Some(out));
        assert_eq!(local_for(&[back], server("198.51.100.1:3478")), Some(back));
    }

    #[tokio::test]
    async fn no_server_is_asked_twice_and_no_more_than_two_are() {
        let given = |urls: &[&str]| IceServer {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            username: "ann".to_owned(),
            credential: Secret::new("secret".to_owned()),
        };
        let all = [
            given(&["stun:127.0.0.1:1", "turn:127.0.0.1:2", "turn:127.0.0.1:2?transport=udp"]),
            given(&["turn:127.0.0.1:3", "turn:127.0.0.1:4"]),
        ];
        let ports: Vec<_> = servers(&all).await.iter().map(|server| server.address.port()).collect();
        assert_eq!(ports, [2, 3]);
    }
}
