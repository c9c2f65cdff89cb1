//! Scripted, exactly timed providers that fail on demand: a shipped citizen for tests, demos and load tests.
//!
//! All waits are tokio time, so a paused clock rules them. Words are spoken and recognised as tone pairs
//! (`lexicon`): what a fake voice says, a fake ear understands, through any codec. Nothing here spawns: each
//! stream is driven by whoever polls it, and dropping it is the end of it.

pub mod drill;
pub mod embed;
pub mod fault;
pub mod lexicon;
pub mod llm;
mod named;
pub mod options;
pub mod stt;
pub mod tts;

pub use drill::Drilled;
pub use embed::FakeEmbedder;
pub use fault::{Fault, Faults};
pub use lexicon::Lexicon;
pub use llm::FakeLlm;
pub use named::Named;
pub use options::{Answer, Call, EmbedOptions, LlmOptions, SttOptions, TtsOptions};
pub use stt::FakeStt;
pub use tts::FakeTts;
