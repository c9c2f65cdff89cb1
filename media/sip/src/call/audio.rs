//! The audio of a call between its port and the session: datagrams, packets, keys.

use domain::Digit;
use media_core::LegEvent;
use tokio::time::Instant;

use super::Call;
use crate::machine::Input;
use crate::metrics::{PACKETS_DROPPED, PORTS, STRAY};
use crate::rtp::Header;
use crate::sdp::Local;
use crate::srtp::Master;
use crate::voice::Heard;

impl Call {
    /// Takes a port for audio; what is to be said about it, or the status of a refusal.
    pub(crate) async fn listen(&mut self, secure: bool) -> Result<Local, u16> {
        let Some(lease) = self.shared.ports.take(self.bind).await else {
            tracing::warn!("no port for audio is left: a call was refused (raise the range of RTP ports)");
            return Err(503);
        };
        metrics::gauge!(PORTS).set(self.shared.ports.taken() as f64);
        let Ok(bound) = lease.socket.local_addr() else { return Err(500) };
        self.lease = Some(lease);
        Ok(Local {
            address: (self.advertised, bound.port()).into(),
            // RFC 4566 wants a number that no other session of ours has.
            session: u64::from(rand::random::<u32>()),
            version: 1,
            codecs: self.shared.options.codecs(),
            key: Master::new(rand::random()),
            secure,
        })
    }

    /// Says how much was sent, where that is due.
    pub(super) fn report(&mut self, now: std::time::Instant) {
        let Some(report) = self.reports.report(now) else { return };
        let reports = self.lease.as_ref().and_then(|lease| lease.reports.as_ref());
        if let (Some(reports), Some(to)) = (reports, self.voice.reports_to()) {
            let _lost = reports.try_send_to(&report, to);
        }
    }

    /// The far side says how it hears us.
    pub(super) fn reported(&mut self, report: &[u8], from: std::net::SocketAddr) {
        let Some((_, clock_hz)) = self.voice.reported_by().filter(|(ip, _)| *ip == from.ip()) else {
            return;
        };
        if let Some(quality) = self.reports.heard(report, clock_hz, Instant::now().into_std()) {
            let _late = self.events.try_send(LegEvent::Quality(quality));
        }
    }

    pub(super) fn speak(&mut self, packet: &media_core::Packet) {
        if let Some((datagram, to)) = self.voice.speak(packet, Instant::now().into_std()) {
            self.send(&datagram, to);
        }
    }

    pub(super) fn send(&mut self, datagram: &[u8], to: std::net::SocketAddr) {
        self.reports.sent(datagram, Instant::now().into_std());
        if let Some(lease) = &self.lease {
            // A full socket buffer loses it, as the network might.
            let _lost = lease.socket.try_send_to(datagram, to);
        }
    }

    pub(super) async fn hear(&mut self, datagram: &[u8], from: std::net::SocketAddr) {
        let now = Instant::now().into_std();
        match self.voice.received(datagram, from, now) {
            // Tones and announcements of the network, which are no part of the call.
            Heard::Audio(_) | Heard::Key(_) if self.is_early() => {}
            Heard::Audio(packet) => {
                self.feed(Input::Heard).await;
                let keys = self.voice.toned(&packet, now);
                if self.events.try_send(LegEvent::Packet(packet)).is_err() {
                    metrics::counter!(PACKETS_DROPPED).increment(1);
                }
                for key in keys {
                    self.key(key).await;
                }
            }
            Heard::Key(digit) => {
                self.feed(Input::Heard).await;
                self.soundless(datagram, now);
                self.key(digit).await;
            }
            Heard::Alive => {
                self.feed(Input::Heard).await;
                self.soundless(datagram, now);
            }
            Heard::Stray => metrics::counter!(STRAY).increment(1),
        }
    }

    /// A packet of a key or of comfort noise has a number in the count of the audio: without it one would be taken for lost.
    fn soundless(&mut self, datagram: &[u8], now: std::time::Instant) {
        if let Some((header, _)) = Header::parse(datagram).filter(|_| !self.is_early()) {
            let packet = self.voice.soundless(&header, now);
            let _full = packet.map(|packet| self.events.try_send(LegEvent::Packet(packet)));
        }
    }

    /// Said in the client protocol, so that a session treats all callers alike.
    pub(super) async fn key(&mut self, digit: Digit) {
        let _ended =
            self.events.send(said("dtmf", &serde_json::json!({ "buttons": [char::from(digit)] }))).await;
    }

    pub(super) fn is_early(&self) -> bool {
        self.outbound.as_ref().is_some_and(|outbound| outbound.waiting().is_some())
    }
}

/// Pends without a socket. Cancel-safe. `None` for what the system reports of packets we sent.
pub(super) async fn receive(
    socket: Option<&tokio::net::UdpSocket>,
    datagram: &mut [u8],
) -> Option<(usize, std::net::SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(datagram).await.ok(),
        None => std::future::pending().await,
    }
}

pub(super) fn said(kind: &str, data: &serde_json::Value) -> LegEvent {
    let message = serde_json::json!({ "label": "rtvi-ai", "type": kind, "id": kind, "data": data });
    LegEvent::Message(message.to_string())
}
