#![expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]

use std::time::Duration;

use super::*;
use crate::codec::plain_encoder;
use crate::packet::Codec;
use crate::playout::Options;

fn run(outbound: &mut Outbound, now: &mut Instant, millis: u64) -> Vec<Packet> {
    let mut packets = Vec::new();
    for _ in 0..millis / 10 {
        packets.extend(std::iter::from_fn(|| outbound.tick(*now)).map(|sent| sent.packet));
        *now += Duration::from_millis(10);
    }
    packets
}

fn speak(outbound: &mut Outbound, turn: u32, now: Instant) {
    let tone: Vec<i16> = (0..24_000).map(|n| (8_000.0 * (n as f32 * 0.1).sin()) as i16).collect();
    outbound.playout().push(TurnId(turn), &tone, 24_000, now).expect("a rate we know");
    outbound.playout().end(TurnId(turn), now);
}

#[test]
fn one_timeline_goes_through_turns_legs_and_codecs() {
    let mut now = Instant::now();
    let playout = Playout::new(Options::default()).expect("valid");
    let encoder = plain_encoder(Codec::Pcmu).expect("G.711");
    let mut outbound = Outbound::new(playout, encoder, 65_530, u32::MAX - 500).expect("rates we know");
    let start = now;
    let mut packets = Vec::new();
    for turn in 0..3 {
        speak(&mut outbound, turn, now);
        packets.extend(run(&mut outbound, &mut now, 2_000));
    }
    assert!(packets.iter().all(|packet| packet.payload.len() == 160));
    for (n, packet) in packets.iter().enumerate() {
        assert_eq!(packet.sequence, 65_530_u16.wrapping_add(n as u16));
        let passed = (packet.at - start).as_millis() as u32 * 8;
        assert_eq!(packet.timestamp, (u32::MAX - 500).wrapping_add(passed));
    }
    assert_eq!(packets.iter().filter(|packet| packet.marker).count(), 3, "once for each talkspurt");

    let last = packets.last().expect("packets").sequence;
    speak(&mut outbound, 9, now);
    run(&mut outbound, &mut now, 500);
    outbound
        .replace_encoder(plain_encoder(Codec::Pcm16 { rate_hz: 16_000 }).expect("PCM"))
        .expect("rates we know");
    let packets = run(&mut outbound, &mut now, 500);
    assert_eq!(packets.len(), 25, "the turn goes on on the new leg");
    assert_eq!(packets[0].sequence, last.wrapping_add(26));
    assert!(packets.iter().all(|packet| packet.payload.len() == 640));
}
