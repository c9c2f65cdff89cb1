//! The session's `SessionSink` on the process log: what an operator wants to see of every call, without what was said.

use std::time::Duration;

use domain::{SessionEvent, SessionId};
use media_session::SessionSink;

pub(crate) struct Sink;

impl SessionSink for Sink {
    fn event(&mut self, session: SessionId, at: Duration, event: &SessionEvent) {
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
