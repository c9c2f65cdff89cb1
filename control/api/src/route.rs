//! Routes: from what a call brings to an agent in an environment.

use domain::{AgentId, ChannelId, EnvironmentId, RouteId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::given;
use crate::greeting::Schedule;

/// Everything that is said must hold; what is null does not narrow. Of routes that fit a call the most specific one is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    #[schema(value_type = String, example = "rte_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: RouteId,
    /// For people.
    pub title: String,
    /// What was called: `+` and digits, or an extension such as `front-desk`. With `*` at its end, everything that begins so.
    #[schema(example = "+41441234567")]
    pub number: Option<String>,
    /// The name of a room of a media server. With `*` at its end, everything that begins so.
    pub room: Option<String>,
    /// In lower case.
    pub host: Option<String>,
    /// The name of the trunk, or of the account at a carrier, that the call comes in by.
    pub trunk: Option<String>,
    /// Headers that the SIP message must have.
    pub headers: Vec<RouteHeader>,
    /// Null: always.
    pub schedule: Option<Schedule>,
    #[schema(value_type = String)]
    pub agent_id: AgentId,
    #[schema(value_type = String)]
    pub environment_id: EnvironmentId,
    /// A node of the agent's graph, where the call goes on from the greeting. Null: at the agent's entry.
    #[schema(example = "booking")]
    pub node: Option<String>,
    pub enabled: bool,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteHeader {
    /// In whichever case.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9-]+$", example = "X-Line")]
    pub name: String,
    /// Letter by letter.
    #[schema(max_length = 256)]
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoute {
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[schema(max_length = 128)]
    pub number: Option<String>,
    #[schema(max_length = 128)]
    pub room: Option<String>,
    #[schema(max_length = 253)]
    pub host: Option<String>,
    #[schema(max_length = 63)]
    pub trunk: Option<String>,
    #[serde(default)]
    #[schema(max_items = 5)]
    pub headers: Vec<RouteHeader>,
    pub schedule: Option<Schedule>,
    #[schema(value_type = String, pattern = "^agt_[0-9a-f]{32}$")]
    pub agent_id: AgentId,
    #[schema(value_type = String, pattern = "^env_[0-9a-f]{32}$")]
    pub environment_id: EnvironmentId,
    /// Of the version that the environment serves.
    #[schema(max_length = 128)]
    pub node: Option<String>,
    pub enabled: Option<bool>,
}

/// What is left out stays as it is; conditions may be set to null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteChange {
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 128)]
    pub number: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 128)]
    pub room: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 253)]
    pub host: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 63)]
    pub trunk: Option<Option<String>>,
    #[schema(max_items = 5)]
    pub headers: Option<Vec<RouteHeader>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Schedule>)]
    pub schedule: Option<Option<Schedule>>,
    #[schema(value_type = Option<String>, pattern = "^agt_[0-9a-f]{32}$")]
    pub agent_id: Option<AgentId>,
    #[schema(value_type = Option<String>, pattern = "^env_[0-9a-f]{32}$")]
    pub environment_id: Option<EnvironmentId>,
    /// Of the version that the environment serves.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 128)]
    pub node: Option<Option<String>>,
    pub enabled: Option<bool>,
}

/// A call that might be. With `draft`, as if that route were saved too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteTest {
    pub call: RouteCall,
    pub draft: Option<NewRoute>,
    /// The route that `draft` stands for.
    #[schema(value_type = Option<String>, pattern = "^rte_[0-9a-f]{32}$")]
    pub replaces: Option<RouteId>,
}

/// What a call brings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteCall {
    /// As it is dialled.
    #[schema(max_length = 128)]
    pub number: Option<String>,
    #[schema(max_length = 128)]
    pub room: Option<String>,
    #[schema(max_length = 253)]
    pub host: Option<String>,
    /// With one, the call comes in by a trunk or account of this organization; without one, by nobody's.
    #[schema(max_length = 63)]
    pub trunk: Option<String>,
    #[schema(max_items = 32)]
    pub headers: Vec<RouteHeader>,
    /// Now, unless it is given.
    #[schema(format = DateTime)]
    pub at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteTestAnswer {
    /// Null: nobody, so that the call is refused.
    pub reached: Option<Reached>,
    /// The number as routes see it.
    pub number: Option<String>,
    /// In the organization's time zone.
    pub local_time: String,
    /// Every route that could have been meant, those that fit first, the most specific one first among them.
    pub considered: Vec<ConsideredRoute>,
    /// Why `draft` could not be saved; null where it could.
    pub refusal: Option<String>,
    /// The code of that refusal, such as `ROUTE_TAKEN` or `ROUTE_NODE_UNKNOWN`.
    pub refusal_code: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reached {
    /// Null: the draft, or a channel.
    #[schema(value_type = Option<String>)]
    pub route_id: Option<RouteId>,
    /// A channel that leads its number or room where no route does.
    #[schema(value_type = Option<String>)]
    pub channel_id: Option<ChannelId>,
    #[schema(value_type = String)]
    pub agent_id: AgentId,
    pub agent: String,
    #[schema(value_type = String)]
    pub environment_id: EnvironmentId,
    pub environment: String,
    /// What callers reach; null: nothing is published there, so that the call is refused.
    pub version: Option<i32>,
    /// Where the call begins; null: at the agent's entry.
    pub node: Option<String>,
    /// The version has no such node: the call begins at the agent's entry.
    pub node_missing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsideredRoute {
    /// Null: the draft, or a channel.
    #[schema(value_type = Option<String>)]
    pub route_id: Option<RouteId>,
    #[schema(value_type = Option<String>)]
    pub channel_id: Option<ChannelId>,
    pub title: String,
    pub fits: bool,
    pub chosen: bool,
    /// For people.
    pub why: String,
}
