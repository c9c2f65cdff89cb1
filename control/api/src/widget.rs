//! Permissions: the token that a page or program needs to start a call, and the operator's sign-in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::start::IceServer;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// How long the token is to begin calls, in seconds; 30 days at most. For the operator alone to choose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub ttl_s: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenAnswer {
    /// Bound to the asking page's origin (to none for a program), the agent and the expiry.
    pub token: String,
    pub agent: String,
    /// RFC 3339, UTC. A call must have begun by then; it may last longer.
    pub expires_at: String,
    /// STUN and TURN servers for a call over WebRTC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ice_servers: Vec<IceServer>,
}

/// What shows who the operator is. Answered with a cookie that page scripts cannot read.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected `token` or `code`, one of the two")]
pub enum OperatorSignIn {
    Token(ByToken),
    Code(ByCode),
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ByToken {
    /// The operator's token.
    #[schema(value_type = String)]
    pub token: ::domain::Secret<String>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ByCode {
    /// The one-time code of the link `/#admin=CODE` that the server printed at its start, or `foundry admin-link`.
    #[schema(value_type = String)]
    pub code: ::domain::Secret<String>,
}
