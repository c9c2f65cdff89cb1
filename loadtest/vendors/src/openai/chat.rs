//! Chat completions: streamed, or whole where that was asked for.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use providers_api::conformance::Adversity;
use serde_json::{Value, json};

use super::{Refused, VENDOR, gate};
use crate::Stage;
use crate::paced::{self, Pace};
use crate::script::{self, Answer};

/// Of this many messages all but the last are in the vendor's cache.
const CACHED_FROM: usize = 3;

pub(super) async fn completions(State(stage): State<Stage>, headers: HeaderMap, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    stage.note(VENDOR, "request", asked.clone());
    let fate = stage.fate();
    if let Err(refused) = gate(&stage, fate, &headers).await {
        return refused.into_response();
    }
    match check(&asked) {
        Err(refused) => refused.into_response(),
        Ok(()) => answered(&stage, fate, &asked).await,
    }
}

async fn answered(stage: &Stage, fate: Option<Adversity>, asked: &Value) -> Response {
    let model = asked["model"].as_str().unwrap_or_default();
    let answer = match fate {
        Some(Adversity::Empty) => {
            Answer { tokens: Vec::new(), call: None, input_tokens: 1, output_tokens: 0 }
        }
        _ => answer(asked),
    };
    let delays = stage.delays();
    let json = [("content-type", "application/json"), ("x-request-id", "req_timed")];
    if model == "compat-ok-error" {
        return (json, json!({ "error": "the model is loading" }).to_string()).into_response();
    }
    if model == "compat-whole" || asked["stream"] != true {
        tokio::time::sleep(delays.llm_first_token()).await;
        return (json, whole(asked, &answer).to_string()).into_response();
    }
    let pieces = match fate {
        Some(Adversity::Garbage) => vec![Bytes::from_static(b"data: <html>\n\n")],
        Some(Adversity::Oversized) => vec![Bytes::from(format!("data: {}", "x".repeat(paced::OVERSIZED)))],
        _ => streamed(asked, &answer),
    };
    let pace = Pace { first: delays.llm_first_token(), each: delays.llm_token() };
    let headers = [("content-type", "text/event-stream; charset=utf-8"), ("x-request-id", "req_timed")];
    (headers, paced::body(stage, VENDOR, fate, pace, pieces)).into_response()
}

fn check(asked: &Value) -> Result<(), Refused> {
    let model =
        asked["model"].as_str().ok_or_else(|| Refused::wrong("you must provide a model parameter"))?;
    if model == "missing" {
        let message = "The model `missing` does not exist or you do not have access to it.".to_owned();
        let code = Some("model_not_found");
        return Err(Refused { status: 404, class: "invalid_request_error", code, message });
    }
    let Some(messages) = asked["messages"].as_array().filter(|messages| !messages.is_empty()) else {
        return Err(Refused::wrong("Invalid 'messages': empty array."));
    };
    if !asked["max_tokens"].is_null() && !model.starts_with("compat-") {
        return Err(Refused::wrong(
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        ));
    }
    if asked["tools"].is_null() && !asked["tool_choice"].is_null() {
        return Err(Refused::wrong("'tool_choice' is only allowed when 'tools' are specified."));
    }
    if let Some(format) = asked["response_format"].as_object()
        && format["type"] == "json_schema"
    {
        let schema = &format["json_schema"];
        if schema["name"].as_str().is_none_or(str::is_empty)
            || schema["schema"]["additionalProperties"] != false
        {
            return Err(Refused::wrong(
                "Invalid schema for response_format: 'additionalProperties' is required",
            ));
        }
    }
    conversation(messages)
}

/// Every call has exactly one result, right after it; every result belongs to a call.
fn conversation(messages: &[Value]) -> Result<(), Refused> {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        match message["role"].as_str() {
            Some("tool") => {
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                let Some(place) = open.iter().position(|known| *known == id) else {
                    return Err(Refused::wrong("messages with role 'tool' must follow 'tool_calls'"));
                };
                open.remove(place);
            }
            Some("system" | "developer" | "user" | "assistant") if !open.is_empty() => {
                return Err(Refused::wrong("'tool_calls' must be followed by tool messages"));
            }
            Some("assistant") => {
                let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
                if calls.is_empty() && !message["content"].is_string() {
                    return Err(Refused::wrong("Invalid value for 'content': expected a string, got null."));
                }
                if calls.iter().any(|call| !call["function"]["arguments"].is_string()) {
                    return Err(Refused::wrong("Invalid type for 'arguments': expected a string."));
                }
                open = calls.iter().filter_map(|call| call["id"].as_str()).collect();
            }
            Some("system" | "developer" | "user") if message["content"].is_string() => {}
            _ => return Err(Refused::wrong("Invalid value for 'role' or 'content'.")),
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(Refused::wrong("'tool_calls' must be followed by tool messages"))
    }
}

