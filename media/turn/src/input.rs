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
    /// One for each stretch of the caller's track without gaps, holes in the packet stream included (as silence):
    /// silence that nobody reported is believed only at the hard time-out.
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
    /// A sentence of this turn goes to the speaker: the same words coming back from the caller are an echo.
    Saying(TurnId, Cow<'a, str>),
    /// The answer has had effects (a tool ran): when the caller goes on speaking, it is not taken back but followed.
    Irrevocable(TurnId),
    /// The dialogue gives the caller this long before the next nudge ("wait a moment").
    Hold(Duration),
    /// The agent has something to say that no word of the caller asked for; answered by `Output::Speak`, at once or when the caller has
    /// finished.
    Speak,
    /// A deadline given by `Output::Timeout` has come.
    Timeout,
}

impl Input<'_> {
    /// The same input with a life of its own.
    #[must_use]
    pub fn into_owned(self) -> Input<'static> {
        match self {
            Self::MediaActive => Input::MediaActive,
            Self::MediaLost => Input::MediaLost,
            Self::Vad(vad) => Input::Vad(vad),
            Self::EndOfTurn(score) => Input::EndOfTurn(score),
            Self::Transcript(transcript) => Input::Transcript(Cow::Owned(transcript.into_owned())),
            Self::TranscriptLost => Input::TranscriptLost,
            Self::Text(text) => Input::Text(Cow::Owned(text.into_owned())),
            Self::Dtmf(digit) => Input::Dtmf(digit),
            Self::AgentAudio(turn) => Input::AgentAudio(turn),
            Self::Heard(turn, at) => Input::Heard(turn, at),
            Self::AgentDone(turn) => Input::AgentDone(turn),
            Self::Interruptible(turn, may) => Input::Interruptible(turn, may),
            Self::Saying(turn, text) => Input::Saying(turn, Cow::Owned(text.into_owned())),
            Self::Irrevocable(turn) => Input::Irrevocable(turn),
            Self::Hold(length) => Input::Hold(length),
            Self::Speak => Input::Speak,
            Self::Timeout => Input::Timeout,
        }
    }
}
