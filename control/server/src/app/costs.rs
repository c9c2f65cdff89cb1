//! What requests to vendors came to, over a window of time and of one call; and what may be spent.

use std::collections::BTreeMap;
use std::time::Duration;

use control_api::cost::{
    Budget, BudgetSetting, BudgetState, CallCosts, CallSum, CostGroup, CostPart, CostPoint, CostQuery,
    CostSums, CostWindow, Costs, PriceMissing, ProviderRequest, Usage,
};
use control_api::problem;
use control_api::provider_account::{OpenBreaker, ProviderHealth, ProvidersHealth};
use control_store::cost::{self, Group, Sums};
use control_store::pricing::Unit;
use control_store::{budget, session};
use domain::SessionId;
use jiff::Timestamp;

use super::ctx::{Change, Ctx, Done, Expected, missing};
use super::fields::Fields;
use super::prices::shown_unit;
use crate::Server;
use crate::error::Error;

/// What has no price is named up to this many: a vendor's models are not many more.
const MISSING_MOST: i64 = 50;
/// Of one call, as many are shown; the sums are of all.
const REQUESTS_MOST: i64 = 1000;
const LIMIT_MOST: i64 = 1_000_000_000_000_000;

pub(crate) async fn costs(ctx: &Ctx, server: &Server, query: CostQuery) -> Result<Costs, Error> {
    let range = Range::of(query.window, server.ports.clock.now());
    let between = (range.from, range.to);
    let mut tx = ctx.tx(server).await?;
    let hours = cost::hours(&mut tx, between).await?;
    let parts = cost::breakdown(&mut tx, between, group(query.group_by)).await?;
    let unpriced = cost::missing(&mut tx, between, MISSING_MOST).await?;
    tx.commit().await?;
    let mut total = CostSums::default();
    let mut points: BTreeMap<Timestamp, CostSums> =
        range.points().map(|at| (at, CostSums::default())).collect();
    for (at, sums) in &hours {
        add(&mut total, sums);
        add(points.entry(range.point(*at)).or_default(), sums);
    }
    let part = |(key, sums): (Option<String>, Sums)| {
        let mut shown = CostSums::default();
        add(&mut shown, &sums);
        CostPart { key, sums: shown }
    };
    Ok(Costs {
        window: query.window,
        group_by: query.group_by,
        step_seconds: u32::try_from(range.step).unwrap_or(u32::MAX),
        from: range.from.to_string(),
        to: range.to.to_string(),
        total,
        estimated_share: share(total.estimated, total.requests),
        series: points.into_iter().map(|(at, sums)| CostPoint { at: at.to_string(), sums }).collect(),
        breakdown: parts.into_iter().map(part).collect(),
        missing: unpriced.into_iter().filter_map(shown_missing).collect(),
    })
}

pub(crate) async fn of_call(ctx: &Ctx, server: &Server, id: &str) -> Result<CallCosts, Error> {
    let wanted: SessionId = id.parse().map_err(|_| missing("call", id))?;
    let mut tx = ctx.tx(server).await?;
    session::find(&mut tx, wanted).await?.ok_or_else(|| missing("call", id))?;
    let (requests, cost_nano_usd, unpriced) = cost::sum_of_call(&mut tx, wanted).await?;
    let found = cost::of_call(&mut tx, wanted, REQUESTS_MOST).await?;
    tx.commit().await?;
    Ok(CallCosts {
        total: CallSum { requests, cost_nano_usd, unpriced },
        requests: found.into_iter().map(shown_request).collect(),
        has_more: requests > REQUESTS_MOST,
    })
}

/// How accounts did in the last 24 hours, and what this server does not ask for now.
pub(crate) async fn health(ctx: &Ctx, server: &Server) -> Result<ProvidersHealth, Error> {
    let since = server.ports.clock.now() - Duration::from_secs(24 * 3600);
    let mut tx = ctx.tx(server).await?;
    let found = cost::health(&mut tx, since).await?;
    tx.commit().await?;
    let mut data: Vec<ProviderHealth> = found.into_iter().map(shown_health).collect();
    for open in server.ports.vendors.open(ctx.org) {
        let of = |health: &&mut ProviderHealth| {
            health.provider == open.account && health.ability == open.ability.name()
        };
        let breaker = OpenBreaker {
            model: open.model,
            region: open.region,
            open_ms: u64::try_from(open.left.as_millis()).unwrap_or(u64::MAX),
        };
        match data.iter_mut().find(of) {
            Some(health) => health.breakers.push(breaker),
            // Its requests are on their way to the record.
            None => {
                let asked = cost::Health {
                    provider: open.account,
                    ability: open.ability.name().to_owned(),
                    ..cost::Health::default()
                };
                data.push(ProviderHealth { breakers: vec![breaker], ..shown_health(asked) });
            }
        }
    }
    Ok(ProvidersHealth { data })
}

