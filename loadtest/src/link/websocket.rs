//! A caller over a WebSocket with Pipecat's protobuf frames, bootstrapped as the published client does it.

use std::time::Instant;

use bytes::Bytes;
use media_core::{Codec, LegCommand, LegEvent, Packet};
use media_rtvi::pipecat::{Audio, Frame};
use tokio_tungstenite::tungstenite::Message;

use super::socket::{self, Framing};
use super::{DialError, Link, Target, bootstrap};

/// The published client's microphone.
const RATE_HZ: u32 = 16_000;

pub(super) async fn dial(target: &Target) -> Result<Link, DialError> {
    let http = bootstrap::client(target)?;
    let started = bootstrap::start(&http, target, "websocket").await?;
    let Some(mut url) = started.ws_url else {
        return Err(DialError::Protocol {
            url: target.url.clone(),
            reason: "no wsUrl in the answer to /start".to_owned(),
        });
    };
    if let Some(token) = started.token {
        url.push_str(if url.contains('?') { "&token=" } else { "?token=" });
        url.push_str(&token);
    }
    socket::dial(&url, None, target.insecure, Protobuf::default()).await
}

/// Packets are numbered here: the wire has no numbers.
#[derive(Default)]
struct Protobuf {
    sequence: u16,
    timestamp: u32,
}

impl Framing for Protobuf {
    fn codec(&self) -> Codec {
        Codec::Pcm16 { rate_hz: RATE_HZ }
    }

    fn hello(&mut self) -> Vec<Message> {
        Vec::new()
    }

    fn encode(&mut self, command: LegCommand) -> Option<Message> {
        let frame = match command {
            LegCommand::Packet(packet) => {
                Frame::Audio(Audio { pcm: packet.payload, rate_hz: RATE_HZ, channels: 1 })
            }
            LegCommand::Message(text) => Frame::Message(text),
            LegCommand::Clear | LegCommand::Close => return None,
        };
        Some(Message::Binary(frame.encode()))
    }

    fn decode(&mut self, message: Message, now: Instant) -> Vec<LegEvent> {
        let Message::Binary(bytes) = message else { return Vec::new() };
        match Frame::decode(bytes) {
            Ok(Frame::Audio(audio)) => vec![LegEvent::Packet(self.packet(audio.pcm, audio.rate_hz, now))],
            Ok(Frame::Message(text)) => vec![LegEvent::Message(text)],
            _ => Vec::new(),
        }
    }
}

impl Protobuf {
    fn packet(&mut self, payload: Bytes, rate_hz: u32, at: Instant) -> Packet {
        let packet = Packet {
            codec: Codec::Pcm16 { rate_hz },
            sequence: self.sequence,
            timestamp: self.timestamp,
            marker: self.sequence == 0,
            at,
            payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(u32::try_from(packet.payload.len() / 2).unwrap_or(0));
        packet
    }
}
