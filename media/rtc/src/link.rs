//! A peer connection to a media server, with a UDP socket of its own, driven by whoever owns it: no task and no queue lie in between.
//!
//! A participant of a room holds two: one that it offers and publishes on, one that it is offered and hears on. Two on one socket would
//! take each other's datagrams, since the media server may answer both from one port.

mod streams;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media_core::Packet;
use media_core::leg::Quality;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite};
use str0m::{Event, IceConnectionState, Input, Output, Rtc};

use crate::addresses::Addresses;
use crate::candidate::{Candidate, MOST_CANDIDATES};
use crate::endpoint::{Identity, MOST_ERRORS, UNSENT_MESSAGES};
use crate::error::Error;
use crate::metrics::MESSAGES_DROPPED;
use crate::peer;
use crate::pipe::Pipe;
use crate::relay::{self, Relay, Taken, TurnServer};
use crate::reports;
use crate::timeline::Extender;
use crate::wire::{Arrived, Buffers, Wire};

use streams::{Way, messages};

const SOCKET_BUFFER_BYTES: usize = 256 * 1024;
const DATAGRAMS_AT_ONCE: usize = 2;
/// So long datagrams have to find a path before streams are tried besides: most connections stand before, and need none.
const DATAGRAMS_FIRST: Duration = Duration::from_millis(500);

/// What several links of one process share. Making one costs more than everything else of a set-up.
#[derive(Clone)]
pub struct Credentials(Identity);

impl Credentials {
    #[must_use]
    pub fn generate() -> Self {
        Self(Identity::generate())
    }
}

/// A data channel that we open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    pub label: &'static str,
    /// In order and repeated until it arrives, or neither.
    pub reliable: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// ICE and DTLS are up.
    Connected,
    /// ICE has no working path; it may come back, by a restart too.
    Disconnected,
    /// Nothing more can come of this connection.
    Closed,
    /// Audio of the media section `mid`.
    Packet {
        mid: String,
        packet: Packet,
    },
    Data {
        label: String,
        bytes: Vec<u8>,
    },
    /// What the far end reports of what we sent.
    Quality(Quality),
    /// An address of ours that the far end is to be told, as a line of SDP.
    Candidate(String),
    /// Nothing more until the next input or this instant.
    Wait(Instant),
}

pub struct Link {
    rtc: Rtc,
    wire: Wire,
    buffers: Buffers,
    addresses: Addresses,
    arrived: VecDeque<(Way, Arrived)>,
    pending: Option<SdpPendingOffer>,
    /// Candidates that came before the description they belong to.
    early: Vec<str0m::Candidate>,
    candidates: usize,
    described: bool,
    /// There was a connection.
    stood: bool,
    sending: Option<(Mid, Option<Pt>)>,
    channels: HashMap<ChannelId, String>,
    unsent: VecDeque<(&'static str, Vec<u8>)>,
    sequence: Extender,
    errors: usize,
    relays: Vec<Relay>,
    /// Servers that relay by streams, until they are asked.
    streams: Vec<TurnServer>,
    /// TCP ports of the far end, until streams are tried: without anything to pair them with ICE would call itself failed.
    ports: Vec<str0m::Candidate>,
    /// To those of them that are tried.
    straight: Vec<(SocketAddr, Pipe)>,
    /// Relays alone are allowed.
    only: bool,
    /// Streams to TCP ports of the far end are tried.
    has_ports: bool,
    /// Since when a path is looked for.
    looking: Option<Instant>,
    /// Whom the far end says it is reached by.
    peers: Vec<IpAddr>,
    /// The time as it was told last.
    now: Instant,
}

impl Link {
    /// Opens the socket. The unspecified address offers every interface and loopback as candidates.
    pub fn open(credentials: &Credentials, listen: SocketAddr, now: Instant) -> Result<Self, Error> {
        Self::open_by(credentials, listen, &[], false, now)
    }

    /// As `open`, with relays besides; with `only` by nothing else.
    pub fn open_by(
        credentials: &Credentials,
        listen: SocketAddr,
        servers: &[TurnServer],
        only: bool,
        now: Instant,
    ) -> Result<Self, Error> {
        let bind = |source| Error::Bind { address: listen, source };
        let wire = Wire::bind(listen, SOCKET_BUFFER_BYTES).map_err(bind)?;
        let addresses = Addresses::of(wire.address(), &[])?;
        let hosts = if only { &[] } else { addresses.announced() };
        let rtc = credentials.0.build(false, hosts, now);
        let (streams, datagrams): (Vec<_>, Vec<_>) = servers.iter().cloned().partition(TurnServer::is_stream);
        let mut link = Self {
            rtc,
            wire,
            buffers: Buffers::of(DATAGRAMS_AT_ONCE),
            addresses,
            arrived: VecDeque::new(),
            pending: None,
            early: Vec::new(),
            candidates: 0,
            described: false,
            stood: false,
            sending: None,
            channels: HashMap::new(),
            unsent: VecDeque::new(),
            sequence: Extender::default(),
            errors: 0,
            relays: Vec::new(),
            streams: Vec::new(),
            ports: Vec::new(),
            straight: Vec::new(),
            only,
            has_ports: false,
            looking: None,
            peers: Vec::new(),
            now,
        };
        link.ask(&datagrams);
        match only && datagrams.is_empty() {
            true => link.ask(&streams),
            false => link.streams = streams,
        }
        Ok(link)
    }

