//! Deepgram: live speech to text (v1, Nova) and text to speech (Aura-2) over its sockets.
//!
//! Only `wire.rs` knows the vendor's JSON. Streams are driven by whoever polls their events; nothing is spawned.

pub mod options;
mod socket;
mod stt;
mod tts;
mod wire;

pub use options::Options;
pub use stt::DeepgramStt;
pub use tts::DeepgramTts;
