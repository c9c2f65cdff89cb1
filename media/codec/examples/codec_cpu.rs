//! Prints what Opus costs per 20 ms frame. `cargo run --release -p media-codec --example codec_cpu`
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement prints, reads the clock and may end at any surprise"
)]

use std::time::{Duration, Instant};

use media_codec::{OpusDecoder, OpusEncoder, WebrtcDetector, opus};
use media_core::codec::{Decoder, Encoder};
use media_core::gate::Gate;

/// Median over batches of the mean time of one call, which stands for one frame.
fn measure(name: &str, mut frame: impl FnMut()) {
    let mut costs: Vec<Duration> = (0..40)
        .map(|_| {
            let start = Instant::now();
            (0..50).for_each(|_| frame());
            start.elapsed() / 50
        })
        .collect();
    costs.sort_unstable();
    println!("{name:<44} {:>8.2} us", costs[20].as_secs_f64() * 1e6);
}

fn voice(rate_hz: u32) -> Vec<i16> {
    (0..rate_hz / 50)
        .map(|n| {
            let at = n as f32 / rate_hz as f32;
            (6_000.0 * (at * 1_256.0).sin() + 2_000.0 * (at * 7_000.0).sin()) as i16
        })
        .collect()
}

fn main() {
    for (rate_hz, complexity) in [(16_000, 5), (24_000, 5), (48_000, 5), (24_000, 9)] {
        let options = opus::Options { rate_hz, complexity, ..opus::Options::default() };
        let mut encoder = OpusEncoder::new(&options).unwrap();
        let frame = voice(rate_hz);
        measure(&format!("Opus encode, {rate_hz} Hz, complexity {complexity}"), || {
            encoder.encode(&frame).unwrap();
        });
    }
    let mut encoder = OpusEncoder::new(&opus::Options::default()).unwrap();
    let payload = encoder.encode(&voice(24_000)).unwrap();
    let mut decoder = OpusDecoder::new(16_000).unwrap();
    let mut out = Vec::new();
    measure("Opus decode to 16 kHz", || {
        out.clear();
        decoder.decode(&payload, &mut out).unwrap();
    });
    measure("Opus concealment at 16 kHz", || {
        out.clear();
        decoder.conceal(320, &mut out);
    });
    let mut gate = Gate::with_detector(Box::new(WebrtcDetector::new()));
    let frame = voice(16_000);
    measure("gate with the WebRTC detector", || {
        gate.verdict(&frame);
    });
}
