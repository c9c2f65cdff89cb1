//! One track out of the voice, a thinking sound and a background, at the pace of the playout.
//!
//! With the voice alone the samples pass untouched. Sums go through a soft-knee limiter: nothing ever wraps.

use std::sync::Arc;

use crate::level::gain;
use crate::resample::{Resampler, Unsupported};

/// Where the limiter begins to bend: -3 dBFS.
const KNEE: f32 = 0.708;
/// Gains move to their targets within this time.
const GLIDE_MS: u32 = 150;
/// The background sinks by this under the voice.
const DUCKED_DB: f32 = -10.0;

/// A sound that repeats for ever: an office, a street. Shared by all sessions that play it.
#[derive(Debug, Clone)]
pub struct Background {
    samples: Arc<[i16]>,
    rate_hz: u32,
}

impl Background {
    /// Converted once to the playout's rate.
    pub fn new(samples: &[i16], rate_hz: u32, playout_hz: u32) -> Result<Self, Unsupported> {
        let mut resampler = Resampler::new(rate_hz, playout_hz)?;
        let mut converted = Vec::new();
        resampler.push(samples, &mut converted);
        resampler.flush(&mut converted);
        Ok(Self { samples: converted.into(), rate_hz: playout_hz })
    }

    #[must_use]
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }
}

/// Soft ticks, like somebody at work: shipped with the product, computed and not recorded.
#[derive(Debug, Clone)]
pub struct Thinking {
    rate_hz: u32,
    at: u64,
}

impl Thinking {
    /// When each tick of the pattern begins and how high it sounds. The pattern repeats every `PATTERN_MS`.
    const TICKS: [(u64, f32); 5] = [(0, 880.0), (130, 740.0), (310, 830.0), (900, 780.0), (1_040, 880.0)];
    const PATTERN_MS: u64 = 1_700;
    const TICK_MS: u64 = 60;
    const AMPLITUDE: f32 = 1_600.0;

    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        Self { rate_hz, at: 0 }
    }

    fn next(&mut self) -> f32 {
        let rate = u64::from(self.rate_hz);
        let at = self.at % (rate * Self::PATTERN_MS / 1000);
        self.at += 1;
        let sounding = Self::TICKS.iter().find_map(|(begin_ms, hz)| {
            let since = at.checked_sub(rate * begin_ms / 1000)?;
            (since < rate * Self::TICK_MS / 1000).then_some((since, hz))
        });
        let Some((since, hz)) = sounding else { return 0.0 };
        let seconds = since as f32 / self.rate_hz as f32;
        let progress = since as f32 / (rate * Self::TICK_MS / 1000) as f32;
        // Three milliseconds of onset and an end at zero: a tap, not a click.
        let envelope = (seconds / 0.003).min(1.0) * (-seconds / 0.012).exp() * (1.0 - progress);
        Self::AMPLITUDE * envelope * (2.0 * std::f32::consts::PI * hz * seconds).sin()
    }
}

/// Pink enough to be taken for a quiet line, and the same in every replay.
#[derive(Debug, Clone)]
struct ComfortNoise {
    seed: u32,
    smoothed: f32,
    amplitude: f32,
}

impl ComfortNoise {
    fn next(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let white = (self.seed >> 8) as f32 / 8_388_608.0 - 1.0;
        self.smoothed += 0.3 * (white - self.smoothed);
        self.smoothed * self.amplitude
    }
}

/// A source with a gain that glides.
#[derive(Debug, Clone, Copy)]
struct Fader {
    now: f32,
    target: f32,
    step: f32,
}

impl Fader {
    fn silent(rate_hz: u32) -> Self {
        Self { now: 0.0, target: 0.0, step: 1000.0 / (GLIDE_MS * rate_hz) as f32 }
    }

    fn next(&mut self) -> f32 {
        self.now += (self.target - self.now).clamp(-self.step, self.step);
        self.now
    }

    fn is_silent(&self) -> bool {
        self.now == 0.0 && self.target == 0.0
    }
}

#[derive(Debug)]
pub struct Mixer {
    rate_hz: u32,
    thinking: (Thinking, Fader),
    background: Option<Background>,
    background_at: usize,
    background_gain: f32,
    background_fader: Fader,
    noise: Option<ComfortNoise>,
}

