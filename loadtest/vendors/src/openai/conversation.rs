//! The realtime socket in a session that hears and speaks, with the vendor's judgement of turns off: what was appended is an item once
//! it is committed, and an answer is made when it is asked for.
//!
//! It understands what its ear gives (a word for each stretch of voice) and what is written; the answer is that of every model here, and
//! its voice a tone of the length of its words. An answer asked for is a request of its own to `Stage`: what is pushed in mid-call meets it.

use std::time::Duration;

use axum::extract::ws::WebSocket;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::due::{self, Due};
use super::{VENDOR, factor};
use crate::Stage;
use crate::script::{self, Answer};
use crate::sound::{self, Ear};

const RATE_HZ: u32 = 24_000;
/// Seconds; less is not committed.
const SHORTEST: f64 = 0.1;
/// Of one delta of audio.
const PIECE: Duration = Duration::from_millis(100);
/// Tokens of a second of audio.
const HEARD_TOKENS: f64 = 10.0;
const SPOKEN_TOKENS: f64 = 20.0;

pub(super) struct Session {
    stage: Stage,
    fate: Option<Adversity>,
    model: String,
    /// As the client configured it; null before.
    settings: Value,
    ear: Ear,
    committed_to: f64,
    items: Vec<Item>,
    made: u32,
    responses: u32,
    active: Option<Active>,
    /// Input tokens of the answer before, which the cache now has.
    cached: u64,
    breaks_at: Option<Instant>,
    due: Due,
}

struct Item {
    id: String,
    /// As the client would be shown it.
    body: Value,
    /// What was heard in it.
    heard: Option<String>,
    /// Of audio in it.
    seconds: f64,
}

struct Active {
    id: String,
    answer: Answer,
    input: (u64, u64),
}

impl due::Session for Session {
    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn fate(&self) -> Option<Adversity> {
        self.fate
    }

    fn due(&mut self) -> &mut Due {
        &mut self.due
    }

    fn breaks_at(&self) -> Option<Instant> {
        self.breaks_at
    }

    fn leaves(&mut self, event: &Value) {
        match event["type"].as_str() {
            Some("response.output_audio.delta") => {
                let length = event["delta"].as_str().map_or(0, str::len) as f64 * 0.75;
                let item = event["item_id"].as_str().unwrap_or_default();
                if let Some(item) = self.items.iter_mut().find(|known| known.id == item) {
                    item.seconds += length / 2.0 / f64::from(RATE_HZ);
                }
            }
            Some("response.done") => self.active = None,
            _ => {}
        }
    }

    fn take(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = message["type"].as_str().unwrap_or_default();
        if kind != "input_audio_buffer.append" {
            self.stage.note(VENDOR, kind, message.clone());
        }
        let id = &message["event_id"];
        match kind {
            "session.update" => self.configure(&message["session"]),
            _ if self.settings.is_null() => {
                self.error(id, "invalid_request_error", "invalid_event", "No session yet.")
            }
            "input_audio_buffer.append" => {
                match message["audio"].as_str().and_then(|audio| STANDARD.decode(audio).ok()) {
                    Some(audio) => {
                        self.ear.take(&audio);
                    }
                    None => self.error(id, "invalid_request_error", "invalid_base64", "Invalid 'audio'."),
                }
            }
            "input_audio_buffer.commit" => self.commit(id),
            "input_audio_buffer.clear" => {
                self.ear.settle();
                self.committed_to = self.ear.position;
                self.now(json!({ "type": "input_audio_buffer.cleared" }));
            }
            "conversation.item.create" => self.create(id, &message["item"]),
            "conversation.item.delete" => self.delete(id, &message["item_id"]),
            "conversation.item.truncate" => self.truncate(id, &message),
            "response.create" => self.respond(id, &message["response"]),
            "response.cancel" => self.cancel(id, &message["response_id"]),
            _ => self.error(id, "invalid_request_error", "invalid_value", "Invalid value: 'type'."),
        }
    }
}

