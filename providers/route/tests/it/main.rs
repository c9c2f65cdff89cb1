//! Routes of fakes under a paused clock: the contract, every fault at every moment, and many replies with some failing.

mod cast;
mod contract;
mod health;
mod llm;
mod simulation;
mod stt;
mod tts;
