//! A finished call as its page shows it. Times are milliseconds since the call began, with microseconds kept,
//! so that the parts of a response add up.

use domain::{DeadAir, DrillId, Encoding, Flaw, Mark, Role, SessionId, Source, TurnId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::cost::CallSum;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallSummary {
    #[schema(value_type = String, example = "ses_0190d2f0c0de7000800000000000abcd")]
    pub id: SessionId,
    /// Name of the agent.
    pub agent: String,
    /// Of the agent; 0 is its draft.
    pub version: i32,
    /// Absent for trials of drafts and older versions.
    pub environment: Option<String>,
    /// `webrtc`, `websocket`, `twilio`, `telnyx`, `sip`.
    pub transport: String,
    /// Absent of calls that were put on record before it was kept.
    pub direction: Option<Direction>,
    /// The other side's number or address: who called, which is a claim, or who was called. Absent where the transport does not say it.
    #[schema(example = "+49301234567")]
    pub party: Option<String>,
    /// Who has served it, in the order in which they began to: names of accounts, and `built-in` for the server's own models.
    pub providers: Vec<String>,
    #[schema(format = DateTime)]
    pub started_at: String,
    /// So far, where the call is under way.
    pub duration_ms: f64,
    pub running: bool,
    /// `caller_left`, `agent_ended`, `caller_silent`, `connection_lost`, `provider_failed`, `server_stopping`, `too_long`, `budget_spent`, `answered_by_machine`, `interrupted` (the
    /// server died and the caller did not come back in time), `transferred` (put through to a person), `operator_ended` (from the console).
    pub end_reason: Option<String>,
    /// What came of it: the name of what the agent noted, such as `appointment`, or `answered`, `silent`, `failed`, `unknown`.
    pub outcome: Option<String>,
    /// A sentence or two, a moment after the call's end; by rules first, and then by a model where the organization has one.
    pub summary: Option<String>,
    /// Who wrote the summary.
    pub summary_by: Option<SummaryBy>,
    /// Turns of the caller.
    pub turns: u32,
    pub interruptions: u32,
    /// Over the turns that were answered.
    pub response_median_ms: Option<f64>,
    pub response_max_ms: Option<f64>,
    pub dead_air_ms: f64,
    pub failures: u32,
    /// Some of it can be heard.
    pub recorded: bool,
    /// Mean opinion score, 1 to 4.5: the lowest of any turn and of the call, in either direction. Absent where nobody can know, such as over sockets.
    pub lowest_mos: Option<f64>,
    /// In some turn, or over the call, somebody who listened would have been dissatisfied: a score below 3.6, or holes in the sound of either side.
    pub poor_audio: bool,
    /// What the caller said first; empty where they said nothing.
    pub first_words: String,
    /// The fault drill that struck it: what it took is no part of the measures of all calls.
    #[schema(value_type = Option<String>, example = "drl_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub drill: Option<DrillId>,
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// They called.
    Inbound,
    /// The agent called them.
    Outbound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SummaryBy {
    Rules,
    Model,
}

/// Which calls.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CallQuery {
    /// Name of an agent.
    pub agent: Option<String>,
    pub transport: Option<String>,
    /// Who called.
    #[param(inline)]
    pub direction: Option<Direction>,
    /// Name of an environment.
    pub environment: Option<String>,
    pub end_reason: Option<String>,
    pub outcome: Option<String>,
    /// Begun at this time or later, RFC 3339.
    pub from: Option<String>,
    /// Begun before this time.
    pub to: Option<String>,
    /// Words that were said by either side; `"in this order"`, `-without`, `this or that`.
    pub q: Option<String>,
    /// With a response that took longer, in ms.
    pub slower_than_ms: Option<f64>,
    /// With failures or dead air.
    pub problems: Option<bool>,
    /// Whose audio was poor, in some turn or over the call.
    pub poor_audio: Option<bool>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Call {
    #[serde(flatten)]
    pub summary: CallSummary,
    /// What the agent noted last under each name.
    #[schema(value_type = Object)]
    pub fields: Value,
    /// Name of the model that wrote the summary and `extracted`.
    pub summary_model: Option<String>,
    /// What that model read out of the words: the fields that the agent's `options.summary` names. Callers' words alone stand behind it,
    /// where `fields` is what the agent itself noted.
    #[schema(value_type = Object)]
    pub extracted: Value,
    /// What carried the call, in order: more than one where its caller was away and came back.
    pub connections: Vec<Connection>,
    pub transcript: Vec<Line>,
    pub turns_detail: Vec<Turn>,
    /// Of all of it until now. Absent before the first turn is over, and of calls that were put on record before it was measured.
    pub quality: Option<Quality>,
    pub dead_air: Vec<Silence>,
    pub notes: Vec<Note>,
    pub problems: Vec<CallFailure>,
    pub events: Vec<Event>,
    /// The call had more events than are listed here; `/events` has all.
    pub events_truncated: bool,
}

/// One way to the caller, until the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Since when it carried the call.
    pub at_ms: f64,
    /// As `transport` of the call. Empty in calls that were put on record before it was kept.
    pub transport: String,
    /// So long nobody was there before; 0 for the first.
    pub gap_ms: f64,
    /// The server had died, and the call went on after its start or on another.
    pub after_crash: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TurnList {
    pub data: Vec<Turn>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Those after this place in the call.
    pub after: Option<i32>,
    #[param(minimum = 1, maximum = 1000, default = 500)]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    pub data: Vec<NumberedEvent>,
    /// Pass as `after` for the events after these.
    pub next_after: Option<i32>,
    pub has_more: bool,
}

/// One event with its place in the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NumberedEvent {
    pub sequence: i32,
    pub at_ms: f64,
    /// Such as `caller_turn`.
    pub kind: String,
    #[schema(value_type = Option<u32>)]
    pub turn: Option<TurnId>,
    pub text: String,
}

/// What one side contributed, as it was heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    pub at_ms: f64,
    /// `caller` or `agent`.
    #[schema(value_type = String)]
    pub role: Role,
    #[schema(value_type = u32)]
    pub turn: TurnId,
    pub text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub typed: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// What was meant to be said and was never heard.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unheard: String,
    /// The agent is saying it: how much of `text` will have been heard is not known yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub saying: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Turn {
    #[schema(value_type = u32)]
    pub turn: TurnId,
    pub caller_text: String,
    pub agent_text: String,
    pub typed: bool,
    pub interrupted: bool,
    pub nodes: Vec<String>,
    pub marks: Vec<MarkAt>,
    /// Of what was typed or keyed in from its arrival, which is no part of the measures of calls. Absent where the caller did neither
    /// speak nor write, or the agent did not answer.
    pub latencies: Option<LatenciesMs>,
    pub served_by: ServedBy,
    /// What was asked for it of language models and voices (`requests`), and its share of what recognition cost, by the time in which it was listened
    /// to; that is known when the stream is over, mostly with the call. `unpriced` counts recognition that heard it, too. Absent where
    /// nothing was asked.
    pub cost: Option<CallSum>,
    /// How its audio fared, with what lies between it and the turn before. Absent while it goes on.
    pub quality: Option<Quality>,
}

