//! `tts/bytes`: a voiced tone for each character, its first byte exactly late, then faster than it sounds.

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
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{VENDOR, problem, rate_hz, refused};
use crate::sound::{self, voiced};
use crate::stage::Watch;
use crate::{Delays, Stage};

const PIECE: Duration = Duration::from_millis(100);
/// Audio that no sentence has, in bytes.
const OVERSIZED: usize = 40 << 20;

pub(super) async fn bytes(
    State(stage): State<Stage>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    let fate = stage.fate();
    if let Some(refusal) = refused(&headers, fate) {
        return refusal;
    }
    let rate_hz = match rate_hz(&body) {
        Ok(rate_hz) => rate_hz,
        Err(wrong) => return problem(StatusCode::BAD_REQUEST, Value::Null, "Invalid request", wrong),
    };
    let text = body["transcript"].as_str().unwrap_or_default().to_owned();
    stage.note(VENDOR, "request", body);
    let mut watch = Watch::new(&stage, VENDOR);
    match fate {
        Some(Adversity::Hang) => return std::future::pending().await,
        Some(Adversity::Mute) => {
            // The watch lives as long as the body that never comes.
            let never = stream::once(async move {
                let _watch = watch;
                std::future::pending::<Result<Bytes, Infallible>>().await
            });
            return audio(Body::from_stream(never));
        }
        Some(Adversity::Garbage) => {
            watch.done();
            return ([("content-type", "text/html")], "<html>hello</html>").into_response();
        }
        Some(Adversity::Oversized) => {
            watch.done();
            return audio(Body::from(vec![1; OVERSIZED]));
        }
        Some(Adversity::Empty) => {
            watch.done();
            return audio(Body::empty());
        }
        _ => {}
    }
    let delays = stage.delays();
    let times = if let Some(Adversity::Slow(times)) = fate { times } else { 1 };
    let first = Instant::now() + delays.tts_first_byte() * times;
    let breaks_at = match fate {
        Some(Adversity::BreaksAfter(ms)) => Some(first + Duration::from_millis(ms)),
        _ => None,
    };
    sleep_until(first).await;
    let length = sound::length(&text, delays);
    let plan = Plan { at: Duration::ZERO, length, due: first, rate_hz, delays, times, breaks_at, watch };
    audio(Body::from_stream(pieces(plan)))
}

struct Plan {
    at: Duration,
    length: Duration,
    due: Instant,
    rate_hz: u32,
    delays: Delays,
    times: u32,
    breaks_at: Option<Instant>,
    watch: Watch,
}

fn pieces(plan: Plan) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some(plan), |plan| async move {
        let mut plan = plan?;
        if plan.breaks_at.is_some_and(|breaks_at| plan.due >= breaks_at) || plan.at >= plan.length {
            plan.watch.done();
            sleep_until(plan.breaks_at?).await;
            return Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None));
        }
        sleep_until(plan.due).await;
        let piece = PIECE.min(plan.length - plan.at);
        let bytes = voiced(plan.at, piece, plan.rate_hz);
        plan.at += piece;
        plan.due += piece / u32::try_from(plan.delays.tts_speed.max(1)).unwrap_or(1) * plan.times;
        Some((Ok(bytes), Some(plan)))
    })
}

fn audio(body: Body) -> Response {
    ([("content-type", "audio/pcm")], body).into_response()
}
