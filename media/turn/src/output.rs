//! What the machine decides. The shell carries out each output before it feeds the next input.
//!
//! Who sets which mark: the machine `SpeechStarted`, `SpeechEnded`, `TranscriptFinal`, `Committed` (all four with the commit,
//! each laid back to when it was) and `Interrupted`; the session `FirstText`, `FirstSentence`, `FirstAudio`,
//! `AgentStarted` and `AgentEnded`. Who reports which event: the machine `StateChanged`, `CallerSpeaking`, `CallerTurn`,
//! `Ducked`, `Resumed`, `Interrupted`, `Nudged`, `Pressed`, and `Noted` named `caller_too_long` or
//! `caller_input_dropped`; the session all others.

use std::time::Instant;

use domain::{Mark, MediaTime, SessionEvent, TurnId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Say the greeting, as this turn.
    Greet(TurnId),
    /// The caller paused: let the recogniser begin its final (`SttInput::Prepare`).
    Prepare,
    /// The final is wanted now (`SttInput::Finalize`).
    Finalize,
    /// Judge the caller's audio up to this position with the end-of-turn model; answered by `Input::EndOfTurn`.
    ScoreEndOfTurn(MediaTime),
    /// Think ahead about this text, without effects.
    Speculate {
        turn: TurnId,
        text: String,
    },
    /// The guess was wrong. After a `Commit` of this turn: the caller had not finished; forget that the turn was
    /// committed, its text comes again as part of a later turn.
    Discard(TurnId),
    /// The caller's turn is complete: answer it.
    Commit {
        turn: TurnId,
        text: String,
        typed: bool,
    },
    /// Lower the agent's voice, and hold its position, until `Resume` or `FlushPlayout`. For a turn that does not sound
    /// yet: do not let it begin.
    Duck(TurnId),
    /// Not an interruption: go on at full level. The position is where the caller lost the voice.
    Resume {
        turn: TurnId,
        from: MediaTime,
    },
    /// The caller took the floor: what was not heard is dropped.
    FlushPlayout(TurnId),
    /// Stop thinking and synthesis of this turn.
    Cancel(TurnId),
    /// The caller is silent: say so, the `count`-th time (from 1), as this turn.
    Nudge {
        turn: TurnId,
        count: u32,
    },
    /// The caller stayed silent through every nudge: say goodbye as this turn and end, unless the turn is cancelled.
    GiveUp(TurnId),
    /// Nothing of this turn's answer sounded in time: stop what was thought and say the apology as this turn.
    ReplyLate(TurnId),
    /// The caller spoke but recognition failed: ask them, as this turn, to say it again.
    NotUnderstood(TurnId),
    /// Say what the agent has to say, as this turn.
    Speak(TurnId),
    /// Set a mark of this turn's timeline at `now`, minus what `MediaTime` says the event lay back.
    Mark {
        turn: TurnId,
        mark: Mark,
        back: MediaTime,
    },
    Event(SessionEvent),
    /// Nothing more to do until the next input, or until this instant at the latest, for this reason.
    /// Not written to logs: the inputs there say when the machine was woken.
    #[serde(skip)]
    Timeout(Option<(Instant, Why)>),
}

/// Why the machine wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The pause may have become the end of the turn.
    Endpointing,
    /// The end-of-turn model or the final transcript has not come in time: go on without.
    Verdict,
    /// A ducked agent must stop or resume.
    BargeIn,
    /// The caller has said nothing for long.
    Idle,
    /// The caller has held the floor for too long.
    UserTooLong,
    /// The dialogue or synthesis must have begun by now.
    Reply,
    /// The agent's playout must have reported progress by now.
    Playout,
    /// No further key was pressed.
    Digits,
}
