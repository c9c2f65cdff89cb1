//! Entries of many calls into their tables, in one transaction: events once by their place in the call, and everything that is made of
//! them (the call's row, its turns, histograms, counts) from those alone that were not there before.

mod fold;
mod greeted;
mod months;
mod requests;

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{OrgId, SessionId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::at::{from_database, to_database};
use crate::entry::{Checkpoint, Entry, Happened, Opened, ProviderRequest};
use crate::histogram::Histogram;
use crate::{Db, Error, Reason};
pub(crate) use fold::SPECULATION;
pub use fold::STAGES;
use fold::{Change, Folded, Key, Series};

/// What events need of the call they belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) org: OrgId,
    pub(crate) agent_name: String,
    pub(crate) version: i32,
    pub(crate) transport: String,
    /// Who has served it so far.
    pub(crate) providers: Vec<String>,
    pub(crate) started_at: jiff::Timestamp,
    /// What it took is no measure of what calls take.
    pub(crate) is_drilled: bool,
}

/// Calls whose events were written lately.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<SessionId, Call>);

/// Past this many all are forgotten, and read again when they are needed.
const KNOWN: usize = 10_000;

impl Known {
    /// After a transaction that was undone: what it learnt may not be there.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) events: usize,
    /// Of calls that are not on record, since what they began with was lost.
    pub(crate) unknown: usize,
    /// Entries of calls that another server has taken over since.
    pub(crate) late: usize,
}

impl Db {
    pub(crate) async fn write(&self, known: &mut Known, entries: &[Entry]) -> Result<Written, Error> {
        let mut tx = self.system_tx(Reason::WriteEvents).await?;
        let connection = tx.connection();
        let fences = fences(connection, entries).await?;
        let sorted = Sorted::of(entries, &fences);
        open(connection, &sorted.opened).await?;
        greeted::begin(connection, &sorted.opened).await?;
        recall(connection, known, &sorted).await?;
        let fresh = insert_events(connection, known, &sorted.events).await?;
        let count = fresh.len();
        let mut folded = Folded::of(&fresh, &mut known.0);
        update_calls(connection, &folded).await?;
        greeted::note(connection, &folded).await?;
        insert_turns(connection, &folded).await?;
        hear_turns(connection, &folded).await?;
        add_latencies(connection, &folded.series).await?;
        for request in requests::write(connection, &sorted.requests).await? {
            folded.add_tokens(request, &known.0);
        }
        add_counts(connection, &folded.series).await?;
        checkpoint(connection, &sorted.checkpoints).await?;
        tx.commit().await?;
        let unknown = sorted.events.iter().filter(|event| !known.0.contains_key(&event.session)).count();
        Ok(Written { events: count, unknown, late: sorted.late })
    }
}

#[derive(Default)]
struct Sorted<'a> {
    /// With the fence that they begin with.
    opened: Vec<(&'a Opened, i32)>,
    events: Vec<&'a Happened>,
    /// The last of each call.
    checkpoints: BTreeMap<SessionId, &'a Checkpoint>,
    requests: Vec<&'a ProviderRequest>,
    late: usize,
}

impl<'a> Sorted<'a> {
    fn of(entries: &'a [Entry], fences: &HashMap<SessionId, i32>) -> Self {
        let mut sorted = Self::default();
        for entry in entries {
            let (entry, fence) = match entry {
                Entry::Fenced(fenced) => (&fenced.entry, fenced.fence),
                entry => (entry, 0),
            };
            let current = entry.session().and_then(|session| fences.get(&session)).copied().unwrap_or(0);
            // What was asked of a provider was paid for, whoever has the call now.
            if fence < current && !matches!(entry, Entry::Request(_)) {
                sorted.late += 1;
                continue;
            }
            match entry {
                Entry::Opened(opened) => sorted.opened.push((opened, fence)),
                Entry::Event(happened) => sorted.events.push(happened),
                Entry::Checkpoint(checkpoint) => {
                    sorted.checkpoints.insert(checkpoint.session, checkpoint);
                }
                Entry::Request(request) => sorted.requests.push(request),
                // One fence is enough; none of ours puts two.
                Entry::Fenced(_) => sorted.late += 1,
            }
        }
        sorted
    }
}

/// Of the calls that are on record, which stay as they are until this transaction ends: none is taken over meanwhile.
async fn fences(connection: &mut PgConnection, entries: &[Entry]) -> Result<HashMap<SessionId, i32>, Error> {
    let sessions: HashSet<Uuid> =
        entries.iter().filter_map(|entry| entry.session()).map(|session| session.as_uuid()).collect();
    let sessions: Vec<Uuid> = sessions.into_iter().collect();
    // In one order, so that two writers wait for each other and never in a circle.
    let rows = sqlx::query!(
        "select id, fence from app.sessions where id = any($1) order by id for no key update",
        &sessions
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (SessionId::from_uuid(row.id), row.fence)).collect())
}

