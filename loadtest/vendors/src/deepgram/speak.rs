//! Deepgram's `v1/speak`: a voiced tone for each character, its first byte exactly late, then faster than it sounds.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{Scene, VENDOR};
use crate::Delays;
use crate::sound::{self, voiced};

const PIECE: Duration = Duration::from_millis(100);
/// More flushes in a minute are warned of.
const FLUSHES: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// Of one message.
const LONGEST_TEXT: usize = 2_000;

struct Job {
    due: Instant,
    message: Message,
}

/// One socket's text, what is planned of it, and its counts.
struct Voice {
    rate_hz: u32,
    text: String,
    jobs: VecDeque<Job>,
    flushes: VecDeque<Instant>,
    sequence: u64,
}

pub(super) async fn run(mut socket: WebSocket, rate_hz: u32, mut scene: Scene) {
    let (text, jobs, flushes) = (String::new(), VecDeque::new(), VecDeque::new());
    let mut voice = Voice { rate_hz, text, jobs, flushes, sequence: 0 };
    loop {
        let due = voice.jobs.front().map(|job| job.due);
        let breaks_at = scene.breaks_at;
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(message))) => {
                    let message = scene.control(&message);
                    if message["type"] == "Close" {
                        return;
                    }
                    if let Some(answer) = voice.told(&message, &scene)
                        && !scene.answer_json(&mut socket, &answer).await
                    {
                        return;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    if !voice.jobs.is_empty() {
                        scene.stage.note(VENDOR, "cancelled", Value::Null);
                    }
                    return;
                }
                Some(Ok(_)) => {}
            },
            () = sleep_until(breaks_at.unwrap_or_else(Instant::now)), if breaks_at.is_some() => return,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let Some(job) = voice.jobs.pop_front() else { continue };
                if !scene.answer(&mut socket, job.message).await { return }
            }
        }
    }
}

impl Voice {
    /// Takes a control message; what is answered at once.
    fn told(&mut self, message: &Value, scene: &Scene) -> Option<Value> {
        match message["type"].as_str() {
            Some("Speak") => {
                let text = message["text"].as_str().unwrap_or_default();
                if text.chars().count() > LONGEST_TEXT {
                    return Some(json!({
                        "type": "Error", "err_code": "INPUT_TEXT_LENGTH_EXCEEDED", "err_msg": "Too much text in one message.",
                    }));
                }
                self.text.push_str(text);
                None
            }
            Some("Flush") => {
                let text = std::mem::take(&mut self.text);
                plan(&mut self.jobs, &text, self.rate_hz, scene, self.sequence);
                self.sequence += 1;
                self.warning()
            }
            Some("Clear") => {
                self.jobs.clear();
                self.text.clear();
                Some(json!({ "type": "Cleared", "sequence_id": self.sequence }))
            }
            _ => Some(json!({
                "type": "Error", "err_code": "UNPARSABLE_CLIENT_MESSAGE", "err_msg": "No such message.",
            })),
        }
    }

    fn warning(&mut self) -> Option<Value> {
        let now = Instant::now();
        self.flushes.retain(|at| now.duration_since(*at) < MINUTE);
        self.flushes.push_back(now);
        (self.flushes.len() > FLUSHES).then(|| {
            json!({
                "type": "Warning", "warn_code": "EXCESSIVE_FLUSH", "warn_msg": "More than 20 flushes in 60 seconds.",
            })
        })
    }
}

/// Audio of one flush, each piece with the instant it is sent at.
fn plan(jobs: &mut VecDeque<Job>, text: &str, rate_hz: u32, scene: &Scene, flush: u64) {
    let delays: Delays = scene.delays;
    let speed = u32::try_from(delays.tts_speed.max(1)).unwrap_or(1);
    let length = if scene.is(Adversity::Empty) { Duration::ZERO } else { sound::length(text, delays) };
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
