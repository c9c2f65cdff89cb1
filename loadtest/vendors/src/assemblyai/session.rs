//! One session: turns of the caller, ended by a pause or by demand.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::VENDOR;
use crate::Stage;
use crate::sound::Ear;

/// The service's own limits.
const LONGEST_LIFE: Duration = Duration::from_secs(3 * 3_600);
const PORTIONS_MS: std::ops::RangeInclusive<u64> = 50..=1_000;
const MOST_KEYTERMS: usize = 100;
const LONGEST_KEYTERM: usize = 50;
/// How much faster than it sounds audio is taken, and what is always taken: the service does not say.
const HASTE: f64 = 8.0;
const ALWAYS_TAKEN: f64 = 20.0;
/// How sure the service is of every pause that it ends a turn by.
const SURE: f64 = 0.9;
const OVERSIZED: usize = 8 << 20;
const MODELS: [&str; 5] = [
    "universal-streaming-english",
    "universal-streaming-multilingual",
    "u3-rt-pro",
    "universal-3-5-pro",
    "whisper-rt",
];

/// Code and reason of an end that the service did not want.
pub(super) type Refusal = (u16, String);

/// What the address asked for.
pub(super) struct Setup {
    rate_hz: u32,
    is_formatted: bool,
    tells_language: bool,
    /// A pause that ends a turn, s.
    pause: f64,
}

pub(super) fn unauthorized() -> Refusal {
    (1008, "Unauthorized Connection: Missing Authorization header".to_owned())
}

impl Setup {
    pub(super) fn read(query: &HashMap<String, String>) -> Result<Self, Refusal> {
        let get = |name: &str| query.get(name).map(String::as_str);
        let wrong = |what: &str| (3006, format!("Invalid Message: {what}"));
        let rate_hz = get("sample_rate").and_then(|rate| rate.parse().ok()).filter(|rate| *rate >= 8_000);
        let rate_hz = rate_hz.ok_or_else(|| wrong("sample_rate"))?;
        if !MODELS.contains(&get("speech_model").unwrap_or_default()) {
            return Err(wrong("speech_model"));
        }
        if get("encoding").unwrap_or("pcm_s16le") != "pcm_s16le" {
            return Err(wrong("encoding"));
        }
        if let Some(terms) = get("keyterms_prompt") {
            let terms: Vec<String> = serde_json::from_str(terms).map_err(|_| wrong("keyterms_prompt"))?;
            if terms.len() > MOST_KEYTERMS || terms.iter().any(|term| term.chars().count() > LONGEST_KEYTERM)
            {
                return Err(wrong("keyterms_prompt"));
            }
        }
        let number = |name: &str, default: f64| {
            get(name).map_or(Ok(default), |value| value.parse().map_err(|_| wrong(name)))
        };
        let threshold = number("end_of_turn_confidence_threshold", 0.4)?;
        let (shortest, longest) = (number("min_turn_silence", 400.0)?, number("max_turn_silence", 1_280.0)?);
        let is = |name: &str| get(name) == Some("true");
        Ok(Self {
            rate_hz,
            is_formatted: is("format_turns"),
            tells_language: is("language_detection"),
            pause: if SURE >= threshold { shortest.min(longest) } else { longest } / 1e3,
        })
    }
}

/// What is to be done next on the socket.
enum Step {
    Send(Value),
    Raw(String),
    Break,
    /// The error as a message, and then the same as a close.
    Refuse(Refusal),
    /// After `Terminate`.
    Close,
}

struct Session {
    stage: Stage,
    fate: Option<Adversity>,
    setup: Setup,
    ear: Ear,
    begun: Instant,
    turn: u64,
    is_over: bool,
    steps: VecDeque<(Instant, Step)>,
}

