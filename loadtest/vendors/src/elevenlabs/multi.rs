//! `multi-stream-input`: contexts side by side on one socket, each a voiced tone for every character of its text.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers_api::conformance::Adversity;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{VENDOR, rate_hz};
use crate::sound::voiced;
use crate::{Delays, Stage};

const PIECE: Duration = Duration::from_millis(100);
/// Of one connection.
const CONTEXTS: usize = 5;
/// Without `auto_mode`, less text than this waits for more.
const FIRST_CHUNK: usize = 120;
const LONGEST_INACTIVITY: u64 = 180;
/// More audio in one message than any real one has.
const OVERSIZED: usize = 6 << 20;

/// The query.
#[derive(Debug, Deserialize)]
pub(super) struct Terms {
    #[serde(default)]
    pub(super) model_id: String,
    #[serde(default)]
    output_format: String,
    #[serde(default)]
    auto_mode: bool,
    #[serde(default)]
    sync_alignment: bool,
    inactivity_timeout: Option<u64>,
}

/// An error of the vendor: its name and what is told.
type Wrong = (&'static str, &'static str);

#[derive(Default)]
struct Context {
    text: String,
    /// When the generation before ends.
    busy_until: Option<Instant>,
    /// Messages that are still to be sent.
    pending: usize,
    closing: bool,
    has_settings: bool,
}

struct Job {
    context: String,
    message: Value,
}

struct Hall {
    stage: Stage,
    fate: Option<Adversity>,
    rate_hz: u32,
    auto_mode: bool,
    aligned: bool,
    contexts: HashMap<String, Context>,
    /// By the instant that they are due at, then in the order of their making.
    jobs: BTreeMap<(Instant, u64), Job>,
    made: u64,
}

pub(super) async fn run(
    mut socket: WebSocket,
    stage: Stage,
    fate: Option<Adversity>,
    terms: Terms,
    mut has_key: bool,
) {
    let patience = Duration::from_secs(terms.inactivity_timeout.unwrap_or(20));
    let Some(mut hall) = Hall::new(&stage, fate, &terms) else {
        refuse(socket, ("unsupported_parameters", "This model, format or timeout is not supported here."))
            .await;
        return;
    };
    let mut idle_at = Instant::now() + patience;
    let mut breaks_at: Option<Instant> = None;
    loop {
        let due = hall.jobs.first_key_value().map(|((due, _), _)| *due);
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    idle_at = Instant::now() + patience;
                    let message: Value = serde_json::from_str(&text).unwrap_or_default();
                    has_key |= message["xi_api_key"].is_string();
                    let taken = if has_key { hall.take(&message) } else { Err(("needs_authorization", "No API key was given.")) };
                    match taken {
                        Ok(Next::Go) => {}
                        Ok(Next::Nonsense) => {
                            if socket.send(Message::Text("nonsense".into())).await.is_err() { return }
                        }
                        Ok(Next::Restart) => {
                            close(socket, 1012, "service restart").await;
                            return;
                        }
                        Ok(Next::Close) => break,
                        Err(wrong) => {
                            refuse(socket, wrong).await;
                            return;
                        }
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    let left = if hall.jobs.is_empty() { "closed" } else { "cancelled" };
                    stage.note(VENDOR, left, Value::Null);
                    return;
                }
                Some(Ok(_)) => {}
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let Some((_, job)) = hall.jobs.pop_first() else { continue };
                if let (Some(Adversity::BreaksAfter(ms)), None) = (fate, breaks_at) {
                    breaks_at = Some(Instant::now() + Duration::from_millis(ms));
                }
                if socket.send(Message::Text(job.message.to_string().into())).await.is_err() { return }
                hall.sent(&job.context);
            }
            // Breaks off: nobody says goodbye.
            () = sleep_until(breaks_at.unwrap_or_else(Instant::now)), if breaks_at.is_some() => return,
            () = sleep_until(idle_at) => {
                let told = "Have not received a new text input within the timeout. Streaming input terminated.";
                refuse(socket, ("input_timeout_exceeded", told)).await;
                return;
            }
        }
    }
    close(socket, 1000, "").await;
}

enum Next {
    Go,
    Close,
    Restart,
    Nonsense,
}

impl Hall {
    fn new(stage: &Stage, fate: Option<Adversity>, terms: &Terms) -> Option<Self> {
        let rate_hz = rate_hz(&terms.output_format)?;
        let is_served = terms.model_id != "eleven_v3"
            && terms.inactivity_timeout.is_none_or(|seconds| (1..=LONGEST_INACTIVITY).contains(&seconds));
        is_served.then(|| Self {
            stage: stage.clone(),
            fate,
            rate_hz,
            auto_mode: terms.auto_mode,
            aligned: terms.sync_alignment,
            contexts: HashMap::new(),
            jobs: BTreeMap::new(),
            made: 0,
        })
    }

