//! From one rate to another, in pieces of any length: a windowed sinc, one row of taps for each phase.

/// To each side of the point that is computed, in samples of the lower rate.
const REACH: f64 = 8.0;

#[derive(Debug, Clone)]
pub(crate) struct Resampler {
    /// For each phase of an output sample between two input samples.
    phases: Vec<Vec<f32>>,
    /// Input samples that an output sample is away from the one before it, in phases.
    step: usize,
    /// Where the next output lies, in phases from the first sample of `held`.
    at: usize,
    held: Vec<i16>,
}

impl Resampler {
    pub(crate) fn new(from_hz: u32, to_hz: u32) -> Self {
        let (from_hz, to_hz) = (from_hz.max(1), to_hz.max(1));
        let divisor = gcd(from_hz, to_hz);
        let phases = (to_hz / divisor) as usize;
        let step = (from_hz / divisor) as usize;
        // What the lower rate cannot hold is cut off.
        let cutoff = (f64::from(to_hz) / f64::from(from_hz)).min(1.0) * 0.95;
        let side = (REACH / cutoff).ceil() as usize;
        let rows = (0..phases).map(|phase| row(phase as f64 / phases as f64, side, cutoff)).collect();
        Self { phases: rows, step, at: 0, held: vec![0; side - 1] }
    }

    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        if self.phases.len() == 1 && self.step == 1 {
            return samples.to_vec();
        }
        self.held.extend_from_slice(samples);
        let count = self.phases.len();
        let mut out = Vec::with_capacity(samples.len() * count / self.step + 1);
        loop {
            let (first, taps) = (self.at / count, &self.phases[self.at % count]);
            let Some(window) = self.held.get(first..first + taps.len()) else { break };
            let sum: f32 = window.iter().zip(taps).map(|(sample, tap)| f32::from(*sample) * tap).sum();
            out.push(sum.round().clamp(-32_768.0, 32_767.0) as i16);
            self.at += self.step;
        }
        let passed = (self.at / count).min(self.held.len());
        self.held.drain(..passed);
        self.at -= passed * count;
        out
    }
}

/// The weight of each of the `2 * side` samples around a point that lies `offset` after the sample before it.
fn row(offset: f64, side: usize, cutoff: f64) -> Vec<f32> {
    let weights: Vec<f64> = (0..2 * side)
        .map(|n| {
            let distance = n as f64 - (side as f64 - 1.0) - offset;
            let window = (std::f64::consts::PI * distance / (2.0 * side as f64)).cos().powi(2);
            window * sinc(cutoff * distance)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| (weight / sum) as f32).collect()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) }
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, rate_hz: u32, count: usize) -> Vec<i16> {
        let sample =
            |n: usize| (std::f64::consts::TAU * hertz * n as f64 / f64::from(rate_hz)).sin() * 10_000.0;
        (0..count).map(|n| sample(n) as i16).collect()
    }

    #[test]
    fn a_tone_stays_the_same_tone_at_the_same_place() {
        for (from_hz, to_hz) in [(16_000, 24_000), (8_000, 24_000), (22_050, 24_000), (48_000, 24_000)] {
            let heard = tone(440.0, from_hz, from_hz as usize);
            let mut resampler = Resampler::new(from_hz, to_hz);
            let got: Vec<i16> = heard.chunks(333).flat_map(|piece| resampler.push(piece)).collect();
            assert!(got.len() <= to_hz as usize && got.len() + 50 > to_hz as usize, "{} samples", got.len());
            let expected = tone(440.0, to_hz, got.len());
            let worst = got[100..].iter().zip(&expected[100..]).map(|(a, b)| (a - b).abs()).max();
            assert!(worst < Some(100), "{from_hz} to {to_hz}: {worst:?} of 10000");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_does_not_come_back_as_another_tone() {
        let got = Resampler::new(48_000, 16_000).push(&tone(14_000.0, 48_000, 48_000));
        let peak = got[100..].iter().map(|sample| sample.abs()).max();
        assert!(peak < Some(400), "{peak:?} of 10000");
    }

    #[test]
    fn the_same_rate_is_left_alone() {
        assert_eq!(Resampler::new(16_000, 16_000).push(&[1, 2, 3]), [1, 2, 3]);
    }
}
