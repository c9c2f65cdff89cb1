//! The signal path without I/O: packets, jitter buffer, concealment, resampling, mixing, gates and paced playout.
//!
//! Plain synchronous structs: packets and `now` go in, frames and the next deadline come out. No tokio, no socket.

pub mod codec;
pub mod concealment;
pub mod g711;
pub mod gate;
pub mod inbound;
pub mod jitter;
pub mod leg;
pub mod level;
pub mod packet;
pub mod pcm;
pub mod quality;
pub mod resample;

pub use inbound::Inbound;
pub use jitter::Jitter;
pub use leg::{LegCommand, LegEvent};
pub use packet::{Codec, Packet};
pub use resample::Resampler;
