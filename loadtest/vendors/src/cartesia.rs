//! Cartesia, under `/cartesia`: the socket with contexts, synthesis over HTTP, the list of voices.

mod contexts;
mod speech;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use providers_api::conformance::Adversity;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Stage;

const VENDOR: &str = "cartesia";

pub(crate) fn router(stage: Stage) -> Router {
    Router::new()
        .route("/tts/websocket", get(streaming))
        .route("/tts/bytes", post(speech::bytes))
        .route("/voices", get(voices))
        .with_state(stage)
}

#[derive(Deserialize)]
struct Handshake {
    #[serde(default)]
    api_key: String,
    #[serde(default)]
    cartesia_version: String,
}

async fn streaming(
    State(stage): State<Stage>,
    Query(handshake): Query<Handshake>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let fate = stage.fate();
    if fate == Some(Adversity::Hang) {
        return std::future::pending().await;
    }
    if fate == Some(Adversity::Unauthorized) || (handshake.api_key.is_empty() && !has_key(&headers)) {
        return unauthorized();
    }
    if fate == Some(Adversity::Overloaded) {
        return problem(
            StatusCode::SERVICE_UNAVAILABLE,
            Value::Null,
            "Service unavailable",
            "Try again later.",
        );
    }
    if handshake.cartesia_version.is_empty() {
        return no_version();
    }
    stage.note(VENDOR, "open", json!({ "cartesia_version": handshake.cartesia_version }));
    upgrade.on_upgrade(move |socket| contexts::run(socket, stage, fate))
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    starting_after: String,
}

/// Two pages.
async fn voices(State(stage): State<Stage>, Query(page): Query<Page>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refused(&headers, stage.fate()) {
        return refusal;
    }
    let voice = |id: &str, name: &str, language: &str| {
        json!({
            "id": id, "name": name, "language": language, "description": "", "is_owner": false, "is_public": true,
            "created_at": "2026-01-01T00:00:00Z", "preview_file_url": format!("https://files.example/{id}"),
        })
    };
    let answer = match page.starting_after.as_str() {
        "" => json!({ "data": [voice("voice 1", "Katie", "en")], "has_more": true }),
        "voice 1" => json!({ "data": [voice("voice 2", "Klaus", "de")], "has_more": false }),
        _ => json!({ "data": [], "has_more": false }),
    };
    axum::Json(answer).into_response()
}

fn has_key(headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bearer = header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    !bearer.is_empty() || !header("x-api-key").is_empty()
}

/// What all requests over HTTP have in common.
fn refused(headers: &HeaderMap, fate: Option<Adversity>) -> Option<Response> {
    if !has_key(headers) {
        return Some(unauthorized());
    }
    if !headers.contains_key("cartesia-version") {
        return Some(no_version());
    }
    Some(match fate? {
        Adversity::Unauthorized => unauthorized(),
        Adversity::Exhausted => {
            let message = "You have no credits left on this plan.";
            problem(StatusCode::PAYMENT_REQUIRED, json!("quota_exceeded"), "Quota exceeded", message)
        }
        Adversity::Limited => {
            let message = "You have exceeded your plan's concurrency limit.";
            let title = "Too many concurrent requests";
            let body = problem(StatusCode::TOO_MANY_REQUESTS, json!("concurrency_limited"), title, message);
            ([("retry-after", "3")], body).into_response()
        }
        Adversity::Overloaded => {
            problem(StatusCode::SERVICE_UNAVAILABLE, Value::Null, "Service unavailable", "Try again later.")
        }
        Adversity::Rejected => problem(
            StatusCode::NOT_FOUND,
            json!("voice_not_found"),
            "Invalid voice",
            "There is no such voice.",
        ),
        _ => return None,
    })
}

fn unauthorized() -> Response {
    problem(StatusCode::UNAUTHORIZED, Value::Null, "Unauthorized", "The API key is missing or not valid.")
}

fn no_version() -> Response {
    problem(StatusCode::BAD_REQUEST, Value::Null, "Invalid version", "Cartesia-Version is required.")
}

fn problem(status: StatusCode, code: Value, title: &str, message: &str) -> Response {
    let body = json!({ "error_code": code, "title": title, "message": message, "request_id": "timed" });
    (status, axum::Json(body)).into_response()
}

/// Of `output_format`, where a request holds all that it must; else what is wrong with it.
fn rate_hz(request: &Value) -> Result<u32, &'static str> {
    if !request["model_id"].as_str().is_some_and(|model| model.starts_with("sonic-")) {
        return Err("model_id must be the ID of a model.");
    }
    if request["voice"]["mode"] != "id" || !request["voice"]["id"].is_string() {
        return Err("voice must be the ID of a voice.");
    }
    if !request["transcript"].is_string() {
        return Err("transcript is required.");
    }
    let format = &request["output_format"];
    if format["container"] != "raw" || format["encoding"] != "pcm_s16le" {
        return Err("Raw samples of 16 bits alone are served here.");
    }
    let rates = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];
    let rate = format["sample_rate"].as_u64().and_then(|rate| u32::try_from(rate).ok());
    rate.filter(|rate| rates.contains(rate)).ok_or("sample_rate is not supported.")
}
