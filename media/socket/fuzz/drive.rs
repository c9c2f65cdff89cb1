//! What the fuzzers do with bytes, shared with the plain test in `tests/it/fuzz.rs`.
#![allow(dead_code, reason = "each target uses one of the drivers")]

use std::time::Instant;

use media_core::{Codec, LegEvent};
use media_rtvi::{Options, Reaction, Server};
use media_socket::{Dialect, Refusal};
use serde_json::Value;

#[allow(clippy::disallowed_methods, reason = "some instant to count from")]
fn now() -> Instant {
    Instant::now()
}

/// Packets in order and without gaps, until the far end is refused, as the driver does.
struct Track {
    sequence: u16,
    timestamp: u32,
    /// Bytes of a sample.
    width: usize,
}

impl Track {
    /// Whether the connection goes on.
    fn take(&mut self, read: Result<Vec<LegEvent>, Refusal>, mut each: impl FnMut(&LegEvent)) -> bool {
        let Ok(events) = read else { return false };
        for event in events {
            each(&event);
            let LegEvent::Packet(packet) = event else { continue };
            assert_eq!((packet.sequence, packet.timestamp), (self.sequence, self.timestamp));
            assert!(!packet.payload.is_empty() && packet.payload.len().is_multiple_of(self.width));
            self.sequence = self.sequence.wrapping_add(1);
            self.timestamp = self.timestamp.wrapping_add((packet.payload.len() / self.width) as u32);
        }
        true
    }
}

/// Each line is a text message of a carrier's media stream.
pub(crate) fn twilio(data: &[u8]) {
    carrier(Dialect::twilio(), &[Codec::Pcmu], data);
}

/// The same with Telnyx's messages.
pub(crate) fn telnyx(data: &[u8]) {
    carrier(Dialect::telnyx(), &[Codec::Pcmu, Codec::Pcma], data);
}

fn carrier(mut dialect: Dialect, codecs: &[Codec], data: &[u8]) {
    let mut track = Track { sequence: 0, timestamp: 0, width: 1 };
    let mut client = Server::new(Options::default());
    for line in data.split(|byte| *byte == b'\n') {
        let Ok(text) = std::str::from_utf8(line) else { continue };
        let read = dialect.text(text, now());
        let went_on = track.take(read, |event| match event {
            LegEvent::Packet(packet) => assert!(codecs.contains(&packet.codec)),
            // What a carrier says is told in the client protocol, which understands it.
            LegEvent::Message(message) => answered(client.message(message), false),
            _ => {}
        });
        if !went_on {
            return;
        }
    }
}

/// Two bytes of length, of which the highest bit says text, and the message: what Pipecat's clients send.
pub(crate) fn pipecat(mut data: &[u8]) {
    let mut dialect = Dialect::pipecat();
    let mut track = Track { sequence: 0, timestamp: 0, width: 2 };
    while let Some(([high, low], rest)) = data.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high & 0x7f, *low]));
        let (message, rest) = rest.split_at(length.min(rest.len()));
        data = rest;
        let read = match std::str::from_utf8(message) {
            Ok(text) if high & 0x80 != 0 => dialect.text(text, now()),
            _ => dialect.binary(message, now()),
        };
        let went_on = track.take(read, |event| {
            if let LegEvent::Packet(packet) = event {
                assert!(
                    matches!(packet.codec, Codec::Pcm16 { rate_hz: 8_000..=48_000 }),
                    "{:?}",
                    packet.codec
                );
            }
        });
        if !went_on {
            return;
        }
    }
}

/// Each line is a message of a client; every answer is one that it can read, and nonsense is answered with a code.
pub(crate) fn rtvi(data: &[u8]) {
    let mut server = Server::new(Options { session_id: Some("ses_1".to_owned()), ..Options::default() });
    for line in data.split(|byte| *byte == b'\n') {
        answered(server.message(&String::from_utf8_lossy(line)), true);
    }
}

fn answered(reactions: Vec<Reaction>, may_be_refused: bool) {
    for reaction in reactions {
        let Reaction::Send(text) = reaction else { continue };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(message["label"], "rtvi-ai", "{text}");
        assert!(message["id"].is_string() && message["type"].is_string(), "{text}");
        if message["type"] == "error-response" {
            assert!(
                may_be_refused && message["data"]["code"].as_str().is_some_and(|code| !code.is_empty()),
                "{text}"
            );
        }
    }
}
