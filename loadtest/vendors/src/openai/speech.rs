//! `audio/speech`: a tone for each character, plain or in events.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use providers_api::conformance::Adversity;
use serde_json::{Value, json};

use super::{Refused, VENDOR, gate};
use crate::paced::{self, Pace};
use crate::{Stage, sound};

const PCM_HZ: u32 = 24_000;
/// What many compatible voices are made at.
const WAV_HZ: u32 = 22_050;
const PIECE: Duration = Duration::from_millis(100);
const LONGEST_CHARS: usize = 4_096;
const VOICES: [&str; 13] = [
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin",
    "cedar",
];
/// Longer than any sentence: eleven minutes, in pieces of a second.
const ENDLESS: usize = 660;

pub(super) async fn speech(State(stage): State<Stage>, headers: HeaderMap, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    stage.note(VENDOR, "request", asked.clone());
    let fate = stage.fate();
    if let Err(refused) = gate(&stage, fate, &headers).await {
        return refused.into_response();
    }
    match check(&asked) {
        Err(refused) => refused.into_response(),
        Ok(()) => spoken(&stage, fate, &asked),
    }
}

fn check(asked: &Value) -> Result<(), Refused> {
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    if text("model").is_empty() || text("input").is_empty() {
        return Err(Refused::wrong("Missing required parameter: 'model' or 'input'."));
    }
    if text("input").chars().count() > LONGEST_CHARS {
        return Err(Refused::wrong("Invalid 'input': string too long."));
    }
    if !VOICES.contains(&text("voice")) {
        return Err(Refused::wrong("Invalid value for 'voice'."));
    }
    if text("response_format") != "pcm" {
        return Err(Refused::wrong("This stand-in speaks pcm alone."));
    }
    if asked["speed"].as_f64().is_some_and(|speed| !(0.25..=4.0).contains(&speed)) {
        return Err(Refused::wrong("Invalid 'speed': expected 0.25 to 4.0."));
    }
    Ok(())
}

fn spoken(stage: &Stage, fate: Option<Adversity>, asked: &Value) -> Response {
    let delays = stage.delays();
    let is_wav = asked["model"] == "compat-wav";
    let in_events = asked["stream_format"] == "sse" && !is_wav;
    let rate_hz = if is_wav { WAV_HZ } else { PCM_HZ };
    let text = asked["input"].as_str().unwrap_or_default();
    let mut pieces = match fate {
        Some(Adversity::Empty) => Vec::new(),
        Some(Adversity::Garbage) if !in_events => vec![Bytes::from_static(b"<html>It works!</html>")],
        Some(Adversity::Garbage) => vec![Bytes::from_static(b"data: <html>\n\n")],
        Some(Adversity::Oversized) if !in_events => vec![Bytes::from(vec![0; PCM_HZ as usize * 2]); ENDLESS],
        Some(Adversity::Oversized) => vec![Bytes::from(format!("data: {}", "x".repeat(paced::OVERSIZED)))],
        _ => voice(text, rate_hz, delays),
    };
    let usual = !matches!(fate, Some(Adversity::Empty | Adversity::Garbage | Adversity::Oversized));
    if in_events && usual {
        pieces = events(text, &pieces);
    }
    if is_wav && usual {
        pieces.insert(0, Bytes::from(header(rate_hz)));
    }
    let speed = u32::try_from(delays.tts_speed.max(1)).unwrap_or(1);
    let each = if fate == Some(Adversity::Oversized) { Duration::ZERO } else { PIECE / speed };
    let pace = Pace { first: delays.tts_first_byte(), each };
    let kind = match fate {
        Some(Adversity::Garbage) if !in_events => "text/html",
        _ if in_events => "text/event-stream",
        _ if is_wav => "audio/wav",
        _ => "audio/pcm",
    };
    let headers = [("content-type", kind), ("x-request-id", "req_timed")];
    (headers, paced::body(stage, VENDOR, fate, pace, pieces)).into_response()
}

fn voice(text: &str, rate_hz: u32, delays: crate::Delays) -> Vec<Bytes> {
    let length = sound::length(text, delays);
    let mut pieces = Vec::new();
    let mut at = Duration::ZERO;
    while at < length {
        let piece = PIECE.min(length - at);
        pieces.push(sound::voiced(at, piece, rate_hz));
        at += piece;
    }
    pieces
}

fn events(text: &str, pieces: &[Bytes]) -> Vec<Bytes> {
    let event = |json: Value| Bytes::from(format!("data: {json}\n\n"));
    let input = text.chars().count().div_ceil(4);
    let output = pieces.len() * 2;
    let usage = json!({ "input_tokens": input, "output_tokens": output, "total_tokens": input + output });
    let audio =
        pieces.iter().map(|piece| json!({ "type": "speech.audio.delta", "audio": STANDARD.encode(piece) }));
    audio.chain([json!({ "type": "speech.audio.done", "usage": usage })]).map(event).collect()
}

/// Of a stream: nobody knows yet how long it will be.
fn header(rate_hz: u32) -> Vec<u8> {
    let mut wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00".to_vec();
    wav.extend(rate_hz.to_le_bytes());
    wav.extend((rate_hz * 2).to_le_bytes());
    wav.extend(b"\x02\x00\x10\x00data\xff\xff\xff\xff");
    wav
}
