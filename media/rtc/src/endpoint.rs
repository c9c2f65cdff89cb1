//! One WebRTC connection without I/O: datagrams, commands and time go in; datagrams, leg events and deadlines come out.
//!
//! Wraps str0m in RTP mode. Audio passes as it is on the wire, neither reordered nor decoded.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media_core::leg::Quality;
use media_core::{LegEvent, Packet};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::{RtpPacket, RtpWrite};
use str0m::{Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcConfig};

use crate::candidate::MOST_CANDIDATES;
use crate::error::Error;
use crate::metrics::MESSAGES_DROPPED;
use crate::timeline::Extender;

/// `Quality` comes this often, where the far end has reported meanwhile.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// Messages kept until the data channel opens or its buffer has room. When full the oldest is dropped: newer state is worth more.
pub(crate) const UNSENT_MESSAGES: usize = 128;

/// Largest SDP we read; browsers' offers have 3 to 8 KiB.
const LONGEST_SDP: usize = 64 * 1024;

/// Longest message on the data channel. RTVI has its own, smaller cap and an answer for what exceeds it.
const LONGEST_MESSAGE: u32 = 256 * 1024;

/// The Pipecat client's keep-alive on the data channel, not part of RTVI.
const PING: &str = "ping";

/// Tells Pipecat's client that the agent left, before the connection closes; others ignore it.
const PEER_LEFT: &str = r#"{"type":"signalling","message":{"type":"peerLeft"}}"#;

/// Errors of str0m in a row, without any progress between them, after which a connection is given up.
pub(crate) const MOST_ERRORS: usize = 16;

/// The key and certificate of this process. Peers share one: making one costs more than everything else of a set-up.
#[derive(Clone)]
pub(crate) struct Identity {
    provider: Arc<CryptoProvider>,
    certificate: DtlsCert,
}

impl Identity {
    pub(crate) fn generate() -> Self {
        let provider = Arc::new(str0m::crypto::from_feature_flags());
        let certificate =
            provider.dtls_provider.generate_certificate().expect("aws-lc-rs makes certificates");
        Self { provider, certificate }
    }

    pub(crate) fn build(&self, ice_lite: bool, addresses: &[SocketAddr], now: Instant) -> Rtc {
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&self.provider))
            .set_dtls_cert(self.certificate.clone())
            .set_ice_lite(ice_lite)
            .set_local_ice_credentials(IceCreds { ufrag: unguessable(), pass: unguessable() })
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .set_rtcp_report_interval_audio(REPORT_EVERY)
            .set_stats_interval(Some(REPORT_EVERY))
            .set_sctp_max_message_size(LONGEST_MESSAGE)
            .build(now);
        for address in addresses {
            if let Ok(candidate) = str0m::Candidate::host(*address, Protocol::Udp) {
                rtc.add_local_candidate(candidate);
            }
        }
        rtc
    }
}

/// 128 bits that nobody can foretell from others he was given: str0m's own names come from a generator that is quick and
/// gives itself away.
pub(crate) fn unguessable() -> String {
    format!("{:032x}", rand::random::<u128>())
}

pub(crate) enum Happening {
    Send(Transmit),
    Event(LegEvent),
    /// ICE and DTLS are up.
    Connected,
    /// ICE has no working path left.
    Disconnected,
    /// The far end closed, or nothing more can come of this connection.
    Closed {
        by_peer: bool,
    },
    /// Nothing more until the next input or this instant.
    Wait(Instant),
}

pub(crate) struct Endpoint {
    rtc: Rtc,
    audio: Option<Audio>,
    channel: Option<ChannelId>,
    unsent: VecDeque<String>,
    sequence: Extender,
    quality: Quality,
    measured: bool,
    candidates: usize,
    pending: Option<SdpPendingOffer>,
    fingerprint: Option<String>,
    closed_by_peer: bool,
    errors: usize,
}

#[derive(Clone, Copy)]
struct Audio {
    mid: Mid,
    opus: Pt,
}

impl Endpoint {
    fn new(rtc: Rtc) -> Self {
        Self {
            rtc,
            audio: None,
            channel: None,
            unsent: VecDeque::new(),
            sequence: Extender::default(),
            quality: Quality::default(),
            measured: false,
            candidates: 0,
            pending: None,
            fingerprint: None,
            closed_by_peer: false,
            errors: 0,
        }
    }

    /// The answering, ICE-lite side. Returns our answer.
    pub(crate) fn answer(
        identity: &Identity,
        addresses: &[SocketAddr],
        sdp: &str,
        now: Instant,
    ) -> Result<(Self, String), Error> {
        let offer = read_offer(sdp)?;
        let mut endpoint = Self::new(identity.build(true, addresses, now));
        let answer = endpoint.accept(offer, sdp)?;
        Ok((endpoint, answer))
    }

