//! Routes: from what a call brings to an agent in an environment. A number, room or hostname is one organization's alone (`Conflict` by
//! `ONE_ORGANIZATION`): that another has it may be known, as it is by whoever calls there.

use domain::{AgentId, EnvironmentId, OrgId, RouteId};
use jiff::Timestamp;
use serde_json::Value;

use crate::at::from_database;
use crate::{Error, OrgTx, Page, SystemTx};

/// The rule that keeps a place to one organization, as `Conflict` names it.
pub const ONE_ORGANIZATION: &str = "route_claims_one_organization";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub id: RouteId,
    pub set: Setting,
    pub revision: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub title: String,
    /// As `routing::Pattern` writes it.
    pub number: Option<String>,
    pub room: Option<String>,
    pub host: Option<String>,
    pub trunk: Option<String>,
    /// A list of `name` and `value`.
    pub headers: Value,
    /// As `greetings::Schedule`.
    pub schedule: Option<Value>,
    pub agent: AgentId,
    pub environment: EnvironmentId,
    /// Of the agent's graph, where calls begin; `None`: at its entry.
    pub node: Option<String>,
    pub enabled: bool,
}

/// Whom a route leads to, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub agent: String,
    pub environment: String,
    /// What is served there; `None`: nothing, so that calls are refused.
    pub version: Option<i32>,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Route {
            id: RouteId::from_uuid(row.id),
            set: Setting {
                title: row.title,
                number: row.number,
                room: row.room,
                host: row.host,
                trunk: row.trunk,
                headers: row.headers,
                schedule: row.schedule,
                agent: AgentId::from_uuid(row.agent_id),
                environment: EnvironmentId::from_uuid(row.environment_id),
                node: row.node,
                enabled: row.enabled,
            },
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }};
}

pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Route>, Error> {
    let rows = sqlx::query!(
        "select id, title, number, room, host, trunk, headers, schedule, agent_id, environment_id, node, enabled, revision, created_at, updated_at
         from app.routes
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

/// All of them, as calls choose among them.
pub async fn every(tx: &mut OrgTx) -> Result<Vec<Route>, Error> {
    let rows = sqlx::query!(
        "select id, title, number, room, host, trunk, headers, schedule, agent_id, environment_id, node, enabled, revision, created_at, updated_at
         from app.routes order by id"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

pub async fn count(tx: &mut OrgTx) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(r#"select count(*) as "count!" from app.routes"#)
        .fetch_one(tx.connection())
        .await?)
}

/// Those that are on, of all organizations.
///
/// # Errors
/// When the database does not answer.
pub async fn open(tx: &mut SystemTx) -> Result<Vec<(OrgId, Route)>, Error> {
    let rows = sqlx::query!(
        "select org_id, id, title, number, room, host, trunk, headers, schedule, agent_id, environment_id, node, enabled, revision, created_at, updated_at
         from app.routes where enabled order by id"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (OrgId::from_uuid(row.org_id), row!(row))).collect())
}

pub async fn find(tx: &mut OrgTx, id: RouteId) -> Result<Option<Route>, Error> {
    let row = sqlx::query!(
        "select id, title, number, room, host, trunk, headers, schedule, agent_id, environment_id, node, enabled, revision, created_at, updated_at
         from app.routes where id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// Those that are on and name a node of that agent in that environment.
pub async fn beginning(
    tx: &mut OrgTx,
    agent: AgentId,
    environment: EnvironmentId,
) -> Result<Vec<Route>, Error> {
    let rows = sqlx::query!(
        "select id, title, number, room, host, trunk, headers, schedule, agent_id, environment_id, node, enabled, revision, created_at, updated_at
         from app.routes where agent_id = $1 and environment_id = $2 and node is not null and enabled order by id",
        agent.as_uuid(),
        environment.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

/// As `find`, and nobody else changes the organization's routes until the transaction ends.
pub async fn lock(tx: &mut OrgTx, id: RouteId) -> Result<Option<Route>, Error> {
    alone(tx).await?;
    find(tx, id).await
}

/// # Errors
/// `Conflict`: the place is another organization's. `Reference`: there is no such agent or environment.
pub async fn create(tx: &mut OrgTx, id: RouteId, set: &Setting) -> Result<Route, Error> {
    alone(tx).await?;
    let row = sqlx::query!(
        "insert into app.routes (id, org_id, title, number, room, host, trunk, headers, schedule, agent_id, environment_id, node, enabled)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         returning id, title, number, room, host, trunk, headers, schedule, agent_id, environment_id, node, enabled, revision, created_at, updated_at",
        id.as_uuid(),
        tx.org().as_uuid(),
        set.title,
        set.number,
        set.room,
        set.host,
        set.trunk,
        set.headers,
        set.schedule,
        set.agent.as_uuid(),
        set.environment.as_uuid(),
        set.node,
        set.enabled,
    )
    .fetch_one(tx.connection())
    .await?;
    claim(tx).await?;
    Ok(row!(row))
}

/// After `lock`.
///
/// # Errors
/// As `create`.
pub async fn update(tx: &mut OrgTx, id: RouteId, set: &Setting) -> Result<Route, Error> {
    let row = sqlx::query!(
        "update app.routes set title = $2, number = $3, room = $4, host = $5, trunk = $6, headers = $7, schedule = $8, agent_id = $9,
                environment_id = $10, node = $11, enabled = $12, revision = revision + 1, updated_at = now()
         where id = $1
         returning id, title, number, room, host, trunk, headers, schedule, agent_id, environment_id, node, enabled, revision, created_at, updated_at",
        id.as_uuid(),
        set.title,
        set.number,
        set.room,
        set.host,
        set.trunk,
        set.headers,
        set.schedule,
        set.agent.as_uuid(),
        set.environment.as_uuid(),
        set.node,
        set.enabled,
    )
    .fetch_one(tx.connection())
    .await?;
    claim(tx).await?;
    Ok(row!(row))
}

/// After `lock`. Its place is anybody's again.
pub async fn delete(tx: &mut OrgTx, id: RouteId) -> Result<(), Error> {
    sqlx::query!("delete from app.routes where id = $1", id.as_uuid()).execute(tx.connection()).await?;
    claim(tx).await
}

/// `None`: there is no such agent or environment.
pub async fn target(
    tx: &mut OrgTx,
    agent: AgentId,
    environment: EnvironmentId,
) -> Result<Option<Target>, Error> {
    let row = sqlx::query!(
        r#"select a.name as agent, e.name as environment, v.number as "version?"
           from app.agents a
           join app.environments e on e.id = $2
           left join app.agent_aliases l on l.agent_id = a.id and l.environment_id = e.id and a.archived_at is null
           left join app.agent_versions v on v.id = l.version_id
           where a.id = $1"#,
        agent.as_uuid(),
        environment.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Target { agent: row.agent, environment: row.environment, version: row.version }))
}

/// Two changes of one organization's routes come one after the other: each claims anew what both leave.
pub(crate) async fn alone(tx: &mut OrgTx) -> Result<(), Error> {
    let org = tx.org().as_uuid();
    sqlx::query!("select id from app.orgs where id = $1 for update", org)
        .fetch_optional(tx.connection())
        .await?;
    Ok(())
}

/// Claims what the organization's routes name now, and what its channels stand for. A channel that is older than claims may find its place taken: it
/// has none then, and leads nowhere.
pub(crate) async fn claim(tx: &mut OrgTx) -> Result<(), Error> {
    sqlx::query!("delete from app.route_claims").execute(tx.connection()).await?;
    let org = tx.org().as_uuid();
    sqlx::query!(
        "with named as (
             select distinct app.places_of(kind || ':' || place) as places
             from app.routes, lateral (values ('number', number), ('room', room), ('host', host)) as p (kind, place)
             where place is not null
         )
         insert into app.route_claims (org_id, places)
         select $1, places from named
         where not exists (select from named as wider where wider.places @> named.places and wider.places <> named.places)",
        org
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "insert into app.route_claims (org_id, places)
         select distinct $1::uuid, app.places(kind || ':' || address, kind || ':' || address, '[]')
         from app.channels
         where kind in ('number', 'room')
           and not exists (select from app.route_claims taken where taken.places @> (kind || ':' || address))
         on conflict do nothing",
        org
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Whose the room of this name is by a route or channel, one that is off included.
///
/// # Errors
/// When the database does not answer.
pub async fn room_owner(tx: &mut SystemTx, room: &str) -> Result<Option<OrgId>, Error> {
    let place = format!("room:{room}");
    let owner = sqlx::query_scalar!("select org_id from app.route_claims where places @> $1::text", place)
        .fetch_optional(tx.connection())
        .await?;
    Ok(owner.map(OrgId::from_uuid))
}

/// Whether the organization has claimed these rooms, as `routing::Pattern` writes them: one, or all that begin so.
///
/// # Errors
/// When the database does not answer.
pub async fn has_rooms(tx: &mut OrgTx, rooms: &str) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from app.route_claims where places @> app.places_of('room:' || $1::text)) as "has!""#,
        rooms
    )
    .fetch_one(tx.connection())
    .await?)
}

/// Whether the organization has the place that a channel stands for.
///
/// # Errors
/// When the database does not answer.
pub async fn has(tx: &mut OrgTx, kind: &str, address: &str) -> Result<bool, Error> {
    let place = format!("{kind}:{address}");
    Ok(sqlx::query_scalar!(
        r#"select exists (select from app.route_claims where places @> $1::text) as "has!""#,
        place
    )
    .fetch_one(tx.connection())
    .await?)
}