/// How the audio of a stretch of a call fared, each way. What a transport cannot know is absent, and never zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quality {
    /// What carried it last, and how it was encoded.
    pub transport: String,
    #[schema(value_type = String)]
    pub encoding: Encoding,
    /// For so long media flowed.
    pub length_ms: f64,
    pub inbound: QualityIn,
    pub outbound: QualityOut,
    /// To the caller and back, as measured last. Of carriers' streams, what is played and told of there is part of it.
    pub round_trip_ms: Option<f64>,
    /// What was wrong: `loss_in`, `jitter_in`, `gaps_in` (from the caller), `loss_out`, `jitter_out` (to them), `round_trip`, `underruns` (the voice ran
    /// out), `late_out` (this server sent too late).
    #[schema(value_type = Vec<String>)]
    pub flaws: Vec<Flaw>,
    /// Somebody who listened would have been dissatisfied.
    pub poor: bool,
}

/// From the caller to us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QualityIn {
    /// Packets that came, or messages with audio.
    pub packets: u64,
    /// Where packets may be lost.
    pub network: Option<NetworkIn>,
    /// Mean opinion score, 1 to 4.5, after repair; absent where too little came to judge by.
    pub mos: Option<f64>,
}

/// What the network did to the caller's packets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NetworkIn {
    pub expected: u64,
    /// Not there when they were due.
    pub lost: u64,
    /// Of the lost, those that came too late to be heard.
    pub late: u64,
    /// Of the lost, those that redundancy in the next packet gave back.
    pub recovered: u64,
    /// Of what was expected, before repair.
    pub loss_percent: f64,
    /// The same after redundancy gave back what it could.
    pub unrecovered_percent: f64,
    pub reordered: u64,
    pub duplicates: u64,
    /// Sound that was made up in place of what was lost.
    pub concealed_ms: f64,
    /// Times at which nothing came although the caller's side was sending, and the silence in their place.
    pub gaps: u64,
    pub gap_ms: f64,
    /// By how much packets came further apart, or closer, than they were sent, on the mean (RFC 3550).
    pub jitter_ms: f64,
}

