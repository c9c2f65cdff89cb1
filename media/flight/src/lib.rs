//! The event log of a call: every input and every decision on one clock, written, read and replayed.
//!
//! JSON lines, so that a call can be read with ordinary tools; the first line is the header. Holds what the caller said in
//! plain text: where it lies and for how long is the deployment's to decide. Decides nothing itself.

pub mod diff;
pub mod format;
pub mod reader;
pub mod replay;
pub mod writer;

pub use diff::{Difference, diff};
pub use format::{Header, Record};
pub use reader::{Error, Reader};
pub use replay::{Decision, replay};
pub use writer::Writer;
