//! How a socket's messages become leg events and commands become messages. One implementation for each dialect.

use std::time::Instant;

use axum::extract::ws::Message;
use bytes::Bytes;
use media_core::{Codec, LegEvent, Packet};

use crate::carrier::Begun;
use crate::error::Refusal;

pub(crate) trait Framing: Send + 'static {
    /// Name in metrics and events.
    const NAME: &'static str;

    /// What a text or binary message means. The first that yields an event makes the peer active.
    fn read(&mut self, message: Data, now: Instant) -> Result<Vec<LegEvent>, Refusal>;

    /// Audio as a message; `None` where it cannot be said (yet).
    fn audio(&mut self, packet: &Packet) -> Option<Message>;

    /// To be sent behind the audio of just now, where it is time to measure when it is played.
    fn mark(&mut self, _now: Instant) -> Option<Message> {
        None
    }

    /// What a carrier said of its call, once, after it was read.
    fn begun(&mut self) -> Option<Begun> {
        None
    }

    /// A message of the client protocol; `None` where the dialect has none.
    fn message(&mut self, text: String) -> Option<Message>;

    /// Drop what the far end has buffered.
    fn clear(&mut self) -> Option<Message>;

    /// Tells the client why it is refused, before the close frame does.
    fn refusal(&mut self, refusal: &Refusal) -> Option<Message>;
}

pub(crate) enum Data {
    Text(String),
    Binary(Bytes),
}

/// Sequence numbers and timestamps of a dialect that has none on its wire.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    sequence: u16,
    timestamp: u32,
}

impl Counter {
    pub(crate) fn packet(&mut self, codec: Codec, samples: usize, payload: Bytes, at: Instant) -> Packet {
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        self.sequence = sequence.wrapping_add(1);
        self.timestamp = timestamp.wrapping_add(samples as u32);
        Packet { codec, sequence, timestamp, marker: sequence == 0 && timestamp == 0, payload, at }
    }
}
