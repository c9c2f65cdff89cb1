//! Forgets answers to repeated requests once nobody may ask for them again, measures by the minute once those by the hour say the same, and
//! single requests to vendors once their sums are all that anybody asks for.

use std::time::Duration;

use control_store::{Db, Reason, cost, idempotency, latency};
use jiff::{SignedDuration, Timestamp};
use runtime::Kind;

pub(super) const KIND: Kind = Kind::new("jobs.forgetting");
const EVERY: Duration = Duration::from_secs(3600);
/// So long a call's costs are there request by request. Sums stay.
const REQUESTS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Of one transaction, so that those who write wait for moments.
const BATCH: i64 = 5_000;

pub(super) async fn run(db: Db) {
    loop {
        if let Err(error) = look(&db).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old answers could not be forgotten; again later"
            );
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(db: &Db) -> Result<(), control_store::Error> {
    let mut tx = db.system_tx(Reason::Retention).await?;
    let _gone = idempotency::forget(&mut tx).await?;
    let _gone = latency::forget_minutes(&mut tx).await?;
    tx.commit().await?;
    let before = Timestamp::now() - REQUESTS_KEPT;
    loop {
        let mut tx = db.system_tx(Reason::Retention).await?;
        let gone = cost::forget(&mut tx, before, BATCH).await?;
        tx.commit().await?;
        if gone == 0 {
            return Ok(());
        }
    }
}
