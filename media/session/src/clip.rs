//! Speech that is there before it is needed: the apology, a greeting rendered at start, a tone where no voice ever was.

use std::collections::HashMap;
use std::f32::consts::TAU;
use std::sync::{Arc, OnceLock};

/// Rendered text.
#[derive(Debug, Clone)]
pub struct Clip {
    pub text: String,
    pub samples: Arc<[i16]>,
    pub rate_hz: u32,
}

/// Clips by their exact text; a sentence that is here needs no synthesis. Some may still be on their way: what has not come when its
/// sentence is said is synthesised.
#[derive(Debug, Clone, Default)]
pub struct Clips(HashMap<String, OnceLock<Clip>>);

impl Clips {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn insert(&mut self, text: String, clip: Clip) {
        self.0.insert(text, OnceLock::from(clip));
    }

    /// Keeps a place for a clip of this text, which `fill` may bring.
    pub fn expect(&mut self, text: String) {
        self.0.entry(text).or_default();
    }

    /// Brings a clip that was expected; another one, or one that has come before, is dropped.
    pub fn fill(&self, clip: Clip) {
        if let Some(place) = self.0.get(&clip.text) {
            let _came_before = place.set(clip);
        }
    }

    pub(crate) fn get(&self, text: &str) -> Option<&Clip> {
        self.0.get(text)?.get()
    }
}

impl Extend<(String, Clip)> for Clips {
    fn extend<I: IntoIterator<Item = (String, Clip)>>(&mut self, clips: I) {
        self.0.extend(clips.into_iter().map(|(text, clip)| (text, OnceLock::from(clip))));
    }
}

impl FromIterator<(String, Clip)> for Clips {
    fn from_iter<I: IntoIterator<Item = (String, Clip)>>(clips: I) -> Self {
        let mut all = Self::new();
        all.extend(clips);
        all
    }
}

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
    fn a_clip_may_come_later_and_once() {
        let clip = |rate_hz| Clip { text: "Hello.".to_owned(), samples: [1].into(), rate_hz };
        let mut clips = Clips::new();
        clips.fill(clip(8_000));
        assert!(clips.get("Hello.").is_none(), "nobody asked for it");
        clips.expect("Hello.".to_owned());
        assert!(clips.get("Hello.").is_none());
        clips.fill(clip(16_000));
        clips.fill(clip(24_000));
        assert_eq!(clips.get("Hello.").map(|clip| clip.rate_hz), Some(16_000));
    }

    #[test]
    fn the_tones_can_be_heard_and_do_not_click() {
        let clip = Clip::tones("sorry");
        assert!(clip.samples.iter().any(|s| *s > 5_000));
        let jump = clip.samples.windows(2).map(|w| i32::from(w[0]).abs_diff(i32::from(w[1]))).max();
        assert!(jump < Some(4_500), "a sine of 1800 Hz moves by 4150 at most: {jump:?}");
    }
}
