//! The session's `SessionSink`: to the store what happened, each event with its place in the call, and to the process log what an
//! operator wants to see of every call, without what was said.

use std::sync::Arc;
use std::time::Duration;

use control_store::{Entry, Happened, Recorder};
use domain::{SessionEvent, SessionId};
use media_session::SessionSink;

use crate::adapters::ledger::Ledger;

/// Where a call stands that another session, whose server died, has begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// Of its next event.
    pub(crate) sequence: i32,
    /// From the call's beginning to this session's.
    pub(crate) since: Duration,
    /// Of its recording, here.
    pub(crate) parts: u32,
}

pub(crate) struct Sink {
    recorder: Recorder,
    /// Who serves the call.
    ledger: Arc<Ledger>,
    /// Of the next event.
    sequence: i32,
    before: Before,
}

impl Sink {
    pub(crate) fn new(recorder: Recorder, ledger: Arc<Ledger>) -> Self {
        Self { recorder, ledger, sequence: 0, before: Before::default() }
    }

    /// Goes on with a call.
    pub(crate) fn resumed(self, before: Before) -> Self {
        Self { sequence: before.sequence, before, ..self }
    }

    fn keep(&mut self, session: SessionId, at: Duration, event: &SessionEvent) {
        let at_us = i64::try_from((self.before.since + at).as_micros()).unwrap_or(i64::MAX);
        let (mut event, joined) = (event.clone(), self.ledger.joined());
        match &mut event {
            SessionEvent::CallerTurn { turn, typed: false, .. } => self.ledger.heard(*turn),
            SessionEvent::TurnFinished { timeline } => {
                timeline.served_by = self.ledger.finished(timeline.turn);
            }
            SessionEvent::Recorded { part, .. } => *part += self.before.parts,
            _ => {}
        }
        event.shift(self.before.since);
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
            SessionEvent::Reattached { gap, transport, after_crash } => {
                tracing::info!(%session, ?gap, transport, after_crash, "the caller is back")
            }
            _ => {}
        }
    }
}
