//! Events on their way to the session. Audio that nobody takes is dropped; what changes state waits, up to a point.

use std::collections::VecDeque;

use media_core::LegEvent;
use tokio::sync::mpsc;

use crate::metrics::PACKETS_DROPPED;

/// State changes and messages kept while the session does not read. A session this far behind is dead.
const BACKLOG: usize = 256;

/// The events of one leg, in order.
pub struct Outbox {
    events: mpsc::Sender<LegEvent>,
    backlog: VecDeque<LegEvent>,
    gone: bool,
}

impl Outbox {
    #[must_use]
    pub const fn new(events: mpsc::Sender<LegEvent>) -> Self {
        Self { events, backlog: VecDeque::new(), gone: false }
    }

    /// In order: a packet never overtakes a message that waits.
    pub fn push(&mut self, event: LegEvent) {
        if matches!(event, LegEvent::Packet(_) | LegEvent::Quality(_)) {
            match self.backlog.is_empty().then(|| self.events.try_send(event)) {
                Some(Ok(())) => {}
                Some(Err(mpsc::error::TrySendError::Closed(_))) => self.gone = true,
                Some(Err(mpsc::error::TrySendError::Full(_))) | None => {
                    metrics::counter!(PACKETS_DROPPED).increment(1)
                }
            }
            return;
        }
        self.backlog.push_back(event);
        self.flush();
        self.gone |= self.backlog.len() > BACKLOG;
    }

    fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    self.gone = true;
                    return;
                }
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.backlog.push_front(event);
                    return;
                }
            }
        }
    }

    /// Whether nobody reads any more.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        self.gone
    }

    /// Waits until what waits can move, for ever where nothing waits. Cancel-safe.
    pub async fn room(&mut self) {
        if self.backlog.is_empty() {
            self.events.closed().await;
            self.gone = true;
            return;
        }
        match self.events.reserve().await {
            Ok(permit) => {
                if let Some(event) = self.backlog.pop_front() {
                    permit.send(event);
                }
            }
            Err(_) => self.gone = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use media_core::{Codec, Packet};

    use super::*;

    fn packet() -> LegEvent {
        let at = tokio::time::Instant::now().into_std();
        let packet = Packet {
            codec: Codec::Opus,
            sequence: 0,
            timestamp: 0,
            marker: false,
            payload: bytes::Bytes::new(),
            at,
        };
        let _: Instant = at;
        LegEvent::Packet(packet)
    }

    #[tokio::test]
    async fn audio_is_dropped_when_nobody_reads_but_state_waits_in_order() {
        let (sender, mut events) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        outbox.push(LegEvent::Active);
        outbox.push(packet());
        outbox.push(LegEvent::Lost);
        outbox.push(packet());
        assert_eq!(events.recv().await, Some(LegEvent::Active));
        outbox.room().await;
        assert_eq!(events.recv().await, Some(LegEvent::Lost));
        assert!(!outbox.is_gone());
    }

    #[tokio::test]
    async fn a_session_that_left_or_never_reads_is_gone() {
        let (sender, events) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender.clone());
        for _ in 0..=BACKLOG + 1 {
            outbox.push(LegEvent::Message("x".to_owned()));
        }
        assert!(outbox.is_gone());
        let mut outbox = Outbox::new(sender);
        drop(events);
        outbox.room().await;
        assert!(outbox.is_gone());
    }
}
