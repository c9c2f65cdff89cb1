//! Opus as voice: decoded straight to 16 kHz, encoded with redundancy in the band for the loss the far end reports.

use bytes::Bytes;
use domain::AudioFrame;
use media_core::Codec;
use media_core::codec::{Decoder, Encoder, Error};
use opus::{Application, Bitrate, Channels, Signal};
use serde::{Deserialize, Serialize};

/// RFC 6716: no packet sounds longer, and libopus conceals no more at a time.
const PACKET_MAX_MS: usize = 120;
/// No packet of 20 ms that we make is larger; RFC 6716 section 3.4 allows 1275 bytes a frame.
const PAYLOAD_MAX_BYTES: usize = 1_276;
/// A payload this small is a frame of discontinuous transmission: comfort noise that the far end makes by itself.
const DTX_BYTES: usize = 2;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Rate of the samples to encode, in Hz: 8000, 12000, 16000, 24000 or 48000. Default 24000.
    pub rate_hz: u32,
    /// In bit/s, 6000 to 128000. Default 32000.
    pub bitrate: u32,
    /// 0 to 10. Default 5; 9 costs 1.4 times as much.
    pub complexity: u8,
    /// Carry a coarse copy of the packet before, for the far end to recover a loss. Default true.
    pub forward_error_correction: bool,
    /// Loss assumed until the far end reports, in percent: with 0 no redundancy would be sent at all. Default 5.
    pub expected_loss_percent: u8,
    /// Send nothing during silence. Default false: receivers' buffers work better with a steady stream.
    pub discontinuous: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate_hz: 24_000,
            bitrate: 32_000,
            complexity: 5,
            forward_error_correction: true,
            expected_loss_percent: 5,
            discontinuous: false,
        }
    }
}

impl Options {
    pub fn validate(&self) -> Result<(), String> {
        if ![8_000, 12_000, 16_000, 24_000, 48_000].contains(&self.rate_hz) {
            return Err("opus: rate_hz is 8000, 12000, 16000, 24000 or 48000".to_owned());
        }
        if !(6_000..=128_000).contains(&self.bitrate) {
            return Err("opus: bitrate is 6000 to 128000 bit/s".to_owned());
        }
        if self.complexity > 10 {
            return Err("opus: complexity is 0 to 10".to_owned());
        }
        if self.expected_loss_percent > 100 {
            return Err("opus: expected_loss_percent is 0 to 100".to_owned());
        }
        Ok(())
    }
}

pub struct OpusDecoder {
    inner: opus::Decoder,
    rate_hz: u32,
}

impl OpusDecoder {
    /// `rate_hz` is one of the five rates of Opus; stereo streams are mixed down.
    pub fn new(rate_hz: u32) -> Result<Self, Error> {
        let inner = opus::Decoder::new(rate_hz, Channels::Mono).map_err(|error| setup(&error))?;
        Ok(Self { inner, rate_hz })
    }

    /// Runs one decode into the end of `out`, which is as before on an error.
    fn append(
        &mut self,
        payload: &[u8],
        samples: usize,
        fec: bool,
        out: &mut Vec<i16>,
    ) -> Result<(), opus::Error> {
        let from = out.len();
        out.resize(from + samples, 0);
        let result = self.inner.decode(payload, &mut out[from..], fec);
        out.truncate(from + result.as_ref().map_or(0, |written| (*written).min(samples)));
        result.map(|_| ())
    }

    fn samples(&self, millis: usize) -> usize {
        self.rate_hz as usize * millis / 1000
    }
}

impl Decoder for OpusDecoder {
    fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Error> {
        if payload.is_empty() {
            return Err(refused(payload, "it is empty"));
        }
        let samples = opus::packet::get_nb_samples(payload, self.rate_hz)
            .map_err(|error| refused(payload, error.description()))?
            .min(self.samples(PACKET_MAX_MS));
        self.append(payload, samples, false, out).map_err(|error| refused(payload, error.description()))
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let end = out.len() + samples;
        // libopus conceals multiples of 2.5 ms.
        let unit = self.rate_hz as usize / 400;
        while out.len() < end {
            let piece = (end - out.len()).next_multiple_of(unit).min(self.samples(PACKET_MAX_MS));
            let before = out.len();
            if self.append(&[], piece, false, out).is_err() || out.len() == before {
                break;
            }
        }
        out.resize(end, 0);
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        let unit = self.rate_hz as usize / 400;
        let fits = samples > 0 && samples.is_multiple_of(unit) && samples <= self.samples(PACKET_MAX_MS);
        if fits && has_redundancy(next) && self.append(next, samples, true, out).is_ok() {
            return true;
        }
        self.conceal(samples, out);
        false
    }
}

