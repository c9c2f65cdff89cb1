//! Permissions: the short-lived token that an embedding page needs to start a call, and the operator's sign-in.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// Bound to the asking page's origin, the agent and the expiry.
    pub token: String,
    pub agent: String,
    /// RFC 3339, UTC. A call must have begun by then; it may last longer.
    pub expires_at: String,
}

/// `POST /v1/operator/session`: answered with a cookie that page scripts cannot read.
#[derive(Debug, Clone, Deserialize)]
pub struct OperatorSignIn {
    pub token: domain::Secret<String>,
}