pub(super) async fn run(
    mut socket: WebSocket,
    stage: Stage,
    fate: Option<Adversity>,
    opening: Result<Setup, Refusal>,
) {
    stage.note(VENDOR, "open", Value::Null);
    let mut session = match opening {
        Ok(setup) => Session::new(stage.clone(), fate, setup),
        Err(refusal) => return refuse(&mut socket, &stage, refusal).await,
    };
    let end = session.begun + LONGEST_LIFE;
    loop {
        let due = session.steps.front().map(|(due, _)| *due);
        tokio::select! {
            message = socket.recv() => {
                let taken = match &message {
                    Some(Ok(Message::Text(text))) => session.control(text),
                    Some(Ok(Message::Binary(audio))) => session.hear(audio),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => Ok(()),
                };
                if let Err(refusal) = taken {
                    session.steps.push_front((Instant::now(), Step::Refuse(refusal)));
                }
            }
            () = sleep_until(due.unwrap_or(end)), if due.is_some() => {
                let Some((_, step)) = session.steps.pop_front() else { continue };
                let text = match step {
                    Step::Send(message) => message.to_string(),
                    Step::Raw(text) => text,
                    Step::Break => return,
                    Step::Refuse(refusal) => return refuse(&mut socket, &stage, refusal).await,
                    Step::Close => {
                        let _gone = socket.send(Message::Close(None)).await;
                        return;
                    }
                };
                if socket.send(Message::Text(text.into())).await.is_err() { break }
            }
            () = sleep_until(end) => {
                let expired = (3008, "Session Expired: Maximum session duration exceeded".to_owned());
                return refuse(&mut socket, &stage, expired).await;
            }
        }
    }
    stage.note(VENDOR, if session.is_over { "closed" } else { "cancelled" }, Value::Null);
}

async fn refuse(socket: &mut WebSocket, stage: &Stage, (code, reason): Refusal) {
    stage.note(VENDOR, "refused", json!({ "code": code, "reason": reason }));
    let error = json!({ "type": "Error", "error_code": code, "error": reason });
    let _gone = socket.send(Message::Text(error.to_string().into())).await;
    let _gone = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}

impl Session {
    fn new(stage: Stage, fate: Option<Adversity>, setup: Setup) -> Self {
        let now = Instant::now();
        let begin = json!({ "type": "Begin", "id": "de5d9927-73a6-4be8-b52d-b4c07be37e6b", "expires_at": 1_759_796_682 });
        let refuse = |code, reason: &str| Some(Step::Refuse((code, reason.to_owned())));
        let first = match fate {
            Some(Adversity::Mute) => None,
            Some(Adversity::Unauthorized) => Some(Step::Refuse(unauthorized())),
            Some(Adversity::Exhausted) => {
                refuse(1008, "Unauthorized Connection: Insufficient account balance")
            }
            Some(Adversity::Limited) => refuse(3009, "Unauthorized Connection: Too many concurrent sessions"),
            Some(Adversity::Overloaded) => refuse(3005, "Session Cancelled: An error occurred"),
            Some(Adversity::Rejected) => refuse(3006, "Invalid Message: speech_model"),
            Some(Adversity::Garbage) => Some(Step::Raw("{\"hello\" 1".to_owned())),
            Some(Adversity::Oversized) => {
                Some(Step::Raw(json!({ "type": "x".repeat(OVERSIZED) }).to_string()))
            }
            _ => Some(Step::Send(begin)),
        };
        let mut steps: VecDeque<(Instant, Step)> = first.into_iter().map(|step| (now, step)).collect();
        if let Some(Adversity::BreaksAfter(ms)) = fate {
            steps.push_back((now + Duration::from_millis(ms), Step::Break));
        }
        let ear = Ear::new(setup.rate_hz);
        Self { stage, fate, setup, ear, begun: now, turn: 0, is_over: false, steps }
    }

    fn control(&mut self, text: &str) -> Result<(), Refusal> {
        let message: Value =
            serde_json::from_str(text).map_err(|_| (3006, format!("Invalid JSON: {text}")))?;
        let Some(name) = message["type"].as_str().map(str::to_owned) else {
            return Err((3006, format!("Invalid Message: {message}")));
        };
        self.stage.note(VENDOR, name.as_str(), message);
        match name.as_str() {
            "ForceEndpoint" => self.end_turn(self.delay()),
            "Terminate" => self.terminate(),
            "UpdateConfiguration" | "KeepAlive" => {}
            other => return Err((3006, format!("Invalid Message Type: {other}"))),
        }
        Ok(())
    }

    fn hear(&mut self, audio: &[u8]) -> Result<(), Refusal> {
        let ms = audio.len() as u64 * 1_000 / (2 * u64::from(self.setup.rate_hz));
        if !PORTIONS_MS.contains(&ms) {
            return Err((
                3007,
                format!("Input duration violation: {ms} ms. Expected between 50 and 1000 ms"),
            ));
        }
        let is_due = self.ear.take(audio);
        let passed = self.begun.elapsed().as_secs_f64();
        let given = self.ear.position;
        if given > ALWAYS_TAKEN + HASTE * passed {
            let reason = format!(
                "Audio Transmission Rate Exceeded: Received {given:.0} sec. audio in {passed:.0} sec"
            );
            return Err((3007, reason));
        }
        if self.is_silent() {
            return Ok(());
        }
        if self.ear.words().last().is_some_and(|last| self.ear.position - last.to > self.setup.pause) {
            self.end_turn(Duration::ZERO);
        } else if is_due {
            let partial = self.turn(false, false, 0.1);
            self.steps.push_back((Instant::now(), Step::Send(partial)));
        }
        Ok(())
    }

