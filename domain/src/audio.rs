//! Audio as the whole house counts it: 16-bit mono frames and one unit of media time.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The length of one frame everywhere in the media path.
pub const FRAME: Duration = Duration::from_millis(20);

/// A position on a track, counted in 1/48000 s from the track's first sample: 8, 12, 16, 24 and 48 kHz positions are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaTime(pub u64);

impl MediaTime {
    pub const ZERO: Self = Self(0);
    /// Units in a second.
    pub const RATE: u32 = 48_000;

    /// The position after `samples` at `rate_hz`.
    #[must_use]
    pub const fn from_samples(samples: u64, rate_hz: u32) -> Self {
        Self((samples as u128 * Self::RATE as u128 / rate_hz as u128) as u64)
    }

    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * (Self::RATE as u64 / 1000))
    }

    #[must_use]
    pub const fn from_duration(duration: Duration) -> Self {
        Self((duration.as_nanos() * Self::RATE as u128 / 1_000_000_000) as u64)
    }

    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_nanos((self.0 as u128 * 1_000_000_000 / Self::RATE as u128) as u64)
    }

    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / (Self::RATE as u64 / 1000)
    }

    /// How many samples at `rate_hz` lie before this position.
    #[must_use]
    pub const fn as_samples(self, rate_hz: u32) -> u64 {
        (self.0 as u128 * rate_hz as u128 / Self::RATE as u128) as u64
    }

    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for MediaTime {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for MediaTime {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for MediaTime {
    type Output = Self;
    /// Saturates: a position before the other is distance zero.
    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.as_duration().as_secs_f64())
    }
}

/// Consecutive mono samples of one track. In the media path a frame is `FRAME` long; what vendors stream may be of any length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFrame {
    pub samples: Vec<i16>,
    pub rate_hz: u32,
    /// Position of the first sample on its track.
    pub at: MediaTime,
}

impl AudioFrame {
    /// How many samples a `FRAME` has at `rate_hz`.
    #[must_use]
    pub const fn samples_per_frame(rate_hz: u32) -> usize {
        (rate_hz / 50) as usize
    }

    #[must_use]
    pub fn silence(rate_hz: u32, at: MediaTime) -> Self {
        Self { samples: vec![0; Self::samples_per_frame(rate_hz)], rate_hz, at }
    }

    #[must_use]
    pub fn duration(&self) -> MediaTime {
        MediaTime::from_samples(self.samples.len() as u64, self.rate_hz)
    }

    /// Position just after the last sample.
    #[must_use]
    pub fn end(&self) -> MediaTime {
        self.at + self.duration()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_exact_at_the_rates_of_the_wire() {
        for rate in [8_000, 12_000, 16_000, 24_000, 48_000] {
            let second_and_one = u64::from(rate) + 1;
            assert_eq!(MediaTime::from_samples(second_and_one, rate).as_samples(rate), second_and_one);
        }
        assert_eq!(MediaTime::from_duration(FRAME), MediaTime::from_millis(20));
        assert_eq!(MediaTime::from_millis(20).as_samples(16_000), 320);
    }

    #[test]
    fn a_frame_ends_where_the_next_begins() {
        let first = AudioFrame::silence(16_000, MediaTime::ZERO);
        assert_eq!(first.end(), MediaTime::from_millis(20));
        assert_eq!(MediaTime::from_millis(5) - first.end(), MediaTime::ZERO);
    }
}
