//! The body of a request.

use providers_api::{LlmRequest, Message, ToolCall, ToolChoice, ToolSpec};
use serde_json::{Value, json};

use crate::options::Options;

/// A conversation begins with the caller; where ours does not, this stands for the ringing telephone.
const OPENING: &str = "(The call begins.)";
/// A conversation that ends with the agent's own words asks for more of them. Newer models refuse to continue them in place.
const GO_ON: &str = "(Go on.)";

pub(crate) fn body(options: &Options, request: &LlmRequest) -> Value {
    let mut body = json!({
        "model": options.model,
        "max_tokens": request.max_tokens.unwrap_or(options.max_tokens),
        "stream": true,
        "messages": conversation(&request.messages, options.caching),
    });
    if !request.instructions.trim().is_empty() {
        let mut system = json!({ "type": "text", "text": &*request.instructions });
        mark(&mut system, options.caching);
        body["system"] = json!([system]);
    }
    if !request.tools.is_empty() {
        body["tools"] = tools(&request.tools, options.caching);
        body["tool_choice"] = match &request.tool_choice {
            ToolChoice::Auto => json!({ "type": "auto" }),
            ToolChoice::None => json!({ "type": "none" }),
            ToolChoice::Required => json!({ "type": "any" }),
            ToolChoice::Named(name) => json!({ "type": "tool", "name": name }),
        };
    }
    if let Some(temperature) = request.temperature {
        // The scale ends at 1 here and at 2 elsewhere.
        body["temperature"] = json!(temperature.clamp(0.0, 1.0));
    }
    if let Some(output) = &request.output {
        let mut schema = output.schema.clone();
        close_objects(&mut schema);
        body["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } });
    }
    body
}

/// The cache reaches from the beginning to each mark, in the order tools, system prompt, messages.
fn mark(block: &mut Value, caching: bool) {
    if caching {
        block["cache_control"] = json!({ "type": "ephemeral" });
    }
}

fn tools(specs: &[ToolSpec], caching: bool) -> Value {
    let last = specs.len() - 1;
    specs
        .iter()
        .enumerate()
        .map(|(number, ToolSpec { name, description, parameters })| {
            let mut tool = json!({ "name": name, "description": description, "input_schema": parameters });
            mark(&mut tool, caching && number == last);
            tool
        })
        .collect()
}

/// One message on the wire: neighbours of the same side are one.
#[derive(Debug, Default)]
struct Turn {
    is_agent: bool,
    blocks: Vec<Value>,
    /// Of the blocks, so many at the beginning are results of tools.
    results: usize,
    /// Has words of the caller.
    is_spoken: bool,
}

fn conversation(messages: &[Message], caching: bool) -> Value {
    let mut turns: Vec<Turn> = Vec::new();
    for message in messages {
        match message {
            Message::Caller(text) => {
                let Some(block) = words(text) else { continue };
                let turn = side(&mut turns, false);
                turn.blocks.push(block);
                turn.is_spoken = true;
            }
            Message::Agent { text, calls } => {
                let blocks: Vec<Value> = words(text).into_iter().chain(calls.iter().map(called)).collect();
                if !blocks.is_empty() {
                    side(&mut turns, true).blocks.extend(blocks);
                }
            }
            Message::ToolResult { id, content, is_error, .. } => {
                let turn = side(&mut turns, false);
                // Results come first, whatever the caller said while the tool was running.
                turn.blocks.insert(turn.results, result(id, content, *is_error));
                turn.results += 1;
            }
        }
    }
    if turns.first().is_none_or(|first| first.is_agent) {
        turns.insert(0, Turn { blocks: words(OPENING).into_iter().collect(), ..Turn::default() });
    }
    if turns.last().is_some_and(|last| last.is_agent) {
        side(&mut turns, false).blocks.extend(words(GO_ON));
    }
    // What the next request repeats reaches to the last words of the caller but one: those after it may still change by a barge-in.
    if let Some(turn) = turns.iter_mut().rev().filter(|turn| turn.is_spoken).nth(1)
        && let Some(last) = turn.blocks.last_mut()
    {
        mark(last, caching);
    }
    let message = |turn: Turn| {
        let role = if turn.is_agent { "assistant" } else { "user" };
        json!({ "role": role, "content": turn.blocks })
    };
    turns.into_iter().map(message).collect()
}

/// The turn of a side that goes on, or a new one.
fn side(turns: &mut Vec<Turn>, is_agent: bool) -> &mut Turn {
    if turns.last().is_none_or(|last| last.is_agent != is_agent) {
        turns.push(Turn { is_agent, ..Turn::default() });
    }
    turns.last_mut().expect("one was pushed if there was none")
}

/// Blank text is refused by the vendor, and so is white space at the end of the agent's.
fn words(text: &str) -> Option<Value> {
    let text = text.trim();
    (!text.is_empty()).then(|| json!({ "type": "text", "text": text }))
}

fn called(call: &ToolCall) -> Value {
    let arguments = if call.arguments.is_object() { call.arguments.clone() } else { json!({}) };
    json!({ "type": "tool_use", "id": known_id(&call.id), "name": call.name, "input": arguments })
}

fn result(id: &str, content: &str, is_error: bool) -> Value {
    let mut block = json!({ "type": "tool_result", "tool_use_id": known_id(id) });
    if !content.trim().is_empty() {
        block["content"] = json!(content);
    }
    if is_error {
        block["is_error"] = json!(true);
    }
    block
}

/// Identifiers of other vendors, whose call this was before a fallback, may have signs that are refused here.
fn known_id(id: &str) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    id.chars().map(known).collect()
}

/// Every object of an output format must say that it has no other fields.
fn close_objects(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close_objects);
            if fields.get("type").is_some_and(|kind| kind == "object") {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close_objects),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