    fn take(&mut self, message: &Value) -> Result<Next, Wrong> {
        if message["close_socket"] == true {
            self.stage.note(VENDOR, "close_socket", message.clone());
            return Ok(Next::Close);
        }
        let id = message["context_id"].as_str().unwrap_or("default").to_owned();
        if message["close_context"] == true {
            self.stage.note(VENDOR, "close_context", message.clone());
            self.close(&id);
            return Ok(Next::Go);
        }
        let text = message["text"].as_str().unwrap_or_default();
        let what = match (text, message["flush"] == true) {
            ("", false) => "keep_alive",
            (_, true) => "flush",
            _ => "text",
        };
        self.stage.note(VENDOR, what, message.clone());
        let is_new = !self.contexts.contains_key(&id);
        if is_new && self.contexts.len() >= CONTEXTS {
            return Err(("max_contexts_exceeded", "This connection has too many contexts."));
        }
        let context = self.contexts.entry(id.clone()).or_default();
        if !is_new && !message["voice_settings"].is_null() && !context.has_settings {
            return Err((
                "invalid_message",
                "voice_settings can only be provided in the first message of a context.",
            ));
        }
        context.has_settings |= is_new && !message["voice_settings"].is_null();
        context.text.push_str(text);
        let is_due = what == "flush" || self.auto_mode || context.text.chars().count() >= FIRST_CHUNK;
        if is_due && !context.text.trim().is_empty() { self.generate(&id) } else { Ok(Next::Go) }
    }

    fn generate(&mut self, id: &str) -> Result<Next, Wrong> {
        match self.fate {
            Some(Adversity::Unauthorized) => return Err(("invalid_api_key", "Invalid API key")),
            Some(Adversity::Exhausted) => {
                return Err((
                    "quota_exceeded",
                    "This request exceeds your quota of 10000. You have 0 credits remaining.",
                ));
            }
            Some(Adversity::Limited) => {
                return Err(("too_many_concurrent_requests", "Your plan has no more concurrent requests."));
            }
            Some(Adversity::Rejected) => {
                return Err(("voice_not_found", "A voice for the given id was not found."));
            }
            Some(Adversity::Overloaded) => return Ok(Next::Restart),
            Some(Adversity::Garbage) => return Ok(Next::Nonsense),
            Some(Adversity::Mute) => return Ok(Next::Go),
            Some(Adversity::Empty) => {
                self.finish(id);
                return Ok(Next::Go);
            }
            Some(Adversity::Oversized) => {
                let audio = STANDARD.encode(vec![1; OVERSIZED]);
                self.plan(id, Instant::now(), json!({ "audio": audio, "isFinal": null, "contextId": id }));
                return Ok(Next::Go);
            }
            _ => {}
        }
        self.speak(id);
        Ok(Next::Go)
    }

    /// Pieces of sound, each with the characters that begin in it.
    fn speak(&mut self, id: &str) {
        let delays = self.stage.delays();
        let times = if let Some(Adversity::Slow(times)) = self.fate { times } else { 1 };
        let Some(context) = self.contexts.get_mut(id) else { return };
        let text: Vec<char> = std::mem::take(&mut context.text).chars().collect();
        let each = Duration::from_millis(delays.tts_ms_per_char.max(1));
        let length = each * u32::try_from(text.len()).unwrap_or(0);
        let now = Instant::now();
        let mut due = context.busy_until.map_or(now, |busy| busy.max(now)) + delays.tts_first_byte() * times;
        let mut at = Duration::ZERO;
        while at < length {
            let piece = PIECE.min(length - at);
            let alignment = if self.aligned { alignment(&text, each, at, piece) } else { Value::Null };
            let audio = STANDARD.encode(voiced(at, piece, self.rate_hz));
            let message = json!({
                "audio": audio, "isFinal": null, "contextId": id, "alignment": alignment, "normalizedAlignment": alignment,
            });
            self.plan(id, due, message);
            due += pace(piece, delays) * times;
            at += piece;
        }
        if let Some(context) = self.contexts.get_mut(id) {
            context.busy_until = Some(due);
        }
    }

