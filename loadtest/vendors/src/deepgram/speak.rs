//! Deepgram's `v1/speak`: a voiced tone for each character, its first byte exactly late, then faster than it sounds.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::Delays;
use crate::sound::{self, voiced};

const PIECE: Duration = Duration::from_millis(100);

struct Job {
    due: Instant,
    message: Message,
}

pub(super) async fn run(mut socket: WebSocket, rate_hz: u32, delays: Delays) {
    let mut text = String::new();
    let mut jobs: VecDeque<Job> = VecDeque::new();
    let mut flushes = 0_u64;
    loop {
        let due = jobs.front().map(|job| job.due);
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(message))) => {
                    let message: Value = serde_json::from_str(&message).unwrap_or_default();
                    match message["type"].as_str() {
                        Some("Speak") => text.push_str(message["text"].as_str().unwrap_or_default()),
                        Some("Flush") => {
                            plan(&mut jobs, &std::mem::take(&mut text), rate_hz.max(8_000), delays, flushes);
                            flushes += 1;
                        }
                        Some("Clear") => jobs.clear(),
                        Some("Close") => return,
                        _ => {}
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let Some(job) = jobs.pop_front() else { continue };
                if socket.send(job.message).await.is_err() { return }
            }
        }
    }
}

/// Audio of one flush, each piece with the instant it is sent at.
fn plan(jobs: &mut VecDeque<Job>, text: &str, rate_hz: u32, delays: Delays, flush: u64) {
    let speed = u32::try_from(delays.tts_speed.max(1)).unwrap_or(1);
    let length = sound::length(text, delays);
    let earliest = jobs.back().map_or_else(Instant::now, |job| job.due.max(Instant::now()));
    let mut due = earliest + delays.tts_first_byte();
    let mut at = Duration::ZERO;
    while at < length {
        let piece = PIECE.min(length - at);
        jobs.push_back(Job { due, message: Message::Binary(voiced(at, piece, rate_hz)) });
        due += piece / speed;
        at += piece;
    }
    let flushed = json!({ "type": "Flushed", "sequence_id": flush });
    jobs.push_back(Job { due, message: Message::Text(flushed.to_string().into()) });
}
