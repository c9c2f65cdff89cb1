//! Settings of the embedded recogniser.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Streams open at once; 0: as many as the machine was measured to carry calls.
    pub streams_max: usize,
    /// New audio, in milliseconds, between two partial transcripts. Each costs a pass over the whole utterance, so they
    /// come more slowly when passes take long, and not at all while the machine is busy.
    pub partial_every_ms: u64,
    /// Below this confidence, 0 to 100, a transcript counts only when the audio has the pitch of a voice: the recogniser
    /// makes up words when it hears noise.
    pub noise_confidence_percent: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self { streams_max: 0, partial_every_ms: 500, noise_confidence_percent: 50 }
    }
}

impl Options {
    /// # Errors
    /// What is out of range, in words for the operator.
    pub fn validate(&self) -> Result<(), String> {
        if !(100..=10_000).contains(&self.partial_every_ms) {
            return Err(format!(
                "partial_every_ms is {}; it ranges from 100 to 10000",
                self.partial_every_ms
            ));
        }
        if self.noise_confidence_percent > 100 {
            return Err(format!(
                "noise_confidence_percent is {}; the most is 100",
                self.noise_confidence_percent
            ));
        }
        Ok(())
    }
}
