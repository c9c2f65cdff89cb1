//! Greetings: said in place of what a definition greets with, where their scope fits.

use domain::{AgentId, DomainId, EnvironmentId, GreetingId};
use jiff::Timestamp;

use crate::at::from_database;
use crate::{Error, OrgTx, Page};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    pub id: GreetingId,
    pub scope: Scope,
    pub wordings: Vec<String>,
    pub enabled: bool,
    pub revision: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// For which calls. Never of an agent and a domain both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    pub agent: Option<AgentId>,
    pub domain: Option<DomainId>,
    pub environment: Option<EnvironmentId>,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Greeting {
            id: GreetingId::from_uuid(row.id),
            scope: Scope {
                agent: row.agent_id.map(AgentId::from_uuid),
                domain: row.domain_id.map(DomainId::from_uuid),
                environment: row.environment_id.map(EnvironmentId::from_uuid),
            },
            wordings: row.wordings,
            enabled: row.enabled,
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }};
}

pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Greeting>, Error> {
    let rows = sqlx::query!(
        "select id, agent_id, domain_id, environment_id, wordings, enabled, revision, created_at, updated_at from app.greetings
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

pub async fn find(tx: &mut OrgTx, id: GreetingId) -> Result<Option<Greeting>, Error> {
    let row = sqlx::query!(
        "select id, agent_id, domain_id, environment_id, wordings, enabled, revision, created_at, updated_at from app.greetings where id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// As `find`, and nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut OrgTx, id: GreetingId) -> Result<Option<Greeting>, Error> {
    let row = sqlx::query!(
        "select id, agent_id, domain_id, environment_id, wordings, enabled, revision, created_at, updated_at from app.greetings where id = $1 for update",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// What a call with this agent in this environment is greeted with; the narrowest scope wins: agent before domain before
/// none, one environment before all.
pub async fn for_call(
    tx: &mut OrgTx,
    agent: AgentId,
    environment: Option<EnvironmentId>,
) -> Result<Option<Greeting>, Error> {
    let row = sqlx::query!(
        "select g.id, g.agent_id, g.domain_id, g.environment_id, g.wordings, g.enabled, g.revision, g.created_at, g.updated_at
         from app.greetings g
         where g.enabled and (g.agent_id is null or g.agent_id = $1)
           and (g.domain_id is null or g.domain_id = (select domain_id from app.agents where id = $1))
           and (g.environment_id is null or g.environment_id = $2)
         order by g.agent_id is null, g.domain_id is null, g.environment_id is null limit 1",
        agent.as_uuid(),
        environment.map(|environment| environment.as_uuid())
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// # Errors
/// `Conflict`: there is one of that scope. `Reference`: the scope names something that is not there.
pub async fn create(
    tx: &mut OrgTx,
    id: GreetingId,
    scope: Scope,
    wordings: &[String],
    enabled: bool,
) -> Result<Greeting, Error> {
    let row = sqlx::query!(
        "insert into app.greetings (id, org_id, agent_id, domain_id, environment_id, wordings, enabled)
         values ($1, $2, $3, $4, $5, $6, $7)
         returning id, agent_id, domain_id, environment_id, wordings, enabled, revision, created_at, updated_at",
        id.as_uuid(),
        tx.org().as_uuid(),
        scope.agent.map(|agent| agent.as_uuid()),
        scope.domain.map(|domain| domain.as_uuid()),
        scope.environment.map(|environment| environment.as_uuid()),
        wordings,
        enabled
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

pub async fn update(
    tx: &mut OrgTx,
    id: GreetingId,
    wordings: &[String],
    enabled: bool,
) -> Result<Greeting, Error> {
    let row = sqlx::query!(
        "update app.greetings set wordings = $2, enabled = $3, revision = revision + 1, updated_at = now() where id = $1
         returning id, agent_id, domain_id, environment_id, wordings, enabled, revision, created_at, updated_at",
        id.as_uuid(),
        wordings,
        enabled
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

pub async fn delete(tx: &mut OrgTx, id: GreetingId) -> Result<(), Error> {
    sqlx::query!("delete from app.greetings where id = $1", id.as_uuid()).execute(tx.connection()).await?;
    Ok(())
}
