//! The machine's own clock: stands still while media is gone, and never runs backwards.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    latest: Instant,
    /// Time spent standing still.
    lost: Duration,
    stopped: Option<Instant>,
}

impl Clock {
    /// Stands still until `run`.
    pub(crate) const fn new(start: Instant) -> Self {
        Self { start, latest: start, lost: Duration::ZERO, stopped: Some(start) }
    }

    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.stopped.unwrap_or(self.latest).checked_sub(self.lost).unwrap_or(self.start)
    }

    pub(crate) fn stop(&mut self) {
        self.stopped.get_or_insert(self.latest);
    }

    pub(crate) fn run(&mut self) {
        if let Some(stopped) = self.stopped.take() {
            self.lost += self.latest - stopped;
        }
    }

    pub(crate) const fn runs(&self) -> bool {
        self.stopped.is_none()
    }

    /// An instant of this clock as the outside counts it.
    pub(crate) fn outward(&self, instant: Instant) -> Instant {
        instant + self.lost
    }
}
