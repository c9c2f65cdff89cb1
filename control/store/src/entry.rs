//! What calls leave behind for the store, one line of JSON each, complete in itself and written any number of times with one effect.

use std::time::Duration;

use domain::{AgentId, ChannelId, EnvironmentId, OrgId, ServerId, SessionEvent, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Opened(Opened),
    Event(Happened),
    Checkpoint(Checkpoint),
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
    /// Who listens and speaks, such as `local` or `deepgram`.
    pub provider: String,
    /// The data directory of the server that runs it.
    pub server: ServerId,
    pub started_at: jiff::Timestamp,
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

impl Entry {
    #[must_use]
    pub fn session(&self) -> SessionId {
        match self {
            Self::Opened(opened) => opened.session,
            Self::Event(happened) => happened.session,
            Self::Checkpoint(checkpoint) => checkpoint.session,
        }
    }
}
