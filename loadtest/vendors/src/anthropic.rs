//! Anthropic: `v1/messages`, streamed. Refuses what the vendor documents as wrong.

mod check;
mod reply;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use providers_api::conformance::Adversity;
use serde_json::{Value, json};

use crate::Stage;
use crate::paced::{self, Pace};

const VENDOR: &str = "anthropic";

pub(crate) fn router(stage: Stage) -> Router {
    Router::new().route("/v1/messages", post(messages)).with_state(stage)
}

/// An error by its documented name; the name decides the status.
struct Refused(&'static str, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(kind, message) = self;
        let status = match kind {
            "authentication_error" => 401,
            "billing_error" => 402,
            "permission_error" => 403,
            "not_found_error" => 404,
            "request_too_large" => 413,
            "rate_limit_error" => 429,
            "api_error" => 500,
            "overloaded_error" => 529,
            _ => 400,
        };
        let body = json!({
            "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_timed",
        });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = [("content-type", "application/json"), ("request-id", "req_timed")];
        let mut response = (status, headers, body.to_string()).into_response();
        if kind == "rate_limit_error" {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("3"));
        }
        response
    }
}

async fn messages(State(stage): State<Stage>, headers: HeaderMap, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    stage.note(VENDOR, "request", asked.clone());
    let fate = stage.fate();
    if fate == Some(Adversity::Hang) {
        match paced::hang(&stage, VENDOR).await {}
    }
    match refusal(fate, &headers).and_then(|()| check::request(&asked)) {
        Err(refused) => refused.into_response(),
        Ok(()) => streamed(&stage, fate, &asked),
    }
}

fn refusal(fate: Option<Adversity>, headers: &HeaderMap) -> Result<(), Refused> {
    let refused = |kind, message: &str| Err(Refused(kind, message.to_owned()));
    match fate {
        Some(Adversity::Unauthorized) => return refused("authentication_error", "invalid x-api-key"),
        Some(Adversity::Exhausted) => return refused("billing_error", "Your credit balance is too low."),
        Some(Adversity::Limited) => return refused("rate_limit_error", "Too many requests."),
        Some(Adversity::Overloaded) => return refused("overloaded_error", "Overloaded"),
        Some(Adversity::Rejected) => return refused("invalid_request_error", "model: refused on demand"),
        _ => {}
    }
    if headers.get("x-api-key").is_none_or(|key| key.is_empty()) {
        return refused("authentication_error", "x-api-key header is required");
    }
    if headers.get("anthropic-version").is_none_or(|version| version != "2023-06-01") {
        return refused("invalid_request_error", "anthropic-version: header is required");
    }
    Ok(())
}

fn streamed(stage: &Stage, fate: Option<Adversity>, asked: &Value) -> Response {
    let pieces = match fate {
        Some(Adversity::Garbage) => vec![Bytes::from_static(b"event: message_start\ndata: <html>\n\n")],
        Some(Adversity::Oversized) => vec![reply::event(
            "message_start",
            &json!({ "type": "message_start", "padding": "x".repeat(paced::OVERSIZED) }),
        )],
        Some(Adversity::Empty) => reply::empty(asked),
        _ => reply::reply(asked),
    };
    let delays = stage.delays();
    let pace = Pace { first: delays.llm_first_token(), each: delays.llm_token() };
    let body = paced::body(stage, VENDOR, fate, pace, pieces);
    let headers = [("content-type", "text/event-stream; charset=utf-8"), ("request-id", "req_timed")];
    (headers, body).into_response()
}
