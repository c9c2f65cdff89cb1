//! With which greeting calls began, and what came of it.

use sqlx::PgConnection;

use super::fold::Folded;
use crate::Error;
use crate::at::to_database;
use crate::entry::Opened;

/// Once for each call, whatever is written again.
pub(super) async fn begin(connection: &mut PgConnection, opened: &[(&Opened, i32)]) -> Result<(), Error> {
    for (call, _) in opened {
        let Some(greeting) = &call.greeting else { continue };
        sqlx::query!(
            "insert into app.session_greetings (session_id, org_id, started_at, greeting_id, round, arm, language, goal, rendered)
             select s.id, s.org_id, $2, $3, $4, $5, $6, $7, $8 from app.sessions s where s.id = $1
             on conflict (session_id) do nothing",
            call.session.as_uuid(),
            to_database(call.started_at),
            greeting.greeting.map(|id| id.as_uuid()),
            greeting.round,
            greeting.arm,
            greeting.language,
            greeting.goal,
            greeting.rendered,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The first measure stands: a caller who comes back is not greeted again.
pub(super) async fn note(connection: &mut PgConnection, folded: &Folded) -> Result<(), Error> {
    for (session, change) in &folded.calls {
        let greeting = &change.greeting;
        let reached: Vec<String> = greeting.reached.iter().cloned().collect();
        if greeting.heard.is_none() && !greeting.answered && reached.is_empty() {
            continue;
        }
        let heard = greeting.heard;
        sqlx::query!(
            "update app.session_greetings set
                 first_audible_us = case when measured then first_audible_us else $3 end,
                 clipped = case when measured then clipped else $4 end,
                 talked_over = case when measured then talked_over else $5 end,
                 measured = measured or $2,
                 answered = answered or $6,
                 goal_reached = goal_reached or coalesce(goal = any($7), false)
             where session_id = $1",
            session.as_uuid(),
            heard.is_some(),
            heard.and_then(|heard| heard.first_audible_us),
            heard.is_some_and(|heard| heard.clipped),
            heard.is_some_and(|heard| heard.talked_over),
            greeting.answered,
            &reached,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
