//! Recognition: a request to a turn, hypotheses as audio comes, phrases where the caller pauses and at the end of the audio.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::VENDOR;
use super::usp::{self, Violation};
use crate::Stage;
use crate::sound::Ear;

/// The service's own limits.
const LONGEST_LIFE: Duration = Duration::from_secs(600);
const LONGEST_IDLE: Duration = Duration::from_secs(180);
const LARGEST_PORTION: usize = 8_192;
/// A pause that ends a phrase, s.
const PAUSE: f64 = 0.7;
const OVERSIZED: usize = 8 << 20;

/// What is to be done next on the socket.
enum Step {
    Send(String),
    Break,
    Close(Violation),
}

struct Listener {
    stage: Stage,
    fate: Option<Adversity>,
    is_detailed: bool,
    is_configured: bool,
    request: Option<Request>,
    /// Ids whose turn is over.
    used: HashSet<String>,
    steps: VecDeque<(Instant, Step)>,
}

struct Request {
    id: String,
    ear: Ear,
    is_ended: bool,
}

pub(super) async fn run(mut socket: WebSocket, stage: Stage, fate: Option<Adversity>, is_detailed: bool) {
    stage.note(VENDOR, "open", Value::Null);
    let mut listener = Listener {
        stage: stage.clone(),
        fate,
        is_detailed,
        is_configured: false,
        request: None,
        used: HashSet::new(),
        steps: VecDeque::new(),
    };
    let end = Instant::now() + LONGEST_LIFE;
    let mut idle = Instant::now() + LONGEST_IDLE;
    loop {
        let due = listener.steps.front().map(|(due, _)| *due);
        tokio::select! {
            message = socket.recv() => {
                idle = Instant::now() + LONGEST_IDLE;
                let taken = match &message {
                    Some(Ok(Message::Text(text))) => listener.text(text),
                    Some(Ok(Message::Binary(bytes))) => listener.binary(bytes),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => Ok(()),
                };
                if let Err(violation) = taken {
                    listener.steps.push_front((Instant::now(), Step::Close(violation)));
                }
            }
            () = sleep_until(due.unwrap_or(end)), if due.is_some() => {
                let Some((_, step)) = listener.steps.pop_front() else { continue };
                let message = match step {
                    Step::Send(text) => Message::Text(text.into()),
                    Step::Break => return,
                    Step::Close((code, reason)) => {
                        stage.note(VENDOR, "violation", json!({ "code": code, "reason": reason }));
                        Message::Close(Some(CloseFrame { code, reason: reason.into() }))
                    }
                };
                let is_last = matches!(message, Message::Close(_));
                if socket.send(message).await.is_err() || is_last { return }
            }
            () = sleep_until(end.min(idle)) => break,
        }
    }
    let is_owed = listener.request.is_some_and(|request| request.is_ended);
    stage.note(VENDOR, if is_owed { "cancelled" } else { "closed" }, Value::Null);
}

impl Listener {
    fn text(&mut self, text: &str) -> Result<(), Violation> {
        let message = usp::text(text)?;
        let body: Value = serde_json::from_slice(message.body)
            .map_err(|_| (1007, "Incorrect message format. The body is no JSON.".to_owned()))?;
        if message.path == "speech.config" && body["context"]["system"]["version"].is_string() {
            self.is_configured = true;
        }
        self.stage.note(VENDOR, message.path, body);
        Ok(())
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let message = usp::binary(bytes)?;
        if message.path != "audio" {
            return Err((
                1007,
                format!("Incorrect message format. Binary message of path {}.", message.path),
            ));
        }
        if !self.is_configured {
            return Err((1002, "Invalid request. speech.config was not sent.".to_owned()));
        }
        if message.body.len() > LARGEST_PORTION {
            return Err((1007, "The audio portion is larger than 8192 bytes.".to_owned()));
        }
        if self.used.contains(&message.request_id) {
            return Err((1002, "Invalid request. Reuse of request identifiers is not allowed.".to_owned()));
        }
        if self.request.as_ref().is_none_or(|request| request.id != message.request_id) {
            return self.begin(&message.request_id, message.body);
        }
        if message.body.is_empty() {
            self.stage.note(VENDOR, "end of audio", Value::Null);
            self.end();
        } else {
            self.hear(message.body);
        }
        Ok(())
    }

