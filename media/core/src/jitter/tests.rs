#![expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]

use super::*;
use proptest::prelude::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The `n`-th packet of a stream that began at `sequence`, 20 ms of mu-law each, with `n` in its payload.
fn packet(sequence: u16, n: u32, at: Instant) -> Packet {
    let mut payload = vec![0; 160];
    payload[..4].copy_from_slice(&n.to_be_bytes());
    Packet {
        codec: Codec::Pcmu,
        sequence: sequence.wrapping_add(n as u16),
        timestamp: 0xffff_f000_u32.wrapping_add(n * 160),
        marker: false,
        payload: payload.into(),
        at,
    }
}

fn number(packet: &Packet) -> u32 {
    u32::from_be_bytes(packet.payload[..4].try_into().expect("our own payload"))
}

/// Everything that can be had at `now`.
fn drain(jitter: &mut Jitter, now: Instant) -> Vec<Slot> {
    std::iter::from_fn(|| Some(jitter.poll(now)).filter(|slot| !matches!(slot, Slot::Wait(_)))).collect()
}

fn numbers(slots: &[Slot]) -> Vec<Option<u32>> {
    slots
        .iter()
        .map(|slot| match slot {
            Slot::Packet(packet) => Some(number(packet)),
            _ => None,
        })
        .collect()
}

#[test]
fn packets_in_order_pass_at_once_across_the_wrap_of_sequence_and_timestamp() {
    let (start, mut jitter) = (Instant::now(), Jitter::new(Options::default()));
    for n in 0..400 {
        let now = start + ms(20 * u64::from(n));
        jitter.push(packet(65_400, n, now), now);
        assert_eq!(numbers(&drain(&mut jitter, now)), [Some(n)]);
    }
    let statistics = jitter.statistics();
    assert_eq!((statistics.lost, statistics.reordered, statistics.jitter), (0, 0, Duration::ZERO));
}

#[test]
fn a_missing_packet_is_waited_for_and_then_given_up_with_the_next_at_hand() {
    let (start, mut jitter) = (Instant::now(), Jitter::new(Options::default()));
    jitter.push(packet(7, 0, start), start);
    jitter.push(packet(7, 2, start + ms(40)), start + ms(40));
    assert_eq!(numbers(&drain(&mut jitter, start + ms(40))), [Some(0)]);
    let Slot::Wait(Some(due)) = jitter.poll(start + ms(41)) else { panic!("must wait") };
    assert_eq!(due, start + ms(60), "no lateness was seen yet: the least wait");
    let Slot::Hole { duration, cause: Cause::Lost { next: Some(next) }, .. } = jitter.poll(due) else {
        panic!("given up when due")
    };
    assert_eq!(duration, MediaTime::from_millis(20));
    assert_eq!(next, packet(7, 2, start).payload);
    assert_eq!(numbers(&drain(&mut jitter, due)), [Some(2)]);
    jitter.push(packet(7, 1, due + ms(1)), due + ms(1));
    assert_eq!(drain(&mut jitter, due + ms(1)), [], "too late");
    assert_eq!((jitter.statistics().lost, jitter.statistics().late), (1, 1));
    assert_eq!(jitter.wait(), ms(26), "the lateness that was seen and the margin");
}

#[test]
fn the_wait_grows_with_what_is_seen_and_shrinks_again() {
    let (start, mut jitter) = (Instant::now(), Jitter::new(Options::default()));
    for (n, at) in [(0, 0), (2, 40), (1, 110)] {
        jitter.push(packet(0, n, start + ms(at)), start + ms(at));
        drain(&mut jitter, start + ms(at));
    }
    let grown = jitter.wait();
    assert!(grown >= ms(74), "{grown:?}");
    for n in 3..3_000 {
        let now = start + ms(20 * u64::from(n));
        jitter.push(packet(0, n, now), now);
        drain(&mut jitter, now);
    }
    assert_eq!(jitter.wait(), ms(20), "a minute of order is enough to forget");
}

#[test]
fn a_pause_of_the_sender_is_no_loss() {
    let (start, mut jitter) = (Instant::now(), Jitter::new(Options::default()));
    jitter.push(packet(9, 0, start), start);
    drain(&mut jitter, start);
    let mut after = packet(9, 1, start + ms(3_020));
    after.timestamp = after.timestamp.wrapping_add(8_000 * 3);
    jitter.push(after, start + ms(3_020));
    let slots = drain(&mut jitter, start + ms(3_020));
    assert!(
        matches!(slots[0], Slot::Hole { duration, cause: Cause::Pause, .. } if duration == MediaTime::from_millis(3_000)),
        "{slots:?}"
    );
    assert_eq!(jitter.statistics().lost, 0);
}

#[test]
fn a_new_stream_is_followed_without_losing_its_first_packet_and_a_stray_is_not() {
    let (start, mut jitter) = (Instant::now(), Jitter::new(Options::default()));
    for n in 0..3 {
        jitter.push(packet(100, n, start), start);
    }
    jitter.push(packet(30_000, 77, start), start);
    assert_eq!(numbers(&drain(&mut jitter, start)), [Some(0), Some(1), Some(2)]);
    jitter.push(packet(100, 3, start), start);
    assert_eq!(numbers(&drain(&mut jitter, start)), [Some(3)], "the stray is forgotten");
    jitter.push(packet(40_000, 0, start), start);
    jitter.push(packet(40_000, 1, start), start);
    assert_eq!(numbers(&drain(&mut jitter, start)), [Some(0), Some(1)], "no hole between the streams");
    assert_eq!((jitter.statistics().resyncs, jitter.statistics().lost), (1, 0));
}

