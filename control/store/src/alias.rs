//! Aliases: which version an environment serves. Each move of one is a release, so that it can be taken back.

use domain::{AgentId, AgentVersionId, EnvironmentId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::at::from_database;
use crate::{Error, OrgTx, Page};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub environment: String,
    pub version: AgentVersionId,
    pub number: i32,
    /// What the environment served before this version first came to it by other means than a rollback: going back twice goes
    /// back two releases, and not to and fro.
    pub before: Option<(AgentVersionId, i32)>,
    pub revision: i32,
    pub updated_at: Timestamp,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Alias {
            environment: row.environment,
            version: AgentVersionId::from_uuid(row.version_id),
            number: row.number,
            before: row.before_id.map(AgentVersionId::from_uuid).zip(row.before_number),
            revision: row.revision,
            updated_at: from_database(row.updated_at),
        }
    }};
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseKind {
    Publish,
    Move,
    Rollback,
}

impl ReleaseKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Move => "move",
            Self::Rollback => "rollback",
        }
    }
}

pub async fn list(tx: &mut OrgTx, agent: AgentId) -> Result<Vec<Alias>, Error> {
    of(tx, agent, None).await
}

pub async fn find(
    tx: &mut OrgTx,
    agent: AgentId,
    environment: EnvironmentId,
) -> Result<Option<Alias>, Error> {
    // One at most.
    Ok(of(tx, agent, Some(environment)).await?.pop())
}

/// In one environment, or in all.
async fn of(tx: &mut OrgTx, agent: AgentId, environment: Option<EnvironmentId>) -> Result<Vec<Alias>, Error> {
    let rows = sqlx::query!(
        "select e.name as environment, a.version_id, v.number, a.revision, a.updated_at, p.id as \"before_id?\", p.number as \"before_number?\"
         from app.agent_aliases a join app.environments e on e.id = a.environment_id join app.agent_versions v on v.id = a.version_id
         left join lateral (
             select r.previous_version_id from app.agent_releases r
             where r.agent_id = a.agent_id and r.environment_id = a.environment_id and r.version_id = a.version_id and r.kind <> 'rollback'
             order by r.created_at desc, r.id desc limit 1
         ) came on true
         left join app.agent_versions p on p.id = came.previous_version_id and p.id <> a.version_id
         where a.agent_id = $1 and ($2::uuid is null or a.environment_id = $2) order by e.name",
        agent.as_uuid(),
        environment.map(|environment| environment.as_uuid())
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

/// Moves the alias, or makes it, and writes the release down. The agent is locked by the caller.
pub async fn point(
    tx: &mut OrgTx,
    agent: AgentId,
    environment: EnvironmentId,
    version: AgentVersionId,
    kind: ReleaseKind,
    by: &str,
) -> Result<(), Error> {
    let previous = find(tx, agent, environment).await?.map(|alias| alias.version.as_uuid());
    sqlx::query!(
        "insert into app.agent_aliases (id, org_id, agent_id, environment_id, version_id) values ($1, $2, $3, $4, $5)
         on conflict (org_id, agent_id, environment_id) do update
         set version_id = excluded.version_id, revision = agent_aliases.revision + 1, updated_at = now()",
        Uuid::now_v7(),
        tx.org().as_uuid(),
        agent.as_uuid(),
        environment.as_uuid(),
        version.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "insert into app.agent_releases (id, org_id, agent_id, environment_id, version_id, previous_version_id, kind, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        Uuid::now_v7(),
        tx.org().as_uuid(),
        agent.as_uuid(),
        environment.as_uuid(),
        version.as_uuid(),
        previous,
        kind.name(),
        by
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub id: Uuid,
    pub environment: String,
    pub number: i32,
    pub previous: Option<i32>,
    pub kind: String,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// Newest first.
pub async fn releases(tx: &mut OrgTx, agent: AgentId, page: Page) -> Result<Vec<Release>, Error> {
    let rows = sqlx::query!(
        "select r.id, e.name as environment, v.number, p.number as \"previous?\", r.kind, r.created_by, r.created_at
         from app.agent_releases r join app.environments e on e.id = r.environment_id
         join app.agent_versions v on v.id = r.version_id left join app.agent_versions p on p.id = r.previous_version_id
         where r.agent_id = $4 and ($1::timestamptz is null or (r.created_at, r.id) < ($1, $2::uuid))
         order by r.created_at desc, r.id desc limit $3",
        page.at(),
        page.id(),
        page.limit,
        agent.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    let releases = rows.into_iter().map(|row| Release {
        id: row.id,
        environment: row.environment,
        number: row.number,
        previous: row.previous,
        kind: row.kind,
        created_by: row.created_by,
        created_at: from_database(row.created_at),
    });
    Ok(releases.collect())
}

/// Hash of what somebody last released, in any environment.
pub async fn last_released_by(tx: &mut OrgTx, agent: AgentId, by: &str) -> Result<Option<Vec<u8>>, Error> {
    let hash = sqlx::query_scalar!(
        "select v.content_hash from app.agent_releases r join app.agent_versions v on v.id = r.version_id
         where r.agent_id = $1 and r.created_by = $2 order by r.created_at desc, r.id desc limit 1",
        agent.as_uuid(),
        by
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(hash)
}
