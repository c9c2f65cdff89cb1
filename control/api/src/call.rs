//! A finished call as its page shows it. Times are milliseconds since the call began, with microseconds kept,
//! so that the parts of a response add up.

use domain::{DeadAir, EndReason, Mark, Role, SessionId, Source, TurnId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallSummary {
    pub id: SessionId,
    pub agent: String,
    /// `webrtc`, `websocket`, `twilio`.
    pub transport: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    pub duration_ms: f64,
    pub end_reason: Option<EndReason>,
    /// Turns of the caller.
    pub turns: u32,
    pub interruptions: u32,
    /// Over the turns that were answered.
    pub response_median_ms: Option<f64>,
    pub response_max_ms: Option<f64>,
    pub dead_air_ms: f64,
    pub failures: u32,
    /// What the caller said first; empty where they said nothing.
    pub first_words: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    pub data: Vec<CallSummary>,
    /// Pass as `cursor` for the calls before these.
    pub next_cursor: Option<SessionId>,
    pub has_more: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    #[serde(flatten)]
    pub summary: CallSummary,
    pub transcript: Vec<Line>,
    pub turns_detail: Vec<Turn>,
    pub dead_air: Vec<Silence>,
    pub notes: Vec<Note>,
    pub problems: Vec<CallFailure>,
    pub events: Vec<Event>,
    /// The call had more events than are listed here; the raw log has all.
    pub events_truncated: bool,
}

/// What one side contributed, as it was heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub at_ms: f64,
    pub role: Role,
    pub turn: TurnId,
    pub text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub typed: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// What was meant to be said and was never heard.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unheard: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub turn: TurnId,
    pub caller_text: String,
    pub agent_text: String,
    pub typed: bool,
    pub interrupted: bool,
    pub nodes: Vec<String>,
    pub marks: Vec<MarkAt>,
    /// Absent where the caller did not speak or the agent did not answer.
    pub latencies: Option<LatenciesMs>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MarkAt {
    pub mark: Mark,
    pub at_ms: f64,
}

/// The first five add up to `response_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatenciesMs {
    pub endpointing_ms: f64,
    pub thinking_ms: f64,
    pub sentence_ms: f64,
    pub synthesis_ms: f64,
    pub playout_ms: f64,
    pub response_ms: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    pub at_ms: f64,
    pub turn: Option<TurnId>,
    pub cause: DeadAir,
    pub length_ms: f64,
}

/// Something the agent noted, such as a booked appointment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub at_ms: f64,
    pub name: String,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallFailure {
    pub at_ms: f64,
    pub turn: Option<TurnId>,
    pub source: Source,
    pub code: String,
    pub message: String,
}

/// One event of the log in one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at_ms: f64,
    /// The event's type as in the log, such as `caller_turn`.
    pub kind: String,
    pub turn: Option<TurnId>,
    pub text: String,
}
