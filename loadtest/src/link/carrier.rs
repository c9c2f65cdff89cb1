//! What callers of carriers' media streams have in common: audio in base64 within JSON, and marks that are sent back.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use media_core::{Codec, LegEvent, Packet};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

/// What comes from the server.
pub(super) struct Hearing {
    codec: Codec,
    heard: u16,
    /// A mark, as it is sent back. What is before it is played as it comes.
    mark: Option<Message>,
}

impl Hearing {
    pub(super) fn of(codec: Codec) -> Self {
        Self { codec, heard: 0, mark: None }
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    pub(super) fn decode(&mut self, message: &Message, now: Instant) -> Vec<LegEvent> {
        let Ok(text) = message.to_text() else { return Vec::new() };
        let Ok(message) = serde_json::from_str::<Value>(text) else { return Vec::new() };
        if message["event"] == "mark" {
            self.mark = Some(Message::text(text));
        }
        let payload = message["media"]["payload"].as_str().and_then(|payload| STANDARD.decode(payload).ok());
        let Some(payload) = payload.filter(|_| message["event"] == "media") else { return Vec::new() };
        let packet = Packet {
            codec: self.codec,
            sequence: self.heard,
            timestamp: u32::from(self.heard).wrapping_mul(160),
            marker: self.heard == 0,
            payload: payload.into(),
            at: now,
        };
        self.heard = self.heard.wrapping_add(1);
        vec![LegEvent::Packet(packet)]
    }

    pub(super) fn answer(&mut self) -> Option<Message> {
        self.mark.take()
    }
}