async fn open(connection: &mut PgConnection, opened: &[(&Opened, i32)]) -> Result<(), Error> {
    for (call, fence) in opened {
        sqlx::query!(
            "insert into app.sessions (id, org_id, agent_id, agent_name, version, environment_id, channel_id, transport, server_id, started_at, last_event_at, drill_id, fence, direction, party)
             select $1, o.id, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14 from app.orgs o where o.id = $2
             on conflict (id) do nothing",
            call.session.as_uuid(),
            call.org.as_uuid(),
            call.agent.map(|id| id.as_uuid()),
            call.agent_name,
            call.version,
            call.environment.map(|id| id.as_uuid()),
            call.channel.map(|id| id.as_uuid()),
            call.transport,
            call.server.as_uuid(),
            to_database(call.started_at),
            call.drill.map(|id| id.as_uuid()),
            fence,
            call.opposite.as_ref().map(|opposite| opposite.direction.name()),
            call.opposite.as_ref().and_then(|opposite| opposite.party.as_ref()).map(|party| party.0.as_str()),
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Calls of these events and requests that are not known yet.
async fn recall(connection: &mut PgConnection, known: &mut Known, sorted: &Sorted<'_>) -> Result<(), Error> {
    if known.0.len() > KNOWN {
        known.0.clear();
    }
    let of_events = sorted.events.iter().map(|event| event.session);
    let sessions = of_events.chain(sorted.requests.iter().filter_map(|request| request.session));
    let missing: HashSet<Uuid> =
        sessions.filter(|session| !known.0.contains_key(session)).map(|session| session.as_uuid()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<Uuid> = missing.into_iter().collect();
    let rows = sqlx::query!(
        "select id, org_id, agent_name, version, transport, providers, started_at, drill_id from app.sessions where id = any($1)",
        &missing
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let call = Call {
            org: OrgId::from_uuid(row.org_id),
            agent_name: row.agent_name,
            version: row.version,
            transport: row.transport,
            providers: row.providers,
            started_at: from_database(row.started_at),
            is_drilled: row.drill_id.is_some(),
        };
        known.0.insert(SessionId::from_uuid(row.id), call);
    }
    Ok(())
}

/// Those that were not there before, in the order of their calls.
async fn insert_events<'a>(
    connection: &mut PgConnection,
    known: &Known,
    events: &[&'a Happened],
) -> Result<Vec<&'a Happened>, Error> {
    let mut by_place: BTreeMap<(SessionId, i32), &'a Happened> = BTreeMap::new();
    let (mut sessions, mut orgs, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
    let (mut ats, mut kinds, mut turns, mut bodies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for event in events {
        let Some(call) = known.0.get(&event.session) else { continue };
        // Twice in one statement would be an error of its own.
        if by_place.insert((event.session, event.sequence), event).is_some() {
            continue;
        }
        let body = serde_json::to_value(&event.event).map_err(|error| Error::Content(error.to_string()))?;
        sessions.push(event.session.as_uuid());
        orgs.push(call.org.as_uuid());
        sequences.push(event.sequence);
        ats.push(event.at_us);
        kinds.push(body["type"].as_str().unwrap_or_default().to_owned());
        turns.push(turn_of(&body));
        bodies.push(body);
    }
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    let fresh = sqlx::query!(
        "insert into app.session_events (session_id, org_id, sequence, at_us, kind, turn, event)
         select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::int[], $7::jsonb[])
         on conflict do nothing returning session_id, sequence",
        &sessions,
        &orgs,
        &sequences,
        &ats,
        &kinds,
        &turns as &[Option<i32>],
        &bodies,
    )
    .fetch_all(connection)
    .await?;
    let mut places: Vec<(SessionId, i32)> =
        fresh.into_iter().map(|row| (SessionId::from_uuid(row.session_id), row.sequence)).collect();
    places.sort_unstable();
    Ok(places.iter().filter_map(|place| by_place.get(place).copied()).collect())
}

fn turn_of(body: &serde_json::Value) -> Option<i32> {
    let turn = body.get("turn").or_else(|| body.pointer("/timeline/turn"))?;
    turn.as_i64().and_then(|turn| i32::try_from(turn).ok())
}

async fn update_calls(connection: &mut PgConnection, folded: &Folded) -> Result<(), Error> {
    for (session, change) in &folded.calls {
        update_call(connection, *session, change).await?;
    }
    Ok(())
}

async fn update_call(
    connection: &mut PgConnection,
    session: SessionId,
    change: &Change,
) -> Result<(), Error> {
    sqlx::query!(
        "update app.sessions set
             last_sequence = greatest(last_sequence, $2),
             last_event_at = greatest(last_event_at, $3),
             turns = turns + $4,
             interruptions = interruptions + $5,
             dead_air_ms = dead_air_ms + $6,
             failures = failures + $7,
             recorded = recorded or $8,
             first_words = case when first_words = '' then $9 else first_words end,
             words = case when $10 = '' then words else words || to_tsvector('simple', $10) end,
             ended_at = coalesce(ended_at, $11),
             end_reason = coalesce(end_reason, $12),
             duration_ms = coalesce($13, duration_ms),
             checkpoint = case when $11::timestamptz is null then checkpoint end,
             lowest_mos = least(lowest_mos, $15),
             poor_audio = poor_audio or $16,
             providers = providers || array(select joined from unnest($14::text[]) joined where joined <> all(providers))
         where id = $1",
        session.as_uuid(),
        change.last_sequence,
        to_database(change.last_event_at),
        change.turns,
        change.interruptions,
        change.dead_air_ms,
        change.failures,
        change.recorded,
        change.first_words,
        change.words,
        change.ended.as_ref().map(|ended| to_database(ended.at)),
        change.ended.as_ref().map(|ended| ended.reason.clone()),
        change.ended.as_ref().map(|ended| ended.duration_ms),
        &change.joined,
        change.lowest_mos,
        change.poor_audio,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// And what the calls' rows say of all their turns.
async fn insert_turns(connection: &mut PgConnection, folded: &Folded) -> Result<(), Error> {
    if folded.turns.is_empty() {
        return Ok(());
    }
    let column =
        |pick: fn(&fold::Turn) -> Option<i64>| folded.turns.iter().map(pick).collect::<Vec<Option<i64>>>();
    let sessions: Vec<Uuid> = folded.turns.iter().map(|turn| turn.session.as_uuid()).collect();
    let orgs: Vec<Uuid> = folded.turns.iter().map(|turn| turn.org.as_uuid()).collect();
    let numbers: Vec<i32> = folded.turns.iter().map(|turn| turn.number).collect();
    let starts: Vec<time::OffsetDateTime> =
        folded.turns.iter().map(|turn| to_database(turn.started_at)).collect();
    sqlx::query!(
        "insert into app.turns (session_id, org_id, turn, started_at, response_us, endpointing_us, thinking_us, sentence_us, synthesis_us, playout_us)
         select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
         on conflict do nothing",
        &sessions,
        &orgs,
        &numbers,
        &starts,
        &column(|turn| turn.stages[0]) as &[Option<i64>],
        &column(|turn| turn.stages[1]) as &[Option<i64>],
        &column(|turn| turn.stages[2]) as &[Option<i64>],
        &column(|turn| turn.stages[3]) as &[Option<i64>],
        &column(|turn| turn.stages[4]) as &[Option<i64>],
        &column(|turn| turn.stages[5]) as &[Option<i64>],
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update app.sessions s set response_median_ms = t.median / 1000, response_max_ms = t.longest / 1000.0
         from (select session_id, percentile_cont(0.5) within group (order by response_us) as median, max(response_us) as longest
               from app.turns where session_id = any($1) and response_us is not null group by session_id) t
         where s.id = t.session_id",
        &sessions
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How the audio of turns fared, which is told when they are on record.
async fn hear_turns(connection: &mut PgConnection, folded: &Folded) -> Result<(), Error> {
    for turn in &folded.audio {
        sqlx::query!(
            "update app.turns set loss_in = $3, loss_out = $4, jitter_in_us = $5, jitter_out_us = $6, mos_in = $7, mos_out = $8,
                 round_trip_us = $9, poor_audio = $10
             where session_id = $1 and turn = $2",
            turn.session.as_uuid(),
            turn.number,
            turn.loss[0],
            turn.loss[1],
            turn.jitter_us[0],
            turn.jitter_us[1],
            turn.mos[0],
            turn.mos[1],
            turn.round_trip_us,
            turn.poor,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Which of the two tables: minutes answer for the last hours, hours for the last weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grain {
    Minute,
    Hour,
}

/// Rows are locked in the order of their keys, so that two writers wait for each other and never in a circle.
async fn add_latencies(connection: &mut PgConnection, series: &BTreeMap<Key, Series>) -> Result<(), Error> {
    for grain in [Grain::Minute, Grain::Hour] {
        let mut sums: BTreeMap<(Key, &'static str), Histogram> = BTreeMap::new();
        for (key, series) in series {
            for (stage, histogram) in &series.latencies {
                let at = key.clone().at(grain == Grain::Hour);
                sums.entry((at, stage)).or_default().merge(histogram);
            }
        }
        for ((key, stage), histogram) in &sums {
            add_latency(connection, grain, key, stage, histogram).await?;
        }
    }
    Ok(())
}

macro_rules! add_latency {
    ($table:literal, $connection:expr, $key:expr, $stage:expr, $new:expr) => {{
        let (key, at) = ($key, to_database($key.at));
        let bytes = $new.to_bytes();
        let inserted = sqlx::query!(
            "insert into app." + $table + " (org_id, at, agent_name, version, transport, provider, stage, count, buckets, whole)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
            key.org.as_uuid(), at, key.agent_name, key.version, key.transport, key.provider, $stage, count(&$new), bytes, key.is_whole(),
        )
        .execute(&mut *$connection)
        .await?;
        if inserted.rows_affected() == 0 {
            let row = sqlx::query!(
                "select buckets from app." + $table + " where org_id = $1 and at = $2 and agent_name = $3 and version = $4 and transport = $5 and provider = $6 and stage = $7 for update",
                key.org.as_uuid(), at, key.agent_name, key.version, key.transport, key.provider, $stage,
            )
            .fetch_one(&mut *$connection)
            .await?;
            let mut sum = Histogram::from_bytes(&row.buckets).map_err(|damaged| Error::Content(damaged.to_string()))?;
            sum.merge($new);
            sqlx::query!(
                "update app." + $table + " set count = $8, buckets = $9
                 where org_id = $1 and at = $2 and agent_name = $3 and version = $4 and transport = $5 and provider = $6 and stage = $7",
                key.org.as_uuid(), at, key.agent_name, key.version, key.transport, key.provider, $stage, count(&sum), sum.to_bytes(),
            )
            .execute(&mut *$connection)
            .await?;
        }
    }};
}

async fn add_latency(
    connection: &mut PgConnection,
    grain: Grain,
    key: &Key,
    stage: &str,
    new: &Histogram,
) -> Result<(), Error> {
    match grain {
        Grain::Minute => add_latency!("latency_hist_minute", connection, key, stage, new),
        Grain::Hour => add_latency!("latency_hist_hour", connection, key, stage, new),
    }
    Ok(())
}

fn count(histogram: &Histogram) -> i64 {
    i64::try_from(histogram.count()).unwrap_or(i64::MAX)
}

async fn add_counts(connection: &mut PgConnection, series: &BTreeMap<Key, Series>) -> Result<(), Error> {
    for grain in [Grain::Minute, Grain::Hour] {
        let mut sums: BTreeMap<(Key, &(&'static str, String)), i64> = BTreeMap::new();
        for (key, series) in series {
            for (counted, value) in &series.counts {
                *sums.entry((key.clone().at(grain == Grain::Hour), counted)).or_default() += value;
            }
        }
        for ((key, (name, label)), value) in &sums {
            add_count(connection, grain, key, (name, label), *value).await?;
        }
    }
    Ok(())
}

macro_rules! add_count {
    ($table:literal, $connection:expr, $key:expr, $name:expr, $label:expr, $value:expr) => {
        sqlx::query!(
            "insert into app." + $table + " as c (org_id, at, agent_name, version, transport, provider, name, label, value, whole)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (org_id, at, agent_name, version, transport, provider, name, label) do update set value = c.value + excluded.value",
            $key.org.as_uuid(), to_database($key.at), $key.agent_name, $key.version, $key.transport, $key.provider, $name, $label, $value, $key.is_whole(),
        )
        .execute($connection)
        .await?
    };
}

async fn add_count(
    connection: &mut PgConnection,
    grain: Grain,
    key: &Key,
    (name, label): (&str, &str),
    value: i64,
) -> Result<(), Error> {
    match grain {
        Grain::Minute => add_count!("counts_minute", connection, key, name, label, value),
        Grain::Hour => add_count!("counts_hour", connection, key, name, label, value),
    };
    Ok(())
}

async fn checkpoint(
    connection: &mut PgConnection,
    checkpoints: &BTreeMap<SessionId, &Checkpoint>,
) -> Result<(), Error> {
    for (session, checkpoint) in checkpoints {
        sqlx::query!(
            "update app.sessions set checkpoint = $2 where id = $1 and ended_at is null",
            session.as_uuid(),
            checkpoint.state
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
