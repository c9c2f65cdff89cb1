//! Removes recordings and calls that their organization keeps no longer.

use std::sync::Arc;
use std::time::Duration;

use control_store::session;
use control_store::{Db, Reason};
use domain::{OrgId, ServerId, SessionId};
use runtime::Kind;

use crate::ports::Recordings;

pub(super) const KIND: Kind = Kind::new("jobs.retention");
const EVERY: Duration = Duration::from_secs(600);
const BATCH: i64 = 200;

/// What an organization keeps for so many days.
#[derive(Clone, Copy)]
enum Kept {
    Recordings,
    Calls,
}

pub(super) async fn run(db: Db, server: ServerId, recordings: Arc<dyn Recordings>) {
    loop {
        for (kept, what) in [(Kept::Recordings, "recordings"), (Kept::Calls, "calls")] {
            if let Err(error) = look(&db, server, recordings.as_ref(), kept).await {
                tracing::warn!(error = %format!("{error:#}"), what, "what is too old could not be removed; again later");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Files first: a call that is gone leads to none any more.
async fn look(
    db: &Db,
    server: ServerId,
    recordings: &dyn Recordings,
    kept: Kept,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    loop {
        let mut removed = 0;
        for (org, id, recorded) in old(db, server, kept).await? {
            if recorded && let Err(error) = recordings.remove(id).await {
                tracing::warn!(session = %id, error = &error as &dyn std::error::Error, "this recording cannot be removed, and stays on record");
                continue;
            }
            removed += 1;
            let mut tx = db.org_tx(org).await?;
            match kept {
                Kept::Recordings => session::unrecord(&mut tx, id).await?,
                Kept::Calls => session::remove(&mut tx, id).await?,
            }
            tx.commit().await?;
        }
        // Those that cannot be removed come again at the next look.
        if removed == 0 {
            return Ok(());
        }
    }
}

/// One batch, and of each whether it has a recording.
async fn old(
    db: &Db,
    server: ServerId,
    kept: Kept,
) -> Result<Vec<(OrgId, SessionId, bool)>, control_store::Error> {
    let mut tx = db.system_tx(Reason::Retention).await?;
    let old = match kept {
        Kept::Recordings => {
            let recorded = session::recorded_too_long(&mut tx, server, BATCH).await?;
            recorded.into_iter().map(|(org, id)| (org, id, true)).collect()
        }
        Kept::Calls => session::kept_too_long(&mut tx, server, BATCH).await?,
    };
    tx.commit().await?;
    Ok(old)
}
