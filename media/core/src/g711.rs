//! ITU-T G.711 mu-law and A-law at 8 kHz, by table both ways.

use bytes::Bytes;

use crate::codec::{Decoder, Encoder, Error};
use crate::concealment::Repeater;
use crate::packet::Codec;

const RATE_HZ: u32 = 8_000;

static FROM_ULAW: [i16; 256] = ulaw_decoding();
static FROM_ALAW: [i16; 256] = alaw_decoding();
/// Indexed by the sample's upper 14 bits for mu-law, 13 for A-law: all that the laws can tell apart.
static TO_ULAW: [u8; 1 << 14] = ulaw_encoding();
static TO_ALAW: [u8; 1 << 13] = alaw_encoding();

#[must_use]
pub fn decode_ulaw(byte: u8) -> i16 {
    FROM_ULAW[usize::from(byte)]
}

#[must_use]
pub fn decode_alaw(byte: u8) -> i16 {
    FROM_ALAW[usize::from(byte)]
}

#[must_use]
pub fn encode_ulaw(sample: i16) -> u8 {
    TO_ULAW[usize::from((sample as u16) >> 2)]
}

#[must_use]
pub fn encode_alaw(sample: i16) -> u8 {
    TO_ALAW[usize::from((sample as u16) >> 3)]
}

/// G.711 at 8 kHz; gaps are bridged by repeating the last pitch period.
pub struct G711Decoder {
    table: &'static [i16; 256],
    repeater: Repeater,
}

impl G711Decoder {
    /// `codec` is `Pcma` for A-law; anything else is taken as mu-law.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        let table = if codec == Codec::Pcma { &FROM_ALAW } else { &FROM_ULAW };
        Self { table, repeater: Repeater::new(RATE_HZ) }
    }
}

impl Decoder for G711Decoder {
    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Error> {
        let from = out.len();
        out.extend(payload.iter().map(|byte| self.table[usize::from(*byte)]));
        self.repeater.heard(&mut out[from..]);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        self.repeater.conceal(samples, out);
    }
}

pub struct G711Encoder {
    codec: Codec,
}

impl G711Encoder {
    /// `codec` is `Pcma` for A-law; anything else is taken as mu-law.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self { codec: if codec == Codec::Pcma { codec } else { Codec::Pcmu } }
    }
}

impl Encoder for G711Encoder {
    fn codec(&self) -> Codec {
        self.codec
    }

    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn encode(&mut self, samples: &[i16]) -> Result<Bytes, Error> {
        let law = if self.codec == Codec::Pcma { encode_alaw } else { encode_ulaw };
        Ok(samples.iter().map(|sample| law(*sample)).collect())
    }
}

const fn ulaw_decoding() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = ulaw_to_linear(byte as u8);
        byte += 1;
    }
    table
}

const fn alaw_decoding() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = alaw_to_linear(byte as u8);
        byte += 1;
    }
    table
}

const fn ulaw_encoding() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        table[index] = linear_to_ulaw(((index as u16) << 2) as i16);
        index += 1;
    }
    table
}

const fn alaw_encoding() -> [u8; 1 << 13] {
    let mut table = [0; 1 << 13];
    let mut index = 0;
    while index < table.len() {
        table[index] = linear_to_alaw(((index as u16) << 3) as i16);
        index += 1;
    }
    table
}

const fn ulaw_to_linear(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((((byte & 0x0f) as i16) << 3) + 0x84) << ((byte & 0x70) >> 4);
    if byte & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 }
}

const fn alaw_to_linear(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let mantissa = ((byte & 0x0f) as i16) << 4;
    let magnitude = match (byte & 0x70) >> 4 {
        0 => mantissa + 8,
        segment => (mantissa + 0x108) << (segment - 1),
    };
    if byte & 0x80 != 0 { magnitude } else { -magnitude }
}

/// G.711 table 2a: bias 33 on 14 bits (132 on 16), eight segments that double in size.
const fn linear_to_ulaw(sample: i16) -> u8 {
    const CLIP: i32 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let mut magnitude = sample as i32;
    if magnitude < 0 {
        magnitude = -magnitude;
    }
    if magnitude > CLIP {
        magnitude = CLIP;
    }
    magnitude += 0x84;
    let segment = 24 - (magnitude as u32).leading_zeros();
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | ((segment as u8) << 4) | mantissa as u8)
}

/// G.711 table 1a: sixteen steps in each of eight segments, even bits inverted.
const fn linear_to_alaw(sample: i16) -> u8 {
    let sign = if sample >= 0 { 0x80 } else { 0 };
    // Below zero the steps begin at -1, so that the two signs have equally many.
    let magnitude = if sample >= 0 { sample as i32 } else { -1 - sample as i32 } >> 4;
    let (segment, mantissa) = if magnitude < 32 {
        ((magnitude >> 4) as u8, magnitude & 0x0f)
    } else {
        let segment = 28 - (magnitude as u32).leading_zeros();
        (segment as u8, (magnitude >> (segment - 1)) & 0x0f)
    };
    (sign | (segment << 4) | mantissa as u8) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_way_to_samples_and_back() {
        for byte in 0..=255_u8 {
            // Mu-law has two zeros, which are one sample.
            if byte != 0x7f {
                assert_eq!(encode_ulaw(decode_ulaw(byte)), byte, "mu-law {byte:#04x}");
            }
            assert_eq!(encode_alaw(decode_alaw(byte)), byte, "A-law {byte:#04x}");
        }
    }

    #[test]
    fn the_codes_are_those_of_the_recommendation() {
        assert_eq!((decode_ulaw(0xff), decode_ulaw(0x80), decode_ulaw(0x00)), (0, 32_124, -32_124));
        assert_eq!((decode_alaw(0xd5), decode_alaw(0x55), decode_alaw(0xaa)), (8, -8, 32_256));
        assert_eq!((encode_ulaw(0), encode_alaw(0)), (0xff, 0xd5));
    }

    #[test]
    fn the_error_is_at_most_half_a_step() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let magnitude = i32::from(sample).abs();
            let step = (magnitude / 16).max(16);
            let clipped = (magnitude - 32_124).max(0);
            for (law, back) in
                [("mu", decode_ulaw(encode_ulaw(sample))), ("A", decode_alaw(encode_alaw(sample)))]
            {
                let error = (i32::from(back) - i32::from(sample)).abs();
                assert!(error <= step + clipped, "{law}-law: {sample} came back as {back}");
            }
        }
    }
}
