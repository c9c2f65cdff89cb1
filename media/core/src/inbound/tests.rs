#![expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]

use super::*;
use crate::codec::plain_decoder;
use crate::level::rms_dbfs;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn inbound() -> Inbound {
    Inbound::new(Options::default(), Box::new(plain_decoder))
}

fn packet(codec: Codec, sequence: u16, timestamp: u32, payload: Vec<u8>, at: Instant) -> Packet {
    Packet { codec, sequence, timestamp, marker: false, payload: payload.into(), at }
}

fn speech(n: u16, at: Instant) -> Packet {
    packet(Codec::Pcmu, n, u32::from(n) * 160, vec![0x20; 160], at)
}

fn silence(n: u16, at: Instant) -> Packet {
    packet(Codec::Pcmu, n, u32::from(n) * 160, vec![0xff; 160], at)
}

fn drain(inbound: &mut Inbound, now: Instant) -> Vec<AudioFrame> {
    let mut frames = Vec::new();
    while let Output::Frame(frame) = inbound.poll(now) {
        frames.push(frame);
    }
    frames
}

fn assert_continuous(frames: &[AudioFrame]) {
    for (n, frame) in frames.iter().enumerate() {
        assert_eq!(frame.at, MediaTime::from_millis(20 * n as u64));
        assert_eq!((frame.samples.len(), frame.rate_hz), (320, 16_000));
    }
}

#[test]
fn pieces_of_512_bytes_become_frames_without_gaps() {
    let (start, mut inbound) = (Instant::now(), inbound());
    let samples: Vec<i16> = (0..256 * 100).map(|n| (n % 3_000) as i16).collect();
    let mut frames = Vec::new();
    for (n, piece) in samples.chunks(256).enumerate() {
        let now = start + ms(16 * n as u64);
        let bytes = piece.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let codec = Codec::Pcm16 { rate_hz: 16_000 };
        inbound.push(packet(codec, n as u16, (n * 256) as u32, bytes, now), now);
        frames.extend(drain(&mut inbound, now));
    }
    assert_continuous(&frames);
    assert_eq!(frames.len(), 80);
    assert!(frames.iter().flat_map(|frame| &frame.samples).eq(&samples), "bit for bit");
}

#[test]
fn a_packet_is_a_frame_of_the_track_at_once_whatever_its_rate() {
    for (codec, bytes) in [
        (Codec::Pcmu, 160),
        (Codec::Pcm16 { rate_hz: 24_000 }, 960),
        (Codec::Pcm16 { rate_hz: 44_100 }, 1_764),
        (Codec::Pcm16 { rate_hz: 48_000 }, 1_920),
    ] {
        let (start, mut inbound) = (Instant::now(), inbound());
        for n in 0..50_u32 {
            let now = start + ms(20 * u64::from(n));
            let timestamp = n * codec.clock_hz() / 50;
            inbound.push(packet(codec, n as u16, timestamp, vec![0x20; bytes], now), now);
            assert_eq!(drain(&mut inbound, now).len(), 1, "{codec:?}, packet {n}");
        }
    }
}

#[test]
fn three_seconds_of_nothing_are_three_seconds_of_silence_and_the_stream_goes_on_after_them() {
    let (start, mut inbound) = (Instant::now(), inbound());
    let mut frames = Vec::new();
    // The sender stops and its clock goes on, as with discontinuous transmission.
    for slot in 0..250_u64 {
        let now = start + ms(20 * slot);
        if !(50..200).contains(&slot) {
            let sequence = if slot < 50 { slot } else { slot - 150 } as u16;
            inbound.push(packet(Codec::Pcmu, sequence, slot as u32 * 160, vec![0x20; 160], now), now);
        }
        frames.extend(drain(&mut inbound, now));
        let lag = slot as i64 - frames.len() as i64;
        assert!(lag <= 4, "at {slot} the track lags by {lag} frames");
    }
    assert_continuous(&frames);
    assert!((248..=250).contains(&frames.len()), "{} frames of 250", frames.len());
    assert!(frames[60..195].iter().all(|frame| frame.samples.iter().all(|sample| *sample == 0)));
    assert!(rms_dbfs(&frames[210].samples) > -20.0);
    assert_eq!(inbound.statistics().lost, 0);
}

