//! An address of ours at a TURN server, for where no other path leads: what is sent by it goes to the server, what the server brings is
//! taken out of its wrapping. Allocation, permissions and their renewal are the library's; sockets and clocks are the link's.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use domain::Secret;
use rustls::pki_types::ServerName;
use turn_client_proto::api::{TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::prelude::TurnClientApi as _;
use turn_client_proto::stun::Instant as Moment;
use turn_client_proto::stun::agent::Transmit;
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::TurnCredentials;
use turn_client_proto::types::stun::TransportType;
use turn_client_proto::udp::TurnClientUdp;

use crate::pipe::{Framing, Pipe, Secure};
use crate::trust::{Trust, refusal};

/// Servers that are asked by UDP, and by streams: one is enough, and another one where that fails.
const MOST_SERVERS: usize = 2;
const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;
/// A stream that broke is dialled again so much later, and no more often than this.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
const MOST_DIALS: u32 = 5;
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

/// A TURN server that can be asked for a relay.
#[derive(Debug, Clone)]
pub struct TurnServer {
    pub(crate) address: SocketAddr,
    by: By,
    username: String,
    credential: Secret<String>,
}

/// How a server is asked.
#[derive(Debug, Clone)]
enum By {
    Udp,
    Tcp,
    Tls(Secure),
}

impl TurnServer {
    /// Whether it is asked by TCP or TLS: what is worth its cost where no datagram gets through.
    pub(crate) const fn is_stream(&self) -> bool {
        !matches!(self.by, By::Udp)
    }

    const fn is_like(&self, way: Way) -> bool {
        matches!((&self.by, way), (By::Udp, Way::Udp) | (By::Tcp, Way::Tcp) | (By::Tls(_), Way::Tls))
    }
}

/// Those of the servers that can relay, their names looked up. Others (STUN, TURN over DTLS) are left out.
pub async fn servers(given: &[IceServer], trust: &Trust) -> Vec<TurnServer> {
    let mut found: Vec<TurnServer> = Vec::new();
    let mut known = HashMap::new();
    for server in given {
        for (host, port, way) in server.urls.iter().filter_map(|url| read(url)) {
            let by = match way {
                Way::Udp => By::Udp,
                Way::Tcp => By::Tcp,
                Way::Tls => match ServerName::try_from(host.to_owned()) {
                    Ok(name) => By::Tls(Secure { name, config: trust.config() }),
                    Err(_) => continue,
                },
            };
            let enough = found.iter().filter(|known| known.is_stream() == !matches!(by, By::Udp)).count();
            if enough == MOST_SERVERS {
                continue;
            }
            let ip = match known.get(host) {
                Some(ip) => *ip,
                None => *known.entry(host).or_insert(look_up(host).await),
            };
            let Some(ip) = ip else { continue };
            let address = SocketAddr::new(ip, port);
            if found.iter().all(|known| known.address != address || !known.is_like(way)) {
                let (username, credential) = (server.username.clone(), server.credential.clone());
                found.push(TurnServer { address, by, username, credential });
            }
        }
    }
    found
}

async fn look_up(host: &str) -> Option<IpAddr> {
    let looked_up = tokio::time::timeout(RESOLVED_WITHIN, tokio::net::lookup_host((host, 0))).await;
    // Links have sockets of IPv4.
    let found = looked_up.ok().and_then(Result::ok).and_then(|mut all| all.find(SocketAddr::is_ipv4));
    if found.is_none() {
        tracing::debug!("a TURN server's address is not known");
    }
    found.map(|address| address.ip())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Udp,
    Tcp,
    Tls,
}

/// RFC 7065: `turn:` or `turns:`, `host[:port][?transport=...]`.
fn read(url: &str) -> Option<(&str, u16, Way)> {
    let (scheme, rest) = url.split_once(':')?;
    let (place, transport) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query.strip_prefix("transport=")?)),
        None => (rest, None),
    };
    let way = match (scheme, transport) {
        ("turn", None | Some("udp")) => Way::Udp,
        ("turn", Some("tcp")) => Way::Tcp,
        ("turns", None | Some("tcp")) => Way::Tls,
        _ => return None,
    };
    let usual = if way == Way::Tls { TLS_PORT } else { PORT };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !port.contains(']') => (host, port.parse().ok()?),
        _ => (place, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then_some((host, port, way))
}

