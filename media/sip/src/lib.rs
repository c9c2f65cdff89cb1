//! Phone calls by SIP: our call machine over a SIP stack's transactions, and the audio of each call on a port of its own.
//!
//! Hands out invitations, and peers for those that are accepted; dials, and hands out peers for those that answer. Knows no session, no agent and no routing. The thinking is
//! pure: `sdp`, `rtp`, `voice`, `manners` and `machine` take bytes, text and `now`; `server`, `tls` and `call` move them.

mod asking;
mod auth;
mod call;
mod closings;
mod control;
mod dial;
mod dialog;
mod dispatch;
mod door;
mod echo;
mod error;
mod headers;
mod invitation;
mod knocks;
mod limits;
mod linear;
pub mod machine;
mod manners;
pub mod metrics;
mod options;
mod outgoing;
mod pace;
mod ports;
mod reading;
mod referral;
mod register;
mod registration;
mod replaces;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod server;
mod sieve;
pub mod srtp;
mod table;
mod tcp;
mod tls;
mod tones;
mod trace;
mod trunk;
pub mod voice;

pub use control::{Control, NotPressed, NotTransferred};
pub use error::Error;
pub use headers::Headers;
pub use invitation::{CallKey, Invitation, Peer, Refusal};
pub use options::Options;
pub use outgoing::{DialError, Dialling, Outcome, Outgoing, Progress, Unanswered};
pub use referral::Referral;
pub use registration::Registration;
pub use server::Server;
pub use tls::RootsError;
pub use trunk::{Transport, Trunk};
