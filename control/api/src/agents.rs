//! Agents as they are configured: names, drafts, versions, and which version each environment serves.

use std::collections::BTreeMap;

use domain::{AgentId, AgentVersionId, DomainId, RouteId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Agent)]
pub struct ConfiguredAgent {
    #[schema(value_type = String, example = "agt_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: AgentId,
    /// What callers ask for. Never changes, and stays taken when the agent is archived.
    pub name: String,
    pub title: String,
    #[schema(value_type = Option<String>)]
    pub domain_id: Option<DomainId>,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
    pub archived: bool,
    /// Number of the newest version; null before the first was published.
    pub latest_version: Option<i32>,
    pub draft_revision: i32,
    /// The draft is not what the newest version says.
    pub draft_differs: bool,
    /// Number of the version that each environment serves.
    pub aliases: BTreeMap<String, i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub name: String,
    /// The name where it is left out.
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    #[schema(value_type = Option<String>, pattern = "^dom_[0-9a-f]{32}$")]
    pub domain_id: Option<DomainId>,
    /// What its draft begins as.
    #[serde(default)]
    pub template: TemplateName,
}

/// What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentChange {
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// Null takes it out of its domain.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^dom_[0-9a-f]{32}$")]
    pub domain_id: Option<Option<DomainId>>,
    /// False takes an archived agent back; no environment serves it until it is published again. `DELETE` archives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TemplateName {
    /// A greeting and one answer.
    #[default]
    Empty,
    /// The desk of a small business: opening hours, prices, appointments.
    FrontDesk,
    /// Free conversation with tools; thinks with a language model.
    Assistant,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    pub name: TemplateName,
    pub title: String,
    pub description: String,
    #[schema(value_type = Object)]
    pub definition: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Templates {
    pub data: Vec<Template>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Draft {
    #[schema(value_type = String)]
    pub agent_id: AgentId,
    #[schema(value_type = Object)]
    pub definition: Value,
    /// Number of the version that it began from.
    pub base_version: Option<i32>,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// `operator`, `key:NAME`, `shipped` or `folder`.
    pub updated_by: String,
    /// A draft may have problems; it can be published once none of them is an error.
    pub problems: Vec<DefinitionProblem>,
}

/// Saved even with problems, as long as it is an object whose `name` is the agent's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftChange {
    /// 400 KiB at most.
    #[schema(value_type = Object)]
    pub definition: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DefinitionProblem {
    /// JSON pointer into the definition (RFC 6901); as near as can be said.
    pub pointer: String,
    pub node: Option<String>,
    /// Path of the field inside the node or the definition, with dots.
    pub field: String,
    pub detail: String,
    pub severity: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The agent cannot run.
    Error,
    Warning,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Why, for those who compare versions later.
    #[schema(max_length = 1000)]
    pub note: Option<String>,
    /// Name of the environment that is to serve it; `prod` where it is left out.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    pub environment: Option<String>,
}

/// Never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    #[schema(value_type = String, example = "ver_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: AgentVersionId,
    pub number: i32,
    /// `sha256:` and 64 hexadecimal digits, over the definition's JSON without white space, keys in order.
    pub content_hash: String,
    pub note: String,
    pub created_by: String,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Environments that serve it now.
    pub environments: Vec<String>,
    /// Left out in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub definition: Option<Value>,
}

/// A version that an environment serves from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Published {
    #[serde(flatten)]
    pub version: Version,
    /// Routes into the environment that name a node which the version lacks. No call is refused for it: it begins at the agent's entry.
    pub routes_without_node: Vec<RouteWithoutNode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteWithoutNode {
    #[schema(value_type = String, example = "rte_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: RouteId,
    pub title: String,
    pub node: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// Number of a version, or `draft`.
    #[param(pattern = "^(draft|[1-9][0-9]{0,8})$")]
    pub from: String,
    /// Number of a version, or `draft`.
    #[param(pattern = "^(draft|[1-9][0-9]{0,8})$")]
    pub to: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    pub from: String,
    pub to: String,
    pub changes: Vec<Difference>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// Into `to`, or into `from` where something was removed. Edges are told apart by where they lead, not by their place.
    pub pointer: String,
    pub kind: DifferenceKind,
    pub before: Value,
    pub after: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    Added,
    Removed,
    Changed,
}

/// Which version an environment serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alias {
    pub environment: String,
    pub version: i32,
    /// Where a roll back goes to; null: nothing was served there before.
    pub previous_version: Option<i32>,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// An environment after it was moved to a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Moved {
    #[serde(flatten)]
    pub alias: Alias,
    /// Routes into the environment that name a node which the version lacks. No call is refused for it: it begins at the agent's entry.
    pub routes_without_node: Vec<RouteWithoutNode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Aliases {
    pub data: Vec<Alias>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasChange {
    #[schema(minimum = 1)]
    pub version: i32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// `prod` where it is left out.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    pub environment: Option<String>,
}

/// One move of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Release {
    pub environment: String,
    pub version: i32,
    pub previous_version: Option<i32>,
    /// `publish`, `move` or `rollback`.
    pub kind: String,
    pub created_by: String,
    #[schema(format = DateTime)]
    pub created_at: String,
}
