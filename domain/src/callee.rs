//! Who takes a call of ours, and what is done where that is a machine.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secret::Pii;

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Callee {
    Human,
    /// A voicemail or an answering machine.
    Machine,
    /// Nothing told within the time there was.
    Unknown,
}

impl Callee {
    /// As the API and the store write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Machine => "machine",
            Self::Unknown => "unknown",
        }
    }
}

/// By what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    /// A short greeting, and a wait for an answer.
    Pause,
    /// A greeting longer than people's.
    Length,
    /// What was said.
    Words,
    /// The tone after which a message is recorded.
    Beep,
    /// Nobody said anything.
    Silence,
    /// The time was over.
    Deadline,
}

/// What is done where a machine answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtMachine {
    HangUp,
    /// Said after the beep; then the call ends.
    LeaveMessage(String),
}

/// A message may name people.
impl fmt::Debug for AtMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HangUp => f.write_str("HangUp"),
            Self::LeaveMessage(text) => f.debug_tuple("LeaveMessage").field(&Pii(text)).finish(),
        }
    }
}
