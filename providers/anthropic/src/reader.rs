//! Reads a reply: an event of the vendor in, events of ours out. No waiting.

use providers_api::{ErrorKind, Finish, LlmEvent, ToolCall, Usage};
use providers_link::{Fault, ReplyReader};
use serde_json::Value;

use crate::fault;
use crate::wire::{Block, Counted, Delta, Event};

#[derive(Debug, Default)]
pub(crate) struct Reader {
    begun: bool,
    /// The call whose arguments are being written, and what has come of them.
    call: Option<(String, String, String)>,
    called: bool,
    /// A call whose arguments are no object: no failure where the limit of tokens cut them off.
    malformed: bool,
    used: Usage,
    /// Counted by the vendor apart from those of the cache.
    uncached: u64,
    finish: Option<Finish>,
    over: bool,
}

impl ReplyReader for Reader {
    fn read(&mut self, data: &str) -> Result<Vec<LlmEvent>, Fault> {
        let event: Event = serde_json::from_str(data).map_err(|error| {
            Fault::protocol(format!("an event that cannot be read at {}", error.column()))
        })?;
        let mut out = Vec::new();
        match event {
            Event::Ping => {}
            Event::Error { error } => return Err(fault::broken_off(&error)),
            Event::MessageStart { message } => {
                self.begun = true;
                self.count(&message.usage);
            }
            _ if !self.begun => return Err(Fault::protocol("a reply that does not begin with its start")),
            Event::ContentBlockStart { content_block } => self.start(content_block, &mut out),
            Event::ContentBlockDelta { delta } => self.more(delta, &mut out),
            Event::ContentBlockStop => self.stop(&mut out),
            Event::MessageDelta { delta, usage } => {
                self.count(&usage);
                if let Some(reason) = delta.stop_reason {
                    self.finish = Some(self.finished(&reason)?);
                }
            }
            Event::MessageStop => out = self.end()?,
            Event::Other => {}
        }
        Ok(out)
    }

    /// The body ended, or the vendor says that it will.
    fn end(&mut self) -> Result<Vec<LlmEvent>, Fault> {
        let Some(finish) = self.finish else {
            return Err(Fault::new(ErrorKind::Closed, "the reply ended in its middle"));
        };
        if std::mem::replace(&mut self.over, true) {
            return Ok(Vec::new());
        }
        let Usage { cached_tokens, cache_written_tokens, .. } = self.used;
        let input_tokens = self.uncached + cached_tokens + cache_written_tokens;
        Ok(vec![LlmEvent::Usage(Usage { input_tokens, ..self.used }), LlmEvent::Finished(finish)])
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Reader {
    fn start(&mut self, block: Block, out: &mut Vec<LlmEvent>) {
        match block {
            Block::Text { text } if !text.is_empty() => out.push(LlmEvent::Text(text)),
            Block::ToolUse { id, name, input } => {
                // Servers that do not stream arguments give them here.
                let written = match &input {
                    Value::Object(fields) if !fields.is_empty() => input.to_string(),
                    _ => String::new(),
                };
                self.call = Some((id, name, written));
            }
            Block::Text { .. } | Block::Other => {}
        }
    }

    fn more(&mut self, delta: Delta, out: &mut Vec<LlmEvent>) {
        match delta {
            Delta::Text { text } if !text.is_empty() => out.push(LlmEvent::Text(text)),
            Delta::InputJson { partial_json } => {
                if let Some((_, _, written)) = &mut self.call {
                    written.push_str(&partial_json);
                }
            }
            Delta::Text { .. } | Delta::Other => {}
        }
    }

    fn stop(&mut self, out: &mut Vec<LlmEvent>) {
        let Some((id, name, written)) = self.call.take() else { return };
        let written = if written.trim().is_empty() { "{}" } else { &written };
        match serde_json::from_str(written) {
            Ok(arguments @ Value::Object(_)) => {
                self.called = true;
                out.push(LlmEvent::ToolCall(ToolCall { id, name, arguments }));
            }
            _ => self.malformed = true,
        }
    }

    fn count(&mut self, counted: &Counted) {
        self.uncached = counted.input_tokens.unwrap_or(self.uncached);
        let used = &mut self.used;
        used.cached_tokens = counted.cache_read_input_tokens.unwrap_or(used.cached_tokens);
        used.cache_written_tokens = counted.cache_creation_input_tokens.unwrap_or(used.cache_written_tokens);
        used.output_tokens = counted.output_tokens.unwrap_or(used.output_tokens);
    }

    fn finished(&self, reason: &str) -> Result<Finish, Fault> {
        match reason {
            // `pause_turn`: the vendor's own tools took too long, of which none is ever given.
            "max_tokens" | "model_context_window_exceeded" | "pause_turn" => Ok(Finish::Length),
            "refusal" => Ok(Finish::Refused),
            _ if self.malformed => Err(Fault::protocol("a call of a tool whose arguments are no object")),
            "tool_use" if !self.called => Err(Fault::protocol("a stop for a tool that was not named")),
            _ if self.called => Ok(Finish::ToolCalls),
            // `end_turn`, `stop_sequence`, and what is to come.
            _ => Ok(Finish::Stop),
        }
    }
}

#[cfg(test)]
mod tests;
