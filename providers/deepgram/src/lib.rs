//! Deepgram: live speech to text (v1 Nova, v2 Flux) and text to speech (Aura-2, over its socket or HTTP).
//!
//! Only `wire.rs` knows the vendor's JSON. What waits, reconnects and pools is `providers-link`.

mod aura;
mod flux;
mod manners;
mod nova;
pub mod options;
mod stt;
mod tts;
mod wire;

pub use options::{Flux, Options};
pub use stt::DeepgramStt;
pub use tts::{DeepgramHttpTts, DeepgramTts};
