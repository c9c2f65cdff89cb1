//! Deepgram's `v1/listen`: "recognises" a word for every 300 ms of voice, interims as it goes, the final exactly late after `Finalize`.

use axum::extract::ws::{Message, WebSocket};
use media_core::level;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::Delays;

/// Enough different words that a transcript's length says how much voice was heard.
const WORDS: [&str; 12] = [
    "I",
    "would",
    "like",
    "to",
    "book",
    "an",
    "appointment",
    "for",
    "next",
    "Tuesday",
    "afternoon",
    "please",
];
const WORD_SECONDS: f64 = 0.3;
const INTERIM_SECONDS: f64 = 0.2;
const VOICE_DBFS: f32 = -45.0;

struct Heard {
    rate_hz: u32,
    /// Seconds of audio taken, and of voice since the last final.
    position: f64,
    from: f64,
    voice: f64,
    interim_at: f64,
}

pub(super) async fn run(mut socket: WebSocket, rate_hz: u32, delays: Delays) {
    let mut heard =
        Heard { rate_hz: rate_hz.max(8_000), position: 0.0, from: 0.0, voice: 0.0, interim_at: 0.0 };
    let mut final_due: Option<Instant> = None;
    loop {
        let answer = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(audio))) => heard.take(&audio),
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
                Some(heard.settle())
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

impl Heard {
    fn take(&mut self, audio: &[u8]) -> Option<Value> {
        let samples: Vec<i16> =
            audio.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let seconds = samples.len() as f64 / f64::from(self.rate_hz);
        self.position += seconds;
        if level::rms_dbfs(&samples) > VOICE_DBFS {
            self.voice += seconds;
        }
        let due = self.voice > 0.0 && self.position - self.interim_at >= INTERIM_SECONDS;
        due.then(|| {
            self.interim_at = self.position;
            self.results(false)
        })
    }

    fn settle(&mut self) -> Value {
        let results = self.results(true);
        self.from = self.position;
        self.voice = 0.0;
        results
    }

    fn results(&self, settled: bool) -> Value {
        let count = (self.voice / WORD_SECONDS).ceil() as usize;
        let text = WORDS.iter().cycle().take(count).copied().collect::<Vec<_>>().join(" ");
        json!({
            "type": "Results", "channel_index": [0, 1], "start": self.from, "duration": self.position - self.from,
            "is_final": settled, "speech_final": settled, "from_finalize": settled,
            "channel": { "alternatives": [{ "transcript": text, "confidence": 0.99, "words": [] }] },
            "metadata": { "request_id": "timed" },
        })
    }
}
