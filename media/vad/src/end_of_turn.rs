//! Has the caller finished? Asked about the last seconds of audio, answered by a model or not at all.

use domain::{MediaTime, Score};

/// Shared by all calls.
#[derive(Debug, Clone)]
pub enum EndOfTurn {
    /// No model: every question goes unanswered and the turn machine's time-outs rule.
    Off,
}

impl EndOfTurn {
    /// Judges up to the last 8 s of the caller's 16 kHz audio, which ends at `at`. `None` where there is no model, no
    /// audio, or no room to compute it in time.
    pub async fn score(&self, audio_16k: &[i16], at: MediaTime) -> Option<Score> {
        match self {
            Self::Off => {
                let _ = (audio_16k, at);
                None
            }
        }
    }
}