#[test]
fn a_stream_that_was_held_up_loses_nothing_and_never_goes_back() {
    let (start, mut inbound) = (Instant::now(), inbound());
    let mut frames = Vec::new();
    for n in 0..100_u16 {
        // Packets 20 to 44 all arrive when the network comes back.
        let arrives = if (20..45).contains(&n) { 900 } else { 20 * u64::from(n) };
        let now = start + ms(arrives);
        frames.extend(drain(&mut inbound, now));
        inbound.push(speech(n, now), now);
        frames.extend(drain(&mut inbound, now));
    }
    assert_continuous(&frames);
    let loud = frames.iter().filter(|frame| rms_dbfs(&frame.samples) > -20.0).count();
    assert!(loud >= 98, "{loud} of 100 spoken frames were heard");
}

#[test]
fn the_track_advances_though_the_caller_never_sends_and_stands_still_after_stop() {
    let (start, mut inbound) = (Instant::now(), inbound());
    assert_eq!(inbound.poll(start), Output::Wait(None));
    inbound.start(start);
    let Output::Wait(Some(due)) = inbound.poll(start) else { panic!("a deadline") };
    assert_eq!(due, start + ms(60));
    assert_eq!(drain(&mut inbound, start + ms(1_000)).len(), 48);
    inbound.stop();
    assert_eq!(inbound.poll(start + ms(5_000)), Output::Wait(None));
    inbound.push(speech(777, start + ms(6_000)), start + ms(6_000));
    inbound.push(speech(778, start + ms(6_020)), start + ms(6_020));
    let frames = drain(&mut inbound, start + ms(6_020));
    assert_eq!(frames[0].at, MediaTime::from_millis(48 * 20), "positions go on");
}

/// A second of speech of which packets 20 to 34 are held up and arrive together.
fn held_up(inbound: &mut Inbound) -> Vec<AudioFrame> {
    let start = Instant::now();
    let mut frames = Vec::new();
    for slot in 0..50_u16 {
        let now = start + ms(20 * u64::from(slot));
        let arrived = match slot {
            20..34 => 0..0,
            34 => 20..35,
            _ => slot..slot + 1,
        };
        for n in arrived {
            inbound.push(speech(n, now), now);
        }
        frames.extend(drain(inbound, now));
    }
    assert_continuous(&frames);
    frames
}

#[test]
fn what_is_late_on_a_stream_is_waited_for_and_not_cut_apart() {
    for (delivery, cut) in [(Delivery::Datagrams, true), (Delivery::Stream, false)] {
        let mut inbound = inbound();
        // As soon as the transport is known: a client's first words may come before media begins.
        inbound.carried_by(delivery);
        let frames = held_up(&mut inbound);
        assert_eq!(inbound.filled().silent_frames > 0, cut, "{delivery:?}");
        assert_eq!(frames.len() > 50, cut, "{delivery:?}");
    }
}

/// A client whose microphone was off while the agent greeted, over a transport that does not say so.
#[test]
fn quiet_after_a_pause_that_was_no_delay_is_heard_at_once() {
    let (start, mut inbound) = (Instant::now(), inbound());
    inbound.carried_by(Delivery::Stream);
    inbound.start(start);
    let mut frames = Vec::new();
    for slot in 0..300_u16 {
        let now = start + ms(20 * u64::from(slot));
        match slot {
            0..150 => {}
            150..220 => inbound.push(speech(slot - 150, now), now),
            _ => inbound.push(silence(slot - 150, now), now),
        }
        frames.extend(drain(&mut inbound, now));
        // It never stands still for longer than it was made silent for: the caller's own silence ends their turn.
        assert!(frames.len() + 25 > usize::from(slot), "{} frames after {slot}", frames.len());
    }
    assert_continuous(&frames);
}

