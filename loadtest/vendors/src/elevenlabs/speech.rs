//! `stream` and `stream/with-timestamps`: a voiced tone for each character, its first byte exactly late, then faster than it sounds.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream;
use providers_api::conformance::Adversity;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{VENDOR, problem, rate_hz, refused};
use crate::sound::voiced;
use crate::stage::Watch;
use crate::{Delays, Stage};

const PIECE: Duration = Duration::from_millis(100);
const LONGEST_TEXT: usize = 40_000;
/// Audio that no sentence has, in bytes.
const OVERSIZED: usize = 40 << 20;

#[derive(Deserialize)]
pub(super) struct Format {
    #[serde(default)]
    output_format: String,
}

pub(super) async fn plain(
    State(stage): State<Stage>,
    Path(voice): Path<String>,
    Query(format): Query<Format>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    answer(&stage, &voice, &format, &headers, body, false).await
}

pub(super) async fn timed(
    State(stage): State<Stage>,
    Path(voice): Path<String>,
    Query(format): Query<Format>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    answer(&stage, &voice, &format, &headers, body, true).await
}

async fn answer(
    stage: &Stage,
    voice: &str,
    format: &Format,
    headers: &HeaderMap,
    body: Value,
    timed: bool,
) -> Response {
    let fate = stage.fate();
    if let Some(refusal) = refused(headers, fate) {
        return refusal;
    }
    let Some(rate_hz) = rate_hz(&format.output_format) else {
        return problem(
            StatusCode::BAD_REQUEST,
            "output_format_not_allowed",
            "Samples alone are served here.",
        );
    };
    let Some(text) = body["text"].as_str().map(str::to_owned) else {
        let entry = json!({ "loc": ["body", "text"], "msg": "Field required", "type": "missing" });
        return (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({ "detail": [entry] }))).into_response();
    };
    if text.chars().count() > LONGEST_TEXT {
        return problem(StatusCode::BAD_REQUEST, "max_character_limit_exceeded", "The text is too long.");
    }
    stage.note(VENDOR, "request", json!({ "voice": voice, "body": body }));
    let mut watch = Watch::new(stage, VENDOR);
    match fate {
        Some(Adversity::Hang) => return std::future::pending().await,
        Some(Adversity::Mute) => {
            // The watch lives as long as the body that never comes.
            let never = stream::once(async move {
                let _watch = watch;
                std::future::pending::<Result<Bytes, Infallible>>().await
            });
            return sound(timed, Body::from_stream(never));
        }
        Some(Adversity::Garbage) => {
            watch.done();
            let head = if timed { "application/json" } else { "text/html" };
            return ([("content-type", head)], "<html>hello</html>\n").into_response();
        }
        Some(Adversity::Oversized) => {
            watch.done();
            return sound(timed, Body::from(vec![b'1'; OVERSIZED]));
        }
        Some(Adversity::Empty) => {
            watch.done();
            return sound(timed, Body::empty());
        }
        _ => {}
    }
    speak(stage.delays(), fate, text, rate_hz, timed, watch).await
}

async fn speak(
    delays: Delays,
    fate: Option<Adversity>,
    text: String,
    rate_hz: u32,
    timed: bool,
    watch: Watch,
) -> Response {
    let times = if let Some(Adversity::Slow(times)) = fate { times } else { 1 };
    let first = Instant::now() + delays.tts_first_byte() * times;
    let breaks_at = match fate {
        Some(Adversity::BreaksAfter(ms)) => Some(first + Duration::from_millis(ms)),
        _ => None,
    };
    sleep_until(first).await;
    let text: Vec<char> = text.chars().collect();
    let pace = delays.tts_speed.max(1);
    let plan =
        Plan { text, at: Duration::ZERO, due: first, rate_hz, timed, delays, pace, times, breaks_at, watch };
    sound(timed, Body::from_stream(pieces(plan)))
}

struct Plan {
    text: Vec<char>,
    at: Duration,
    due: Instant,
    rate_hz: u32,
    timed: bool,
    delays: Delays,
    pace: u64,
    times: u32,
    breaks_at: Option<Instant>,
    watch: Watch,
}

fn pieces(plan: Plan) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some(plan), |plan| async move {
        let mut plan = plan?;
        let each = Duration::from_millis(plan.delays.tts_ms_per_char.max(1));
        let length = each * u32::try_from(plan.text.len()).unwrap_or(0);
        if plan.breaks_at.is_some_and(|breaks_at| plan.due >= breaks_at) || plan.at >= length {
            plan.watch.done();
            sleep_until(plan.breaks_at?).await;
            return Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None));
        }
        sleep_until(plan.due).await;
        let piece = PIECE.min(length - plan.at);
        let audio = voiced(plan.at, piece, plan.rate_hz);
        let bytes = if plan.timed { line(&plan, each, piece, &audio) } else { audio };
        plan.at += piece;
        plan.due += piece / u32::try_from(plan.pace).unwrap_or(1) * plan.times;
        Some((Ok(bytes), Some(plan)))
    })
}

/// Times are from the start of the answer, in seconds.
fn line(plan: &Plan, each: Duration, piece: Duration, audio: &[u8]) -> Bytes {
    let begins = plan.text.iter().enumerate().map(|(n, c)| (each * u32::try_from(n).unwrap_or(0), c));
    let here: Vec<_> = begins.filter(|(from, _)| (plan.at..plan.at + piece).contains(from)).collect();
    let alignment = json!({
        "characters": here.iter().map(|(_, character)| character.to_string()).collect::<Vec<_>>(),
        "character_start_times_seconds": here.iter().map(|(from, _)| from.as_secs_f64()).collect::<Vec<_>>(),
        "character_end_times_seconds": here.iter().map(|(from, _)| (*from + each).as_secs_f64()).collect::<Vec<_>>(),
    });
    let line = json!({
        "audio_base64": STANDARD.encode(audio), "alignment": alignment, "normalized_alignment": alignment,
    });
    format!("{line}\n").into()
}

fn sound(timed: bool, body: Body) -> Response {
    let head = [
        ("content-type", if timed { "application/json" } else { "audio/pcm" }),
        ("request-id", "timed"),
        ("current-concurrent-requests", "1"),
        ("maximum-concurrent-requests", "5"),
    ];
    (head, body).into_response()
}
