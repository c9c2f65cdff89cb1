//! Versions: published definitions. Nothing changes or removes one.

use domain::{AgentId, AgentVersionId};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::at::from_database;
use crate::{Error, OrgTx, Page};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub id: AgentVersionId,
    pub number: i32,
    pub content_hash: Vec<u8>,
    pub note: String,
    pub created_by: String,
    pub created_at: Timestamp,
    /// Names of the environments that serve it now.
    pub environments: Vec<String>,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Version {
            id: AgentVersionId::from_uuid(row.id),
            number: row.number,
            content_hash: row.content_hash,
            note: row.note,
            created_by: row.created_by,
            created_at: from_database(row.created_at),
            environments: row.environments,
        }
    }};
}

/// What a new version is made of.
#[derive(Debug, Clone, Copy)]
pub struct NewVersion<'a> {
    pub id: AgentVersionId,
    pub definition: &'a str,
    pub note: &'a str,
    pub by: &'a str,
}

#[must_use]
pub fn content_hash(definition: &str) -> [u8; 32] {
    Sha256::digest(definition.as_bytes()).into()
}

/// Newest first.
pub async fn list(tx: &mut OrgTx, agent: AgentId, page: Page) -> Result<Vec<Version>, Error> {
    let rows = sqlx::query!(
        "select v.id, v.number, v.content_hash, v.note, v.created_by, v.created_at,
            array(select e.name from app.agent_aliases a join app.environments e on e.id = a.environment_id
                where a.version_id = v.id order by e.name) as \"environments!\"
         from app.agent_versions v
         where v.agent_id = $4 and ($1::timestamptz is null or (v.created_at, v.id) < ($1, $2::uuid))
         order by v.created_at desc, v.id desc limit $3",
        page.at(),
        page.id(),
        page.limit,
        agent.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

pub async fn find(tx: &mut OrgTx, agent: AgentId, number: i32) -> Result<Option<Version>, Error> {
    let row = sqlx::query!(
        "select v.id, v.number, v.content_hash, v.note, v.created_by, v.created_at,
            array(select e.name from app.agent_aliases a join app.environments e on e.id = a.environment_id
                where a.version_id = v.id order by e.name) as \"environments!\"
         from app.agent_versions v where v.agent_id = $1 and v.number = $2",
        agent.as_uuid(),
        number
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// The newest of an agent.
pub async fn latest(tx: &mut OrgTx, agent: AgentId) -> Result<Option<Version>, Error> {
    let number = sqlx::query_scalar!(
        "select max(number) from app.agent_versions where agent_id = $1",
        agent.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?;
    match number {
        Some(number) => find(tx, agent, number).await,
        None => Ok(None),
    }
}

/// The version that says exactly this.
pub async fn same(tx: &mut OrgTx, agent: AgentId, definition: &str) -> Result<Option<Version>, Error> {
    let number = sqlx::query_scalar!(
        "select number from app.agent_versions where agent_id = $1 and content_hash = $2",
        agent.as_uuid(),
        &content_hash(definition)[..]
    )
    .fetch_optional(tx.connection())
    .await?;
    match number {
        Some(number) => find(tx, agent, number).await,
        None => Ok(None),
    }
}

pub async fn definition(tx: &mut OrgTx, agent: AgentId, number: i32) -> Result<Option<String>, Error> {
    let found = sqlx::query_scalar!(
        "select definition from app.agent_versions where agent_id = $1 and number = $2",
        agent.as_uuid(),
        number
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}

/// The next version. The agent is locked by the caller, so that numbers have no gaps.
///
/// # Errors
/// `Conflict`: another version says the same.
pub async fn create(tx: &mut OrgTx, agent: AgentId, new: NewVersion<'_>) -> Result<Version, Error> {
    let row = sqlx::query!(
        "insert into app.agent_versions (id, org_id, agent_id, number, definition, content_hash, note, created_by)
         values ($1, $2, $3, (select coalesce(max(number), 0) + 1 from app.agent_versions where agent_id = $3), $4, $5, $6, $7)
         returning id, number, content_hash, note, created_by, created_at, '{}'::text[] as \"environments!\"",
        new.id.as_uuid(),
        tx.org().as_uuid(),
        agent.as_uuid(),
        new.definition,
        &content_hash(new.definition)[..],
        new.note,
        new.by
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}
