//! The body of a request.

use providers_api::{LlmRequest, Message, ToolCall, ToolChoice};
use serde_json::{Value, json};

use crate::gemini::options::Thinking;
use crate::gemini::{Calls, GeminiOptions};

/// A conversation begins with the caller; where ours does not, this stands for the ringing telephone.
const OPENING: &str = "(The call begins.)";
/// A conversation that ends with the agent's own words asks for more of them.
const GO_ON: &str = "(Go on.)";
/// Documented for calls that the model did not make itself, which have no signature.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

pub(crate) fn body(options: &GeminiOptions, request: &LlmRequest, calls: &Calls) -> Value {
    let mut body =
        json!({ "contents": Conversation { options, calls, turns: Vec::new() }.of(&request.messages) });
    if !request.instructions.trim().is_empty() {
        body["systemInstruction"] = json!({ "parts": [{ "text": &*request.instructions }] });
    }
    let gives_tools = request.output.is_none() || !options.is_of_an_older_family();
    if !request.tools.is_empty() && gives_tools {
        let declarations: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| {
                json!({
                    "name": tool.name, "description": tool.description,
                    "parametersJsonSchema": tool.parameters,
                })
            })
            .collect();
        body["tools"] = json!([{ "functionDeclarations": declarations }]);
        let choice = match &request.tool_choice {
            ToolChoice::Auto => json!({ "mode": "AUTO" }),
            ToolChoice::None => json!({ "mode": "NONE" }),
            ToolChoice::Required => json!({ "mode": "ANY" }),
            ToolChoice::Named(name) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
        };
        body["toolConfig"] = json!({ "functionCallingConfig": choice });
    }
    let generation = generation(options, request);
    if generation.as_object().is_some_and(|fields| !fields.is_empty()) {
        body["generationConfig"] = generation;
    }
    body
}

fn generation(options: &GeminiOptions, request: &LlmRequest) -> Value {
    let mut generation = json!({});
    if let Some(max_tokens) = request.max_tokens {
        generation["maxOutputTokens"] = json!(max_tokens);
    }
    if let Some(temperature) = request.temperature {
        generation["temperature"] = json!(temperature);
    }
    if let Some(output) = &request.output {
        generation["responseMimeType"] = json!("application/json");
        generation["responseJsonSchema"] = output.schema.clone();
    }
    match &options.thinking {
        Some(Thinking::Level(level)) => generation["thinkingConfig"] = json!({ "thinkingLevel": level }),
        Some(Thinking::Budget(tokens)) => generation["thinkingConfig"] = json!({ "thinkingBudget": tokens }),
        None => {}
    }
    generation
}

/// One message on the wire: neighbours of the same side are one.
#[derive(Debug, Default)]
struct Turn {
    is_agent: bool,
    parts: Vec<Value>,
    /// The calls that this turn makes.
    called: Vec<String>,
    /// Which calls the parts at the beginning answer, by their place in the turn before.
    answered: Vec<usize>,
}

struct Conversation<'a> {
    options: &'a GeminiOptions,
    calls: &'a Calls,
    turns: Vec<Turn>,
}

impl Conversation<'_> {
    fn of(mut self, messages: &[Message]) -> Value {
        for message in messages {
            match message {
                Message::Caller(text) => self.say(false, text),
                Message::Agent { text, calls } => {
                    self.say(true, text);
                    calls.iter().enumerate().for_each(|(number, call)| self.call(number, call));
                }
                Message::ToolResult { id, name, content, is_error } => {
                    self.answer(id, name, content, *is_error);
                }
            }
        }
        if self.turns.first().is_none_or(|first| first.is_agent) {
            let opening = Turn { parts: vec![json!({ "text": OPENING })], ..Turn::default() };
            self.turns.insert(0, opening);
        }
        if self.turns.last().is_some_and(|last| last.is_agent) {
            self.say(false, GO_ON);
        }
        let content = |turn: Turn| {
            let role = if turn.is_agent { "model" } else { "user" };
            json!({ "role": role, "parts": turn.parts })
        };
        self.turns.into_iter().map(content).collect()
    }

    /// The turn of a side that goes on, or a new one.
    fn side(&mut self, is_agent: bool) -> &mut Turn {
        if self.turns.last().is_none_or(|last| last.is_agent != is_agent) {
            self.turns.push(Turn { is_agent, ..Turn::default() });
        }
        self.turns.last_mut().expect("one was pushed if there was none")
    }

    fn say(&mut self, is_agent: bool, text: &str) {
        if !text.trim().is_empty() {
            self.side(is_agent).parts.push(json!({ "text": text }));
        }
    }

    fn call(&mut self, number: usize, call: &ToolCall) {
        let kept = self.calls.find(&call.id);
        let arguments = if call.arguments.is_object() { call.arguments.clone() } else { json!({}) };
        let mut part = json!({ "functionCall": { "name": call.name, "args": arguments } });
        if kept.as_ref().is_some_and(|kept| kept.is_named) {
            part["functionCall"]["id"] = json!(call.id);
        }
        let signature = match kept {
            Some(kept) => kept.signature,
            // Of parallel calls the first has the signature of all.
            None => (number == 0 && !self.options.is_of_an_older_family()).then(|| NO_SIGNATURE.to_owned()),
        };
        if let Some(signature) = signature {
            part["thoughtSignature"] = json!(signature);
        }
        let turn = self.side(true);
        turn.parts.push(part);
        turn.called.push(call.id.clone());
    }

    /// Answers come first, whatever the caller said meanwhile, and in the order of the calls: without names only that tells whose they are.
    fn answer(&mut self, id: &str, name: &str, content: &str, is_error: bool) {
        let field = if is_error { "error" } else { "output" };
        let mut part = json!({ "functionResponse": { "name": name, "response": { field: content } } });
        if self.calls.find(id).is_some_and(|kept| kept.is_named) {
            part["functionResponse"]["id"] = json!(id);
        }
        let before = self.turns.iter().rev().find(|turn| turn.is_agent);
        let place = before.and_then(|turn| turn.called.iter().position(|called| called == id));
        let turn = self.side(false);
        let place = place.unwrap_or(turn.answered.len());
        let at = turn.answered.partition_point(|other| *other <= place);
        turn.answered.insert(at, place);
        turn.parts.insert(at, part);
    }
}

#[cfg(test)]
mod tests;
