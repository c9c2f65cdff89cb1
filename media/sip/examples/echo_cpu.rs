//! Prints what a call's audio costs per 20 ms, both ways, with and without taking the agent's voice out of what is heard.
//! `cargo run --release -p media-sip --example echo_cpu`
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement prints, reads the clock and may end at any surprise"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media_core::{Codec, Packet, g711};
use media_sip::rtp::{Header, Timeline};
use media_sip::sdp::{Agreed, Direction, Format};
use media_sip::voice::Voice;

const FRAMES: u32 = 3_000;
const FRAME: Duration = Duration::from_millis(20);

fn main() {
    for (cancels, name) in [(false, "as it comes"), (true, "without the agent's voice")] {
        let mut costs: Vec<Duration> = call(cancels);
        costs.sort_unstable();
        let (half, most) = (costs[costs.len() / 2], costs[costs.len() * 99 / 100]);
        println!("{name:<26} p50 {:>6.1} us, p99 {:>6.1} us", micros(half), micros(most));
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// A phone that gives back, a tenth of a second later, all that is said to it.
fn call(cancels_echo: bool) -> Vec<Duration> {
    let phone = SocketAddr::from(([127, 0, 0, 1], 4_000));
    let line = Format { payload_type: 0, codec: Codec::Pcmu };
    let mut voice = Voice::new(Timeline::new(1, 0, 0));
    voice.cancels_echo(cancels_echo);
    let agreed = Agreed {
        remote: Some(phone),
        send: line,
        receive: vec![line],
        events: None,
        direction: Direction::SendRecv,
        keys: None,
    };
    voice.agree(agreed).unwrap();
    let mut random = 1_u32;
    let mut said: Vec<Bytes> = vec![Bytes::from_static(&[0xff; 160]); 5];
    let begun = Instant::now();
    (0..FRAMES)
        .map(|n| {
            // Noise that comes and goes, four times a second.
            let loud = (f64::from(n) / 12.5 * std::f64::consts::PI).sin().abs() * 0.3;
            let sample = |_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                g711::encode_ulaw((f64::from((random >> 16) as i16) * loud) as i16)
            };
            let payload: Bytes = (0..160).map(sample).collect();
            let echo = std::mem::replace(&mut said[n as usize % 5], payload.clone());
            let (sequence, timestamp) = (n as u16, n * 160);
            let header = Header { payload_type: 0, marker: false, sequence, timestamp, ssrc: 7 };
            let (datagram, now) = (header.datagram(&echo), begun + FRAME * n);
            let packet = Packet { codec: Codec::Pcmu, sequence, timestamp, marker: false, payload, at: now };
            let start = Instant::now();
            voice.speak(&packet, now);
            std::hint::black_box(voice.received(&datagram, phone, now));
            start.elapsed()
        })
        .collect()
}
