//! Real Opus through the whole signal path: bad networks, redundancy, levels.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::panic,
    reason = "tests count from some instant, print their seeds and fail by panic"
)]

mod decoder;
mod g722;
mod golden;
mod network;

use std::time::{Duration, Instant};

use bytes::Bytes;
use media_codec::{OpusEncoder, opus};
use media_core::codec::Encoder;
use media_core::level::rms_dbfs;
use media_core::{Codec, Packet, Resampler};

const SPEECH: [&str; 6] =
    ["human_two_cities_1", "desk_book", "desk_hours_slt", "human_clone", "desk_phone", "human_two_cities_2"];

/// Speech at 16 kHz, about 20 s with pauses of 600 ms, whole frames.
fn speech() -> Vec<i16> {
    let mut samples = Vec::new();
    for name in SPEECH {
        let path = format!("{}/../../testkit/speech/{name}.wav", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let data = bytes.windows(4).position(|window| window == b"data").expect("a WAV file") + 8;
        samples.extend(bytes[data..].as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)));
        samples.resize((samples.len() + 9_600).next_multiple_of(320), 0);
    }
    samples
}

fn tone(hz: f64, rate_hz: u32, length: Duration) -> Vec<i16> {
    (0..(length.as_secs_f64() * f64::from(rate_hz)) as usize)
        .map(|n| (10_000.0 * (2.0 * std::f64::consts::PI * hz * n as f64 / f64::from(rate_hz)).sin()) as i16)
        .collect()
}

/// Payloads of 20 ms each; `None` where discontinuous transmission sends nothing.
fn encode(samples: &[i16], options: &opus::Options) -> Vec<Option<Bytes>> {
    let mut resampled = Vec::new();
    let mut resampler = Resampler::new(16_000, options.rate_hz).expect("rates we know");
    resampler.push(samples, &mut resampled);
    resampler.flush(&mut resampled);
    let mut encoder = OpusEncoder::new(options).expect("valid options");
    resampled
        .chunks_exact(options.rate_hz as usize / 50)
        .map(|frame| Some(encoder.encode(frame).expect("a frame")).filter(|payload| !payload.is_empty()))
        .collect()
}

fn packet(sequence: u16, timestamp: u32, payload: Bytes, at: Instant) -> Packet {
    Packet { codec: Codec::Opus, sequence, timestamp, marker: false, payload, at }
}

/// Level of each 40 ms, in dB, nothing below -60.
fn envelope(samples: &[i16]) -> Vec<f32> {
    samples.chunks_exact(640).map(|window| rms_dbfs(window).max(-60.0)).collect()
}

/// Pearson's correlation of two envelopes.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let mean = |values: &[f32]| values[..length].iter().sum::<f32>() / length as f32;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        product += (a - mean_a) * (b - mean_b);
        square_a += (a - mean_a).powi(2);
        square_b += (b - mean_b).powi(2);
    }
    product / (square_a * square_b).sqrt()
}
