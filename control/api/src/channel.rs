//! Where callers come in, and whom they then talk to. Numbers and rooms lead there by themselves, where no route does.

use domain::{AgentId, ChannelId, EnvironmentId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// A voice button, which calls the channel by its id. Its address is a name of lower-case letters, digits and hyphens, or the page that it stands on.
    Widget,
    /// A room of a media server, by its name. Its calls reach the agent, unless a route leads them elsewhere. One organization's alone.
    Room,
    /// A phone number, E.164: `+` and digits. Its calls reach the agent, unless a route leads them elsewhere. One organization's alone.
    Number,
    /// A hostname, lower case. One organization's alone.
    Host,
}

impl ChannelKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Widget => "widget",
            Self::Room => "room",
            Self::Number => "number",
            Self::Host => "host",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Widget, Self::Room, Self::Number, Self::Host].into_iter().find(|kind| kind.name() == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    #[schema(value_type = String, example = "chn_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: ChannelId,
    pub kind: ChannelKind,
    pub address: String,
    #[schema(value_type = String)]
    pub agent_id: AgentId,
    #[schema(value_type = String)]
    pub environment_id: EnvironmentId,
    pub enabled: bool,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    pub kind: ChannelKind,
    /// As `kind` says. Hostnames are taken in lower case.
    #[schema(min_length = 1, max_length = 253, pattern = "^[ -~]+$")]
    pub address: String,
    #[schema(value_type = String, pattern = "^agt_[0-9a-f]{32}$")]
    pub agent_id: AgentId,
    #[schema(value_type = String, pattern = "^env_[0-9a-f]{32}$")]
    pub environment_id: EnvironmentId,
    pub enabled: Option<bool>,
}

/// What is left out stays as it is. Kind and address never change: make another channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelChange {
    #[schema(value_type = Option<String>, pattern = "^agt_[0-9a-f]{32}$")]
    pub agent_id: Option<AgentId>,
    #[schema(value_type = Option<String>, pattern = "^env_[0-9a-f]{32}$")]
    pub environment_id: Option<EnvironmentId>,
    pub enabled: Option<bool>,
}