    /// What is still owed of the request before is discarded.
    fn begin(&mut self, id: &str, riff: &[u8]) -> Result<(), Violation> {
        let rate_hz = usp::rate_of(riff)?;
        self.steps.clear();
        let before =
            self.request.replace(Request { id: id.to_owned(), ear: Ear::new(rate_hz), is_ended: false });
        if let Some(before) = before {
            self.used.insert(before.id);
        }
        let now = Instant::now();
        let start = usp::answer("turn.start", id, &json!({ "context": { "serviceTag": id } }));
        match self.fate {
            Some(Adversity::Mute) => {}
            Some(Adversity::Garbage) => self.steps.push_back((now, Step::Send("{\"hello\" 1".to_owned()))),
            Some(Adversity::Oversized) => {
                let answer = usp::answer("turn.start", id, &Value::from("x".repeat(OVERSIZED)));
                self.steps.push_back((now, Step::Send(answer)));
            }
            Some(Adversity::BreaksAfter(ms)) => {
                self.steps.push_back((now, Step::Send(start)));
                self.steps.push_back((now + Duration::from_millis(ms), Step::Break));
            }
            _ => self.steps.push_back((now, Step::Send(start))),
        }
        if riff.len() > 44 {
            self.hear(&riff[44..]);
        }
        Ok(())
    }

    fn hear(&mut self, audio: &[u8]) {
        let Some(request) = self.request.as_mut().filter(|request| !request.is_ended) else { return };
        let is_due = request.ear.take(audio);
        if self.is_silent() {
            return;
        }
        let Some(request) = self.request.as_mut() else { return };
        let words = request.ear.words();
        let Some((first, last)) = words.first().zip(words.last()) else { return };
        let now = Instant::now();
        if request.ear.position - last.to > PAUSE {
            let phrase = phrase(&request.ear, self.is_detailed);
            request.ear.settle();
            self.steps.push_back((now, Step::Send(usp::answer("speech.phrase", &request.id, &phrase))));
        } else if is_due {
            let hypothesis = json!({
                "Text": request.ear.text().to_lowercase(),
                "Offset": ticks(first.from), "Duration": ticks(last.to - first.from),
            });
            self.steps
                .push_back((now, Step::Send(usp::answer("speech.hypothesis", &request.id, &hypothesis))));
        }
    }

    /// The rest of the request, exactly late.
    fn end(&mut self) {
        if matches!(
            self.fate,
            Some(Adversity::Mute | Adversity::Garbage | Adversity::Oversized | Adversity::BreaksAfter(_))
        ) {
            return;
        }
        let is_silent = self.is_silent();
        let Some(request) = self.request.as_mut() else { return };
        request.is_ended = true;
        let times = if let Some(Adversity::Slow(times)) = self.fate { times } else { 1 };
        let due = Instant::now() + self.stage.delays().stt_final() * times;
        let end = ticks(request.ear.position);
        let is_empty = is_silent || request.ear.words().is_empty();
        let last = if is_empty {
            json!({ "RecognitionStatus": "NoMatch", "Offset": end, "Duration": 0 })
        } else {
            phrase(&request.ear, self.is_detailed)
        };
        let over = json!({ "RecognitionStatus": "EndOfDictation", "Offset": end, "Duration": 0 });
        for (path, body) in [
            ("speech.endDetected", json!({ "Offset": end })),
            ("speech.phrase", last),
            ("speech.phrase", over),
            ("turn.end", Value::Null),
        ] {
            self.steps.push_back((due, Step::Send(usp::answer(path, &request.id, &body))));
        }
    }

    fn is_silent(&self) -> bool {
        use Adversity::{BreaksAfter, Empty, Garbage, Mute, Oversized};
        matches!(self.fate, Some(Mute | Garbage | Oversized | Empty | BreaksAfter(_)))
    }
}

fn phrase(ear: &Ear, is_detailed: bool) -> Value {
    let words = ear.words();
    let (from, to) =
        words.first().zip(words.last()).map_or((0.0, 0.0), |(first, last)| (first.from, last.to));
    let display = format!("{}.", ear.text());
    let mut phrase =
        json!({ "RecognitionStatus": "Success", "Offset": ticks(from), "Duration": ticks(to - from) });
    if !is_detailed {
        phrase["DisplayText"] = display.into();
        return phrase;
    }
    let timed: Vec<Value> = words
        .iter()
        .map(|said| {
            json!({
                "Word": said.word.to_lowercase(), "Offset": ticks(said.from), "Duration": ticks(said.to - said.from),
            })
        })
        .collect();
    let lexical = ear.text().to_lowercase();
    phrase["NBest"] = json!([{
        "Confidence": 0.97, "Lexical": lexical, "ITN": lexical, "MaskedITN": lexical, "Display": display, "Words": timed,
    }]);
    phrase
}

/// 100 ns each.
fn ticks(seconds: f64) -> u64 {
    (seconds * 1e7).round() as u64
}
