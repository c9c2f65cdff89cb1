//! Greetings: said in place of what a definition greets with, where and when they fit; the organization's calendar; and what came of them.

mod outcome;

use domain::{AgentId, ChannelId, DomainId, EnvironmentId, GreetingId, OrgId};
use jiff::Timestamp;
use serde_json::Value;

use crate::at::{from_database, to_database};
use crate::{Error, OrgTx, Page, SystemTx};

pub use outcome::{Began, Outcome, measures, outcomes, total};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    pub id: GreetingId,
    pub scope: Scope,
    pub set: Setting,
    pub experiment_round: i32,
    pub experiment_since: Option<Timestamp>,
    pub revision: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What may be changed of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    pub title: String,
    pub language: Option<String>,
    pub priority: i32,
    /// As `greetings::Schedule`.
    pub schedule: Option<Value>,
    pub wordings: Vec<String>,
    /// As `greetings::Experiment`.
    pub experiment: Option<Value>,
    pub enabled: bool,
}

/// For which calls. Never of an agent and a domain both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    pub agent: Option<AgentId>,
    pub domain: Option<DomainId>,
    pub environment: Option<EnvironmentId>,
    pub channel: Option<ChannelId>,
}

/// An organization's time and what its callers speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub time_zone: String,
    /// As a list of `greetings::Holiday`.
    pub holidays: Value,
    /// As a list of `greetings::Prefix`.
    pub languages: Value,
    /// 0: nobody has set one.
    pub revision: i32,
}

impl Default for Calendar {
    fn default() -> Self {
        let none = || Value::Array(Vec::new());
        Self { time_zone: "UTC".to_owned(), holidays: none(), languages: none(), revision: 0 }
    }
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
                channel: row.channel_id.map(ChannelId::from_uuid),
            },
            set: Setting {
                title: row.title,
                language: row.language,
                priority: row.priority,
                schedule: row.schedule,
                wordings: row.wordings,
                experiment: row.experiment,
                enabled: row.enabled,
            },
            experiment_round: row.experiment_round,
            experiment_since: row.experiment_since.map(from_database),
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }};
}

pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Greeting>, Error> {
    let rows = sqlx::query!(
        "select id, agent_id, domain_id, environment_id, channel_id, title, language, priority, schedule, wordings, experiment, enabled,
                experiment_round, experiment_since, revision, created_at, updated_at
         from app.greetings
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
pub async fn every(tx: &mut OrgTx) -> Result<Vec<Greeting>, Error> {
    let rows = sqlx::query!(
        "select id, agent_id, domain_id, environment_id, channel_id, title, language, priority, schedule, wordings, experiment, enabled,
                experiment_round, experiment_since, revision, created_at, updated_at
         from app.greetings order by id"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

pub async fn count(tx: &mut OrgTx) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(r#"select count(*) as "count!" from app.greetings"#)
        .fetch_one(tx.connection())
        .await?)
}

/// Those that are said, of all organizations.
///
/// # Errors
/// When the database does not answer.
pub async fn said(tx: &mut SystemTx) -> Result<Vec<(OrgId, Greeting)>, Error> {
    let rows = sqlx::query!(
        "select org_id, id, agent_id, domain_id, environment_id, channel_id, title, language, priority, schedule, wordings, experiment, enabled,
                experiment_round, experiment_since, revision, created_at, updated_at
         from app.greetings where enabled order by id"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (OrgId::from_uuid(row.org_id), row!(row))).collect())
}

/// The calendars of all organizations that have set one.
///
/// # Errors
/// When the database does not answer.
pub async fn calendars(tx: &mut SystemTx) -> Result<Vec<(OrgId, Calendar)>, Error> {
    let rows =
        sqlx::query!("select org_id, time_zone, holidays, languages, revision from app.greeting_calendars")
            .fetch_all(tx.connection())
            .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (time_zone, holidays) = (row.time_zone, row.holidays);
            let calendar = Calendar { time_zone, holidays, languages: row.languages, revision: row.revision };
            (OrgId::from_uuid(row.org_id), calendar)
        })
        .collect())
}

/// Which domain agents of every organization are in.
///
/// # Errors
/// When the database does not answer.
pub async fn domains(tx: &mut SystemTx) -> Result<Vec<(AgentId, DomainId)>, Error> {
    let rows =
        sqlx::query!(r#"select id, domain_id as "domain_id!" from app.agents where archived_at is null and domain_id is not null"#)
            .fetch_all(tx.connection())
            .await?;
    Ok(rows.into_iter().map(|row| (AgentId::from_uuid(row.id), DomainId::from_uuid(row.domain_id))).collect())
}

/// What environments of every organization are called.
///
/// # Errors
/// When the database does not answer.
pub async fn environments(tx: &mut SystemTx) -> Result<Vec<(EnvironmentId, String)>, Error> {
    let rows = sqlx::query!("select id, name from app.environments").fetch_all(tx.connection()).await?;
    Ok(rows.into_iter().map(|row| (EnvironmentId::from_uuid(row.id), row.name)).collect())
}

/// Something that differs when what `said`, `calendars`, `domains` and `environments` say may differ: cheap enough to ask every second.
///
/// # Errors
/// When the database does not answer.
pub async fn stamp(tx: &mut SystemTx) -> Result<String, Error> {
    let stamp = sqlx::query_scalar!(
        r#"select concat_ws(' ',
              (select concat(count(*), max(updated_at), sum(revision)) from app.greetings),
              (select concat(count(*), max(updated_at), sum(revision)) from app.greeting_calendars),
              (select concat(count(*), max(updated_at), sum(revision)) from app.environments),
              (select concat(count(*), max(updated_at), sum(revision)) from app.agents)) as "stamp!""#
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(stamp)
}

pub async fn find(tx: &mut OrgTx, id: GreetingId) -> Result<Option<Greeting>, Error> {
    let row = sqlx::query!(
        "select id, agent_id, domain_id, environment_id, channel_id, title, language, priority, schedule, wordings, experiment, enabled,
                experiment_round, experiment_since, revision, created_at, updated_at
         from app.greetings where id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// As `find`, and nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut OrgTx, id: GreetingId) -> Result<Option<Greeting>, Error> {
    let row = sqlx::query!(
        "select id, agent_id, domain_id, environment_id, channel_id, title, language, priority, schedule, wordings, experiment, enabled,
                experiment_round, experiment_since, revision, created_at, updated_at
         from app.greetings where id = $1 for update",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// # Errors
/// `Conflict`: one of that scope, language and priority is said always. `Reference`: the scope names something that is not there.
pub async fn create(
    tx: &mut OrgTx,
    id: GreetingId,
    scope: Scope,
    set: &Setting,
    at: Timestamp,
) -> Result<Greeting, Error> {
    let row = sqlx::query!(
        "insert into app.greetings (id, org_id, agent_id, domain_id, environment_id, channel_id, title, language, priority, schedule, wordings, experiment, enabled,
                                    experiment_round, experiment_since)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, case when $12::jsonb is null then 0 else 1 end, case when $12::jsonb is null then null else $14::timestamptz end)
         returning id, agent_id, domain_id, environment_id, channel_id, title, language, priority, schedule, wordings, experiment, enabled,
                   experiment_round, experiment_since, revision, created_at, updated_at",
        id.as_uuid(),
        tx.org().as_uuid(),
        scope.agent.map(|agent| agent.as_uuid()),
        scope.domain.map(|domain| domain.as_uuid()),
        scope.environment.map(|environment| environment.as_uuid()),
        scope.channel.map(|channel| channel.as_uuid()),
        set.title,
        set.language,
        set.priority,
        set.schedule,
        &set.wordings,
        set.experiment,
        set.enabled,
        to_database(at),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// `anew`: the experiment is another, and its outcomes are counted from `at` on.
///
/// # Errors
/// `Conflict`: one of that scope, language and priority is said always.
pub async fn update(
    tx: &mut OrgTx,
    id: GreetingId,
    set: &Setting,
    anew: Option<Timestamp>,
) -> Result<Greeting, Error> {
    let row = sqlx::query!(
        "update app.greetings set title = $2, language = $3, priority = $4, schedule = $5, wordings = $6, experiment = $7, enabled = $8,
                experiment_round = experiment_round + case when $9::timestamptz is null then 0 else 1 end,
                experiment_since = coalesce($9, experiment_since),
                revision = revision + 1, updated_at = now()
         where id = $1
         returning id, agent_id, domain_id, environment_id, channel_id, title, language, priority, schedule, wordings, experiment, enabled,
                   experiment_round, experiment_since, revision, created_at, updated_at",
        id.as_uuid(),
        set.title,
        set.language,
        set.priority,
        set.schedule,
        &set.wordings,
        set.experiment,
        set.enabled,
        anew.map(to_database),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

pub async fn delete(tx: &mut OrgTx, id: GreetingId) -> Result<(), Error> {
    sqlx::query!("delete from app.greetings where id = $1", id.as_uuid()).execute(tx.connection()).await?;
    Ok(())
}

/// The organization's, or what holds where nobody has set one.
pub async fn calendar(tx: &mut OrgTx) -> Result<Calendar, Error> {
    let row = sqlx::query!("select time_zone, holidays, languages, revision from app.greeting_calendars")
        .fetch_optional(tx.connection())
        .await?;
    Ok(row
        .map(|row| Calendar {
            time_zone: row.time_zone,
            holidays: row.holidays,
            languages: row.languages,
            revision: row.revision,
        })
        .unwrap_or_default())
}

/// Sets the calendar where it still has `calendar.revision`; `false` where it has not.
pub async fn put_calendar(tx: &mut OrgTx, calendar: &Calendar) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into app.greeting_calendars as c (org_id, time_zone, holidays, languages) values ($1, $2, $3, $4)
         on conflict (org_id) do update set time_zone = $2, holidays = $3, languages = $4, revision = c.revision + 1, updated_at = now()
         where c.revision = $5",
        tx.org().as_uuid(),
        calendar.time_zone,
        calendar.holidays,
        calendar.languages,
        calendar.revision,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}
