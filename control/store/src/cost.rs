//! What requests to vendors came to.

use domain::{OrgId, ProviderRequestId, SessionId};
use jiff::Timestamp;
use sqlx::{Postgres, QueryBuilder};

use crate::at::{from_database, to_database};
use crate::pricing::Usage;
use crate::{Error, OrgTx, SystemTx};

/// What sums are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Provider,
    Model,
    Agent,
    Domain,
    Environment,
    Ability,
    /// Of UTC.
    Day,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub requests: i64,
    pub failures: i64,
    /// Of those whose cost is known.
    pub cost_nano: i64,
    /// Requests whose cost is not known.
    pub unpriced: i64,
    /// Requests whose usage the vendor has not said.
    pub estimated: i64,
    pub input_tokens: i64,
    pub cached_tokens: i64,
    pub output_tokens: i64,
    pub characters: i64,
    pub audio_in_us: i64,
    pub audio_out_us: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    key: Option<String>,
    at: Option<time::OffsetDateTime>,
    requests: i64,
    failures: i64,
    cost_nano: i64,
    unpriced: i64,
    estimated: i64,
    input_tokens: i64,
    cached_tokens: i64,
    output_tokens: i64,
    characters: i64,
    audio_in_us: i64,
    audio_out_us: i64,
}

const SUMS: &str = "sum(c.requests)::bigint as requests, sum(c.failures)::bigint as failures, sum(c.cost_nano)::bigint as cost_nano,
    sum(c.unpriced)::bigint as unpriced, sum(c.estimated)::bigint as estimated, sum(c.input_tokens)::bigint as input_tokens,
    sum(c.cached_tokens)::bigint as cached_tokens, sum(c.output_tokens)::bigint as output_tokens,
    sum(c.characters)::bigint as characters, sum(c.audio_in_us)::bigint as audio_in_us, sum(c.audio_out_us)::bigint as audio_out_us
    from app.costs_hour c";

/// The dearest first; `None`: of none, such as a request for no agent.
///
/// # Errors
/// When the database does not answer.
pub async fn breakdown(
    tx: &mut OrgTx,
    (from, to): (Timestamp, Timestamp),
    group: Group,
) -> Result<Vec<(Option<String>, Sums)>, Error> {
    let (key, join) = match group {
        Group::Provider => ("nullif(c.provider, '')", ""),
        Group::Model => ("nullif(c.model, '')", ""),
        Group::Agent => ("nullif(c.agent_name, '')", ""),
        Group::Ability => ("nullif(c.ability, '')", ""),
        Group::Day => ("to_char(c.at at time zone 'UTC', 'YYYY-MM-DD')", ""),
        Group::Domain => (
            "coalesce(d.name, c.domain_id::text)",
            " left join app.domains d on d.org_id = c.org_id and d.id = c.domain_id",
        ),
        Group::Environment => (
            "coalesce(e.name, c.environment_id::text)",
            " left join app.environments e on e.org_id = c.org_id and e.id = c.environment_id",
        ),
    };
    let mut query = QueryBuilder::<Postgres>::new("select ");
    query.push(key).push(" as key, null::timestamptz as at, ").push(SUMS).push(join);
    within(&mut query, tx, from, to);
    query.push(if group == Group::Day {
        " group by 1 order by 1"
    } else {
        " group by 1 order by cost_nano desc, requests desc, 1"
    });
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx.connection()).await?;
    Ok(rows.into_iter().map(|row| (row.key.clone(), row.sums())).collect())
}

/// Hour by hour, those in which something was asked for.
///
/// # Errors
/// When the database does not answer.
pub async fn hours(
    tx: &mut OrgTx,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<(Timestamp, Sums)>, Error> {
    let mut query = QueryBuilder::<Postgres>::new("select null as key, c.at as at, ");
    query.push(SUMS);
    within(&mut query, tx, from, to);
    query.push(" group by c.at order by c.at");
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx.connection()).await?;
    Ok(rows.iter().filter_map(|row| Some((from_database(row.at?), row.sums()))).collect())
}

/// What has no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub vendor: String,
    pub model: String,
    pub unit: String,
    pub requests: i64,
    pub last_at: Timestamp,
}

