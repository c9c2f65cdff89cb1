//! Paths, bodies and errors of the HTTP surface: the contract of the pages, the widget and outside clients.
//!
//! Data only: no rule, no clock, no HTTP library. Fields of ours are only ever added. Unknown fields of a body that places a
//! call are ignored, since the published Pipecat client sends more than we read; those of the control plane are refused,
//! since a misspelt setting that is taken in silence is worse than an error.

pub mod about;
pub mod agent;
pub mod agents;
pub mod alert;
pub mod api_key;
pub mod audit;
pub mod call;
pub mod campaign;
pub mod channel;
pub mod cost;
pub mod domain;
pub mod drill;
pub mod environment;
pub mod greeting;
pub mod health;
pub mod latency;
pub mod list;
pub mod live;
pub mod livekit;
pub mod offer;
pub mod organization;
pub mod outbound;
pub mod paths;
pub mod price;
pub mod problem;
pub mod provider_account;
pub mod recording;
pub mod route;
pub mod start;
pub mod trunk;
pub mod widget;

pub use agent::Agent;
pub use call::{Call, CallSummary};
pub use list::{List, Paging};
pub use problem::Problem;

use serde::{Deserialize, Deserializer};

/// Tells a field that is null from one that was left out.
pub(crate) fn given<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}
