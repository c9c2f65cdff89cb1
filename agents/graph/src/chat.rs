//! What a walk asks a language model, and what comes back: data, in the words of no vendor.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

/// One question to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The node that asks.
    pub node: String,
    pub instructions: String,
    pub messages: Vec<ChatMessage>,
    /// What somebody who listens wants said or done in this reply; it stands at the end of the instructions, too.
    pub whispers: Vec<String>,
    /// What the model may call: tools, and the node's exits.
    pub functions: Arc<[Function]>,
    /// The model has called often enough in this turn: only words are wanted.
    pub words_only: bool,
    /// The whole answer is one JSON value of this schema.
    pub output: Option<Arc<Value>>,
    pub max_tokens: Option<u32>,
    pub temperature: Option<f32>,
    /// Longest wait for the next piece of the answer.
    pub timeout: Duration,
}

impl ChatRequest {
    /// Whether an answer to the other one answers this one: the same is asked after the same talk. The clock in the
    /// instructions may have gone on meanwhile.
    #[must_use]
    pub fn asks_the_same(&self, other: &Self) -> bool {
        self.node == other.node
            && self.words_only == other.words_only
            && self.whispers == other.whispers
            && self.messages == other.messages
    }
}

/// One contribution to the talk, as the model is told of it.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatMessage {
    Caller(String),
    /// What the caller heard, and the calls made after it.
    Agent {
        text: String,
        calls: Vec<ChatCall>,
    },
    Result {
        id: String,
        name: String,
        content: String,
        is_error: bool,
    },
}

/// A call that a model asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatCall {
    pub id: String,
    pub name: String,
    pub args: Value,
}

/// What a model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub name: String,
    pub description: String,
    /// JSON Schema of an object.
    pub parameters: Value,
}

/// Why an answer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatEnd {
    Stop,
    /// The limit of tokens was reached.
    Length,
    Refused,
}

/// Why there is no answer, or only half of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatError {
    /// Stable code, such as `LLM_CLOSED`.
    pub code: &'static str,
    pub message: String,
}

/// One of the tools that a model wants to be called.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The same however often it is tried: do it once.
    pub key: String,
    pub name: String,
    pub args: Value,
    pub effects: bool,
}
