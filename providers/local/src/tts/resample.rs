//! The voice's 22.05 kHz to 24 kHz, which the media clock counts exactly. Band-limited, one filter for a whole
//! sentence: where pieces of audio meet there is no seam.

/// 24000 / 22050.
const UP: usize = 160;
const DOWN: usize = 147;
/// Input samples that one output sample is made from.
const TAPS: usize = 48;
/// Half of the amplitude is gone here, as a share of the input rate: 10.4 kHz.
const CUTOFF: f64 = 0.472;

pub(crate) const IN_HZ: u32 = 22_050;
pub(crate) const OUT_HZ: u32 = 24_000;

#[derive(Debug)]
pub(crate) struct Resampler {
    /// `UP` phases of `TAPS` coefficients each.
    phases: std::sync::Arc<[f32]>,
    /// The last inputs, oldest first; begins with the silence before the sentence.
    inputs: Vec<f32>,
    /// Phase of the next output after the first of `inputs`, in 1/`UP` of an input sample.
    phase: usize,
}

impl Resampler {
    /// `phases` from `filter`, shared by all sentences.
    pub(crate) fn new(phases: std::sync::Arc<[f32]>) -> Self {
        Self { phases, inputs: vec![0.0; TAPS / 2 - 1], phase: 0 }
    }

    pub(crate) fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        self.inputs.extend_from_slice(samples);
        let mut out = Vec::with_capacity(samples.len() * UP / DOWN + 1);
        let mut at = 0;
        while let Some(window) = self.inputs.get(at..at + TAPS) {
            let taps = &self.phases[self.phase * TAPS..(self.phase + 1) * TAPS];
            out.push(window.iter().zip(taps).map(|(sample, tap)| sample * tap).sum());
            self.phase += DOWN;
            at += self.phase / UP;
            self.phase %= UP;
        }
        self.inputs.drain(..at.min(self.inputs.len()));
        out
    }

    /// The samples still inside the filter.
    pub(crate) fn finish(&mut self) -> Vec<f32> {
        self.push(&[0.0; TAPS / 2])
    }
}

/// A sinc under a Kaiser window, for each of the `UP` positions between two inputs.
pub(crate) fn filter() -> std::sync::Arc<[f32]> {
    const BETA: f64 = 9.0;
    let half = TAPS as f64 / 2.0;
    let mut phases = Vec::with_capacity(UP * TAPS);
    for phase in 0..UP {
        let offset = phase as f64 / UP as f64;
        let taps: Vec<f64> = (0..TAPS)
            .map(|tap| {
                let x = tap as f64 - (half - 1.0) - offset;
                let angle = std::f64::consts::PI * 2.0 * CUTOFF * x;
                let sinc = if x.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
                let inside = (1.0 - (x / half).powi(2)).max(0.0).sqrt();
                sinc * bessel(BETA * inside) / bessel(BETA)
            })
            .collect();
        let sum: f64 = taps.iter().sum();
        phases.extend(taps.iter().map(|tap| (tap / sum) as f32));
    }
    phases.into()
}

/// Modified Bessel function of the first kind, order 0.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..40 {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate: u32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| (2.0 * std::f64::consts::PI * hz * n as f64 / f64::from(rate)).sin() as f32)
            .collect()
    }

    fn converted(input: &[f32], piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(filter());
        let mut out: Vec<f32> = input.chunks(piece).flat_map(|piece| resampler.push(piece)).collect();
        out.extend(resampler.finish());
        out
    }

    #[test]
    fn a_tone_keeps_its_pitch_phase_and_level() {
        for hz in [100.0, 1_000.0, 5_000.0, 9_000.0] {
            let out = converted(&tone(hz, IN_HZ, 22_050), 22_050);
            assert_eq!(out.len(), 24_000);
            let expected = tone(hz, OUT_HZ, 24_000);
            let worst = out
                .iter()
                .zip(&expected)
                .skip(50)
                .take(23_900)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst < 0.003, "{hz} Hz: {worst}");
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_samples() {
        let input = tone(440.0, IN_HZ, 5_000);
        let whole = converted(&input, 5_000);
        for piece in [1, 7, 256, 4_999] {
            assert_eq!(converted(&input, piece), whole, "in pieces of {piece}");
        }
    }
}
