//! What the events of one reply mean: event in, `LlmEvent`s out.

use providers_api::{Finish, LlmEvent, ToolCall, Usage};
use providers_link::Fault;
use serde_json::{Map, Value};

use crate::faults;
use crate::wire::Complaint;
use crate::wire::chat::{CallPiece, Choice, Chunk};

/// Where nobody counted.
const CHARACTERS_PER_TOKEN: u64 = 4;

#[derive(Debug)]
pub(super) struct Reader {
    /// In order of their first pieces.
    calls: Vec<Call>,
    finish: Option<Finish>,
    refused: bool,
    usage: Option<Usage>,
    /// Characters of the request and of the reply, for a server that counts nothing.
    asked: u64,
    said: u64,
    /// For ids that must be made here: how many messages the conversation had, so that they differ from turn to turn.
    turn: usize,
    over: bool,
}

#[derive(Debug, Default)]
struct Call {
    index: Option<usize>,
    id: String,
    name: String,
    arguments: String,
}

impl Reader {
    pub(super) fn new(asked: u64, turn: usize) -> Self {
        Self {
            calls: Vec::new(),
            finish: None,
            refused: false,
            usage: None,
            asked,
            said: 0,
            turn,
            over: false,
        }
    }

    /// Whether `Finished` was given.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// The data of one event.
    pub(super) fn event(&mut self, data: &str, out: &mut Vec<LlmEvent>) -> Result<(), Fault> {
        let data = data.trim();
        if self.over || data.is_empty() {
            return Ok(());
        }
        if data == "[DONE]" {
            self.settle(None, out)?;
            self.finished(out);
            return Ok(());
        }
        let json: Value =
            serde_json::from_str(data).map_err(|_| Fault::protocol("an event that is no JSON"))?;
        if let Some(complaint) = Complaint::of(&json) {
            return Err(faults::midway(&complaint));
        }
        if !json["choices"].is_array() && !json["usage"].is_object() {
            return Err(Fault::protocol("an event without choices"));
        }
        let bare = self.chunk(json, out)?;
        // The count comes after everything else, alone: nothing but `[DONE]` can follow it.
        if bare && self.finish.is_some() && self.usage.is_some() {
            self.finished(out);
        }
        Ok(())
    }

    /// An answer that came whole.
    pub(super) fn whole(&mut self, body: &str, out: &mut Vec<LlmEvent>) -> Result<(), Fault> {
        let json: Value =
            serde_json::from_str(body).map_err(|_| Fault::protocol("an answer that is no JSON"))?;
        if let Some(complaint) = Complaint::of(&json) {
            return Err(faults::instead(&complaint));
        }
        if json["choices"].as_array().is_none_or(Vec::is_empty) {
            return Err(Fault::protocol("an answer without choices"));
        }
        self.chunk(json, out)?;
        self.settle(None, out)?;
        self.finished(out);
        Ok(())
    }

    /// The body ended.
    pub(super) fn end(&mut self, out: &mut Vec<LlmEvent>) -> Result<(), Fault> {
        match self.finish {
            _ if self.over => Ok(()),
            Some(_) => {
                self.finished(out); // a server without `[DONE]`
                Ok(())
            }
            None => Err(Fault::new(providers_api::ErrorKind::Closed, "the reply broke off")),
        }
    }

    /// `true`: it held no choice.
    fn chunk(&mut self, json: Value, out: &mut Vec<LlmEvent>) -> Result<bool, Fault> {
        let mut chunk: Chunk = serde_json::from_value(json).map_err(|error| {
            Fault::protocol(format!("an event of another shape ({:?})", error.classify()))
        })?;
        self.usage = chunk.counted().or(self.usage);
        if chunk.choices.is_empty() {
            return Ok(true);
        }
        let Choice { delta, finish_reason } = chunk.choices.swap_remove(0);
        let delta = delta.unwrap_or_default();
        self.refused |= delta.refusal.as_deref().is_some_and(|words| !words.is_empty());
        for words in [delta.content, delta.refusal].into_iter().flatten().filter(|words| !words.is_empty()) {
            self.said += words.chars().count() as u64;
            out.push(LlmEvent::Text(words));
        }
        for piece in delta.tool_calls.unwrap_or_default() {
            self.piece(piece);
        }
        if let Some(reason) = finish_reason.filter(|reason| !reason.is_empty()) {
            self.settle(Some(&reason), out)?;
        }
        Ok(false)
    }