impl Session {
    pub(super) fn new(stage: Stage, fate: Option<Adversity>, model: String) -> Self {
        Self {
            stage,
            fate,
            model,
            settings: Value::Null,
            ear: Ear::new(RATE_HZ),
            committed_to: 0.0,
            items: Vec::new(),
            made: 0,
            responses: 0,
            active: None,
            cached: 0,
            breaks_at: None,
            due: Due::new(),
        }
    }

    pub(super) async fn run(mut self, socket: WebSocket) {
        let created =
            json!({ "type": "session.created", "session": { "type": "realtime", "model": self.model } });
        self.now(created);
        due::serve(&mut self, socket).await;
    }

    fn configure(&mut self, session: &Value) {
        let none = &Value::Null;
        match self.fate {
            Some(Adversity::Exhausted) => {
                let quota = "insufficient_quota";
                return self.error(none, quota, quota, "You exceeded your current quota.");
            }
            Some(Adversity::Overloaded) => {
                return self.error(none, "server_error", "", "The server had an error.");
            }
            Some(Adversity::Rejected) => {
                return self.error(none, "invalid_request_error", "invalid_value", "Refused on demand.");
            }
            _ => {}
        }
        let wrong = |what: &str| format!("Invalid value: '{what}'.");
        let (input, output) = (&session["audio"]["input"], &session["audio"]["output"]);
        let pcm = |format: &Value| format["type"] == "audio/pcm" && format["rate"] == RATE_HZ;
        let fault = if session["type"] != "realtime" {
            Some(wrong("session.type"))
        } else if self.settings.is_null() && !(pcm(&input["format"]) && pcm(&output["format"])) {
            Some(wrong("session.audio.input.format"))
        } else if self.settings.is_null()
            && (!input["turn_detection"].is_null() || !output["voice"].is_string())
        {
            Some("This stand-in judges no turns, and has no voice of its own.".to_owned())
        } else if session["tools"]
            .as_array()
            .is_some_and(|tools| tools.iter().any(|tool| tool["type"] != "function"))
        {
            Some(wrong("session.tools"))
        } else {
            None
        };
        if let Some(fault) = fault {
            return self.error(none, "invalid_request_error", "invalid_value", &fault);
        }
        match (self.settings.as_object_mut(), session.as_object()) {
            (Some(known), Some(new)) => known.extend(new.clone()),
            _ => self.settings = session.clone(),
        }
        let settings = self.settings.clone();
        self.now(json!({ "type": "session.updated", "session": settings }));
    }

    fn commit(&mut self, id: &Value) {
        let seconds = self.ear.position - self.committed_to;
        if seconds < SHORTEST {
            let code = "input_audio_buffer_commit_empty";
            let message = "Error committing input audio buffer: buffer too small.";
            return self.error(id, "invalid_request_error", code, message);
        }
        let heard = self.ear.text();
        self.ear.settle();
        self.committed_to = self.ear.position;
        let previous = self.items.last().map(|item| item.id.clone());
        let content = json!([{ "type": "input_audio", "transcript": null }]);
        let item = json!({ "type": "message", "role": "user", "status": "completed", "content": content });
        let item = self.add(item);
        if let Some(item) = self.items.last_mut() {
            (item.seconds, item.heard) = (seconds, Some(heard.clone()));
        }
        self.stage.note(VENDOR, "heard", json!({ "text": heard, "seconds": seconds }));
        self.now(json!({
            "type": "input_audio_buffer.committed", "item_id": item["id"], "previous_item_id": previous,
        }));
        self.shown(&item);
    }

