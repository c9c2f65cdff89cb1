//! WebRTC peers on str0m: a server with one UDP port for all browsers, a client peer with a socket of its own, and links to media servers.
//!
//! Moves packets between sockets and `LegEvent`/`LegCommand`. Knows no session, no agent and no signalling beyond
//! the SDP it is handed; decodes no audio: raw RTP packets go up, so that the house's own jitter buffer sees them.

mod addresses;
mod candidate;
pub mod client;
mod endpoint;
mod error;
pub mod link;
pub mod metrics;
mod options;
mod outbox;
mod peer;
mod pipe;
pub mod relay;
mod reports;
mod server;
mod stun;
mod table;
mod timeline;
pub mod trust;
mod wire;

pub use candidate::Candidate;
pub use client::Client;
pub use error::Error;
pub use link::Link;
pub use options::Options;
pub use outbox::Outbox;
pub use peer::Peer;
pub use server::{Answer, Server, Stats};
pub use trust::Trust;
