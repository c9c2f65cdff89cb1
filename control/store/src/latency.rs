//! How quickly agents answered and what went wrong, over minutes for the last hours and over hours for the last weeks.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::{Postgres, QueryBuilder};

use crate::at::{floor, from_database, to_database};
use crate::histogram::Histogram;
use crate::ingest::SPECULATION;
use crate::{Error, OrgTx, SystemTx};

/// What a range is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    Minute,
    Hour,
}

/// Which calls; what is `None` does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub agent_name: Option<String>,
    pub version: Option<i32>,
    pub transport: Option<String>,
    /// What it had a part in.
    pub provider: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub from: Timestamp,
    pub to: Timestamp,
    pub grain: Grain,
    /// Points are this far apart; a whole number of grains.
    pub step: Duration,
}

/// By stage and by the point's time.
pub type Latencies = BTreeMap<String, BTreeMap<Timestamp, Histogram>>;

/// By name, label and the point's time.
pub type Counts = BTreeMap<(String, String), BTreeMap<Timestamp, i64>>;

/// Histograms of every stage.
///
/// # Errors
/// When the database does not answer, or what is stored is damaged.
pub async fn latencies(tx: &mut OrgTx, range: &Range, filter: &Filter) -> Result<Latencies, Error> {
    let table = match range.grain {
        Grain::Minute => "app.latency_hist_minute",
        Grain::Hour => "app.latency_hist_hour",
    };
    let mut query = QueryBuilder::<Postgres>::new("select stage, at, buckets from ");
    query.push(table);
    within(&mut query, tx, range, filter);
    // Named, so that the key's index serves the range of each.
    query.push(" and stage = any(").push_bind(STAGES.map(str::to_owned).to_vec()).push(")");
    let rows: Vec<(String, time::OffsetDateTime, Vec<u8>)> =
        query.build_query_as().fetch_all(tx.connection()).await?;
    let mut found = Latencies::new();
    for (stage, at, bytes) in rows {
        let sum = found.entry(stage).or_default().entry(range.point(from_database(at))).or_default();
        sum.merge_bytes(&bytes).map_err(|damaged| Error::Content(damaged.to_string()))?;
    }
    Ok(found)
}

pub use crate::ingest::STAGES;

/// Sums of everything that is counted.
///
/// # Errors
/// When the database does not answer.
pub async fn counts(tx: &mut OrgTx, range: &Range, filter: &Filter) -> Result<Counts, Error> {
    let mut query = QueryBuilder::<Postgres>::new("select name, label, at, sum(value)::bigint from ");
    query.push(range.grain.counts());
    within(&mut query, tx, range, filter);
    query.push(" group by 1, 2, 3");
    let rows: Vec<(String, String, time::OffsetDateTime, i64)> =
        query.build_query_as().fetch_all(tx.connection()).await?;
    let mut found = Counts::new();
    for (name, label, at, value) in rows {
        *found.entry((name, label)).or_default().entry(range.point(from_database(at))).or_default() += value;
    }
    Ok(found)
}

/// What asking language models ahead came to in the calls of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Speculated {
    pub agent: String,
    pub adopted: i64,
    pub discarded: i64,
    pub wasted_tokens: i64,
}

/// By agent; those that asked nothing ahead are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn speculated(tx: &mut OrgTx, range: &Range, filter: &Filter) -> Result<Vec<Speculated>, Error> {
    let table = match range.grain {
        Grain::Minute => "app.counts_minute",
        Grain::Hour => "app.counts_hour",
    };
    let mut query = QueryBuilder::<Postgres>::new("select agent_name");
    for name in SPECULATION {
        query.push(", coalesce(sum(value) filter (where name = ").push_bind(name).push("), 0)::bigint");
    }
    query.push(" from ").push(table);
    within(&mut query, tx, range, filter);
    query.push(" and name = any(").push_bind(SPECULATION.map(str::to_owned).to_vec()).push(")");
    query.push(" group by 1 order by 1");
    let rows: Vec<(String, i64, i64, i64)> = query.build_query_as().fetch_all(tx.connection()).await?;
    let row =
        |(agent, adopted, discarded, wasted_tokens)| Speculated { agent, adopted, discarded, wasted_tokens };
    Ok(rows.into_iter().map(row).collect())
}

