//! One scripted call: speak each line when the agent has finished, or interrupt it, and write down every turn.

use std::sync::Arc;
use std::time::Duration;

use domain::{Failure, Retry};
use media_core::Codec;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::ahead::Ahead;
use crate::caller::{self, Caller, Stepped};
use crate::ear::REPLY_OVER;
use crate::link::{self, DialError, Link, Target, Transport};
use crate::notes::Notes;

/// How long the caller waits for each thing; a wait that ends is a finding, not an error of the caller.
#[derive(Debug, Clone)]
pub struct Options {
    /// For the connection to carry media.
    pub connect: Duration,
    /// For the agent to greet; an agent that lets the caller speak first costs this once.
    pub greeting: Duration,
    /// For a reply to begin, from the caller's last voiced sample.
    pub reply: Duration,
    /// For a reply to end.
    pub longest_reply: Duration,
    pub keep_recording: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            greeting: Duration::from_secs(6),
            reply: Duration::from_secs(15),
            longest_reply: Duration::from_secs(90),
            keep_recording: true,
        }
    }
}

/// One line of the caller's script.
#[derive(Debug, Clone)]
pub struct Line {
    pub samples: Vec<i16>,
    /// Interrupt: speak this long after the agent began, instead of when it has finished.
    pub at: Option<Duration>,
    /// The same without its silence at the end, encoded, where many say it.
    pub ahead: Option<Arc<Ahead>>,
}

impl Line {
    /// For many to say by links of this codec.
    ///
    /// # Errors
    /// When there is no encoder for it.
    pub fn encoded(samples: Vec<i16>, codec: Codec) -> Result<Self, caller::Error> {
        let ahead = Ahead::of(codec, spoken(&samples))?;
        Ok(Self { samples, at: None, ahead: Some(Arc::new(ahead)) })
    }
}

/// One line of the report. Times in ms. `turn` 0 is the greeting, before the caller said anything.
#[derive(Debug, Clone, Serialize)]
pub struct Turn {
    pub turn: usize,
    pub user_text: String,
    pub agent_text: String,
    pub answered: bool,
    /// The caller spoke into this reply and the agent gave way.
    pub interrupted: bool,
    pub timeline_ms: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub struct Outcome {
    pub turns: Vec<Turn>,
    pub recording: Vec<i16>,
    /// Why the server ended the call, where it did.
    pub ended: Option<String>,
    pub worst_lateness: Duration,
    pub session: Option<String>,
    /// Longest time between two frames of a reply while it sounded.
    pub widest_gap: Duration,
    /// From the connection to the end.
    pub length: Duration,
}

impl Outcome {
    /// Every line was answered.
    #[must_use]
    pub fn all_answered(&self) -> bool {
        self.turns.iter().skip(1).all(|turn| turn.answered)
    }

    /// The agent was heard at least once, greeting included.
    #[must_use]
    pub fn heard_anything(&self) -> bool {
        self.turns.iter().any(|turn| turn.answered)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Caller(#[from] caller::Error),
    #[error("no media within {0:?}: the connection was negotiated but carries nothing (is UDP blocked?)")]
    NoMedia(Duration),
}

impl Error {
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Dial(error) => error.failure(),
            Self::Caller(_) => Failure::caller("CALL_SETUP_FAILED"),
            Self::NoMedia(_) => Failure::platform("CALL_NO_MEDIA", Retry::Now),
        }
    }
}

/// Calls, speaks the script, hangs up.
///
/// # Errors
/// When no call came about. What goes wrong within the call is in the outcome.
pub async fn run(
    target: &Target,
    transport: Transport,
    script: &[Line],
    options: &Options,
) -> Result<Outcome, Error> {
    on(Box::pin(link::dial(target, transport)), script, options).await
}

/// As `run`, on a link that is being dialled.
///
/// # Errors
/// As `run`.
pub async fn on(
    dialling: impl Future<Output = Result<Link, DialError>>,
    script: &[Line],
    options: &Options,
) -> Result<Outcome, Error> {
    let dialled = Instant::now();
    let link = dialling.await?;
    let mut call =
        Call { caller: Caller::new(link, options.keep_recording)?, options, turns: Vec::new(), over: false };
    if let Some(ahead) = script.iter().find_map(|line| line.ahead.as_ref()) {
        call.caller.expect(ahead);
    }
    call.connect().await?;
    call.greeting(dialled).await;
    for line in script {
        if call.over {
            break;
        }
        call.line(line).await;
    }
    call.finish().await;
    let Call { mut caller, turns, .. } = call;
    caller.hang_up().await;
    Ok(Outcome {
        turns,
        recording: std::mem::take(&mut caller.recording),
        ended: caller.notes.ended.clone(),
        worst_lateness: caller.worst_lateness,
        session: caller.notes.session.clone(),
        widest_gap: caller.widest_gap(),
        length: dialled.elapsed(),
    })
}

struct Call<'a> {
    caller: Caller,
    options: &'a Options,
    turns: Vec<Turn>,
    over: bool,
}

