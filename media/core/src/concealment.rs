//! What is heard where nothing came: the last sound goes on, fades within 100 ms, then there is silence.
//!
//! Opus conceals by itself; `Repeater` does it for G.711 and PCM. `Fade` bounds both, since a concealment that rings
//! on would be taken for speech.

/// Loud for so long, silent after so long.
const HOLD_MS: usize = 20;
const SILENT_MS: usize = 100;
/// Real audio after a concealment that had faded comes back over so long.
const RETURN_MS: usize = 5;

/// Fades a run of concealment, and fades the stream back in after it.
#[derive(Debug, Clone)]
pub struct Fade {
    rate_hz: usize,
    /// Samples concealed since the last real one.
    run: usize,
    /// Gain of the first real sample after a run, and how far the return has come.
    returning: Option<(f32, usize)>,
}

impl Fade {
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        Self { rate_hz: rate_hz as usize, run: 0, returning: None }
    }

    /// Whether more concealment would be silent anyway.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.run >= self.rate_hz * SILENT_MS / 1000
    }

    pub fn concealed(&mut self, samples: &mut [i16]) {
        for sample in samples {
            *sample = (f32::from(*sample) * self.gain()) as i16;
            self.run = self.run.saturating_add(1);
        }
    }

    pub fn real(&mut self, samples: &mut [i16]) {
        if self.run > 0 {
            self.returning = Some((self.gain(), 0));
            self.run = 0;
        }
        let Some((from, done)) = &mut self.returning else { return };
        let length = self.rate_hz * RETURN_MS / 1000;
        for sample in samples.iter_mut().take(length.saturating_sub(*done)) {
            *done += 1;
            let gain = *from + (1.0 - *from) * *done as f32 / length as f32;
            *sample = (f32::from(*sample) * gain) as i16;
        }
        if *done >= length {
            self.returning = None;
        }
    }

    fn gain(&self) -> f32 {
        let (hold, silent) = (self.rate_hz * HOLD_MS / 1000, self.rate_hz * SILENT_MS / 1000);
        1.0 - (self.run.saturating_sub(hold) as f32 / (silent - hold) as f32).min(1.0)
    }
}

/// Goes on with the last pitch period, for codecs that cannot conceal by themselves (in the manner of G.711 appendix I).
#[derive(Debug, Clone)]
pub struct Repeater {
    rate_hz: usize,
    /// The last `HISTORY_MS` that were heard.
    history: Vec<i16>,
    /// Period that is being repeated, and where in it we are.
    period: Option<(usize, usize)>,
}

