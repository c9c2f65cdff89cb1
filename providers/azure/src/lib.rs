//! Azure Speech: live speech to text over its socket (USP), text to speech over HTTP.
//!
//! Only `wire.rs` knows the vendor's JSON, only `usp.rs` its frames, only `ssml.rs` its markup. Neither translation nor batch
//! transcription, and no speech through Azure OpenAI, which is `providers/openai`'s.

mod locale;
pub mod options;
mod ssml;
mod stt;
mod tts;
mod usp;
mod voices;
mod wire;

pub use options::{Mode, Options, Profanity};
pub use stt::{Listening, stt};
pub use tts::{Reading, tts};
pub use voices::{Offered, voices};
