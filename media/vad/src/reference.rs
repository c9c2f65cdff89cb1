//! The detectors against numbers computed once with the published code (`tests/reference.json`), and against speech.

use std::path::Path;
use std::sync::LazyLock;

use domain::{AudioFrame, MediaTime, VadDecision};
use futures::FutureExt as _;
use inference::{Engine, Options, Store, store};
use serde::Deserialize;

use crate::log_mel::{self, LogMel};
use crate::silero::State;
use crate::window::{RATE_HZ, WINDOW};
use crate::{Vad, VadModels};

#[derive(Deserialize)]
struct Reference {
    end_of_turn: Vec<Judged>,
    log_mel: Vec<Seen>,
    voice: Vec<Voice>,
}

#[derive(Deserialize)]
struct Judged {
    file: String,
    samples: usize,
    /// By kind of processor.
    probabilities: [f32; 2],
}

#[derive(Deserialize)]
struct Seen {
    file: String,
    samples: usize,
    values: Vec<(usize, usize, f32)>,
}

#[derive(Deserialize)]
struct Voice {
    file: String,
    probabilities: Vec<f32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../tests/reference.json")).expect("valid")
}

static MODELS: LazyLock<(Engine, VadModels)> = LazyLock::new(|| {
    let store = Store::open(store::default_directory(|name| std::env::var_os(name)).expect("a home"));
    let engine =
        Engine::start(&Options::default(), &store).expect("the models are there: foundry models pull");
    let models = VadModels::load(&engine, &store).expect("the models are there: foundry models pull");
    // A process that ends while the runtime still loads ends in a crash.
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    runtime.block_on(engine.pool().background_done());
    (engine, models)
});

/// Samples of a 16 kHz mono WAV file of the test speech.
fn speech(file: &str) -> Vec<i16> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/speech").join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let data = bytes.windows(4).position(|w| w == b"data").expect("a WAV file") + 8;
    bytes[data..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

fn verdicts(vad: &mut Vad, samples: &[i16]) -> Vec<VadDecision> {
    let mut found = Vec::new();
    for (n, samples) in samples.chunks_exact(320).enumerate() {
        vad.push(&AudioFrame {
            samples: samples.to_vec(),
            rate_hz: RATE_HZ,
            at: MediaTime::from_millis(20 * n as u64),
        });
        while let Some(decision) = vad.next().now_or_never() {
            found.push(decision);
        }
    }
    found
}

/// CPU time of this thread.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    stat.split_whitespace().next().and_then(|ns| ns.parse().ok()).expect("a number")
}

fn noise(dbfs: f64, seconds: usize) -> Vec<i16> {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let amplitude = 10_f64.powf(dbfs / 20.0) * 3_f64.sqrt() * 32_767.0;
    (0..seconds * 16_000)
        .map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (((seed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0) * amplitude) as i16
        })
        .collect()
}

/// What the network says of every window, without a gate.
fn ungated(samples: &[i16]) -> Vec<f32> {
    let network = MODELS.1.network();
    let mut state = State::default();
    samples.chunks_exact(WINDOW).map(|window| network.probability(&mut state, window)).collect()
}

#[test]
fn our_arithmetic_gives_the_published_voice_probabilities() {
    for Voice { file, probabilities } in reference().voice {
        let found = ungated(&speech(&file));
        assert_eq!(found.len(), probabilities.len());
        let worst = found.iter().zip(&probabilities).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 2e-4, "{file}: {worst}");
    }
}

#[test]
fn the_model_sees_what_its_training_saw() {
    for Seen { file, samples, values } in reference().log_mel {
        let view = LogMel::new().of(&speech(&file)[..samples]);
        for (band, step, expected) in values {
            let found = view[band * log_mel::STEPS + step];
            assert!(
                (found - expected).abs() < 2e-3,
                "{file} band {band} step {step}: {found}, expected {expected}"
            );
        }
    }
}

/// The model's weights have 8 bits. Where a processor's products of those saturate its scores differ by up to 0.5 from where
/// they do not, with the published code, too: all must be those of one kind.
#[tokio::test]
async fn ends_of_turns_are_judged_as_the_published_code_does() {
    let end_of_turn = MODELS.1.end_of_turn();
    let mut worst = [(0.0_f32, String::new()), (0.0, String::new())];
    for Judged { file, samples, probabilities } in reference().end_of_turn {
        let at = MediaTime::from_samples(samples as u64, RATE_HZ);
        let score = end_of_turn.score(&speech(&file)[..samples], at).await.expect("room for one");
        assert_eq!(score.at, at);
        println!("{file} {samples}: {:.4}, published {probabilities:.4?}", score.probability);
        for (worst, published) in worst.iter_mut().zip(probabilities) {
            let off = (score.probability - published).abs();
            if off > worst.0 {
                *worst = (off, format!("{file} {samples}: {} where {published} is right", score.probability));
            }
        }
    }
    assert!(worst.iter().any(|(off, _)| *off < 0.03), "{worst:?}");
    assert!(end_of_turn.score(&[], MediaTime::ZERO).await.is_none());
}

