//! Removes recordings and calls that their organization keeps no longer.

use std::sync::Arc;
use std::time::Duration;

use control_store::session;
use control_store::{Db, Reason};
use domain::ServerId;
use runtime::Kind;

use crate::ports::Recordings;

pub(super) const KIND: Kind = Kind::new("jobs.retention");
const EVERY: Duration = Duration::from_secs(600);
const BATCH: i64 = 200;

pub(super) async fn run(db: Db, server: ServerId, recordings: Arc<dyn Recordings>) {
    loop {
        if let Err(error) = look(&db, server, recordings.as_ref()).await {
            tracing::warn!(error = %format!("{error:#}"), "old recordings could not be removed; again later");
        }
        if let Err(error) = forget(&db, server, recordings.as_ref()).await {
            tracing::warn!(error = %format!("{error:#}"), "old calls could not be removed; again later");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(
    db: &Db,
    server: ServerId,
    recordings: &dyn Recordings,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    loop {
        let mut tx = db.system_tx(Reason::Retention).await?;
        let old = session::recorded_too_long(&mut tx, server, BATCH).await?;
        tx.commit().await?;
        let mut removed = 0;
        for (org, id) in old {
            if let Err(error) = recordings.remove(id).await {
                tracing::warn!(session = %id, error = &error as &dyn std::error::Error, "this recording cannot be removed");
                continue;
            }
            removed += 1;
            let mut tx = db.org_tx(org).await?;
            session::unrecord(&mut tx, id).await?;
            tx.commit().await?;
        }
        // Those that cannot be removed come again at the next look.
        if removed == 0 {
            return Ok(());
        }
    }
}

/// Files first: a call that is gone leads to none any more.
async fn forget(
    db: &Db,
    server: ServerId,
    recordings: &dyn Recordings,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    loop {
        let mut tx = db.system_tx(Reason::Retention).await?;
        let old = session::kept_too_long(&mut tx, server, BATCH).await?;
        tx.commit().await?;
        let mut removed = 0;
        for (org, id, recorded) in old {
            if recorded && let Err(error) = recordings.remove(id).await {
                tracing::warn!(session = %id, error = &error as &dyn std::error::Error, "this recording cannot be removed, and its call stays");
                continue;
            }
            removed += 1;
            let mut tx = db.org_tx(org).await?;
            session::remove(&mut tx, id).await?;
            tx.commit().await?;
        }
        if removed == 0 {
            return Ok(());
        }
    }
}
