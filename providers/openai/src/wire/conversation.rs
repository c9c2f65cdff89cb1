//! The realtime socket, in the session of a model that hears and speaks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Voice;
use providers_api::{Message, SpeechAsk, ToolCall, ToolChoice, ToolSpec, Usage};
use providers_link::Fault;
use serde_json::{Value, json};

use super::Complaint;
use super::socket::RATE_HZ;
use crate::options::ConversationOptions;

pub(crate) fn session(options: &ConversationOptions, voice: &Voice) -> String {
    let name = if voice.name.is_empty() { &options.voice } else { &voice.name };
    let mut input = json!({
        "format": { "type": "audio/pcm", "rate": RATE_HZ },
        "turn_detection": null, // the session decides when a turn ends
    });
    if let Some(kind) = &options.noise_reduction {
        input["noise_reduction"] = json!({ "type": kind });
    }
    let mut output = json!({ "format": { "type": "audio/pcm", "rate": RATE_HZ }, "voice": name });
    if (voice.speed - 1.0).abs() > f32::EPSILON {
        output["speed"] = json!(voice.speed.clamp(0.25, 1.5));
    }
    let session = json!({
        "type": "realtime", "model": options.model, "output_modalities": ["audio"],
        "audio": { "input": input, "output": output },
    });
    json!({ "type": "session.update", "session": session }).to_string()
}

/// What answers are made with from now on.
pub(crate) fn manner(instructions: &str, tools: &[ToolSpec]) -> String {
    let tools: Vec<Value> = tools
        .iter()
        .map(|tool| {
            json!({
                "type": "function", "name": tool.name, "description": tool.description,
                "parameters": tool.parameters,
            })
        })
        .collect();
    let session = json!({ "type": "realtime", "instructions": instructions, "tools": tools });
    json!({ "type": "session.update", "session": session }).to_string()
}

/// Asks for an answer; complaints about it name `event_id`.
pub(crate) fn ask(event_id: &str, ask: &SpeechAsk) -> String {
    let mut response = json!({ "output_modalities": ["audio"] });
    response["tool_choice"] = match &ask.tool_choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({ "type": "function", "name": name }),
    };
    if let Some(limit) = ask.max_tokens {
        response["max_output_tokens"] = json!(limit);
    }
    json!({ "type": "response.create", "event_id": event_id, "response": response }).to_string()
}

pub(crate) fn cancel(response: &str) -> String {
    json!({ "type": "response.cancel", "response_id": response }).to_string()
}

/// So much of the item was heard.
pub(crate) fn truncate(item: &str, heard_ms: u64) -> String {
    json!({
        "type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": heard_ms,
    })
    .to_string()
}

pub(crate) fn delete(item: &str) -> String {
    json!({ "type": "conversation.item.delete", "item_id": item }).to_string()
}

/// The items that a part of the conversation is.
pub(crate) fn items(message: &Message) -> Vec<String> {
    let text = |role: &str, kind: &str, text: &str| json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] });
    let items = match message {
        Message::Caller(said) => vec![text("user", "input_text", said)],
        Message::Agent { text: said, calls } => {
            let said = (!said.trim().is_empty()).then(|| text("assistant", "output_text", said));
            let calls = calls.iter().map(|call| {
                json!({
                    "type": "function_call", "call_id": call.id, "name": call.name,
                    "arguments": call.arguments.to_string(),
                })
            });
            said.into_iter().chain(calls).collect()
        }
        Message::ToolResult { id, content, .. } => {
            vec![json!({ "type": "function_call_output", "call_id": id, "output": content })]
        }
    };
    let create = |item: Value| json!({ "type": "conversation.item.create", "item": item }).to_string();
    items.into_iter().map(create).collect()
}

#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// The session is as we asked.
    Ready,
    /// The answer that was asked for last has begun.
    Begun {
        response: String,
    },
    /// It goes on with this item.
    Item {
        response: String,
        item: String,
        speaks: bool,
    },
    Words {
        response: String,
        text: String,
    },
    Audio {
        response: String,
        item: String,
        samples: Vec<i16>,
    },
    Call {
        response: String,
        call: ToolCall,
    },
    /// The item is complete.
    ItemDone {
        response: String,
        item: String,
    },
    Done {
        response: String,
        how: Done,
        usage: Option<Usage>,
    },
    Complaint {
        about: String,
        complaint: Complaint,
    },
    Other,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Done {
    Completed,
    Cancelled,
    Length,
    Refused,
    Failed(Complaint),
}