fn shown_health(found: cost::Health) -> ProviderHealth {
    ProviderHealth {
        failure_share: share(found.failures, found.requests),
        provider: found.provider,
        ability: found.ability,
        requests: found.requests,
        failures: found.failures,
        first_median_ms: found.first_median_us.map(|us| us / 1000.0),
        cost_nano_usd: found.cost_nano,
        unpriced: found.unpriced,
        last_error: found.last_error,
        breakers: Vec::new(),
    }
}

pub(crate) async fn budget(ctx: &Ctx, server: &Server) -> Result<Done<Budget>, Error> {
    let now = server.ports.clock.now();
    let mut tx = ctx.tx(server).await?;
    let found = budget::find(&mut tx).await?;
    let spent = budget::spent(&mut tx, now).await?;
    tx.commit().await?;
    Ok(Done::found(shown_budget(found, spent, now), found.revision))
}

pub(crate) async fn set_budget(
    ctx: &Ctx,
    server: &Server,
    expected: Expected,
    wanted: BudgetSetting,
) -> Result<Done<Budget>, Error> {
    let mut fields = Fields::default();
    if let Some(limit) = wanted.monthly_limit_nano_usd {
        fields.range("/monthly_limit_nano_usd", limit, 0, LIMIT_MOST);
    }
    if let Some(percent) = wanted.warn_percent {
        fields.range("/warn_percent", percent.into(), 1, 100);
    }
    fields.check()?;
    let now = server.ports.clock.now();
    let mut tx = ctx.tx(server).await?;
    let former = budget::find(&mut tx).await?;
    let spent = budget::spent(&mut tx, now).await?;
    let before = shown_budget(former, spent, now);
    expected.check(former.revision, &before)?;
    let setting = budget::Budget {
        monthly_limit_nano: wanted.monthly_limit_nano_usd,
        warn_percent: wanted.warn_percent.unwrap_or(budget::Budget::default().warn_percent),
        hard_stop: wanted.hard_stop,
        revision: former.revision,
    };
    if !budget::put(&mut tx, &setting).await? {
        let detail = "somebody else has set the budget in this very moment: read it again";
        return Err(Error::new(&problem::PRECONDITION_FAILED, detail));
    }
    let after = budget::find(&mut tx).await?;
    let shown = shown_budget(after, spent, now);
    let change = Change::of("budget.update", ctx.org).from(&before).to(&shown);
    ctx.commit(tx, change, Done::found(shown, after.revision)).await
}

struct Range {
    from: Timestamp,
    to: Timestamp,
    /// Seconds between points.
    step: i64,
}

impl Range {
    /// Begins at a whole point, so that the first is no half one, and ends now.
    fn of(window: CostWindow, now: Timestamp) -> Self {
        const HOUR: u64 = 3600;
        const DAY: i64 = 86_400;
        let (hours, step) = match window {
            CostWindow::Day => (24, 3600),
            CostWindow::Week => (7 * 24, DAY),
            CostWindow::Month => (30 * 24, DAY),
        };
        let mut range = Self { from: now - Duration::from_secs(hours * HOUR), to: now, step };
        range.from = range.point(range.from);
        range
    }

    fn point(&self, at: Timestamp) -> Timestamp {
        control_store::floor(at, self.step)
    }

    fn points(&self) -> impl Iterator<Item = Timestamp> {
        let (first, last, step) = (self.from.as_second(), self.to.as_second(), self.step);
        (0..)
            .map(move |n| first + n * step)
            .take_while(move |second| *second < last)
            .filter_map(|second| Timestamp::from_second(second).ok())
    }
}

const fn group(group: CostGroup) -> Group {
    match group {
        CostGroup::Provider => Group::Provider,
        CostGroup::Model => Group::Model,
        CostGroup::Agent => Group::Agent,
        CostGroup::Domain => Group::Domain,
        CostGroup::Environment => Group::Environment,
        CostGroup::Ability => Group::Ability,
        CostGroup::Day => Group::Day,
    }
}

