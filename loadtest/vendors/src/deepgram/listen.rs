//! Deepgram's `v1/listen`: "recognises" a word for every 300 ms of voice, interims as it goes, the final exactly late after `Finalize` and
//! after a pause of its own `endpointing`.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{Scene, close};
use crate::sound::Ear;

/// Without audio or a `KeepAlive` for so long the vendor gives up.
const IDLE: Duration = Duration::from_secs(10);

/// Why a final is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// `Finalize` asked for it.
    Asked,
    /// The caller paused.
    Pause,
}

pub(super) async fn run(
    mut socket: WebSocket,
    rate_hz: u32,
    endpointing: Option<Duration>,
    mut scene: Scene,
) {
    let mut ear = Ear::new(rate_hz);
    let mut final_due: Option<(Instant, Why)> = None;
    let mut idle_at = Instant::now() + IDLE;
    loop {
        let breaks_at = scene.breaks_at;
        let answer = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(audio))) => {
                    idle_at = Instant::now() + IDLE;
                    if audio.is_empty() {
                        break;
                    }
                    let due = ear.take(&audio);
                    if final_due.is_none() && endpointing.is_some_and(|pause| ear.pauses(pause)) {
                        final_due = Some((Instant::now() + scene.delays.stt_final(), Why::Pause));
                    }
                    due.then(|| results(&ear, None, &scene))
                }
                Some(Ok(Message::Text(text))) => {
                    idle_at = Instant::now() + IDLE;
                    match scene.control(&text)["type"].as_str() {
                        Some("Finalize") => {
                            final_due = Some((Instant::now() + scene.delays.stt_final(), Why::Asked));
                            None
                        }
                        Some("CloseStream") => break,
                        _ => None,
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => None,
            },
            Some(why) = due(final_due) => {
                final_due = None;
                let settled = results(&ear, Some(why), &scene);
                ear.settle();
                Some(settled)
            }
            () = sleep_until(breaks_at.unwrap_or(idle_at)), if breaks_at.is_some() => return,
            () = sleep_until(idle_at) => {
                let _gone = socket.send(close(1011, "NET-0001")).await;
                return;
            }
        };
        if let Some(answer) = answer
            && !scene.answer_json(&mut socket, &answer).await
        {
            return;
        }
    }
    let metadata =
        json!({ "type": "Metadata", "request_id": "timed", "duration": ear.position, "channels": 1 });
    let _gone = scene.answer_json(&mut socket, &metadata).await;
    let _gone = socket.send(Message::Close(None)).await;
}

async fn due(wanted: Option<(Instant, Why)>) -> Option<Why> {
    let (at, why) = wanted?;
    sleep_until(at).await;
    Some(why)
}

/// `settled`: it is a final, and why.
fn results(ear: &Ear, settled: Option<Why>, scene: &Scene) -> Value {
    let empty = scene.is(Adversity::Empty);
    let words: Vec<Value> = ear
        .words()
        .into_iter()
        .filter(|_| !empty)
        .map(|said| {
            json!({
                "word": said.word.to_lowercase(), "punctuated_word": said.word,
                "start": said.from, "end": said.to, "confidence": 0.99,
            })
        })
        .collect();
    let text = if empty { String::new() } else { ear.text() };
    json!({
        "type": "Results", "channel_index": [0, 1], "start": ear.from, "duration": ear.position - ear.from,
        "is_final": settled.is_some(), "speech_final": settled.is_some(), "from_finalize": settled == Some(Why::Asked),
        "channel": { "alternatives": [{ "transcript": text, "confidence": 0.99, "words": words }] },
        "metadata": { "request_id": "timed" },
    })
}