/// What the filters can be set to in a range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    pub agents: Vec<String>,
    pub versions: Vec<i32>,
    pub transports: Vec<String>,
    pub providers: Vec<String>,
}

/// # Errors
/// When the database does not answer.
pub async fn values(tx: &mut OrgTx, range: &Range) -> Result<Values, Error> {
    let org = tx.org();
    let row = sqlx::query!(
        r#"select coalesce(array_agg(distinct agent_name), '{}') as "agents!", coalesce(array_agg(distinct version), '{}') as "versions!",
                  coalesce(array_agg(distinct transport), '{}') as "transports!", coalesce(array_agg(distinct provider) filter (where provider <> ''), '{}') as "providers!"
           from app.counts_hour where org_id = $1 and at >= date_trunc('hour', $2::timestamptz, 'UTC') and at < $3 and name = 'calls'"#,
        org.as_uuid(),
        to_database(range.from),
        to_database(range.to),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(Values {
        agents: row.agents,
        versions: row.versions,
        transports: row.transports,
        providers: row.providers,
    })
}

/// Calls that are under way now: whose last event is younger than `since`, since a server that died says nothing more.
///
/// # Errors
/// When the database does not answer.
pub async fn running(tx: &mut OrgTx, since: Timestamp, filter: &Filter) -> Result<i64, Error> {
    let mut query = QueryBuilder::<Postgres>::new("select count(*) from app.sessions where org_id = ");
    query.push_bind(tx.org().as_uuid());
    query.push(" and ended_at is null and last_event_at > ").push_bind(to_database(since));
    if let Some(provider) = &filter.provider {
        query.push(" and ").push_bind(provider.clone()).push(" = any(providers)");
    }
    of_calls(&mut query, filter);
    Ok(query.build_query_scalar().fetch_one(tx.connection()).await?)
}

/// The most calls that were under way, by the point's time: in any one minute of it, or at any one full hour where the range is made of
/// hours. Reckoned back from the `running` ones of now by what began and ended since.
///
/// # Errors
/// When the database does not answer.
pub async fn under_way(
    tx: &mut OrgTx,
    range: &Range,
    filter: &Filter,
    running: i64,
) -> Result<BTreeMap<Timestamp, i64>, Error> {
    let each = Range { step: range.grain.length(), ..*range };
    let mut query = QueryBuilder::<Postgres>::new(
        "select at, coalesce(sum(value) filter (where name = 'calls'), 0)::bigint, coalesce(sum(value) filter (where name = 'ended'), 0)::bigint from ",
    );
    query.push(range.grain.counts());
    within(&mut query, tx, range, filter);
    query.push(" and name in ('calls', 'ended') group by 1");
    let rows: Vec<(time::OffsetDateTime, i64, i64)> =
        query.build_query_as().fetch_all(tx.connection()).await?;
    let changed: BTreeMap<Timestamp, Moves> =
        rows.into_iter().map(|(at, begun, ended)| (from_database(at), Moves { begun, ended })).collect();
    Ok(reckoned(range, &each.points(), &changed, running))
}

/// Of one grain.
#[derive(Debug, Clone, Copy, Default)]
struct Moves {
    begun: i64,
    ended: i64,
}

fn reckoned(
    range: &Range,
    grains: &[Timestamp],
    changed: &BTreeMap<Timestamp, Moves>,
    running: i64,
) -> BTreeMap<Timestamp, i64> {
    let mut after = running;
    let mut most = BTreeMap::new();
    for at in grains.iter().rev() {
        let Moves { begun, ended } = changed.get(at).copied().unwrap_or_default();
        // Never less than none: a call whose server died has begun, has not ended, and is not running.
        let before = (after - begun + ended).max(0);
        let here = match range.grain {
            Grain::Minute => before + begun,
            Grain::Hour => before.max(after),
        };
        let point = most.entry(range.point(*at)).or_insert(0);
        *point = here.max(*point);
        after = before;
    }
    most
}

fn within(query: &mut QueryBuilder<Postgres>, tx: &OrgTx, range: &Range, filter: &Filter) {
    query.push(" where org_id = ").push_bind(tx.org().as_uuid());
    query.push(" and at >= ").push_bind(to_database(range.from));
    query.push(" and at < ").push_bind(to_database(range.to));
    // What several had a part in is counted under each of them, and once as a whole.
    match &filter.provider {
        Some(provider) => query.push(" and provider = ").push_bind(provider.clone()),
        None => query.push(" and whole"),
    };
    of_calls(query, filter);
}

/// What measures and calls are both narrowed by.
fn of_calls(query: &mut QueryBuilder<Postgres>, filter: &Filter) {
    if let Some(version) = filter.version {
        query.push(" and version = ").push_bind(version);
    }
    for (column, value) in
        [(" and agent_name = ", &filter.agent_name), (" and transport = ", &filter.transport)]
    {
        if let Some(value) = value {
            query.push(column).push_bind(value.clone());
        }
    }
}

/// Measures of minutes are read for the last hours alone; after so many, those of hours are all there is.
const MINUTES_KEPT_HOURS: i32 = 48;

/// Removes measures of minutes past their time, of every organization.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_minutes(tx: &mut SystemTx) -> Result<u64, Error> {
    let latencies = sqlx::query!(
        "delete from app.latency_hist_minute where at < now() - make_interval(hours => $1)",
        MINUTES_KEPT_HOURS
    )
    .execute(tx.connection())
    .await?;
    let counts = sqlx::query!(
        "delete from app.counts_minute where at < now() - make_interval(hours => $1)",
        MINUTES_KEPT_HOURS
    )
    .execute(tx.connection())
    .await?;
    Ok(latencies.rows_affected() + counts.rows_affected())
}