    /// The offering side: audio both ways and one data channel. Returns our offer.
    pub(crate) fn offer(
        identity: &Identity,
        addresses: &[SocketAddr],
        label: &str,
        now: Instant,
    ) -> Result<(Self, String), Error> {
        let mut endpoint = Self::new(identity.build(false, addresses, now));
        let mut changes = endpoint.rtc.sdp_api();
        changes.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        changes.add_channel(label.to_owned());
        let (offer, pending) = changes.apply().expect("two changes make an offer");
        endpoint.pending = Some(pending);
        Ok((endpoint, offer.to_sdp_string()))
    }

    /// A later offer of the same peer connection: an ICE restart or a changed direction. Returns our answer.
    pub(crate) fn renegotiate(&mut self, sdp: &str) -> Result<String, Error> {
        self.accept(read_offer(sdp)?, sdp)
    }

    /// Whether this offer comes from another peer connection than the one we speak to (its DTLS key differs).
    pub(crate) fn is_other_peer(&self, sdp: &str) -> bool {
        fingerprint(sdp) != self.fingerprint
    }

    fn accept(&mut self, offer: SdpOffer, sdp: &str) -> Result<String, Error> {
        let answer =
            self.rtc.sdp_api().accept_offer(offer).map_err(|error| Error::OfferInvalid(error.to_string()))?;
        let answer = answer.to_sdp_string();
        self.fingerprint = fingerprint(sdp);
        self.audio = Some(self.agreed_audio(&answer).ok_or(Error::OfferWithoutAudio)?);
        Ok(answer)
    }

