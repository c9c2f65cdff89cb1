//! One call of recognition: what comes in, what is due, how it ends.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Error;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use http_body::Frame;
use prost::Message;
use providers_api::conformance::Adversity;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::wire::{self, Alternative, Metadata, Recognised, Request, Response, Span, Word};
use super::{Code, Status};
use crate::Stage;
use crate::google::VENDOR;
use crate::sound::{Ear, Said};
use crate::stage::Watch;

/// Of audio in one message.
const LARGEST_AUDIO: usize = 15 << 10;
const LONGEST_IDLE: Duration = Duration::from_secs(10);
const LONGEST_STREAM: Duration = Duration::from_secs(305);
/// Silence after speech that ends a result, in seconds.
const PAUSE: f64 = 1.0;

pub(super) struct Recognition {
    stage: Stage,
    watch: Watch,
    fate: Option<Adversity>,
    /// `x-goog-request-params`.
    routed: String,
    requests: BoxStream<'static, Result<Bytes, Error>>,
    come: BytesMut,
    heard: Option<Heard>,
    /// When the final of a stream that the client ended is due.
    final_due: Option<Instant>,
    idle_at: Instant,
    over_at: Instant,
    breaks_at: Option<Instant>,
    out: VecDeque<Result<Frame<Bytes>, std::io::Error>>,
    is_over: bool,
}

struct Heard {
    ear: Ear,
    interims: bool,
    word_times: bool,
    language: String,
}

enum Step {
    Came(Bytes),
    Ended,
    Left,
    FinalDue,
    Idle,
    TooLong,
    Breaks,
}

