//! The sound under a whole call: an office, a street. Read by whoever starts sessions, converted once, shared by all calls.
//!
//! Knows no files. How it gives way to the voice is the mixer's business (`media_core::mix`).

use std::path::PathBuf;
use std::sync::Arc;

use media_core::mix;
use media_core::resample::Unsupported;
use serde::{Deserialize, Serialize};

/// What a call may be mixed at (`media_core::playout::Options::rate_hz`).
const RATES_HZ: [u32; 4] = [8_000, 16_000, 24_000, 48_000];
/// A recording seldom ends where it begins: both ends fade within this, in ms, so that the repetition does not click.
const FADE_MS: u32 = 10;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// A WAV file. A relative path counts from the agents folder.
    pub file: PathBuf,
    /// Relative to the recording, in dB, -60 to 0. Under the agent's voice it sinks by 10 dB more.
    #[serde(default = "gain_db")]
    pub gain_db: f32,
}

const fn gain_db() -> f32 {
    -12.0
}

impl Options {
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.file.as_os_str().is_empty() {
            return Err("session.background.file must name a WAV file".to_owned());
        }
        if !(-60.0..=0.0).contains(&self.gain_db) {
            return Err(format!(
                "session.background.gain_db must be between -60 and 0, not {}",
                self.gain_db
            ));
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
pub struct Background {
    /// One for each of `RATES_HZ`.
    sounds: Arc<[mix::Background]>,
    gain_db: f32,
}

impl Background {
    /// The recording, mono, at `gain_db` relative to itself.
    ///
    /// # Errors
    /// A rate that cannot be converted.
    pub fn new(mut samples: Vec<i16>, rate_hz: u32, gain_db: f32) -> Result<Self, Unsupported> {
        fade_ends(&mut samples, (rate_hz * FADE_MS / 1000) as usize);
        let sounds = RATES_HZ.iter().map(|to_hz| mix::Background::new(&samples, rate_hz, *to_hz));
        Ok(Self { sounds: sounds.collect::<Result<_, _>>()?, gain_db })
    }

    /// As a call mixed at this rate needs it.
    pub(crate) fn at(&self, rate_hz: u32) -> Option<(mix::Background, f32)> {
        let sound = self.sounds.iter().find(|sound| sound.rate_hz() == rate_hz)?;
        Some((sound.clone(), self.gain_db))
    }
}

fn fade_ends(samples: &mut [i16], length: usize) {
    let length = length.min(samples.len() / 2);
    let last = samples.len();
    for n in 0..length {
        let gain = n as f32 / length as f32;
        for at in [n, last - 1 - n] {
            samples[at] = (f32::from(samples[at]) * gain) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_background_that_cannot_be_is_refused_in_words() {
        let parse = |json| serde_json::from_value::<Options>(json).expect("well-formed");
        let valid = parse(serde_json::json!({ "file": "office.wav" }));
        assert_eq!((valid.validate(), valid.gain_db), (Ok(()), -12.0));
        for (json, word) in [
            (serde_json::json!({ "file": "" }), "file"),
            (serde_json::json!({ "file": "office.wav", "gain_db": 3 }), "gain_db"),
        ] {
            assert!(parse(json).validate().expect_err("refused").contains(word));
        }
        let unknown = serde_json::json!({ "file": "office.wav", "volume": 3 });
        assert!(serde_json::from_value::<Options>(unknown).is_err());
    }

    #[test]
    fn the_ends_meet_without_a_click() {
        let mut samples = vec![8_000; 1_600];
        fade_ends(&mut samples, 160);
        assert_eq!((samples[0], samples[1_599], samples[800]), (0, 0, 8_000));
        fade_ends(&mut [], 160);
        assert!(Background::new(vec![1; 100], 44_100, 0.0).is_ok_and(|b| b.at(8_000).is_some()));
        assert!(Background::new(vec![1; 100], 7_000, 0.0).is_err());
    }
}
