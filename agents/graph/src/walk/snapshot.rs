//! All a walk knows, as data: written after any turn, taken up by any process that has the same version of the agent.

use std::collections::BTreeMap;

use domain::{EndReason, Failure, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Need, ToolError};
use crate::compile::Compiled;
use crate::{spoken, state};

/// Format of snapshots; raised when an older one can no longer be read.
const FORMAT: u32 = 1;
/// How much of the talk is kept.
const HISTORY: usize = 200;
/// How many receipts are kept: far more than one turn can make.
const RECEIPTS: usize = 64;
/// Share of a question that must have been heard for a "yes" to answer it.
const HEARD_ENOUGH: f32 = 0.7;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub(crate) format: u32,
    pub agent: String,
    pub version: u32,
    pub(crate) seed: u64,
    /// Steps taken since the beginning.
    pub step: u64,
    pub(crate) turn: u32,
    /// The node that waits for the caller.
    pub at: String,
    pub(crate) frames: Vec<Frame>,
    /// The state of the graph.
    pub channels: Map<String, Value>,
    /// What the last utterance said: text, intent, entities.
    pub heard: Value,
    pub(crate) error: Value,
    pub(crate) collects: BTreeMap<String, CollectState>,
    pub(crate) uses: BTreeMap<String, u32>,
    pub history: Vec<Spoken>,
    /// What "repeat that" says again.
    pub(crate) last_reply: String,
    /// The caller went on before any of it was heard.
    #[serde(default)]
    pub(crate) unheard: bool,
    /// What the caller was last asked.
    pub(crate) question: String,
    pub(crate) pending: Option<Pending>,
    pub(crate) queued: Option<(u32, String)>,
    /// Further questions of the last utterance, the next one first.
    #[serde(default)]
    pub(crate) questions: Vec<String>,
    pub receipts: Vec<Receipt>,
    pub ended: Option<EndReason>,
}

/// What an aside interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) collect: String,
    pub(crate) intent: String,
}

/// One contribution to the talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    pub role: Role,
    pub turn: u32,
    /// Of the agent: what was planned until it is known what was heard, then what was heard.
    pub text: String,
    pub interrupted: bool,
}

/// A tool call that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub key: String,
    pub node: String,
    pub tool: String,
    pub outcome: Result<Value, ToolError>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CollectState {
    /// Slot that was last asked for.
    pub(crate) asked: Option<String>,
    /// Questions in a row that brought nothing.
    pub(crate) misses: u32,
    pub(crate) confirming: bool,
    /// The caller said "no" to the read-back and was asked what to change.
    #[serde(default)]
    pub(crate) changing: bool,
    /// The turn that read everything back was cut off before it was heard.
    pub(crate) unheard: bool,
    /// Turn of the last read-back.
    pub(crate) read_back: Option<u32>,
    /// Digits of a telephone number so far.
    pub(crate) digits: String,
    pub(crate) last_filled: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pending {
    Classify { node: String, text: String, texts: Vec<String> },
    Tool { key: String, node: String, name: String, args: Value },
}

impl Pending {
    pub(crate) fn need(&self) -> Need {
        match self.clone() {
            Self::Classify { node, texts, .. } => Need::Classify { node, texts },
            Self::Tool { key, name, args, .. } => Need::Tool { key, name, args },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    #[error(
        "the snapshot is of agent \"{found}\" version {found_version}, and this is \"{expected}\" version {expected_version}"
    )]
    OtherAgent { expected: String, expected_version: u32, found: String, found_version: u32 },
    #[error("the snapshot has format {0}, which this program does not read")]
    Format(u32),
    #[error("the snapshot waits at node \"{0}\", which the agent does not have")]
    Node(String),
}

impl RestoreError {
    #[must_use]
    pub const fn failure(&self) -> Failure {
        Failure::caller("SNAPSHOT_UNFIT")
    }
}

impl Snapshot {
    pub(crate) fn start(graph: &Compiled, seed: u64) -> Self {
        let definition = &graph.definition;
        Self {
            format: FORMAT,
            agent: definition.name.clone(),
            version: definition.version,
            seed,
            step: 0,
            turn: 0,
            at: definition.entry.clone(),
            frames: Vec::new(),
            channels: state::start(&definition.state),
            heard: Value::Null,
            error: Value::Null,
            collects: BTreeMap::new(),
            uses: BTreeMap::new(),
            history: Vec::new(),
            last_reply: String::new(),
            unheard: false,
            question: String::new(),
            pending: None,
            queued: None,
            questions: Vec::new(),
            receipts: Vec::new(),
            ended: None,
        }
    }

    pub(crate) fn fits(&self, graph: &Compiled) -> Result<(), RestoreError> {
        let definition = &graph.definition;
        if self.format != FORMAT {
            return Err(RestoreError::Format(self.format));
        }
        if self.agent != definition.name || self.version != definition.version {
            return Err(RestoreError::OtherAgent {
                expected: definition.name.clone(),
                expected_version: definition.version,
                found: self.agent.clone(),
                found_version: self.version,
            });
        }
        if definition.nodes.contains_key(&self.at) {
            Ok(())
        } else {
            Err(RestoreError::Node(self.at.clone()))
        }
    }

    /// The last turn that said or was told something.
    #[must_use]
    pub const fn turn(&self) -> u32 {
        self.turn
    }

    pub(crate) fn keep_receipt(&mut self, receipt: Receipt) {
        if self.receipts.len() >= RECEIPTS {
            self.receipts.remove(0);
        }
        self.receipts.push(receipt);
    }

    pub(crate) fn remember(&mut self, role: Role, turn: u32, text: &str) {
        if self.history.len() >= HISTORY {
            self.history.remove(0);
        }
        self.history.push(Spoken { role, turn, text: text.to_owned(), interrupted: false });
    }

    /// The memory keeps what was heard and nothing else.
    pub(crate) fn heard_of(&mut self, turn: u32, text: &str, interrupted: bool) {
        let mut planned = String::new();
        let mut kept = false;
        self.history.retain_mut(|spoken| {
            if spoken.role != Role::Agent || spoken.turn != turn {
                return true;
            }
            planned.push_str(&spoken.text);
            planned.push(' ');
            if kept || text.trim().is_empty() {
                return false;
            }
            kept = true;
            text.trim().clone_into(&mut spoken.text);
            spoken.interrupted = interrupted;
            true
        });
        self.unheard |= interrupted && !planned.is_empty() && text.trim().is_empty();
        for collect in self.collects.values_mut().filter(|collect| collect.read_back == Some(turn)) {
            collect.unheard = interrupted && !spoken::mostly_heard(&planned, text, HEARD_ENOUGH);
        }
    }
}
