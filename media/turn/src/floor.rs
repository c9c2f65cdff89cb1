//! The agent's side of the floor: which turn it has, and how far that has come.

use std::time::Instant;

use domain::{AgentState, MediaTime, TurnId};

/// Who has the floor, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Floor {
    /// Media has never flowed.
    Initializing,
    Listening,
    CallerSpeaking,
    /// The caller paused; perhaps that was all.
    Pausing,
    /// The agent has the floor and nothing sounds yet.
    Thinking,
    Speaking,
    /// The agent is held until it is clear whose floor it is.
    Ducked,
}

impl From<Floor> for AgentState {
    fn from(floor: Floor) -> Self {
        match floor {
            Floor::Initializing => Self::Initializing,
            Floor::Listening | Floor::CallerSpeaking | Floor::Pausing => Self::Listening,
            Floor::Thinking => Self::Thinking,
            Floor::Speaking | Floor::Ducked => Self::Speaking,
        }
    }
}

/// Why the agent has a turn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cause {
    Greeting,
    /// The caller said this, beginning then; what is needed to take the commit back.
    Caller(Committed),
    /// A nudge, a goodbye, a request to repeat.
    Own,
}

/// A turn of the caller as it was committed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Committed {
    pub(crate) text: String,
    pub(crate) at: Instant,
    pub(crate) started_at: Instant,
    pub(crate) from: MediaTime,
    pub(crate) voiced_to: MediaTime,
    /// Committed while the caller was still speaking, which goes on: not an interruption until they pause.
    pub(crate) forced: bool,
}

/// The agent's turn, from its cause to its last sample.
#[derive(Debug, Clone)]
pub(crate) struct AgentTurn {
    pub(crate) turn: TurnId,
    pub(crate) cause: Cause,
    pub(crate) interruptible: bool,
    /// It had effects: it can be interrupted, not taken back.
    pub(crate) irrevocable: bool,
    pub(crate) phase: Phase,
    pub(crate) heard: MediaTime,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Phase {
    /// Nothing sounds yet, and somebody waits; `late` after the apology was called for.
    Pending {
        since: Instant,
        late: bool,
    },
    Sounding {
        began: Instant,
        progress: Instant,
    },
}

impl AgentTurn {
    /// `since`: when somebody began to wait for it.
    pub(crate) fn new(turn: TurnId, cause: Cause, since: Instant) -> Self {
        Self {
            turn,
            cause,
            interruptible: true,
            irrevocable: false,
            phase: Phase::Pending { since, late: false },
            heard: MediaTime::ZERO,
        }
    }

    pub(crate) const fn sounds(&self) -> bool {
        matches!(self.phase, Phase::Sounding { .. })
    }

    /// It sounds, now at the latest.
    pub(crate) fn progress(&mut self, t: Instant) {
        self.phase = match self.phase {
            Phase::Pending { .. } => Phase::Sounding { began: t, progress: t },
            Phase::Sounding { began, .. } => Phase::Sounding { began, progress: t },
        };
    }

    /// The wait for its first sound begins anew.
    pub(crate) fn restart_wait(&mut self, t: Instant) {
        match &mut self.phase {
            Phase::Pending { since, .. } => *since = t,
            Phase::Sounding { progress, .. } => *progress = t,
        }
    }

    pub(crate) fn forced(&self) -> bool {
        matches!(&self.cause, Cause::Caller(committed) if committed.forced)
    }
}
