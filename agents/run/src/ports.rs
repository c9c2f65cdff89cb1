//! What a conversation asks of the outside.

use std::sync::Arc;

use agents_graph::ToolError;
use futures::future::BoxFuture;
use jiff::Zoned;
use runtime::tasks::Tasks;
use serde_json::Value;

/// A call of a tool, made after the caller's turn is certain and never before.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    pub name: String,
    pub args: Value,
    /// The session that asks.
    pub session: String,
    /// The same for the same step of the same session, however often it is tried: do it once.
    pub key: String,
}

pub trait Tools: Send + Sync {
    /// The future runs to its end even if the caller hangs up meanwhile.
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

/// The outside of a conversation.
#[derive(Clone)]
pub struct Ports {
    pub tools: Arc<dyn Tools>,
    pub clock: Arc<dyn Clock>,
    /// Owner of running tool calls.
    pub tasks: Arc<Tasks>,
}
