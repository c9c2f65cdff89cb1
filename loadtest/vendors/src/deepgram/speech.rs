//! Deepgram's `v1/speak` over HTTP: a request for each text.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use providers_api::conformance::Adversity;
use serde_json::Value;

use super::{Terms, VENDOR, check, refusal};
use crate::paced::{self, Pace};
use crate::sound::{self, voiced};
use crate::stage::Stage;

const PIECE: Duration = Duration::from_millis(100);
const LONGEST_TEXT: usize = 2_000;

pub(super) async fn once(
    State(stage): State<Stage>,
    Query(terms): Query<Terms>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fate = stage.fate();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    stage.note(VENDOR, "request", message.clone());
    if fate == Some(Adversity::Hang) {
        match paced::hang(&stage, VENDOR).await {}
    }
    let rate_hz = match check(&terms, &headers, fate) {
        Ok(rate_hz) => rate_hz,
        Err(refusal) => return refusal,
    };
    let Some(text) = message["text"].as_str().filter(|text| !text.is_empty()) else {
        return refusal(StatusCode::BAD_REQUEST, "PAYLOAD_ERROR", "The body has no text.");
    };
    let characters = text.chars().count();
    if characters > LONGEST_TEXT {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "INPUT_TEXT_LENGTH_EXCEEDED", "Too much text.");
    }
    if fate == Some(Adversity::Garbage) {
        return axum::response::Html("<html>502 Bad Gateway</html>").into_response();
    }
    let head = [
        ("content-type", "audio/l16;rate=24000".to_owned()),
        ("dg-request-id", "timed".to_owned()),
        ("dg-model-name", terms.model.unwrap_or_default()),
        ("dg-char-count", characters.to_string()),
    ];
    (head, audio(&stage, fate, text, rate_hz)).into_response()
}

fn audio(stage: &Stage, fate: Option<Adversity>, text: &str, rate_hz: u32) -> Body {
    let delays = stage.delays();
    let speed = u32::try_from(delays.tts_speed.max(1)).unwrap_or(1);
    let mut pieces = Vec::new();
    match fate {
        Some(Adversity::Empty) => {}
        Some(Adversity::Oversized) => pieces.push(Bytes::from(vec![1; paced::OVERSIZED])),
        _ => {
            let (length, mut at) = (sound::length(text, delays), Duration::ZERO);
            while at < length {
                let piece = PIECE.min(length - at);
                pieces.push(voiced(at, piece, rate_hz));
                at += piece;
            }
        }
    }
    let pace = Pace { first: delays.tts_first_byte(), each: PIECE / speed };
    paced::body(stage, VENDOR, fate, pace, pieces)
}
