//! What happened to an organization and wants somebody's attention.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// So much of the month's budget is spent as `warn_percent` says.
    BudgetWarning,
    /// The month's budget is spent. With a hard stop no new calls are taken.
    BudgetExceeded,
    /// A request used what has no price.
    PriceUnknown,
    /// A vendor refuses an account's key, or the account has no credit left.
    ProviderRefused,
}

/// Told once for each subject; a budget once for each month and setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    #[schema(example = "alr_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: String,
    pub kind: AlertKind,
    /// What happened and what to do, for people.
    pub detail: String,
    /// The same for programs: of a budget `month`, `limit_nano_usd`, `spent_nano_usd`, `percent`, `hard_stop`; of a price `vendor`, `model`,
    /// `unit`; of a provider `provider`, `vendor`, `code`.
    #[schema(value_type = Object)]
    pub facts: Value,
    #[schema(format = DateTime)]
    pub first_at: String,
    #[schema(format = DateTime)]
    pub last_at: String,
}
