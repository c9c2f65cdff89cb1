//! 16-bit little-endian samples as they come from WebSocket clients, in pieces of any size.

use bytes::{BufMut, Bytes, BytesMut};

use crate::codec::{Decoder, Encoder, Error};
use crate::concealment::Repeater;
use crate::packet::Codec;

pub struct PcmDecoder {
    rate_hz: u32,
    repeater: Repeater,
}

impl PcmDecoder {
    pub fn new(rate_hz: u32) -> Result<Self, Error> {
        check(rate_hz)?;
        Ok(Self { rate_hz, repeater: Repeater::new(rate_hz) })
    }
}

impl Decoder for PcmDecoder {
    fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Error> {
        let (pairs, rest) = payload.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Error::Payload {
                codec: Codec::Pcm16 { rate_hz: self.rate_hz },
                length: payload.len(),
                reason: "half a sample at the end".to_owned(),
            });
        }
        let from = out.len();
        out.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
        self.repeater.heard(&mut out[from..]);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        self.repeater.conceal(samples, out);
    }
}

pub struct PcmEncoder {
    rate_hz: u32,
}

impl PcmEncoder {
    pub fn new(rate_hz: u32) -> Result<Self, Error> {
        check(rate_hz)?;
        Ok(Self { rate_hz })
    }
}

impl Encoder for PcmEncoder {
    fn codec(&self) -> Codec {
        Codec::Pcm16 { rate_hz: self.rate_hz }
    }

    fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn encode(&mut self, samples: &[i16]) -> Result<Bytes, Error> {
        let mut payload = BytesMut::with_capacity(samples.len() * 2);
        for sample in samples {
            payload.put_i16_le(*sample);
        }
        Ok(payload.freeze())
    }
}

fn check(rate_hz: u32) -> Result<(), Error> {
    // Twenty milliseconds must be whole samples.
    if crate::resample::RATES_HZ.contains(&rate_hz) && rate_hz.is_multiple_of(50) {
        Ok(())
    } else {
        Err(Error::Unsupported { codec: Codec::Pcm16 { rate_hz } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_survive_the_wire() {
        let samples = [0, 1, -1, i16::MAX, i16::MIN];
        let payload = PcmEncoder::new(16_000).unwrap().encode(&samples).unwrap();
        let mut back = Vec::new();
        PcmDecoder::new(16_000).unwrap().decode(&payload, &mut back).unwrap();
        assert_eq!(back, samples);
    }

    #[test]
    fn half_a_sample_and_absurd_rates_are_refused() {
        let mut out = vec![7];
        assert!(PcmDecoder::new(16_000).unwrap().decode(&[1, 2, 3], &mut out).is_err());
        assert_eq!(out, [7], "what was there before stays");
        for rate_hz in [0, 1, 7_999, 16_001, 48_050, u32::MAX] {
            assert!(PcmDecoder::new(rate_hz).is_err(), "{rate_hz}");
        }
    }
}