#[test]
fn a_clock_that_jumps_back_is_no_pause() {
    let (start, mut jitter) = (Instant::now(), Jitter::new(Options::default()));
    for n in 0..4 {
        let mut packet = packet(5, n, start);
        packet.timestamp = if n < 2 { 900_000 + n * 160 } else { 50 + n * 160 };
        jitter.push(packet, start);
    }
    assert_eq!(numbers(&drain(&mut jitter, start)), [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(jitter.statistics().resyncs, 1);
}

#[test]
fn a_flood_that_nobody_polls_is_bounded() {
    let (start, mut jitter) = (Instant::now(), Jitter::new(Options::default()));
    for n in 0..10_000 {
        jitter.push(packet(0, n, start), start);
    }
    assert_eq!(drain(&mut jitter, start).len(), Options::default().capacity * 2);
    assert!(jitter.statistics().overflow > 9_000);
}

#[derive(Debug, Clone)]
struct Fate {
    delay_ms: u64,
    copies: usize,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = (0..60_u64, prop_oneof![1 => Just(0_usize), 8 => Just(1), 1 => Just(2)])
        .prop_map(|(delay_ms, copies)| Fate { delay_ms, copies });
    proptest::collection::vec(fate, 20..300)
}

/// Packets with their arrival times, in order of arrival.
fn network(sequence: u16, fates: &[Fate], start: Instant) -> Vec<Packet> {
    let mut arrivals: Vec<Packet> = fates
        .iter()
        .enumerate()
        .flat_map(|(n, fate)| {
            (0..fate.copies).map(move |copy| {
                let at = ms(20 * n as u64 + fate.delay_ms * (copy as u64 + 1));
                packet(sequence, n as u32, start + at)
            })
        })
        .collect();
    arrivals.sort_by_key(|packet| packet.at);
    arrivals
}

proptest! {
    #![proptest_config(testkit::seed::cases(400))]

    /// Whatever is lost, doubled or late by up to 60 ms: what comes out is in order, without a duplicate, and holes and
    /// packets together are as long as what was sent between the first and the last packet given out.
    #[test]
    fn output_is_in_order_complete_in_time_and_without_duplicates(sequence: u16, fates in fates()) {
        let start = Instant::now();
        let mut jitter = Jitter::new(Options { wait_min_ms: 120, ..Options::default() });
        let arrivals = network(sequence, &fates, start);
        prop_assume!(!arrivals.is_empty());
        // A stream cannot be put in order before its first packet.
        let (mut given, mut last): (u64, Option<u32>) = (0, None);
        let end = arrivals.last().map_or(start, |packet| packet.at) + ms(1_000);
        let mut slots = Vec::new();
        for packet in &arrivals {
            // A deadline that lies before this arrival is served first, as the shell does.
            slots.extend(drain(&mut jitter, packet.at));
            jitter.push(packet.clone(), packet.at);
            slots.extend(drain(&mut jitter, packet.at));
        }
        slots.extend(drain(&mut jitter, end));
        let first = numbers(&slots).into_iter().flatten().next();
        for slot in &slots {
            match slot {
                Slot::Packet(packet) => {
                    let n = number(packet);
                    prop_assert!(last.is_none_or(|last| n > last), "{n} after {last:?}");
                    last = Some(n);
                    given += 20;
                }
                Slot::Hole { duration, .. } => given += duration.as_millis(),
                Slot::Wait(_) => {}
            }
        }
        let span = first.zip(last).map_or(0, |(first, last)| u64::from(last - first + 1) * 20);
        prop_assert_eq!(given, span);
        let delivered = jitter.statistics().delivered;
        let sent = fates.iter().enumerate().filter(|(n, fate)| fate.copies > 0 && Some(*n as u32) >= first).count();
        prop_assert_eq!(delivered, sent as u64, "with a wait of 120 ms nothing that comes within 60 ms is given up");
    }

    /// The same with the learned wait: order and duration hold, and it learns to lose little.
    #[test]
    fn the_learned_wait_keeps_order_and_duration(sequence: u16, fates in fates()) {
        let start = Instant::now();
        let mut jitter = Jitter::new(Options::default());
        let (mut given, mut first, mut last): (u64, Option<u32>, Option<u32>) = (0, None, None);
        for packet in network(sequence, &fates, start) {
            let now = packet.at;
            jitter.push(packet, now);
            for slot in drain(&mut jitter, now) {
                match slot {
                    Slot::Packet(packet) => {
                        prop_assert!(last.is_none_or(|last| number(&packet) > last));
                        first.get_or_insert(number(&packet));
                        last = Some(number(&packet));
                        given += 20;
                    }
                    Slot::Hole { duration, .. } => given += duration.as_millis(),
                    Slot::Wait(_) => {}
                }
            }
        }
        for slot in drain(&mut jitter, start + ms(1_000_000)) {
            match slot {
                Slot::Packet(packet) => { last = Some(number(&packet)); first.get_or_insert(number(&packet)); given += 20; }
                Slot::Hole { duration, .. } => given += duration.as_millis(),
                Slot::Wait(_) => {}
            }
        }
        let span = first.zip(last).map_or(0, |(first, last)| u64::from(last - first + 1) * 20);
        prop_assert_eq!(given, span);
    }
}