    fn piece(&mut self, piece: CallPiece) {
        let (id, function) = (piece.id.unwrap_or_default(), piece.function.unwrap_or_default());
        let name = function.name.unwrap_or_default();
        let arguments = match function.arguments {
            Some(Value::String(text)) => text,
            Some(object @ Value::Object(_)) => object.to_string(),
            _ => String::new(),
        };
        self.said += (name.len() + arguments.chars().count()) as u64;
        let place = self.place(piece.index, &id, &name);
        let call = &mut self.calls[place];
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        call.arguments.push_str(&arguments);
    }

    /// The call that a piece belongs to. Servers leave out the index, or give all calls the same: then a piece with a name and
    /// another id is another call.
    fn place(&mut self, index: Option<usize>, id: &str, name: &str) -> usize {
        let another =
            |call: &Call| !name.is_empty() && !id.is_empty() && !call.id.is_empty() && call.id != id;
        let known = match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index && !another(call)),
            None if !id.is_empty() => self.calls.iter().rposition(|call| call.id == id),
            None if name.is_empty() => self.calls.len().checked_sub(1),
            None => None,
        };
        known.unwrap_or_else(|| {
            self.calls.push(Call { index, ..Call::default() });
            self.calls.len() - 1
        })
    }

    /// Nothing more is said: the calls are complete.
    fn settle(&mut self, reason: Option<&str>, out: &mut Vec<LlmEvent>) -> Result<(), Fault> {
        if self.finish.is_some() {
            return Ok(());
        }
        let cut = reason == Some("length");
        let mut called = false;
        for (number, call) in std::mem::take(&mut self.calls).into_iter().enumerate() {
            match call.complete(self.turn, number) {
                Ok(call) => {
                    called = true;
                    out.push(LlmEvent::ToolCall(call));
                }
                // The limit, not the model, cut it: `Length` says so.
                Err(_) if cut => {}
                Err(fault) => return Err(fault),
            }
        }
        self.finish = Some(match reason {
            Some("length") => Finish::Length,
            Some("content_filter") => Finish::Refused,
            _ if self.refused => Finish::Refused,
            _ if called => Finish::ToolCalls,
            _ => Finish::Stop,
        });
        Ok(())
    }

    fn finished(&mut self, out: &mut Vec<LlmEvent>) {
        let usage = self.usage.unwrap_or_else(|| Usage {
            input_tokens: self.asked.div_ceil(CHARACTERS_PER_TOKEN),
            output_tokens: self.said.div_ceil(CHARACTERS_PER_TOKEN),
            estimated: true,
            ..Usage::default()
        });
        out.push(LlmEvent::Usage(usage));
        out.push(LlmEvent::Finished(self.finish.unwrap_or(Finish::Stop)));
        self.over = true;
    }
}

impl Call {
    fn complete(self, turn: usize, number: usize) -> Result<ToolCall, Fault> {
        if self.name.is_empty() {
            return Err(Fault::protocol("a call of a tool without a name"));
        }
        let arguments = match self.arguments.trim() {
            "" => Value::Object(Map::new()),
            text => match serde_json::from_str(text) {
                Ok(object @ Value::Object(_)) => object,
                _ => return Err(Fault::protocol("the arguments of a call are no JSON object")),
            },
        };
        let id = if self.id.is_empty() { format!("call_{turn}_{number}") } else { self.id };
        Ok(ToolCall { id, name: self.name, arguments })
    }
}

#[cfg(test)]
mod tests;
