//! Faults put on providers for a share of an environment's calls; and what came of them, as the calls on record tell.

use domain::{DrillId, EnvironmentId, OrgId, SessionId};
use jiff::Timestamp;

use crate::at::{from_database, to_database};
use crate::{Error, OrgTx, Page, SystemTx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    pub id: DrillId,
    pub org: OrgId,
    pub environment: EnvironmentId,
    pub environment_name: String,
    pub ability: String,
    pub fault: String,
    pub moment: String,
    /// `None`: whoever is asked first.
    pub provider: Option<String>,
    pub share_permille: i32,
    pub started_by: String,
    pub started_at: Timestamp,
    pub ends_at: Timestamp,
    /// Before its time.
    pub stopped_at: Option<Timestamp>,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Drill {
            id: DrillId::from_uuid(row.id),
            org: OrgId::from_uuid(row.org_id),
            environment: EnvironmentId::from_uuid(row.environment_id),
            environment_name: row.environment_name,
            ability: row.ability,
            fault: row.fault,
            moment: row.moment,
            provider: row.provider,
            share_permille: row.share_permille,
            started_by: row.started_by,
            started_at: from_database(row.created_at),
            ends_at: from_database(row.ends_at),
            stopped_at: row.stopped_at.map(from_database),
        }
    }};
}

/// What is asked for of a new one.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    pub id: DrillId,
    pub environment: EnvironmentId,
    pub ability: &'a str,
    pub fault: &'a str,
    pub moment: &'a str,
    pub provider: Option<&'a str>,
    pub share_permille: i32,
    pub started_by: &'a str,
    pub started_at: Timestamp,
    pub ends_at: Timestamp,
}

