//! The fuzzers' drivers without a fuzzer: on their corpus, on noise, and on the corpus with a few bytes changed.

#[path = "../../fuzz/drive.rs"]
mod drive;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

const NOISE: u64 = 1_000;
const MUTATED: u64 = 4_000;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| unreachable!("{folder}: {error}"));
    let mut paths: Vec<_> = files.map(|file| file.expect("readable").path()).collect();
    paths.sort();
    assert!(paths.len() > 1, "the corpus of {target} is missing");
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// A failure names its seed: the last one printed.
fn run(target: &str, drive: impl Fn(&[u8])) {
    let corpus = corpus(target);
    corpus.iter().for_each(|input| drive(input));
    for seed in 0..NOISE + MUTATED {
        eprintln!("{target}: seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let input = if seed < NOISE {
            let mut input = vec![0; random.random_range(0..600)];
            random.fill_bytes(&mut input);
            input
        } else {
            let mut input = corpus[random.random_range(0..corpus.len())].clone();
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..input.len());
                input[at] = random.random();
            }
            input
        };
        drive(&input);
    }
}

#[test]
fn nothing_a_carrier_sends_makes_the_reader_panic_or_lose_count() {
    run("twilio", drive::twilio);
}

#[test]
fn nothing_a_pipecat_client_sends_makes_the_reader_panic_or_lose_count() {
    run("pipecat", drive::pipecat);
}

#[test]
fn every_message_of_a_client_is_answered_in_words_that_it_can_read() {
    run("rtvi", drive::rtvi);
}
