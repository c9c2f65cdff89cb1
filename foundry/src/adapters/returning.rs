//! Calls that a server left open when it died: for a while their callers may come back to the same conversation, then they are closed as
//! interrupted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agents_graph::Snapshot;
use control_store::opposite::Opposite;
use control_store::session::{self, LeftOpen};
use control_store::{Db, Entry, Happened, Reason, Recorder};
use domain::{EndReason, ServerId, SessionEvent, SessionId, TurnId};
use jiff::Timestamp;
use media_session::Resumed;
use runtime::{Kind, Tasks};

use crate::adapters::catalogue::{Callable, Catalogue};
use crate::adapters::recordings;

const CLOSE: Kind = Kind::new("calls.interrupted");
/// A start waits so long for what an earlier server left on disk.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

/// A call to go on with.
pub(crate) struct Return {
    /// At the version that the call began with, of the organization that had it.
    pub(crate) callable: Callable,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) resumed: Resumed,
    /// Of its next event.
    pub(crate) sequence: i32,
    /// From its beginning until now.
    pub(crate) since: Duration,
    /// As it is on record.
    pub(crate) opposite: Option<Opposite>,
}

#[derive(Clone, Default)]
pub(crate) struct Returning(Arc<Mutex<HashMap<SessionId, Waiting>>>);

struct Waiting {
    call: LeftOpen,
    /// `None`: what it began with cannot be called any more.
    callable: Option<Callable>,
}

impl Returning {
    /// Finds what was left open, after what waited on disk has been written; a database that takes nothing now is not waited for.
    pub(crate) async fn find(
        catalogue: &Catalogue,
        db: &Db,
        recorder: Recorder,
        server: ServerId,
        patience: Duration,
        recordings: PathBuf,
        tasks: &Tasks,
    ) -> Result<Self, control_store::Error> {
        if tokio::time::timeout(WRITTEN_WITHIN, recorder.written()).await.is_err() {
            tracing::warn!("events of earlier calls still wait on disk; the server starts without them");
        }
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
        for call in open {
            let callable = callable(catalogue, &call, patience).await;
            returning.lock().insert(call.session.id, Waiting { call, callable });
        }
        let waiting = returning.clone();
        tasks.spawn(CLOSE, async move {
            tokio::time::sleep(patience).await;
            waiting.close(&recorder, &recordings);
        });
        Ok(returning)
    }

    /// Whether the call waits for its caller.
    pub(crate) fn has(&self, session: SessionId) -> bool {
        self.lock().get(&session).is_some_and(|waiting| waiting.callable.is_some())
    }

    /// The call is taken up; nobody else can.
    pub(crate) fn take(&self, session: SessionId, now: Timestamp) -> Option<Return> {
        let mut waiting = self.lock();
        let callable = waiting.get(&session)?.callable.clone()?;
        let call = waiting.remove(&session)?.call;
        drop(waiting);
        Some(going_on(callable, call, now))
    }

    /// Nobody came back.
    fn close(&self, recorder: &Recorder, recordings: &Path) {
        let left: Vec<_> = self.lock().drain().collect();
        for Waiting { call, .. } in left.into_iter().map(|(_, waiting)| waiting) {
            close(recorder, recordings, &call);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whom a call goes on with, where its caller may still be there and its agent can still be called.
pub(crate) async fn callable(catalogue: &Catalogue, call: &LeftOpen, patience: Duration) -> Option<Callable> {
    let session = &call.session;
    if between(session.last_event_at, Timestamp::now()) > patience * 4 {
        return None; // long gone: it is closed with the others
    }
    let same = |served: &Callable| served.org == session.org && served.version == session.version;
    if let Some(served) = catalogue.find(&session.agent_name).filter(same) {
        return Some(served);
    }
    let found = catalogue.at(session.org, &session.agent_name, session.version).await;
    found.unwrap_or_else(|error| {
        tracing::warn!(session = %session.id, error = %format!("{error:#}"), "this call cannot be gone on with");
        None
    })
}

/// The call from where it is on record.
pub(crate) fn going_on(callable: Callable, call: LeftOpen, now: Timestamp) -> Return {
    let found = call.session;
    let snapshot = call.checkpoint.and_then(|state| {
        serde_json::from_value::<Snapshot>(state)
            .inspect_err(|error| {
                tracing::warn!(session = %found.id, %error, "the conversation on record cannot be read");
            })
            .ok()
    });
    let turn = snapshot.as_ref().map_or(0, Snapshot::turn) + 1;
    let turn = TurnId(turn.max(u32::try_from(found.turns).unwrap_or_default() + 1));
    let greeted = snapshot.as_ref().is_some_and(|snapshot| !snapshot.history.is_empty());
    Return {
        callable,
        snapshot,
        resumed: Resumed { turn, gap: between(found.last_event_at, now), greeted },
        sequence: found.last_sequence + 1,
        since: between(found.started_at, now),
        opposite: found.opposite,
    }
}

/// Nobody goes on with the call.
pub(crate) fn close(recorder: &Recorder, recordings: &Path, call: &LeftOpen) {
    let session = call.session.id;
    let at = between(call.session.started_at, call.session.last_event_at);
    let at_us = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let ended = SessionEvent::Ended { reason: EndReason::Interrupted };
    let last = recordings::found(recordings, session).into_iter().chain([ended]);
    for (sequence, event) in (call.session.last_sequence + 1..).zip(last) {
        let (joined, speculation) = Default::default();
        recorder.put(Entry::Event(Happened { session, sequence, at_us, event, joined, speculation }));
    }
    tracing::info!(%session, "a call that was cut off is closed as interrupted");
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
