//! Where a vendor's positions lie in the audio we were given, when silence was put in between: to keep a socket alive, to fill a message.

use std::time::Duration;

/// So many stretches of silence are remembered one by one; what is older is before everything that vendors still speak of.
const REMEMBERED: usize = 64;

/// Counts one connection's audio.
#[derive(Debug, Clone)]
pub struct Positions {
    rate_hz: u32,
    /// Samples that were sent, inserted ones included.
    sent: u64,
    /// Begin and length of silence that we inserted, in samples sent.
    inserted: Vec<(u64, u64)>,
    /// Length of what was inserted before all of `inserted`.
    forgotten: u64,
}

impl Positions {
    #[must_use]
    pub const fn new(rate_hz: u32) -> Self {
        Self { rate_hz, sent: 0, inserted: Vec::new(), forgotten: 0 }
    }

    /// Audio that we were given was sent.
    pub const fn sent(&mut self, samples: usize) {
        self.sent += samples as u64;
    }

    /// Silence of our own was sent.
    pub fn inserted(&mut self, samples: usize) {
        if self.inserted.len() == REMEMBERED {
            self.forgotten += self.inserted.remove(0).1;
        }
        self.inserted.push((self.sent, samples as u64));
        self.sent += samples as u64;
    }

    /// The position after everything that was sent, as the vendor counts.
    #[must_use]
    pub fn end(&self) -> Duration {
        Duration::from_secs_f64(self.sent as f64 / f64::from(self.rate_hz))
    }

    /// The vendor's position in the audio that we were given.
    #[must_use]
    pub fn given(&self, vendors: Duration) -> Duration {
        let at = vendors.as_secs_f64() * f64::from(self.rate_hz);
        let before: f64 = self
            .inserted
            .iter()
            .map(|&(from, length)| (at - from as f64).clamp(0.0, length as f64))
            .sum::<f64>()
            + self.forgotten as f64;
        Duration::from_secs_f64((at - before).max(0.0) / f64::from(self.rate_hz))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_that_was_inserted_takes_no_time() {
        let mut positions = Positions::new(16_000);
        positions.sent(16_000);
        positions.inserted(8_000);
        positions.sent(16_000);
        let at = |millis| positions.given(Duration::from_millis(millis)).as_millis();
        assert_eq!([at(500), at(1_000), at(1_250), at(1_500), at(2_000)], [500, 1_000, 1_000, 1_000, 1_500]);
        assert_eq!(positions.end().as_millis(), 2_500);
    }

    #[test]
    fn what_was_inserted_long_ago_still_counts() {
        let mut positions = Positions::new(1_000);
        for _ in 0..2 * REMEMBERED {
            positions.sent(900);
            positions.inserted(100);
        }
        assert_eq!(positions.given(positions.end()).as_millis(), 900 * 2 * REMEMBERED as u128);
    }
}
