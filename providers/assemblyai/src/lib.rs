//! AssemblyAI: live speech to text (streaming, v3) over its socket.
//!
//! Only `wire.rs` knows the vendor's JSON. Neither recorded files nor the vendor's own voice agent.

pub mod options;
mod stt;
mod wire;

pub use options::Options;
pub use stt::{Listening, stt};
