//! RTVI messages, their handshake and Pipecat's protobuf framing as pure data in, data out.
//!
//! The one protocol of widget, console, SDKs and the published Pipecat clients. No sockets, no clock, no tokio. What is
//! not RTVI's own business travels in `server-message` as `{"t": NAME, "d": {..}}`; the names are in `notices`.

pub mod incoming;
mod moment;
pub mod notices;
mod options;
mod outgoing;
pub mod pipecat;
mod server;
mod version;

pub use incoming::{RawAudio, raw_audio};
pub use options::Options;
pub use server::{Reaction, Server};
pub use version::Version;