    fn create(&mut self, id: &Value, item: &Value) {
        let text = |kinds: &[&str]| {
            let content = item["content"].as_array();
            content.is_some_and(|parts| {
                let fits =
                    |part: &Value| kinds.iter().any(|kind| part["type"] == *kind) && part["text"].is_string();
                !parts.is_empty() && parts.iter().all(fits)
            })
        };
        let called = |call: &Value| {
            let calls = self.items.iter().filter(|known| known.body["type"] == "function_call");
            call.is_string() && calls.into_iter().any(|known| known.body["call_id"] == *call)
        };
        let fits = match (item["type"].as_str(), item["role"].as_str()) {
            (Some("message"), Some("user" | "system")) => text(&["input_text"]),
            (Some("message"), Some("assistant")) => text(&["output_text"]),
            (Some("function_call"), None) => item["call_id"].is_string() && item["name"].is_string(),
            (Some("function_call_output"), None) => called(&item["call_id"]) && item["output"].is_string(),
            _ => false,
        };
        if !fits {
            return self.error(id, "invalid_request_error", "invalid_value", "Invalid 'item'.");
        }
        let item = self.add(item.clone());
        self.shown(&item);
    }

    fn delete(&mut self, id: &Value, item: &Value) {
        let Some(place) = self.items.iter().position(|known| *item == known.id.as_str()) else {
            let code = "item_delete_invalid_item_id";
            return self.error(id, "invalid_request_error", code, "There is no such item.");
        };
        self.items.remove(place);
        self.now(json!({ "type": "conversation.item.deleted", "item_id": item }));
    }

    fn truncate(&mut self, id: &Value, message: &Value) {
        let end_ms = message["audio_end_ms"].as_u64();
        let known = self.items.iter_mut().find(|known| message["item_id"] == known.id.as_str());
        let cut = match (known, end_ms) {
            (Some(item), Some(end_ms))
                if item.body["role"] == "assistant" && message["content_index"] == 0 =>
            {
                let seconds = end_ms as f64 / 1_000.0;
                let fits = seconds <= item.seconds + 0.001;
                if fits {
                    item.seconds = seconds;
                    item.body["content"] = json!([{ "type": "output_audio", "transcript": null }]);
                }
                fits
            }
            _ => false,
        };
        if !cut {
            let message = "Audio content is shorter than 'audio_end_ms', or there is no such item.";
            return self.error(id, "invalid_request_error", "invalid_value", message);
        }
        let (item, end_ms) = (message["item_id"].clone(), message["audio_end_ms"].clone());
        self.now(json!({
            "type": "conversation.item.truncated", "item_id": item, "content_index": 0, "audio_end_ms": end_ms,
        }));
    }

    fn respond(&mut self, id: &Value, asked: &Value) {
        if self.active.is_some() {
            let code = "conversation_already_has_active_response";
            return self.error(
                id,
                "invalid_request_error",
                code,
                "Conversation already has an active response.",
            );
        }
        let fate = self.fate.or_else(|| self.stage.fate());
        let response = format!("resp_{}", self.responses);
        self.responses += 1;
        let input = self.input_tokens();
        let answer = self.answer(fate, asked);
        self.active = Some(Active { id: response.clone(), answer: answer.clone(), input });
        match fate {
            Some(Adversity::BreaksAfter(after_ms)) => {
                let first = self.stage.delays().llm_first_token();
                self.breaks_at = Some(Instant::now() + first + Duration::from_millis(after_ms));
            }
            Some(Adversity::Mute | Adversity::Hang) => return,
            Some(Adversity::Limited | Adversity::Exhausted) if self.fate.is_none() => {
                return self.fails(&response, "rate_limit_exceeded");
            }
            _ => {}
        }
        let begun = json!({ "id": response, "status": "in_progress", "output": [] });
        self.now(json!({ "type": "response.created", "response": begun }));
        let mut at = Instant::now() + self.stage.delays().llm_first_token() * factor(fate);
        if !answer.tokens.is_empty() {
            at = self.speaks(&response, &answer, at, factor(fate));
        }
        if let Some((name, args)) = &answer.call {
            self.calls(&response, name, args, at);
        }
        let usage = usage(&answer, input, self.cached, answer_seconds(&answer, &self.stage));
        self.cached = input.0 + input.1;
        let done = json!({ "id": response, "status": "completed", "status_details": null, "usage": usage });
        self.at(at, json!({ "type": "response.done", "response": done }));
        self.at(at, json!({ "type": "rate_limits.updated", "rate_limits": [] }));
    }

