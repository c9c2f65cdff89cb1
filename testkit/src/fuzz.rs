//! A fuzzer's driver without the fuzzer: on its corpus, on noise, and on the corpus with a few bytes changed.

use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// How much of each a driver is given.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Inputs of noise.
    pub noise: u64,
    /// Inputs that are the corpus with a few bytes changed.
    pub mutated: u64,
    /// Fewer bytes than this are changed in one.
    pub changes: usize,
}

impl Effort {
    /// Drives `target`, whose corpus lies in `fuzz/corpus/` of the crate at `root`. A failure names its seed: the last one printed.
    pub fn run(self, root: &str, target: &str, drive: impl Fn(&[u8])) {
        let corpus = corpus(&Path::new(root).join("fuzz/corpus").join(target));
        corpus.iter().for_each(|input| drive(input));
        for seed in 0..self.noise + self.mutated {
            eprintln!("{target}: seed {seed}");
            drive(&self.input(&corpus, seed));
        }
    }

    fn input(self, corpus: &[Vec<u8>], seed: u64) -> Vec<u8> {
        let mut random = StdRng::seed_from_u64(seed);
        if seed < self.noise {
            let mut input = vec![0; random.random_range(0..600)];
            random.fill_bytes(&mut input);
            return input;
        }
        let mut input = corpus[random.random_range(0..corpus.len())].clone();
        for _ in 0..random.random_range(1..self.changes) {
            let at = random.random_range(0..input.len());
            input[at] = random.random();
        }
        input
    }
}

fn corpus(folder: &Path) -> Vec<Vec<u8>> {
    let files =
        std::fs::read_dir(folder).unwrap_or_else(|error| unreachable!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.expect("readable").path()).collect();
    paths.sort();
    assert!(paths.len() > 1, "the corpus in {} is missing", folder.display());
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}
