//! `tts/websocket`: contexts side by side on one socket, each a voiced tone for every character of its transcripts.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{VENDOR, rate_hz};
use crate::sound::voiced;
use crate::{Delays, Stage};

const PIECE: Duration = Duration::from_millis(100);
/// After its last audio.
const EXPIRES_AFTER: Duration = Duration::from_secs(1);
/// Without anything generated the socket is closed.
const IDLE: Duration = Duration::from_secs(300);
/// Text waits so long for more where a request does not say.
const DEFAULT_DELAY_MS: u64 = 3_000;
/// More audio in one message than any real one has.
const OVERSIZED: usize = 6 << 20;

/// An error of the vendor: status, code, title.
type Wrong = (u16, &'static str, &'static str);

struct Context {
    /// All of a request that must stay the same.
    manner: Value,
    /// When what was asked for is spoken.
    busy_until: Instant,
    /// Audio so far: times count from the beginning of the context.
    spoken: Duration,
    flush: u64,
}

struct Job {
    context: String,
    /// When the generation that it belongs to begins.
    begins: Instant,
    message: Value,
}

struct Hall {
    stage: Stage,
    fate: Option<Adversity>,
    contexts: HashMap<String, Context>,
    /// By the instant that they are due at, then in the order of their making.
    jobs: BTreeMap<(Instant, u64), Job>,
    made: u64,
}

pub(super) async fn run(mut socket: WebSocket, stage: Stage, fate: Option<Adversity>) {
    let contexts = HashMap::new();
    let mut hall = Hall { stage: stage.clone(), fate, contexts, jobs: BTreeMap::new(), made: 0 };
    let mut idle_at = Instant::now() + IDLE;
    let mut breaks_at: Option<Instant> = None;
    loop {
        let due = hall.jobs.first_key_value().map(|((due, _), _)| *due);
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let request: Value = serde_json::from_str(&text).unwrap_or_default();
                    let answer = match hall.take(&request) {
                        Ok(None) => continue,
                        Ok(Some(nonsense)) => nonsense.to_owned(),
                        Err(wrong) => error(&request["context_id"], wrong).to_string(),
                    };
                    if socket.send(Message::Text(answer.into())).await.is_err() { return }
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
                idle_at = Instant::now() + IDLE;
                if socket.send(Message::Text(job.message.to_string().into())).await.is_err() { return }
                if job.message["type"] == "done" {
                    hall.contexts.remove(&job.context);
                }
            }
            // Breaks off: nobody says goodbye.
            () = sleep_until(breaks_at.unwrap_or_else(Instant::now)), if breaks_at.is_some() => return,
            () = sleep_until(idle_at) => break,
        }
    }
    let _gone = socket.send(Message::Close(None)).await;
}

