//! What a provider's own measures say of how long it takes: a small histogram of recent samples that can be merged.
//!
//! Buckets grow by an eighth, so that a quantile is at most that much too high. Old samples fade: when the weight is
//! full, all counts are halved. A request that was given up counts with the time it was waited for; without these the
//! slow ones would be missing and the deadline would shrink by itself.

use std::time::Duration;

use crate::options::Bounds;

const BUCKETS: usize = 64;
const FIRST_MS: f64 = 5.0;
const RATIO: f64 = 1.125;
/// Fewer samples say nothing about the slowest twentieth.
const LEAST: u32 = 20;
/// About the last 250 to 500 samples count.
const FULL: u32 = 512;
const SLOWEST: f64 = 0.95;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    counts: [u32; BUCKETS],
    total: u32,
}

impl Default for Learned {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0 }
    }
}

impl Learned {
    pub fn record(&mut self, took: Duration) {
        self.counts[bucket(took)] += 1;
        self.total += 1;
        self.fade();
    }

    /// Takes what another has measured.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
        self.total = self.total.saturating_add(other.total);
        self.fade();
    }

    /// `None` until enough was measured.
    #[must_use]
    pub fn p95(&self) -> Option<Duration> {
        self.quantile(SLOWEST)
    }

    /// The time that this share of the samples does not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        if self.total < LEAST {
            return None;
        }
        let wanted = (f64::from(self.total) * share).ceil() as u32;
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        Some(upper(reached.unwrap_or(BUCKETS - 1)))
    }

    /// How long progress is waited for: twice the p95, within the limits.
    #[must_use]
    pub fn deadline(&self, bounds: Bounds) -> Duration {
        bounds.apply(self.p95().map(|p95| p95 * 2))
    }

    fn fade(&mut self) {
        while self.total > FULL {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
    }
}

fn bucket(took: Duration) -> usize {
    let over = (took.as_secs_f64() * 1_000.0 / FIRST_MS).max(1.0);
    ((over.ln() / RATIO.ln()) as usize).min(BUCKETS - 1)
}

fn upper(bucket: usize) -> Duration {
    Duration::from_secs_f64(FIRST_MS * RATIO.powi(bucket as i32 + 1) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: impl Iterator<Item = u64>) -> Learned {
        let mut learned = Learned::default();
        samples.for_each(|ms| learned.record(Duration::from_millis(ms)));
        learned
    }

    #[test]
    fn the_slowest_twentieth_is_found_within_a_bucket() {
        let learned = of((1..=200).map(|n| n * 5));
        let p95 = learned.p95().expect("enough").as_millis();
        assert!((950..=1_070).contains(&p95), "{p95}");
        assert_eq!(of(1..=19).p95(), None);
    }

    #[test]
    fn a_provider_that_becomes_slow_is_noticed_and_one_that_recovers_is_forgiven() {
        let mut learned = of((0..400).map(|_| 100));
        (0..100).for_each(|_| learned.record(Duration::from_millis(800)));
        assert!(learned.p95() > Some(Duration::from_millis(700)));
        (0..2_000).for_each(|_| learned.record(Duration::from_millis(100)));
        assert!(learned.p95() < Some(Duration::from_millis(130)));
    }

    #[test]
    fn what_others_measured_counts_as_if_measured_here() {
        let mut merged = of((0..30).map(|_| 100));
        merged.merge(&of((0..30).map(|_| 900)));
        assert_eq!(merged, of((0..60).map(|n| if n % 2 == 0 { 100 } else { 900 })));
    }

    #[test]
    fn extremes_have_a_bucket() {
        let learned = of((0..40).map(|n| if n % 2 == 0 { 0 } else { 3_600_000 }));
        assert!(learned.p95().is_some_and(|p95| p95 > Duration::from_secs(5)));
    }
}
