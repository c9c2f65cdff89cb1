//! Before the neural detector: is there anything to listen to? Quiet frames cost two microseconds instead of two hundred.
//!
//! Errs towards `Maybe`. It never says that somebody speaks, only that it is not worth asking.

use crate::level::{SILENCE_DBFS, rms_dbfs};

/// Nothing below is speech, whatever the surroundings.
const QUIET_DBFS: f32 = -62.0;
/// Speech stands out of the noise at least this much.
const ABOVE_FLOOR_DB: f32 = 5.0;
/// This loud is let through whatever the floor has learned: a floor learned from speech must not hide speech.
const LOUD_DBFS: f32 = -35.0;
/// Frames that pass after the last that seemed alive: the neural detector must see speech end.
const HANGOVER_FRAMES: u32 = 15;
/// The floor is the least level of the last `WINDOWS` stretches of `WINDOW_FRAMES`: 3 s.
const WINDOW_FRAMES: u32 = 30;
const WINDOWS: usize = 5;

/// A cheap second opinion on 20 ms at 16 kHz (`media_codec::WebrtcDetector`).
pub trait Detector: Send {
    fn maybe_voice(&mut self, samples: &[i16]) -> bool;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Nobody speaks here.
    Silent,
    /// Ask the neural detector.
    Maybe,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    pub activity: Activity,
    pub level_dbfs: f32,
}

impl Verdict {
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.activity == Activity::Silent
    }
}

#[derive(Default)]
pub struct Gate {
    detector: Option<Box<dyn Detector>>,
    floor: Floor,
    hangover: u32,
}

impl Gate {
    /// By energy alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Noise that stands out of the floor must also sound like a voice.
    #[must_use]
    pub fn with_detector(detector: Box<dyn Detector>) -> Self {
        Self { detector: Some(detector), ..Self::default() }
    }

    /// `samples` are 20 ms at 16 kHz, every frame of the track in order.
    pub fn verdict(&mut self, samples: &[i16]) -> Verdict {
        let level_dbfs = rms_dbfs(samples);
        let floor = self.floor.feed(level_dbfs);
        let loud = level_dbfs > LOUD_DBFS;
        let stands_out = level_dbfs > QUIET_DBFS && (loud || level_dbfs > floor + ABOVE_FLOOR_DB);
        // The detector learns its own noise, so it sees every frame that is not digital silence.
        let voice = match &mut self.detector {
            Some(detector) if level_dbfs > SILENCE_DBFS => detector.maybe_voice(samples),
            Some(_) => false,
            None => true,
        };
        let alive = level_dbfs > QUIET_DBFS
            && if self.detector.is_some() { voice || loud && stands_out } else { stands_out };
        self.hangover = if alive { HANGOVER_FRAMES } else { self.hangover.saturating_sub(1) };
        let activity = if self.hangover > 0 { Activity::Maybe } else { Activity::Silent };
        Verdict { activity, level_dbfs }
    }

    /// What the surroundings sound like at present.
    #[must_use]
    pub fn noise_floor_dbfs(&self) -> f32 {
        self.floor.least()
    }
}

/// Minimum statistics: speech has pauses, noise has not.
#[derive(Debug, Clone)]
struct Floor {
    windows: [f32; WINDOWS],
    current: f32,
    frames: u32,
    at: usize,
}

impl Default for Floor {
    fn default() -> Self {
        Self { windows: [-50.0; WINDOWS], current: 0.0, frames: 0, at: 0 }
    }
}

impl Floor {
    fn feed(&mut self, level_dbfs: f32) -> f32 {
        self.current = self.current.min(level_dbfs);
        self.frames += 1;
        if self.frames == WINDOW_FRAMES {
            self.windows[self.at] = self.current;
            self.at = (self.at + 1) % WINDOWS;
            self.current = 0.0;
            self.frames = 0;
        }
        self.least()
    }

    fn least(&self) -> f32 {
        self.windows.iter().copied().fold(self.current, f32::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: &mut u32, amplitude: i32) -> Vec<i16> {
        (0..320)
            .map(|_| {
                *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((*seed >> 16) as i32 % (2 * amplitude + 1) - amplitude) as i16
            })
            .collect()
    }

    #[test]
    fn steady_noise_becomes_silence_and_a_voice_in_it_passes_at_once() {
        let (mut gate, mut seed) = (Gate::new(), 7);
        for _ in 0..300 {
            gate.verdict(&noise(&mut seed, 300));
        }
        assert!(gate.verdict(&noise(&mut seed, 300)).is_silent(), "floor {}", gate.noise_floor_dbfs());
        assert!(!gate.verdict(&noise(&mut seed, 900)).is_silent(), "10 dB over the noise");
    }

    #[test]
    fn the_end_of_speech_is_still_let_through() {
        let mut gate = Gate::new();
        gate.verdict(&[8_000; 320]);
        let passed = (0..40).filter(|_| !gate.verdict(&[0; 320]).is_silent()).count();
        assert_eq!(passed, HANGOVER_FRAMES as usize - 1);
    }

    #[test]
    fn someone_who_speaks_without_pause_is_not_taken_for_noise() {
        let (mut gate, mut seed) = (Gate::new(), 3);
        let silent = (0..1_500).filter(|_| gate.verdict(&noise(&mut seed, 4_000)).is_silent()).count();
        assert_eq!(silent, 0);
    }
}