impl Hall {
    /// What is answered at once, where that is not as documented.
    fn take(&mut self, request: &Value) -> Result<Option<&'static str>, Wrong> {
        const BAD: u16 = 400;
        let Some(id) = request["context_id"].as_str() else {
            return Err((BAD, "invalid_request", "context_id is required."));
        };
        let what = match (request["cancel"] == true, request["flush"] == true) {
            (true, _) => "cancel",
            (false, true) => "flush",
            (false, false) => "generate",
        };
        self.stage.note(VENDOR, what, request.clone());
        if what == "cancel" {
            self.cancel(id);
            return Ok(None);
        }
        let rate_hz = rate_hz(request).map_err(|title| (BAD, "invalid_request", title))?;
        let now = Instant::now();
        let mut manner = request.clone();
        for own in ["transcript", "continue", "flush"] {
            manner[own] = Value::Null;
        }
        let expired = |context: &Context| now > context.busy_until + EXPIRES_AFTER;
        match self.contexts.get(id) {
            Some(context) if expired(context) => {
                return Err((BAD, "context_expired", "The context has expired."));
            }
            Some(context) if context.manner != manner => {
                return Err((
                    BAD,
                    "invalid_request",
                    "All but the transcript must stay the same within a context.",
                ));
            }
            Some(_) => {}
            None => {
                let context = Context { manner, busy_until: now, spoken: Duration::ZERO, flush: 1 };
                self.contexts.insert(id.to_owned(), context);
            }
        }
        let text = request["transcript"].as_str().unwrap_or_default();
        if !text.trim().is_empty() {
            match self.fate {
                Some(Adversity::Exhausted) => return Err((402, "quota_exceeded", "Quota exceeded")),
                Some(Adversity::Limited) => {
                    return Err((429, "concurrency_limited", "Too many concurrent requests"));
                }
                Some(Adversity::Rejected) => return Err((404, "voice_not_found", "Invalid voice")),
                Some(Adversity::Garbage) => return Ok(Some("nonsense")),
                Some(Adversity::Oversized) => {
                    let data = STANDARD.encode(vec![1; OVERSIZED]);
                    self.plan(
                        id,
                        now,
                        now,
                        json!({ "type": "chunk", "data": data, "context_id": id, "done": false }),
                    );
                }
                Some(Adversity::Mute | Adversity::Empty) => {}
                _ => self.speak(id, text, request, rate_hz),
            }
        }
        if self.fate != Some(Adversity::Mute) {
            self.after(id, request);
        }
        Ok(None)
    }

    /// Pieces of sound, each with the words that begin in it.
    fn speak(&mut self, id: &str, text: &str, request: &Value, rate_hz: u32) {
        let delays = self.stage.delays();
        let times = if let Some(Adversity::Slow(times)) = self.fate { times } else { 1 };
        // Whoever sends words one by one has them put together first.
        let waits =
            Duration::from_millis(request["max_buffer_delay_ms"].as_u64().unwrap_or(DEFAULT_DELAY_MS));
        let each = Duration::from_millis(delays.tts_ms_per_char.max(1));
        let length = each * u32::try_from(text.chars().count()).unwrap_or(0);
        let Some(context) = self.contexts.get_mut(id) else { return };
        let begins = context.busy_until.max(Instant::now()) + waits;
        let (flush, origin) = (context.flush, context.spoken);
        context.spoken += length;
        let mut due = begins + delays.tts_first_byte() * times;
        let mut at = Duration::ZERO;
        while at < length {
            let piece = PIECE.min(length - at);
            let named = json!({ "context_id": id, "flush_id": flush, "done": false, "status_code": 206 });
            let words = words(text, each, at, piece, origin);
            if request["add_timestamps"] == true && !words["words"].as_array().is_none_or(Vec::is_empty) {
                let told = json!({ "type": "timestamps", "word_timestamps": words });
                self.plan(id, begins, due, merged(&named, told));
            }
            let data = STANDARD.encode(voiced(origin + at, piece, rate_hz));
            self.plan(
                id,
                begins,
                due,
                merged(&named, json!({ "type": "chunk", "data": data, "step_time": 5.0 })),
            );
            due += pace(piece, delays) * times;
            at += piece;
        }
        if let Some(context) = self.contexts.get_mut(id) {
            context.busy_until = due;
        }
    }

    /// What a request says beyond its transcript: that what came before is one piece, or that no more comes.
    fn after(&mut self, id: &str, request: &Value) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        let (due, flush) = (context.busy_until.max(Instant::now()), context.flush);
        let named = json!({ "context_id": id, "status_code": 206 });
        if request["flush"] == true {
            context.flush += 1;
            let told = json!({ "type": "flush_done", "flush_done": true, "flush_id": flush, "done": false });
            self.plan(id, due, due, merged(&named, told));
        }
        if request["continue"] != true {
            self.plan(id, due, due, merged(&named, json!({ "type": "done", "done": true })));
        }
    }

    fn plan(&mut self, id: &str, begins: Instant, due: Instant, message: Value) {
        self.made += 1;
        self.jobs.insert((due, self.made), Job { context: id.to_owned(), begins, message });
    }

    /// What has begun is sent to its end; what has not is not spoken.
    fn cancel(&mut self, id: &str) {
        let now = Instant::now();
        self.jobs.retain(|_, job| job.context != id || job.begins <= now);
    }
}

