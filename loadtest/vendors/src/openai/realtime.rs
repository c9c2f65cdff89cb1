//! The realtime socket in a session that transcribes: audio is appended, committed, and told as an item.

use std::time::Duration;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers_api::conformance::Adversity;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::due::{self, Due};
use super::{Refused, VENDOR, conversation, factor, gate};
use crate::Stage;
use crate::sound::Ear;

const RATE_HZ: u32 = 24_000;
/// Seconds; less is not committed.
const SHORTEST: f64 = 0.1;

#[derive(Deserialize)]
pub(super) struct Asked {
    intent: Option<String>,
    model: Option<String>,
}

pub(super) async fn realtime(
    upgrade: WebSocketUpgrade,
    State(stage): State<Stage>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    stage.note(VENDOR, "open", Value::Null);
    let fate = stage.fate();
    // Out of quota and out of order are told on the socket, everything else at its door.
    let door = match fate {
        Some(Adversity::Exhausted | Adversity::Rejected | Adversity::Overloaded) => None,
        other => other,
    };
    if let Err(refused) = gate(&stage, door, &headers).await {
        return refused.into_response();
    }
    if asked.intent.as_deref() != Some("transcription") {
        let Some(model) = asked.model else {
            return Refused::wrong("You must provide a model parameter.").into_response();
        };
        return upgrade.on_upgrade(move |socket| async move {
            conversation::Session::new(stage, fate, model).run(socket).await;
        });
    }
    upgrade.on_upgrade(move |socket| async move {
        Session::new(stage, fate).run(socket).await;
    })
}

struct Session {
    stage: Stage,
    fate: Option<Adversity>,
    ear: Ear,
    /// Where the ear was at the last commit, in seconds.
    committed_to: f64,
    configured: bool,
    items: u32,
    breaks_at: Option<Instant>,
    due: Due,
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

    fn take(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = message["type"].as_str().unwrap_or_default();
        if kind != "input_audio_buffer.append" {
            self.stage.note(VENDOR, kind, message.clone());
        }
        match kind {
            "session.update" => self.configure(&message["session"]),
            _ if !self.configured => self.error("invalid_request_error", "invalid_event", "No session yet."),
            "input_audio_buffer.append" => {
                match message["audio"].as_str().and_then(|a| STANDARD.decode(a).ok()) {
                    Some(audio) => {
                        self.ear.take(&audio);
                    }
                    None => self.error("invalid_request_error", "invalid_base64", "Invalid 'audio'."),
                }
            }
            "input_audio_buffer.commit" => self.commit(),
            "input_audio_buffer.clear" => {
                self.ear.settle();
                self.committed_to = self.ear.position;
                self.after(Duration::ZERO, json!({ "type": "input_audio_buffer.cleared" }));
            }
            _ => self.error("invalid_request_error", "invalid_value", "Invalid value: 'type'."),
        }
    }
}

impl Session {
    fn new(stage: Stage, fate: Option<Adversity>) -> Self {
        Self {
            stage,
            fate,
            ear: Ear::new(RATE_HZ),
            committed_to: 0.0,
            configured: false,
            items: 0,
            breaks_at: None,
            due: Due::new(),
        }
    }

    async fn run(mut self, socket: WebSocket) {
        self.after(
            Duration::ZERO,
            json!({ "type": "session.created", "session": { "type": "transcription" } }),
        );
        if let Some(Adversity::BreaksAfter(after_ms)) = self.fate {
            self.breaks_at = Some(Instant::now() + Duration::from_millis(after_ms));
        }
        due::serve(&mut self, socket).await;
    }

    fn configure(&mut self, session: &Value) {
        match self.fate {
            Some(Adversity::Exhausted) => {
                return self.error(
                    "insufficient_quota",
                    "insufficient_quota",
                    "You exceeded your current quota.",
                );
            }
            Some(Adversity::Overloaded) => return self.error("server_error", "", "The server had an error."),
            Some(Adversity::Rejected) => {
                return self.error("invalid_request_error", "invalid_value", "Refused on demand.");
            }
            _ => {}
        }
        let input = &session["audio"]["input"];
        let format = &input["format"];
        let model = input["transcription"]["model"].as_str().unwrap_or_default();
        if session["type"] != "transcription" || model.is_empty() {
            return self.error(
                "invalid_request_error",
                "invalid_value",
                "Passing a realtime session update event.",
            );
        }
        if format["type"] != "audio/pcm" || format["rate"] != RATE_HZ {
            return self.error(
                "invalid_request_error",
                "invalid_value",
                "Invalid 'session.audio.input.format'.",
            );
        }
        if !input["turn_detection"].is_null() {
            return self.error("invalid_request_error", "invalid_value", "This stand-in judges no turns.");
        }
        self.configured = true;
        self.after(Duration::ZERO, json!({ "type": "session.updated", "session": session }));
    }

    fn commit(&mut self) {
        let length = self.ear.position - self.committed_to;
        if length < SHORTEST {
            let code = "input_audio_buffer_commit_empty";
            return self.error(
                "invalid_request_error",
                code,
                "Error committing input audio buffer: buffer too small.",
            );
        }
        let item = format!("item_{}", self.items);
        let previous = self.items.checked_sub(1).map(|number| format!("item_{number}"));
        self.items += 1;
        let text = if self.fate == Some(Adversity::Empty) { String::new() } else { self.ear.text() };
        self.ear.settle();
        self.committed_to = self.ear.position;
        let taken =
            json!({ "type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": previous });
        self.after(Duration::ZERO, taken);
        let wait = self.stage.delays().stt_final() * factor(self.fate);
        let named = |kind: &str| format!("conversation.item.input_audio_transcription.{kind}");
        for word in text.split_inclusive(' ') {
            let delta = json!({ "type": named("delta"), "item_id": item, "content_index": 0, "delta": word });
            self.after(wait, delta);
        }
        let audio = (length * 10.0).ceil() as u64;
        let words = text.split_whitespace().count() as u64;
        let usage = json!({
            "type": "tokens", "input_tokens": audio, "output_tokens": words, "total_tokens": audio + words,
            "input_token_details": { "audio_tokens": audio, "text_tokens": 0 },
        });
        let completed = json!({
            "type": named("completed"), "item_id": item, "content_index": 0, "transcript": text, "usage": usage,
        });
        self.after(wait, completed);
    }

    fn error(&mut self, class: &str, code: &str, message: &str) {
        let code = if code.is_empty() { Value::Null } else { json!(code) };
        let error =
            json!({ "type": class, "code": code, "message": message, "param": null, "event_id": null });
        self.after(Duration::ZERO, json!({ "type": "error", "event_id": "event_timed", "error": error }));
    }

    /// Events keep their order.
    fn after(&mut self, wait: Duration, event: Value) {
        let earliest = self.due.back().map_or_else(Instant::now, |(at, _)| *at);
        self.due.push_back(((Instant::now() + wait).max(earliest), event));
    }
}
