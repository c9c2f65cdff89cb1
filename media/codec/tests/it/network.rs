use domain::{AudioFrame, MediaTime};
use media_codec::{decoders, opus};
use media_core::inbound::{Inbound, Options, Output};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// What a network does to packets of 20 ms.
#[derive(Clone, Copy)]
struct Network {
    loss: f64,
    jitter_ms: u64,
    duplicates: f64,
}

const CLEAN: Network = Network { loss: 0.0, jitter_ms: 0, duplicates: 0.0 };
const BAD: Network = Network { loss: 0.10, jitter_ms: 60, duplicates: 0.05 };

struct Heard {
    samples: Vec<i16>,
    inbound: Inbound,
    /// Largest number of frames that the track was behind what had been sent.
    lag: i64,
}

/// Sends payloads through the network into an `Inbound` that is woken as its deadlines say.
fn listen(payloads: &[Option<Bytes>], network: Network, seed: u64) -> Heard {
    println!("seed {seed}");
    let (start, mut random) = (Instant::now(), StdRng::seed_from_u64(seed));
    let ms = Duration::from_millis;
    let (mut arrivals, mut sequence) = (Vec::new(), 65_000_u16);
    for (slot, payload) in payloads.iter().enumerate() {
        let Some(payload) = payload else { continue };
        let timestamp = (slot as u32).wrapping_mul(960).wrapping_sub(100_000);
        let copies = if random.random_bool(network.loss) {
            0
        } else {
            1 + usize::from(random.random_bool(network.duplicates))
        };
        for _ in 0..copies {
            let at = start + ms(20 * slot as u64 + random.random_range(0..=network.jitter_ms));
            arrivals.push(packet(sequence, timestamp, payload.clone(), at));
        }
        sequence = sequence.wrapping_add(1);
    }
    arrivals.sort_by_key(|packet| packet.at);
    let mut inbound = Inbound::new(Options::default(), decoders());
    inbound.start(start);
    let (mut frames, mut lag): (Vec<AudioFrame>, i64) = (Vec::new(), 0);
    let mut arrivals = arrivals.into_iter().peekable();
    let end = start + ms(20 * payloads.len() as u64 + 500);
    let mut now = start;
    while now < end {
        while let Some(packet) = arrivals.next_if(|packet| packet.at <= now) {
            inbound.push(packet, now);
        }
        let due = loop {
            match inbound.poll(now) {
                Output::Frame(frame) => frames.push(frame),
                Output::Wait(due) => break due,
            }
        };
        lag = lag.max((now - start).as_millis() as i64 / 20 - frames.len() as i64);
        let next = [due, arrivals.peek().map(|packet| packet.at)].into_iter().flatten().min();
        let next = next.unwrap_or(end).min(end);
        assert!(next > now, "a deadline in the past would spin");
        now = next;
    }
    for (n, frame) in frames.iter().enumerate() {
        assert_eq!((frame.at, frame.samples.len()), (MediaTime::from_millis(20 * n as u64), 320));
    }
    Heard { samples: frames.into_iter().flat_map(|frame| frame.samples).collect(), inbound, lag }
}

/// The best correlation of the envelopes over the delays that a track may have.
fn likeness(original: &[i16], heard: &[i16]) -> f32 {
    let original = envelope(original);
    (0..10)
        .map(|delay| correlation(&original, &envelope(&heard[(delay * 160).min(heard.len())..])))
        .fold(-1.0, f32::max)
}

#[test]
fn a_clean_network_delays_nothing_and_changes_nothing() {
    let original = speech();
    let heard = listen(&encode(&original, &opus::Options::default()), CLEAN, 1);
    let likeness = likeness(&original, &heard.samples);
    assert!(likeness > 0.98, "envelope correlation {likeness}");
    assert!(heard.lag <= 4, "the track lags by {} frames at the end of the stream", heard.lag);
    let statistics = heard.inbound.statistics();
    assert_eq!((statistics.lost, statistics.late, heard.inbound.filled().concealed), (0, 0, 0));
}

#[test]
fn ten_percent_loss_jitter_reordering_and_duplicates_leave_speech_that_looks_like_the_original() {
    let original = speech();
    let options = opus::Options { expected_loss_percent: 10, ..opus::Options::default() };
    let payloads = encode(&original, &options);
    for seed in 0..5 {
        let heard = listen(&payloads, BAD, seed);
        let (statistics, filled) = (heard.inbound.statistics(), heard.inbound.filled());
        let likeness = likeness(&original, &heard.samples);
        println!(
            "likeness {likeness:.3}, lag {} frames, wait {:?}, {statistics:?}, {filled:?}",
            heard.lag, statistics.jitter
        );
        assert!(likeness > 0.90, "envelope correlation {likeness}");
        assert!(statistics.duplicates > 0 && statistics.reordered > 0, "the network was bad");
        let lost = statistics.lost as f64 / payloads.len() as f64;
        assert!((0.05..0.16).contains(&lost), "{lost} given up where 0.10 were lost");
        assert!(filled.recovered * 2 > filled.concealed, "redundancy serves: {filled:?}");
        let drift = heard.samples.len() as i64 / 16 - (original.len() as i64 / 16 + 500);
        assert!(
            drift.abs() < 400,
            "the track is {drift} ms off the sender's clock after {} s",
            original.len() / 16_000
        );
        assert!(heard.lag <= 12, "lags by {} frames", heard.lag);
    }
}

#[test]
fn pauses_that_are_not_sent_and_three_seconds_of_nothing_are_silence_in_time() {
    let mut original = speech();
    let at = original.len() / 2 / 320 * 320;
    original.splice(at..at, vec![0; 48_000]);
    let options =
        opus::Options { discontinuous: true, expected_loss_percent: 10, ..opus::Options::default() };
    let mut payloads = encode(&original, &options);
    let skipped = payloads.iter().filter(|payload| payload.is_none()).count();
    assert!(skipped > 50, "only {skipped} frames were left out");
    payloads[at / 320..at / 320 + 150].fill(None);
    for seed in 0..5 {
        let heard = listen(&payloads, BAD, 100 + seed);
        let likeness = likeness(&original, &heard.samples);
        println!("likeness {likeness:.3}, lag {} frames, {:?}", heard.lag, heard.inbound.filled());
        assert!(likeness > 0.85, "envelope correlation {likeness}");
        assert!(heard.lag <= 12, "the track stood still for {} frames", heard.lag);
        let middle = &heard.samples[at + 8_000..at + 40_000];
        assert!(rms_dbfs(middle) < -60.0, "nothing rings on through the pause: {}", rms_dbfs(middle));
    }
}
