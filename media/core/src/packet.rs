//! What the wire carries, after the transport took its own framing off.

use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Codec {
    /// RTP clock 48 kHz, 20 ms.
    Opus,
    Pcmu,
    Pcma,
    /// 16-bit little-endian mono.
    Pcm16 { rate_hz: u32 },
}

impl Codec {
    /// Units of `Packet::timestamp` in a second.
    #[must_use]
    pub const fn clock_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma => 8_000,
            Self::Pcm16 { rate_hz } => rate_hz,
        }
    }
}

/// One packet of a track in either direction. Transports without RTP (WebSocket) count sequence and timestamp themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub codec: Codec,
    pub sequence: u16,
    /// In units of the codec's clock, wraps.
    pub timestamp: u32,
    /// First packet after silence.
    pub marker: bool,
    pub payload: Bytes,
    /// When the socket read returned it, or when it was due to be sent.
    pub at: Instant,
}
