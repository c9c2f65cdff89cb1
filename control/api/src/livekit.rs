//! Rooms of LiveKit: what a web page needs to enter one in which an agent comes along.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomTokenRequest {
    /// Its name or id.
    pub agent: String,
    /// Made by the first who enters it; a new one unless given. The agent comes along where the bearer is the first in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128)]
    pub room: Option<String>,
    /// Who the bearer is in the room; one is made up unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128)]
    pub identity: Option<String>,
    /// As others see the bearer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub name: Option<String>,
    /// Given to the agent, whose greeting knows it as `session.metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4096)]
    pub metadata: Option<String>,
    /// How long the room may be entered with it, in seconds: 15 minutes unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 86_400)]
    pub ttl_s: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoomToken {
    /// Of the LiveKit server.
    pub url: String,
    /// What LiveKit's clients call the access token.
    pub token: String,
    pub room: String,
    pub identity: String,
    pub agent: String,
    /// RFC 3339, UTC. The room must have been entered by then; the call may last longer.
    pub expires_at: String,
}