    /// Where nothing was said, there is no turn to be ended.
    fn end_turn(&mut self, delay: Duration) {
        let is_empty = self.fate == Some(Adversity::Empty);
        if !is_empty && (self.is_silent() || self.ear.words().is_empty()) {
            return;
        }
        let due = Instant::now() + delay;
        let mut messages = vec![self.turn(true, false, 0.9)];
        if self.setup.is_formatted {
            messages.push(self.turn(true, true, 0.9));
        }
        self.steps.extend(messages.into_iter().map(|message| (due, Step::Send(message))));
        self.turn += 1;
        self.ear.settle();
    }

    fn terminate(&mut self) {
        self.is_over = true;
        self.end_turn(self.delay());
        let due = Instant::now() + self.delay();
        let session = self.begun.elapsed().as_secs_f64();
        let last = json!({
            "type": "Termination", "audio_duration_seconds": self.ear.position, "session_duration_seconds": session,
        });
        self.steps.push_back((due, Step::Send(last)));
        self.steps.push_back((due, Step::Close));
    }

    fn delay(&self) -> Duration {
        let times = if let Some(Adversity::Slow(times)) = self.fate { times } else { 1 };
        self.stage.delays().stt_final() * times
    }

    fn is_silent(&self) -> bool {
        use Adversity::{BreaksAfter, Empty, Garbage, Mute, Oversized};
        matches!(self.fate, Some(Mute | Garbage | Oversized | Empty | BreaksAfter(_)))
    }

    fn turn(&self, is_end: bool, is_formatted: bool, confidence: f32) -> Value {
        let said = if self.fate == Some(Adversity::Empty) { Vec::new() } else { self.ear.words() };
        let spelled = |word: &str| if is_formatted { word.to_owned() } else { word.to_lowercase() };
        // The last word of a turn that goes on may still change, and is not in the transcript.
        let certain = if is_end { said.len() } else { said.len().saturating_sub(1) };
        let words: Vec<Value> = said
            .iter()
            .enumerate()
            .map(|(n, said)| {
                json!({
                    "text": spelled(said.word), "start": (said.from * 1e3) as u64, "end": (said.to * 1e3) as u64,
                    "confidence": 0.95, "word_is_final": n < certain,
                })
            })
            .collect();
        let transcript: Vec<String> = said[..certain].iter().map(|said| spelled(said.word)).collect();
        let mut turn = json!({
            "type": "Turn", "turn_order": self.turn, "turn_is_formatted": is_formatted, "end_of_turn": is_end,
            "transcript": transcript.join(" "), "end_of_turn_confidence": confidence, "words": words,
            "utterance": if is_end { transcript.join(" ") } else { String::new() },
        });
        if self.setup.tells_language && is_end {
            turn["language_code"] = "en".into();
            turn["language_confidence"] = 0.99.into();
        }
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<Setup, Refusal> {
        let plain = [("sample_rate", "16000"), ("speech_model", "universal-streaming-english")];
        let query = plain.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Setup::read(&query.collect())
    }

    #[test]
    fn the_address_is_checked() {
        let too_many = serde_json::json!(vec!["a"; MOST_KEYTERMS + 1]).to_string();
        for wrong in [
            ("sample_rate", "fast"),
            ("sample_rate", "4000"),
            ("speech_model", "nova-3"),
            ("encoding", "opus"),
            ("keyterms_prompt", "Foundry"),
            ("keyterms_prompt", too_many.as_str()),
            ("max_turn_silence", "long"),
        ] {
            assert_eq!(read(&[wrong]).err().map(|(code, _)| code), Some(3006), "{wrong:?}");
        }
    }

    #[test]
    fn a_service_that_may_not_be_sure_ends_turns_by_silence_alone() {
        let pause = |more: &[(&str, &str)]| read(more).map(|setup| setup.pause).ok();
        assert_eq!(pause(&[]), Some(0.4));
        assert_eq!(
            pause(&[("end_of_turn_confidence_threshold", "1"), ("max_turn_silence", "2000")]),
            Some(2.0)
        );
    }
}
