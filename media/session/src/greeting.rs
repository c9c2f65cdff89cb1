//! How the greeting was heard: how soon, and whether from its beginning to its end.

use std::time::Duration;

use domain::{SessionEvent, TurnId};
use tokio::time::Instant;

use crate::metrics as names;

/// Of one session; there is one greeting in it, or none where the call began in another.
#[derive(Debug, Default)]
pub(crate) struct Greeting {
    /// Since when media flows both ways.
    flowing: Option<Instant>,
    turn: Option<TurnId>,
    /// It was in a session before this one.
    over: bool,
    sounded: Option<Duration>,
    caller_speaks: bool,
    clipped: bool,
    talked_over: bool,
}

impl Greeting {
    /// `over`: the caller heard it in a session that died, and is told here that the call goes on.
    pub(crate) fn new(over: bool) -> Self {
        Self { over, ..Self::default() }
    }

    pub(crate) fn media_flows(&mut self, now: Instant) {
        self.flowing.get_or_insert(now);
    }

    /// The connection is gone, and with it what was on its way.
    pub(crate) fn media_lost(&mut self) {
        self.clipped |= self.turn.is_some() && self.sounded.is_some();
    }

    pub(crate) fn caller(&mut self, speaks: bool) {
        self.caller_speaks = speaks;
    }

    pub(crate) fn begins(&mut self, turn: TurnId) {
        self.turn = Some(turn).filter(|_| !self.over);
    }

    /// The first audible sample of a turn was sent.
    pub(crate) fn sounds(&mut self, turn: TurnId, at: Instant) {
        if self.turn == Some(turn) && self.sounded.is_none() {
            // Before media flows nobody hears it.
            self.clipped |= self.caller_speaks || self.flowing.is_none_or(|since| at < since);
            let since = self.flowing.unwrap_or(at);
            self.sounded = Some(at.saturating_duration_since(since));
        }
    }

    /// The caller takes the floor from a turn.
    pub(crate) fn interrupted(&mut self, turn: TurnId) {
        self.talked_over |= self.turn == Some(turn) && self.sounded.is_some();
    }

    /// A turn is over: what observers are to be told, if it was the greeting. `cut`: there was more to say; `itself`: it was the greeting that
    /// sounded, and not an apology in its place.
    pub(crate) fn ends(&mut self, turn: TurnId, cut: bool, itself: bool) -> Option<SessionEvent> {
        self.turn.take_if(|greeting| *greeting == turn)?;
        let first_audible = self.sounded.filter(|_| itself);
        let talked_over = self.talked_over && cut;
        let clipped = self.clipped && first_audible.is_some();
        if let Some(after) = first_audible {
            metrics::histogram!(names::GREETING_SECONDS).record(after.as_secs_f64());
        }
        let outcome = match (first_audible, clipped, talked_over) {
            (None, ..) => "unheard",
            (_, true, _) => "clipped",
            (_, _, true) => "talked_over",
            _ => "whole",
        };
        metrics::counter!(names::GREETINGS_TOTAL, "outcome" => outcome).increment(1);
        Some(SessionEvent::Greeted { turn, first_audible, clipped, talked_over })
    }
}
