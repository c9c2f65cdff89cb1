//! Calls that a server left open when it died: for a while their callers may come back to the same conversation, then they are closed as
//! interrupted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agents_graph::Snapshot;
use control_store::session::{self, LeftOpen};
use control_store::{Db, Entry, Happened, Reason, Recorder};
use domain::{EndReason, ServerId, SessionEvent, SessionId, TurnId};
use jiff::Timestamp;
use media_session::Resumed;
use runtime::{Kind, Tasks};

const CLOSE: Kind = Kind::new("calls.interrupted");

/// A call to go on with.
pub(crate) struct Return {
    /// Name of the agent, at the version that the call began with.
    pub(crate) agent: String,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) resumed: Resumed,
    /// Of its next event.
    pub(crate) sequence: i32,
    /// From its beginning until now.
    pub(crate) since: Duration,
}

#[derive(Clone, Default)]
pub(crate) struct Returning(Arc<Mutex<HashMap<SessionId, LeftOpen>>>);

impl Returning {
    /// Finds what was left open, after everything that waited on disk has been written.
    pub(crate) async fn find(
        db: &Db,
        recorder: Recorder,
        server: ServerId,
        patience: Duration,
        tasks: &Tasks,
    ) -> Result<Self, control_store::Error> {
        recorder.written().await;
        let mut tx = db.system_tx(Reason::CloseInterrupted).await?;
        let open = session::left_open(&mut tx, server).await?;
        tx.commit().await?;
        let returning = Self::default();
        if open.is_empty() {
            return Ok(returning);
        }
        tracing::info!(
            calls = open.len(),
            "calls were cut off when the server died; their callers may come back"
        );
        returning.lock().extend(open.into_iter().map(|call| (call.session.id, call)));
        let waiting = returning.clone();
        tasks.spawn(CLOSE, async move {
            tokio::time::sleep(patience).await;
            waiting.close(&recorder);
        });
        Ok(returning)
    }

    /// What their agents must be ready at.
    pub(crate) fn versions(&self) -> Vec<String> {
        let mut wanted: Vec<String> =
            self.lock().values().map(|call| called(&call.session.agent_name, call.session.version)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Whether the call waits for its caller.
    pub(crate) fn has(&self, session: SessionId) -> bool {
        self.lock().contains_key(&session)
    }

    /// The call is taken up; nobody else can.
    pub(crate) fn take(&self, session: SessionId, now: Timestamp) -> Option<Return> {
        let call = self.lock().remove(&session)?;
        let snapshot = call.checkpoint.and_then(|state| {
            serde_json::from_value::<Snapshot>(state)
                .inspect_err(
                    |error| tracing::warn!(%session, %error, "the conversation on record cannot be read"),
                )
                .ok()
        });
        let found = call.session;
        let turn = snapshot.as_ref().map_or(0, Snapshot::turn) + 1;
        let turn = TurnId(turn.max(u32::try_from(found.turns).unwrap_or_default() + 1));
        Some(Return {
            agent: called(&found.agent_name, found.version),
            snapshot,
            resumed: Resumed { turn, gap: between(found.last_event_at, now) },
            sequence: found.last_sequence + 1,
            since: between(found.started_at, now),
        })
    }

    /// Nobody came back.
    fn close(&self, recorder: &Recorder) {
        for (id, call) in self.lock().drain() {
            let at = between(call.session.started_at, call.session.last_event_at);
            recorder.put(Entry::Event(Happened {
                session: id,
                sequence: call.session.last_sequence + 1,
                at_us: i64::try_from(at.as_micros()).unwrap_or(i64::MAX),
                event: SessionEvent::Ended { reason: EndReason::Interrupted },
            }));
            tracing::info!(session = %id, "a call that was cut off is closed as interrupted");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, LeftOpen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As the catalogue names what a call began with.
fn called(agent: &str, version: i32) -> String {
    if version == 0 { format!("{agent}@draft") } else { format!("{agent}@{version}") }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
