//! G.722 (RFC 3551 section 4.5.2): sound of 16 kHz in the 64 kbit/s of a phone line. A packet has half as many bytes as samples.
//!
//! Not behind the codec traits: both ends keep a state that runs through a stream, so a leg decodes and encodes it where it comes and goes, and a
//! session has samples. Recordings of it would play nowhere.

use std::fmt;

use audio_codec::g722;
use audio_codec::{Decoder as _, Encoder as _};
use bytes::Bytes;

/// Of the samples. The clock of its packets counts half of that, by a mistake that was kept.
pub const RATE_HZ: u32 = 16_000;
pub const CLOCK_HZ: u32 = 8_000;

#[derive(Default)]
pub struct G722Decoder(g722::G722Decoder);

#[derive(Default)]
pub struct G722Encoder(g722::G722Encoder);

impl G722Decoder {
    /// The samples of a packet that follows the one before.
    pub fn decode(&mut self, payload: &[u8]) -> Vec<i16> {
        let mut samples = vec![0; self.0.max_decode_samples(payload.len())];
        let length = self.0.decode_into(payload, &mut samples).unwrap_or(0);
        samples.truncate(length);
        samples
    }
}

impl G722Encoder {
    /// Samples in pairs; an odd one at the end is left out.
    pub fn encode(&mut self, samples: &[i16]) -> Bytes {
        let pairs = &samples[..samples.len() - samples.len() % 2];
        let mut payload = vec![0; self.0.max_encode_bytes(pairs.len())];
        let length = self.0.encode_into(pairs, &mut payload).unwrap_or(0);
        payload.truncate(length);
        Bytes::from(payload)
    }
}

impl fmt::Debug for G722Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("G722Decoder")
    }
}

impl fmt::Debug for G722Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("G722Encoder")
    }
}
