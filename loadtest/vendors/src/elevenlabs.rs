//! ElevenLabs, under `/elevenlabs`: the multi-context socket, synthesis over HTTP, the list of voices.

mod multi;
mod speech;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use providers_api::conformance::Adversity;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Stage;

const VENDOR: &str = "elevenlabs";

pub(crate) fn router(stage: Stage) -> Router {
    Router::new()
        .route("/v1/text-to-speech/{voice}/multi-stream-input", get(streaming))
        .route("/v1/text-to-speech/{voice}/stream", post(speech::plain))
        .route("/v1/text-to-speech/{voice}/stream/with-timestamps", post(speech::timed))
        .route("/v2/voices", get(voices))
        .with_state(stage)
}

async fn streaming(
    State(stage): State<Stage>,
    Path(voice): Path<String>,
    Query(terms): Query<multi::Terms>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let fate = stage.fate();
    if fate == Some(Adversity::Hang) {
        return std::future::pending().await;
    }
    stage.note(VENDOR, "open", json!({ "voice": voice, "model_id": terms.model_id }));
    let has_key = has_key(&headers);
    upgrade.on_upgrade(move |socket| multi::run(socket, stage, fate, terms, has_key))
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    next_page_token: String,
}

/// Two pages.
async fn voices(State(stage): State<Stage>, Query(page): Query<Page>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refused(&headers, stage.fate()) {
        return refusal;
    }
    let voice = |id: &str, name: &str, language: Value, verified: Value| {
        json!({
            "voice_id": id, "name": name, "category": "premade", "labels": language, "verified_languages": verified,
            "preview_url": format!("https://storage.example/{id}.mp3"), "settings": null, "samples": null,
        })
    };
    let answer = if page.next_page_token.is_empty() {
        let first = voice(
            "JBFqnCBsd6RMkjVDRZzb",
            "George",
            json!({ "accent": "british", "language": "en" }),
            json!([]),
        );
        json!({ "voices": [first], "has_more": true, "total_count": 2, "next_page_token": "p 2" })
    } else {
        let verified = json!([{ "language": "de", "locale": "de-DE", "model_id": "eleven_flash_v2_5" }]);
        let mut second = voice("abc", "Klaus", json!({}), verified);
        second["preview_url"] = Value::Null;
        json!({ "voices": [second], "has_more": false, "total_count": 2, "next_page_token": null })
    };
    axum::Json(answer).into_response()
}

fn has_key(headers: &HeaderMap) -> bool {
    headers.get("xi-api-key").is_some_and(|key| !key.is_empty())
}

/// What all requests over HTTP have in common.
fn refused(headers: &HeaderMap, fate: Option<Adversity>) -> Option<Response> {
    if !has_key(headers) {
        return Some(problem(
            StatusCode::UNAUTHORIZED,
            "needs_authorization",
            "Neither authorization header nor xi-api-key received, please provide one.",
        ));
    }
    Some(match fate? {
        Adversity::Unauthorized => problem(StatusCode::UNAUTHORIZED, "invalid_api_key", "Invalid API key"),
        Adversity::Exhausted => problem(
            StatusCode::UNAUTHORIZED,
            "quota_exceeded",
            "This request exceeds your quota of 10000. You have 0 credits remaining, while 20 credits are required for this request.",
        ),
        Adversity::Limited => {
            let message = "Too many concurrent requests. Your current subscription is associated with a maximum of 5 concurrent requests.";
            let refusal = problem(StatusCode::TOO_MANY_REQUESTS, "too_many_concurrent_requests", message);
            let head = [
                ("retry-after", "3"),
                ("current-concurrent-requests", "5"),
                ("maximum-concurrent-requests", "5"),
            ];
            (head, refusal).into_response()
        }
        Adversity::Overloaded => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "Try again later.")
        }
        Adversity::Rejected => {
            problem(StatusCode::BAD_REQUEST, "voice_not_found", "A voice for the given id was not found.")
        }
        _ => return None,
    })
}

fn problem(status: StatusCode, name: &str, message: &str) -> Response {
    (status, axum::Json(json!({ "detail": { "status": name, "message": message } }))).into_response()
}

/// Of `output_format`; samples alone are served here.
fn rate_hz(output_format: &str) -> Option<u32> {
    let rate_hz = output_format.strip_prefix("pcm_")?.parse().ok()?;
    [8_000, 16_000, 22_050, 24_000, 44_100].contains(&rate_hz).then_some(rate_hz)
}
