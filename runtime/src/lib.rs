//! Support for async code without any business: tasks with a kind and an owner, drain, telemetry.
//!
//! Knows nothing of calls, agents or vendors. `tasks` is the only place of the workspace that spawns.

pub mod shares;
pub mod tasks;
pub mod telemetry;

pub use shares::{Share, Shares};
pub use tasks::{Kind, Tasks};
