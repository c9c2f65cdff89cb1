//! What calls leave behind for the store, one line of JSON each, complete in itself and written any number of times with one effect.

use std::time::Duration;

use domain::{
    AgentId, ChannelId, DrillId, EnvironmentId, OrgId, ProviderRequestId, ServerId, SessionEvent, SessionId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::greeting::Began;
use crate::opposite::Opposite;
use crate::pricing::Usage;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Opened(Opened),
    Event(Happened),
    Checkpoint(Checkpoint),
    Request(Box<ProviderRequest>),
    Fenced(Box<Fenced>),
}

/// An entry of a call that other servers may take over, or that was: written only as long as nobody has done so since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fenced {
    /// Of the lease that whoever put it had. Entries without one have 0.
    pub fence: i32,
    pub entry: Entry,
}

/// A call began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub session: SessionId,
    pub org: OrgId,
    pub agent: Option<AgentId>,
    pub agent_name: String,
    /// 0: the draft.
    pub version: i32,
    pub environment: Option<EnvironmentId>,
    pub channel: Option<ChannelId>,
    pub transport: String,
    /// The data directory of the server that runs it.
    pub server: ServerId,
    /// The drill that strikes it.
    #[serde(default)]
    pub drill: Option<DrillId>,
    pub started_at: jiff::Timestamp,
    /// What the caller is greeted with; `None` in entries of servers that did not say.
    #[serde(default)]
    pub greeting: Option<Began>,
    /// Who called whom; `None` in entries of servers that did not say.
    #[serde(default)]
    pub opposite: Option<Opposite>,
}

/// One event of a call. Its place in the call is its identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Happened {
    pub session: SessionId,
    /// From 0, without gaps as long as nothing was lost.
    pub sequence: i32,
    /// Since the call began.
    pub at_us: i64,
    pub event: SessionEvent,
    /// Providers that have begun to serve the call since the event before, by account. One that served it before may come again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<String>,
    /// What asking language models ahead of the end of turns came to since the event before.
    #[serde(default, skip_serializing_if = "Speculation::is_none")]
    pub speculation: Speculation,
}

/// Questions that were asked before a turn was certain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speculation {
    /// Their answers were the answers.
    pub adopted: u32,
    /// Asked in vain.
    pub discarded: u32,
    /// In and out, of those in vain; estimated where a vendor had not counted.
    pub wasted_tokens: u64,
}

impl Speculation {
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Happened {
    #[must_use]
    pub fn at(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.at_us).unwrap_or_default())
    }
}

/// What the conversation is taken up from when its server has died.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub session: SessionId,
    pub state: Value,
}

/// A provider was asked: one attempt, whatever came of it. Its id is its identity; what it cost is found when it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderRequest {
    pub id: ProviderRequestId,
    pub org: OrgId,
    /// `None`: for no call, such as a trial of an account.
    pub session: Option<SessionId>,
    /// `None`: of none alone, as a stream of recognition, which hears many.
    pub turn: Option<u32>,
    /// When it was over.
    pub at: jiff::Timestamp,
    pub agent: Option<AgentId>,
    /// Empty where it was made for no agent.
    pub agent_name: String,
    pub environment: Option<EnvironmentId>,
    /// `stt`, `llm`, `tts`.
    pub ability: String,
    /// Name of the account, or `built-in`.
    pub provider: String,
    /// As prices name it.
    pub vendor: String,
    pub model: String,
    pub region: String,
    /// What it was made for: `first`, `fallback`, `hedge`, `probe`, or `trial` of an account.
    pub why: String,
    pub outcome: Outcome,
    pub error_code: Option<String>,
    pub connect_us: Option<i64>,
    pub first_us: Option<i64>,
    pub took_us: Option<i64>,
    pub usage: Usage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Completed,
    /// Given up by us: the caller spoke, or another was faster. What was used until then is charged.
    Cancelled,
    Failed,
}

impl Outcome {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

impl Entry {
    /// Without it a call would never begin or end on record, or what was paid for be lost.
    #[must_use]
    pub fn is_vital(&self) -> bool {
        match self {
            Self::Opened(_) | Self::Request(_) => true,
            Self::Event(happened) => matches!(happened.event, SessionEvent::Ended { .. }),
            Self::Checkpoint(_) => false,
            Self::Fenced(fenced) => fenced.entry.is_vital(),
        }
    }

    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Opened(opened) => Some(opened.session),
            Self::Event(happened) => Some(happened.session),
            Self::Checkpoint(checkpoint) => Some(checkpoint.session),
            Self::Request(request) => request.session,
            Self::Fenced(fenced) => fenced.entry.session(),
        }
    }
}
