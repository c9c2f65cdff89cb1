//! Chance in tests that can be had again: every property runs from one seed, which is in the output of a test that failed.

use std::hash::{BuildHasher, Hasher, RandomState};

use proptest::test_runner::{Config, RngSeed};

/// Takes the place of chance.
const VARIABLE: &str = "FOUNDRY_SEED";

/// The seed of this run: `FOUNDRY_SEED`, or chosen by chance. A test's output is shown when it fails, and with it the seed.
#[must_use]
pub fn seed() -> u64 {
    let given = std::env::var(VARIABLE).ok().map(|text| text.parse().expect("FOUNDRY_SEED is a number"));
    let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    eprintln!("seed = {seed}; {VARIABLE}={seed} repeats this run");
    seed
}

/// So many cases of a property from the seed. Nothing is written beside the sources: the seed tells it all.
#[must_use]
pub fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed()), ..Config::default() }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;

    fn drawn(config: Config) -> Vec<u32> {
        let seen = RefCell::new(Vec::new());
        let run = TestRunner::new(config).run(&any::<u32>(), |n| {
            seen.borrow_mut().push(n);
            Ok(())
        });
        run.expect("nothing is asserted");
        seen.into_inner()
    }

    #[test]
    fn the_same_seed_draws_the_same_cases() {
        let config = cases(20);
        let (first, again, other) = (drawn(config.clone()), drawn(config), drawn(cases(20)));
        assert_eq!((first.len(), &first), (20, &again));
        assert!(first != other || std::env::var(VARIABLE).is_ok(), "chance where no seed is given");
    }
}