turn_client_proto::impl_client!(pub(crate) Client, (Udp, TurnClientUdp), (Tcp, TurnClientTcp));

/// What became of a datagram of the server's.
pub(crate) enum Taken {
    /// The server's own.
    Handled,
    /// A peer sent this to our relayed address.
    From(SocketAddr, Vec<u8>),
}

pub(crate) struct Relay {
    client: Client,
    server: TurnServer,
    /// What leads to the server, where datagrams do not.
    pipe: Option<Pipe>,
    /// How often it was dialled, and when it is again.
    dials: u32,
    again: Option<Instant>,
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
        let config = TurnConfig::new(TurnCredentials::new(&server.username, server.credential.expose()));
        let address = server.address;
        let dial = |secure| Pipe::dial(address, secure, Framing::Turn);
        let (client, pipe) = match &server.by {
            By::Udp => (Client::Udp(TurnClientUdp::allocate(local, address, config)), None),
            By::Tcp => (Client::Tcp(TurnClientTcp::allocate(local, address, config)), Some(dial(None))),
            By::Tls(secure) => {
                let secure = Some(secure.clone());
                (Client::Tcp(TurnClientTcp::allocate(local, address, config)), Some(dial(secure)))
            }
        };
        Self {
            client,
            server: server.clone(),
            pipe,
            dials: 1,
            again: None,
            local,
            zero: now,
            relayed: None,
            wanted: Vec::new(),
            closed: false,
        }
    }

    /// The stream to the server is gone, and with it the relay. Gives the address that no longer leads to us.
    pub(crate) fn broke(&mut self, error: &std::io::Error, now: Instant) -> Option<SocketAddr> {
        let server = self.server.address;
        match refusal(error) {
            Some(why) => tracing::info!(%server, why, "a TURN server's certificate is not trusted"),
            None => tracing::info!(%server, %error, "the stream to a TURN server broke"),
        }
        self.closed = true;
        self.again = (self.dials < MOST_DIALS).then(|| now + AGAIN_AFTER);
        self.relayed.take()
    }

    /// Dials anew where that is due.
    fn revive(&mut self, peers: &[IpAddr], now: Instant) {
        if self.again.is_some_and(|again| now >= again) {
            let dials = self.dials + 1;
            let server = self.server.clone();
            *self = Self { dials, wanted: peers.to_vec(), ..Self::new(&server, self.local, now) };
        }
    }

    /// What comes from the server by a stream. `None`: it comes by datagrams.
    pub(crate) const fn pipe(&mut self) -> Option<&mut Pipe> {
        self.pipe.as_mut()
    }

    /// The address that peers reach us by.
    pub(crate) const fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    pub(crate) const fn server(&self) -> SocketAddr {
        self.server.address
    }

    /// Whether datagrams from this address are the server's.
    pub(crate) fn is_at(&self, address: SocketAddr) -> bool {
        self.pipe.is_none() && self.server.address == address
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

    /// What is to be sent to the server so that `peer` gets `contents`; `None` where it has left by a stream, or cannot.
    pub(crate) fn wrap(&mut self, peer: SocketAddr, contents: &[u8], now: Instant) -> Option<Vec<u8>> {
        let moment = self.moment(now);
        let wrapped = self.client.send_to(TransportType::Udp, peer, contents, moment).ok()??.build().data;
        match &mut self.pipe {
            Some(pipe) => {
                pipe.send(&wrapped);
                None
            }
            None => Some(wrapped),
        }
    }

    pub(crate) fn take(&mut self, datagram: &[u8], now: Instant) -> Taken {
        let moment = self.moment(now);
        let transport = self.client.transport();
        let transmit = Transmit::new(datagram, transport, self.server.address, self.local);
        match self.client.recv(transmit, moment) {
            TurnRecvRet::PeerData(data) => Taken::From(data.peer, data.data().to_vec()),
            TurnRecvRet::Handled | TurnRecvRet::Ignored(_) | TurnRecvRet::PeerIcmp { .. } => Taken::Handled,
        }
    }

    /// What is due: datagrams for the server, and the relayed address where it has just been given. A relay that was lost asks for
    /// another, by which `peers` may reach us.
    pub(crate) fn poll(
        &mut self,
        peers: &[IpAddr],
        now: Instant,
        mut send: impl FnMut(&[u8]),
    ) -> Option<SocketAddr> {
        self.revive(peers, now);
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
                    tracing::info!(server = %self.server.address, "a TURN server does not relay for us");
                    self.closed = true;
                }
                TurnEvent::PermissionCreateFailed(..) => {
                    tracing::info!(server = %self.server.address, "a TURN server does not let a peer through");
                }
                _ => {}
            }
        }
        if self.relayed.is_some() {
            for peer in std::mem::take(&mut self.wanted) {
                self.admit(peer, now);
            }
        }
        self.transmit(moment, &mut send);
        given
    }

    fn transmit(&mut self, moment: Moment, send: &mut impl FnMut(&[u8])) {
        while let Some(transmit) = self.client.poll_transmit(moment) {
            match &mut self.pipe {
                Some(pipe) => pipe.send(&transmit.data),
                None => send(&transmit.data),
            }
        }
    }

    /// When `poll` is due next.
    pub(crate) fn due(&mut self, now: Instant) -> Instant {
        if let Some(again) = self.again {
            return again;
        }
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
            self.transmit(moment, &mut send);
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
    fn addresses_of_turn_servers_are_read_and_others_are_not() {
        for (url, wanted) in [
            ("turn:relay.example.com", Some(("relay.example.com", 3478, Way::Udp))),
            ("turn:192.0.2.1:443?transport=udp", Some(("192.0.2.1", 443, Way::Udp))),
            ("turn:[2001:db8::1]:9", Some(("2001:db8::1", 9, Way::Udp))),
            ("turn:[2001:db8::1]", Some(("2001:db8::1", 3478, Way::Udp))),
            ("turn:relay.example.com?transport=tcp", Some(("relay.example.com", 3478, Way::Tcp))),
            ("turns:relay.example.com", Some(("relay.example.com", 5349, Way::Tls))),
            ("turns:relay.example.com:443?transport=tcp", Some(("relay.example.com", 443, Way::Tls))),
            ("turns:relay.example.com:443?transport=udp", None),
            ("turn:relay.example.com?transport=sctp", None),
            ("turn:relay.example.com?x=y", None),
            ("stun:relay.example.com", None),
            ("turn:", None),
            ("turn", None),
            ("turn:x:99999", None),
        ] {
            assert_eq!(read(url), wanted, "{url}");
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
    async fn no_server_is_asked_twice_and_no_more_than_two_of_a_kind_are() {
        let given = |urls: &[&str]| IceServer {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            username: "ann".to_owned(),
            credential: Secret::new("secret".to_owned()),
        };
        let all = [
            given(&["stun:127.0.0.1:1", "turn:127.0.0.1:2", "turn:127.0.0.1:2?transport=udp"]),
            given(&["turn:127.0.0.1:3", "turn:127.0.0.1:4", "turn:127.0.0.1:2?transport=tcp"]),
            given(&["turns:127.0.0.1:2", "turns:127.0.0.1:5"]),
        ];
        let found = servers(&all, &Trust::default()).await;
        let ports = |stream| {
            let of = found.iter().filter(|server| server.is_stream() == stream);
            of.map(|server| server.address.port()).collect::<Vec<_>>()
        };
        assert_eq!((ports(false), ports(true)), (vec![2, 3], vec![2, 2]));
    }
}
