//! OpenAI: `v1/chat/completions`, `v1/audio/speech`, `v1/audio/transcriptions`, `v1/realtime` for transcription and for
//! conversations. Azure's paths are the same under its `/openai`, with `api-key`.
//!
//! Models whose name begins with `compat-` answer as servers do that claim compatibility: `compat-whole` ignores `stream`, `compat-bare` leaves
//! out `[DONE]`, ids and the count, `compat-midway` complains after the first words, `compat-ok-error` complains with status 200,
//! `compat-wav` speaks WAV, `compat-text` transcribes into bare text.

mod chat;
mod conversation;
mod due;
mod realtime;
mod speech;
mod transcriptions;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use providers_api::conformance::Adversity;
use serde_json::{Value, json};

use crate::{Stage, paced};

const VENDOR: &str = "openai";
/// Of a transcription's file, with what is around it.
const LARGEST_UPLOAD: usize = 26 << 20;

pub(crate) fn router(stage: Stage) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/audio/speech", post(speech::speech))
        .route("/v1/audio/transcriptions", post(transcriptions::transcriptions))
        .route("/v1/realtime", get(realtime::realtime))
        .layer(DefaultBodyLimit::max(LARGEST_UPLOAD))
        .with_state(stage)
}

/// A documented refusal.
struct Refused {
    status: u16,
    class: &'static str,
    code: Option<&'static str>,
    message: String,
}

impl Refused {
    /// What a request did wrong.
    fn wrong(message: impl Into<String>) -> Self {
        Self { status: 400, class: "invalid_request_error", code: None, message: message.into() }
    }

    fn error(&self) -> Value {
        json!({ "error": { "message": self.message, "type": self.class, "param": null, "code": self.code } })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = [("content-type", "application/json"), ("x-request-id", "req_timed")];
        let mut response = (status, headers, self.error().to_string()).into_response();
        if self.code == Some("rate_limit_exceeded") {
            response.headers_mut().insert("retry-after", axum::http::HeaderValue::from_static("3"));
        }
        response
    }
}

/// What a request meets before it is looked at.
async fn gate(stage: &Stage, fate: Option<Adversity>, headers: &HeaderMap) -> Result<(), Refused> {
    let refused = |status, class, code, message: &str| {
        Err(Refused { status, class, code, message: message.to_owned() })
    };
    let key = key(headers).unwrap_or_default();
    match fate {
        Some(Adversity::Hang) => match paced::hang(stage, VENDOR).await {},
        Some(Adversity::Unauthorized) => {
            let message = format!("Incorrect API key provided: {key}.");
            return refused(401, "invalid_request_error", Some("invalid_api_key"), &message);
        }
        Some(Adversity::Exhausted) => {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            return refused(429, "insufficient_quota", Some("insufficient_quota"), message);
        }
        Some(Adversity::Limited) => {
            let message = "Rate limit reached. Please try again in 3s.";
            return refused(429, "requests", Some("rate_limit_exceeded"), message);
        }
        Some(Adversity::Overloaded) => {
            return refused(503, "server_error", None, "The engine is currently overloaded.");
        }
        Some(Adversity::Rejected) => {
            return refused(400, "invalid_request_error", Some("invalid_value"), "Refused on demand.");
        }
        _ => {}
    }
    if key.is_empty() {
        return refused(401, "invalid_request_error", None, "You didn't provide an API key.");
    }
    Ok(())
}

fn key(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    bearer.or_else(|| text("api-key")).map(str::to_owned)
}

const fn factor(fate: Option<Adversity>) -> u32 {
    match fate {
        Some(Adversity::Slow(factor)) => factor,
        _ => 1,
    }
}
