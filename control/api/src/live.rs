//! Calls that are under way: as they stand, and what somebody at the console can do in them.

use domain::{ServerId, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::Direction;

/// A call under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveCall {
    #[schema(value_type = String, example = "ses_0190d2f0c0de7000800000000000abcd")]
    pub id: SessionId,
    /// As callers name it.
    pub agent: String,
    /// `webrtc`, `websocket`, `twilio`, `telnyx`, `sip`, `livekit`.
    pub transport: String,
    /// Absent of calls that began before it was kept.
    pub direction: Option<Direction>,
    /// The other side's number or address, where the transport says it.
    #[schema(example = "+49301234567")]
    pub party: Option<String>,
    #[schema(format = DateTime)]
    pub started_at: String,
    /// The server that has it.
    #[schema(value_type = String, example = "srv_0190d2f0c0de7000800000000000abcd")]
    pub server_id: ServerId,
    /// It runs on the server that answers: here alone it is heard, told and ended.
    pub here: bool,
    /// `initializing`, `listening`, `thinking`, `speaking`, or `bridged`: the caller talks with a person, and the agent has no part in it.
    /// `elsewhere`: another server has it, which knows.
    pub state: String,
    /// Whether the caller is connected; one who was lost may come back.
    pub connected: bool,
    /// Turns of the caller so far.
    pub turns: u32,
    /// Somebody listens.
    pub listeners: u32,
}

/// Calls of the organization: those that run on this server as they stand, and of others what is on record; each the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveCalls {
    pub data: Vec<LiveCall>,
    /// Whether calls of other servers are among them. They are looked up every few seconds; while the database does not answer nobody knows them.
    pub others_known: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Whisper {
    #[schema(min_length = 1, max_length = 500, example = "Offer them the ten o'clock appointment.")]
    pub text: String,
    /// `instruct`: a word in the agent's ear for its next reply, which language models heed. `say`: any agent says it word for word, in place of what it is
    /// saying; where the caller is speaking, when they have finished, in place of the answer.
    #[serde(default)]
    pub mode: WhisperMode,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhisperMode {
    #[default]
    Instruct,
    Say,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whispered {
    /// Whether the agent heeds it in its next reply. `false`: where the call stands now the agent says what is written for it; the words wait
    /// until it comes to a language model.
    pub heeded: bool,
}

/// The way to a call's sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listening {
    /// Of a WebSocket on this server, good for half a minute and for this call alone. It gives binary messages: 16-bit samples, little-endian,
    /// 16 kHz, two channels in turn (the caller, then what they hear), 20 ms each.
    #[schema(example = "/live?token=l1...")]
    pub url: String,
}

/// What was asked for is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ending {
    #[schema(value_type = String)]
    pub id: SessionId,
}
