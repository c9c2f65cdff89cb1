//! The tone after which a machine records: one steady frequency, which no voice holds for so long.
//!
//! The algorithm is Goertzel's, one filter for each frequency that is looked for.

use std::f32::consts::TAU;

use domain::{AudioFrame, MediaTime};

/// Frequencies of beeps, in Hz.
const LOWEST_HZ: f32 = 360.0;
const HIGHEST_HZ: f32 = 2_200.0;
/// A frame of 20 ms tells frequencies 50 Hz apart: a tone between two filters still has nearly all of its power in the nearer one.
const STEP_HZ: f32 = 10.0;
/// Of a frame's power, in the one filter.
const SHARE: f32 = 0.85;
/// A beep is as loud as it began, in dB either way; a voice swells and fades.
const SWELL_DB: f32 = 3.0;
/// Below this it is noise of the line. In dB below full scale.
const LEVEL_DBFS: f32 = -42.0;
/// So far may the loudest filter move from frame to frame.
const DRIFT: usize = 2;
/// A voice holds no note for so long, and a tone that is shorter is a click.
const SHORTEST: MediaTime = MediaTime::from_millis(140);
/// The tone is over when so much was not it.
const GAP: MediaTime = MediaTime::from_millis(40);

/// Finds tones in a track.
#[derive(Debug, Default)]
pub struct Tones {
    /// Twice the cosine of each filter's step, of the rate below.
    filters: Vec<f32>,
    rate_hz: u32,
    running: Option<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    filter: usize,
    level_dbfs: f32,
    from: MediaTime,
    to: MediaTime,
}

/// A tone that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tone {
    pub from: MediaTime,
    pub to: MediaTime,
    pub hz: u32,
}

impl Tones {
    /// The next frame of the track. Gives the tone that has ended with it.
    pub fn push(&mut self, frame: &AudioFrame) -> Option<Tone> {
        self.tune(frame.rate_hz);
        let (end, heard) = (frame.end(), self.loudest(&frame.samples));
        match (&mut self.running, heard) {
            (Some(run), Some((filter, level)))
                if run.filter.abs_diff(filter) <= DRIFT && (run.level_dbfs - level).abs() <= SWELL_DB =>
            {
                run.to = end;
                return None;
            }
            (Some(run), _) if end - run.to < GAP => return None,
            _ => {}
        }
        let over = self.running.take();
        self.running = heard.map(|(filter, level_dbfs)| Run { filter, level_dbfs, from: frame.at, to: end });
        over.filter(|run| run.to - run.from >= SHORTEST).map(|run| Tone {
            from: run.from,
            to: run.to,
            hz: hz(run.filter) as u32,
        })
    }

    /// Since when a tone sounds that is long enough to be one.
    #[must_use]
    pub fn sounding(&self) -> Option<MediaTime> {
        self.running.filter(|run| run.to - run.from >= SHORTEST).map(|run| run.from)
    }

    fn tune(&mut self, rate_hz: u32) {
        if self.rate_hz != rate_hz {
            self.rate_hz = rate_hz;
            let filters = ((HIGHEST_HZ - LOWEST_HZ) / STEP_HZ) as usize + 1;
            self.filters = (0..filters).map(|n| 2.0 * (TAU * hz(n) / rate_hz as f32).cos()).collect();
        }
    }

    /// The filter that has nearly all of the frame's power, and how loud that is.
    fn loudest(&self, samples: &[i16]) -> Option<(usize, f32)> {
        let power: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
        let count = samples.len() as f32;
        let level = 10.0 * (power / count.max(1.0) / f32::from(i16::MAX).powi(2)).max(1e-12).log10();
        if level < LEVEL_DBFS {
            return None;
        }
        let shares = self.filters.iter().map(|turn| goertzel(samples, *turn) * 2.0 / (count * power));
        let (filter, share) = shares.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        (share >= SHARE).then_some((filter, level))
    }
}

fn hz(filter: usize) -> f32 {
    LOWEST_HZ + STEP_HZ * filter as f32
}

/// The power at one frequency, by twice the cosine of its step.
fn goertzel(samples: &[i16], turn: f32) -> f32 {
    let (mut last, mut before) = (0.0_f32, 0.0_f32);
    for sample in samples {
        let next = f32::from(*sample) + turn * last - before;
        (before, last) = (last, next);
    }
    last * last + before * before - turn * last * before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Sound, frames};

    fn tones(sound: Sound) -> Vec<Tone> {
        let mut tones = Tones::default();
        frames(&sound.then_silence(200)).iter().filter_map(|frame| tones.push(frame)).collect()
    }

    #[test]
    fn a_beep_is_found_with_its_frequency_and_its_length() {
        for hz in [440, 852, 1_000, 1_010, 1_400, 2_000] {
            let found = tones(Sound::silence(300).then_tone(hz, 400));
            assert_eq!(found.len(), 1, "{hz} Hz: {found:?}");
            assert!(found[0].hz.abs_diff(hz) <= 20, "{hz} Hz: {found:?}");
            assert_eq!((found[0].from.as_millis(), found[0].to.as_millis()), (300, 700), "{hz} Hz");
        }
    }

    #[test]
    fn a_beep_is_found_in_the_noise_of_a_line() {
        let found = tones(Sound::silence(300).then_tone(1_000, 400).with_noise(600));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn clicks_chords_noise_and_what_is_far_too_quiet_are_no_beeps() {
        assert_eq!(tones(Sound::silence(100).then_tone(1_000, 100)), []);
        // Keys, ringing and busy signals are two tones.
        assert_eq!(tones(Sound::silence(100).then_chord(&[697, 1_209], 400)), []);
        assert_eq!(tones(Sound::silence(100).then_chord(&[440, 480], 1_000)), []);
        assert_eq!(tones(Sound::silence(1_000).with_noise(8_000)), []);
        assert_eq!(tones(Sound::silence(100).then_tone_at(1_000, 400, 30.0)), []);
    }

    #[test]
    fn a_voice_is_no_beep() {
        for seed in 0..20 {
            let found = tones(Sound::silence(100).then_voice(4_000, seed));
            assert_eq!(found, [], "seed {seed}");
        }
    }
}
