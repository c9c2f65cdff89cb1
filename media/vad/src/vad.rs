//! One caller's detector, whichever kind it is.

use domain::{AudioFrame, VadDecision};

use crate::energy::EnergyVad;
use crate::neural::NeuralVad;

/// Frames go in, verdicts on 32 ms each come out in the order of the audio.
#[derive(Debug)]
pub enum Vad {
    Energy(EnergyVad),
    Neural(Box<NeuralVad>),
}

impl Vad {
    /// Takes the next frame of the caller's track: 16 kHz mono. Never waits.
    pub fn push(&mut self, frame: &AudioFrame) {
        match self {
            Self::Energy(vad) => vad.push(frame),
            Self::Neural(vad) => vad.push(frame),
        }
    }

    /// The next verdict; pends while none is due, so it belongs into a `select` beside what pushes frames. Cancel-safe.
    pub async fn next(&mut self) -> VadDecision {
        let due = match self {
            Self::Energy(vad) => vad.pop(),
            Self::Neural(vad) => vad.pop(),
        };
        match due {
            Some(decision) => decision,
            None => std::future::pending().await,
        }
    }
}
