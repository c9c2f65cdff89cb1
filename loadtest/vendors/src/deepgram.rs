//! Deepgram: `v1/listen` (Nova), `v2/listen` (Flux), `v1/speak` over its socket and over HTTP.

mod flux;
mod listen;
mod speak;
mod speech;

use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use providers_api::conformance::Adversity;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Delays, Stage, paced};

const VENDOR: &str = "deepgram";

pub(crate) fn router(stage: Stage) -> Router {
    Router::new()
        .route("/v1/listen", get(listening))
        .route("/v2/listen", get(taking_turns))
        .route("/v1/speak", get(speaking).post(speech::once))
        .with_state(stage)
}

/// What the query of every request has.
#[derive(Deserialize)]
struct Terms {
    model: Option<String>,
    encoding: Option<String>,
    sample_rate: Option<u32>,
    eager_eot_threshold: Option<f32>,
    /// A pause, in ms, that ends a stretch by itself, or `false`.
    endpointing: Option<String>,
}

async fn listening(
    State(stage): State<Stage>,
    Query(terms): Query<Terms>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    match Scene::begin(stage, &terms, &headers).await {
        Ok((scene, rate_hz)) => {
            let pause = terms.endpointing.and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
            upgrade.on_upgrade(move |socket| listen::run(socket, rate_hz, pause, scene))
        }
        Err(refusal) => *refusal,
    }
}

async fn taking_turns(
    State(stage): State<Stage>,
    Query(terms): Query<Terms>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    match Scene::begin(stage, &terms, &headers).await {
        Ok((scene, rate_hz)) => {
            let eager = terms.eager_eot_threshold.is_some();
            upgrade.on_upgrade(move |socket| flux::run(socket, rate_hz, eager, scene))
        }
        Err(refusal) => *refusal,
    }
}

async fn speaking(
    State(stage): State<Stage>,
    Query(terms): Query<Terms>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    match Scene::begin(stage, &terms, &headers).await {
        Ok((scene, rate_hz)) => upgrade.on_upgrade(move |socket| speak::run(socket, rate_hz, scene)),
        Err(refusal) => *refusal,
    }
}

/// One connection: what it was told to do wrong, and whether the time for that has come.
struct Scene {
    stage: Stage,
    fate: Option<Adversity>,
    delays: Delays,
    answered: bool,
    breaks_at: Option<Instant>,
}

impl Scene {
    /// Checks what the vendor checks before it opens a socket; gives the rate of the audio.
    async fn begin(stage: Stage, terms: &Terms, headers: &HeaderMap) -> Result<(Self, u32), Box<Response>> {
        let fate = stage.fate();
        if fate == Some(Adversity::Hang) {
            match paced::hang(&stage, VENDOR).await {}
        }
        let rate_hz = check(terms, headers, fate).map_err(Box::new)?;
        stage.note(VENDOR, "open", json!({ "model": terms.model, "sample_rate": rate_hz }));
        let mut delays = stage.delays();
        if let Some(Adversity::Slow(factor)) = fate {
            let factor = u64::from(factor.max(1));
            delays.stt_final_ms *= factor;
            delays.tts_first_byte_ms *= factor;
        }
        Ok((Self { stage, fate, delays, answered: false, breaks_at: None }, rate_hz))
    }

    fn is(&self, adversity: Adversity) -> bool {
        self.fate == Some(adversity)
    }

    /// What a client asked for by a message of this name.
    fn control(&self, text: &str) -> Value {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let name = message["type"].as_str().unwrap_or("unreadable").to_owned();
        self.stage.note(VENDOR, name, message.clone());
        message
    }

    /// Sends an answer, or what is sent in its place. `false`: the connection is over.
    async fn answer(&mut self, socket: &mut WebSocket, answer: Message) -> bool {
        let first = !std::mem::replace(&mut self.answered, true);
        let answer = match self.fate {
            Some(Adversity::Mute) => return true,
            Some(Adversity::Garbage) if first => Message::Text("<html>502 Bad Gateway</html>".into()),
            Some(Adversity::Oversized) if first => Message::Text("x".repeat(paced::OVERSIZED).into()),
            Some(Adversity::BreaksAfter(after_ms)) if first => {
                self.breaks_at = Some(Instant::now() + Duration::from_millis(after_ms));
                answer
            }
            _ => answer,
        };
        socket.send(answer).await.is_ok()
    }

    async fn answer_json(&mut self, socket: &mut WebSocket, answer: &Value) -> bool {
        self.answer(socket, Message::Text(answer.to_string().into())).await
    }
}

/// # Errors
/// The refusal.
fn check(terms: &Terms, headers: &HeaderMap, fate: Option<Adversity>) -> Result<u32, Response> {
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has_key = ["Token ", "token ", "Bearer "]
        .iter()
        .any(|scheme| authorization.strip_prefix(scheme).is_some_and(|key| !key.trim().is_empty()));
    if !has_key && !headers.contains_key("sec-websocket-protocol") {
        return Err(refusal(StatusCode::UNAUTHORIZED, "INVALID_AUTH", "Invalid credentials."));
    }
    let refused = match fate {
        Some(Adversity::Unauthorized) => {
            Some((StatusCode::UNAUTHORIZED, "INVALID_AUTH", "Invalid credentials."))
        }
        Some(Adversity::Exhausted) => Some((
            StatusCode::PAYMENT_REQUIRED,
            "ASR_PAYMENT_REQUIRED",
            "Project does not have enough credits.",
        )),
        Some(Adversity::Limited) => Some((
            StatusCode::TOO_MANY_REQUESTS,
            "TOO_MANY_REQUESTS",
            "Too many requests. Please try again later",
        )),
        Some(Adversity::Overloaded) => {
            Some((StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", "The service is overloaded."))
        }
        Some(Adversity::Rejected) => Some((
            StatusCode::BAD_REQUEST,
            "INVALID_QUERY_PARAMETER",
            "No such model/language/tier combination found.",
        )),
        _ => None,
    };
    if let Some((status, code, message)) = refused {
        return Err(refusal(status, code, message));
    }
    let bad = |message| Err(refusal(StatusCode::BAD_REQUEST, "INVALID_QUERY_PARAMETER", message));
    if terms.encoding.as_deref().is_some_and(|encoding| encoding != "linear16") {
        return bad("This stand-in knows linear16 alone.");
    }
    match terms.sample_rate {
        Some(rate_hz @ 8_000..=48_000) => Ok(rate_hz),
        Some(_) => bad("Unsupported sample rate."),
        None => bad("Raw audio needs a sample rate."),
    }
}

/// As the vendor refuses: the reason in a header and in the body.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "err_code": code, "err_msg": message, "request_id": "timed" });
    let mut response = (status, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    if let Ok(value) = format!("{code}: {message}").parse() {
        headers.insert("dg-error", value);
    }
    headers.insert("dg-request-id", axum::http::HeaderValue::from_static("timed"));
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert("retry-after", axum::http::HeaderValue::from_static("3"));
    }
    response
}

fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}