/// Where none runs in the environment at its start; whether it was.
///
/// # Errors
/// When the database does not answer.
pub async fn start(tx: &mut OrgTx, new: New<'_>) -> Result<bool, Error> {
    // Two that start at once in one environment wait for each other here.
    sqlx::query!("select id from app.environments where id = $1 for update", new.environment.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    let done = sqlx::query!(
        "insert into app.drills (id, org_id, environment_id, ability, fault, moment, provider, share_permille, started_by, created_at, ends_at)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
         where not exists (select from app.drills where environment_id = $3 and stopped_at is null and ends_at > $10)",
        new.id.as_uuid(),
        tx.org().as_uuid(),
        new.environment.as_uuid(),
        new.ability,
        new.fault,
        new.moment,
        new.provider,
        new.share_permille,
        new.started_by,
        to_database(new.started_at),
        to_database(new.ends_at),
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Drill>, Error> {
    let rows = sqlx::query!(
        r#"select d.id, d.org_id, d.environment_id, e.name as environment_name, d.ability, d.fault, d.moment, d.provider, d.share_permille,
             d.started_by, d.created_at, d.ends_at, d.stopped_at
         from app.drills d join app.environments e on e.org_id = d.org_id and e.id = d.environment_id
         where $1::timestamptz is null or (d.created_at, d.id) < ($1, $2::uuid)
         order by d.created_at desc, d.id desc limit $3"#,
        page.at(),
        page.id(),
        page.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

/// # Errors
/// When the database does not answer.
pub async fn find(tx: &mut OrgTx, id: DrillId) -> Result<Option<Drill>, Error> {
    let row = sqlx::query!(
        r#"select d.id, d.org_id, d.environment_id, e.name as environment_name, d.ability, d.fault, d.moment, d.provider, d.share_permille,
             d.started_by, d.created_at, d.ends_at, d.stopped_at
         from app.drills d join app.environments e on e.org_id = d.org_id and e.id = d.environment_id
         where d.id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// Where it runs still; one that is over stays as it ended.
///
/// # Errors
/// When the database does not answer.
pub async fn stop(tx: &mut OrgTx, id: DrillId, now: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update app.drills set stopped_at = $2 where id = $1 and stopped_at is null and ends_at > $2",
        id.as_uuid(),
        to_database(now)
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Those of every organization that strike calls now.
///
/// # Errors
/// When the database does not answer.
pub async fn running(tx: &mut SystemTx, now: Timestamp) -> Result<Vec<Drill>, Error> {
    let rows = sqlx::query!(
        r#"select d.id, d.org_id, d.environment_id, e.name as environment_name, d.ability, d.fault, d.moment, d.provider, d.share_permille,
             d.started_by, d.created_at, d.ends_at, d.stopped_at
         from app.drills d join app.environments e on e.org_id = d.org_id and e.id = d.environment_id
         where d.stopped_at is null and d.ends_at > $1 order by d.created_at, d.id"#,
        to_database(now)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

/// The calls that a drill struck, in sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    pub struck: i64,
    /// Of them, those that have ended.
    pub ended: i64,
    /// Ended since no provider was left.
    pub lost: i64,
    pub failures: i64,
}

/// # Errors
/// When the database does not answer.
pub async fn calls(tx: &mut OrgTx, id: DrillId) -> Result<Calls, Error> {
    let row = sqlx::query!(
        r#"select count(*) as "struck!", count(ended_at) as "ended!", count(*) filter (where end_reason = 'provider_failed') as "lost!",
             coalesce(sum(failures), 0)::bigint as "failures!"
         from app.sessions where org_id = $1 and drill_id = $2"#,
        tx.org().as_uuid(),
        id.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(Calls { struck: row.struck, ended: row.ended, lost: row.lost, failures: row.failures })
}

/// How long callers waited for answers, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Waits {
    pub turns: i64,
    pub median_us: Option<f64>,
    pub p95_us: Option<f64>,
    pub max_us: Option<i64>,
}

/// Of the calls that a drill struck.
///
/// # Errors
/// When the database does not answer.
pub async fn waits(tx: &mut OrgTx, id: DrillId) -> Result<Waits, Error> {
    let row = sqlx::query!(
        r#"select count(t.response_us) as "turns!", percentile_cont(0.5) within group (order by t.response_us) as median,
             percentile_cont(0.95) within group (order by t.response_us) as p95, max(t.response_us) as longest
         from app.sessions s join app.turns t on t.org_id = s.org_id and t.session_id = s.id
         where s.org_id = $1 and s.drill_id = $2 and t.response_us is not null"#,
        tx.org().as_uuid(),
        id.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(Waits { turns: row.turns, median_us: row.median, p95_us: row.p95, max_us: row.longest })
}

/// Of calls in an environment that no drill struck and that began between two times.
///
/// # Errors
/// When the database does not answer.
pub async fn usual_waits(
    tx: &mut OrgTx,
    environment: EnvironmentId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Waits, Error> {
    let row = sqlx::query!(
        r#"select count(t.response_us) as "turns!", percentile_cont(0.5) within group (order by t.response_us) as median,
             percentile_cont(0.95) within group (order by t.response_us) as p95, max(t.response_us) as longest
         from app.sessions s join app.turns t on t.org_id = s.org_id and t.session_id = s.id
         where s.org_id = $1 and s.environment_id = $2 and s.drill_id is null and s.started_at >= $3 and s.started_at < $4
           and t.response_us is not null"#,
        tx.org().as_uuid(),
        environment.as_uuid(),
        to_database(from),
        to_database(to)
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(Waits { turns: row.turns, median_us: row.median, p95_us: row.p95, max_us: row.longest })
}

/// Requests of struck calls to one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub ability: String,
    pub provider: String,
    pub completed: i64,
    pub failed: i64,
    pub cancelled: i64,
}

/// # Errors
/// When the database does not answer.
pub async fn answered(tx: &mut OrgTx, id: DrillId) -> Result<Vec<Answered>, Error> {
    let rows = sqlx::query!(
        r#"select r.ability, r.provider, count(*) filter (where r.outcome = 'completed') as "completed!",
             count(*) filter (where r.outcome = 'failed') as "failed!", count(*) filter (where r.outcome = 'cancelled') as "cancelled!"
         from app.sessions s join app.provider_requests r on r.org_id = s.org_id and r.session_id = s.id
         where s.org_id = $1 and s.drill_id = $2
         group by r.ability, r.provider order by r.ability, 3 desc, r.provider limit 100"#,
        tx.org().as_uuid(),
        id.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    let answered = rows.into_iter().map(|row| Answered {
        ability: row.ability,
        provider: row.provider,
        completed: row.completed,
        failed: row.failed,
        cancelled: row.cancelled,
    });
    Ok(answered.collect())
}

/// What one turn of an agent in a struck call was to say, and what was heard of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    pub session: Option<SessionId>,
    pub saying: String,
    pub heard: String,
    /// The caller spoke, or hung up: what was not heard then is not lost.
    pub interrupted: bool,
    /// The agent's dialogue or model failed in it.
    pub failed: bool,
}

/// Turns of struck calls that are over, newest calls first, at most `limit`.
///
/// # Errors
/// When the database does not answer.
pub async fn said(tx: &mut OrgTx, id: DrillId, limit: i64) -> Result<Vec<Said>, Error> {
    let rows = sqlx::query!(
        r#"select e.session_id,
             coalesce(string_agg(e.event ->> 'text', ' ' order by e.sequence) filter (where e.kind = 'agent_saying'), '') as "saying!",
             coalesce(string_agg(e.event ->> 'text', ' ' order by e.sequence) filter (where e.kind = 'agent_turn'), '') as "heard!",
             coalesce(bool_or((e.event ->> 'interrupted')::bool) filter (where e.kind = 'agent_turn'), false) as "interrupted!",
             coalesce(bool_or(e.event ->> 'code' like 'LLM\_%' or e.event ->> 'code' like 'DIALOGUE\_%') filter (where e.kind = 'failed'), false) as "failed!"
         from app.sessions s join app.session_events e on e.org_id = s.org_id and e.session_id = s.id
         where s.org_id = $1 and s.drill_id = $2 and e.turn is not null and e.kind in ('agent_saying', 'agent_turn', 'failed')
         group by s.started_at, e.session_id, e.turn having bool_or(e.kind = 'agent_turn')
         order by s.started_at desc, e.session_id, e.turn limit $3"#,
        tx.org().as_uuid(),
        id.as_uuid(),
        limit
    )
    .fetch_all(tx.connection())
    .await?;
    let said = rows.into_iter().map(|row| Said {
        session: Some(SessionId::from_uuid(row.session_id)),
        saying: row.saying,
        heard: row.heard,
        interrupted: row.interrupted,
        failed: row.failed,
    });
    Ok(said.collect())
}
