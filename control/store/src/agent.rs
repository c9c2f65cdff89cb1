//! Agents: names that callers ask for. What they say is in drafts and versions.

use std::collections::BTreeMap;

use domain::{AgentId, DomainId};
use jiff::Timestamp;

use crate::at::from_database;
use crate::{Error, OrgTx, Page};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub id: AgentId,
    pub name: String,
    pub title: String,
    pub domain: Option<DomainId>,
    pub archived_at: Option<Timestamp>,
    pub revision: i32,
    pub created_at: Timestamp,
    /// When it, its draft or what it serves changed last.
    pub updated_at: Timestamp,
    /// Number of the newest version.
    pub latest: Option<i32>,
    pub draft_revision: i32,
    /// The draft is not what the newest version says.
    pub draft_differs: bool,
    /// Version's number by the environment's name.
    pub aliases: BTreeMap<String, i32>,
}

struct Row {
    id: uuid::Uuid,
    name: String,
    title: String,
    domain_id: Option<uuid::Uuid>,
    archived_at: Option<time::OffsetDateTime>,
    revision: i32,
    created_at: time::OffsetDateTime,
    updated_at: time::OffsetDateTime,
    latest: Option<i32>,
    draft_revision: Option<i32>,
    draft_differs: Option<bool>,
    aliases: Option<serde_json::Value>,
}

impl From<Row> for Agent {
    fn from(row: Row) -> Self {
        let aliases =
            row.aliases.and_then(|aliases| serde_json::from_value(aliases).ok()).unwrap_or_default();
        Self {
            id: AgentId::from_uuid(row.id),
            name: row.name,
            title: row.title,
            domain: row.domain_id.map(DomainId::from_uuid),
            archived_at: row.archived_at.map(from_database),
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
            latest: row.latest,
            draft_revision: row.draft_revision.unwrap_or_default(),
            draft_differs: row.draft_differs.unwrap_or(true),
            aliases,
        }
    }
}

/// Newest first; archived ones among them.
pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Agent>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "select a.id, a.name, a.title, a.domain_id, a.archived_at, a.revision, a.created_at,
            greatest(a.updated_at, d.updated_at, (select max(updated_at) from app.agent_aliases where agent_id = a.id)) as \"updated_at!\",
            v.number as \"latest?\", d.revision as \"draft_revision?\",
            (v.definition is null or d.definition <> v.definition) as draft_differs,
            (select jsonb_object_agg(e.name, av.number) from app.agent_aliases al
                join app.environments e on e.id = al.environment_id join app.agent_versions av on av.id = al.version_id
                where al.agent_id = a.id) as aliases
         from app.agents a
         left join app.agent_drafts d on d.agent_id = a.id
         left join lateral (select number, definition from app.agent_versions where agent_id = a.id order by number desc limit 1) v on true
         where $1::timestamptz is null or (a.created_at, a.id) < ($1, $2::uuid)
         order by a.created_at desc, a.id desc limit $3",
        page.at(),
        page.id(),
        page.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(Agent::from).collect())
}

/// By id where one is given, by name otherwise.
pub async fn find(tx: &mut OrgTx, id: Option<AgentId>, name: &str) -> Result<Option<Agent>, Error> {
    let row = sqlx::query_as!(
        Row,
        "select a.id, a.name, a.title, a.domain_id, a.archived_at, a.revision, a.created_at,
            greatest(a.updated_at, d.updated_at, (select max(updated_at) from app.agent_aliases where agent_id = a.id)) as \"updated_at!\",
            v.number as \"latest?\", d.revision as \"draft_revision?\",
            (v.definition is null or d.definition <> v.definition) as draft_differs,
            (select jsonb_object_agg(e.name, av.number) from app.agent_aliases al
                join app.environments e on e.id = al.environment_id join app.agent_versions av on av.id = al.version_id
                where al.agent_id = a.id) as aliases
         from app.agents a
         left join app.agent_drafts d on d.agent_id = a.id
         left join lateral (select number, definition from app.agent_versions where agent_id = a.id order by number desc limit 1) v on true
         where a.id = $1 or ($1::uuid is null and a.name = $2)",
        id.map(|id| id.as_uuid()),
        name
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(Agent::from))
}

/// As `find`, and nobody else changes it, its draft, versions or aliases until the transaction ends: they all take this lock.
pub async fn lock(tx: &mut OrgTx, id: Option<AgentId>, name: &str) -> Result<Option<Agent>, Error> {
    let locked = sqlx::query_scalar!(
        "select id from app.agents where id = $1 or ($1::uuid is null and name = $2) for update",
        id.map(|id| id.as_uuid()),
        name
    )
    .fetch_optional(tx.connection())
    .await?;
    match locked {
        Some(id) => find(tx, Some(AgentId::from_uuid(id)), "").await,
        None => Ok(None),
    }
}

/// # Errors
/// `Conflict`: the organization has one of that name. `Reference`: there is no such domain.
pub async fn create(
    tx: &mut OrgTx,
    id: AgentId,
    name: &str,
    title: &str,
    domain: Option<DomainId>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into app.agents (id, org_id, name, title, domain_id) values ($1, $2, $3, $4, $5)",
        id.as_uuid(),
        tx.org().as_uuid(),
        name,
        title,
        domain.map(|domain| domain.as_uuid())
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// # Errors
/// `Reference`: there is no such domain.
pub async fn update(tx: &mut OrgTx, id: AgentId, title: &str, domain: Option<DomainId>) -> Result<(), Error> {
    sqlx::query!(
        "update app.agents set title = $2, domain_id = $3, revision = revision + 1, updated_at = now() where id = $1",
        id.as_uuid(),
        title,
        domain.map(|domain| domain.as_uuid())
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Nobody can call it any more: no environment serves it. Its name stays taken, its versions stay.
pub async fn archive(tx: &mut OrgTx, id: AgentId) -> Result<(), Error> {
    sqlx::query!("delete from app.agent_aliases where agent_id = $1", id.as_uuid())
        .execute(tx.connection())
        .await?;
    sqlx::query!(
        "update app.agents set archived_at = coalesce(archived_at, now()), revision = revision + 1, updated_at = now() where id = $1",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// It can be changed, published and called again.
pub async fn take_back(tx: &mut OrgTx, id: AgentId) -> Result<(), Error> {
    sqlx::query!("update app.agents set archived_at = null where id = $1", id.as_uuid())
        .execute(tx.connection())
        .await?;
    Ok(())
}
