//! All a walk knows, as data: written after any turn, taken up by any process that has the same version of the agent.
//!
//! That process may be older than the one that wrote it, or newer: what either does not know is passed over. A field that must not be
//! passed over raises `FORMAT`.

use std::collections::BTreeMap;

use domain::{EndReason, Failure, Role};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::ToolError;
use super::told::Told;
use crate::chat::{Call, ChatCall};
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
/// Of which less was heard counts as not heard.
const HARDLY_HEARD: f32 = 0.3;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Where the talk goes on from the greeting, in place of waiting at the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) begins: Option<String>,
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
    /// The caller went on before more of it than a word or two was heard.
    #[serde(default)]
    pub(crate) unheard: bool,
    /// What the caller was last asked.
    pub(crate) question: String,
    #[serde(deserialize_with = "known")]
    pub(crate) pending: Option<Pending>,
    /// How often models were asked since the caller spoke.
    #[serde(default)]
    pub(crate) chats: u32,
    pub(crate) queued: Option<(u32, String)>,
    /// Further questions of the last utterance, the next one first.
    #[serde(default)]
    pub(crate) questions: Vec<String>,
    /// What somebody who listens wants of the next reply of a model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) whispers: Vec<String>,
    /// What was told of the call before it began.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub(crate) told: Told,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spoken {
    pub role: Role,
    pub turn: u32,
    /// Of the agent: what was planned until it is known what was heard, then what was heard.
    pub text: String,
    pub interrupted: bool,
    /// Of the agent: what a model had called after these words, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Called>,
}

/// A call that a model asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Called {
    /// The model's name for the call.
    pub id: String,
    /// As the model knows it.
    pub name: String,
    pub args: Value,
    /// Under this the tool is called.
    pub(crate) key: String,
    pub(crate) tool: String,
    /// `args`, and what the graph adds to them.
    pub(crate) given: Value,
    pub(crate) effects: bool,
    /// None while it is under way.
    pub outcome: Option<Result<Value, ToolError>>,
}

impl Called {
    pub(crate) fn call(&self) -> Call {
        let Self { key, tool, given, effects, .. } = self;
        Call { key: key.clone(), name: tool.clone(), args: given.clone(), effects: *effects }
    }

    pub(crate) fn chat_call(&self) -> ChatCall {
        ChatCall { id: self.id.clone(), name: self.name.clone(), args: self.args.clone() }
    }
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
    Classify {
        node: String,
        text: String,
        texts: Vec<String>,
    },
    Tool {
        key: String,
        node: String,
        name: String,
        args: Value,
    },
    Chat(Chatting),
    Calls(Calling),
    /// The caller is to be put through; `begun`: that is being tried.
    Transfer {
        node: String,
        turn: u32,
        begun: bool,
    },
    /// Keys are to be pressed; `begun`: they are being pressed.
    Press {
        node: String,
        turn: u32,
        begun: bool,
        /// How that went.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Result<(), ToolError>>,
    },
}

/// What a newer program waits for and this one does not know is not waited for: the caller is asked again what was asked.
fn known<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Pending>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Read {
        Known(Pending),
        Unknown(IgnoredAny),
    }
    Ok(match Option::<Read>::deserialize(from)? {
        Some(Read::Known(pending)) => Some(pending),
        Some(Read::Unknown(_)) | None => None,
    })
}

/// A model is being asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chatting {
    pub(crate) key: String,
    pub(crate) node: String,
    /// How often tools were called in this turn.
    pub(crate) round: u32,
    /// What it gave so far.
    pub(crate) text: String,
    /// It has said something in this turn, in this round or before.
    pub(crate) said: bool,
}

/// What a model wanted called is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calling {
    pub(crate) node: String,
    pub(crate) turn: u32,
    pub(crate) round: u32,
    pub(crate) said: bool,
    pub(crate) calls: Vec<Called>,
    /// Where to go when all are done.
    pub(crate) exit: Option<String>,
}

impl Calling {
    pub(crate) fn has_effects(&self) -> bool {
        self.calls.iter().any(|called| called.effects)
    }

    /// What is not done yet, in order.
    pub(crate) fn open(&self) -> Vec<Call> {
        self.calls.iter().filter(|called| called.outcome.is_none()).map(Called::call).collect()
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
            begins: None,
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
            chats: 0,
            queued: None,
            questions: Vec::new(),
            whispers: Vec::new(),
            told: Told::default(),
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
        self.history.push(Spoken {
            role,
            turn,
            text: text.to_owned(),
            interrupted: false,
            calls: Vec::new(),
        });
    }

    /// The memory keeps what was heard and nothing else; what was called stays in its place.
    pub(crate) fn heard_of(&mut self, turn: u32, text: &str, interrupted: bool) {
        let own = |spoken: &Spoken| spoken.role == Role::Agent && spoken.turn == turn;
        let parts = self.history.iter().filter(|spoken| own(spoken));
        let planned: Vec<String> = parts.map(|spoken| spoken.text.clone()).collect();
        let called = self.history.iter().any(|spoken| own(spoken) && !spoken.calls.is_empty());
        let heard = if called { spread(&planned, text) } else { vec![text.trim().to_owned()] };
        let last = heard.iter().rposition(|part| !part.is_empty()).unwrap_or(0);
        let mut at = 0;
        self.history.retain_mut(|spoken| {
            if !own(spoken) {
                return true;
            }
            let part = heard.get(at).map_or("", String::as_str);
            part.clone_into(&mut spoken.text);
            spoken.interrupted = interrupted && at == last && !part.is_empty();
            at += 1;
            !part.is_empty() || !spoken.calls.is_empty()
        });
        let planned = planned.iter().fold(String::new(), |all, part| all + part + " ");
        self.unheard |= interrupted && !spoken::mostly_heard(&planned, text, HARDLY_HEARD);
        for collect in self.collects.values_mut().filter(|collect| collect.read_back == Some(turn)) {
            collect.unheard = interrupted && !spoken::mostly_heard(&planned, text, HEARD_ENOUGH);
        }
    }
}

/// Of what was heard, the words that belong to each of the planned parts; what is more belongs to the last part with words.
fn spread(planned: &[String], heard: &str) -> Vec<String> {
    let mut words = heard.split_whitespace();
    let mut parts: Vec<String> = planned
        .iter()
        .map(|part| words.by_ref().take(part.split_whitespace().count()).collect::<Vec<_>>().join(" "))
        .collect();
    let rest = words.collect::<Vec<_>>().join(" ");
    if let Some(last) = parts.iter_mut().rev().find(|part| !part.is_empty())
        && !rest.is_empty()
    {
        last.push(' ');
        last.push_str(&rest);
    }
    parts
}
