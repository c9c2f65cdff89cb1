//! Deepgram's `v2/listen`: turns begin with voice and end with silence, or exactly late after `ForceEndTurn`.

use axum::extract::ws::{Message, WebSocket};
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::Scene;
use crate::sound::Ear;

/// Silence after which the end is suspected, and after which it is certain, in seconds.
const EAGER: f64 = 0.4;
const CERTAIN: f64 = 1.0;

struct Turns {
    ear: Ear,
    eager: bool,
    index: u64,
    sequence: u64,
    begun: bool,
    /// Where the voice had ended when the end was suspected.
    suspected: Option<f64>,
}

pub(super) async fn run(mut socket: WebSocket, rate_hz: u32, eager: bool, mut scene: Scene) {
    let ear = Ear::new(rate_hz);
    let mut turns = Turns { ear, eager, index: 0, sequence: 0, begun: false, suspected: None };
    let connected = json!({ "type": "Connected", "request_id": "timed", "sequence_id": 0 });
    if !scene.answer_json(&mut socket, &connected).await {
        return;
    }
    let mut end_due: Option<Instant> = None;
    loop {
        let breaks_at = scene.breaks_at;
        let event = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(audio))) => turns.hear(&audio),
                Some(Ok(Message::Text(text))) => match scene.control(&text)["type"].as_str() {
                    Some("ForceEndTurn") => {
                        end_due = Some(Instant::now() + scene.delays.stt_final());
                        None
                    }
                    Some("Configure") => {
                        let done = json!({ "type": "ConfigureSuccess", "request_id": "timed" });
                        if !scene.answer_json(&mut socket, &done).await {
                            return;
                        }
                        None
                    }
                    Some("CloseStream") => break,
                    _ => {
                        let error = json!({
                            "type": "Error", "sequence_id": turns.sequence, "code": "UNPARSABLE_CLIENT_MESSAGE",
                            "description": "A control message that this endpoint does not know.",
                        });
                        let _gone = scene.answer_json(&mut socket, &error).await;
                        break;
                    }
                },
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => None,
            },
            () = sleep_until(end_due.unwrap_or_else(Instant::now)), if end_due.is_some() => {
                end_due = None;
                // Where no turn is under way there is none to end.
                turns.begun.then_some("EndOfTurn")
            }
            () = sleep_until(breaks_at.unwrap_or_else(Instant::now)), if breaks_at.is_some() => return,
        };
        if let Some(event) = event {
            let info = turns.info(event, scene.is(Adversity::Empty));
            if !scene.answer_json(&mut socket, &info).await {
                return;
            }
        }
    }
    let _gone = socket.send(Message::Close(None)).await;
}

impl Turns {
    fn hear(&mut self, audio: &[u8]) -> Option<&'static str> {
        let due = self.ear.take(audio);
        let voice_to = self.ear.words().last()?.to;
        let silence = self.ear.position - voice_to;
        if !std::mem::replace(&mut self.begun, true) {
            return Some("StartOfTurn");
        }
        if self.suspected.is_some_and(|suspected| voice_to > suspected + 0.01) {
            self.suspected = None;
            return Some("TurnResumed");
        }
        if silence >= CERTAIN {
            return Some("EndOfTurn");
        }
        if self.eager && silence >= EAGER && self.suspected.is_none() {
            self.suspected = Some(voice_to);
            return Some("EagerEndOfTurn");
        }
        due.then_some("Update")
    }

    fn info(&mut self, event: &str, empty: bool) -> Value {
        self.sequence += 1;
        let words: Vec<Value> = self
            .ear
            .words()
            .into_iter()
            .filter(|_| !empty)
            .map(|said| json!({ "word": said.word, "confidence": 0.98, "start": said.from, "end": said.to }))
            .collect();
        let confidence = match event {
            "EndOfTurn" => 0.9,
            "EagerEndOfTurn" => 0.6,
            _ => 0.1,
        };
        let info = json!({
            "type": "TurnInfo", "request_id": "timed", "sequence_id": self.sequence, "event": event,
            "turn_index": self.index, "audio_window_start": self.ear.from, "audio_window_end": self.ear.position,
            "transcript": if empty { String::new() } else { self.ear.text() },
            "words": words, "end_of_turn_confidence": confidence,
        });
        if event == "EndOfTurn" {
            self.ear.settle();
            (self.index, self.begun, self.suspected) = (self.index + 1, false, None);
        }
        info
    }
}
