//! How quickly agents answered, and what calls did, over a window of time. Lengths are milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How far back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Window {
    /// Points of a minute, the running one included: what happened a second ago is in it.
    #[serde(rename = "5m")]
    FiveMinutes,
    #[default]
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WindowQuery {
    #[serde(default)]
    pub window: Window,
    /// Name of an agent.
    pub agent: Option<String>,
    /// Name of an account, or `built-in`: latencies of the stages that it served and responses of the turns it had a part in, its tokens, and
    /// everything else of calls from where it began to serve them.
    pub provider: Option<String>,
    /// `webrtc`, `websocket`, `twilio`.
    pub transport: Option<String>,
    /// Of the agent; 0 is its draft.
    #[param(minimum = 0)]
    pub version: Option<i32>,
}

/// Latencies of turns. The stages `endpointing`, `thinking`, `sentence`, `synthesis` and `playout` of one turn add up to its `response`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Latency {
    pub window: Window,
    /// Points are this far apart.
    pub step_seconds: u32,
    #[schema(format = DateTime)]
    pub from: String,
    #[schema(format = DateTime)]
    pub to: String,
    /// By name; every stage is there, without turns too.
    pub stages: BTreeMap<String, Stage>,
}

/// Over the whole window, and point by point. Percentiles are at most 2 % off; absent where there was no turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    #[serde(flatten)]
    pub whole: Percentiles,
    pub series: Vec<LatencyPoint>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Percentiles {
    /// Turns.
    pub count: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LatencyPoint {
    #[schema(format = DateTime)]
    pub at: String,
    #[serde(flatten)]
    pub percentiles: Percentiles,
}

/// What calls did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Activity {
    pub window: Window,
    pub step_seconds: u32,
    #[schema(format = DateTime)]
    pub from: String,
    #[schema(format = DateTime)]
    pub to: String,
    /// Now, of those that the filters choose.
    pub active_calls: i64,
    pub series: Vec<ActivityPoint>,
    pub totals: Sums,
    /// Milliseconds by cause.
    pub dead_air_by_cause: BTreeMap<String, i64>,
    /// How often, by code.
    pub failures_by_code: BTreeMap<String, i64>,
    /// How often, by reason.
    pub ended_by_reason: BTreeMap<String, i64>,
    /// What asking language models ahead of the end of turns came to, by agent; those that asked nothing ahead are left out.
    pub speculation: Vec<Speculation>,
    /// What the filters can be set to.
    pub agents: Vec<String>,
    pub providers: Vec<String>,
    pub transports: Vec<String>,
    pub versions: Vec<i32>,
}

/// Questions that an agent's calls asked before the turn was certain. One that a model refused is left out, and one that is under way when its
/// call ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Speculation {
    /// By name.
    pub agent: String,
    /// The turn ended with the same words, and the answer was there already.
    pub adopted: i64,
    /// Asked in vain.
    pub discarded: i64,
    /// Share of those adopted; absent where nothing was asked ahead.
    pub hit_rate: Option<f64>,
    /// In and out, of those in vain; estimated where a vendor had not counted.
    pub wasted_tokens: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActivityPoint {
    #[schema(format = DateTime)]
    pub at: String,
    /// The most that were under way: in any one minute of the step; of `7d` and `30d`, at any one full hour.
    pub active_calls: i64,
    #[serde(flatten)]
    pub sums: Sums,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sums {
    /// Calls begun.
    pub calls: i64,
    /// Turns of callers: requests to the agent.
    pub turns: i64,
    pub interruptions: i64,
    pub dead_air_ms: i64,
    pub failures: i64,
    /// Of language models, in calls: as vendors count them, estimated where they do not, what was given up included.
    pub tokens_in: i64,
    pub tokens_out: i64,
}
