//! Calls as they are listed, read and closed.

use domain::{AgentId, ChannelId, DrillId, EnvironmentId, OrgId, ServerId, SessionEvent, SessionId};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::at::{from_database, to_database};
use crate::opposite::{Direction, Opposite};
use crate::{Error, OrgTx, Page, Place, SystemTx};

/// One call as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub id: SessionId,
    pub org: OrgId,
    pub agent: Option<AgentId>,
    pub agent_name: String,
    /// 0: the draft.
    pub version: i32,
    pub environment: Option<EnvironmentId>,
    pub channel: Option<ChannelId>,
    pub transport: String,
    /// `None`: it was put on record before this was kept.
    pub opposite: Option<Opposite>,
    /// Who has served it, by account.
    pub providers: Vec<String>,
    pub started_at: Timestamp,
    pub last_event_at: Timestamp,
    pub last_sequence: i32,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<String>,
    pub duration_ms: Option<f64>,
    pub turns: i32,
    pub interruptions: i32,
    pub response_median_ms: Option<f64>,
    pub response_max_ms: Option<f64>,
    pub dead_air_ms: f64,
    pub failures: i32,
    pub recorded: bool,
    /// Mean opinion score, the lowest of any turn and of the call, in either direction; `None`: nobody can know.
    pub lowest_mos: Option<f32>,
    /// Of some turn, or of the call.
    pub poor_audio: bool,
    pub first_words: String,
    pub summary: Option<String>,
    /// Which wrote the summary; `None`: rules did.
    pub summary_model: Option<String>,
    /// What the agent noted.
    pub fields: Value,
    /// What the model read out of the words.
    pub extracted: Value,
    pub outcome: Option<String>,
    /// The drill that struck it.
    pub drill: Option<DrillId>,
}

/// Which calls; what is `None` does not narrow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    pub agent_name: Option<String>,
    pub transport: Option<String>,
    pub direction: Option<Direction>,
    pub environment: Option<EnvironmentId>,
    pub end_reason: Option<String>,
    pub outcome: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Words that were said, as a search engine takes them.
    pub words: Option<String>,
    pub slower_than_ms: Option<f64>,
    /// Failures or dead air.
    pub problems: bool,
    pub poor_audio: bool,
}

/// One event of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub sequence: i32,
    pub at_us: i64,
    pub event: SessionEvent,
}

impl Session {
    /// Where it stands in the list.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { at: self.started_at, id: self.id.as_uuid() }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    org_id: Uuid,
    agent_id: Option<Uuid>,
    agent_name: String,
    version: i32,
    environment_id: Option<Uuid>,
    channel_id: Option<Uuid>,
    transport: String,
    providers: Vec<String>,
    started_at: time::OffsetDateTime,
    last_event_at: time::OffsetDateTime,
    last_sequence: i32,
    ended_at: Option<time::OffsetDateTime>,
    end_reason: Option<String>,
    duration_ms: Option<f64>,
    turns: i32,
    interruptions: i32,
    response_median_ms: Option<f64>,
    response_max_ms: Option<f64>,
    dead_air_ms: f64,
    failures: i32,
    recorded: bool,
    lowest_mos: Option<f32>,
    poor_audio: bool,
    first_words: String,
    summary: Option<String>,
    summary_model: Option<String>,
    fields: Value,
    extracted: Value,
    outcome: Option<String>,
    drill_id: Option<Uuid>,
    direction: Option<String>,
    party: Option<String>,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            id: SessionId::from_uuid(row.id),
            org: OrgId::from_uuid(row.org_id),
            agent: row.agent_id.map(AgentId::from_uuid),
            agent_name: row.agent_name,
            version: row.version,
            environment: row.environment_id.map(EnvironmentId::from_uuid),
            channel: row.channel_id.map(ChannelId::from_uuid),
            transport: row.transport,
            opposite: opposite(row.direction.as_deref(), row.party.as_deref()),
            providers: row.providers,
            started_at: from_database(row.started_at),
            last_event_at: from_database(row.last_event_at),
            last_sequence: row.last_sequence,
            ended_at: row.ended_at.map(from_database),
            end_reason: row.end_reason,
            duration_ms: row.duration_ms,
            turns: row.turns,
            interruptions: row.interruptions,
            response_median_ms: row.response_median_ms,
            response_max_ms: row.response_max_ms,
            dead_air_ms: row.dead_air_ms,
            failures: row.failures,
            recorded: row.recorded,
            lowest_mos: row.lowest_mos,
            poor_audio: row.poor_audio,
            first_words: row.first_words,
            summary: row.summary,
            summary_model: row.summary_model,
            fields: row.fields,
            extracted: row.extracted,
            outcome: row.outcome,
            drill: row.drill_id.map(DrillId::from_uuid),
        }
    }
}

