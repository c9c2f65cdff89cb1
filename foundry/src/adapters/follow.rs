//! What this process holds of the database is looked at again and again, so that what other servers and commands change is seen.

use std::time::Duration;

use runtime::{Kind, Tasks};

/// Looks at `what` so often, until `tasks` end. A database that is away is asked again: what was held stays as it was.
pub(crate) fn follow<F>(
    tasks: &Tasks,
    kind: Kind,
    every: Duration,
    what: &'static str,
    look: impl Fn() -> F + Send + 'static,
) where
    F: Future<Output = Result<(), control_store::Error>> + Send,
{
    tasks.spawn(kind, async move {
        loop {
            tokio::time::sleep(every).await;
            if let Err(error) = look().await {
                tracing::debug!(error = &error as &dyn std::error::Error, what, "could not be looked at");
            }
        }
    });
}