impl Mixer {
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz,
            thinking: (Thinking::new(rate_hz), Fader::silent(rate_hz)),
            background: None,
            background_at: 0,
            background_gain: 0.0,
            background_fader: Fader::silent(rate_hz),
            noise: None,
        }
    }

    pub fn set_thinking(&mut self, on: bool) {
        let (sound, fader) = &mut self.thinking;
        if on && fader.is_silent() {
            *sound = Thinking::new(self.rate_hz);
        }
        fader.target = if on { 1.0 } else { 0.0 };
    }

    /// `gain_db` is relative to the recording. `None` fades out. A background at another rate than the playout's is
    /// refused: it would play at the wrong pitch.
    pub fn set_background(&mut self, background: Option<(Background, f32)>) -> bool {
        match background {
            Some((sound, _)) if sound.rate_hz != self.rate_hz || sound.samples.is_empty() => return false,
            Some((sound, gain_db)) => {
                self.background = Some(sound);
                self.background_at = 0;
                self.background_gain = gain(gain_db);
                self.background_fader.target = self.background_gain;
            }
            None => {
                self.background_gain = 0.0;
                self.background_fader.target = 0.0;
            }
        }
        true
    }

    /// A faint noise instead of digital silence, which callers take for a dead line.
    pub fn set_comfort_noise(&mut self, level_dbfs: Option<f32>) {
        // The smoothing leaves about a quarter of the white noise's RMS, which is 0.58 of its amplitude.
        self.noise = level_dbfs.map(|level| ComfortNoise {
            seed: 1,
            smoothed: 0.0,
            amplitude: 32_768.0 * gain(level) / 0.24,
        });
    }

    /// Whether something sounds without the voice.
    #[must_use]
    pub fn is_sounding(&self) -> bool {
        !self.thinking.1.is_silent() || self.is_background_sounding() || self.noise.is_some()
    }

    /// Adds everything else to one frame of the voice.
    pub fn mix(&mut self, frame: &mut [i16], voice_sounds: bool) {
        if !self.is_sounding() {
            return;
        }
        let under_voice = if voice_sounds { gain(DUCKED_DB) } else { 1.0 };
        self.background_fader.target = self.background_gain * under_voice;
        for sample in frame {
            let mut sum = f32::from(*sample);
            if !self.thinking.1.is_silent() {
                sum += self.thinking.0.next() * self.thinking.1.next();
            }
            sum += self.next_background();
            if let Some(noise) = &mut self.noise {
                sum += noise.next();
            }
            *sample = limit(sum);
        }
        if self.background_fader.is_silent() {
            self.background = None;
        }
    }

    fn is_background_sounding(&self) -> bool {
        self.background.is_some() && !self.background_fader.is_silent()
    }

    fn next_background(&mut self) -> f32 {
        let Some(background) = &self.background else { return 0.0 };
        let sample = background.samples[self.background_at];
        self.background_at = (self.background_at + 1) % background.samples.len();
        f32::from(sample) * self.background_fader.next()
    }
}

/// Straight up to the knee, then bending towards full scale, which it never reaches.
#[must_use]
pub fn limit(sum: f32) -> i16 {
    let x = sum / 32_768.0;
    let magnitude = x.abs();
    if magnitude <= KNEE {
        return sum as i16;
    }
    let bent = KNEE + (1.0 - KNEE) * ((magnitude - KNEE) / (1.0 - KNEE)).tanh();
    (bent.copysign(x) * 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;

    fn largest_jump(samples: &[i16]) -> i32 {
        samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
    }

    #[test]
    fn the_voice_alone_passes_untouched() {
        let mut frame: Vec<i16> = (0..480).map(|n| (n * 137) as i16).collect();
        let before = frame.clone();
        Mixer::new(24_000).mix(&mut frame, true);
        assert_eq!(frame, before);
    }

    #[test]
    fn a_sum_beyond_full_scale_bends_and_never_wraps() {
        let mut last = 0;
        for sum in 0..200_000 {
            let limited = limit(sum as f32);
            assert!(limited >= last, "{sum} gives {limited} after {last}");
            assert_eq!(limit(-(sum as f32)), -limited);
            last = limited;
        }
        assert_eq!(limit(20_000.0), 20_000);
        assert!(last > 32_700);
    }

    #[test]
    fn the_background_sinks_under_the_voice_and_fades_in_and_out_without_a_step() {
        let tone: Vec<i16> = (0..24_000).map(|n| (8_000.0 * (n as f32 * 0.05).sin()) as i16).collect();
        let background = Background::new(&tone, 24_000, 24_000).expect("a rate we know");
        let mut mixer = Mixer::new(24_000);
        assert!(mixer.set_background(Some((background, -10.0))));
        let mut heard = Vec::new();
        let run = |mixer: &mut Mixer, frames: usize, voice: bool, heard: &mut Vec<i16>| {
            for _ in 0..frames {
                let mut frame = vec![0; 480];
                mixer.mix(&mut frame, voice);
                heard.extend(frame);
            }
            rms_dbfs(&heard[heard.len() - 480..])
        };
        let alone = run(&mut mixer, 30, false, &mut heard);
        let under = run(&mut mixer, 30, true, &mut heard);
        assert!((alone - under - 10.0).abs() < 0.5, "{alone} then {under}");
        assert!(mixer.set_background(None));
        assert_eq!(run(&mut mixer, 30, false, &mut heard), crate::level::SILENCE_DBFS);
        assert!(!mixer.is_sounding());
        assert!(largest_jump(&heard) < 450, "jumps {}", largest_jump(&heard));
    }

    #[test]
    fn a_background_of_another_rate_is_refused() {
        let background = Background::new(&[1; 800], 8_000, 16_000).expect("rates we know");
        assert!(!Mixer::new(24_000).set_background(Some((background, 0.0))));
    }

    #[test]
    fn the_thinking_sound_is_soft_repeatable_and_stops() {
        let play = || {
            let mut mixer = Mixer::new(24_000);
            mixer.set_thinking(true);
            let mut heard = vec![0; 24_000 * 2];
            mixer.mix(&mut heard, false);
            (mixer, heard)
        };
        let (mut mixer, heard) = play();
        assert_eq!(heard, play().1);
        let peak = heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        assert!((300..4_000).contains(&peak), "peak {peak}");
        assert!(largest_jump(&heard) < 600, "jumps {}", largest_jump(&heard));
        mixer.set_thinking(false);
        mixer.mix(&mut vec![0; 24_000], false);
        assert!(!mixer.is_sounding());
    }

    #[test]
    fn comfort_noise_has_the_level_asked_for() {
        let mut mixer = Mixer::new(24_000);
        mixer.set_comfort_noise(Some(-60.0));
        let mut heard = vec![0; 24_000];
        mixer.mix(&mut heard, false);
        assert!((rms_dbfs(&heard) + 60.0).abs() < 2.0, "{}", rms_dbfs(&heard));
    }
}
