//! What requests to vendors came to. Money is in nano-dollars: 1000000000 are one US dollar. What has no price is counted apart, never as 0.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::price::Unit;

/// How far back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum CostWindow {
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[default]
    #[serde(rename = "30d")]
    Month,
}

/// What sums are made for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostGroup {
    /// Accounts, by name.
    #[default]
    Provider,
    Model,
    Agent,
    Domain,
    Environment,
    Ability,
    /// Of UTC.
    Day,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CostQuery {
    #[serde(default)]
    pub window: CostWindow,
    #[serde(default)]
    pub group_by: CostGroup,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Costs {
    pub window: CostWindow,
    pub group_by: CostGroup,
    /// Points are this far apart.
    pub step_seconds: u32,
    #[schema(format = DateTime)]
    pub from: String,
    #[schema(format = DateTime)]
    pub to: String,
    pub total: CostSums,
    /// Of the requests: those whose usage we counted, since the vendor did not say. Absent without requests.
    pub estimated_share: Option<f64>,
    pub series: Vec<CostPoint>,
    /// The dearest first; days in order.
    pub breakdown: Vec<CostPart>,
    /// What has no price: enter one, or import a list. At most 50, the most often missed first.
    pub missing: Vec<PriceMissing>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CostSums {
    /// Attempts, failed and cancelled ones included.
    pub requests: i64,
    pub failures: i64,
    /// Of the requests whose cost is known.
    pub cost_nano_usd: i64,
    /// Requests whose cost is not known.
    pub unpriced: i64,
    pub estimated: i64,
    pub input_tokens: i64,
    /// Of the input tokens.
    pub cached_tokens: i64,
    pub output_tokens: i64,
    pub characters: i64,
    pub audio_in_ms: i64,
    pub audio_out_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CostPoint {
    #[schema(format = DateTime)]
    pub at: String,
    #[serde(flatten)]
    pub sums: CostSums,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CostPart {
    /// Absent: of none, such as requests for no agent.
    pub key: Option<String>,
    #[serde(flatten)]
    pub sums: CostSums,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceMissing {
    pub vendor: String,
    pub model: String,
    pub unit: Unit,
    pub requests: i64,
    #[schema(format = DateTime)]
    pub last_at: String,
}

/// What one call came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallCosts {
    /// Of all of them, shown or not.
    pub total: CallSum,
    /// In order, the first 1000.
    pub requests: Vec<ProviderRequest>,
    pub has_more: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallSum {
    pub requests: i64,
    /// Of the requests whose cost is known.
    pub cost_nano_usd: i64,
    pub unpriced: i64,
}

/// One attempt at a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderRequest {
    #[schema(example = "prq_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: String,
    /// Absent: of none alone, as recognition, which hears the whole call.
    pub turn: Option<i32>,
    #[schema(format = DateTime)]
    pub at: String,
    pub ability: String,
    /// The account's name, or `built-in`.
    pub provider: String,
    pub vendor: String,
    pub model: String,
    pub region: String,
    /// What it was made for: `first`, `fallback`, `hedge`, `probe`, or `trial` of an account.
    pub why: String,
    /// `completed`, `cancelled`, `failed`.
    pub outcome: String,
    pub error_code: Option<String>,
    pub connect_ms: Option<f64>,
    pub first_ms: Option<f64>,
    pub took_ms: Option<f64>,
    pub usage: Usage,
    /// Absent: not known, since `unpriced` have no price.
    pub cost_nano_usd: Option<i64>,
    pub unpriced: Vec<Unit>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    pub input_tokens: u64,
    pub cached_tokens: u64,
    pub cache_written_tokens: u64,
    pub output_tokens: u64,
    pub audio_input_tokens: u64,
    pub audio_output_tokens: u64,
    pub characters: u64,
    pub audio_in_ms: f64,
    pub audio_out_ms: f64,
    /// Counted by us, since the vendor has not said.
    pub estimated: bool,
}

/// What an organization means to spend in a month (UTC).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// Absent: as much as it comes to.
    pub monthly_limit_nano_usd: Option<i64>,
    /// From this share of the limit on, the state is `warning`.
    pub warn_percent: i32,
    /// No new calls once the limit is reached. Calls that run end with a goodbye after the reply that is being given.
    pub hard_stop: bool,
    /// 0 until it is set for the first time.
    pub revision: i32,
    /// In this month, as far as prices are known.
    pub spent_nano_usd: i64,
    /// Of the limit; absent without one.
    pub share: Option<f64>,
    pub state: BudgetState,
    #[schema(format = DateTime)]
    pub month: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetState {
    Ok,
    Warning,
    Exceeded,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetSetting {
    /// Null or left out: no limit.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000i64)]
    pub monthly_limit_nano_usd: Option<i64>,
    /// 80 unless given.
    #[schema(minimum = 1, maximum = 100)]
    pub warn_percent: Option<i32>,
    #[serde(default)]
    pub hard_stop: bool,
}
