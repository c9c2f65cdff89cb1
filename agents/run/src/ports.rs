//! What a conversation asks of the outside.

use std::sync::{Arc, OnceLock};

use agents_graph::ToolError;
use domain::SessionId;
use futures::future::BoxFuture;
use jiff::Zoned;
use providers_api::{Llm, ProviderInfo, Usage};
use runtime::tasks::Tasks;
use serde_json::Value;

/// A call of a tool, made after the caller's turn is certain and never before.
#[derive(Debug, Clone)]
pub struct ToolCall {
    pub name: String,
    pub args: Value,
    /// The session that asks.
    pub session: String,
    /// The same for the same step of the same session, however often it is tried: do it once.
    pub key: String,
    /// To be taken directly before the effect.
    pub permit: Permit,
}

/// Whether a call may still take effect. The tool takes it, or the one who waits withdraws it: only one of them can, so that
/// what the caller is told of the call is true.
#[derive(Debug, Clone, Default)]
pub struct Permit(Arc<OnceLock<Taken>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    ByTool,
    Back,
}

impl Permit {
    /// For the tool, before what cannot be undone. `false`: the caller has been told that it did not happen, so that it must not.
    #[must_use]
    pub fn take(&self) -> bool {
        *self.0.get_or_init(|| Taken::ByTool) == Taken::ByTool
    }

    /// For the one who waits no longer. `false`: it may have happened.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        *self.0.get_or_init(|| Taken::Back) == Taken::Back
    }
}

pub trait Tools: Send + Sync {
    /// The future runs to its end even if the caller hangs up meanwhile, and is dropped where the call takes too long. A tool
    /// with effects has them only after `call.permit` was taken.
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolError>>;
}

pub trait Clock: Send + Sync {
    fn now(&self) -> Zoned;
}

/// The machine's clock in the machine's zone.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Zoned {
        Zoned::now()
    }
}

/// What one question to a language model used.
#[derive(Debug, Clone)]
pub struct ChatUsed {
    pub session: SessionId,
    /// Name of the agent that asked.
    pub agent: String,
    /// Who really answered.
    pub served: Arc<ProviderInfo>,
    /// Estimated, and marked so, where the answer was cut off before the vendor had counted.
    pub usage: Usage,
    pub ahead: AskedAhead,
}

/// Whether a question was asked before the caller's turn was certain, and what came of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedAhead {
    No,
    /// The answer was the answer.
    Adopted,
    InVain,
}

/// Keeps the books.
pub trait Meter: Send + Sync {
    /// A question is over: answered, cut off or given up. Must not block.
    fn chat(&self, used: ChatUsed);
}

/// The outside of a conversation.
#[derive(Clone)]
pub struct Ports {
    /// Answers in nodes of kind `llm`; without one they fail with `LLM_MISSING`.
    pub llm: Option<Arc<dyn Llm>>,
    pub meter: Option<Arc<dyn Meter>>,
    pub tools: Arc<dyn Tools>,
    pub clock: Arc<dyn Clock>,
    /// Owner of running tool calls.
    pub tasks: Arc<Tasks>,
    /// Whether a word bridges every long wait now, and not only those for tools.
    pub bridges: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}
