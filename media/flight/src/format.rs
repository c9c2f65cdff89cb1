//! What a line of the log is. The two inputs that come with every frame have short forms; all others are written in full.

use std::borrow::Cow;
use std::time::Duration;

use domain::{MediaTime, Score, SessionEvent, SessionId, TurnId, VadDecision};
use media_turn::{Input, Options, Output};
use serde::{Deserialize, Serialize};

/// The version of the format that this build writes; it reads no other.
pub const VERSION: u32 = 2;

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format; always `VERSION` when written.
    pub flight: u32,
    pub session: SessionId,
    pub agent: String,
    pub agent_version: String,
    /// Of the call's first leg, such as `webrtc`; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub transport: String,
    /// The turn machine's options of this call.
    pub options: Options,
    /// Zero of the log's clock.
    pub started: jiff::Timestamp,
}

impl Header {
    #[must_use]
    pub const fn new(
        session: SessionId,
        agent: String,
        agent_version: String,
        options: Options,
        started: jiff::Timestamp,
    ) -> Self {
        Self { flight: VERSION, session, agent, agent_version, transport: String::new(), options, started }
    }

    #[must_use]
    pub fn over(mut self, transport: &str) -> Self {
        transport.clone_into(&mut self.transport);
        self
    }
}

/// One thing that happened, so long after the session's start.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Input(Duration, Input<'static>),
    Output(Duration, Output),
    Event(Duration, SessionEvent),
}

impl Record {
    #[must_use]
    pub const fn at(&self) -> Duration {
        match self {
            Self::Input(at, _) | Self::Output(at, _) | Self::Event(at, _) => *at,
        }
    }
}

/// A line as it is written; borrows, so that writing copies nothing.
#[derive(Debug, Serialize)]
pub(crate) struct LineOut<'a> {
    us: u64,
    #[serde(flatten)]
    what: WhatOut<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhatOut<'a> {
    /// from, to, probability, dB below full scale, loud to, behind.
    Vad(MediaTime, MediaTime, f32, f32, MediaTime, MediaTime),
    Heard(TurnId, MediaTime),
    Score(f32, MediaTime),
    In(&'a Input<'a>),
    Out(&'a Output),
    Event(&'a SessionEvent),
}

impl<'a> LineOut<'a> {
    pub(crate) fn new(at: Duration, what: WhatOut<'a>) -> Self {
        Self { us: u64::try_from(at.as_micros()).unwrap_or(u64::MAX), what }
    }
}

impl<'a> From<&'a Input<'a>> for WhatOut<'a> {
    fn from(input: &'a Input<'a>) -> Self {
        match input {
            Input::Vad(vad) => {
                Self::Vad(vad.from, vad.to, vad.probability, vad.level_dbfs, vad.loud_to, vad.behind)
            }
            Input::Heard(turn, at) => Self::Heard(*turn, *at),
            Input::EndOfTurn(score) => Self::Score(score.probability, score.at),
            other => Self::In(other),
        }
    }
}

/// A line as it is read.
#[derive(Debug, Deserialize)]
pub(crate) struct LineIn {
    us: u64,
    #[serde(flatten)]
    what: WhatIn,
}

/// JSON has no number for "not a number": a detector that gave none is read as it was meant.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WhatIn {
    Vad(MediaTime, MediaTime, Option<f32>, Option<f32>, MediaTime, MediaTime),
    Heard(TurnId, MediaTime),
    Score(Option<f32>, MediaTime),
    In(Input<'static>),
    Out(Output),
    Event(SessionEvent),
}

impl From<LineIn> for Record {
    fn from(line: LineIn) -> Self {
        let at = Duration::from_micros(line.us);
        let number = |value: Option<f32>| value.unwrap_or(f32::NAN);
        match line.what {
            WhatIn::Vad(from, to, probability, level, loud_to, behind) => {
                let (probability, level_dbfs) = (number(probability), number(level));
                Self::Input(
                    at,
                    Input::Vad(VadDecision { from, to, probability, level_dbfs, loud_to, behind }),
                )
            }
            WhatIn::Heard(turn, position) => Self::Input(at, Input::Heard(turn, position)),
            WhatIn::Score(probability, judged_to) => {
                Self::Input(at, Input::EndOfTurn(Score { probability: number(probability), at: judged_to }))
            }
            WhatIn::In(Input::Transcript(transcript)) => {
                Self::Input(at, Input::Transcript(Cow::Owned(transcript.into_owned())))
            }
            WhatIn::In(input) => Self::Input(at, input),
            WhatIn::Out(output) => Self::Output(at, output),
            WhatIn::Event(event) => Self::Event(at, event),
        }
    }
}
