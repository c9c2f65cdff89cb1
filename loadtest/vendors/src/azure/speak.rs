//! Synthesis: a voiced tone for each character of a document, its first byte exactly late, then faster than it sounds.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{VENDOR, refused, ssml};
use crate::sound::{self, voiced};
use crate::stage::Watch;
use crate::{Delays, Stage};

const PIECE: Duration = Duration::from_millis(100);
/// More than the ten minutes that the service gives.
const OVERSIZED: usize = 32 << 20;
/// Of these formats, the rate.
const FORMATS: [(&str, u32); 4] = [
    ("raw-8khz-16bit-mono-pcm", 8_000),
    ("raw-16khz-16bit-mono-pcm", 16_000),
    ("raw-24khz-16bit-mono-pcm", 24_000),
    ("raw-48khz-16bit-mono-pcm", 48_000),
];

pub(super) async fn speaking(State(stage): State<Stage>, headers: HeaderMap, body: String) -> Response {
    let fate = stage.fate();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(refusal) = refused(&headers, fate) {
        return refusal;
    }
    if !header("content-type").starts_with("application/ssml+xml") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let format = FORMATS.iter().find(|(name, _)| *name == header("x-microsoft-outputformat"));
    let (Some((_, rate_hz)), Some(spoken)) = (format, ssml::read(&body)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if header("user-agent").is_empty() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    stage.note(VENDOR, "request", json!({ "ssml": body, "voice": spoken.voice, "text": spoken.text }));
    let watch = Watch::new(&stage, VENDOR);
    answer(&stage, fate, &spoken.text, *rate_hz, watch).await
}

async fn answer(
    stage: &Stage,
    fate: Option<Adversity>,
    text: &str,
    rate_hz: u32,
    mut watch: Watch,
) -> Response {
    let delays = stage.delays();
    let times = if let Some(Adversity::Slow(times)) = fate { times } else { 1 };
    match fate {
        Some(Adversity::Hang) => return std::future::pending().await,
        Some(Adversity::Garbage) => {
            watch.done();
            return ([("content-type", "text/html")], "<html>hello</html>").into_response();
        }
        Some(Adversity::Mute) => {
            // The watch lives as long as the body that never comes.
            let never = stream::once(async move {
                let _watch = watch;
                std::future::pending::<Result<Bytes, Infallible>>().await
            });
            return audio(Body::from_stream(never));
        }
        Some(Adversity::Empty) => {
            watch.done();
            return audio(Body::empty());
        }
        Some(Adversity::Oversized) => {
            watch.done();
            return audio(Body::from(vec![1; OVERSIZED]));
        }
        _ => {}
    }
    let breaks_at = match fate {
        Some(Adversity::BreaksAfter(ms)) => {
            Some(Instant::now() + delays.tts_first_byte() + Duration::from_millis(ms))
        }
        _ => None,
    };
    let length = sound::length(text, delays);
    let first = Instant::now() + delays.tts_first_byte() * times;
    // The service's head comes with the first audio.
    sleep_until(first).await;
    audio(Body::from_stream(pieces(Plan {
        at: Duration::ZERO,
        length,
        due: first,
        rate_hz,
        delays,
        breaks_at,
        watch,
    })))
}

struct Plan {
    at: Duration,
    length: Duration,
    due: Instant,
    rate_hz: u32,
    delays: Delays,
    breaks_at: Option<Instant>,
    watch: Watch,
}

fn pieces(plan: Plan) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some(plan), |plan| async move {
        let mut plan = plan?;
        if plan.breaks_at.is_some_and(|breaks_at| plan.due >= breaks_at) || plan.at >= plan.length {
            plan.watch.done();
            let at = plan.breaks_at?;
            sleep_until(at).await;
            return Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None));
        }
        sleep_until(plan.due).await;
        let piece = PIECE.min(plan.length - plan.at);
        let bytes = voiced(plan.at, piece, plan.rate_hz);
        plan.at += piece;
        plan.due += piece / u32::try_from(plan.delays.tts_speed.max(1)).unwrap_or(1);
        Some((Ok(bytes), Some(plan)))
    })
}

fn audio(body: Body) -> Response {
    ([("content-type", "audio/basic")], body).into_response()
}

pub(super) async fn voices(State(stage): State<Stage>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refused(&headers, stage.fate()) {
        return refusal;
    }
    let voice = |name: &str, locale: &str, styles: &[&str]| -> Value {
        json!({
            "Name": format!("Microsoft Server Speech Text to Speech Voice ({locale}, {name})"),
            "DisplayName": name, "LocalName": name, "ShortName": format!("{locale}-{name}"), "Gender": "Female",
            "Locale": locale, "StyleList": styles, "SampleRateHertz": "48000", "VoiceType": "Neural", "Status": "GA",
        })
    };
    axum::Json(json!([
        voice("JennyNeural", "en-US", &["chat", "cheerful"]),
        voice("KatjaNeural", "de-DE", &[])
    ]))
    .into_response()
}
