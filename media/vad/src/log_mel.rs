//! The end-of-turn model's view of 8 s of audio: 80 mel bands by 800 steps of 10 ms, as its training saw them. Shorter
//! audio lies at the end, silence before it.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

pub(crate) const BANDS: usize = 80;
pub(crate) const STEPS: usize = 800;
pub(crate) const SAMPLES: usize = STEPS * HOP;
const HOP: usize = 160;
const FFT: usize = 400;
const BINS: usize = FFT / 2 + 1;
const RATE_HZ: f64 = 16_000.0;

pub(crate) struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    /// For each band its first bin and its weights.
    bands: Vec<(usize, Vec<f32>)>,
}

impl LogMel {
    pub(crate) fn new() -> Self {
        let hann = (0..FFT)
            .map(|n| (0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / FFT as f64).cos()) as f32)
            .collect();
        Self { fft: RealFftPlanner::new().plan_fft_forward(FFT), hann, bands: bands() }
    }

    /// Row by row, one row a band. Of more than 8 s the last count.
    pub(crate) fn of(&self, audio: &[i16]) -> Vec<f32> {
        let padded = normalised(audio);
        let silent = SAMPLES.saturating_sub(audio.len());
        let mut energies = vec![0.0_f32; BANDS * STEPS];
        let mut column = [0.0; BANDS];
        for step in 0..STEPS {
            // All steps inside the silence before the audio are alike.
            let alike = step > 2 && step * HOP + FFT / 2 <= silent;
            if !alike {
                column = self.column(&padded[step * HOP..step * HOP + FFT]);
            }
            for (band, energy) in column.iter().enumerate() {
                energies[band * STEPS + step] = *energy;
            }
        }
        let loudest = energies.iter().copied().fold(f32::MIN, f32::max);
        energies.iter_mut().for_each(|energy| *energy = (energy.max(loudest - 8.0) + 4.0) / 4.0);
        energies
    }

    /// Log energies of one step.
    fn column(&self, samples: &[f32]) -> [f32; BANDS] {
        const FLOOR: f32 = 1e-10;
        let mut piece: Vec<f32> =
            samples.iter().zip(&self.hann).map(|(sample, weight)| sample * weight).collect();
        let mut spectrum = self.fft.make_output_vec();
        self.fft.process(&mut piece, &mut spectrum).expect("buffers come from the plan");
        let mut column = [0.0; BANDS];
        for (energy, (first, weights)) in column.iter_mut().zip(&self.bands) {
            let sum: f32 =
                spectrum[*first..].iter().zip(weights).map(|(bin, weight)| bin.norm_sqr() * weight).sum();
            *energy = sum.max(FLOOR).log10();
        }
        column
    }
}

/// The last 8 s with silence before, mean 0 and variance 1, reflected by half a transform at both ends.
fn normalised(audio: &[i16]) -> Vec<f32> {
    const EPSILON: f64 = 1e-7;
    const EDGE: usize = FFT / 2;
    let tail = &audio[audio.len().saturating_sub(SAMPLES)..];
    let sum: f64 = tail.iter().map(|s| f64::from(*s) / 32_768.0).sum();
    let mean = sum / SAMPLES as f64;
    let squares: f64 = tail.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum();
    let variance = squares / SAMPLES as f64 - mean * mean;
    let scale = 1.0 / (variance + EPSILON).sqrt();
    let silence = (-mean * scale) as f32;
    let mut padded = vec![silence; EDGE + SAMPLES + EDGE];
    let start = EDGE + SAMPLES - tail.len();
    for (place, sample) in padded[start..].iter_mut().zip(tail) {
        *place = ((f64::from(*sample) / 32_768.0 - mean) * scale) as f32;
    }
    for n in 0..EDGE {
        padded[EDGE - 1 - n] = padded[EDGE + 1 + n];
        padded[EDGE + SAMPLES + n] = padded[EDGE + SAMPLES - 2 - n];
    }
    padded
}

/// Triangles of equal area on Slaney's mel scale, 0 to 8 kHz.
fn bands() -> Vec<(usize, Vec<f32>)> {
    let top = mel(RATE_HZ / 2.0);
    let edge = |n: usize| hertz(top * n as f64 / (BANDS + 1) as f64);
    let bin_hz = RATE_HZ / FFT as f64;
    let band = |n: usize| {
        let (low, middle, high) = (edge(n), edge(n + 1), edge(n + 2));
        let weight = |bin: usize| {
            let hz = bin as f64 * bin_hz;
            let slope = ((hz - low) / (middle - low)).min((high - hz) / (high - middle));
            (slope.max(0.0) * 2.0 / (high - low)) as f32
        };
        let first = (0..BINS).find(|bin| weight(*bin) > 0.0).unwrap_or_default();
        (first, (first..BINS).map(weight).take_while(|weight| *weight > 0.0).collect())
    };
    (0..BANDS).map(band).collect()
}

/// Linear below 1 kHz, logarithmic above.
fn mel(hertz: f64) -> f64 {
    if hertz < 1_000.0 { 3.0 * hertz / 200.0 } else { 15.0 + (hertz / 1_000.0).ln() * 27.0 / 6.4_f64.ln() }
}

fn hertz(mel: f64) -> f64 {
    if mel < 15.0 { 200.0 * mel / 3.0 } else { 1_000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}