fn add(sum: &mut CostSums, sums: &Sums) {
    sum.requests += sums.requests;
    sum.failures += sums.failures;
    sum.cost_nano_usd = sum.cost_nano_usd.saturating_add(sums.cost_nano);
    sum.unpriced += sums.unpriced;
    sum.estimated += sums.estimated;
    sum.input_tokens += sums.input_tokens;
    sum.cached_tokens += sums.cached_tokens;
    sum.output_tokens += sums.output_tokens;
    sum.characters += sums.characters;
    sum.audio_in_ms += sums.audio_in_us / 1000;
    sum.audio_out_ms += sums.audio_out_us / 1000;
}

#[expect(clippy::cast_precision_loss, reason = "a share is shown with two digits")]
fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn shown_missing(found: cost::Missing) -> Option<PriceMissing> {
    Some(PriceMissing {
        unit: shown_unit(Unit::named(&found.unit)?),
        vendor: found.vendor,
        model: found.model,
        requests: found.requests,
        last_at: found.last_at.to_string(),
    })
}

fn shown_request(found: cost::Request) -> ProviderRequest {
    let unpriced = found.unpriced.iter().filter_map(|name| Unit::named(name)).map(shown_unit);
    let usage = found.usage;
    ProviderRequest {
        id: found.id.to_string(),
        turn: found.turn,
        at: found.at.to_string(),
        unpriced: unpriced.collect(),
        ability: found.ability,
        provider: found.provider,
        vendor: found.vendor,
        model: found.model,
        region: found.region,
        why: found.why,
        outcome: found.outcome,
        error_code: found.error_code,
        connect_ms: found.connect_us.map(ms),
        first_ms: found.first_us.map(ms),
        took_ms: found.took_us.map(ms),
        usage: Usage {
            input_tokens: usage.input_tokens,
            cached_tokens: usage.cached_tokens,
            cache_written_tokens: usage.cache_written_tokens,
            output_tokens: usage.output_tokens,
            audio_input_tokens: usage.audio_input_tokens,
            audio_output_tokens: usage.audio_output_tokens,
            characters: usage.characters,
            audio_in_ms: ms(i64::try_from(usage.audio_in_us).unwrap_or(i64::MAX)),
            audio_out_ms: ms(i64::try_from(usage.audio_out_us).unwrap_or(i64::MAX)),
            estimated: usage.estimated,
        },
        cost_nano_usd: found.cost_nano,
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a request")]
fn ms(us: i64) -> f64 {
    us as f64 / 1000.0
}

fn shown_budget(found: budget::Budget, spent: i64, now: Timestamp) -> Budget {
    let limit = found.monthly_limit_nano;
    Budget {
        monthly_limit_nano_usd: limit,
        warn_percent: found.warn_percent,
        hard_stop: found.hard_stop,
        revision: found.revision,
        spent_nano_usd: spent,
        share: limit.and_then(|limit| share(spent, limit)),
        state: state(spent, limit, found.warn_percent),
        month: budget::month(now).to_string(),
    }
}

/// In whole numbers, so that the border is where it is said to be.
pub(crate) fn state(spent: i64, limit: Option<i64>, warn_percent: i32) -> BudgetState {
    match limit {
        Some(limit) if spent >= limit => BudgetState::Exceeded,
        Some(limit) if i128::from(spent) * 100 >= i128::from(limit) * i128::from(warn_percent) => {
            BudgetState::Warning
        }
        _ => BudgetState::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_warns_at_its_share_and_is_exceeded_at_its_limit() {
        assert_eq!(state(799, Some(1000), 80), BudgetState::Ok);
        assert_eq!(state(800, Some(1000), 80), BudgetState::Warning);
        assert_eq!(state(999, Some(1000), 80), BudgetState::Warning);
        assert_eq!(state(1000, Some(1000), 80), BudgetState::Exceeded);
        assert_eq!(state(i64::MAX, None, 80), BudgetState::Ok);
        assert_eq!(state(0, Some(0), 80), BudgetState::Exceeded, "nothing may be spent");
    }

    #[test]
    fn every_window_has_whole_points_up_to_now() {
        let now: Timestamp = "2026-11-26T10:17:42Z".parse().expect("a time");
        for (window, points) in [(CostWindow::Day, 25), (CostWindow::Week, 8), (CostWindow::Month, 31)] {
            let range = Range::of(window, now);
            assert_eq!(range.points().count(), points, "{window:?}");
            assert_eq!(range.points().next(), Some(range.from));
        }
    }
}
