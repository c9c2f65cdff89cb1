//! Speech to text, text to speech and embeddings in this process, without key or network.
//!
//! `LocalProviders::start` loads and measures them; each also loads alone. English only.

pub mod embed;
mod measure;
mod options;
mod start;
pub mod stt;
pub mod tts;

pub use options::Options;
pub use start::LocalProviders;