/// The most often missed first.
///
/// # Errors
/// When the database does not answer.
pub async fn missing(
    tx: &mut OrgTx,
    (from, to): (Timestamp, Timestamp),
    most: i64,
) -> Result<Vec<Missing>, Error> {
    let rows = sqlx::query!(
        r#"select vendor, model, unit as "unit!", count(*) as "requests!", max(at) as "last_at!"
           from app.provider_requests, unnest(unpriced) as unit
           where org_id = $1 and at >= $2 and at < $3 and cost_nano is null
           group by 1, 2, 3 order by 4 desc, 1, 2, 3 limit $4"#,
        tx.org().as_uuid(),
        to_database(from),
        to_database(to),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    let missing = rows.into_iter().map(|row| Missing {
        vendor: row.vendor,
        model: row.model,
        unit: row.unit,
        requests: row.requests,
        last_at: from_database(row.last_at),
    });
    Ok(missing.collect())
}

/// Of all organizations: what lately was asked for and has no price, each once.
///
/// # Errors
/// When the database does not answer.
pub async fn unpriced(tx: &mut SystemTx, since: Timestamp) -> Result<Vec<(OrgId, Missing)>, Error> {
    let rows = sqlx::query!(
        r#"select org_id, vendor, model, unit as "unit!", count(*) as "requests!", max(at) as "last_at!"
           from app.provider_requests, unnest(unpriced) as unit
           where at >= $1 and (cost_nano is null or outcome = 'failed') and cost_nano is null
           group by 1, 2, 3, 4 order by 1, 2, 3, 4"#,
        to_database(since),
    )
    .fetch_all(tx.connection())
    .await?;
    let missing = rows.into_iter().map(|row| {
        let (unit, last_at) = (row.unit, from_database(row.last_at));
        let missing = Missing { vendor: row.vendor, model: row.model, unit, requests: row.requests, last_at };
        (OrgId::from_uuid(row.org_id), missing)
    });
    Ok(missing.collect())
}

/// An account whose vendor wants no requests with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub org: OrgId,
    pub provider: String,
    pub vendor: String,
    pub code: String,
    pub last_at: Timestamp,
}

/// Of all organizations: accounts whose key was lately refused, or that had no credit left.
///
/// # Errors
/// When the database does not answer.
pub async fn refused(tx: &mut SystemTx, since: Timestamp) -> Result<Vec<Refused>, Error> {
    let rows = sqlx::query!(
        r#"select org_id, provider, vendor, error_code as "code!", max(at) as "last_at!" from app.provider_requests
           where at >= $1 and (cost_nano is null or outcome = 'failed') and outcome = 'failed'
           and (error_code like '%\_UNAUTHORIZED' or error_code like '%\_EXHAUSTED') group by 1, 2, 3, 4 order by 1, 2, 3, 4"#,
        to_database(since),
    )
    .fetch_all(tx.connection())
    .await?;
    let refused = rows.into_iter().map(|row| Refused {
        org: OrgId::from_uuid(row.org_id),
        provider: row.provider,
        vendor: row.vendor,
        code: row.code,
        last_at: from_database(row.last_at),
    });
    Ok(refused.collect())
}

/// How an account does what it is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// The account's name.
    pub provider: String,
    pub ability: String,
    pub requests: i64,
    pub failures: i64,
    /// Until the first useful answer, of those that gave one.
    pub first_median_us: Option<f64>,
    pub cost_nano: i64,
    pub unpriced: i64,
    /// Of the latest that failed.
    pub last_error: Option<String>,
}

/// Of each account and ability that was asked since.
///
/// # Errors
/// When the database does not answer.
pub async fn health(tx: &mut OrgTx, since: Timestamp) -> Result<Vec<Health>, Error> {
    let rows = sqlx::query!(
        r#"select provider, ability, count(*) as "requests!", count(*) filter (where outcome = 'failed') as "failures!",
            percentile_cont(0.5) within group (order by first_us) as first, coalesce(sum(cost_nano), 0)::bigint as "cost!",
            count(*) filter (where cost_nano is null) as "unpriced!",
            (array_agg(error_code order by at desc) filter (where error_code is not null))[1] as last_error
           from app.provider_requests where org_id = $1 and at >= $2 group by 1, 2 order by 1, 2"#,
        tx.org().as_uuid(),
        to_database(since),
    )
    .fetch_all(tx.connection())
    .await?;
    let health = rows.into_iter().map(|row| Health {
        provider: row.provider,
        ability: row.ability,
        requests: row.requests,
        failures: row.failures,
        first_median_us: row.first,
        cost_nano: row.cost,
        unpriced: row.unpriced,
        last_error: row.last_error,
    });
    Ok(health.collect())
}

/// Requests older than this go, so many at once; their sums stay. How many went.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(tx: &mut SystemTx, before: Timestamp, most: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from app.provider_requests where id in (select id from app.provider_requests where at < $1 order by at limit $2)",
        to_database(before),
        most,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

/// One attempt, as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub id: ProviderRequestId,
    pub turn: Option<i32>,
    pub at: Timestamp,
    pub ability: String,
    pub provider: String,
    pub vendor: String,
    pub model: String,
    pub region: String,
    pub why: String,
    pub outcome: String,
    pub error_code: Option<String>,
    pub connect_us: Option<i64>,
    pub first_us: Option<i64>,
    pub took_us: Option<i64>,
    pub usage: Usage,
    pub cost_nano: Option<i64>,
    pub unpriced: Vec<String>,
}