    fn fails(&mut self, response: &str, code: &str) {
        let error =
            json!({ "type": "invalid_request_error", "code": code, "message": "Rate limit reached." });
        let details = json!({ "type": "failed", "error": error });
        let done = json!({ "id": response, "status": "failed", "status_details": details, "usage": null });
        self.now(json!({ "type": "response.done", "response": done }));
    }

    fn answer(&self, fate: Option<Adversity>, asked: &Value) -> Answer {
        if fate == Some(Adversity::Empty) {
            return Answer { tokens: Vec::new(), call: None, input_tokens: 1, output_tokens: 0 };
        }
        let said = |item: &Item| {
            item.heard.clone().or_else(|| item.body["content"][0]["text"].as_str().map(str::to_owned))
        };
        let from_user = |item: &&Item| item.body["role"] == "user";
        let question = self.items.iter().rev().find(from_user).and_then(said).unwrap_or_default();
        let last = self.items.last().filter(|item| item.body["type"] == "function_call_output");
        let result = last.and_then(|item| item.body["output"].as_str());
        let tools: Vec<String> = match asked["tool_choice"].as_str() {
            Some("none") => Vec::new(),
            _ => {
                let tools = self.settings["tools"].as_array().into_iter().flatten();
                tools.filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
            }
        };
        script::answer(&question, result, &tools, false, &self.settings["instructions"].to_string())
    }

