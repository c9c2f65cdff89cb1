//! Forgets answers to repeated requests once nobody may ask for them again, measures by the minute once those by the hour say the same,
//! single requests to vendors once their sums are all that anybody asks for, what was written to the outbox long ago, and whom we called once their
//! organization keeps no calls of that age.

use std::time::Duration;

use control_store::{Db, Reason, campaign, cost, idempotency, latency, outbound, outbox};
use jiff::{SignedDuration, Timestamp};
use runtime::Kind;

pub(super) const KIND: Kind = Kind::new("jobs.forgetting");
const EVERY: Duration = Duration::from_secs(3600);
/// So long a call's costs are there request by request. Sums stay.
const REQUESTS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Whoever follows the outbox has seen it by then.
const TOLD_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
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
    let now = Timestamp::now();
    loop {
        let mut tx = db.system_tx(Reason::Retention).await?;
        let gone = cost::forget(&mut tx, now - REQUESTS_KEPT, BATCH).await?
            + outbox::forget(&mut tx, now - TOLD_KEPT, BATCH).await?
            + outbound::forget(&mut tx, BATCH).await?
            + campaign::forget(&mut tx, BATCH).await?;
        tx.commit().await?;
        if gone == 0 {
            return Ok(());
        }
    }
}
