//! The signal path without I/O: packets, jitter buffer, concealment, resampling, mixing, gates and paced playout.
//!
//! Plain synchronous structs: packets and `now` go in, frames and the next deadline come out. No tokio, no socket.

pub mod leg;
pub mod packet;

pub use leg::{LegCommand, LegEvent};
pub use packet::{Codec, Packet};
