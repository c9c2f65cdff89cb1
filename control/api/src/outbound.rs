//! Calls that we make by a trunk, until they are answered; then they are sessions as any other.

use domain::SessionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCall {
    /// Name of the agent that speaks to whoever answers, as callers name it.
    #[schema(example = "front-desk")]
    pub agent: String,
    /// Name of one of the server's SIP trunks.
    #[schema(example = "carrier")]
    pub trunk: String,
    /// Whom to call: up to 64 digits, letters and any of `+-._*#`.
    #[schema(example = "+4930123456", min_length = 1, max_length = 64)]
    pub to: String,
    /// What the callee sees, where it is not the trunk's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub from: Option<String>,
    /// How long it may ring, in seconds; 45 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 5, maximum = 180)]
    pub ring_s: Option<u32>,
}

/// What became of a call of ours. Kept for the newest thousand of a server, until it stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutboundCall {
    /// Of the session that it is once it is answered.
    #[schema(value_type = String, example = "ses_0190d2f0c0de7000800000000000abcd")]
    pub id: SessionId,
    pub agent: String,
    pub trunk: String,
    pub state: OutboundState,
    /// Why nobody took it: `busy`, `declined`, `no_answer`, `unknown_number`, `forbidden`, `unspeakable`, `unreachable`, `cancelled` (the server stopped), `failed`.
    pub outcome: Option<String>,
    /// The status of SIP with which the trunk said so.
    pub sip_status: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutboundState {
    /// Nothing came back yet.
    Dialling,
    Ringing,
    /// The call is a session now, which says how it goes on.
    Answered,
    /// Nobody took it.
    Unanswered,
}