/// From us to the caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QualityOut {
    /// Packets that were sent.
    pub packets: u64,
    /// Where the caller's side reports (RTCP) how they arrive, as far as reports came within the stretch.
    pub reported: Option<ReportedOut>,
    /// Packets that left 20 ms and more after they were due.
    pub late: u64,
    /// Time that our clock lost: frames that were never sent.
    pub skipped_ms: f64,
    /// Packets that the connection had no room for.
    pub refused: u64,
    /// Times at which the voice ran out in mid-reply, and for how long.
    pub underruns: u64,
    pub dry_ms: f64,
    /// Mean opinion score, 1 to 4.5, where enough is reported.
    pub mos: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportedOut {
    /// Packets that the reports are about.
    pub packets: u64,
    pub lost: u64,
    pub loss_percent: f64,
    /// As the far end has it last.
    pub jitter_ms: f64,
}

/// Who really served the turn, after all fallbacks, in the order in which they began to. Nobody where none was needed, and while the turn
/// goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServedBy {
    pub recognition: Vec<ProviderName>,
    pub thinking: Vec<ProviderName>,
    pub voice: Vec<ProviderName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderName {
    /// Name of the account, or `built-in`.
    pub account: String,
    pub model: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MarkAt {
    #[schema(value_type = String)]
    pub mark: Mark,
    pub at_ms: f64,
}

/// The first five add up to `response_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LatenciesMs {
    pub endpointing_ms: f64,
    pub thinking_ms: f64,
    pub sentence_ms: f64,
    pub synthesis_ms: f64,
    pub playout_ms: f64,
    pub response_ms: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Silence {
    /// When it ended.
    pub at_ms: f64,
    #[schema(value_type = Option<u32>)]
    pub turn: Option<TurnId>,
    #[schema(value_type = String)]
    pub cause: DeadAir,
    pub length_ms: f64,
}

/// Something the agent noted, such as a booked appointment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    pub at_ms: f64,
    pub name: String,
    #[schema(value_type = Object)]
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallFailure {
    pub at_ms: f64,
    #[schema(value_type = Option<u32>)]
    pub turn: Option<TurnId>,
    /// `caller`, `provider` or `platform`.
    #[schema(value_type = String)]
    pub source: Source,
    pub code: String,
    pub message: String,
}

/// One event of the log in one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub at_ms: f64,
    /// The event's type as in the log, such as `caller_turn`.
    pub kind: String,
    #[schema(value_type = Option<u32>)]
    pub turn: Option<TurnId>,
    pub text: String,
}
