//! Prints what each part of the signal path costs per 20 ms frame, with `rubato` beside our resampler.
//! `cargo run --release -p media-core --example core_cpu`
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement prints, reads the clock and may end at any surprise"
)]

use std::time::{Duration, Instant};

use domain::TurnId;
use media_core::codec::{plain_decoder, plain_encoder};
use media_core::gate::Gate;
use media_core::inbound::{self, Inbound, Output};
use media_core::mix::{Background, Mixer};
use media_core::playout::{self, Playout};
use media_core::{Codec, Outbound, Packet, Resampler, dtmf};
use rubato::audioadapter_buffers::owned::InterleavedOwned;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

const BATCHES: usize = 40;
const FRAMES: u32 = 200;

/// Median over batches of the mean time of one call, which stands for one frame.
fn measure(name: &str, mut frame: impl FnMut(u32)) {
    let mut costs: Vec<Duration> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            (0..FRAMES).for_each(&mut frame);
            start.elapsed() / FRAMES
        })
        .collect();
    costs.sort_unstable();
    println!("{name:<44} {:>8.2} us", costs[BATCHES / 2].as_secs_f64() * 1e6);
}

fn voice(samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| (6_000.0 * (n as f32 * 0.05).sin() + 2_000.0 * (n as f32 * 0.31).sin()) as i16)
        .collect()
}

fn main() {
    resamplers();
    parts();
    paths();
}

fn resamplers() {
    for (from_hz, to_hz) in
        [(8_000, 16_000), (48_000, 16_000), (22_050, 24_000), (24_000, 48_000), (24_000, 8_000)]
    {
        let input = voice(from_hz as usize / 50);
        let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
        let ahead = resampler.look_ahead();
        let mut out = Vec::new();
        measure(&format!("resample {from_hz} to {to_hz}, {ahead:.1?} ahead"), |_| {
            out.clear();
            resampler.push(&input, &mut out);
        });
        let floats: Vec<f32> = input.iter().map(|sample| f32::from(*sample)).collect();
        let frames = floats.len();
        let buffer = InterleavedOwned::new_from(floats, 1, frames).unwrap();
        let ratio = f64::from(to_hz) / f64::from(from_hz);
        let parameters = SincInterpolationParameters::new(64, WindowFunction::BlackmanHarris2)
            .oversampling_factor(128)
            .interpolation(SincInterpolationType::Quadratic);
        let mut sinc = Async::<f32>::new_sinc(ratio, 1.0, &parameters, frames, 1, FixedAsync::Input).unwrap();
        let delay_ms = sinc.output_delay() as f64 / f64::from(to_hz) * 1e3;
        measure(&format!("  rubato sinc 64, {delay_ms:.1} ms delay"), |_| {
            sinc.process(&buffer, None).unwrap();
        });
        if let Ok(mut fft) = Fft::<f32>::new(from_hz as usize, to_hz as usize, frames, 1, FixedSync::Input) {
            let delay_ms = fft.output_delay() as f64 / f64::from(to_hz) * 1e3;
            if fft.input_frames_next() <= frames {
                measure(&format!("  rubato FFT, {delay_ms:.1} ms delay"), |_| {
                    fft.process(&buffer, None).unwrap();
                });
            }
        }
    }
}

fn parts() {
    let frame = voice(320);
    let mut gate = Gate::new();
    measure("gate by energy, 16 kHz", |_| {
        gate.verdict(&frame);
    });
    let mut detector = dtmf::Detector::new(8_000);
    let telephone = voice(160);
    measure("DTMF detector, 8 kHz", |_| {
        detector.feed(&telephone);
    });
    let mut encoder = plain_encoder(Codec::Pcmu).unwrap();
    measure("mu-law encode", |_| {
        encoder.encode(&telephone).unwrap();
    });
    let mut mixer = Mixer::new(24_000);
    mixer.set_thinking(true);
    mixer.set_background(Some((Background::new(&voice(24_000), 24_000, 24_000).unwrap(), -20.0)));
    let mut mixed = voice(480);
    measure("mix voice, thinking, background, 24 kHz", |_| mixer.mix(&mut mixed, true));
}

fn paths() {
    let mut inbound = Inbound::new(inbound::Options::default(), Box::new(plain_decoder));
    let (start, mut n) = (Instant::now(), 0_u32);
    measure("inbound, mu-law to 16 kHz frames", |_| {
        let at = start + Duration::from_millis(20) * n;
        let payload = bytes::Bytes::from_static(&[0x35; 160]);
        inbound.push(
            Packet { codec: Codec::Pcmu, sequence: n as u16, timestamp: n * 160, marker: false, payload, at },
            at,
        );
        while let Output::Frame(_) = inbound.poll(at) {}
        n += 1;
    });
    let playout = Playout::new(playout::Options::default()).unwrap();
    let mut outbound = Outbound::new(playout, plain_encoder(Codec::Pcmu).unwrap(), 0, 0).unwrap();
    let (turn, mut n, speech) = (TurnId(1), 0_u32, voice(480));
    measure("outbound, 24 kHz voice to mu-law packets", |_| {
        let at = start + Duration::from_millis(20) * n;
        outbound.playout().push(turn, &speech, 24_000, at).unwrap();
        while outbound.tick(at).is_some() {}
        n += 1;
    });
}
