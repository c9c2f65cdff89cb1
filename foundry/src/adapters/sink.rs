//! The session's `SessionSink`: to the store what happened, each event with its place in the call, and to the process log what an
//! operator wants to see of every call, without what was said.

use std::sync::Arc;
use std::time::Duration;

use control_store::{Entry, Happened, Recorder};
use domain::{SessionEvent, SessionId};
use media_session::SessionSink;

use crate::adapters::ledger::Ledger;

pub(crate) struct Sink {
    recorder: Recorder,
    /// Who serves the call.
    ledger: Arc<Ledger>,
    /// Of the next event.
    sequence: i32,
    /// From the call's beginning to this session's, where the call began on a server that died.
    since: Duration,
}

impl Sink {
    pub(crate) fn new(recorder: Recorder, ledger: Arc<Ledger>) -> Self {
        Self { recorder, ledger, sequence: 0, since: Duration::ZERO }
    }

    /// Goes on with a call that has events up to before `sequence`, `since` after its beginning.
    pub(crate) fn resumed(self, sequence: i32, since: Duration) -> Self {
        Self { sequence, since, ..self }
    }

    fn keep(&mut self, session: SessionId, at: Duration, event: &SessionEvent) {
        let at_us = i64::try_from((self.since + at).as_micros()).unwrap_or(i64::MAX);
        let (mut event, joined) = (event.clone(), self.ledger.joined());
        match &mut event {
            SessionEvent::CallerTurn { turn, typed: false, .. } => self.ledger.heard(*turn),
            SessionEvent::TurnFinished { timeline } => {
                timeline.served_by = self.ledger.finished(timeline.turn);
            }
            _ => {}
        }
        let sequence = self.sequence;
        let speculation = self.ledger.speculation();
        self.recorder.put(Entry::Event(Happened { session, sequence, at_us, event, joined, speculation }));
        self.sequence = self.sequence.saturating_add(1);
    }
}

impl SessionSink for Sink {
    fn event(&mut self, session: SessionId, at: Duration, event: &SessionEvent) {
        self.keep(session, at, event);
        match event {
            SessionEvent::Started => tracing::info!(%session, "call started"),
            SessionEvent::Ended { reason } => tracing::info!(%session, ?reason, lasted = ?at, "call ended"),
            SessionEvent::Failed { code, message, .. } => {
                tracing::warn!(%session, %code, %message, "call has a problem")
            }
            SessionEvent::DeadAir { cause, length, .. } => {
                tracing::warn!(%session, ?cause, ?length, "dead air")
            }
            SessionEvent::Detached => tracing::info!(%session, "connection lost, waiting for the caller"),
            SessionEvent::Reattached { gap } => tracing::info!(%session, ?gap, "the caller is back"),
            _ => {}
        }
    }
}
