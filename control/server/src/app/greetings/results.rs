//! What came of greetings, and whether the arms of an experiment differ.

use control_api::greeting::{
    Arm, ArmJudgement, ArmResult, Conclusion, Experiment, GreetingMeasure, GreetingMeasures,
    GreetingMeasuresQuery, GreetingResults, Judgement, Outcomes, RateInterval,
};
use control_api::problem;
use control_store::greeting::{self as store, Outcome};
use greetings::significance::{self, Interval, Share};
use jiff::SignedDuration;

use super::{parsed, read, text_of};
use crate::Server;
use crate::app::ctx::{Ctx, missing};
use crate::error::Error;

const DAYS: u32 = 30;
const DAYS_MOST: u32 = 90;

pub(crate) async fn of(ctx: &Ctx, server: &Server, id: &str) -> Result<GreetingResults, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let greeting = store::find(&mut tx, key).await?.ok_or_else(|| missing("greeting", id))?;
    let found = store::outcomes(&mut tx, key, greeting.experiment_round).await?;
    tx.commit().await?;
    let experiment: Option<Experiment> = greeting.set.experiment.and_then(read);
    let arms = experiment.as_ref().map_or(&[][..], |experiment| &experiment.arms);
    let results = by_arm(arms, &found);
    let goal = experiment.as_ref().and_then(|experiment| experiment.goal.as_ref());
    let judged = |of: fn(&Outcomes) -> i64, reached: fn(&Outcomes) -> i64| {
        let share = |result: &ArmResult| Share {
            of: of(&result.outcomes).unsigned_abs(),
            reached: reached(&result.outcomes).unsigned_abs(),
        };
        let shares: Vec<Share> = results.iter().map(share).collect();
        judgement(&significance::compare(&shares), &results)
    };
    Ok(GreetingResults {
        greeting_id: key,
        round: greeting.experiment_round,
        since: greeting.experiment_since.map(|at| at.to_string()),
        answered: judged(|sums| sums.calls, |sums| sums.answered),
        goal_reached: goal.map(|_| judged(|sums| sums.calls, |sums| sums.goal_reached)),
        heard_whole: judged(|sums| sums.measured, |sums| sums.heard_whole),
        arms: results,
    })
}

/// The arms in their order, those that nobody has heard yet too; what was said while the experiment did not run is not of it.
fn by_arm(arms: &[Arm], found: &[Outcome]) -> Vec<ArmResult> {
    if arms.is_empty() {
        let outcomes = found.iter().find(|outcome| outcome.arm.is_none()).map(outcomes).unwrap_or_default();
        return vec![ArmResult { arm: String::new(), text: None, outcomes }];
    }
    arms.iter()
        .map(|arm| {
            let of = found.iter().find(|outcome| outcome.arm.as_deref() == Some(&arm.key));
            let text = text_of(arms, &arm.key).map(str::to_owned);
            ArmResult { arm: arm.key.clone(), text, outcomes: of.map(outcomes).unwrap_or_default() }
        })
        .collect()
}

fn judgement(found: &significance::Findings, results: &[ArmResult]) -> Judgement {
    let (conclusion, arm) = match found.conclusion {
        significance::Conclusion::NotEnoughData => (Conclusion::NotEnoughData, None),
        significance::Conclusion::NoDifference => (Conclusion::NoDifference, None),
        significance::Conclusion::Differs(place) => (Conclusion::Differs, results.get(place)),
    };
    let interval = |of: Interval| RateInterval { value: of.value, low: of.low, high: of.high };
    Judgement {
        conclusion,
        arm: arm.map(|result| result.arm.clone()),
        p: found.overall.map(|overall| overall.p),
        arms: found
            .arms
            .iter()
            .map(|finding| ArmJudgement {
                rate: finding.rate.map(interval),
                difference: finding.difference.map(interval),
                p: finding.p,
            })
            .collect(),
    }
}

pub(crate) async fn measures(
    ctx: &Ctx,
    server: &Server,
    query: &GreetingMeasuresQuery,
) -> Result<GreetingMeasures, Error> {
    let days = query.days.unwrap_or(DAYS);
    if !(1..=DAYS_MOST).contains(&days) {
        return Err(Error::new(
            &problem::PARAMETER_INVALID,
            format!("`days` is 1 to {DAYS_MOST}, not {days}"),
        ));
    }
    let since = server.ports.clock.now() - SignedDuration::from_hours(24 * i64::from(days));
    let mut tx = ctx.tx(server).await?;
    let found = store::measures(&mut tx, since, super::GREETINGS_MOST).await?;
    let total = store::total(&mut tx, since).await?;
    tx.commit().await?;
    let measure =
        |outcome: &Outcome| GreetingMeasure { greeting_id: outcome.greeting, outcomes: outcomes(outcome) };
    Ok(GreetingMeasures { days, total: outcomes(&total), greetings: found.iter().map(measure).collect() })
}

fn outcomes(of: &Outcome) -> Outcomes {
    let ms = |us: Option<f64>| us.map(|us| us / 1000.0);
    Outcomes {
        calls: of.calls,
        measured: of.measured,
        rendered_ahead: of.rendered,
        heard_whole: of.whole,
        clipped: of.clipped,
        talked_over: of.talked_over,
        answered: of.answered,
        goal_reached: of.goal_reached,
        first_audible_median_ms: ms(of.first_audible_us),
        first_audible_p95_ms: ms(of.first_audible_p95_us),
    }
}
