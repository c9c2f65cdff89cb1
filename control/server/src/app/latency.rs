//! Windows of time over what the store measures. A request costs the same however often it comes: whoever asks too often is limited by key.

use std::collections::BTreeMap;
use std::time::Duration;

use control_api::latency::{
    Activity, ActivityPoint, Latency, LatencyPoint, Percentiles, Speculation, Stage, Sums, Window,
    WindowQuery,
};
use control_api::problem;
use control_store::Histogram;
use control_store::latency::{self, Counts, Filter, Grain, Range, STAGES, Speculated};
use jiff::Timestamp;

use crate::Server;
use crate::app::ctx::Ctx;
use crate::error::Error;

/// A call that has said nothing for so long is not under way: frames of silence say nothing either, but a caller is nudged before.
const SILENT: Duration = Duration::from_secs(120);

pub(crate) async fn latency(ctx: &Ctx, server: &Server, query: &WindowQuery) -> Result<Latency, Error> {
    let (range, filter) = (range(query.window, server.ports.clock.now()), filter(query)?);
    let mut tx = ctx.tx(server).await?;
    let found = latency::latencies(&mut tx, &range, &filter).await?;
    tx.commit().await?;
    let stages = STAGES.iter().map(|stage| ((*stage).to_owned(), stage_of(found.get(*stage), &range)));
    Ok(Latency {
        window: query.window,
        step_seconds: step_seconds(&range),
        from: range.from.to_string(),
        to: range.to.to_string(),
        stages: stages.collect(),
    })
}

pub(crate) async fn activity(ctx: &Ctx, server: &Server, query: &WindowQuery) -> Result<Activity, Error> {
    let now = server.ports.clock.now();
    let (range, filter) = (range(query.window, now), filter(query)?);
    let mut tx = ctx.tx(server).await?;
    let counts = latency::counts(&mut tx, &range, &filter).await?;
    let values = latency::values(&mut tx, &range).await?;
    let active_calls = latency::running(&mut tx, now - SILENT, &filter).await?;
    let under_way = latency::under_way(&mut tx, &busy_range(&range), &filter, active_calls).await?;
    let speculated = latency::speculated(&mut tx, &range, &filter).await?;
    tx.commit().await?;
    let point = |at: Timestamp| ActivityPoint {
        at: at.to_string(),
        active_calls: under_way.get(&at).copied().unwrap_or_default(),
        sums: sums(&counts, Some(at)),
    };
    Ok(Activity {
        window: query.window,
        step_seconds: step_seconds(&range),
        from: range.from.to_string(),
        to: range.to.to_string(),
        active_calls,
        series: range.points().into_iter().map(point).collect(),
        totals: sums(&counts, None),
        dead_air_by_cause: by_label(&counts, "dead_air_ms"),
        failures_by_code: by_label(&counts, "failures"),
        ended_by_reason: by_label(&counts, "ended"),
        speculation: speculated.into_iter().map(speculation).collect(),
        agents: values.agents,
        providers: values.providers,
        transports: values.transports,
        versions: values.versions,
    })
}

/// Begins at a whole point, so that the first is no half one, and ends now.
fn range(window: Window, now: Timestamp) -> Range {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    let (length, step, grain) = match window {
        Window::FiveMinutes => (5 * MINUTE, MINUTE, Grain::Minute),
        Window::Hour => (HOUR, MINUTE, Grain::Minute),
        Window::Day => (24 * HOUR, HOUR, Grain::Hour),
        Window::Week => (7 * 24 * HOUR, HOUR, Grain::Hour),
        Window::Month => (30 * 24 * HOUR, 4 * HOUR, Grain::Hour),
    };
    Range::until(now, Duration::from_secs(length), grain, Duration::from_secs(step))
}

/// Where measures of minutes are kept for all of a range, they say more of how many called at once.
fn busy_range(range: &Range) -> Range {
    const MINUTES_TELL: Duration = Duration::from_secs(25 * 3600);
    let whole = Duration::try_from(range.to.duration_since(range.from)).unwrap_or_default();
    let grain = if whole <= MINUTES_TELL { Grain::Minute } else { range.grain };
    Range { grain, ..*range }
}