impl Repeater {
    const HISTORY_MS: usize = 40;
    /// Pitch from 66 to 400 Hz.
    const PERIOD_MIN_US: usize = 2_500;
    const PERIOD_MAX_MS: usize = 15;
    /// Real audio and its continuation are blended for so long after a gap.
    const BLEND_MS: usize = 4;

    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let rate_hz = rate_hz as usize;
        Self { rate_hz, history: Vec::with_capacity(rate_hz * (Self::HISTORY_MS + 20) / 1000), period: None }
    }

    /// Takes what was decoded; right after a gap its beginning is blended with the concealment.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if self.period.is_some() {
            let length = (self.rate_hz * Self::BLEND_MS / 1000).min(samples.len());
            for (n, sample) in samples.iter_mut().take(length).enumerate() {
                let share = (n + 1) as f32 / (length + 1) as f32;
                let old = self.repeat();
                *sample = (f32::from(*sample) * share + f32::from(old) * (1.0 - share)) as i16;
            }
            self.period = None;
        }
        let keep = self.rate_hz * Self::HISTORY_MS / 1000;
        if samples.len() >= keep {
            self.history.clear();
            self.history.extend_from_slice(&samples[samples.len() - keep..]);
        } else {
            let excess = (self.history.len() + samples.len()).saturating_sub(keep);
            self.history.drain(..excess);
            self.history.extend_from_slice(samples);
        }
    }

    pub fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        out.reserve(samples);
        for _ in 0..samples {
            let sample = self.repeat();
            out.push(sample);
        }
    }

    fn repeat(&mut self) -> i16 {
        let (length, at) = self.period.unwrap_or_else(|| (self.pitch(), 0));
        if length == 0 {
            return 0;
        }
        self.period = Some((length, (at + 1) % length));
        let begin = self.history.len() - length;
        let sample = self.history[begin + at];
        // The end of the period leads into the sample before its beginning, so that the seam does not click.
        let blend = length / 4;
        let left = length - at;
        if left > blend || begin < blend {
            return sample;
        }
        let before = self.history[begin - left];
        let share = left as f32 / (blend + 1) as f32;
        (f32::from(sample) * share + f32::from(before) * (1.0 - share)) as i16
    }

    /// The lag at which the last 10 ms resemble what came before them most; 0 without enough history.
    fn pitch(&self) -> usize {
        let (shortest, longest) =
            (self.rate_hz * Self::PERIOD_MIN_US / 1_000_000, self.rate_hz * Self::PERIOD_MAX_MS / 1000);
        let template = self.rate_hz / 100;
        let length = self.history.len();
        if length < longest + template {
            return if length > shortest { shortest } else { 0 };
        }
        let last = &self.history[length - template..];
        // At high rates every other lag and sample is enough to find the period.
        let stride = (self.rate_hz / 8_000).max(1);
        (shortest..=longest)
            .step_by(stride)
            .map(|lag| {
                let earlier = &self.history[length - template - lag..length - lag];
                let (mut product, mut energy) = (0.0_f32, 1.0_f32);
                for (a, b) in last.iter().zip(earlier).step_by(stride) {
                    product += f32::from(*a) * f32::from(*b);
                    energy += f32::from(*b) * f32::from(*b);
                }
                (lag, product / energy.sqrt())
            })
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .map_or(0, |(lag, _)| lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;

    fn tone(hz: f32, from: usize, samples: usize) -> Vec<i16> {
        (from..from + samples)
            .map(|n| (8_000.0 * (2.0 * std::f32::consts::PI * hz * n as f32 / 8_000.0).sin()) as i16)
            .collect()
    }

    fn largest_jump(samples: &[i16]) -> i32 {
        samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
    }

    #[test]
    fn a_gap_in_a_tone_is_bridged_without_a_click() {
        for hz in [110.0, 187.0, 230.0, 391.0] {
            let mut repeater = Repeater::new(8_000);
            let mut heard = tone(hz, 0, 480);
            repeater.heard(&mut heard);
            repeater.conceal(160, &mut heard);
            let mut after = tone(hz, 640, 160);
            repeater.heard(&mut after);
            heard.extend(after);
            let natural = largest_jump(&tone(hz, 0, 480));
            assert!(largest_jump(&heard) <= natural * 2, "{hz} Hz jumps {}", largest_jump(&heard));
            let bridged = rms_dbfs(&heard[480..640]);
            assert!((bridged - rms_dbfs(&heard[..480])).abs() < 3.0, "{hz} Hz is bridged at {bridged} dB");
        }
    }

    #[test]
    fn concealment_is_silent_after_100_ms_and_the_stream_returns_softly() {
        let mut fade = Fade::new(8_000);
        let mut gap = vec![10_000; 1_600];
        fade.concealed(&mut gap);
        assert_eq!(gap[100], 10_000, "the first 20 ms stay");
        assert!(gap[800..].iter().all(|sample| *sample == 0), "silent after 100 ms");
        assert!(fade.is_silent());
        let mut after = vec![10_000; 160];
        fade.real(&mut after);
        gap.extend(after);
        assert!(largest_jump(&gap) < 300, "jumps {}", largest_jump(&gap));
        assert_eq!(gap.last(), Some(&10_000));
    }

    #[test]
    fn a_gap_before_any_audio_is_silence() {
        let mut out = Vec::new();
        Repeater::new(16_000).conceal(320, &mut out);
        assert_eq!(out, [0; 320]);
    }
}
