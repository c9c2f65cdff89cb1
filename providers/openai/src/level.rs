//! Whether a stretch may be speech, so that silence is neither paid for nor made words of. Errs on the side of speech.

use std::collections::VecDeque;

/// From here on a frame may be speech: what a quiet caller on a telephone still has. Every detector of voice hears less.
pub(crate) const LOUD_DBFS: f32 = -50.0;
/// Noise of a line is as loud all the time: speech rises above it by this much.
const ABOVE_NOISE_DB: f32 = 8.0;
/// And whatever is as loud as this counts, however steady.
const ALWAYS_DBFS: f32 = -35.0;
/// The quietest frame of so many is the noise: two seconds, since speech pauses more often.
const NOISE_FRAMES: usize = 100;

/// Judges frame by frame.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    loud_dbfs: f32,
    recent: VecDeque<f32>,
}

impl Gate {
    pub(crate) fn new(loud_dbfs: f32) -> Self {
        Self { loud_dbfs, recent: VecDeque::with_capacity(NOISE_FRAMES) }
    }

    /// Of the next 20 ms or so.
    pub(crate) fn is_loud(&mut self, frame: &[i16]) -> bool {
        let level = dbfs(frame);
        let noise = self.recent.iter().copied().reduce(f32::min).unwrap_or(f32::NEG_INFINITY);
        if self.recent.len() == NOISE_FRAMES {
            self.recent.pop_front();
        }
        self.recent.push_back(level);
        level > self.loud_dbfs.max((noise + ABOVE_NOISE_DB).min(ALWAYS_DBFS))
    }
}

/// Root mean square in dB below full scale.
pub(crate) fn dbfs(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return f32::NEG_INFINITY;
    }
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (10.0 * (energy / samples.len() as f64 / 32_768.0_f64.powi(2)).log10()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_is_zero_and_silence_is_below_everything() {
        assert!(dbfs(&[32_767, -32_768]).abs() < 0.1);
        assert!((dbfs(&[3_277, -3_277]) + 20.0).abs() < 0.1);
        assert!(dbfs(&[0; 160]) < -1_000.0 && dbfs(&[]) < -1_000.0);
    }

    #[test]
    fn the_noise_of_a_line_is_not_loud_and_a_voice_in_it_is() {
        let (noise, voice) = ([300, -300].repeat(160), [1_500, -1_500].repeat(160));
        let mut gate = Gate::new(LOUD_DBFS);
        let loud = (0..200).filter(|_| gate.is_loud(&noise)).count();
        assert!(loud <= 1, "{loud} frames of noise");
        assert!((0..200).all(|_| gate.is_loud(&voice)), "a steady voice is one still");
        assert!(!gate.is_loud(&[0; 320]));
    }
}