fn step_seconds(range: &Range) -> u32 {
    u32::try_from(range.step.as_secs()).unwrap_or(u32::MAX)
}

fn filter(query: &WindowQuery) -> Result<Filter, Error> {
    if let Some(version) = query.version.filter(|version| *version < 0) {
        let detail = format!("`version` must be 0, which is the draft, or more, not {version}");
        return Err(Error::new(&problem::PARAMETER_INVALID, detail));
    }
    Ok(Filter {
        agent_name: query.agent.clone(),
        version: query.version,
        transport: query.transport.clone(),
        provider: query.provider.clone(),
    })
}

fn stage_of(found: Option<&BTreeMap<Timestamp, Histogram>>, range: &Range) -> Stage {
    let mut sum = Histogram::default();
    let none = BTreeMap::new();
    let found = found.unwrap_or(&none);
    found.values().for_each(|histogram| sum.merge(histogram));
    let series = range.points().into_iter().map(|at| LatencyPoint {
        at: at.to_string(),
        percentiles: found.get(&at).map(percentiles).unwrap_or_default(),
    });
    Stage { whole: percentiles(&sum), series: series.collect() }
}

fn percentiles(histogram: &Histogram) -> Percentiles {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a turn")]
    let ms = |share| histogram.percentile(share).map(|us| us as f64 / 1000.0);
    Percentiles { count: histogram.count(), p50_ms: ms(0.5), p95_ms: ms(0.95), p99_ms: ms(0.99) }
}

/// At one point, or of the whole window.
fn sums(counts: &Counts, at: Option<Timestamp>) -> Sums {
    let sum = |wanted: &str| -> i64 {
        let series = counts.iter().filter(|((name, _), _)| name == wanted);
        series
            .map(|(_, values)| match at {
                Some(at) => values.get(&at).copied().unwrap_or_default(),
                None => values.values().sum(),
            })
            .sum()
    };
    Sums {
        calls: sum("calls"),
        turns: sum("turns"),
        interruptions: sum("interruptions"),
        dead_air_ms: sum("dead_air_ms"),
        failures: sum("failures"),
        tokens_in: sum("tokens_in"),
        tokens_out: sum("tokens_out"),
    }
}

fn speculation(found: Speculated) -> Speculation {
    let Speculated { agent, adopted, discarded, wasted_tokens } = found;
    let asked = adopted + discarded;
    #[expect(clippy::cast_precision_loss, reason = "questions of a month")]
    let hit_rate = (asked > 0).then(|| adopted as f64 / asked as f64);
    Speculation { agent, adopted, discarded, hit_rate, wasted_tokens }
}

fn by_label(counts: &Counts, wanted: &str) -> BTreeMap<String, i64> {
    let series = counts.iter().filter(|((name, _), _)| name == wanted);
    series.map(|((_, label), values)| (label.clone(), values.values().sum())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_has_whole_points_up_to_now() {
        let now: Timestamp = "2026-11-26T10:17:42Z".parse().expect("a time");
        for (window, points) in [
            (Window::FiveMinutes, 6),
            (Window::Hour, 61),
            (Window::Day, 25),
            (Window::Week, 169),
            (Window::Month, 181),
        ] {
            let range = range(window, now);
            let all = range.points();
            assert_eq!((all.len(), all[0]), (points, range.from), "{window:?}");
            assert!(all.last().is_some_and(|last| *last <= now && *last + range.step > now), "{window:?}");
        }
    }

    #[test]
    fn a_stage_without_turns_has_its_points_and_no_percentiles() {
        let range = range(Window::Hour, Timestamp::from_second(1_800_000_000).expect("a time"));
        let stage = stage_of(None, &range);
        assert_eq!((stage.whole.count, stage.whole.p50_ms), (0, None));
        assert_eq!(stage.series.len(), range.points().len());
    }
}
