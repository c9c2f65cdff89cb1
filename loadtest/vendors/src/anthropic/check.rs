//! What the vendor refuses in a request.

use serde_json::Value;

use super::Refused;

const FIELDS: [&str; 16] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "metadata",
    "thinking",
    "service_tier",
    "output_config",
    "cache_control",
];

pub(super) fn request(asked: &Value) -> Result<(), Refused> {
    let Some(fields) = asked.as_object() else { return wrong("the body is no object") };
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return wrong(format!("{unknown}: Extra inputs are not permitted"));
    }
    if asked["model"].as_str().is_none_or(str::is_empty) {
        return wrong("model: Field required");
    }
    if asked["max_tokens"].as_u64().is_none_or(|limit| limit == 0) {
        return wrong("max_tokens: Field required");
    }
    if asked["stream"] != true {
        return wrong("stream: this stand-in streams");
    }
    if asked["temperature"].as_f64().is_some_and(|temperature| !(0.0..=1.0).contains(&temperature)) {
        return wrong("temperature: range: 0..1");
    }
    if count_marks(asked) > 4 {
        return wrong("A maximum of 4 blocks with cache_control may be provided");
    }
    tools(asked)?;
    output(&asked["output_config"]["format"])?;
    messages(&asked["messages"])
}

fn wrong<T>(message: impl Into<String>) -> Result<T, Refused> {
    Err(Refused("invalid_request_error", message.into()))
}

fn count_marks(value: &Value) -> usize {
    match value {
        Value::Object(fields) => {
            let inner: usize = fields.values().map(count_marks).sum();
            inner + usize::from(fields.contains_key("cache_control"))
        }
        Value::Array(items) => items.iter().map(count_marks).sum(),
        _ => 0,
    }
}

fn is_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(known)
}

fn tools(asked: &Value) -> Result<(), Refused> {
    let tools = asked["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    for tool in tools {
        let name = tool["name"].as_str().unwrap_or_default();
        if !is_name(name) || name.len() > 64 {
            return wrong(format!("tools: the name {name:?} does not match"));
        }
        if tool["input_schema"]["type"] != "object" {
            return wrong("tools: input_schema.type: Field required");
        }
    }
    let choice = &asked["tool_choice"];
    if choice.is_null() {
        return Ok(());
    }
    if tools.is_empty() {
        return wrong("tool_choice may only be specified while providing tools");
    }
    match choice["type"].as_str() {
        Some("auto" | "any" | "none") => Ok(()),
        Some("tool") if tools.iter().any(|tool| tool["name"] == choice["name"]) => Ok(()),
        _ => wrong("tool_choice: no such choice"),
    }
}

fn output(format: &Value) -> Result<(), Refused> {
    match format["type"].as_str() {
        None if format.is_null() => Ok(()),
        Some("json_schema") => closed(&format["schema"]),
        _ => wrong("output_config.format.type: no such format"),
    }
}

fn closed(schema: &Value) -> Result<(), Refused> {
    if schema["type"] == "object" && schema["additionalProperties"] != false {
        return wrong("output_config.format.schema: for 'object' type, 'additionalProperties' must be false");
    }
    match schema {
        Value::Object(fields) => fields.values().try_for_each(closed),
        Value::Array(items) => items.iter().try_for_each(closed),
        _ => Ok(()),
    }
}

fn messages(messages: &Value) -> Result<(), Refused> {
    let messages = messages.as_array().map(Vec::as_slice).unwrap_or_default();
    if messages.first().is_none_or(|first| first["role"] != "user") {
        return wrong("messages: first message must use the user role");
    }
    if messages.last().is_some_and(|last| last["role"] != "user") {
        return wrong("This model does not support assistant message prefill.");
    }
    let mut open: Vec<&str> = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let blocks = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        if blocks.is_empty() || !matches!(message["role"].as_str(), Some("user" | "assistant")) {
            return wrong(format!("messages.{number}: all messages must have a role and content"));
        }
        open = answered(number, message, blocks, &open)?;
    }
    Ok(())
}

/// Each call is answered at the beginning of the message after it. Gives the calls that are open after this message.
fn answered<'a>(
    number: usize,
    message: &Value,
    blocks: &'a [Value],
    open: &[&str],
) -> Result<Vec<&'a str>, Refused> {
    let mut calls = Vec::new();
    let mut results = Vec::new();
    for (place, block) in blocks.iter().enumerate() {
        match (block["type"].as_str(), message["role"].as_str()) {
            (Some("text"), _) if block["text"].as_str().is_none_or(|text| text.trim().is_empty()) => {
                return wrong(format!("messages.{number}: text content blocks must be non-empty"));
            }
            (Some("text"), _) => {}
            (Some("tool_use"), Some("assistant")) if block["input"].is_object() => {
                calls.push(block["id"].as_str().filter(|id| is_name(id)).unwrap_or_default());
            }
            (Some("tool_result"), Some("user")) => {
                let id = block["tool_use_id"].as_str().unwrap_or_default();
                if !open.contains(&id) || place != results.len() {
                    return wrong(format!("messages.{number}: unexpected `tool_use_id` found"));
                }
                results.push(id);
            }
            _ => return wrong(format!("messages.{number}.content.{place}: Input tag does not match")),
        }
    }
    if calls.contains(&"") {
        return wrong(format!("messages.{number}: tool_use.id: String should match pattern"));
    }
    if results.len() != open.len() {
        return wrong(format!("messages.{number}: `tool_use` ids were found without `tool_result` blocks"));
    }
    Ok(calls)
}