#[test]
fn the_codec_may_change_in_mid_stream() {
    let (start, mut inbound) = (Instant::now(), inbound());
    let mut frames = Vec::new();
    for n in 0..60_u16 {
        let now = start + ms(20 * u64::from(n));
        let packet = match n {
            0..20 => speech(n, now),
            20..40 => packet(Codec::Pcm16 { rate_hz: 24_000 }, n, u32::from(n) * 480, vec![0x11; 960], now),
            _ => packet(Codec::Pcma, n, u32::from(n) * 160, vec![0x20; 160], now),
        };
        inbound.push(packet, now);
        frames.extend(drain(&mut inbound, now));
    }
    assert_continuous(&frames);
    assert!((58..=60).contains(&frames.len()), "{}", frames.len());
    assert_eq!((inbound.codec(), inbound.filled().codec_changes), (Some(Codec::Pcma), 2));
}

#[test]
fn what_cannot_be_decoded_is_reported_and_the_track_goes_on() {
    let (start, mut inbound) = (Instant::now(), inbound());
    let now = start;
    inbound.push(packet(Codec::Opus, 0, 0, vec![0x78, 1, 2, 3], now), now);
    assert_eq!(drain(&mut inbound, now), []);
    assert_eq!(inbound.take_fault(), Some(codec::Error::Unsupported { codec: Codec::Opus }));
    assert_eq!(inbound.take_fault(), None);
    inbound.push(packet(Codec::Pcm16 { rate_hz: 17 }, 1, 0, vec![0; 640], now), now);
    inbound.push(packet(Codec::Pcm16 { rate_hz: 16_000 }, 2, 0, vec![0; 10_000_000], now), now);
    inbound.push(packet(Codec::Pcm16 { rate_hz: 16_000 }, 1, 320, vec![0; 639], now), now);
    assert_eq!(drain(&mut inbound, now).len(), 0);
    assert_eq!(inbound.filled().undecodable, 4);
    assert!(drain(&mut inbound, now + ms(500)).len() > 20);
}

#[test]
fn a_lost_packet_is_bridged_and_the_track_is_as_long_as_what_was_sent() {
    let (start, mut inbound) = (Instant::now(), inbound());
    let mut frames = Vec::new();
    for n in 0..500_u16 {
        let now = start + ms(20 * u64::from(n));
        if n % 10 != 5 {
            inbound.push(speech(n, now), now);
        }
        frames.extend(drain(&mut inbound, now));
    }
    assert_continuous(&frames);
    assert!((498..=500).contains(&frames.len()), "{}", frames.len());
    assert_eq!((inbound.statistics().lost, inbound.filled().concealed), (50, 50));
    assert!(frames[1..].iter().all(|frame| rms_dbfs(&frame.samples) > -25.0), "no hole is heard");
}

/// Frames every 20 ms up to slot 100, where `sent` says which packets come when.
fn filled(sent: impl Fn(u64) -> Vec<Packet>, start: Instant) -> Filled {
    let mut inbound = inbound();
    for slot in 0..100_u64 {
        let now = start + ms(20 * slot);
        drain(&mut inbound, now);
        for packet in sent(slot) {
            inbound.push(Packet { at: now, ..packet }, now);
        }
        drain(&mut inbound, now);
    }
    inbound.filled()
}

