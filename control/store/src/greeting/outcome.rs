//! What came of greetings: how soon they were heard, whether to their end, and what calls came to after them.

use domain::GreetingId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::at::to_database;
use crate::{Error, OrgTx};

/// With which greeting a call began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// `None`: the agent's own.
    pub greeting: Option<GreetingId>,
    pub round: i32,
    /// Of an experiment.
    pub arm: Option<String>,
    pub language: String,
    /// `note:NAME` or `node:NAME`: what the call is to come to.
    pub goal: Option<String>,
    /// All of it was rendered when the call began.
    pub rendered: bool,
}

/// Of calls that began alike. Rates are of `measured` for what was heard, of `calls` for what calls came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// `None`: the agents' own.
    pub greeting: Option<GreetingId>,
    pub arm: Option<String>,
    pub calls: i64,
    /// Calls whose greeting is over.
    pub measured: i64,
    pub rendered: i64,
    /// Heard from their beginning to their end.
    pub whole: i64,
    pub clipped: i64,
    pub talked_over: i64,
    pub answered: i64,
    pub goal_reached: i64,
    /// Median and 95th percentile from media flowing to the first audible sample.
    pub first_audible_us: Option<f64>,
    pub first_audible_p95_us: Option<f64>,
}

/// Each query's rows are a type of their own.
macro_rules! outcome {
    ($greeting:expr, $arm:expr, $row:expr) => {
        Outcome {
            greeting: $greeting,
            arm: $arm,
            calls: $row.calls,
            measured: $row.measured,
            rendered: $row.rendered,
            whole: $row.whole,
            clipped: $row.clipped,
            talked_over: $row.talked_over,
            answered: $row.answered,
            goal_reached: $row.goal_reached,
            first_audible_us: $row.median,
            first_audible_p95_us: $row.late,
        }
    };
}

/// Of one round of one greeting, by arm.
///
/// # Errors
/// When the database does not answer.
pub async fn outcomes(tx: &mut OrgTx, greeting: GreetingId, round: i32) -> Result<Vec<Outcome>, Error> {
    let rows = sqlx::query!(
        r#"select arm, count(*) as "calls!", count(*) filter (where measured) as "measured!", count(*) filter (where rendered) as "rendered!",
                  count(*) filter (where measured and first_audible_us is not null and not clipped and not talked_over) as "whole!",
                  count(*) filter (where clipped) as "clipped!", count(*) filter (where talked_over) as "talked_over!",
                  count(*) filter (where answered) as "answered!", count(*) filter (where goal_reached) as "goal_reached!",
                  percentile_cont(0.5) within group (order by first_audible_us) as median,
                  percentile_cont(0.95) within group (order by first_audible_us) as late
           from app.session_greetings where greeting_id = $1 and round = $2 group by arm order by arm"#,
        greeting.as_uuid(),
        round
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| outcome!(Some(greeting), row.arm, row)).collect())
}

/// Of all calls that began in a window, by greeting; most calls first.
///
/// # Errors
/// When the database does not answer.
pub async fn measures(tx: &mut OrgTx, since: Timestamp, most: i64) -> Result<Vec<Outcome>, Error> {
    let rows = sqlx::query!(
        r#"select greeting_id, count(*) as "calls!", count(*) filter (where measured) as "measured!", count(*) filter (where rendered) as "rendered!",
                  count(*) filter (where measured and first_audible_us is not null and not clipped and not talked_over) as "whole!",
                  count(*) filter (where clipped) as "clipped!", count(*) filter (where talked_over) as "talked_over!",
                  count(*) filter (where answered) as "answered!", count(*) filter (where goal_reached) as "goal_reached!",
                  percentile_cont(0.5) within group (order by first_audible_us) as median,
                  percentile_cont(0.95) within group (order by first_audible_us) as late
           from app.session_greetings where started_at >= $1 group by greeting_id order by count(*) desc, greeting_id limit $2"#,
        to_database(since),
        most
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| outcome!(row.greeting_id.map(GreetingId::from_uuid), None, row)).collect())
}

/// Of all calls that began in a window.
///
/// # Errors
/// When the database does not answer.
pub async fn total(tx: &mut OrgTx, since: Timestamp) -> Result<Outcome, Error> {
    let row = sqlx::query!(
        r#"select count(*) as "calls!", count(*) filter (where measured) as "measured!", count(*) filter (where rendered) as "rendered!",
                  count(*) filter (where measured and first_audible_us is not null and not clipped and not talked_over) as "whole!",
                  count(*) filter (where clipped) as "clipped!", count(*) filter (where talked_over) as "talked_over!",
                  count(*) filter (where answered) as "answered!", count(*) filter (where goal_reached) as "goal_reached!",
                  percentile_cont(0.5) within group (order by first_audible_us) as median,
                  percentile_cont(0.95) within group (order by first_audible_us) as late
           from app.session_greetings where started_at >= $1"#,
        to_database(since)
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(outcome!(None, None, row))
}
