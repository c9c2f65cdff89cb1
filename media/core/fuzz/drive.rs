//! What the fuzzers do with bytes, shared with the plain test in `tests/it/fuzz.rs`.
#![allow(dead_code, reason = "each target uses one of the drivers")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::MediaTime;
use media_core::inbound::{Inbound, Options, Output};
use media_core::jitter::{Jitter, Slot};
use media_core::{Codec, Packet, dtmf, jitter};

/// Each eight bytes are a packet: sequence, timestamp, kind with payload length, delay; the payload is what follows.
fn arrivals(data: &[u8], mut feed: impl FnMut(Packet, Instant)) {
    let mut now = start();
    for at in (0..data.len().saturating_sub(7)).step_by(8) {
        let [a, b, c, d, e, f, kind, delay] = data[at..at + 8] else { return };
        let codec = match kind & 7 {
            0 => Codec::Pcmu,
            1 => Codec::Pcma,
            2 => Codec::Pcm16 { rate_hz: 16_000 },
            3 => Codec::Pcm16 { rate_hz: u32::from(e) * 500 },
            _ => Codec::Opus,
        };
        let length = usize::from(kind >> 3) * 16;
        let payload = Bytes::copy_from_slice(&data[at..data.len().min(at + length)]);
        now += Duration::from_millis(u64::from(delay));
        let timestamp = u32::from_be_bytes([c, d, e, f]);
        let sequence = u16::from_be_bytes([a, b]);
        feed(Packet { codec, sequence, timestamp, marker: false, payload, at: now }, now);
    }
}

#[allow(clippy::disallowed_methods, reason = "some instant to count from")]
fn start() -> Instant {
    Instant::now()
}

/// The track is continuous, and no input makes it run away or spin.
pub(crate) fn packets(data: &[u8]) {
    // An Opus decoder is not at hand in this room; the mu-law one takes any bytes, and the TOC parser is ours.
    let decoders =
        |codec| media_core::codec::plain_decoder(if codec == Codec::Opus { Codec::Pcmu } else { codec });
    let mut inbound = Inbound::new(Options::default(), Box::new(decoders));
    let mut position = MediaTime::ZERO;
    arrivals(data, |packet, now| {
        inbound.push(packet, now);
        let mut polls = 0_u32;
        loop {
            match inbound.poll(now) {
                Output::Frame(frame) => {
                    assert_eq!((frame.at, frame.samples.len()), (position, 320));
                    position = frame.end();
                }
                Output::Wait(due) => {
                    assert!(due.is_none_or(|due| due > now), "a deadline in the past would spin");
                    break;
                }
            }
            polls += 1;
            // One packet frees at most what waited behind a gap, each with its own holes of 300 ms.
            assert!(polls < 2_500, "one packet makes no endless track");
        }
    });
}

/// What one packet may bring at most: the holes of the longest dropout that is no new stream, a pause, itself.
const SLOTS: u64 = 502;

/// What is given out is never out of order within a stream, and never more than came.
pub(crate) fn jitter(data: &[u8]) {
    let mut jitter = Jitter::new(jitter::Options::default());
    let (mut pushed, mut given, mut polls) = (0_u64, 0_u64, 0_u64);
    arrivals(data, |packet, now| {
        // Without a clock nothing has a length; no transport takes such a packet.
        if packet.codec.clock_hz() == 0 {
            return;
        }
        pushed += 1;
        jitter.push(packet, now);
        loop {
            match jitter.poll(now) {
                Slot::Packet(_) => given += 1,
                Slot::Hole { duration, .. } => assert!(duration <= MediaTime::from_millis(700_000)),
                Slot::Wait(due) => {
                    assert!(due.is_none_or(|due| due > now), "a deadline in the past would spin");
                    break;
                }
            }
            polls += 1;
            assert!(
                polls <= pushed * SLOTS,
                "a packet frees a bounded number of slots, if not at once then later"
            );
        }
        assert!(given <= pushed);
    });
    let statistics = jitter.statistics();
    assert_eq!((statistics.received, statistics.delivered), (pushed, given));
}

/// Parsing and building agree, and noise is rarely a key.
pub(crate) fn dtmf(data: &[u8]) {
    let mut events = dtmf::Events::default();
    for (n, payload) in data.chunks(5).enumerate() {
        events.received(n as u32, payload);
        if let Some(event) = dtmf::TelephoneEvent::parse(payload) {
            assert_eq!(dtmf::TelephoneEvent::parse(&event.payload()), Some(event));
        }
    }
    let samples: Vec<i16> = data.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    let keys = dtmf::Detector::new(8_000).feed(&samples);
    // A press needs three blocks, a release as many: 64 ms of audio at least for each key.
    assert!(keys.len() <= samples.len() / 500 + 1);
}
