//! Deepgram's `v1/listen`: "recognises" a word for every 300 ms of voice, interims as it goes, the final exactly late after `Finalize`.

use axum::extract::ws::{Message, WebSocket};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::Delays;
use crate::sound::Ear;

pub(super) async fn run(mut socket: WebSocket, rate_hz: u32, delays: Delays) {
    let mut ear = Ear::new(rate_hz);
    let mut final_due: Option<Instant> = None;
    loop {
        let answer = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(audio))) => ear.take(&audio).then(|| results(&ear, false)),
                Some(Ok(Message::Text(text))) => match control(&text).as_str() {
                    "Finalize" => {
                        final_due = Some(Instant::now() + delays.stt_final());
                        None
                    }
                    "CloseStream" => break,
                    _ => None,
                },
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => None,
            },
            () = sleep_until(final_due.unwrap_or_else(Instant::now)), if final_due.is_some() => {
                final_due = None;
                let settled = results(&ear, true);
                ear.settle();
                Some(settled)
            }
        };
        if let Some(answer) = answer
            && socket.send(Message::Text(answer.to_string().into())).await.is_err()
        {
            return;
        }
    }
    let _gone = socket.send(Message::Close(None)).await;
}

fn control(text: &str) -> String {
    serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|message| message["type"].as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn results(ear: &Ear, settled: bool) -> Value {
    let words: Vec<Value> = ear
        .words()
        .into_iter()
        .map(|said| {
            json!({
                "word": said.word.to_lowercase(), "punctuated_word": said.word,
                "start": said.from, "end": said.to, "confidence": 0.99,
            })
        })
        .collect();
    json!({
        "type": "Results", "channel_index": [0, 1], "start": ear.from, "duration": ear.position - ear.from,
        "is_final": settled, "speech_final": settled, "from_finalize": settled,
        "channel": { "alternatives": [{ "transcript": ear.text(), "confidence": 0.99, "words": words }] },
        "metadata": { "request_id": "timed" },
    })
}
