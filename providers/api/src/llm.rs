//! Language models: a conversation goes in, text streams out.

use domain::{Role, SessionId};
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::error::Error;
use crate::info::ProviderInfo;

pub trait Llm: Send + Sync {
    fn info(&self) -> &ProviderInfo;

    /// Starts one reply. Dropping the stream cancels it at the vendor.
    fn chat(
        &self,
        request: LlmRequest,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<LlmEvent, Error>>, Error>>;
}

#[derive(Debug, Clone)]
pub struct LlmRequest {
    pub session: SessionId,
    pub instructions: String,
    pub messages: Vec<Message>,
    pub max_tokens: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum LlmEvent {
    Text(String),
    /// The vendor's own count, last before the end.
    Usage {
        input_tokens: u64,
        output_tokens: u64,
    },
}
