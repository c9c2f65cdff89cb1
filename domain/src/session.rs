//! A session as observers see it: who takes part, what happens, why it ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Source;
use crate::id::TurnId;
use crate::speech::{Digit, Transcript};
use crate::timeline::TurnTimeline;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Caller,
    Agent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// The call is being set up; media does not flow yet.
    Initializing,
    Listening,
    Thinking,
    Speaking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The caller hung up or closed the page.
    CallerLeft,
    /// The agent said goodbye.
    AgentEnded,
    /// The caller stayed silent through every nudge.
    CallerSilent,
    /// The connection was lost and did not come back in time.
    ConnectionLost,
    /// A provider failed beyond recovery, after the apology.
    ProviderFailed,
    /// The server is shutting down and the deadline passed.
    ServerStopping,
    /// The call reached its longest permitted duration.
    TooLong,
}

/// Why the caller heard nothing although it was the agent's turn: every wait of the session has one of these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadAir {
    /// The recogniser did not give its final in time.
    Recognition,
    /// The dialogue gave nothing to say in time.
    Thinking,
    /// The synthesis gave no audio in time.
    Synthesis,
    /// Audio ran out in mid-reply.
    Underrun,
    /// The connection to the caller was gone.
    Connection,
}

/// Everything an observer of a session can see, in the order it happened. Closed on purpose: a new kind is a
/// decision for every observer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SessionEvent {
    /// Media flows both ways.
    Started,
    StateChanged {
        state: AgentState,
    },
    /// The caller's voice began or paused (voice activity, not the turn).
    CallerSpeaking {
        speaking: bool,
    },
    /// Partials and finals as recognised, before any decision.
    Heard {
        transcript: Transcript,
    },
    /// The caller's turn is complete; `text` is what the dialogue was given.
    CallerTurn {
        turn: TurnId,
        text: String,
        typed: bool,
    },
    /// A sentence of the agent is about to be spoken.
    AgentSaying {
        turn: TurnId,
        text: String,
    },
    /// Of the agent's turn, the caller heard exactly `text`; `interrupted` tells that there was more.
    AgentTurn {
        turn: TurnId,
        text: String,
        interrupted: bool,
    },
    /// The agent was ducked because the caller may be taking the floor.
    Ducked {
        turn: TurnId,
    },
    /// It was not the floor that the caller wanted; the agent goes on from where it was ducked.
    Resumed {
        turn: TurnId,
        why: String,
    },
    Interrupted {
        turn: TurnId,
    },
    Nudged {
        count: u32,
    },
    Pressed {
        digit: Digit,
    },
    /// A graph node was entered; for traces and the call page.
    Node {
        turn: TurnId,
        node: String,
    },
    /// Structured result of a turn or tool, such as a booked appointment.
    Noted {
        name: String,
        value: serde_json::Value,
    },
    TurnFinished {
        timeline: TurnTimeline,
    },
    DeadAir {
        turn: Option<TurnId>,
        cause: DeadAir,
        length: Duration,
    },
    Failed {
        turn: Option<TurnId>,
        source: Source,
        code: String,
        message: String,
    },
    /// The connection was lost; the session waits for the caller to come back.
    Detached,
    Reattached {
        gap: Duration,
    },
    Ended {
        reason: EndReason,
    },
}
