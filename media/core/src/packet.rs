//! What the wire carries, after the transport took its own framing off.

use std::time::Instant;

use bytes::Bytes;
use domain::Encoding;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Codec {
    /// RTP clock 48 kHz, 20 ms.
    Opus,
    Pcmu,
    Pcma,
    /// 16-bit little-endian mono.
    Pcm16 {
        rate_hz: u32,
    },
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

    /// As recordings and what is measured of a call name it.
    #[must_use]
    pub const fn encoding(self) -> Encoding {
        match self {
            Self::Opus => Encoding::Opus,
            Self::Pcmu => Encoding::Pcmu,
            Self::Pcma => Encoding::Pcma,
            Self::Pcm16 { .. } => Encoding::Pcm16,
        }
    }

    /// How long a payload sounds, in units of the clock; `None` where it holds no audio.
    #[must_use]
    pub fn units(self, payload: &[u8]) -> Option<u32> {
        let units = match self {
            Self::Opus => opus_units(payload)?,
            Self::Pcmu | Self::Pcma => u32::try_from(payload.len()).ok()?,
            Self::Pcm16 { .. } => u32::try_from(payload.len() / 2).ok()?,
        };
        (units > 0).then_some(units)
    }
}

/// One packet of a track in either direction. Transports without RTP (WebSocket) count sequence and timestamp themselves. One without a payload
/// holds no sound, such as a key: its number alone is told, so that it is not taken for lost.
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

impl Packet {
    /// How long the payload sounds, in units of the codec's clock; `None` where it holds no audio.
    #[must_use]
    pub fn units(&self) -> Option<u32> {
        self.codec.units(&self.payload)
    }
}

/// RFC 6716 section 3.1: configuration and number of frames stand in the first one or two bytes.
fn opus_units(payload: &[u8]) -> Option<u32> {
    let toc = *payload.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*payload.get(1)? & 0x3f),
    };
    // More than 120 ms is no Opus packet.
    Some(frame * frames).filter(|units| *units <= 5_760)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_opus_packet_stands_in_its_first_bytes() {
        assert_eq!(opus_units(&[0x78]), Some(960), "hybrid, 20 ms, one frame");
        assert_eq!(opus_units(&[0x08 | 1]), Some(1_920), "SILK, 20 ms, two frames");
        assert_eq!(opus_units(&[0x18 | 3, 2]), Some(5_760), "SILK, 60 ms, two frames of any size");
        assert_eq!(opus_units(&[0x18 | 3, 3]), None, "180 ms");
        assert_eq!(opus_units(&[0x18 | 3]), None, "cut off");
        assert_eq!(opus_units(&[]), None);
    }
}