    /// Words first, then their sound; returns when the last of it is sent.
    fn speaks(&mut self, response: &str, answer: &Answer, from: Instant, factor: u32) -> Instant {
        let text: String = answer.tokens.concat();
        let content = json!([{ "type": "output_audio", "transcript": text }]);
        let item =
            json!({ "type": "message", "role": "assistant", "status": "in_progress", "content": content });
        let item = self.add(item)["id"].clone();
        let of = |kind: &str, more: Value| {
            let mut event = json!({
                "type": kind, "response_id": response, "item_id": item, "output_index": 0, "content_index": 0,
            });
            if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
                event.extend(more.clone());
            }
            event
        };
        let named = json!({ "id": item, "type": "message", "role": "assistant" });
        let mut events = vec![
            (from, of("response.output_item.added", json!({ "item": named }))),
            (from, of("response.content_part.added", json!({ "part": { "type": "audio" } }))),
        ];
        for word in &answer.tokens {
            events.push((from, of("response.output_audio_transcript.delta", json!({ "delta": word }))));
        }
        let (length, speed) = (answer_seconds(answer, &self.stage), self.stage.delays().tts_speed.max(1));
        let (all, mut sent, mut at) = (Duration::from_secs_f64(length), Duration::ZERO, from);
        while sent < all {
            let piece = PIECE.min(all - sent);
            let audio = STANDARD.encode(sound::voiced(sent, piece, RATE_HZ));
            events.push((at, of("response.output_audio.delta", json!({ "delta": audio }))));
            sent += piece;
            at += piece / u32::try_from(speed).unwrap_or(1) * factor;
        }
        events.push((at, of("response.output_audio.done", json!({}))));
        events.push((at, of("response.output_audio_transcript.done", json!({ "transcript": text }))));
        events.push((at, of("response.content_part.done", json!({ "part": { "type": "audio" } }))));
        events.push((at, of("response.output_item.done", json!({ "item": named }))));
        for (at, event) in events {
            self.at(at, event);
        }
        at
    }

    fn calls(&mut self, response: &str, name: &str, args: &Value, at: Instant) {
        let call = format!("call_{}", self.made);
        let body =
            json!({ "type": "function_call", "call_id": call, "name": name, "arguments": args.to_string() });
        let item = self.add(body);
        let of = |kind: &str, more: (&str, Value)| {
            let mut event = json!({
                "type": kind, "response_id": response, "item_id": item["id"], "output_index": 1, "call_id": call,
            });
            event[more.0] = more.1;
            event
        };
        let arguments = item["arguments"].clone();
        let mut finished = of("response.function_call_arguments.done", ("arguments", arguments.clone()));
        finished["name"] = json!(name);
        for event in [
            of("response.output_item.added", ("item", item.clone())),
            of("response.function_call_arguments.delta", ("delta", arguments)),
            finished,
            of("response.output_item.done", ("item", item.clone())),
        ] {
            self.at(at, event);
        }
    }

    fn cancel(&mut self, id: &Value, response: &Value) {
        let Some(active) =
            self.active.take_if(|active| response.is_null() || *response == active.id.as_str())
        else {
            let message = "Cancellation failed: no active response found";
            return self.error(id, "invalid_request_error", "response_cancel_not_active", message);
        };
        let of_it = |event: &Value| {
            event["response_id"] == active.id.as_str() || event["response"]["id"] == active.id.as_str()
        };
        self.due.retain(|(_, event)| !of_it(event));
        let spoken = self.items.last().map_or(0.0, |item| item.seconds);
        let usage = usage(&active.answer, active.input, 0, spoken);
        let details = json!({ "type": "cancelled", "reason": "client_cancelled" });
        let done =
            json!({ "id": active.id, "status": "cancelled", "status_details": details, "usage": usage });
        self.now(json!({ "type": "response.done", "response": done }));
    }

    /// Of text and of audio.
    fn input_tokens(&self) -> (u64, u64) {
        let seconds: f64 = self.items.iter().map(|item| item.seconds).sum();
        let text = self.settings["instructions"].to_string().len() / 4 + self.items.len() * 10;
        (text as u64, (seconds * HEARD_TOKENS).ceil() as u64)
    }

    fn add(&mut self, mut body: Value) -> Value {
        let id = format!("item_{}", self.made);
        self.made += 1;
        body["id"] = json!(id);
        self.items.push(Item { id, body: body.clone(), heard: None, seconds: 0.0 });
        body
    }

    fn shown(&mut self, item: &Value) {
        self.now(json!({ "type": "conversation.item.added", "item": item }));
        self.now(json!({ "type": "conversation.item.done", "item": item }));
    }

    fn error(&mut self, about: &Value, class: &str, code: &str, message: &str) {
        let code = if code.is_empty() { Value::Null } else { json!(code) };
        let error =
            json!({ "type": class, "code": code, "message": message, "param": null, "event_id": about });
        self.now(json!({ "type": "error", "event_id": "event_timed", "error": error }));
    }

    /// At once, and before what is to be sent later.
    fn now(&mut self, event: Value) {
        let now = Instant::now();
        let place = self.due.iter().take_while(|(at, _)| *at <= now).count();
        self.due.insert(place, (now, event));
    }

    fn at(&mut self, at: Instant, event: Value) {
        self.due.push_back((at, event));
    }
}

fn answer_seconds(answer: &Answer, stage: &Stage) -> f64 {
    sound::length(&answer.tokens.concat(), stage.delays()).as_secs_f64()
}

fn usage(answer: &Answer, (text, audio): (u64, u64), cached: u64, seconds: f64) -> Value {
    let (input, cached) = (text + audio, cached.min(text + audio));
    let spoken = (seconds * SPOKEN_TOKENS).ceil() as u64;
    let cached_text = cached.min(text);
    json!({
        "total_tokens": input + spoken + answer.output_tokens,
        "input_tokens": input,
        "output_tokens": spoken + answer.output_tokens,
        "input_token_details": {
            "text_tokens": text, "audio_tokens": audio, "cached_tokens": cached,
            "cached_tokens_details": { "text_tokens": cached_text, "audio_tokens": cached - cached_text },
        },
        "output_token_details": { "text_tokens": answer.output_tokens, "audio_tokens": spoken },
    })
}