impl Recognition {
    pub(super) fn new(
        stage: Stage,
        fate: Option<Adversity>,
        routed: String,
        requests: BoxStream<'static, Result<Bytes, Error>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            watch: Watch::new(&stage, VENDOR),
            stage,
            fate,
            routed,
            requests,
            come: BytesMut::new(),
            heard: None,
            final_due: None,
            idle_at: now + LONGEST_IDLE,
            over_at: now + LONGEST_STREAM,
            breaks_at: None,
            out: VecDeque::new(),
            is_over: false,
        }
    }

    pub(super) async fn next(&mut self) -> Option<Result<Frame<Bytes>, std::io::Error>> {
        loop {
            if let Some(frame) = self.out.pop_front() {
                if self.is_over && self.out.is_empty() {
                    self.watch.done();
                }
                return Some(frame);
            }
            if self.is_over {
                return None;
            }
            let step = self.step().await;
            if let Err(status) = self.apply(step) {
                self.end(&status);
            }
        }
    }

    async fn step(&mut self) -> Step {
        let at = |due: Option<Instant>| sleep_until(due.unwrap_or(self.over_at));
        tokio::select! {
            biased;
            () = at(self.breaks_at), if self.breaks_at.is_some() => Step::Breaks,
            come = self.requests.next(), if self.final_due.is_none() => match come {
                Some(Ok(come)) => Step::Came(come),
                Some(Err(_)) => Step::Left,
                None => Step::Ended,
            },
            () = at(self.final_due), if self.final_due.is_some() => Step::FinalDue,
            () = sleep_until(self.idle_at), if self.final_due.is_none() => Step::Idle,
            () = sleep_until(self.over_at) => Step::TooLong,
        }
    }

    fn apply(&mut self, step: Step) -> Result<(), Status> {
        match step {
            Step::Came(come) => {
                self.come.extend_from_slice(&come);
                while let Some(request) = wire::unframed(&mut self.come) {
                    let request = request.map_err(|why| Status::new(Code::InvalidArgument, why))?;
                    self.request(request)?;
                }
            }
            Step::Ended => self.ended(),
            Step::Left => self.is_over = true,
            Step::FinalDue => {
                self.settle(true);
                self.end(&Status::new(Code::Ok, ""));
            }
            Step::Idle => {
                let why = "Stream timed out after receiving no more client requests.";
                return Err(Status::new(Code::Aborted, why));
            }
            Step::TooLong => {
                let why = "Exceeded maximum allowed stream duration of 305 seconds.";
                return Err(Status::new(Code::OutOfRange, why));
            }
            Step::Breaks => {
                self.is_over = true;
                self.out.push_back(Err(std::io::Error::other("broken as scripted")));
            }
        }
        Ok(())
    }

    fn request(&mut self, request: Request) -> Result<(), Status> {
        let wrong = |why: &str| Err(Status::new(Code::InvalidArgument, why));
        self.idle_at = Instant::now() + LONGEST_IDLE;
        match (&mut self.heard, request.streaming_config, request.audio) {
            (None, Some(config), None) => {
                self.heard = Some(self.configured(&request.recognizer, &config)?);
            }
            (None, ..) => return wrong("The first message must hold a configuration and no audio."),
            (Some(_), Some(_), _) => return wrong("Only the first message may hold a configuration."),
            (Some(_), None, None) => return wrong("A message without audio."),
            (Some(_), None, Some(audio)) if audio.len() > LARGEST_AUDIO => {
                return wrong("Request audio can be a maximum of 15360 bytes.");
            }
            (Some(heard), None, Some(audio)) => {
                let is_due = heard.ear.take(&audio);
                let paused =
                    heard.ear.words().last().is_some_and(|said| heard.ear.position - said.to > PAUSE);
                if paused {
                    self.settle(false);
                } else if is_due {
                    self.interim();
                }
            }
        }
        Ok(())
    }

    fn configured(&mut self, recognizer: &str, streaming: &wire::StreamingConfig) -> Result<Heard, Status> {
        let wrong = |why: &str| Status::new(Code::InvalidArgument, why);
        let config = streaming.config.as_ref().ok_or_else(|| wrong("`config` is required."))?;
        let decoding = config.decoding.as_ref().ok_or_else(|| wrong("A decoding config is required."))?;
        let phrases: Vec<&str> = config
            .adaptation
            .iter()
            .flat_map(|adaptation| &adaptation.sets)
            .filter_map(|set| set.inline.as_ref())
            .flat_map(|set| set.phrases.iter().map(|phrase| phrase.value.as_str()))
            .collect();
        self.stage.note(
            VENDOR,
            "open",
            json!({
                "recognizer": recognizer, "model": config.model, "languageCodes": config.languages,
                "rateHz": decoding.rate_hz, "phrases": phrases,
            }),
        );
        let parts: Vec<&str> = recognizer.split('/').collect();
        let is_named = matches!(parts.as_slice(), ["projects", project, "locations", place, "recognizers", name]
            if ![project, place, name].iter().any(|part| part.is_empty()));
        if !is_named {
            return Err(wrong("Invalid resource field value in the request: recognizer."));
        }
        if self.routed != format!("recognizer={}", recognizer.replace('/', "%2F")) {
            return Err(wrong("The routing header does not name the recognizer."));
        }
        if config.model.is_empty() || config.languages.is_empty() {
            return Err(wrong("`model` and `language_codes` are required with an implicit recognizer."));
        }
        if decoding.encoding != 1 || decoding.channels != 1 || !(8_000..=48_000).contains(&decoding.rate_hz) {
            return Err(wrong("Audio must be LINEAR16, one channel, 8000 to 48000 Hz."));
        }
        Ok(Heard {
            ear: Ear::new(decoding.rate_hz.unsigned_abs()),
            interims: streaming.features.as_ref().is_some_and(|features| features.interim_results),
            word_times: config.features.as_ref().is_some_and(|features| features.word_times),
            language: config.languages[0].to_lowercase(),
        })
    }

    fn ended(&mut self) {
        self.stage.note(VENDOR, "half-close", serde_json::Value::Null);
        let slower = if let Some(Adversity::Slow(times)) = self.fate { times } else { 1 };
        self.final_due = Some(Instant::now() + self.stage.delays().stt_final() * slower);
    }

    /// Two results, as documented: what is nearly sure, and the last word.
    fn interim(&mut self) {
        let Some(heard) = self.heard.as_ref().filter(|heard| heard.interims) else { return };
        let words = heard.ear.words();
        let Some((last, stable)) = words.split_last() else { return };
        let result = |words: &[Said], before: &str, stability: f32| Recognised {
            alternatives: vec![Alternative {
                transcript: format!("{before}{}", joined(words)),
                ..Alternative::default()
            }],
            stability,
            end: words.last().map(|said| Span::of(said.to)),
            language: heard.language.clone(),
            ..Recognised::default()
        };
        let mut results = Vec::new();
        if !stable.is_empty() {
            results.push(result(stable, "", 0.9));
        }
        results.push(result(std::slice::from_ref(last), if stable.is_empty() { "" } else { " " }, 0.01));
        self.answer(&Response { results, metadata: None });
    }

    /// The final of what was heard since the last, and at the end what it costs.
    fn settle(&mut self, is_last: bool) {
        let Some(heard) = &mut self.heard else { return };
        let words = heard.ear.words();
        let mut results = Vec::new();
        if !words.is_empty() {
            let timed = |said: &Said| Word {
                start: heard.word_times.then(|| Span::of(said.from)),
                end: heard.word_times.then(|| Span::of(said.to)),
                word: said.word.to_owned(),
                confidence: 0.9,
            };
            results.push(Recognised {
                alternatives: vec![Alternative {
                    transcript: joined(&words),
                    confidence: 0.95,
                    words: words.iter().map(timed).collect(),
                }],
                is_final: true,
                stability: 0.0,
                end: Some(Span::of(heard.ear.position)),
                language: heard.language.clone(),
            });
        }
        heard.ear.settle();
        let billed = Span { seconds: heard.ear.position.ceil() as i64, nanos: 0 };
        let metadata = is_last.then(|| Metadata { billed: Some(billed), request_id: "timed".to_owned() });
        if self.fate == Some(Adversity::Empty) {
            results.clear();
        }
        self.answer(&Response { results, metadata });
    }

    fn answer(&mut self, response: &Response) {
        match self.fate {
            Some(Adversity::Mute | Adversity::Empty) if !response.results.is_empty() => return,
            Some(Adversity::Mute) => return,
            Some(Adversity::Garbage) => {
                self.out.push_back(Ok(Frame::data(wire::framed(&[0xFF; 32]))));
                return;
            }
            Some(Adversity::Oversized) => {
                self.out.push_back(Ok(Frame::data(wire::framed(&vec![0; 8 << 20]))));
                return;
            }
            Some(Adversity::BreaksAfter(ms)) if self.breaks_at.is_none() => {
                self.breaks_at = Some(Instant::now() + Duration::from_millis(ms));
            }
            _ => {}
        }
        self.out.push_back(Ok(Frame::data(wire::framed(&response.encode_to_vec()))));
    }

    fn end(&mut self, status: &Status) {
        if self.fate == Some(Adversity::Mute) {
            self.final_due = Some(self.over_at);
            return;
        }
        self.is_over = true;
        self.out.push_back(Ok(Frame::trailers(status.trailers())));
    }
}

fn joined(words: &[Said]) -> String {
    words.iter().map(|said| said.word).collect::<Vec<_>>().join(" ")
}
