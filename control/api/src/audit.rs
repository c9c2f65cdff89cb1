//! Who changed what.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    pub id: String,
    #[schema(format = DateTime)]
    pub at: String,
    /// `operator`, `key:NAME`, `shipped`, `folder` or `command`.
    pub actor: String,
    /// Such as `agent.publish`.
    pub action: String,
    /// Id of what it was done to.
    pub target: String,
    /// The resource before; null where it was made. Definitions are left out.
    pub before: Value,
    pub after: Value,
    pub request_id: String,
}