    /// The answer to our last offer.
    pub(crate) fn answered(&mut self, sdp: &str) -> Result<(), Error> {
        let invalid = |why: String| Error::AnswerInvalid(why);
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| invalid(error.to_string()))?;
        let pending =
            self.pending.take().ok_or_else(|| invalid("no offer of ours waits for it".to_owned()))?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|error| invalid(error.to_string()))?;
        self.audio = Some(self.agreed_audio(sdp).ok_or_else(|| invalid("no audio in Opus".to_owned()))?);
        Ok(())
    }

    /// An offer that restarts ICE on the same connection.
    pub(crate) fn restart(&mut self) -> String {
        let mut changes = self.rtc.sdp_api();
        changes.ice_restart(true);
        let (offer, pending) = changes.apply().expect("an ICE restart makes an offer");
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    fn agreed_audio(&self, answer: &str) -> Option<Audio> {
        let mid = Mid::from(audio_mid(answer)?);
        let agreed = self.rtc.media(mid)?.remote_pts();
        let params = self.rtc.codec_config().params();
        let opus =
            params.iter().find(|known| known.spec().codec == Codec::Opus && agreed.contains(&known.pt()))?;
        Some(Audio { mid, opus: opus.pt() })
    }

    pub(crate) fn ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    pub(crate) fn candidate(&mut self, candidate: str0m::Candidate) {
        if self.candidates < MOST_CANDIDATES {
            self.candidates += 1;
            self.rtc.add_remote_candidate(candidate);
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.rtc.is_connected()
    }

    /// A datagram from the socket. What cannot be read is ignored: it may be forged.
    pub(crate) fn receive(&mut self, at: Instant, source: SocketAddr, destination: SocketAddr, bytes: &[u8]) {
        let Ok(receive) = Receive::new(Protocol::Udp, source, destination, bytes) else { return };
        let input = Input::Receive(at, receive);
        // A connectivity check with a wrong password would still be handled by the agent; `accepts` verifies it.
        if !self.rtc.accepts(&input) {
            return;
        }
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "datagram refused");
        }
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        if let Err(error) = self.rtc.handle_input(Input::Timeout(now)) {
            tracing::debug!(%error, "time refused");
        }
    }

    pub(crate) fn send_audio(&mut self, packet: &Packet, now: Instant) {
        let Some(audio) = self.audio.filter(|_| self.rtc.is_connected()) else { return };
        if !self.rtc.media(audio.mid).is_some_and(|media| media.direction().is_sending()) {
            return;
        }
        let sequence = self.sequence.extend(packet.sequence);
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(audio.mid, None) else { return };
        let write =
            RtpWrite::new(audio.opus, sequence.into(), packet.timestamp, now, packet.payload.as_ref());
        stream.write_rtp(write.marker(packet.marker));
        // Only the passing of time moves a written packet to the wire.
        self.tick(now);
    }

    pub(crate) fn send_message(&mut self, text: String) {
        if self.unsent.len() == UNSENT_MESSAGES {
            self.unsent.pop_front();
            metrics::counter!(MESSAGES_DROPPED).increment(1);
        }
        self.unsent.push_back(text);
        self.flush_messages();
    }

    fn flush_messages(&mut self) {
        let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) else { return };
        while let Some(text) = self.unsent.front() {
            match channel.write(false, text.as_bytes()) {
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => {
                    metrics::counter!(MESSAGES_DROPPED).increment(1);
                    tracing::debug!(%error, "message not sent");
                }
            }
            self.unsent.pop_front();
        }
    }

    /// Messages that the next connection of this caller should carry instead.
    pub(crate) fn take_unsent(&mut self) -> VecDeque<String> {
        std::mem::take(&mut self.unsent)
    }

    pub(crate) fn give_unsent(&mut self, unsent: VecDeque<String>) {
        self.unsent = unsent;
    }

    /// Says goodbye: what `poll` gives afterwards, until `Closed`, goes to the wire.
    pub(crate) fn farewell(&mut self) {
        self.send_message(PEER_LEFT.to_owned());
    }

    /// Begins to close. False while the data channel's association is half-way through its own handshake: it cannot be
    /// closed then, and str0m closes DTLS only after it.
    pub(crate) fn close(&mut self) -> bool {
        self.rtc.close().is_ok()
    }

    pub(crate) fn poll(&mut self) -> Happening {
        if !self.unsent.is_empty() {
            self.flush_messages();
        }
        loop {
            if !self.rtc.is_alive() {
                return Happening::Closed { by_peer: self.closed_by_peer };
            }
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => return Happening::Send(transmit),
                Ok(Output::Event(event)) => {
                    if let Some(happening) = self.event(event) {
                        return happening;
                    }
                }
                Ok(Output::Timeout(at)) => {
                    self.errors = 0;
                    return if std::mem::take(&mut self.measured) {
                        Happening::Event(LegEvent::Quality(self.quality))
                    } else {
                        Happening::Wait(at)
                    };
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

    fn event(&mut self, event: Event) -> Option<Happening> {
        match event {
            Event::Connected => return Some(Happening::Connected),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                return Some(Happening::Disconnected);
            }
            Event::RtpPacket(packet) => {
                return self.packet(packet).map(|packet| Happening::Event(LegEvent::Packet(packet)));
            }
            Event::ChannelOpen(id, _) => {
                self.channel = Some(id);
                self.flush_messages();
            }
            Event::ChannelClose(id) if self.channel == Some(id) => self.channel = None,
            Event::ChannelData(data) => {
                // Binary from a client that sends text so is taken too; what is no text is not for us.
                let text = String::from_utf8(data.data).ok()?;
                if !text.starts_with(PING) {
                    return Some(Happening::Event(LegEvent::Message(text)));
                }
            }
            Event::Closed => self.closed_by_peer = true,
            Event::MediaEgressStats(stats) => {
                let received = crate::reports::received(&stats);
                self.measured = received.is_some() || stats.rtt.is_some();
                self.quality = Quality { received, round_trip: stats.rtt };
            }
            _ => {}
        }
        None
    }

    fn packet(&self, packet: RtpPacket) -> Option<Packet> {
        let audio = self.audio?;
        // Other payload types are comfort noise or padding probes.
        if packet.header.payload_type != audio.opus || packet.payload.is_empty() {
            return None;
        }
        Some(Packet {
            codec: media_core::Codec::Opus,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: Bytes::from_owner(packet.payload),
            at: packet.timestamp,
        })
    }
}

fn read_offer(sdp: &str) -> Result<SdpOffer, Error> {
    if sdp.len() > LONGEST_SDP {
        return Err(Error::OfferInvalid(format!("{} bytes, the limit is {LONGEST_SDP}", sdp.len())));
    }
    let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| Error::OfferInvalid(error.to_string()))?;
    if !sdp.lines().any(|line| line.starts_with("m=audio")) {
        return Err(Error::OfferWithoutAudio);
    }
    Ok(offer)
}

fn fingerprint(sdp: &str) -> Option<String> {
    sdp.lines()
        .find_map(|line| line.strip_prefix("a=fingerprint:"))
        .map(|print| print.trim().to_ascii_lowercase())
}

/// The `a=mid` of the first audio section that is not refused and has Opus.
fn audio_mid(answer: &str) -> Option<&str> {
    answer.split("m=").skip(1).find_map(|section| {
        let mut fields = section.split_ascii_whitespace();
        let wanted = fields.next() == Some("audio") && fields.next() != Some("0");
        let opus = section.lines().any(|line| line.starts_with("a=rtpmap:") && line.contains(" opus/48000"));
        (wanted && opus)
            .then(|| section.lines().find_map(|line| line.strip_prefix("a=mid:")).map(str::trim))
            .flatten()
    })
}
