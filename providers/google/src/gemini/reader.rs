//! Reads a reply: an event of the vendor in, events of ours out. No waiting.

use std::sync::Arc;

use providers_api::{ErrorKind, Finish, LlmEvent, ToolCall, Usage};
use providers_link::{Fault, ReplyReader};
use serde_json::{Value, json};
use uuid::Uuid;

use super::calls::{Calls, Kept};
use super::fault;
use crate::wire_gemini::{Chunk, Counted, FunctionCall, Part};

#[derive(Debug)]
pub(crate) struct Reader {
    calls: Arc<Calls>,
    has_spoken: bool,
    has_called: bool,
    counted: Option<Counted>,
    finish: Option<Finish>,
    over: bool,
}

impl ReplyReader for Reader {
    fn read(&mut self, data: &str) -> Result<Vec<LlmEvent>, Fault> {
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| {
            Fault::protocol(format!("an event that cannot be read at {}", error.column()))
        })?;
        if let Some(problem) = &chunk.error {
            return Err(fault::broken_off(problem));
        }
        let is_known =
            !chunk.candidates.is_empty() || chunk.prompt_feedback.is_some() || chunk.usage_metadata.is_some();
        if !is_known {
            return Err(Fault::protocol("an event with neither an answer nor a reason for none"));
        }
        self.counted = chunk.usage_metadata.or(self.counted);
        if chunk.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some()) {
            self.finish = Some(Finish::Refused);
        }
        let mut out = Vec::new();
        // One candidate is asked for.
        if let Some(candidate) = chunk.candidates.into_iter().next() {
            candidate.content.parts.into_iter().try_for_each(|part| self.part(part, &mut out))?;
            if let Some(reason) = candidate.finish_reason {
                self.finish = Some(self.finished(&reason)?);
            }
        }
        // The count comes with the reason or, from some servers, after it.
        if self.finish.is_some() && self.counted.is_some() {
            out.extend(self.end()?);
        }
        Ok(out)
    }

    /// The body ended, or all that is wanted has come.
    fn end(&mut self) -> Result<Vec<LlmEvent>, Fault> {
        let Some(finish) = self.finish else {
            return Err(Fault::new(ErrorKind::Closed, "the reply ended in its middle"));
        };
        if std::mem::replace(&mut self.over, true) {
            return Ok(Vec::new());
        }
        let usage = self.counted.map(|counted| LlmEvent::Usage(usage(counted)));
        Ok(usage.into_iter().chain([LlmEvent::Finished(finish)]).collect())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Reader {
    /// What the vendor wants back with a call is kept in `calls`.
    pub(crate) const fn new(calls: Arc<Calls>) -> Self {
        Self { calls, has_spoken: false, has_called: false, counted: None, finish: None, over: false }
    }

    fn part(&mut self, part: Part, out: &mut Vec<LlmEvent>) -> Result<(), Fault> {
        if let Some(call) = part.function_call {
            out.push(LlmEvent::ToolCall(self.call(call, part.thought_signature)?));
        } else if !part.thought && !part.text.is_empty() {
            self.has_spoken = true;
            out.push(LlmEvent::Text(part.text));
        }
        Ok(())
    }

    fn call(&mut self, call: FunctionCall, signature: Option<String>) -> Result<ToolCall, Fault> {
        let arguments = match call.args {
            Value::Null => json!({}),
            object @ Value::Object(_) => object,
            _ => return Err(Fault::protocol("a call of a tool whose arguments are no object")),
        };
        let given = call.id.filter(|id| !id.is_empty());
        let is_named = given.is_some();
        let id = given.unwrap_or_else(|| format!("call_{}", Uuid::now_v7().simple()));
        self.calls.keep(&id, Kept { is_named, signature });
        self.has_called = true;
        Ok(ToolCall { id, name: call.name, arguments })
    }

    fn finished(&self, reason: &str) -> Result<Finish, Fault> {
        match reason {
            "STOP" if self.has_called => Ok(Finish::ToolCalls),
            "STOP" => Ok(Finish::Stop),
            "MAX_TOKENS" => Ok(Finish::Length),
            "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
            | "MODEL_ARMOR" => Ok(Finish::Refused),
            "MALFORMED_FUNCTION_CALL"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MISSING_THOUGHT_SIGNATURE"
            | "MALFORMED_RESPONSE" => Err(Fault::protocol(format!("the model ended with {reason}"))),
            "OTHER" | "FINISH_REASON_UNSPECIFIED" => {
                Err(Fault::new(ErrorKind::Closed, format!("the reply ended with {reason}")))
            }
            // What is to come: complete as far as anyone can tell, if something came.
            _ if self.has_called => Ok(Finish::ToolCalls),
            _ if self.has_spoken => Ok(Finish::Stop),
            other => Err(Fault::protocol(format!("an end of the unknown kind {other:?} without an answer"))),
        }
    }
}

fn usage(counted: Counted) -> Usage {
    Usage {
        input_tokens: counted.prompt_token_count + counted.tool_use_prompt_token_count,
        cached_tokens: counted.cached_content_token_count,
        output_tokens: counted.candidates_token_count + counted.thoughts_token_count,
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests;
