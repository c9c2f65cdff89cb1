//! What an organization may call by: the server's SIP trunks that are its own or lent to it, and its accounts at carriers.

use domain::ProviderAccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrunkKind {
    /// In the server's configuration.
    Sip,
    /// An account at Twilio.
    Twilio,
    /// An account at Telnyx.
    Telnyx,
}

/// How calls out by it stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrunkState {
    /// Nothing is missing; whether the other side takes calls is known when one is made.
    Ready,
    /// The trunk knows this server, and calls come here.
    Registered,
    /// It is being asked.
    Registering,
    /// It does not let this server register; it is asked again.
    Refused,
    /// Something is missing: no call can be made.
    Unfit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trunk {
    /// What calls and campaigns name.
    pub name: String,
    pub kind: TrunkKind,
    /// The account; null: a trunk of the configuration.
    #[schema(value_type = Option<String>, example = "pac_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub account_id: Option<ProviderAccountId>,
    /// What callees see where a call does not say; null: each call says it, with one of the account's numbers.
    pub caller: Option<String>,
    pub state: TrunkState,
    /// What is missing, or what the trunk said.
    pub detail: Option<String>,
}

/// As this server has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trunks {
    /// Those of the configuration first.
    pub data: Vec<Trunk>,
}