fn opposite(direction: Option<&str>, party: Option<&str>) -> Option<Opposite> {
    Some(Opposite::new(direction.and_then(Direction::named)?, party))
}

/// What `Row` is read from.
const COLUMNS: &str = "s.id, s.org_id, s.agent_id, s.agent_name, s.version, s.environment_id, s.channel_id, s.transport, \
     case when s.providers = '{}' and s.provider <> '' then array[s.provider] else s.providers end as providers, s.started_at, \
     s.last_event_at, s.last_sequence, s.ended_at, s.end_reason, s.duration_ms, s.turns, s.interruptions, s.response_median_ms, \
     s.response_max_ms, s.dead_air_ms, s.failures, s.recorded, s.lowest_mos, s.poor_audio, s.first_words, s.summary, s.summary_model, \
     s.fields, s.extracted, s.outcome, s.drill_id, s.direction, s.party";

/// One page of the organization's calls, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut OrgTx, filter: &Filter, page: Page) -> Result<Vec<Session>, Error> {
    let org = tx.org();
    let mut query = listing("select ", org, filter, page);
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx.connection()).await?;
    Ok(rows.into_iter().map(Session::from).collect())
}

/// The organization is named beside the policy: the planner sees a value and takes the index that begins with it.
fn listing(verb: &str, org: OrgId, filter: &Filter, page: Page) -> QueryBuilder<Postgres> {
    let Page { after, limit } = page;
    let mut query = QueryBuilder::new(verb);
    query.push(COLUMNS).push(" from ");
    match &filter.words {
        Some(words) => search(&mut query, words, filter, page),
        None => {
            query.push("app.sessions s where s.org_id = ").push_bind(org.as_uuid());
        }
    }
    if let Some(place) = after.filter(|_| filter.words.is_none()) {
        query.push(" and (s.started_at, s.id) < (").push_bind(to_database(place.at));
        query.push(", ").push_bind(place.id).push(")");
    }
    narrow(&mut query, filter);
    query.push(" order by s.started_at desc, s.id desc limit ").push_bind(limit);
    query
}

/// As many finds as narrower filters may leave few of.
const FINDS: i64 = 2_000;

fn search(query: &mut QueryBuilder<Postgres>, words: &str, filter: &Filter, page: Page) {
    let Page { after, limit } = page;
    let most = if is_narrow(filter) { FINDS } else { limit.min(FINDS) };
    query.push("app.search_sessions(").push_bind(words.to_owned());
    query.push(", ").push_bind(to_database(filter.from.unwrap_or(Timestamp::UNIX_EPOCH)));
    query.push(", ").push_bind(to_database(filter.to.unwrap_or(FAR)));
    query.push(", ").push_bind(after.map(|place| to_database(place.at)));
    query.push(", ").push_bind(after.map(|place| place.id));
    query
        .push(", ")
        .push_bind(i32::try_from(most).unwrap_or(i32::MAX))
        .push(") found join app.sessions s on s.id = found.id where true");
}

/// By more than words and time, which the search itself knows.
fn is_narrow(filter: &Filter) -> bool {
    let Filter {
        agent_name,
        transport,
        direction,
        environment,
        end_reason,
        outcome,
        slower_than_ms,
        problems,
        poor_audio,
        ..
    } = filter;
    let texts = [agent_name, transport, end_reason, outcome];
    texts.into_iter().any(Option::is_some)
        || direction.is_some()
        || environment.is_some()
        || slower_than_ms.is_some()
        || *problems
        || *poor_audio
}

/// The year 9999.
const FAR: Timestamp = Timestamp::constant(253_370_764_800, 0);

