//! One call as one actor: listens, lets the turn machine decide, thinks through a port, speaks, and keeps what was heard.
//!
//! Knows no transport, vendor or agent: a `Leg` brings packets, `Stt` and `Tts` are traits, a `Dialogue` thinks. Read
//! `session.rs` first: its select loop is the closed set of everything that can happen to a call.

pub mod background;
pub mod clip;
pub mod directory;
mod ears;
mod events;
mod floor;
mod greeting;
pub mod handle;
pub mod history;
mod leg;
pub mod lines;
mod listen;
pub mod metrics;
pub mod options;
mod outbound;
pub mod ports;
mod pressing;
mod quality;
pub mod recording;
mod reply;
mod screening;
pub mod sentence;
mod session;
mod speak;
pub mod tap;
mod think;
mod transfer;
mod unasked;

pub use background::Background;
pub use clip::{Clip, Clips};
pub use directory::{Directory, Full, Place, Slot, Taken};
pub use handle::{Gone, Handle, Status};
pub use lines::Lines;
pub use options::{Options, Waits};
pub use ports::{
    ClientProtocol, Consult, Dialogue, Hurry, Keypad, Leg, NotPressed, NotTransferred, Reaction,
    RecordedPart, RecordingFile, Recordings, Refer, Said, SessionSink,
};
pub use screening::Screened;
pub use session::{Parts, Resumed, start};
pub use tap::Tapped;
