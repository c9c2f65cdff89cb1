//! This server, and what it listens, thinks and speaks with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::organization::Organization;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    pub version: String,
    #[schema(format = DateTime)]
    pub started_at: String,
    pub commit: Option<String>,
    pub server_id: String,
    pub store: StoreAbout,
    pub calls_active: u32,
    pub calls_capacity: u32,
    /// The one that this request acts in.
    pub organization: Organization,
    pub principal: PrincipalAbout,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreAbout {
    pub kind: StoreKind,
    /// Of the database, such as `15.18`.
    pub version: String,
    pub ready: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// A cluster of the server's own.
    Private,
    /// A database that the server was given.
    External,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrincipalAbout {
    pub kind: PrincipalKind,
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    Operator,
    Key,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Provider {
    /// `stt`, `tts`, `llm`, `vad`, …
    pub kind: String,
    pub name: String,
    pub detail: String,
    pub ready: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Providers {
    pub data: Vec<Provider>,
}
