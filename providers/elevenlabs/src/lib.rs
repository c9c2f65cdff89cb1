//! ElevenLabs: text to speech over the multi-context socket and over HTTP, and the list of voices.
//!
//! Only `wire.rs` knows the vendor's JSON. What travels, and what it means, is data in and data out; connections, pools and waiting are
//! `providers/link`. Recognition (Scribe) is not here.

mod alignment;
pub mod options;
mod recital;
mod refusal;
mod tts;
mod voices;
mod wire;

pub use options::{Options, TextNormalization, VoiceSettings};
pub use recital::{ElevenLabsRecital, reciting, reciting_with_words};
pub use tts::{ElevenLabsTurn, speaking};
pub use voices::voices;

/// In errors, metrics and configuration.
pub const NAME: &str = "elevenlabs";
