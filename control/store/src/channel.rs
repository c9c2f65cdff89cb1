//! Channels: where callers come in, and whom they then talk to.

use domain::{AgentId, ChannelId, EnvironmentId};
use jiff::Timestamp;

use crate::at::from_database;
use crate::{Error, OrgTx, Page, route};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub id: ChannelId,
    /// `widget`, `room`, `number` or `host`.
    pub kind: String,
    pub address: String,
    pub agent: AgentId,
    pub environment: EnvironmentId,
    pub enabled: bool,
    pub revision: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Channel {
            id: ChannelId::from_uuid(row.id),
            kind: row.kind,
            address: row.address,
            agent: AgentId::from_uuid(row.agent_id),
            environment: EnvironmentId::from_uuid(row.environment_id),
            enabled: row.enabled,
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }};
}

pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Channel>, Error> {
    let rows = sqlx::query!(
        "select id, kind, address, agent_id, environment_id, enabled, revision, created_at, updated_at from app.channels
         where $1::timestamptz is null or (created_at, id) < ($1, $2::uuid)
         order by created_at desc, id desc limit $3",
        page.at(),
        page.id(),
        page.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

/// All of them that lead calls by themselves.
pub async fn leading(tx: &mut OrgTx) -> Result<Vec<Channel>, Error> {
    let rows = sqlx::query!(
        "select id, kind, address, agent_id, environment_id, enabled, revision, created_at, updated_at from app.channels
         where kind in ('number', 'room') and enabled
           and exists (select from app.route_claims where places @> (kind || ':' || address))
         order by id"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

pub async fn find(tx: &mut OrgTx, id: ChannelId) -> Result<Option<Channel>, Error> {
    let row = sqlx::query!(
        "select id, kind, address, agent_id, environment_id, enabled, revision, created_at, updated_at from app.channels where id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// As `find`, and nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut OrgTx, id: ChannelId) -> Result<Option<Channel>, Error> {
    let row = sqlx::query!(
        "select id, kind, address, agent_id, environment_id, enabled, revision, created_at, updated_at from app.channels where id = $1 for update",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// # Errors
/// `Conflict`: that address is taken (by `route::ONE_ORGANIZATION`: another organization has it). `Reference`: there is no such agent or environment.
pub async fn create(
    tx: &mut OrgTx,
    id: ChannelId,
    (kind, address): (&str, &str),
    agent: AgentId,
    environment: EnvironmentId,
    enabled: bool,
) -> Result<Channel, Error> {
    let leads = matches!(kind, "number" | "room");
    if leads {
        route::alone(tx).await?;
    }
    let row = sqlx::query!(
        "insert into app.channels (id, org_id, kind, address, agent_id, environment_id, enabled) values ($1, $2, $3, $4, $5, $6, $7)
         returning id, kind, address, agent_id, environment_id, enabled, revision, created_at, updated_at",
        id.as_uuid(),
        tx.org().as_uuid(),
        kind,
        address,
        agent.as_uuid(),
        environment.as_uuid(),
        enabled
    )
    .fetch_one(tx.connection())
    .await?;
    if leads {
        route::claim(tx).await?;
        if !route::has(tx, kind, address).await? {
            return Err(Error::Conflict { constraint: route::ONE_ORGANIZATION.to_owned() });
        }
    }
    Ok(row!(row))
}

/// # Errors
/// `Reference`: there is no such agent or environment.
pub async fn update(
    tx: &mut OrgTx,
    id: ChannelId,
    agent: AgentId,
    environment: EnvironmentId,
    enabled: bool,
) -> Result<Channel, Error> {
    let row = sqlx::query!(
        "update app.channels set agent_id = $2, environment_id = $3, enabled = $4, revision = revision + 1, updated_at = now()
         where id = $1 returning id, kind, address, agent_id, environment_id, enabled, revision, created_at, updated_at",
        id.as_uuid(),
        agent.as_uuid(),
        environment.as_uuid(),
        enabled
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// Its place is anybody's again.
pub async fn delete(tx: &mut OrgTx, id: ChannelId) -> Result<(), Error> {
    route::alone(tx).await?;
    sqlx::query!("delete from app.channels where id = $1", id.as_uuid()).execute(tx.connection()).await?;
    route::claim(tx).await
}
