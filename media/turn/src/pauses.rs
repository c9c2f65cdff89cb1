//! How long this caller pauses inside a turn. Learns from pauses after which the turn went on; knows nothing else.

use std::collections::VecDeque;
use std::time::Duration;

use crate::options::ms;

/// Pauses remembered; older ones make way, since a caller warms up or tires.
const REMEMBERED: usize = 16;
/// Pauses before they say anything about the caller.
const ENOUGH: usize = 3;
/// The part of the caller's pauses that the wait must outlast.
const QUANTILE: f64 = 0.8;
/// Beyond the pause, so that voice that comes back is noticed in time.
const MARGIN: Duration = Duration::from_millis(100);
/// Shorter pauses belong to articulation.
const SHORTEST: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Pauses {
    recent: VecDeque<Duration>,
}

impl Pauses {
    /// A pause inside a turn; `weight` above 1 where we had mistaken it for the end.
    pub(crate) fn learn(&mut self, pause: Duration, weight: usize) {
        if pause < SHORTEST {
            return;
        }
        for _ in 0..weight {
            if self.recent.len() == REMEMBERED {
                self.recent.pop_front();
            }
            self.recent.push_back(pause);
        }
    }

    /// The silence that this caller must be given; zero for one who pauses no longer than `typical_ms`.
    pub(crate) fn patience(&self, typical_ms: u32) -> Duration {
        if self.recent.len() < ENOUGH {
            return Duration::ZERO;
        }
        let mut sorted: Vec<_> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let at = ((sorted.len() - 1) as f64 * QUANTILE).round() as usize;
        sorted
            .get(at)
            .filter(|pause| **pause > ms(typical_ms))
            .map_or(Duration::ZERO, |pause| *pause + MARGIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_pauses_are_learned_and_forgotten() {
        let mut pauses = Pauses::default();
        pauses.learn(ms(900), 2);
        assert_eq!(pauses.patience(300), Duration::ZERO, "two are not enough");
        pauses.learn(ms(900), 1);
        assert_eq!(pauses.patience(300), ms(1000));
        pauses.learn(ms(20), 20);
        assert_eq!(pauses.patience(300), ms(1000), "articulation is no pause");
        pauses.learn(ms(200), REMEMBERED);
        assert_eq!(pauses.patience(300), Duration::ZERO);
    }
}
