//! Callers from outside over WebRTC and WebSocket, exactly timed vendors, scenarios, measures and reports.
//!
//! Everything here stands where a caller stands: it knows the public protocols and nothing of the server's inside.
//! `foundry call` and the benchmarks are the two users of this library.

pub mod ahead;
pub mod api;
pub mod call;
pub mod caller;
pub mod ear;
pub mod gate;
pub mod link;
pub mod notes;
pub mod setups;
pub mod talk;
pub mod wav;
