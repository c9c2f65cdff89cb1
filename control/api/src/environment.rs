//! Where versions of agents are served: `prod`, `staging`, `dev`, or others of the organization's own.

use domain::EnvironmentId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Environment {
    #[schema(value_type = String, example = "env_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: EnvironmentId,
    pub name: String,
    pub title: String,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnvironment {
    #[schema(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    pub name: String,
    /// The name where it is left out.
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
}

/// What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentChange {
    #[schema(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    pub name: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
}
