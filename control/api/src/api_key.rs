//! Keys of an organization: full rights within it. What is stored of one cannot be used to call us.

use domain::ApiKeyId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    #[schema(value_type = String, example = "key_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: ApiKeyId,
    pub name: String,
    /// Its beginning and its last four characters.
    pub hint: String,
    #[schema(format = DateTime)]
    pub created_at: String,
    pub created_by: String,
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// To a minute.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
    /// The key itself, in the one answer that makes it. A repeated request with the same `Idempotency-Key` is answered without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub key: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// RFC 3339, in the future. Left out: it does not expire.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// For how long the old secret is still good, in seconds. 0 ends it at once.
    #[schema(minimum = 0, maximum = 2_592_000, default = 86_400)]
    pub grace_seconds: Option<u32>,
}