impl Grain {
    fn counts(self) -> &'static str {
        match self {
            Self::Minute => "app.counts_minute",
            Self::Hour => "app.counts_hour",
        }
    }

    fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

impl Range {
    /// The beginning of the step that a time lies in.
    fn point(&self, at: Timestamp) -> Timestamp {
        floor(at, seconds(self.step))
    }

    /// So much until `to`, from a whole point on, so that the first is no half one.
    #[must_use]
    pub fn until(to: Timestamp, length: Duration, grain: Grain, step: Duration) -> Self {
        Self { from: floor(to - length, seconds(step)), to, grain, step }
    }

    /// Every point of the range, whether something happened or not.
    #[must_use]
    pub fn points(&self) -> Vec<Timestamp> {
        let step = seconds(self.step);
        let (first, last) = (self.point(self.from).as_second(), self.to.as_second());
        (0..)
            .map(|n| first + n * step)
            .take_while(|second| *second < last)
            .filter_map(|second| Timestamp::from_second(second).ok())
            .collect()
    }
}

fn seconds(step: Duration) -> i64 {
    i64::try_from(step.as_secs()).unwrap_or(60).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 1_800_000_000 / 3600 * 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    /// The values of all points, oldest first.
    fn most(grain: Grain, step: i64, until: i64, moves: &[(i64, i64, i64)], running: i64) -> Vec<i64> {
        let step = Duration::from_secs(step.unsigned_abs());
        let range = Range { from: at(HOUR), to: at(HOUR + until), grain, step };
        let changed = moves.iter().map(|&(from, begun, ended)| (at(HOUR + from), Moves { begun, ended }));
        let each = Range { step: grain.length(), ..range };
        reckoned(&range, &each.points(), &changed.collect(), running).into_values().collect()
    }

    #[test]
    fn calls_of_a_minute_are_those_before_it_and_those_begun_in_it() {
        // One began and went on, a short one began and ended in a minute, and the first ended at last.
        let moves = [(60, 1, 0), (120, 1, 1), (240, 0, 1)];
        assert_eq!(most(Grain::Minute, 60, 330, &moves, 0), [0, 1, 2, 1, 1, 0]);
        assert_eq!(most(Grain::Minute, 180, 330, &moves, 0), [2, 1], "the busiest minute of each step");
    }

    #[test]
    fn calls_that_run_now_were_there_before_and_no_point_has_less_than_none() {
        assert_eq!(most(Grain::Minute, 60, 170, &[(60, 2, 0)], 3), [1, 3, 3]);
        assert_eq!(most(Grain::Minute, 60, 170, &[(60, 2, 0)], 0), [0, 2, 0], "two were never closed");
    }

    #[test]
    fn hours_say_how_many_there_were_at_full_hours() {
        let moves = [(3600, 50, 48), (7200, 30, 31)];
        assert_eq!(most(Grain::Hour, 3600, 9000, &moves, 1), [0, 2, 2]);
        assert_eq!(most(Grain::Hour, 14_400, 9000, &moves, 1), [2]);
    }
}