fn pace(piece: Duration, delays: Delays) -> Duration {
    piece / u32::try_from(delays.tts_speed.max(1)).unwrap_or(1)
}

/// The words that begin in the piece, with their seconds from the beginning of the context.
fn words(text: &str, each: Duration, at: Duration, piece: Duration, origin: Duration) -> Value {
    let mut found = Vec::new();
    let mut word: Option<(usize, String)> = None;
    for (n, character) in text.chars().chain([' ']).enumerate() {
        if character.is_whitespace() {
            found.extend(word.take().map(|(from, word)| (from, n, word)));
        } else {
            word.get_or_insert_with(|| (n, String::new())).1.push(character);
        }
    }
    let position = |n: usize| each * u32::try_from(n).unwrap_or(0);
    found.retain(|(from, ..)| (at..at + piece).contains(&position(*from)));
    json!({
        "words": found.iter().map(|(.., word)| word).collect::<Vec<_>>(),
        "start": found.iter().map(|(from, ..)| (origin + position(*from)).as_secs_f64()).collect::<Vec<_>>(),
        "end": found.iter().map(|(_, to, _)| (origin + position(*to)).as_secs_f64()).collect::<Vec<_>>(),
    })
}

fn merged(named: &Value, mut told: Value) -> Value {
    if let (Some(told), Some(named)) = (told.as_object_mut(), named.as_object()) {
        for (name, value) in named {
            told.entry(name).or_insert_with(|| value.clone());
        }
    }
    told
}

fn error(context: &Value, (status, code, title): Wrong) -> Value {
    json!({
        "type": "error", "done": true, "status_code": status, "error_code": code, "title": title, "message": title,
        "request_id": "timed", "context_id": context,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hall() -> Hall {
        let stage = Stage::new(Delays::default());
        Hall { stage, fate: None, contexts: HashMap::new(), jobs: BTreeMap::new(), made: 0 }
    }

    fn request(transcript: &str) -> Value {
        json!({
            "model_id": "sonic-3.5", "voice": { "mode": "id", "id": "v" }, "context_id": "c", "continue": true,
            "output_format": { "container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000 },
            "transcript": transcript, "max_buffer_delay_ms": 0, "add_timestamps": true,
        })
    }

    #[test]
    fn a_context_expires_and_stays_what_it_was() {
        let mut hall = hall();
        assert!(hall.take(&request("Good day. ")).is_ok());
        let mut other = request("Bye. ");
        other["voice"]["id"] = json!("w");
        assert!(hall.take(&other).is_err());
        let context = hall.contexts.get_mut("c").expect("open");
        context.busy_until = Instant::now() - EXPIRES_AFTER - Duration::from_millis(1);
        assert!(hall.take(&request("Bye. ")).is_err());
    }

    #[test]
    fn each_flush_is_answered_and_numbers_what_comes_after_it() {
        let mut hall = hall();
        for transcript in ["One. ", "Two. "] {
            let mut flush = request("");
            flush["flush"] = json!(true);
            assert!(hall.take(&request(transcript)).is_ok() && hall.take(&flush).is_ok());
        }
        let told: Vec<_> =
            hall.jobs.values().map(|job| (&job.message["type"], &job.message["flush_id"])).collect();
        let of = |kind: &str| {
            told.iter().filter(|(known, _)| *known == kind).map(|(_, id)| *id).collect::<Vec<_>>()
        };
        assert_eq!(of("flush_done"), [&json!(1), &json!(2)]);
        assert_eq!(of("timestamps"), [&json!(1), &json!(2)]);
    }

    #[test]
    fn what_has_not_begun_is_cancelled() {
        let mut hall = hall();
        assert!(hall.take(&request("One. ")).is_ok());
        let begun = hall.jobs.len();
        assert!(hall.take(&request("Two. ")).is_ok());
        assert!(hall.jobs.len() > begun);
        assert!(hall.take(&json!({ "context_id": "c", "cancel": true })).is_ok());
        assert_eq!(hall.jobs.len(), begun);
    }
}