impl Call<'_> {
    async fn step(&mut self) -> Stepped {
        let stepped = self.caller.step().await;
        self.over |= stepped == Stepped::Over;
        stepped
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + self.options.connect;
        while !self.caller.active && !self.over {
            if Instant::now() > deadline {
                return Err(Error::NoMedia(self.options.connect));
            }
            self.step().await;
        }
        self.caller.message(CLIENT_READY.to_owned()).await;
        Ok(())
    }

    async fn greeting(&mut self, dialled: Instant) {
        self.begin_reply(Instant::now() + self.options.greeting).await;
        let mut timeline = Map::new();
        if let Some(began) = self.caller.ear.began {
            timeline.insert("connected_to_greeting".to_owned(), millis(began - dialled));
        }
        self.turns.push(Turn {
            turn: 0,
            user_text: String::new(),
            agent_text: String::new(),
            answered: self.caller.ear.began.is_some(),
            interrupted: false,
            timeline_ms: timeline,
        });
    }

    /// Steps until the agent's voice is there or the deadline has passed.
    async fn begin_reply(&mut self, deadline: Instant) {
        while self.caller.ear.began.is_none() && !self.over && Instant::now() < deadline {
            self.step().await;
        }
    }

    /// Steps until the reply is over, by the server's word where it gives one, by ear otherwise.
    async fn end_reply(&mut self) {
        let deadline = Instant::now() + self.options.longest_reply;
        while !self.over && self.caller.ear.began.is_some() && Instant::now() < deadline {
            let now = Instant::now();
            let told = self.caller.notes.tells_speaking;
            let quiet = if told { Duration::from_millis(300) } else { REPLY_OVER };
            let silent = self.caller.ear.fell_silent(quiet, now);
            // Its word may be lost with a message: the ear decides in the end.
            let over = if told {
                !self.caller.notes.bot_speaking || self.caller.ear.fell_silent(REPLY_OVER * 2, now)
            } else {
                true
            };
            if silent && over {
                return;
            }
            self.step().await;
        }
    }

    async fn line(&mut self, line: &Line) {
        let interrupts = match (line.at, self.caller.ear.began) {
            (Some(after), Some(began)) => {
                while Instant::now() < began + after && !self.over {
                    self.step().await;
                }
                true
            }
            _ => {
                self.end_reply().await;
                false
            }
        };
        let spoken_into = self.caller.ear.last_voiced;
        self.settle();
        let speech_began = Instant::now();
        if !line.ahead.as_ref().is_some_and(|ahead| self.caller.recite(ahead)) {
            self.caller.say(spoken(&line.samples));
        }
        // While the caller interrupts, the old reply is still heard: the new one begins after the caller has ended.
        while self.caller.is_speaking() && !self.over {
            self.step().await;
        }
        let last_voiced = self.caller.ear.last_voiced.or(spoken_into);
        let yielded = last_voiced.filter(|_| interrupts && self.gave_way(last_voiced));
        let ended = self.caller.spoke_until.unwrap_or_else(Instant::now);
        self.caller.next_reply();
        self.begin_reply(ended + self.options.reply).await;
        self.write_turn(speech_began, ended, yielded);
    }

    /// Writes what was told since the last line into the turn it belongs to.
    fn settle(&mut self) {
        let notes = self.caller.notes.take();
        if let Some(turn) = self.turns.last_mut() {
            fill(turn, notes);
        }
    }

    /// Whether the reply that was spoken into stopped: by the server's word, or by ear where it gives none.
    fn gave_way(&mut self, last_voiced: Option<Instant>) -> bool {
        let by_ear = last_voiced.is_some_and(|last| last.elapsed() > Duration::from_millis(200));
        let cut = self.caller.notes.take_cut();
        let gave_way = if self.caller.notes.tells_speaking { cut.is_some() } else { by_ear };
        if let (true, Some(turn)) = (gave_way, self.turns.last_mut()) {
            turn.interrupted = true;
            if let Some(heard) = cut.as_ref().and_then(|cut| cut.heard.clone()) {
                turn.agent_text = heard;
            }
            turn.timeline_ms.extend(cut.and_then(|cut| cut.timeline).unwrap_or_default());
        }
        gave_way
    }

    fn write_turn(&mut self, speech_began: Instant, ended: Instant, yielded: Option<Instant>) {
        let mut timeline = Map::new();
        if let Some(began) = self.caller.ear.began {
            timeline.insert("caller_response".to_owned(), millis(began.saturating_duration_since(ended)));
        }
        if let Some(last) = yielded {
            timeline
                .insert("caller_barge_in".to_owned(), millis(last.saturating_duration_since(speech_began)));
        }
        self.turns.push(Turn {
            turn: self.turns.len(),
            user_text: String::new(),
            agent_text: String::new(),
            answered: self.caller.ear.began.is_some(),
            interrupted: false,
            timeline_ms: timeline,
        });
    }

    async fn finish(&mut self) {
        self.end_reply().await;
        // The last turn's numbers come with its end.
        let deadline = Instant::now() + Duration::from_millis(500);
        while !self.over && Instant::now() < deadline {
            self.step().await;
        }
        self.settle();
    }
}

fn fill(turn: &mut Turn, notes: Notes) {
    turn.user_text = notes.user_text;
    turn.agent_text = notes.agent_text;
    if let Some(timeline) = notes.timeline {
        turn.timeline_ms.extend(timeline);
    }
}

fn millis(duration: Duration) -> Value {
    Value::from((duration.as_secs_f64() * 10_000.0).round() / 10.0)
}

/// A recording's silence at the end is not spoken: an answer may come within it.
fn spoken(samples: &[i16]) -> &[i16] {
    &samples[..samples.len() - trailing_silence(samples)]
}

/// Samples after the last that is heard.
fn trailing_silence(samples: &[i16]) -> usize {
    const QUIET: i16 = 330; // about -40 dBFS
    samples.iter().rev().take_while(|sample| sample.saturating_abs() < QUIET).count()
}

const CLIENT_READY: &str = r#"{"label":"rtvi-ai","type":"client-ready","id":"foundry-call","data":{"version":"2.1.0","about":{"library":"foundry-call"}}}"#;
