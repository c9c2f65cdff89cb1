//! Paths, bodies and errors of the HTTP surface: the contract of the pages, the widget and outside clients.
//!
//! Data only: no rule, no clock, no HTTP library. Unknown fields of a client's body are ignored, since the published
//! Pipecat client sends more than we read; fields of ours are only ever added.

pub mod agent;
pub mod call;
pub mod health;
pub mod offer;
pub mod paths;
pub mod problem;
pub mod start;
pub mod widget;

pub use agent::Agent;
pub use call::{Call, CallSummary};
pub use problem::Problem;