fn narrow(query: &mut QueryBuilder<Postgres>, filter: &Filter) {
    let texts = [
        (" and s.agent_name = ", &filter.agent_name),
        (" and s.transport = ", &filter.transport),
        (" and s.end_reason = ", &filter.end_reason),
        (" and s.outcome = ", &filter.outcome),
    ];
    for (condition, value) in texts {
        if let Some(value) = value {
            query.push(condition).push_bind(value.clone());
        }
    }
    match filter.direction {
        // As it stands in their index.
        Some(Direction::Outbound) => {
            query.push(" and s.direction = 'outbound'");
        }
        Some(Direction::Inbound) => {
            query.push(" and s.direction = 'inbound'");
        }
        None => {}
    }
    if let Some(environment) = filter.environment {
        query.push(" and s.environment_id = ").push_bind(environment.as_uuid());
    }
    if let Some(from) = filter.from {
        query.push(" and s.started_at >= ").push_bind(to_database(from));
    }
    if let Some(to) = filter.to {
        query.push(" and s.started_at < ").push_bind(to_database(to));
    }
    if let Some(slower) = filter.slower_than_ms {
        query.push(" and s.response_max_ms > ").push_bind(slower);
    }
    if filter.problems {
        query.push(" and (s.failures > 0 or s.dead_air_ms > 0)");
    }
    if filter.poor_audio {
        query.push(" and s.poor_audio");
    }
}

/// One call of the organization.
///
/// # Errors
/// When the database does not answer.
pub async fn find(tx: &mut OrgTx, id: SessionId) -> Result<Option<Session>, Error> {
    let mut query = QueryBuilder::<Postgres>::new("select ");
    query.push(COLUMNS).push(" from app.sessions s where s.id = ").push_bind(id.as_uuid());
    let row: Option<Row> = query.build_query_as().fetch_optional(tx.connection()).await?;
    Ok(row.map(Session::from))
}

/// Events after a place in the call (-1: from its beginning), at most `limit`.
///
/// # Errors
/// When the database does not answer, or an event was written by a newer version.
pub async fn events(tx: &mut OrgTx, id: SessionId, after: i32, limit: i64) -> Result<Vec<Event>, Error> {
    let rows = sqlx::query!(
        "select sequence, at_us, event from app.session_events where session_id = $1 and sequence > $2 order by sequence limit $3",
        id.as_uuid(),
        after,
        limit
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter()
        .map(|row| {
            let event = serde_json::from_value(row.event)
                .map_err(|error| Error::Content(format!("event {} of {id}: {error}", row.sequence)))?;
            Ok(Event { sequence: row.sequence, at_us: row.at_us, event })
        })
        .collect()
}

/// What came of a call, by rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Afterwards {
    pub summary: String,
    pub fields: Value,
    pub outcome: String,
}

/// Calls that have ended and of which nobody has said yet what came of them, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn unsummarised(tx: &mut SystemTx, limit: i64) -> Result<Vec<(OrgId, SessionId)>, Error> {
    let rows = sqlx::query!(
        "select org_id, id from app.sessions where ended_at is not null and summary is null order by ended_at limit $1",
        limit
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (OrgId::from_uuid(row.org_id), SessionId::from_uuid(row.id))).collect())
}

/// Once; another server may have been faster. With `ask`, a model is to be asked too (`digest`).
///
/// # Errors
/// When the database does not answer.
pub async fn summarise(
    tx: &mut OrgTx,
    id: SessionId,
    afterwards: &Afterwards,
    ask: bool,
) -> Result<(), Error> {
    sqlx::query!(
        "update app.sessions set summary = $2, fields = $3, outcome = $4, summary_due = case when $5 then now() end
         where id = $1 and summary is null",
        id.as_uuid(),
        afterwards.summary,
        afterwards.fields,
        afterwards.outcome,
        ask
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Calls of a server, which has the files, whose recordings their organizations keep no longer.
///
/// # Errors
/// When the database does not answer.
pub async fn recorded_too_long(
    tx: &mut SystemTx,
    server: ServerId,
    limit: i64,
) -> Result<Vec<(OrgId, SessionId)>, Error> {
    let rows = sqlx::query!(
        "select s.org_id, s.id from app.orgs o join app.sessions s on s.org_id = o.id
         where o.recordings_keep_days is not null and s.recorded and s.started_at < now() - make_interval(days => o.recordings_keep_days)
            and s.server_id = $2
         limit $1",
        limit,
        server.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (OrgId::from_uuid(row.org_id), SessionId::from_uuid(row.id))).collect())
}

/// Nothing of the call can be heard any more.
///
/// # Errors
/// When the database does not answer.
pub async fn unrecord(tx: &mut OrgTx, id: SessionId) -> Result<(), Error> {
    sqlx::query!("update app.sessions set recorded = false where id = $1", id.as_uuid())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Ended calls that their organizations keep no longer, oldest first: those without a recording, and those whose recording `server` has.
///
/// # Errors
/// When the database does not answer.
pub async fn kept_too_long(
    tx: &mut SystemTx,
    server: ServerId,
    limit: i64,
) -> Result<Vec<(OrgId, SessionId, bool)>, Error> {
    let rows = sqlx::query!(
        "select s.org_id, s.id, s.recorded from app.orgs o cross join lateral (
             select org_id, id, recorded, started_at from app.sessions
             where org_id = o.id and ended_at is not null and started_at < now() - make_interval(days => o.calls_keep_days)
               and (not recorded or server_id = $2)
             order by started_at limit $1) s
         where o.calls_keep_days is not null
         order by s.started_at limit $1",
        limit,
        server.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (OrgId::from_uuid(row.org_id), SessionId::from_uuid(row.id), row.recorded))
        .collect())
}

