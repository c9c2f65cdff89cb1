//! An agent in a LiveKit room: a participant with one track, and a worker that rooms are offered to.
//!
//! Moves audio between the room and `LegEvent`/`LegCommand`, and says in the room what LiveKit's published clients expect. Knows no session
//! and no agent. What is decided (who the caller is, what a text stream holds, what a job is at) is pure; the shells move it.

pub mod api;
mod before;
mod conversation;
pub mod dispatch;
mod error;
mod keys;
pub mod metrics;
mod options;
mod participant;
mod roster;
pub mod rpc;
mod signal;
pub mod sip;
mod socket;
mod splice;
mod text;
mod token;
mod waiting;
mod webm;
mod wire;
mod worker;

pub use conversation::{Conversation, Notice, Reaction, Said};
pub use error::Error;
pub use keys::{Keypad, NotPressed};
pub use media_rtc::{Trust, trust};
pub use options::{Door, Options, With};
pub use participant::{Begun, Ended, Peer, Ticket, Visit, enter};
pub use roster::Caller;
pub use rpc::Rpc;
pub use socket::check_url;
pub use token::{Grant, Keys};
pub use waiting::Waiting;
pub use worker::{Assigned, Load, Offer, Worker};
