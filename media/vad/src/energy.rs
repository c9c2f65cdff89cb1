//! Voice by loudness alone: what stands in where no model is loaded and what answers when a model is late.
//!
//! Deterministic and without threads. Any sound well above the noise counts as voice: a door does too.

use std::collections::VecDeque;

use domain::{AudioFrame, VadDecision};

use crate::loudness::Loudness;
use crate::window::{self, Windows};

/// Follows the noise between words.
#[derive(Debug, Clone)]
pub(crate) struct NoiseFloor {
    dbfs: f32,
}

impl Default for NoiseFloor {
    fn default() -> Self {
        Self { dbfs: Self::START_DBFS }
    }
}

impl NoiseFloor {
    /// A quiet line. A call may begin in the middle of a word, so the first window teaches nothing.
    const START_DBFS: f32 = -60.0;
    const LOWEST_DBFS: f32 = -75.0;
    /// Louder than this is never taken for noise: somebody who talks without a pause stays audible.
    const HIGHEST_DBFS: f32 = -40.0;
    /// How fast the floor climbs, in dB per window of 32 ms: 2.5 dB a second under noise, half of one under voice.
    const RISE_DB: f32 = 0.08;
    const RISE_UNDER_VOICE_DB: f32 = 0.016;
    const FALL: f32 = 0.3;
    /// From here above the floor the verdict begins to lean to voice, and is sure after `RAMP_DB` more.
    const MARGIN_DB: f32 = 6.0;
    const RAMP_DB: f32 = 12.0;
    /// Below this nothing is voice, however quiet the line.
    const QUIETEST_VOICE_DBFS: f32 = -48.0;

    /// Probability of voice, 0 to 1, and one step of learning.
    pub(crate) fn judge(&mut self, level_dbfs: f32) -> f32 {
        let above_floor = (level_dbfs - self.dbfs - Self::MARGIN_DB) / Self::RAMP_DB;
        let above_silence = (level_dbfs - Self::QUIETEST_VOICE_DBFS) / (Self::RAMP_DB / 2.0);
        let probability = above_floor.min(above_silence).clamp(0.0, 1.0);
        if level_dbfs < self.dbfs {
            self.dbfs += (level_dbfs - self.dbfs) * Self::FALL;
        } else {
            let rise = if probability >= 0.5 { Self::RISE_UNDER_VOICE_DB } else { Self::RISE_DB };
            self.dbfs = (self.dbfs + rise).min(level_dbfs);
        }
        self.dbfs = self.dbfs.clamp(Self::LOWEST_DBFS, Self::HIGHEST_DBFS);
        probability
    }
}

/// One caller's detector by loudness.
#[derive(Debug, Default)]
pub struct EnergyVad {
    windows: Windows,
    floor: NoiseFloor,
    loudness: Loudness,
    due: VecDeque<VadDecision>,
}

impl EnergyVad {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn push(&mut self, frame: &AudioFrame) {
        let Self { windows, floor, loudness, due } = self;
        windows.push(frame, |window| {
            let level_dbfs = window::level_dbfs(window.samples);
            let probability = floor.judge(level_dbfs);
            window::enqueue(due, window.verdict(level_dbfs, probability, loudness));
        });
    }

    pub(crate) fn pop(&mut self) -> Option<VadDecision> {
        self.due.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use domain::MediaTime;

    use super::*;

    fn verdicts(amplitude: impl Fn(u64) -> f64, seconds: u64) -> Vec<f32> {
        let (mut vad, mut heard) = (EnergyVad::new(), Vec::new());
        let mut noise = 0x2545_f491_4f6c_dd1d_u64;
        for n in 0..seconds * 50 {
            let samples = (0..320)
                .map(|_| {
                    noise ^= noise << 13;
                    noise ^= noise >> 7;
                    noise ^= noise << 17;
                    (((noise >> 40) as f64 / f64::from(1 << 23) - 1.0) * 1.732 * amplitude(n) * 32767.0)
                        as i16
                })
                .collect();
            vad.push(&AudioFrame { samples, rate_hz: 16_000, at: MediaTime::from_millis(n * 20) });
            heard.extend(std::iter::from_fn(|| vad.pop()).map(|d| d.probability));
        }
        heard
    }

    fn dbfs(level: f64) -> f64 {
        10_f64.powf(level / 20.0)
    }

    #[test]
    fn silence_and_quiet_noise_are_no_voice() {
        assert!(verdicts(|_| 0.0, 2).iter().all(|p| *p == 0.0));
        assert!(verdicts(|_| dbfs(-50.0), 10).iter().all(|p| *p < 0.5));
    }

    #[test]
    fn a_loud_stretch_is_voice_from_its_first_full_window_to_its_end() {
        let heard = verdicts(|n| dbfs(if (50..100).contains(&n) { -22.0 } else { -62.0 }), 3);
        let voiced: Vec<usize> =
            heard.iter().enumerate().filter(|(_, p)| **p >= 0.5).map(|(n, _)| n).collect();
        assert!(voiced.first().is_some_and(|n| (31..=32).contains(n)), "{voiced:?}");
        assert!(voiced.last().is_some_and(|n| (61..=62).contains(n)), "{voiced:?}");
        assert_eq!(voiced.len(), voiced[voiced.len() - 1] - voiced[0] + 1, "without a hole");
    }

    #[test]
    fn a_caller_who_talks_for_a_minute_does_not_become_noise() {
        assert!(verdicts(|_| dbfs(-24.0), 60).iter().skip(1).all(|p| *p >= 0.5));
    }

    #[test]
    fn steady_room_noise_stops_being_voice_within_seconds() {
        let heard = verdicts(|_| dbfs(-42.0), 20);
        assert!(heard.iter().rev().take(100).all(|p| *p < 0.5));
    }
}
