//! An answer in the vendor's events.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::script;

/// One server-sent event.
pub(super) fn event(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

fn events(named: &[(&str, Value)]) -> Bytes {
    named.iter().flat_map(|(name, data)| event(name, data)).collect()
}

/// Head, block after block, end; each piece of text or arguments is a piece of the body.
pub(super) fn reply(asked: &Value) -> Vec<Bytes> {
    let answer = answer(asked);
    let mut pieces = vec![start(asked, answer.input_tokens)];
    let stop_reason = match &answer.call {
        Some((name, arguments)) => {
            pieces.extend(call(name, &arguments.to_string()));
            "tool_use"
        }
        None => {
            let block = json!({ "type": "text", "text": "" });
            pieces.push(block_start(&block));
            pieces.extend(
                answer.tokens.iter().map(|token| delta(&json!({ "type": "text_delta", "text": token }))),
            );
            "end_turn"
        }
    };
    pieces.push(end(stop_reason, answer.output_tokens));
    pieces
}

/// Success without a word.
pub(super) fn empty(asked: &Value) -> Vec<Bytes> {
    let ending = events(&[ended("end_turn", 1), ("message_stop", json!({ "type": "message_stop" }))]);
    vec![start(asked, answer(asked).input_tokens), ending]
}

fn start(asked: &Value, input_tokens: u64) -> Bytes {
    // What is marked for the cache is read from it, the system prompt say; counted apart from the rest.
    let is_cached = asked["system"][0]["cache_control"].is_object();
    let cached = if is_cached { input_tokens / 2 } else { 0 };
    let message = json!({
        "id": "msg_timed", "type": "message", "role": "assistant", "model": asked["model"], "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {
            "input_tokens": input_tokens - cached, "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": 0, "output_tokens": 1,
        },
    });
    events(&[
        ("message_start", json!({ "type": "message_start", "message": message })),
        ("ping", json!({ "type": "ping" })),
    ])
}

fn block_start(block: &Value) -> Bytes {
    event(
        "content_block_start",
        &json!({ "type": "content_block_start", "index": 0, "content_block": block }),
    )
}

fn delta(delta: &Value) -> Bytes {
    event("content_block_delta", &json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
}

/// Arguments are written in pieces that are no JSON by themselves, the first of them empty.
fn call(name: &str, arguments: &str) -> Vec<Bytes> {
    let block = json!({ "type": "tool_use", "id": "toolu_timed1", "name": name, "input": {} });
    let characters: Vec<char> = arguments.chars().collect();
    let written = std::iter::once(String::new()).chain(characters.chunks(5).map(String::from_iter));
    let written = written.map(|piece| delta(&json!({ "type": "input_json_delta", "partial_json": piece })));
    std::iter::once(block_start(&block)).chain(written).collect()
}

fn ended(stop_reason: &str, output_tokens: u64) -> (&'static str, Value) {
    let delta = json!({ "stop_reason": stop_reason, "stop_sequence": null });
    let usage = json!({ "output_tokens": output_tokens });
    ("message_delta", json!({ "type": "message_delta", "delta": delta, "usage": usage }))
}

fn end(stop_reason: &str, output_tokens: u64) -> Bytes {
    events(&[
        ("content_block_stop", json!({ "type": "content_block_stop", "index": 0 })),
        ended(stop_reason, output_tokens),
        ("message_stop", json!({ "type": "message_stop" })),
    ])
}

/// What the script says to the last message; its system prompt and messages are the prompt.
fn answer(asked: &Value) -> script::Answer {
    let blocks = asked["messages"].as_array().and_then(|messages| messages.last());
    let blocks =
        blocks.and_then(|message| message["content"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let last = |kind: &str, field: &str| {
        let block = blocks.iter().rev().find(|block| block["type"] == kind)?;
        Some(block[field].as_str().unwrap_or_default().to_owned())
    };
    let text = last("text", "text");
    let result = last("tool_result", "content").filter(|_| text.is_none());
    let tools: Vec<String> = asked["tools"]
        .as_array()
        .filter(|_| asked["tool_choice"]["type"] != "none")
        .map(|tools| tools.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect())
        .unwrap_or_default();
    let prompt = format!("{}{}", asked["system"], asked["messages"]);
    let json_wanted = asked["output_config"]["format"].is_object();
    script::answer(&text.unwrap_or_default(), result.as_deref(), &tools, json_wanted, &prompt)
}
