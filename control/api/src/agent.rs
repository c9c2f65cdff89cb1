//! An agent as a caller sees it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CallableAgent)]
pub struct Agent {
    /// What a client asks for, such as `front-desk`.
    pub name: String,
    /// What a person reads, such as "Front desk".
    pub title: String,
    #[serde(default)]
    pub description: String,
    /// Sentences worth trying, shown beside the voice button.
    #[serde(default)]
    pub suggestions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CallableAgents)]
pub struct Agents {
    pub data: Vec<Agent>,
    /// The one that a client gets who names none.
    pub default: String,
}
