//! Google: Gemini, Cloud Speech-to-Text (v2, streaming over gRPC), Cloud Text-to-Speech.

pub mod auth;
mod gemini;
pub mod options;
mod stt;
mod tts;
mod wire;
mod wire_gemini;

pub use auth::Credentials;
pub use gemini::GeminiLlm;
pub use gemini::options::{GeminiOptions, Thinking};
pub use options::Options;
pub use stt::GoogleStt;
pub use tts::{GoogleTts, ListedVoice};

/// In errors, events and configuration.
const NAME: &str = "google";
