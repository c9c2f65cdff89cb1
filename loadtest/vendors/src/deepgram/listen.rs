//! Deepgram's `v1/listen`: "recognises" a word for every 300 ms of voice, interims as it goes, the final exactly late after `Finalize`.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{Scene, close};
use crate::sound::Ear;

/// Without audio or a `KeepAlive` for so long the vendor gives up.
const IDLE: Duration = Duration::from_secs(10);

pub(super) async fn run(mut socket: WebSocket, rate_hz: u32, mut scene: Scene) {
    let mut ear = Ear::new(rate_hz);
    let mut final_due: Option<Instant> = None;
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
                    ear.take(&audio).then(|| results(&ear, false, &scene))
                }
                Some(Ok(Message::Text(text))) => {
                    idle_at = Instant::now() + IDLE;
                    match scene.control(&text)["type"].as_str() {
                        Some("Finalize") => {
                            final_due = Some(Instant::now() + scene.delays.stt_final());
                            None
                        }
                        Some("CloseStream") => break,
                        _ => None,
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => None,
            },
            () = sleep_until(final_due.unwrap_or_else(Instant::now)), if final_due.is_some() => {
                final_due = None;
                let settled = results(&ear, true, &scene);
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

fn results(ear: &Ear, settled: bool, scene: &Scene) -> Value {
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
        "is_final": settled, "speech_final": settled, "from_finalize": settled,
        "channel": { "alternatives": [{ "transcript": text, "confidence": 0.99, "words": words }] },
        "metadata": { "request_id": "timed" },
    })
}
