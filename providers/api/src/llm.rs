//! Language models: a conversation goes in, text and calls of tools stream out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::{Pii, SessionId, TurnId, Voiced};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde_json::Value;

use crate::error::Error;
use crate::info::ProviderInfo;
use crate::usage::Usage;

/// A reply under way. Dropping it cancels at the vendor: no token is paid for that was not under way.
pub type LlmStream = BoxStream<'static, Result<LlmEvent, Error>>;

pub trait Llm: Send + Sync {
    fn info(&self) -> &ProviderInfo;

    /// Starts one reply. Returns when the vendor has accepted the request.
    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>>;
}

/// Everything of one request. Cheap to clone for a second attempt: what is long is shared.
#[derive(Debug, Clone)]
pub struct LlmRequest {
    pub session: SessionId,
    /// Of the session, certain or not; `None`: for none.
    pub turn: Option<TurnId>,
    /// The system prompt. What stays the same from turn to turn stands first, so that vendors' prompt caches apply.
    pub instructions: Arc<str>,
    pub messages: Arc<[Message]>,
    pub tools: Arc<[ToolSpec]>,
    pub tool_choice: ToolChoice,
    /// The whole reply is one JSON value of this schema.
    pub output: Option<Arc<OutputSchema>>,
    pub max_tokens: Option<u32>,
    pub temperature: Option<f32>,
    /// The same for requests that share a beginning, for vendors that route by it.
    pub cache_key: Option<String>,
    /// How long whoever asks waits for the next useful thing. Routes try everything within it; providers need not look at it.
    pub patience: Option<Duration>,
    /// Nobody waits for it yet, and it may be in vain: routes ask one at a time.
    pub ahead: bool,
}

impl LlmRequest {
    /// A request without tools, limits or a schema.
    #[must_use]
    pub fn new(session: SessionId, instructions: &str, messages: Vec<Message>) -> Self {
        Self {
            session,
            turn: None,
            instructions: instructions.into(),
            messages: messages.into(),
            tools: Arc::new([]),
            tool_choice: ToolChoice::Auto,
            output: None,
            max_tokens: None,
            temperature: None,
            cache_key: None,
            patience: None,
            ahead: false,
        }
    }
}

#[derive(Clone, PartialEq)]
pub enum Message {
    Caller(String),
    /// What the agent said (as far as the caller heard it) and the tools it called. Either may be empty, not both.
    Agent {
        text: String,
        calls: Vec<ToolCall>,
    },
    /// Answers one call of the agent's message before it; each call has exactly one.
    ToolResult {
        id: String,
        name: String,
        content: String,
        is_error: bool,
    },
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller(text) => f.debug_tuple("Caller").field(&Pii(text)).finish(),
            Self::Agent { text, calls } => {
                f.debug_struct("Agent").field("text", &Pii(text)).field("calls", calls).finish()
            }
            Self::ToolResult { id, name, content, is_error } => f
                .debug_struct("ToolResult")
                .field("id", id)
                .field("name", name)
                .field("content", &Pii(content))
                .field("is_error", is_error)
                .finish(),
        }
    }
}

/// A complete call that the model asks for.
#[derive(Clone, PartialEq)]
pub struct ToolCall {
    /// The vendor's, or one made here where it gives none.
    pub id: String,
    pub name: String,
    /// An object. What the model wrote that is no JSON object is an error of kind `Protocol`.
    pub arguments: Value,
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, arguments } = self;
        f.debug_struct("ToolCall")
            .field("id", id)
            .field("name", name)
            .field("arguments", &Pii(arguments))
            .finish()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Letters, digits, `_` and `-`, at most 64.
    pub name: String,
    pub description: String,
    /// JSON Schema of an object.
    pub parameters: Value,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model may speak, call, or both.
    #[default]
    Auto,
    /// Words alone.
    None,
    /// At least one call.
    Required,
    /// A call of this tool.
    Named(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct OutputSchema {
    pub name: String,
    pub schema: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum LlmEvent {
    /// Who serves the reply from here on. Given by routes, before the first event of whoever they chose.
    Served(Arc<ProviderInfo>),
    /// More of the reply; pieces join as they are.
    Text(String),
    /// More of the reply, by a model that speaks itself: not to be spoken again.
    Voiced(Voiced),
    ToolCall(ToolCall),
    /// The vendor's own count (or ours, marked), once, before `Finished`.
    Usage(Usage),
    /// Last. A stream that ends without it was broken off.
    Finished(Finish),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Finish {
    /// The model had no more to say.
    #[default]
    Stop,
    /// The limit of tokens was reached in mid-reply.
    Length,
    /// The results of its calls are wanted.
    ToolCalls,
    /// The vendor's filter or the model refused.
    Refused,
}
