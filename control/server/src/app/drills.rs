//! Fault drills: who may put which fault on whose calls, and what came of it. Never where an organization serves its callers.

use std::collections::HashMap;
use std::time::Duration;

use control_api::drill::{Drill, DrillAdded, DrillAnswered, DrillReport, DrillWaits, Kind, NewDrill};
use control_api::{List, Paging, problem};
use control_store::{drill as store, environment};
use domain::DrillId;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::aliases;
use super::ctx::{Change, Ctx, Done, missing};
use super::fields::Fields;
use super::paging;
use crate::Server;
use crate::error::Error;

const MINUTES: u32 = 10;
const MINUTES_MOST: u32 = 240;
/// Turns that a report looks at word by word.
const TURNS_MOST: i64 = 1_000;
/// What is usual is taken from so long before a drill, too: the drill may strike every call of its own time.
const BEFORE: Duration = Duration::from_secs(24 * 3600);
const RUNS: &str =
    "a drill runs in this environment: stop it, or wait for its end, so that a report tells of one fault";

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<Drill>, Error> {
    let now = server.ports.clock.now();
    let page = paging::page(server, "drills", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    let placed = |row: store::Drill| Ok(((row.started_at, row.id.as_uuid()), shown(row, now)?));
    let rows = rows.into_iter().map(placed).collect::<Result<Vec<_>, Error>>()?;
    Ok(paging::list(server, "drills", page, rows, |(place, _)| *place, |(_, drill)| drill))
}

pub(crate) async fn start(ctx: &Ctx, server: &Server, new: NewDrill) -> Result<Done<Drill>, Error> {
    let share = new.share.unwrap_or(1.0);
    let minutes = new.minutes.unwrap_or(MINUTES);
    let mut fields = Fields::default();
    if new.environment == aliases::DEFAULT {
        let detail = "drills are for test environments: callers of `prod` are never struck";
        fields.wrong("/environment", "forbidden", detail);
    }
    if !(0.001..=1.0).contains(&share) {
        fields.wrong("/share", "out_of_range", format!("must be between 0.001 and 1, not {share}"));
    }
    fields.range("/minutes", minutes.into(), 1, MINUTES_MOST.into());
    if let Some(provider) = &new.provider {
        fields.name("/provider", provider);
    }
    fields.check()?;
    let now = server.ports.clock.now();
    let mut tx = ctx.tx(server).await?;
    let found = environment::named(&mut tx, &new.environment).await?;
    let environment = found.ok_or_else(|| {
        let detail = format!("the organization has no environment {:?}", new.environment);
        Error::new(&problem::REFERENCE_UNKNOWN, detail)
    })?;
    let row = store::New {
        id: DrillId::generate(),
        environment: environment.id,
        ability: new.kind.name(),
        fault: &named(&new.fault)?,
        moment: &named(&new.moment)?,
        provider: new.provider.as_deref(),
        share_permille: permille(share),
        started_by: &ctx.principal.actor(),
        started_at: now,
        ends_at: now + Duration::from_secs(60 * u64::from(minutes)),
    };
    if !store::start(&mut tx, row).await? {
        return Err(Error::new(&problem::CONFLICT, RUNS));
    }
    let id = row.id;
    let made = store::find(&mut tx, id).await?.ok_or_else(|| missing("drill", &id.to_string()))?;
    let made = shown(made, now)?;
    let change = Change::of("drill.start", id).to(&made);
    let done = ctx.commit(tx, change, Done { body: made, status: 201, revision: None }).await?;
    server.ports.drills.changed();
    Ok(done)
}

/// Of one that is over nothing changes.
pub(crate) async fn stop(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Drill>, Error> {
    let key = parsed(id)?;
    let now = server.ports.clock.now();
    let mut tx = ctx.tx(server).await?;
    let before = store::find(&mut tx, key).await?.ok_or_else(|| missing("drill", id))?;
    let before = shown(before, now)?;
    store::stop(&mut tx, key, now).await?;
    let after = store::find(&mut tx, key).await?.ok_or_else(|| missing("drill", id))?;
    let after = shown(after, now)?;
    let change = Change::of("drill.stop", key).from(&before).to(&after);
    let done = ctx.commit(tx, change, Done { body: after, status: 200, revision: None }).await?;
    server.ports.drills.changed();
    Ok(done)
}

pub(crate) async fn report(ctx: &Ctx, server: &Server, id: &str) -> Result<DrillReport, Error> {
    let key = parsed(id)?;
    let now = server.ports.clock.now();
    let mut tx = ctx.tx(server).await?;
    let drill = store::find(&mut tx, key).await?.ok_or_else(|| missing("drill", id))?;
    let until = drill.stopped_at.unwrap_or(drill.ends_at).min(now);
    let calls = store::calls(&mut tx, key).await?;
    let waits = store::waits(&mut tx, key).await?;
    let between = (drill.started_at - BEFORE, until);
    let usual = store::usual_waits(&mut tx, drill.environment, between).await?;
    let answered = store::answered(&mut tx, key).await?;
    let said = store::said(&mut tx, key, TURNS_MOST).await?;
    tx.commit().await?;
    let apologies = server.ports.drills.apologies();
    let mut report = DrillReport {
        drill: shown(drill, now)?,
        calls: calls.struck,
        calls_ended: calls.ended,
        calls_lost: calls.lost,
        failures: calls.failures,
        waits: shown_waits(waits),
        usual_waits: shown_waits(usual),
        added: added(shown_waits(waits), shown_waits(usual)),
        answered: answered.into_iter().filter_map(shown_answered).collect(),
        turns: 0,
        last_resorts: 0,
        words_lost: 0,
        words_doubled: 0,
    };
    for turn in &said {
        report.turns += 1;
        report.last_resorts +=
            i64::from(turn.failed || apologies.iter().any(|apology| turn.heard.contains(apology)));
        let (lost, doubled) = told(turn);
        report.words_lost += lost;
        report.words_doubled += doubled;
    }
    Ok(report)
}

/// Words of a turn that were to be said and were not heard, and words that were heard oftener than that.
fn told(turn: &store::Said) -> (i64, i64) {
    let mut words: HashMap<&str, i64> = HashMap::new();
    for word in turn.saying.split_whitespace() {
        *words.entry(word).or_default() += 1;
    }
    for word in turn.heard.split_whitespace() {
        *words.entry(word).or_default() -= 1;
    }
    let lost = words.values().filter(|left| **left > 0).sum::<i64>();
    let doubled = -words.values().filter(|left| **left < 0).sum::<i64>();
    (if turn.interrupted { 0 } else { lost }, doubled)
}

fn added(waits: DrillWaits, usual: DrillWaits) -> DrillAdded {
    let less = |long: Option<f64>, short: Option<f64>| Some((long? - short?).max(0.0));
    DrillAdded {
        p50_ms: less(waits.p50_ms, usual.p50_ms),
        p95_ms: less(waits.p95_ms, usual.p95_ms),
        max_ms: less(waits.max_ms, usual.p50_ms),
    }
}

fn shown(row: store::Drill, now: Timestamp) -> Result<Drill, Error> {
    let running = row.stopped_at.is_none() && row.ends_at > now;
    Ok(Drill {
        id: row.id,
        environment: row.environment_name,
        kind: read(row.ability)?,
        fault: read(row.fault)?,
        moment: read(row.moment)?,
        provider: row.provider,
        share: f64::from(row.share_permille) / 1_000.0,
        started_by: row.started_by,
        started_at: row.started_at.to_string(),
        ends_at: row.ends_at.to_string(),
        stopped_at: row.stopped_at.map(|at| at.to_string()),
        running,
    })
}

fn shown_waits(waits: store::Waits) -> DrillWaits {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a wait")]
    let longest = waits.max_us.map(|us| us as f64);
    let ms = |us: Option<f64>| us.map(|us| us / 1_000.0);
    DrillWaits {
        turns: waits.turns,
        p50_ms: ms(waits.median_us),
        p95_ms: ms(waits.p95_us),
        max_ms: ms(longest),
    }
}

fn shown_answered(row: store::Answered) -> Option<DrillAnswered> {
    let store::Answered { ability, provider, completed, failed, cancelled } = row;
    let kind: Kind = read(ability).ok()?;
    Some(DrillAnswered { kind, provider, completed, failed, cancelled })
}

/// Within 1 and 1000, which was checked.
#[expect(clippy::cast_possible_truncation, reason = "of a number between 1 and 1000")]
fn permille(share: f64) -> i32 {
    (share * 1_000.0).round() as i32
}

fn named(value: &impl Serialize) -> Result<String, Error> {
    let value = serde_json::to_value(value).map_err(|error| Error::fault(&error))?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn read<T: DeserializeOwned>(name: String) -> Result<T, Error> {
    serde_json::from_value(Value::String(name)).map_err(|error| Error::fault(&error))
}

fn parsed(id: &str) -> Result<DrillId, Error> {
    id.parse().map_err(|_| missing("drill", id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(saying: &str, heard: &str, interrupted: bool) -> (i64, i64) {
        let (saying, heard) = (saying.to_owned(), heard.to_owned());
        told(&store::Said { saying, heard, interrupted, ..store::Said::default() })
    }

    #[test]
    fn words_are_lost_where_nobody_interrupted_and_doubled_where_they_came_again() {
        assert_eq!(turn("we open at nine", "we open at nine", false), (0, 0));
        assert_eq!(turn("we open at nine", "we open", false), (2, 0));
        assert_eq!(turn("we open at nine", "we open", true), (0, 0));
        assert_eq!(turn("we open at nine", "we open open at nine", false), (0, 1));
    }

    #[test]
    fn what_a_drill_added_is_the_difference_and_unknown_without_both() {
        let waits = |p50, max| DrillWaits { turns: 3, p50_ms: p50, p95_ms: None, max_ms: max };
        let added = added(waits(Some(900.0), Some(1_400.0)), waits(Some(500.0), Some(800.0)));
        assert_eq!(added, DrillAdded { p50_ms: Some(400.0), p95_ms: None, max_ms: Some(900.0) });
    }

    #[test]
    fn shares_are_kept_in_thousandths() {
        assert_eq!([0.001, 0.2, 0.3333, 1.0].map(permille), [1, 200, 333, 1_000]);
    }
}
