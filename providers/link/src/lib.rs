//! The way to a vendor: sockets under one supervisor, HTTP, event streams. A vendor's room says what its messages mean, as data in
//! and data out; waiting, keeping alive, replacing, pooling and giving up are done here, once.
//!
//! Knows no vendor.

pub mod carrier;
pub mod codes;
pub mod conversing;
pub mod hearing;
pub mod http;
pub mod metrics;
pub mod pcm;
pub mod pool;
pub mod positions;
pub mod reciting;
mod reply;
mod sentences;
pub mod socket;
pub mod speaking;
pub mod sse;

pub use codes::Fault;
pub use conversing::{Conversing, ConversingProtocol};
pub use hearing::{Heard, Hearing, HearingProtocol, Piece};
pub use http::Client;
pub use pool::Pool;
pub use positions::Positions;
pub use reciting::{Recital, Reciting};
pub use reply::{ReplyReader, reply};
pub use socket::{Endpoint, Frame};
pub use speaking::{Speaking, SpeakingProtocol, Spoken};
