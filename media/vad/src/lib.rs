//! Is anyone speaking, and have they finished? Verdicts on a caller's 16 kHz track.
//!
//! Gives probabilities and levels; what a run of them means for the conversation is decided by `media/turn`.

mod end_of_turn;
mod energy;
mod log_mel;
mod loudness;
mod models;
mod neural;
mod silero;
mod vad;
mod window;

pub use end_of_turn::{EndOfTurn, SmartTurn};
pub use energy::EnergyVad;
pub use models::VadModels;
pub use neural::NeuralVad;
pub use vad::Vad;

#[cfg(test)]
mod reference;