/// Of one call, the oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn of_call(tx: &mut OrgTx, session: SessionId, most: i64) -> Result<Vec<Request>, Error> {
    let rows = sqlx::query!(
        "select id, turn, at, ability, provider, vendor, model, region, why, outcome, error_code, connect_us, first_us, took_us,
            input_tokens, cached_tokens, cache_written_tokens, output_tokens, audio_input_tokens, audio_output_tokens, characters,
            audio_in_us, audio_out_us, estimated, cost_nano, unpriced
         from app.provider_requests where org_id = $1 and session_id = $2 order by at, id limit $3",
        tx.org().as_uuid(),
        session.as_uuid(),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    let count = |value: i64| u64::try_from(value).unwrap_or_default();
    let requests = rows.into_iter().map(|row| Request {
        id: ProviderRequestId::from_uuid(row.id),
        turn: row.turn,
        at: from_database(row.at),
        ability: row.ability,
        provider: row.provider,
        vendor: row.vendor,
        model: row.model,
        region: row.region,
        why: row.why,
        outcome: row.outcome,
        error_code: row.error_code,
        connect_us: row.connect_us,
        first_us: row.first_us,
        took_us: row.took_us,
        usage: Usage {
            input_tokens: count(row.input_tokens),
            cached_tokens: count(row.cached_tokens),
            cache_written_tokens: count(row.cache_written_tokens),
            output_tokens: count(row.output_tokens),
            audio_input_tokens: count(row.audio_input_tokens),
            audio_output_tokens: count(row.audio_output_tokens),
            characters: count(row.characters),
            audio_in_us: count(row.audio_in_us),
            audio_out_us: count(row.audio_out_us),
            estimated: row.estimated,
        },
        cost_nano: row.cost_nano,
        unpriced: row.unpriced,
    });
    Ok(requests.collect())
}

/// Of all of a call's requests: how many, what is known of their cost, and of how many it is not known.
///
/// # Errors
/// When the database does not answer.
pub async fn sum_of_call(tx: &mut OrgTx, session: SessionId) -> Result<(i64, i64, i64), Error> {
    let row = sqlx::query!(
        r#"select count(*) as "requests!", coalesce(sum(cost_nano), 0)::bigint as "cost!", count(*) filter (where cost_nano is null) as "unpriced!"
           from app.provider_requests where org_id = $1 and session_id = $2"#,
        tx.org().as_uuid(),
        session.as_uuid(),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok((row.requests, row.cost, row.unpriced))
}

/// What was asked for one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnSum {
    pub turn: i32,
    pub requests: i64,
    /// Of those whose cost is known.
    pub cost_nano: i64,
    pub unpriced: i64,
}

/// A request for recognition, which hears many turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recognition {
    /// Since the call began; it was asked a little before, where that is less than nothing.
    pub from_us: i64,
    pub to_us: i64,
    /// `None`: not known.
    pub cost_nano: Option<i64>,
}

/// Those of one call that are over.
///
/// # Errors
/// When the database does not answer.
pub async fn recognitions(tx: &mut OrgTx, session: SessionId) -> Result<Vec<Recognition>, Error> {
    let rows = sqlx::query_as!(
        Recognition,
        r#"select cost_nano, (extract(epoch from r.at - s.started_at) * 1000000)::bigint - coalesce(took_us, 0) as "from_us!",
             (extract(epoch from r.at - s.started_at) * 1000000)::bigint as "to_us!"
           from app.sessions s join app.provider_requests r on r.org_id = s.org_id and r.session_id = s.id
           where s.org_id = $1 and s.id = $2 and r.ability = 'stt' and r.turn is null order by r.at, r.id"#,
        tx.org().as_uuid(),
        session.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Of one call, turn by turn. What was asked for no single turn, such as recognition, is in none of them.
///
/// # Errors
/// When the database does not answer.
pub async fn sums_of_turns(tx: &mut OrgTx, session: SessionId) -> Result<Vec<TurnSum>, Error> {
    let rows = sqlx::query_as!(
        TurnSum,
        r#"select turn as "turn!", count(*) as "requests!", coalesce(sum(cost_nano), 0)::bigint as "cost_nano!",
            count(*) filter (where cost_nano is null) as "unpriced!"
           from app.provider_requests where org_id = $1 and session_id = $2 and turn is not null group by 1 order by 1"#,
        tx.org().as_uuid(),
        session.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

fn within(query: &mut QueryBuilder<Postgres>, tx: &OrgTx, from: Timestamp, to: Timestamp) {
    query.push(" where c.org_id = ").push_bind(tx.org().as_uuid());
    query.push(" and c.at >= ").push_bind(to_database(from));
    query.push(" and c.at < ").push_bind(to_database(to));
}

impl Row {
    fn sums(&self) -> Sums {
        Sums {
            requests: self.requests,
            failures: self.failures,
            cost_nano: self.cost_nano,
            unpriced: self.unpriced,
            estimated: self.estimated,
            input_tokens: self.input_tokens,
            cached_tokens: self.cached_tokens,
            output_tokens: self.output_tokens,
            characters: self.characters,
            audio_in_us: self.audio_in_us,
            audio_out_us: self.audio_out_us,
        }
    }
}