    /// Relays of these servers.
    fn ask(&mut self, servers: &[TurnServer]) {
        for server in servers {
            let Some(local) = relay::local_for(self.addresses.announced(), server.address) else { continue };
            let mut relay = Relay::new(server, local, self.now);
            for peer in &self.peers {
                relay.admit(*peer, self.now);
            }
            self.relays.push(relay);
        }
    }

    /// On every interface, at a port that the system chooses.
    #[must_use]
    pub const fn anywhere() -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)
    }

    /// The first offer: one track of audio, which we send, and data channels.
    pub fn publish(&mut self, stream: &str, track: &str, channels: &[Channel]) -> String {
        let mut changes = self.rtc.sdp_api();
        let (stream, track) = (Some(stream.to_owned()), Some(track.to_owned()));
        let mid = changes.add_media(MediaKind::Audio, Direction::SendOnly, stream, track, None);
        for channel in channels {
            let reliability = match channel.reliable {
                true => Reliability::Reliable,
                false => Reliability::MaxRetransmits { retransmits: 0 },
            };
            changes.add_channel_with_config(ChannelConfig {
                label: channel.label.to_owned(),
                ordered: channel.reliable,
                reliability,
                ..ChannelConfig::default()
            });
        }
        let (offer, pending) = changes.apply().expect("changes make an offer");
        self.pending = Some(pending);
        self.sending = Some((mid, None));
        offer.to_sdp_string()
    }

    /// An offer that restarts ICE on the same connection; `None` while another offer of ours waits for its answer.
    pub fn restart(&mut self) -> Option<String> {
        if self.pending.is_some() {
            return None;
        }
        let mut changes = self.rtc.sdp_api();
        changes.ice_restart(true);
        let (offer, pending) = changes.apply().expect("an ICE restart makes an offer");
        self.pending = Some(pending);
        Some(offer.to_sdp_string())
    }

    /// The answer to our last offer.
    pub fn answered(&mut self, sdp: &str) -> Result<(), Error> {
        let invalid = |why: String| Error::AnswerInvalid(why);
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| invalid(error.to_string()))?;
        let pending =
            self.pending.take().ok_or_else(|| invalid("no offer of ours waits for it".to_owned()))?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|error| invalid(error.to_string()))?;
        self.agree();
        Ok(())
    }

    /// An offer of the far end, the first or a later one. Returns our answer.
    pub fn offered(&mut self, sdp: &str) -> Result<String, Error> {
        let invalid = |error: &dyn std::fmt::Display| Error::OfferInvalid(error.to_string());
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| invalid(&error))?;
        let answer = self.rtc.sdp_api().accept_offer(offer).map_err(|error| invalid(&error))?;
        self.agree();
        Ok(answer.to_sdp_string())
    }

    /// Both sides are described now.
    fn agree(&mut self) {
        self.described = true;
        if !self.rtc.is_connected() {
            self.looking.get_or_insert(self.now);
        }
        for candidate in std::mem::take(&mut self.early) {
            self.rtc.add_remote_candidate(candidate);
        }
        if let Some((mid, pt)) = &mut self.sending {
            let agreed = self.rtc.media(*mid).map(str0m::media::Media::remote_pts).unwrap_or_default();
            let params = self.rtc.codec_config().params();
            let opus =
                params.iter().find(|known| known.spec().codec == Codec::Opus && agreed.contains(&known.pt()));
            *pt = opus.map(str0m::format::PayloadParams::pt);
        }
    }

    /// A candidate of the far end. Those that cannot be used are ignored.
    pub fn candidate(&mut self, candidate: &Candidate) {
        let Some(candidate) = candidate.parse_any() else { return };
        if self.candidates >= MOST_CANDIDATES {
            return;
        }
        self.candidates += 1;
        let peer = candidate.addr().ip();
        if candidate.proto() == Protocol::Udp && !self.peers.contains(&peer) {
            self.peers.push(peer);
            for relay in &mut self.relays {
                relay.admit(peer, self.now);
            }
        }
        if candidate.proto() != Protocol::Udp && !self.has_ports {
            self.ports.push(candidate);
        } else if self.described {
            self.rtc.add_remote_candidate(candidate);
        } else {
            self.early.push(candidate);
        }
    }

    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.rtc.is_connected()
    }

    /// Sends audio of the track that was published; before there is a connection it goes nowhere. While ICE is restarted it takes the
    /// path that there was.
    pub fn send_audio(&mut self, packet: &Packet, now: Instant) {
        let Some((mid, Some(opus))) = self.sending else { return };
        if !self.stood {
            return;
        }
        let sequence = self.sequence.extend(packet.sequence);
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else { return };
        let write = RtpWrite::new(opus, sequence.into(), packet.timestamp, now, packet.payload.as_ref());
        stream.write_rtp(write.marker(packet.marker));
        // Only the passing of time moves a written packet to the wire.
        self.tick(now);
    }

    /// Sends on a channel of ours, as soon as it is open. When too many wait the oldest is dropped.
    pub fn send_data(&mut self, label: &'static str, bytes: Vec<u8>) {
        if self.unsent.len() == UNSENT_MESSAGES {
            self.unsent.pop_front();
            metrics::counter!(MESSAGES_DROPPED).increment(1);
        }
        self.unsent.push_back((label, bytes));
        self.flush();
    }

    fn flush(&mut self) {
        while let Some((label, bytes)) = self.unsent.front() {
            let open = self.channels.iter().find(|(_, name)| name == label).map(|(id, _)| *id);
            let Some(mut channel) = open.and_then(|id| self.rtc.channel(id)) else { return };
            match channel.write(true, bytes) {
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => {
                    metrics::counter!(MESSAGES_DROPPED).increment(1);
                    tracing::debug!(%error, "data not sent");
                }
            }
            self.unsent.pop_front();
        }
    }

    pub fn tick(&mut self, now: Instant) {
        self.now = now;
        if let Err(error) = self.rtc.handle_input(Input::Timeout(now)) {
            tracing::debug!(%error, "time refused");
        }
    }

    /// Waits for what comes and takes it in; `poll` has it. Cancel-safe: nothing is read until data is there.
    pub async fn readable(&mut self) -> std::io::Result<()> {
        if self.straight.is_empty() && self.relays.iter_mut().all(|relay| relay.pipe().is_none()) {
            return datagrams(&self.wire, &mut self.buffers, &mut self.arrived).await;
        }
        let Self { wire, buffers, arrived, relays, straight, rtc, now, .. } = self;
        let mut received = VecDeque::new();
        let datagrams = datagrams(wire, buffers, &mut received);
        let messages = poll_fn(|context| messages(relays, straight, rtc, *now, arrived, context));
        tokio::select! {
            read = datagrams => {
                read?;
                self.arrived.extend(received);
                Ok(())
            }
            () = messages => Ok(()),
        }
    }

    /// Carries out what is to be sent. Call until `Wait` or `Closed`.
    pub fn poll(&mut self) -> Happening {
        if self.looking.is_some_and(|since| self.now >= since + DATAGRAMS_FIRST) {
            self.fall_back();
        }
        if !self.unsent.is_empty() {
            self.flush();
        }
        loop {
            if !self.rtc.is_alive() {
                return Happening::Closed;
            }
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    let (from, to) = (transmit.source, transmit.destination);
                    match transmit.proto {
                        Protocol::Udp => self.send(from, to, &transmit.contents),
                        _ => self.send_straight(to, &transmit.contents),
                    }
                }
                Ok(Output::Event(event)) => {
                    if let Some(happening) = self.event(event) {
                        return happening;
                    }
                }
                Ok(Output::Timeout(at)) => {
                    self.errors = 0;
                    // str0m holds one packet at a time: the next goes in when the one before has come out.
                    match self.arrived.pop_front() {
                        Some((way, arrived)) => self.receive(way, &arrived),
                        None => match self.poll_relays() {
                            Some(candidate) => return Happening::Candidate(candidate),
                            None => {
                                let now = self.now;
                                let streams = self.looking.map_or(at, |since| since + DATAGRAMS_FIRST);
                                let at = at.min(streams);
                                let due = self.relays.iter_mut().map(|relay| relay.due(now));
                                return Happening::Wait(due.fold(at, Instant::min));
                            }
                        },
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "connection error");
                    self.errors += 1;
                    if self.errors > MOST_ERRORS {
                        self.rtc.disconnect();
                    }
                }
            }
        }
    }

    /// Says goodbye, as far as it can be said without waiting.
    pub fn close(&mut self) {
        let _half_open = self.rtc.close();
        while !matches!(self.poll(), Happening::Wait(_) | Happening::Closed) {}
        let Self { relays, wire, now, .. } = self;
        for relay in relays {
            let server = relay.server();
            relay.close(*now, |datagram| wire.send(None, server, datagram));
        }
    }

    /// By the relay whose address it comes from, or straight.
    fn send(&mut self, from: SocketAddr, to: SocketAddr, contents: &[u8]) {
        match self.relays.iter_mut().find(|relay| relay.relayed() == Some(from)) {
            Some(relay) => {
                relay.admit(to.ip(), self.now);
                if let Some(wrapped) = relay.wrap(to, contents, self.now) {
                    self.wire.send(None, relay.server(), &wrapped);
                }
            }
            None => self.wire.send(self.addresses.source_for(from), to, contents),
        }
    }

    /// Gives the candidate of a relay that has just got its address.
    fn poll_relays(&mut self) -> Option<String> {
        let Self { relays, wire, rtc, now, peers, .. } = self;
        relays.iter_mut().find_map(|relay| {
            let (server, local) = (relay.server(), relay.local());
            let given = relay.poll(peers, *now, |datagram| wire.send(None, server, datagram))?;
            let candidate = str0m::Candidate::relayed(given, local, Protocol::Udp).ok()?;
            rtc.add_local_candidate(candidate).map(str0m::Candidate::to_sdp_string)
        })
    }

    fn receive(&mut self, way: Way, arrived: &Arrived) {
        let at = match way {
            Way::Wire => self.relays.iter().position(|relay| relay.is_at(arrived.source)),
            Way::Relay(at) => Some(at),
            Way::Straight => None,
        };
        let relay = at.and_then(|at| self.relays.get_mut(at));
        // What the server brings, or says itself.
        let (source, destination, bytes) =
            match relay.map(|relay| (relay.relayed(), relay.take(&arrived.bytes, arrived.at))) {
                Some((Some(relayed), Taken::From(peer, bytes))) => (peer, relayed, Bytes::from(bytes)),
                Some(_) => return,
                None => {
                    let destination = self.addresses.candidate_for(arrived.local, arrived.source);
                    (arrived.source, destination, arrived.bytes.clone())
                }
            };
        let (protocol, destination) = match way {
            Way::Straight => (Protocol::Tcp, self.connecting()),
            Way::Wire | Way::Relay(_) => (Protocol::Udp, destination),
        };
        let Ok(receive) = Receive::new(protocol, source, destination, &bytes) else {
            return;
        };
        self.now = self.now.max(arrived.at);
        let input = Input::Receive(arrived.at, receive);
        if !self.rtc.accepts(&input) {
            return;
        }
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "datagram refused");
        }
    }

    fn event(&mut self, event: Event) -> Option<Happening> {
        match event {
            Event::Connected => {
                self.stood = true;
                self.looking = None;
                Some(Happening::Connected)
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.looking.get_or_insert(self.now);
                Some(Happening::Disconnected)
            }
            // After an ICE restart; the first time `Connected` says it, once DTLS is up too.
            Event::IceConnectionStateChange(
                IceConnectionState::Connected | IceConnectionState::Completed,
            ) => self.rtc.is_connected().then(|| {
                self.looking = None;
                Happening::Connected
            }),
            Event::RtpPacket(packet) => self.packet(packet),
            Event::ChannelOpen(id, label) => {
                self.channels.insert(id, label);
                self.flush();
                None
            }
            Event::ChannelClose(id) => {
                self.channels.remove(&id);
                None
            }
            Event::ChannelData(data) => {
                let label = self.channels.get(&data.id)?.clone();
                Some(Happening::Data { label, bytes: data.data })
            }
            Event::MediaEgressStats(stats) => {
                let quality = Quality { received: reports::received(&stats), round_trip: stats.rtt };
                (quality != Quality::default()).then_some(Happening::Quality(quality))
            }
            _ => None,
        }
    }

    fn packet(&mut self, packet: RtpPacket) -> Option<Happening> {
        let mid = self.rtc.direct_api().stream_rx(&packet.header.ssrc)?.mid();
        let pt = packet.header.payload_type;
        let params = self.rtc.codec_config().params();
        // Other payload types are comfort noise or padding probes.
        let opus = params.iter().any(|known| known.spec().codec == Codec::Opus && known.pt() == pt);
        if !opus || packet.payload.is_empty() {
            return None;
        }
        let packet = Packet {
            codec: media_core::Codec::Opus,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: Bytes::from_owner(packet.payload),
            at: packet.timestamp,
        };
        Some(Happening::Packet { mid: mid.to_string(), packet })
    }
}

async fn datagrams(
    wire: &Wire,
    buffers: &mut Buffers,
    arrived: &mut VecDeque<(Way, Arrived)>,
) -> std::io::Result<()> {
    let each = |at, source, local, datagram: &[u8]| {
        arrived.push_back((Way::Wire, peer::arrived(at, source, local, datagram)));
    };
    wire.receive(buffers, each).await
}
