//! What is said first in place of what a definition greets with. The narrowest scope that fits a call wins.

use domain::{AgentId, DomainId, EnvironmentId, GreetingId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Greeting {
    #[schema(value_type = String, example = "grt_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: GreetingId,
    #[schema(value_type = Option<String>)]
    pub agent_id: Option<AgentId>,
    #[schema(value_type = Option<String>)]
    pub domain_id: Option<DomainId>,
    #[schema(value_type = Option<String>)]
    pub environment_id: Option<EnvironmentId>,
    pub wordings: Vec<String>,
    pub enabled: bool,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// For an agent or for a domain, not for both; for one environment or for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGreeting {
    #[schema(value_type = Option<String>, pattern = "^agt_[0-9a-f]{32}$")]
    pub agent_id: Option<AgentId>,
    #[schema(value_type = Option<String>, pattern = "^dom_[0-9a-f]{32}$")]
    pub domain_id: Option<DomainId>,
    #[schema(value_type = Option<String>, pattern = "^env_[0-9a-f]{32}$")]
    pub environment_id: Option<EnvironmentId>,
    /// One of them is said.
    #[schema(min_items = 1, max_items = 20)]
    pub wordings: Vec<Wording>,
    pub enabled: Option<bool>,
}

/// Text of 1 to 1000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(min_length = 1, max_length = 1000)]
pub struct Wording(pub String);

/// What is left out stays as it is. The scope never changes: make another greeting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GreetingChange {
    #[schema(min_items = 1, max_items = 20)]
    pub wordings: Option<Vec<Wording>>,
    pub enabled: Option<bool>,
}
