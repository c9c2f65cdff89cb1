//! Cartesia: text to speech (Sonic) over its socket and over HTTP, and the list of voices.
//!
//! Only `wire.rs` knows the vendor's JSON. What travels, and what it means, is data in and data out; connections, pools and waiting are
//! `providers/link`. Recognition (Ink) is not here.

pub mod options;
mod recital;
mod refusal;
mod tts;
mod voices;
mod wire;

pub use options::Options;
pub use recital::{CartesiaRecital, reciting};
pub use tts::{CartesiaTurn, speaking};
pub use voices::voices;

/// In errors, metrics and configuration.
pub const NAME: &str = "cartesia";
