//! Drafts: what an agent is about to become. One for each agent.

use domain::AgentId;
use jiff::Timestamp;

use crate::at::from_database;
use crate::{Error, OrgTx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub agent: AgentId,
    pub definition: String,
    /// Number of the version that it began from.
    pub base: Option<i32>,
    pub revision: i32,
    pub updated_by: String,
    pub updated_at: Timestamp,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Draft {
            agent: AgentId::from_uuid(row.agent_id),
            definition: row.definition,
            base: row.base_number,
            revision: row.revision,
            updated_by: row.updated_by,
            updated_at: from_database(row.updated_at),
        }
    }};
}

pub async fn find(tx: &mut OrgTx, agent: AgentId) -> Result<Option<Draft>, Error> {
    let row = sqlx::query!(
        "select agent_id, definition, base_number, revision, updated_by, updated_at from app.agent_drafts where agent_id = $1",
        agent.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// Makes the draft, or the next revision of it.
pub async fn write(
    tx: &mut OrgTx,
    agent: AgentId,
    definition: &str,
    base: Option<i32>,
    by: &str,
) -> Result<Draft, Error> {
    let row = sqlx::query!(
        "insert into app.agent_drafts (id, org_id, agent_id, definition, base_number, updated_by) values ($1, $2, $3, $4, $5, $6)
         on conflict (org_id, agent_id) do update set definition = excluded.definition, base_number = excluded.base_number,
            updated_by = excluded.updated_by, revision = agent_drafts.revision + 1, updated_at = now()
         returning agent_id, definition, base_number, revision, updated_by, updated_at",
        uuid::Uuid::now_v7(),
        tx.org().as_uuid(),
        agent.as_uuid(),
        definition,
        base,
        by
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// What was published of it is what it goes on from. The content stays, and so does the revision.
pub async fn rebase(tx: &mut OrgTx, agent: AgentId, base: i32) -> Result<(), Error> {
    sqlx::query!("update app.agent_drafts set base_number = $2 where agent_id = $1", agent.as_uuid(), base)
        .execute(tx.connection())
        .await?;
    Ok(())
}
