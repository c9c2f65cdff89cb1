//! Phone calls by SIP: our call machine over a SIP stack's transactions, and the audio of each call on a port of its own.
//!
//! Hands out invitations, and peers for those that are accepted. Knows no session, no agent and no routing. The thinking is
//! pure: `sdp`, `rtp`, `voice` and `machine` take bytes, text and `now`; `server` and `call` move them.

mod auth;
mod call;
mod dialog;
mod error;
mod invitation;
pub mod machine;
pub mod metrics;
mod options;
mod ports;
pub mod rtp;
pub mod sdp;
mod server;
pub mod voice;

pub use error::Error;
pub use invitation::{Invitation, Peer, Refusal};
pub use options::Options;
pub use server::Server;
