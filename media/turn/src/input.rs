//! What the machine is told. Every input is data, so that the flight log can hold it and a replay can feed it again.

use std::borrow::Cow;
use std::time::Duration;

use domain::{Digit, MediaTime, Score, Transcript, TurnId, VadDecision};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input<'a> {
    /// Media flows both ways: the greeting may begin.
    MediaActive,
    /// The connection broke; nothing is said into the void until `MediaActive` comes again.
    MediaLost,
    Vad(VadDecision),
    /// Answer to `Output::ScoreEndOfTurn`, or the recogniser's own judgement.
    EndOfTurn(Score),
    Transcript(Cow<'a, Transcript>),
    /// The recognition failed for good on this stretch: do not wait for its final.
    TranscriptLost,
    /// Typed by the caller: commits at once and takes the floor.
    Text(Cow<'a, str>),
    Dtmf(Digit),
    /// The first sample of the agent's turn went out. Turns that the caller did not cause (greeting, nudge) too.
    AgentAudio(TurnId),
    /// The turn was played up to here (position from the turn's first sample), reported once per frame while it sounds.
    Heard(TurnId, MediaTime),
    /// All of the turn was said and played, or there was nothing to say.
    AgentDone(TurnId),
    /// From here the turn must not be interrupted, or may be again.
    Interruptible(TurnId, bool),
    /// The dialogue gives the caller this long before the next nudge ("wait a moment").
    Hold(Duration),
    /// A deadline given by `Output::Timeout` has come.
    Timeout,
}
