//! `audio/transcriptions`: words for the voice in a file.

use axum::extract::{Multipart, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use providers_api::conformance::Adversity;
use serde_json::{Map, Value, json};

use super::{Refused, VENDOR, gate};
use crate::Stage;
use crate::paced::{self, Pace};
use crate::sound::Ear;

/// What a request brought.
#[derive(Default)]
struct Upload {
    file: Option<bytes::Bytes>,
    fields: Map<String, Value>,
}

pub(super) async fn transcriptions(
    State(stage): State<Stage>,
    headers: HeaderMap,
    form: Multipart,
) -> Response {
    let upload = match read(form).await {
        Ok(upload) => upload,
        Err(refused) => return refused.into_response(),
    };
    stage.note(VENDOR, "request", Value::Object(upload.fields.clone()));
    let fate = stage.fate();
    if let Err(refused) = gate(&stage, fate, &headers).await {
        return refused.into_response();
    }
    match heard(&upload) {
        Err(refused) => refused.into_response(),
        Ok(ear) => answered(&stage, fate, &upload, &ear),
    }
}

async fn read(mut form: Multipart) -> Result<Upload, Refused> {
    let broken = |_| Refused::wrong("Could not parse multipart form");
    let mut upload = Upload::default();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            upload.fields.insert("file_name".to_owned(), json!(field.file_name()));
            upload.file = Some(field.bytes().await.map_err(broken)?);
            continue;
        }
        let value = field.text().await.map_err(broken)?;
        match name.strip_suffix("[]") {
            Some(list) => {
                let list = upload.fields.entry(list).or_insert_with(|| json!([]));
                list.as_array_mut().into_iter().for_each(|list| list.push(json!(value)));
            }
            None => {
                upload.fields.insert(name, json!(value));
            }
        }
    }
    Ok(upload)
}

fn heard(upload: &Upload) -> Result<Ear, Refused> {
    let field = |name: &str| upload.fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let model = field("model");
    if model.is_empty() {
        return Err(Refused::wrong("you must provide a model parameter"));
    }
    let format = field("response_format");
    if !["", "json", "text", "verbose_json"].contains(&format) {
        return Err(Refused::wrong("Invalid value for 'response_format'."));
    }
    if model.starts_with("gpt-4o") && format == "verbose_json" {
        return Err(Refused::wrong("response_format 'verbose_json' is not compatible with model."));
    }
    if !upload.fields.get("timestamp_granularities").is_none_or(Value::is_null) && format != "verbose_json" {
        return Err(Refused::wrong("timestamp_granularities needs response_format verbose_json"));
    }
    let (rate_hz, samples) = upload
        .file
        .as_deref()
        .and_then(samples)
        .ok_or_else(|| Refused::wrong("Audio file might be corrupted or unsupported"))?;
    let mut ear = Ear::new(rate_hz);
    ear.take(samples);
    if ear.position < 0.1 {
        return Err(Refused::wrong("Audio file is too short. Minimum audio length is 0.1 seconds."));
    }
    Ok(ear)
}

/// Of a WAV file, mono 16 bit with the plain header.
fn samples(file: &[u8]) -> Option<(u32, &[u8])> {
    let plain = file.get(..4)? == b"RIFF" && file.get(8..16)? == b"WAVEfmt " && file.get(36..40)? == b"data";
    let mono = file.get(20..24)? == [1, 0, 1, 0] && file.get(34..36)? == [16, 0];
    let rate_hz = u32::from_le_bytes(file.get(24..28)?.try_into().ok()?);
    (plain && mono).then_some((rate_hz, file.get(44..)?))
}

fn answered(stage: &Stage, fate: Option<Adversity>, upload: &Upload, ear: &Ear) -> Response {
    let field = |name: &str| upload.fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let text = if fate == Some(Adversity::Empty) { String::new() } else { ear.text() };
    let plain = field("model") == "compat-text" || field("response_format") == "text";
    let body = match fate {
        Some(Adversity::Garbage) => json!({ "unexpected": true }).to_string(),
        Some(Adversity::Oversized) => json!({ "text": "x".repeat(paced::OVERSIZED) }).to_string(),
        _ if plain => text,
        _ if field("response_format") == "verbose_json" => verbose(ear, &text).to_string(),
        _ => {
            let tokens = (ear.position * 10.0).ceil();
            json!({ "text": text, "usage": {
                "type": "tokens", "input_tokens": tokens as u64, "output_tokens": ear.words().len(),
                "total_tokens": tokens as u64 + ear.words().len() as u64,
                "input_token_details": { "audio_tokens": tokens as u64, "text_tokens": 0 },
            } })
            .to_string()
        }
    };
    // In two pieces, so that it can break between them.
    let middle = body.floor_char_boundary(body.len() / 2);
    let pieces =
        [&body[..middle], &body[middle..]].map(|piece| bytes::Bytes::copy_from_slice(piece.as_bytes()));
    let breaks = matches!(fate, Some(Adversity::BreaksAfter(_)));
    let each = if breaks { std::time::Duration::from_secs(1) } else { std::time::Duration::ZERO };
    let pace = Pace { first: stage.delays().stt_final(), each };
    let kind = if plain { "text/plain; charset=utf-8" } else { "application/json" };
    let headers = [("content-type", kind), ("x-request-id", "req_timed")];
    (headers, paced::body(stage, VENDOR, fate, pace, pieces.into())).into_response()
}

fn verbose(ear: &Ear, text: &str) -> Value {
    let said = ear.words();
    let words: Vec<Value> =
        said.iter().map(|said| json!({ "word": said.word, "start": said.from, "end": said.to })).collect();
    let (start, end) = (said.first().map_or(0.0, |said| said.from), said.last().map_or(0.0, |said| said.to));
    let segment = json!({
        "id": 0, "seek": 0, "start": start, "end": end, "text": format!(" {text}"), "tokens": [], "temperature": 0.0,
        "avg_logprob": -0.1, "compression_ratio": 1.1, "no_speech_prob": 0.01,
    });
    json!({
        "task": "transcribe", "language": "english", "duration": ear.position, "text": text,
        "segments": [segment], "words": words, "usage": { "type": "duration", "seconds": ear.position.ceil() },
    })
}
