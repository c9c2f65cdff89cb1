//! Says of every ended call what came of it, by rule and at once; and has a model asked where the organization has one (`digests`).

use std::sync::Arc;
use std::time::Duration;

use control_store::session::{self, Afterwards};
use control_store::{Db, Reason};
use domain::{OrgId, SessionId};
use runtime::Kind;

use crate::app::{afterwards, digest, sessions};
use crate::ports::Summarizer;

pub(super) const KIND: Kind = Kind::new("jobs.afterwards");
const EVERY: Duration = Duration::from_millis(500);
/// Calls of one look.
const BATCH: i64 = 50;
/// Events of a call that are looked at.
const EVENTS: i64 = 20_000;

pub(super) async fn run(db: Db, summarizer: Arc<dyn Summarizer>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = look(&db, summarizer.as_ref()).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "calls could not be summed up; again later"
            );
        }
    }
}

async fn look(db: &Db, summarizer: &dyn Summarizer) -> Result<(), control_store::Error> {
    let mut tx = db.system_tx(Reason::Summarise).await?;
    let calls = session::unsummarised(&mut tx, BATCH).await?;
    tx.commit().await?;
    for (org, id) in calls {
        match sum_up(db, summarizer, org, id).await {
            Err(error) if !error.passes() => {
                // Looked at no more: it would keep the later ones waiting for good.
                tracing::warn!(session = %id, error = &error as &dyn std::error::Error, "the call cannot be summed up");
                put_down(db, org, id, &unread(), false).await?;
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Of a call whose events cannot be read, such as those of a newer version.
fn unread() -> Afterwards {
    Afterwards { summary: String::new(), fields: serde_json::json!({}), outcome: "unknown".to_owned() }
}

async fn sum_up(
    db: &Db,
    summarizer: &dyn Summarizer,
    org: OrgId,
    id: SessionId,
) -> Result<(), control_store::Error> {
    let mut tx = db.org_tx(org).await?;
    let Some(found) = session::find(&mut tx, id).await? else { return Ok(()) };
    let events = session::events(&mut tx, id, -1, EVENTS).await?;
    tx.commit().await?;
    let recorded = sessions::recorded(&found, events);
    let ask = summarizer.asks(org) && digest::conversation(&found, &recorded).is_some();
    put_down(db, org, id, &afterwards::of(&recorded), ask).await
}

async fn put_down(
    db: &Db,
    org: OrgId,
    id: SessionId,
    after: &Afterwards,
    ask: bool,
) -> Result<(), control_store::Error> {
    let mut tx = db.org_tx(org).await?;
    session::summarise(&mut tx, id, after, ask).await?;
    tx.commit().await
}
