//! A caller who says nothing: when to speak to them, and when to give up. Runs only while neither side holds the floor.

use std::time::{Duration, Instant};

use crate::options::{self, ms};

/// After a wait was interrupted by a sound, the nudge comes no sooner than this.
const BREATH: Duration = Duration::from_millis(1000);

/// Sounds that may postpone one nudge.
const BREATHS: u32 = 3;

#[derive(Debug, Default)]
pub(crate) struct Idle {
    /// From here the silence counts; `None` before the first greeting.
    since: Option<Instant>,
    /// The dialogue granted the caller time until here.
    granted: Option<Instant>,
    /// Sounds that were no turn postponed the nudge until here, so many times.
    breath_until: Option<Instant>,
    breaths: u32,
    nudges: u32,
    gave_up: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Nudge(u32),
    GiveUp,
}

impl Idle {
    /// The agent has finished: the caller's silence begins.
    pub(crate) fn begin(&mut self, t: Instant) {
        self.since = Some(t);
        (self.breath_until, self.breaths) = (None, 0);
    }

    /// The agent's last sample, where it has had one.
    pub(crate) const fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Something sounded that was no turn: do not nudge right into it. A call with nothing but noise still ends.
    pub(crate) fn breathe(&mut self, t: Instant) {
        if self.breaths < BREATHS {
            self.breaths += 1;
            self.breath_until = Some(t + BREATH);
        }
    }

    /// The caller took a turn.
    pub(crate) fn reset(&mut self) {
        *self = Self { since: self.since, ..Self::default() };
    }

    pub(crate) fn grant(&mut self, until: Instant) {
        self.granted = Some(until);
    }

    pub(crate) fn deadline(&self, options: &options::Idle) -> Option<Instant> {
        if options.after_ms == 0 || self.gave_up {
            return None;
        }
        let due = self.since? + ms(options.after_ms);
        Some(due.max(self.granted.unwrap_or(due)).max(self.breath_until.unwrap_or(due)))
    }

    /// Call when the deadline has come.
    pub(crate) fn step(&mut self, options: &options::Idle, gives_up: bool) -> Step {
        self.granted = None;
        if gives_up && self.nudges >= options.nudges {
            self.gave_up = true;
            return Step::GiveUp;
        }
        self.nudges += 1;
        Step::Nudge(self.nudges)
    }
}