#[test]
fn silence_that_the_network_made_is_a_gap_and_what_the_sender_left_out_is_none() {
    let start = Instant::now();
    let held_up = filled(
        |slot| match slot {
            20..44 => Vec::new(),
            44 => (20..45).map(|n| speech(n, start)).collect(),
            _ => vec![speech(slot as u16, start)],
        },
        start,
    );
    // Of 480 ms that came late, less the 60 that are waited for before silence is made.
    assert_eq!(held_up.gaps, 1);
    assert!((380..=480).contains(&(held_up.gap_for.as_duration().as_millis() as u64)), "{held_up:?}");
    let lost = filled(
        |slot| if (20..44).contains(&slot) { Vec::new() } else { vec![speech(slot as u16, start)] },
        start,
    );
    assert_eq!((lost.gaps, lost.concealed, lost.concealed_for.as_duration()), (1, 24, ms(480)), "{lost:?}");
    assert!((380..=480).contains(&(lost.gap_for.as_duration().as_millis() as u64)), "{lost:?}");
    let paused = filled(
        |slot| match slot {
            20..44 => Vec::new(),
            0..20 => vec![speech(slot as u16, start)],
            _ => vec![Packet { sequence: slot as u16 - 24, ..speech(slot as u16, start) }],
        },
        start,
    );
    assert_eq!((paused.gaps, paused.gap_for, paused.concealed), (0, MediaTime::ZERO, 0), "{paused:?}");
    assert!(paused.silent_frames > 15, "there was silence all the same: {paused:?}");
}

#[test]
fn a_packet_without_sound_is_not_taken_for_lost_and_the_track_goes_on_meanwhile() {
    let (start, mut inbound) = (Instant::now(), inbound());
    let mut frames = Vec::new();
    for slot in 0..100_u64 {
        let now = start + ms(20 * slot);
        // A key is held for a second: its packets have numbers of the stream and the time at which it began.
        let key = packet(Codec::Pcmu, slot as u16, 20 * 160, Vec::new(), now);
        let next = if (20..70).contains(&slot) { key } else { speech(slot as u16, now) };
        inbound.push(next, now);
        frames.extend(drain(&mut inbound, now));
        let lag = slot as i64 - frames.len() as i64;
        assert!(lag <= 5, "at {slot} the track lags by {lag} frames");
    }
    let (statistics, filled) = (inbound.statistics(), inbound.filled());
    assert_eq!((statistics.lost, statistics.received, statistics.jitter), (0, 100, Duration::ZERO));
    assert_eq!((filled.concealed, filled.gaps), (0, 0), "{filled:?}");
    assert!((96..=100).contains(&frames.len()), "{} frames of 100", frames.len());
}

#[test]
fn audio_between_the_packets_of_a_key_is_no_longer_than_it_is() {
    let (start, mut inbound) = (Instant::now(), inbound());
    let mut frames = Vec::new();
    for slot in 0..100_u64 {
        let now = start + ms(20 * slot);
        // RFC 4733 lets a sender give audio and events side by side.
        if (20..70).contains(&slot) {
            inbound.push(packet(Codec::Pcmu, (slot + slot - 20) as u16, 20 * 160, Vec::new(), now), now);
        }
        let earlier = slot.saturating_sub(19).min(50);
        let audio = Packet { sequence: (slot + earlier) as u16, ..speech(slot as u16, now) };
        inbound.push(audio, now);
        frames.extend(drain(&mut inbound, now));
    }
    let (statistics, filled) = (inbound.statistics(), inbound.filled());
    assert_eq!((statistics.lost, statistics.resyncs, filled.gaps), (0, 0, 0), "{filled:?}");
    assert!((97..=100).contains(&frames.len()), "{} frames of 100", frames.len());
}

#[test]
fn silence_before_another_stream_is_no_gap_of_the_network() {
    let (start, mut inbound) = (Instant::now(), inbound());
    for slot in (0..50_u64).chain(100..150) {
        let now = start + ms(20 * slot);
        let of = speech(slot as u16, now);
        // After a hold the other side counts anew.
        let next = if slot < 100 {
            of
        } else {
            Packet { sequence: 40_000 + slot as u16, timestamp: 77 + slot as u32 * 160, ..of }
        };
        inbound.push(next, now);
        drain(&mut inbound, now);
        drain(&mut inbound, now + ms(19));
    }
    assert_eq!((inbound.filled().gaps, inbound.statistics().lost), (0, 0), "{:?}", inbound.filled());
}