#[test]
fn speech_is_found_at_its_onset_and_the_gate_loses_nothing() {
    for file in [
        "human_two_cities_1.wav",
        "human_two_cities_2.wav",
        "human_clone.wav",
        "desk_name.wav",
        "slt_s03.wav",
        "rms_s07.wav",
        "joe_s14.wav",
    ] {
        // A second of the quiet of a room, then speech.
        let mut samples = noise(-68.0, 1);
        samples.extend(speech(file));
        let decisions = verdicts(&mut MODELS.1.vad(), &samples);
        let first = |probabilities: &[f32]| probabilities.iter().position(|p| *p >= 0.5).expect("speech");
        let gated: Vec<f32> = decisions.iter().map(|d| d.probability).collect();
        let free = ungated(&samples);
        let (gated_first, free_first) = (first(&gated), first(&free));
        assert!(
            gated_first <= free_first + 1,
            "{file}: the gate found speech at {gated_first}, the network at {free_first}"
        );
        let loud =
            samples.chunks(160).position(|block| crate::window::level_dbfs(block) > -38.0).expect("speech")
                * 10;
        let found_ms = decisions[gated_first].to.as_millis() as usize;
        // This recording begins with a breath.
        let breath_ms = if file == "human_clone.wav" { 150 } else { 0 };
        assert!(found_ms <= loud + breath_ms + 100, "{file}: loud at {loud} ms, found at {found_ms} ms");
        let differ = gated.iter().zip(&free).filter(|(a, b)| (**a >= 0.5) != (**b >= 0.5)).count();
        assert!(
            differ * 25 <= free.len(),
            "{file}: {differ} of {} verdicts differ from the network's own",
            free.len()
        );
    }
}

#[test]
fn silence_and_noise_are_no_speech() {
    for samples in [vec![0; 10 * 16_000], noise(-50.0, 10), noise(-35.0, 10)] {
        let decisions = verdicts(&mut MODELS.1.vad(), &samples);
        assert_eq!(decisions.len(), samples.len() / WINDOW);
        let loudest = decisions.iter().map(|d| d.probability).fold(0.0, f32::max);
        assert!(loudest < 0.5, "{loudest}");
    }
}

#[test]
fn verdicts_follow_each_other_and_a_jump_of_the_track_is_survived() {
    let samples = speech("desk_name.wav");
    let mut vad = MODELS.1.vad();
    let decisions = verdicts(&mut vad, &samples);
    assert!(decisions.windows(2).all(|pair| pair[0].to == pair[1].from));
    let later = MediaTime::from_millis(60_000);
    for (n, samples) in samples.chunks_exact(320).enumerate() {
        vad.push(&AudioFrame {
            samples: samples.to_vec(),
            rate_hz: RATE_HZ,
            at: later + MediaTime::from_millis(20 * n as u64),
        });
    }
    let again: Vec<_> = std::iter::from_fn(|| vad.next().now_or_never()).collect();
    assert_eq!(again.first().map(|d| d.from), Some(later));
    assert!(again.iter().any(|d| d.probability > 0.9));
}

#[test]
fn costs() {
    const WINDOWS: u64 = 2_000;
    let samples = speech("human_two_cities_2.wav");
    let network = MODELS.1.network();
    let mut state = State::default();
    let began = cpu_ns();
    for window in samples.chunks_exact(WINDOW).cycle().take(WINDOWS as usize) {
        std::hint::black_box(network.probability(&mut state, window));
    }
    let asked = cpu_ns();
    let mut vad = MODELS.1.vad();
    verdicts(&mut vad, &vec![3; WINDOW * WINDOWS as usize]);
    let held_back = cpu_ns();
    let view = LogMel::new();
    let viewed = cpu_ns();
    for _ in 0..20 {
        std::hint::black_box(view.of(&samples));
    }
    let seen = cpu_ns();
    let ends = MODELS.1.end_of_turn();
    for _ in 0..5 {
        std::hint::black_box(ends.probability_here(&samples));
    }
    let judged = cpu_ns();
    println!(
        "CPU of one thread: {} us a window of 32 ms by the network, {:.1} us where the gate holds it back, {:.1} ms log-mel, {:.0} ms an end of turn",
        (asked - began) / WINDOWS / 1_000,
        (held_back - asked) as f64 / WINDOWS as f64 / 1e3,
        (seen - viewed) as f64 / 20e6,
        (judged - seen) as f64 / 5e6,
    );
    assert!(
        (asked - began) / WINDOWS < 2_000_000,
        "a window must cost a small part of the 32 ms it is about"
    );
}

/// How far the end of the voice is from the last sample that is audible at all, as a run of verdicts places it: as the turn
/// machine does, and by the network's probability alone.
fn placed_ms(file: &str) -> (i64, i64) {
    let mut samples = speech(file);
    let end = samples.iter().rposition(|sample| sample.unsigned_abs() >= 330).expect("a voice") + 1;
    samples.resize(samples.len() + 16_000, 0);
    let end = MediaTime::from_samples(end as u64, RATE_HZ).as_millis() as i64;
    let verdicts = verdicts(&mut MODELS.1.vad(), &samples);
    let voiced = |verdict: &&VadDecision| verdict.probability >= 0.35;
    let last = verdicts.iter().rfind(voiced).expect("a voice");
    let loud =
        verdicts.iter().filter(voiced).rfind(|verdict| verdict.loud_to > verdict.from).expect("a voice");
    (loud.loud_to.as_millis() as i64 - end, last.to.as_millis() as i64 - end)
}

#[test]
fn a_voice_ends_within_a_few_milliseconds_of_its_last_sound() {
    let files = ["desk_address.wav", "desk_book.wav", "desk_bye.wav", "desk_day_time.wav", "desk_hours.wav"];
    let more = ["desk_name.wav", "desk_phone.wav", "desk_price.wav", "desk_repeat.wav", "desk_yes.wav"];
    let placed: Vec<(i64, i64)> = files.iter().chain(&more).map(|file| placed_ms(file)).collect();
    println!("ms after the last sound, by loudness and by probability: {placed:?}");
    assert!(placed.iter().all(|(loud, _)| (-30..=45).contains(loud)), "{placed:?}");
    let mean = |of: fn(&(i64, i64)) -> i64| placed.iter().map(of).sum::<i64>() / placed.len() as i64;
    assert!(mean(|(loud, _)| *loud) + 40 < mean(|(_, probable)| *probable), "{placed:?}");
}
