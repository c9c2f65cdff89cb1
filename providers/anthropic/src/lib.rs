//! Anthropic: language models over the Messages API.
//!
//! Only `wire` knows the vendor's JSON. A reply is driven by whoever polls it; dropping it ends the request.

mod fault;
mod llm;
pub mod options;
mod reader;
mod wire;

pub use llm::AnthropicLlm;
pub use options::Options;

/// In errors, events and configuration.
const NAME: &str = "anthropic";
