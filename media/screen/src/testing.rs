//! Sounds of telephones, made of numbers.

use std::f32::consts::TAU;

use domain::{AudioFrame, MediaTime};

pub(crate) const RATE_HZ: u32 = 16_000;

pub(crate) struct Sound(pub(crate) Vec<i16>);

impl Sound {
    pub(crate) fn silence(ms: u32) -> Self {
        Self(vec![0; count(ms)])
    }

    pub(crate) fn then_silence(mut self, ms: u32) -> Self {
        self.0.extend(vec![0; count(ms)]);
        self
    }

    pub(crate) fn then_tone(self, hz: u32, ms: u32) -> Self {
        self.then_tone_at(hz, ms, 8_000.0)
    }

    pub(crate) fn then_tone_at(mut self, hz: u32, ms: u32, loud: f32) -> Self {
        self.0.extend((0..count(ms)).map(|n| (loud * wave(hz as f32, n)) as i16));
        self
    }

    pub(crate) fn then_chord(mut self, hz: &[u32], ms: u32) -> Self {
        let sum = |n| hz.iter().map(|hz| wave(*hz as f32, n)).sum::<f32>();
        self.0.extend((0..count(ms)).map(|n| (5_000.0 * sum(n)) as i16));
        self
    }

    /// A throat and a mouth: harmonics of a pitch that moves, louder near the resonances of changing vowels, in syllables.
    pub(crate) fn then_voice(mut self, ms: u32, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut phase, mut syllable) = (0.0_f32, (110.0, 500.0, 1_500.0));
        let length = RATE_HZ as usize / 5;
        for n in 0..count(ms) {
            let part = (n % length) as f32 / length as f32;
            if n % length == 0 {
                syllable = (
                    90.0 + 130.0 * random.f32(),
                    300.0 + 500.0 * random.f32(),
                    900.0 + 1_300.0 * random.f32(),
                );
            }
            let (pitch, low, high) = syllable;
            phase += pitch * (1.0 + 0.15 * part) / RATE_HZ as f32;
            let harmonics = 1..=(3_400.0 / pitch) as u32;
            let sum: f32 = harmonics
                .map(|k| {
                    let hz = pitch * k as f32;
                    let near = |centre: f32| 1.0 / (1.0 + ((hz - centre) / 90.0).powi(2));
                    (near(low) + 0.5 * near(high) + 0.02) * (TAU * phase * k as f32).sin()
                })
                .sum();
            let loud = (part * std::f32::consts::PI).sin().max(0.0).sqrt();
            self.0.push((4_000.0 * loud * sum).clamp(-30_000.0, 30_000.0) as i16);
        }
        self
    }

    pub(crate) fn with_noise(mut self, most: i16) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        for sample in &mut self.0 {
            *sample = sample.saturating_add(random.i16(-most..most));
        }
        self
    }
}

pub(crate) fn frames(sound: &Sound) -> Vec<AudioFrame> {
    let size = AudioFrame::samples_per_frame(RATE_HZ);
    let frame = |(n, samples): (usize, &[i16])| AudioFrame {
        samples: samples.to_vec(),
        rate_hz: RATE_HZ,
        at: MediaTime::from_samples((n * size) as u64, RATE_HZ),
    };
    sound.0.chunks_exact(size).enumerate().map(frame).collect()
}

fn count(ms: u32) -> usize {
    (ms * (RATE_HZ / 1_000)) as usize
}

fn wave(hz: f32, n: usize) -> f32 {
    (TAU * hz * n as f32 / RATE_HZ as f32).sin()
}
