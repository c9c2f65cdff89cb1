//! The agent's voice as samples with positions: what was pushed, what was played, gains without clicks.
//!
//! Knows positions, not time: `playout` decides when a frame is taken.

use domain::{MediaTime, TurnId};

use crate::level::AUDIBLE;
use crate::resample::{Resampler, Unsupported};

/// Fades at a flush, an underrun and a resumption, in ms.
const FADE_MS: u32 = 5;
/// The voice sinks so fast when it is ducked, and rises so fast when it is no longer.
const DUCK_MS: u32 = 20;
/// Of leading silence this much stays: the onset of a soft consonant is quieter than `level::AUDIBLE`.
const LEAD_IN_MS: u32 = 20;

/// One turn's audio at the playout's rate.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) id: TurnId,
    rate_hz: u32,
    resampler: Option<Resampler>,
    /// What can still be played, and what was played last, for a resumption.
    samples: Vec<i16>,
    /// Position of `samples[0]`, counted in samples from the start of the turn.
    base: u64,
    play: u64,
    pub(crate) is_complete: bool,
    history: usize,
    /// Leading silence that may still be skipped.
    skippable: u64,
}

impl Turn {
    pub(crate) fn new(id: TurnId, rate_hz: u32, history_ms: u64, skippable_ms: u64) -> Self {
        Self {
            id,
            rate_hz,
            resampler: None,
            samples: Vec::new(),
            base: 0,
            play: 0,
            is_complete: false,
            history: (u64::from(rate_hz) * history_ms / 1000) as usize,
            skippable: u64::from(rate_hz) * skippable_ms / 1000,
        }
    }

    pub(crate) fn push(&mut self, samples: &[i16], rate_hz: u32) -> Result<(), Unsupported> {
        if self.resampler.as_ref().is_none_or(|resampler| resampler.from_hz() != rate_hz) {
            let next = Resampler::new(rate_hz, self.rate_hz)?;
            // Another voice may take over in mid-turn when a provider fails.
            if let Some(mut old) = self.resampler.replace(next) {
                old.flush(&mut self.samples);
            }
        }
        if let Some(resampler) = &mut self.resampler {
            resampler.push(samples, &mut self.samples);
        }
        self.skip_leading_silence();
        Ok(())
    }

    pub(crate) fn complete(&mut self) {
        if let Some(mut resampler) = self.resampler.take() {
            resampler.flush(&mut self.samples);
        }
        self.is_complete = true;
    }

    pub(crate) fn position(&self) -> MediaTime {
        MediaTime::from_samples(self.play, self.rate_hz)
    }

    /// Samples that can be played.
    pub(crate) fn available(&self) -> usize {
        self.samples.len() - self.offset()
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.is_complete && self.available() == 0
    }

    /// Takes up to `out.len()` samples; how many is returned.
    pub(crate) fn take(&mut self, out: &mut [i16]) -> usize {
        let ready = self.ahead(out.len());
        let taken = ready.len();
        out[..taken].copy_from_slice(ready);
        self.play += taken as u64;
        self.skippable = 0;
        self.forget();
        taken
    }

    /// The next samples without taking them.
    pub(crate) fn ahead(&self, samples: usize) -> &[i16] {
        let from = self.offset();
        &self.samples[from..from + samples.min(self.samples.len() - from)]
    }

    /// The sample that was played last.
    pub(crate) fn last_taken(&self) -> i16 {
        self.offset().checked_sub(1).map_or(0, |last| self.samples[last])
    }

    /// Goes back, or forward, to this position, as far as it is kept.
    pub(crate) fn seek(&mut self, to: MediaTime) {
        self.play = to.as_samples(self.rate_hz).clamp(self.base, self.base + self.samples.len() as u64);
    }

    fn offset(&self) -> usize {
        (self.play - self.base) as usize
    }

    /// Drops what lies too far back, now and then, so that it costs little.
    fn forget(&mut self) {
        let excess = self.offset().saturating_sub(self.history);
        if excess > self.history.max(self.rate_hz as usize) {
            self.samples.drain(..excess);
            self.base += excess as u64;
        }
    }

    /// Silence before the first sound would only be added to the caller's wait.
    fn skip_leading_silence(&mut self) {
        if self.skippable == 0 {
            return;
        }
        let ahead = self.ahead(usize::MAX);
        let silent = ahead.iter().position(|sample| sample.unsigned_abs() >= AUDIBLE).unwrap_or(ahead.len());
        let skip =
            (silent as u64).saturating_sub(u64::from(self.rate_hz * LEAD_IN_MS / 1000)).min(self.skippable);
        let sounds = silent < ahead.len();
        self.play += skip;
        self.skippable = if sounds { 0 } else { self.skippable - skip };
    }
}

/// A gain that moves to its target without a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gain {
    now: f32,
    target: f32,
    step: f32,
}

impl Gain {
    pub(crate) const UNITY: Self = Self { now: 1.0, target: 1.0, step: 0.0 };

    /// From silence to where it was going.
    pub(crate) fn fade_in(&mut self, rate_hz: u32) {
        self.now = 0.0;
        self.step = self.target / samples(FADE_MS, rate_hz);
    }

    pub(crate) fn glide(&mut self, target: f32, rate_hz: u32) {
        self.target = target;
        self.step = (target - self.now).abs() / samples(DUCK_MS, rate_hz);
    }

    pub(crate) fn value(&self) -> f32 {
        self.now
    }

    pub(crate) fn has_arrived(&self) -> bool {
        (self.now - self.target).abs() <= f32::EPSILON
    }

    pub(crate) fn apply(&mut self, frame: &mut [i16]) {
        if self.has_arrived() && self.target >= 1.0 {
            return;
        }
        for sample in frame {
            self.now += (self.target - self.now).clamp(-self.step, self.step);
            *sample = (f32::from(*sample) * self.now) as i16;
        }
    }
}

/// What rings out over the next frames after the voice was cut: a few ms that fade, so that nothing clicks.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    samples: Vec<i16>,
    at: usize,
}

impl Tail {
    /// Fades out `next`, at `gain`; where that ends too soon, its last value (or `last`) sinks to zero.
    pub(crate) fn cut(&mut self, next: &[i16], gain: f32, last: i16, rate_hz: u32) {
        let length = samples(FADE_MS, rate_hz) as usize;
        let mut value = f32::from(last);
        // A tail that still rings goes on under the new one.
        let rest: Vec<i16> = self.samples.drain(self.at.min(self.samples.len())..).collect();
        self.samples.clear();
        self.at = 0;
        for n in 0..length {
            if let Some(sample) = next.get(n) {
                value = f32::from(*sample) * gain;
            }
            let fade = 1.0 - (n + 1) as f32 / length as f32;
            let under = rest.get(n).copied().unwrap_or(0);
            self.samples.push(((value * fade) as i16).saturating_add(under));
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.at >= self.samples.len()
    }

    pub(crate) fn add_to(&mut self, frame: &mut [i16]) {
        let ready = &self.samples[self.at.min(self.samples.len())..];
        for (sample, tail) in frame.iter_mut().zip(ready) {
            *sample = sample.saturating_add(*tail);
        }
        self.at += frame.len().min(ready.len());
    }
}

fn samples(millis: u32, rate_hz: u32) -> f32 {
    (rate_hz * millis / 1000).max(1) as f32
}
