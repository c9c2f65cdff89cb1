//! `text:synthesize` and `voices` of Text-to-Speech v1: one answer, once all of it is spoken.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{StreamExt, stream};
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{VENDOR, is_authorized};
use crate::Stage;
use crate::sound::{self, voiced};
use crate::stage::Watch;

/// Of the text, in bytes.
const LONGEST: usize = 5_000;

pub(super) fn router(stage: Stage) -> Router {
    Router::new()
        .route("/v1/text:synthesize", post(synthesize))
        .route("/v1/voices", get(voices))
        .with_state(stage)
}

async fn synthesize(State(stage): State<Stage>, headers: HeaderMap, body: Bytes) -> Response {
    let mut watch = Watch::new(&stage, VENDOR);
    let answer = answer(&stage, &headers, &body).await;
    watch.done();
    answer
}

async fn answer(stage: &Stage, headers: &HeaderMap, body: &[u8]) -> Response {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    stage.note(VENDOR, "request", body.clone());
    let fate = stage.fate();
    if !is_authorized(headers) {
        return refused(
            401,
            "UNAUTHENTICATED",
            "Request is missing required authentication credential.",
            json!([]),
        );
    }
    if let Some(refusal) = fate.and_then(refusal) {
        return refusal;
    }
    let slower = match fate {
        Some(Adversity::Slow(times)) => times,
        Some(Adversity::Hang) => std::future::pending().await,
        _ => 1,
    };
    let (text, rate_hz) = match asked(&body) {
        Ok(asked) => asked,
        Err(why) => return refused(400, "INVALID_ARGUMENT", &why, json!([])),
    };
    sleep(stage.delays().tts_first_byte() * slower).await;
    let wav = wav(&voiced(Duration::ZERO, sound::length(text, stage.delays()), rate_hz), rate_hz);
    let audio = json!({ "audioContent": STANDARD.encode(wav) }).to_string();
    match fate {
        Some(Adversity::Mute) => streamed(stream::pending().boxed()),
        Some(Adversity::Garbage) => streamed(stream::iter([Ok(Bytes::from_static(b"<<< >>>"))]).boxed()),
        Some(Adversity::Oversized) => {
            let piece = Bytes::from(vec![b' '; 1 << 20]);
            streamed(stream::repeat_with(move || Ok(piece.clone())).take(256).boxed())
        }
        Some(Adversity::Empty) => Json(json!({ "audioContent": "" })).into_response(),
        Some(Adversity::BreaksAfter(ms)) => {
            let half = Bytes::copy_from_slice(&audio.as_bytes()[..audio.len() / 2]);
            let broken = stream::once(async move {
                sleep(Duration::from_millis(ms)).await;
                Err(std::io::Error::other("broken as scripted"))
            });
            streamed(stream::iter([Ok(half)]).chain(broken).boxed())
        }
        _ => streamed(stream::iter([Ok(Bytes::from(audio))]).boxed()),
    }
}

fn streamed(body: stream::BoxStream<'static, Result<Bytes, std::io::Error>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], Body::from_stream(body)).into_response()
}

/// The text and the rate, or what of the request is wrong.
fn asked(body: &Value) -> Result<(&str, u32), String> {
    let text = body["input"]["text"].as_str().unwrap_or_default();
    if text.is_empty() {
        return Err("Either `input.text` or `input.ssml` must be specified".to_owned());
    }
    if text.len() > LONGEST {
        return Err(format!(
            "Either `input.text` or `input.ssml` is longer than the limit of {LONGEST} bytes."
        ));
    }
    let language = body["voice"]["languageCode"].as_str().unwrap_or_default();
    if !body["voice"]["name"].as_str().unwrap_or(language).starts_with(language) || language.is_empty() {
        return Err("Requested language code does not match the voice".to_owned());
    }
    let config = &body["audioConfig"];
    if config["audioEncoding"] != "LINEAR16" {
        return Err("only LINEAR16 is spoken here".to_owned());
    }
    if config["speakingRate"].as_f64().is_some_and(|rate| !(0.25..=4.0).contains(&rate)) {
        return Err("`speakingRate` must be between 0.25 and 4.0".to_owned());
    }
    match config["sampleRateHertz"].as_u64().map_or(Ok(24_000), u32::try_from) {
        Ok(rate_hz @ 8_000..=48_000) => Ok((text, rate_hz)),
        _ => Err("`sampleRateHertz` is not supported".to_owned()),
    }
}

async fn voices(State(stage): State<Stage>, headers: HeaderMap) -> Response {
    stage.note(VENDOR, "voices", Value::Null);
    if !is_authorized(&headers) {
        return refused(
            401,
            "UNAUTHENTICATED",
            "Request is missing required authentication credential.",
            json!([]),
        );
    }
    let voice = |language: &str, name: &str, gender: &str| json!({ "languageCodes": [language], "name": name, "ssmlGender": gender, "naturalSampleRateHertz": 24000 });
    Json(json!({ "voices": [
        voice("en-US", "en-US-Chirp3-HD-Achernar", "FEMALE"),
        voice("de-DE", "de-DE-Chirp3-HD-Puck", "MALE"),
    ] }))
    .into_response()
}

fn refusal(fate: Adversity) -> Option<Response> {
    let retry = json!([{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s" }]);
    let minute = "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.";
    let day = "Quota exceeded for quota metric 'Characters' and limit 'Characters per day'.";
    Some(match fate {
        Adversity::Unauthorized => refused(401, "UNAUTHENTICATED", "Invalid credentials.", json!([])),
        Adversity::Exhausted => refused(429, "RESOURCE_EXHAUSTED", day, json!([])),
        Adversity::Limited => refused(429, "RESOURCE_EXHAUSTED", minute, retry),
        Adversity::Overloaded => refused(503, "UNAVAILABLE", "The service is unavailable.", json!([])),
        Adversity::Rejected => refused(400, "INVALID_ARGUMENT", "Invalid voice.", json!([])),
        _ => return None,
    })
}

fn refused(status: u16, name: &str, message: &str, details: Value) -> Response {
    let body = json!({ "error": { "code": status, "message": message, "status": name, "details": details } });
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), Json(body)).into_response()
}

/// 16-bit mono samples with the header of a WAV file.
fn wav(samples: &[u8], rate_hz: u32) -> Vec<u8> {
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX - 36);
    let mut file = Vec::with_capacity(44 + samples.len());
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + length).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    file.extend_from_slice(&[1, 0, 1, 0]);
    file.extend_from_slice(&rate_hz.to_le_bytes());
    file.extend_from_slice(&(rate_hz * 2).to_le_bytes());
    file.extend_from_slice(&[2, 0, 16, 0]);
    file.extend_from_slice(b"data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(samples);
    file
}