pub(crate) fn told(text: &str) -> Result<Told, Fault> {
    let json: Value = serde_json::from_str(text).map_err(|_| Fault::protocol("a message that is no JSON"))?;
    let Some(kind) = json["type"].as_str() else {
        return Err(match Complaint::of(&json) {
            Some(complaint) => crate::faults::midway(&complaint),
            None => Fault::protocol("a message without a type"),
        });
    };
    let field = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let response = || field("response_id");
    let item = &json["item"];
    Ok(match kind {
        "session.updated" => Told::Ready,
        "response.created" => {
            Told::Begun { response: json["response"]["id"].as_str().unwrap_or_default().to_owned() }
        }
        "response.output_item.added" => Told::Item {
            response: response(),
            item: item["id"].as_str().unwrap_or_default().to_owned(),
            speaks: item["type"] == "message",
        },
        // The names before general availability are what servers that claim compatibility may still use.
        "response.output_audio_transcript.delta" | "response.audio_transcript.delta" => {
            Told::Words { response: response(), text: field("delta") }
        }
        "response.output_audio.delta" | "response.audio.delta" => {
            Told::Audio { response: response(), item: field("item_id"), samples: samples(&json["delta"])? }
        }
        "response.function_call_arguments.done" if json["name"].is_string() => {
            Told::Call { response: response(), call: call(&json)? }
        }
        "response.output_item.done" if item["type"] == "function_call" => {
            Told::Call { response: response(), call: call(item)? }
        }
        "response.output_item.done" => {
            Told::ItemDone { response: response(), item: item["id"].as_str().unwrap_or_default().to_owned() }
        }
        "response.done" => done(&json["response"]),
        "error" => Told::Complaint {
            about: json["error"]["event_id"].as_str().unwrap_or_default().to_owned(),
            complaint: Complaint::of(&json).unwrap_or_default(),
        },
        _ => Told::Other,
    })
}

fn samples(delta: &Value) -> Result<Vec<i16>, Fault> {
    let bytes = delta.as_str().and_then(|delta| STANDARD.decode(delta).ok());
    let bytes = bytes.ok_or_else(|| Fault::protocol("audio that is no base64"))?;
    Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

fn call(of: &Value) -> Result<ToolCall, Fault> {
    let text = |name: &str| of[name].as_str().unwrap_or_default();
    let given = text("arguments").trim();
    let arguments: Value = if given.is_empty() {
        json!({})
    } else {
        serde_json::from_str(given).map_err(|_| Fault::protocol("arguments of a call that are no JSON"))?
    };
    if !arguments.is_object() {
        return Err(Fault::protocol("arguments of a call that are no object"));
    }
    Ok(ToolCall { id: text("call_id").to_owned(), name: text("name").to_owned(), arguments })
}

fn done(response: &Value) -> Told {
    let details = &response["status_details"];
    let how = match (response["status"].as_str(), details["reason"].as_str()) {
        (Some("cancelled"), _) => Done::Cancelled,
        (Some("incomplete"), Some("content_filter")) => Done::Refused,
        (Some("incomplete"), _) => Done::Length,
        (Some("failed"), _) => Done::Failed(Complaint::of(details).unwrap_or_default()),
        _ => Done::Completed,
    };
    let id = response["id"].as_str().unwrap_or_default().to_owned();
    Told::Done { response: id, how, usage: usage(&response["usage"]) }
}

/// Tokens of audio that the cache gave are charged as cached ones and as nothing else.
fn usage(usage: &Value) -> Option<Usage> {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let (input, output) = (&usage["input_token_details"], &usage["output_token_details"]);
    let cached_audio = count(&input["cached_tokens_details"]["audio_tokens"]);
    usage.is_object().then(|| Usage {
        input_tokens: count(&usage["input_tokens"]),
        cached_tokens: count(&input["cached_tokens"]),
        audio_input_tokens: count(&input["audio_tokens"]).saturating_sub(cached_audio),
        output_tokens: count(&usage["output_tokens"]),
        audio_output_tokens: count(&output["audio_tokens"]),
        ..Usage::default()
    })
}