/// The call, its events and turns. What was measured and paid stays.
///
/// # Errors
/// When the database does not answer.
pub async fn remove(tx: &mut OrgTx, id: SessionId) -> Result<(), Error> {
    sqlx::query!("delete from app.sessions where id = $1", id.as_uuid()).execute(tx.connection()).await?;
    Ok(())
}

/// A call that another server has, as far as the record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    pub id: SessionId,
    pub agent_name: String,
    pub transport: String,
    pub opposite: Option<Opposite>,
    pub server: ServerId,
    pub started_at: Timestamp,
    pub turns: i32,
}

/// Calls of the organization that other servers than this one have, the newest first: whose last event is younger than `since`, since a server that
/// died says nothing more.
///
/// # Errors
/// When the database does not answer.
pub async fn elsewhere(
    tx: &mut OrgTx,
    server: ServerId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Elsewhere>, Error> {
    let rows = sqlx::query!(
        "select id, agent_name, transport, direction, party, server_id, started_at, turns from app.sessions
         where ended_at is null and server_id <> $1 and last_event_at > $2 order by started_at desc, id desc limit $3",
        server.as_uuid(),
        to_database(since),
        limit
    )
    .fetch_all(tx.connection())
    .await?;
    let call = rows.into_iter().map(|row| Elsewhere {
        id: SessionId::from_uuid(row.id),
        agent_name: row.agent_name,
        transport: row.transport,
        opposite: opposite(row.direction.as_deref(), row.party.as_deref()),
        server: ServerId::from_uuid(row.server_id),
        started_at: from_database(row.started_at),
        turns: row.turns,
    });
    Ok(call.collect())
}

/// A call that a server left open.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOpen {
    pub session: Session,
    /// What its conversation can be taken up from.
    pub checkpoint: Option<Value>,
}

/// Calls that a server began and has not ended. Not those on which there is a lease: whoever takes it goes on with them, unless nobody has
/// for an hour.
///
/// # Errors
/// When the database does not answer.
pub async fn left_open(tx: &mut SystemTx, server: ServerId) -> Result<Vec<LeftOpen>, Error> {
    let mut query = QueryBuilder::<Postgres>::new("select ");
    query
        .push(COLUMNS)
        .push(", s.checkpoint from app.sessions s where s.ended_at is null and s.server_id = ")
        .push_bind(server.as_uuid())
        .push(" and not exists (select from app.leases l where l.session_id = s.id and l.expires_at > now() - interval '1 hour')");
    let rows: Vec<Open> = query.build_query_as().fetch_all(tx.connection()).await?;
    Ok(rows.into_iter().map(LeftOpen::from).collect())
}

/// The call is this server's from now on, and entries of those who had it are taken no more. `None`: there is none on record.
pub(crate) async fn take_over(
    tx: &mut SystemTx,
    id: SessionId,
    server: ServerId,
    fence: i32,
) -> Result<Option<LeftOpen>, Error> {
    sqlx::query!(
        "update app.sessions set server_id = $2, fence = $3 where id = $1 and ended_at is null",
        id.as_uuid(),
        server.as_uuid(),
        fence
    )
    .execute(tx.connection())
    .await?;
    let mut query = QueryBuilder::<Postgres>::new("select ");
    query.push(COLUMNS).push(", s.checkpoint from app.sessions s where s.id = ").push_bind(id.as_uuid());
    let row: Option<Open> = query.build_query_as().fetch_optional(tx.connection()).await?;
    Ok(row.map(LeftOpen::from))
}

#[derive(sqlx::FromRow)]
struct Open {
    #[sqlx(flatten)]
    row: Row,
    checkpoint: Option<Value>,
}

impl From<Open> for LeftOpen {
    fn from(open: Open) -> Self {
        Self { session: open.row.into(), checkpoint: open.checkpoint }
    }
}

#[cfg(test)]
mod tests;
