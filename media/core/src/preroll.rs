//! How long to hold the first audio back so that a vendor's gaps are not heard: learned, and nothing where there are none.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Stretches of speech that are remembered.
const REMEMBERED: usize = 32;
/// Added where there are gaps at all: audio must be there before it is due, not just in time.
const MARGIN: Duration = Duration::from_millis(10);

/// What one vendor's stream needed: the delay with which playing would never have run dry, for each stretch.
#[derive(Debug, Clone)]
pub struct Preroll {
    initial: Duration,
    max: Duration,
    needs: VecDeque<Duration>,
    stretch: Option<Stretch>,
}

/// Audio that the vendor makes without waiting for text: at most a sentence.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    first: Instant,
    media: Duration,
    need: Duration,
    pushes: u32,
}

impl Preroll {
    /// `initial` holds until something was observed.
    #[must_use]
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self { initial, max, needs: VecDeque::with_capacity(REMEMBERED), stretch: None }
    }

    pub fn pushed(&mut self, length: Duration, now: Instant) {
        let stretch = self.stretch.get_or_insert(Stretch {
            first: now,
            media: Duration::ZERO,
            need: Duration::ZERO,
            pushes: 0,
        });
        // Played from `first + need` on, the audio before this piece would have lasted until just now.
        let need = now.saturating_duration_since(stretch.first).saturating_sub(stretch.media);
        if stretch.pushes > 0 {
            stretch.need = stretch.need.max(need);
        }
        stretch.media += length;
        stretch.pushes += 1;
    }

    /// What comes next may come late for reasons of its own (the dialogue was thinking).
    pub fn stretch_ended(&mut self) {
        let Some(stretch) = self.stretch.take().filter(|stretch| stretch.pushes > 1) else { return };
        if self.needs.len() == REMEMBERED {
            self.needs.pop_front();
        }
        self.needs.push_back(stretch.need);
    }

    /// Hold the first audio back so long: the 95th percentile of what was needed.
    #[must_use]
    pub fn target(&self) -> Duration {
        if self.needs.is_empty() {
            return self.initial.min(self.max);
        }
        let mut sorted: Vec<_> = self.needs.iter().copied().collect();
        sorted.sort_unstable();
        let need = sorted[(sorted.len() - 1) * 95 / 100];
        if need.is_zero() { need } else { (need + MARGIN).min(self.max) }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn after(stretches: u32, pieces: &[(u64, u64)]) -> Duration {
        let mut preroll = Preroll::new(ms(40), ms(200));
        for _ in 0..stretches {
            let start = Instant::now();
            for (at, length) in pieces {
                preroll.pushed(ms(*length), start + ms(*at));
            }
            preroll.stretch_ended();
        }
        preroll.target()
    }

    #[test]
    fn a_vendor_faster_than_real_time_is_not_held_back() {
        assert_eq!(after(0, &[]), ms(40), "before anything is known");
        assert_eq!(after(3, &[(0, 100), (50, 100), (100, 100)]), ms(0));
    }

    #[test]
    fn a_vendor_with_gaps_is_held_back_by_what_they_need_and_no_more() {
        assert_eq!(after(3, &[(0, 20), (100, 1_000), (900, 200)]), ms(90));
        assert_eq!(after(3, &[(0, 20), (5_000, 20)]), ms(200), "bounded");
    }
}
