//! What callers can reach: which version of which agent each environment serves, and the ways in.

use domain::{AgentId, ChannelId, EnvironmentId, OrgId};

use crate::{Error, SystemTx};

/// One agent in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    pub org: OrgId,
    pub org_name: String,
    pub agent: AgentId,
    pub agent_name: String,
    pub environment: EnvironmentId,
    pub environment_name: String,
    pub version: i32,
    pub definition: String,
}

/// A channel that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub org: OrgId,
    pub channel: ChannelId,
    pub kind: String,
    pub address: String,
    pub agent: AgentId,
    pub environment: EnvironmentId,
    /// The organization has the number or room that the channel stands for.
    pub leads: bool,
}

/// What one version or draft says, for a trial call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub agent: AgentId,
    pub version: i32,
    pub definition: String,
    /// Changes when the definition does.
    pub revision: i32,
}

/// Everything that is served, of all organizations.
///
/// # Errors
/// When the database does not answer.
pub async fn all(tx: &mut SystemTx) -> Result<Vec<Serving>, Error> {
    let rows = sqlx::query!(
        r#"select o.id as org, o.name as org_name, a.id as agent, a.name as agent_name, e.id as environment, e.name as environment_name,
                  v.number as version, v.definition
           from app.agent_aliases l
           join app.orgs o on o.id = l.org_id
           join app.agents a on a.org_id = l.org_id and a.id = l.agent_id and a.archived_at is null
           join app.environments e on e.org_id = l.org_id and e.id = l.environment_id
           join app.agent_versions v on v.org_id = l.org_id and v.id = l.version_id
           order by o.created_at, a.name, e.name"#
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Serving {
            org: OrgId::from_uuid(row.org),
            org_name: row.org_name,
            agent: AgentId::from_uuid(row.agent),
            agent_name: row.agent_name,
            environment: EnvironmentId::from_uuid(row.environment),
            environment_name: row.environment_name,
            version: row.version,
            definition: row.definition,
        })
        .collect())
}

/// Every open channel, of all organizations.
///
/// # Errors
/// When the database does not answer.
pub async fn ways(tx: &mut SystemTx) -> Result<Vec<Way>, Error> {
    let rows = sqlx::query!(
        r#"select c.org_id, c.id, c.kind, c.address, c.agent_id, c.environment_id,
                  c.kind in ('number', 'room')
                      and exists (select from app.route_claims r where r.org_id = c.org_id and r.places @> (c.kind || ':' || c.address)) as "leads!"
           from app.channels c where c.enabled order by c.id"#
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Way {
            org: OrgId::from_uuid(row.org_id),
            channel: ChannelId::from_uuid(row.id),
            kind: row.kind,
            address: row.address,
            agent: AgentId::from_uuid(row.agent_id),
            environment: EnvironmentId::from_uuid(row.environment_id),
            leads: row.leads,
        })
        .collect())
}

/// Targets in ms for the p95 of the response, of the organizations that have one.
///
/// # Errors
/// When the database does not answer.
pub async fn latency_targets(tx: &mut SystemTx) -> Result<Vec<(OrgId, i32)>, Error> {
    let rows = sqlx::query!(
        r#"select id, latency_target_ms as "target!" from app.orgs where latency_target_ms is not null"#
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (OrgId::from_uuid(row.id), row.target)).collect())
}

/// Something that differs when what `all`, `ways`, `latency_targets`, `route::open` and `greeting::calendars` say may differ: cheap
/// enough to ask every second.
///
/// # Errors
/// When the database does not answer.
pub async fn stamp(tx: &mut SystemTx) -> Result<String, Error> {
    let stamp = sqlx::query_scalar!(
        r#"select concat_ws(' ',
              (select concat(count(*), max(updated_at), sum(revision)) from app.agent_aliases),
              (select concat(count(*), max(updated_at), sum(revision)) from app.channels),
              (select concat(count(*), max(updated_at), sum(revision)) from app.routes),
              (select concat(count(*), max(created_at)) from app.route_claims),
              (select concat(count(*), max(updated_at), sum(revision)) from app.greeting_calendars),
              (select concat(count(*), max(updated_at), sum(revision)) from app.environments),
              (select concat(count(*), max(updated_at), sum(revision)) from app.agents),
              (select md5(string_agg(concat(o.id, o.latency_target_ms), '' order by o.id)) from app.orgs o where o.latency_target_ms is not null)) as "stamp!""#
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(stamp)
}

/// The draft of an agent, by its name.
///
/// # Errors
/// When the database does not answer.
pub async fn draft(tx: &mut crate::OrgTx, agent: &str) -> Result<Option<Trial>, Error> {
    let row = sqlx::query!(
        "select a.id, d.definition, d.revision from app.agents a join app.agent_drafts d on d.org_id = a.org_id and d.agent_id = a.id where a.name = $1",
        agent
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Trial {
        agent: AgentId::from_uuid(row.id),
        version: 0,
        definition: row.definition,
        revision: row.revision,
    }))
}

/// One version of an agent, by the agent's name.
///
/// # Errors
/// When the database does not answer.
pub async fn version(tx: &mut crate::OrgTx, agent: &str, number: i32) -> Result<Option<Trial>, Error> {
    let row = sqlx::query!(
        "select a.id, v.definition from app.agents a join app.agent_versions v on v.org_id = a.org_id and v.agent_id = a.id where a.name = $1 and v.number = $2",
        agent,
        number
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Trial {
        agent: AgentId::from_uuid(row.id),
        version: number,
        definition: row.definition,
        revision: number,
    }))
}
