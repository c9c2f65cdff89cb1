//! A tenant.

use domain::OrgId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Organization {
    #[schema(value_type = String, example = "org_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: OrgId,
    pub name: String,
    pub title: String,
    /// Days that recordings are kept; null keeps all.
    pub recordings_keep_days: Option<i32>,
    /// Regions that accounts at vendors may be in, each a name or its beginning and `*`; none: anywhere. The server's own models may
    /// always be used.
    pub residency: Vec<String>,
    /// Days that calls are kept, with all that was said in them and their recordings; null keeps all. Measures and costs stay.
    pub calls_keep_days: Option<i32>,
    /// For the p95 of the response of agents that name no target of their own, in ms; null: none.
    pub latency_target_ms: Option<i32>,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// Also makes the domain `main` and the environments `prod`, `staging` and `dev`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub name: String,
    /// The name where it is left out.
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    #[schema(minimum = 1, maximum = 3650)]
    pub recordings_keep_days: Option<i32>,
    #[schema(minimum = 1, maximum = 3650)]
    pub calls_keep_days: Option<i32>,
}

/// What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationChange {
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub name: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// Null keeps all recordings.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 3650)]
    pub recordings_keep_days: Option<Option<i32>>,
    /// Whole, in place of the former; an empty list: anywhere.
    #[schema(max_items = 50)]
    pub residency: Option<Vec<String>>,
    /// Null keeps all calls.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 3650)]
    pub calls_keep_days: Option<Option<i32>>,
    /// Null: agents that name no target have none.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 60000)]
    pub latency_target_ms: Option<Option<i32>>,
}
