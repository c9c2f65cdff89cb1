//! The signal path without I/O: packets, jitter buffer, concealment, resampling, mixing, gates and paced playout.
//!
//! Plain synchronous structs: packets and `now` go in, frames and the next deadline come out. No tokio, no socket.
//! Start at `inbound` (caller to frames) and `outbound` (agent's audio to packets); the rest are their parts.

pub mod codec;
pub mod concealment;
pub mod dtmf;
pub mod g711;
pub mod gate;
pub mod inbound;
pub mod jitter;
pub mod leg;
pub mod level;
pub mod meter;
pub mod mix;
pub mod outbound;
pub mod pace;
pub mod packet;
pub mod pcm;
pub mod playout;
pub mod preroll;
pub mod quality;
pub mod recording;
pub mod resample;
mod voice;

pub use inbound::Inbound;
pub use jitter::Jitter;
pub use leg::{Delivery, LegCommand, LegEvent, Signal};
pub use meter::Meter;
pub use outbound::Outbound;
pub use packet::{Codec, Packet};
pub use playout::Playout;
pub use resample::Resampler;
