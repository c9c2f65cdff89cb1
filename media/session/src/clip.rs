//! Speech that is there before it is needed: the apology, a greeting rendered at start, a tone where no voice ever was.

use std::collections::HashMap;
use std::f32::consts::TAU;
use std::sync::Arc;

/// Rendered text.
#[derive(Debug, Clone)]
pub struct Clip {
    pub text: String,
    pub samples: Arc<[i16]>,
    pub rate_hz: u32,
}

/// Clips by their exact text; a sentence that is here needs no synthesis.
pub type Clips = HashMap<String, Clip>;

impl Clip {
    /// Three falling tones, as telephone networks announce that something failed: for agents whose voice never worked.
    #[must_use]
    pub fn tones(text: &str) -> Self {
        const RATE_HZ: u32 = 16_000;
        let mut samples = Vec::new();
        for hz in [950.0_f32, 1_400.0, 1_800.0] {
            let count = RATE_HZ * 330 / 1000;
            samples.extend((0..count).map(|n| {
                // Ramps of 5 ms keep the tone from clicking.
                let edge = n.min(count - n) as f32 / (RATE_HZ as f32 * 0.005);
                ((TAU * hz * n as f32 / RATE_HZ as f32).sin() * 6_000.0 * edge.min(1.0)) as i16
            }));
            samples.resize(samples.len() + RATE_HZ as usize / 30, 0);
        }
        Self { text: text.to_owned(), samples: samples.into(), rate_hz: RATE_HZ }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tones_can_be_heard_and_do_not_click() {
        let clip = Clip::tones("sorry");
        assert!(clip.samples.iter().any(|s| *s > 5_000));
        let jump = clip.samples.windows(2).map(|w| i32::from(w[0]).abs_diff(i32::from(w[1]))).max();
        assert!(jump < Some(4_500), "a sine of 1800 Hz moves by 4150 at most: {jump:?}");
    }
}