/// Whether the packet carries a copy of the one before it: the LBRR flag of RFC 6716 section 4.2.3, which follows
/// one activity flag for each 20 ms in the first byte of the SILK data.
fn has_redundancy(payload: &[u8]) -> bool {
    let Some(toc) = payload.first() else { return false };
    let configuration = toc >> 3;
    if configuration >= 16 {
        return false; // CELT alone has none.
    }
    let silk_frames = match configuration {
        config @ 0..=11 => [1, 1, 2, 3][usize::from(config & 3)],
        _ => 1,
    };
    opus::packet::parse(payload)
        .ok()
        .and_then(|packet| packet.frames.first().and_then(|frame| frame.first().copied()))
        .is_some_and(|first| first >> (7 - silk_frames) & 1 == 1)
}

pub struct OpusEncoder {
    inner: opus::Encoder,
    options: Options,
    /// Kept to save the allocation; the payload is copied out at its true size.
    buffer: Vec<u8>,
    loss_percent: i32,
}

impl OpusEncoder {
    pub fn new(options: &Options) -> Result<Self, Error> {
        options.validate().map_err(|reason| Error::Setup { codec: Codec::Opus, reason })?;
        let inner = configured(options).map_err(|error| setup(&error))?;
        let loss_percent = i32::from(options.expected_loss_percent);
        Ok(Self { inner, options: options.clone(), buffer: vec![0; PAYLOAD_MAX_BYTES], loss_percent })
    }
}

fn configured(options: &Options) -> Result<opus::Encoder, opus::Error> {
    let mut encoder = opus::Encoder::new(options.rate_hz, Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(options.bitrate.cast_signed()))?;
    encoder.set_complexity(i32::from(options.complexity))?;
    encoder.set_signal(Signal::Voice)?;
    encoder.set_inband_fec(options.forward_error_correction)?;
    encoder.set_packet_loss_perc(i32::from(options.expected_loss_percent))?;
    encoder.set_dtx(options.discontinuous)?;
    Ok(encoder)
}

impl Encoder for OpusEncoder {
    fn codec(&self) -> Codec {
        Codec::Opus
    }

    fn rate_hz(&self) -> u32 {
        self.options.rate_hz
    }

    fn encode(&mut self, samples: &[i16]) -> Result<Bytes, Error> {
        let failed = |reason: &str| Error::Encode {
            codec: Codec::Opus,
            samples: samples.len(),
            reason: reason.to_owned(),
        };
        if samples.len() != AudioFrame::samples_per_frame(self.options.rate_hz) {
            return Err(failed("a frame is 20 ms"));
        }
        let length =
            self.inner.encode(samples, &mut self.buffer).map_err(|error| failed(error.description()))?;
        if self.options.discontinuous && length <= DTX_BYTES {
            return Ok(Bytes::new());
        }
        Ok(Bytes::copy_from_slice(&self.buffer[..length]))
    }

    fn expect_loss(&mut self, share: f32) {
        let floor = i32::from(self.options.expected_loss_percent);
        // More than 25 % would spend most bits on copies; libopus thinks likewise.
        let percent = ((share.clamp(0.0, 1.0) * 100.0).ceil() as i32).clamp(floor, floor.max(25));
        if percent != self.loss_percent && self.inner.set_packet_loss_perc(percent).is_ok() {
            self.loss_percent = percent;
        }
    }
}

fn setup(error: &opus::Error) -> Error {
    Error::Setup { codec: Codec::Opus, reason: error.to_string() }
}

fn refused(payload: &[u8], reason: &str) -> Error {
    Error::Payload { codec: Codec::Opus, length: payload.len(), reason: reason.to_owned() }
}