    fn plan(&mut self, id: &str, due: Instant, message: Value) {
        if let Some(context) = self.contexts.get_mut(id) {
            context.pending += 1;
        }
        self.made += 1;
        self.jobs.insert((due, self.made), Job { context: id.to_owned(), message });
    }

    /// What was generated is still sent; text that waits is not spoken.
    fn close(&mut self, id: &str) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        context.closing = true;
        if context.pending == 0 && self.fate != Some(Adversity::Mute) {
            self.finish(id);
        }
    }

    fn sent(&mut self, id: &str) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        context.pending = context.pending.saturating_sub(1);
        if context.closing && context.pending == 0 {
            self.finish(id);
        }
    }

    fn finish(&mut self, id: &str) {
        self.plan(id, Instant::now(), json!({ "isFinal": true, "audio": null, "contextId": id }));
        self.contexts.remove(id);
    }
}

fn pace(piece: Duration, delays: Delays) -> Duration {
    piece / u32::try_from(delays.tts_speed.max(1)).unwrap_or(1)
}

/// Times are relative to the piece.
fn alignment(text: &[char], each: Duration, at: Duration, piece: Duration) -> Value {
    let begins =
        text.iter().enumerate().map(|(n, character)| (each * u32::try_from(n).unwrap_or(0), character));
    let here: Vec<(u128, String)> = begins
        .filter(|(from, _)| (at..at + piece).contains(from))
        .map(|(from, character)| ((from - at).as_millis(), character.to_string()))
        .collect();
    json!({
        "chars": here.iter().map(|(_, character)| character).collect::<Vec<_>>(),
        "charStartTimesMs": here.iter().map(|(from, _)| from).collect::<Vec<_>>(),
        "charDurationsMs": vec![each.as_millis(); here.len()],
    })
}

async fn refuse(mut socket: WebSocket, (error, message): Wrong) {
    let told = json!({ "message": message, "error": error, "code": 1008 });
    let _gone = socket.send(Message::Text(told.to_string().into())).await;
    close(socket, 1008, message).await;
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let _gone = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
    // Until the other side has read it and goes.
    while let Some(Ok(_)) = socket.recv().await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hall(query: Value) -> Option<Hall> {
        let terms: Terms = serde_json::from_value(query).expect("a query");
        Hall::new(&Stage::new(Delays::default()), None, &terms)
    }

    fn served() -> Hall {
        hall(json!({ "model_id": "eleven_flash_v2_5", "output_format": "pcm_24000", "auto_mode": true }))
            .expect("served")
    }

    #[test]
    fn what_is_not_documented_is_not_served() {
        for query in [
            json!({ "model_id": "eleven_v3", "output_format": "pcm_24000" }),
            json!({ "model_id": "eleven_flash_v2_5", "output_format": "wav" }),
            json!({ "model_id": "eleven_flash_v2_5", "output_format": "pcm_24000", "inactivity_timeout": 181 }),
        ] {
            assert!(hall(query).is_none());
        }
    }

    #[test]
    fn a_context_that_was_named_before_its_first_message_takes_no_settings() {
        let mut hall = served();
        let open = json!({ "text": " ", "context_id": "a", "voice_settings": { "stability": 0.5 } });
        assert!(hall.take(&open).is_ok());
        assert!(hall.take(&json!({ "text": "", "context_id": "b" })).is_ok());
        let late = json!({ "text": " ", "context_id": "b", "voice_settings": { "stability": 0.5 } });
        assert!(hall.take(&late).is_err());
    }

    #[test]
    fn a_connection_has_five_contexts_and_a_closed_one_makes_room() {
        let mut hall = served();
        let open = |n: usize| json!({ "text": " ", "context_id": format!("c{n}") });
        assert!((0..5).all(|n| hall.take(&open(n)).is_ok()));
        assert!(hall.take(&open(5)).is_err());
        assert!(hall.take(&json!({ "context_id": "c0", "close_context": true })).is_ok());
        assert!(hall.take(&open(5)).is_ok());
    }

    #[test]
    fn flushed_text_is_spoken_though_its_context_closes() {
        let mut hall = served();
        let say = json!({ "text": "Good day. ", "context_id": "c", "flush": true });
        assert!(hall.take(&say).is_ok());
        let pieces = hall.jobs.len();
        assert!(pieces > 0 && hall.take(&json!({ "context_id": "c", "close_context": true })).is_ok());
        assert_eq!(hall.jobs.len(), pieces);
        while let Some((_, job)) = hall.jobs.pop_first() {
            hall.sent(&job.context);
            if hall.jobs.is_empty() {
                assert_eq!(job.message["isFinal"], true);
            }
        }
    }
}