fn answer(asked: &Value) -> Answer {
    if asked["model"] == script::TIMED {
        return script::timed(&asked["messages"].to_string());
    }
    let messages = asked["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let last_user = messages.iter().rposition(|message| message["role"] == "user");
    let text = last_user.and_then(|place| messages[place]["content"].as_str()).unwrap_or_default();
    let after = &messages[last_user.map_or(0, |place| place + 1)..];
    let result = after.iter().rev().find(|message| message["role"] == "tool");
    let result = result.and_then(|message| message["content"].as_str());
    let names = asked["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<String> = names
        .iter()
        .filter(|_| asked["tool_choice"] != "none")
        .filter_map(|tool| tool["function"]["name"].as_str().map(str::to_owned))
        .collect();
    let json_wanted = asked["response_format"]["type"] == "json_schema";
    let mut answer = script::answer(text, result, &names, json_wanted, &asked["messages"].to_string());
    if let Some(value) = script::shaped(&asked["response_format"]["json_schema"]["schema"]) {
        answer.tokens = vec![value.to_string()];
    }
    answer
}

fn usage(asked: &Value, answer: &Answer) -> Value {
    let many = asked["messages"].as_array().is_some_and(|messages| messages.len() >= CACHED_FROM);
    let cached = if many { answer.input_tokens / 2 } else { 0 };
    json!({
        "prompt_tokens": answer.input_tokens, "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": { "cached_tokens": cached, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": 0 },
    })
}

fn finish(answer: &Answer) -> &'static str {
    if answer.call.is_some() { "tool_calls" } else { "stop" }
}

fn whole(asked: &Value, answer: &Answer) -> Value {
    let mut message = json!({ "role": "assistant", "content": answer.tokens.concat(), "refusal": null });
    if let Some((name, arguments)) = &answer.call {
        let function = json!({ "name": name, "arguments": arguments.to_string() });
        message["tool_calls"] = json!([{ "id": "call_timed", "type": "function", "function": function }]);
    }
    json!({
        "id": "chatcmpl-timed", "object": "chat.completion", "model": asked["model"],
        "choices": [{ "index": 0, "message": message, "finish_reason": finish(answer) }],
        "usage": usage(asked, answer),
    })
}

fn streamed(asked: &Value, answer: &Answer) -> Vec<Bytes> {
    let bare = asked["model"] == "compat-bare";
    let data = |json: &Value| format!("data: {json}\n\n");
    let delta = |delta: Value, reason: Option<&str>| {
        let mut chunk = json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] });
        if !bare {
            chunk["id"] = json!("chatcmpl-timed");
            chunk["object"] = json!("chat.completion.chunk");
            chunk["model"] = asked["model"].clone();
            chunk["usage"] = Value::Null;
        }
        data(&chunk)
    };
    let mut pieces: Vec<String> =
        answer.tokens.iter().map(|token| delta(json!({ "content": token }), None)).collect();
    if let Some((name, arguments)) = &answer.call {
        pieces.extend(
            call(bare, name, &arguments.to_string())
                .into_iter()
                .map(|piece| delta(json!({ "tool_calls": [piece] }), None)),
        );
    }
    // Who speaks comes with the first piece, in an event of its own.
    if let Some(first) = pieces.first_mut().filter(|_| !bare) {
        first.insert_str(0, &delta(json!({ "role": "assistant", "content": "", "refusal": null }), None));
    }
    if asked["model"] == "compat-midway" {
        pieces.truncate(1);
        pieces.push(data(
            &json!({ "error": { "message": "The server had an error", "type": "server_error" } }),
        ));
        return pieces.into_iter().map(Bytes::from).collect();
    }
    let mut end = delta(json!({}), Some(finish(answer)));
    if !bare {
        if asked["stream_options"]["include_usage"] == true {
            let count = json!({ "id": "chatcmpl-timed", "choices": [], "usage": usage(asked, answer) });
            end.push_str(&data(&count));
        }
        end.push_str("data: [DONE]\n\n");
    }
    pieces.push(end);
    pieces.into_iter().map(Bytes::from).collect()
}

/// The arguments come as pieces of a string.
fn call(bare: bool, name: &str, arguments: &str) -> Vec<Value> {
    let mut first = json!({ "index": 0, "type": "function", "function": { "name": name, "arguments": "" } });
    if !bare {
        first["id"] = json!("call_timed");
    }
    let letters: Vec<char> = arguments.chars().collect();
    let rest = letters
        .chunks(5)
        .map(|piece| json!({ "index": 0, "function": { "arguments": piece.iter().collect::<String>() } }));
    std::iter::once(first).chain(rest).collect()
}
