//! Has the caller finished? Asked about the last seconds of audio, answered by a model or not at all.

use std::sync::Arc;

use domain::{MediaTime, Score};
use inference::{Input, Lane, Model, Pool};

use crate::log_mel::{self, LogMel};

/// Shared by all calls.
#[derive(Debug, Clone)]
pub enum EndOfTurn {
    /// No model: every question goes unanswered and the turn machine's time-outs rule.
    Off,
    Neural(SmartTurn),
}

/// The model `smart-turn` and the threads it runs on.
#[derive(Clone)]
pub struct SmartTurn {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
}

struct Shared {
    model: Model,
    view: LogMel,
    output: String,
}

impl EndOfTurn {
    /// Judges up to the last 8 s of the caller's 16 kHz audio, which ends at `at`. `None` where there is no model, no
    /// audio, or no room to compute it in time. Dropping the future takes the question back.
    pub async fn score(&self, audio_16k: &[i16], at: MediaTime) -> Option<Score> {
        match self {
            Self::Off => None,
            Self::Neural(_) if audio_16k.is_empty() => None,
            Self::Neural(model) => {
                model.probability(audio_16k).await.map(|probability| Score { probability, at })
            }
        }
    }

    /// On this thread, for measuring.
    #[cfg(test)]
    pub(crate) fn probability_here(&self, audio: &[i16]) -> Option<f32> {
        match self {
            Self::Off => None,
            Self::Neural(model) => model.shared.probability(audio).ok(),
        }
    }
}

impl SmartTurn {
    pub(crate) fn new(model: Model, pool: Arc<Pool>) -> Option<Self> {
        let output = model.outputs().first()?.clone();
        Some(Self { shared: Arc::new(Shared { model, view: LogMel::new(), output }), pool })
    }

    async fn probability(&self, audio: &[i16]) -> Option<f32> {
        let tail = audio[audio.len().saturating_sub(log_mel::SAMPLES)..].to_vec();
        let shared = Arc::clone(&self.shared);
        match self.pool.run(Lane::Interactive, move || shared.probability(&tail)).await {
            Ok(Ok(probability)) => Some(probability),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the end of a turn could not be judged");
                None
            }
            Err(rejected) => {
                tracing::debug!(%rejected, "no room to judge the end of a turn");
                None
            }
        }
    }
}

impl Shared {
    fn probability(&self, audio: &[i16]) -> Result<f32, inference::Error> {
        let view = self.view.of(audio);
        let shape = [1, log_mel::BANDS, log_mel::STEPS];
        let outputs = self.model.run(&[("input_features", Input::F32(&shape, &view))])?;
        let (_, values) = outputs.f32(&self.output)?;
        values.first().copied().ok_or_else(|| inference::Error::Run("no probability".to_owned()))
    }
}

impl std::fmt::Debug for SmartTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SmartTurn")
    }
}
