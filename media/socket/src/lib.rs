//! Audio over WebSockets: Pipecat protobuf frames with RTVI inside, and carriers' media streams.
//!
//! Takes sockets that an HTTP server has already upgraded, and hands out peers. Knows no session, no agent and no HTTP.

mod carrier;
mod dialect;
mod driver;
mod error;
mod framing;
pub mod metrics;
mod options;
pub mod pipecat;
pub mod telnyx;
pub mod twilio;

pub use carrier::{Begun, Carried};
pub use dialect::Dialect;
pub use driver::Peer;
pub use error::Refusal;
pub use options::Options;
