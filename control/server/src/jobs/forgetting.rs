//! Forgets answers to repeated requests once nobody may ask for them again, and measures by the minute once those by the hour say the same.

use std::time::Duration;

use control_store::{Db, Reason, idempotency, latency};
use runtime::Kind;

pub(super) const KIND: Kind = Kind::new("jobs.forgetting");
const EVERY: Duration = Duration::from_secs(3600);

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
    tx.commit().await
}
