//! The conversation floor as a pure machine: who may speak, when the caller has finished, when the agent must stop.
//!
//! Feed one `Input`, then `poll` until `Output::Timeout`. Knows no audio, no provider, no clock: `now` is an argument.
//! Liveness: whenever the caller has spoken and nobody is speaking, an inference or a wait with a deadline exists.

mod backchannel;
mod barge_in;
mod clock;
mod digits;
mod echo;
mod endpointing;
pub mod floor;
mod idle;
pub mod input;
pub mod machine;
pub mod options;
pub mod output;
mod pauses;
pub mod rules;
mod shape;
mod speech;
mod typed;
mod utterance;
mod words;

pub use floor::Floor;
pub use input::Input;
pub use machine::TurnMachine;
pub use options::Options;
pub use output::{Output, Why};
pub use rules::{Rule, Rules};
