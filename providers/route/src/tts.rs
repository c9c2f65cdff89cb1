//! A voice made of voices. No sentence is lost, none is spoken twice.
//!
//! The turn stays with whoever spoke its first sample until that one fails. Then, by what was given of the sentence:
//!
//! - nothing that sounds: the next alternative speaks the sentence and all after it. Silence before its first sound was held back and is dropped.
//! - some of it, and a clause of it ends in what is held back: up to there the first is heard, the next goes on behind it.
//! - some of it, within a clause, and its words are known: the next goes on behind the last word given (a word counts from its middle
//!   on, as in the session's history). `Words` of the sentence then join both voices' times; positions go on without a gap,
//!   and one `SentenceDone` ends it.
//! - some of it, and no words are known: an error of kind `Closed` goes up. The session, which knows what it may still
//!   play, keeps what sounded and opens the route again for the rest; that opening avoids the voice that failed.
//!
//! Gone is also who pauses for longer than there is something to play and another would take to begin, and who says that a sentence
//! is done after a fraction of the audio that its letters need.
//!
//! Which alternative speaks the next turn is asked anew. Text without anything to speak is answered here and reaches no vendor.

mod serving;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, SessionId, TurnId, Voice};
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, ProviderInfo, Sink, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream,
};
use tokio::time::Instant;

use crate::ahead::Ahead;
use crate::cut::is_blank;
use crate::health::lock;
use crate::line::{Came, Line, Opened};
use crate::observe::Why;
use crate::options::Invalid;
use crate::race::{Act, Race, Stage};
use crate::spoken::Spoken;
use crate::tried::Cause;
use crate::ways::{Alternative, Setting, Ways, keep};

/// Sentences that wait for the voice. When full the session waits with the next.
const INPUT_CAPACITY: usize = 32;
/// Taken at one instant before the clock is looked at, at most: a flood of silence is no progress.
const READY: usize = 64;
/// From this amplitude on a sample can be heard (-50 dBFS).
const AUDIBLE: u16 = 104;
/// How long after its last sentence a voice may still tell what was used.
const TAIL: Duration = Duration::from_secs(1);
/// How long a session's next opening avoids the voice that broke off in mid-sentence.
const AVOIDED_FOR: Duration = Duration::from_secs(10);

pub struct TtsRoute(Arc<Shared>);

struct Shared {
    ways: Ways<dyn Tts>,
    avoided: Mutex<HashMap<SessionId, (Vec<usize>, Instant)>>,
}

impl TtsRoute {
    /// Audio keeps the rate of whoever speaks, which each frame names; `info` has that of the first alternative.
    ///
    /// # Errors
    /// Without an alternative, or with waits that nothing could keep.
    pub fn new(alternatives: Vec<Alternative<dyn Tts>>, setting: Setting) -> Result<Self, Invalid> {
        let ways = Ways::new(
            Ability::Tts,
            alternatives,
            setting,
            |tts: &(dyn Tts + 'static)| tts.info(),
            crate::probe::tts,
        )?;
        Ok(Self(Arc::new(Shared { ways, avoided: Mutex::default() })))
    }
}

impl Tts for TtsRoute {
    fn info(&self) -> &ProviderInfo {
        self.0.ways.info()
    }

    /// The first gets what the turns need, and the one that would take over from it a single connection.
    fn warm(&self, request: &TtsRequest, turns: usize) {
        for (place, way) in self.0.ways.ready(Instant::now()).into_iter().take(2).enumerate() {
            let voice = way.voice.clone().unwrap_or_else(|| request.voice.clone());
            let request = TtsRequest { session: request.session, turn: None, voice };
            way.provider.warm(&request, if place == 0 { turns } else { turns.min(1) });
        }
    }

    /// Returns at once: text is taken from now on, and the voice is opened while the events are awaited.
    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let (input, receiver) = Sink::bounded(INPUT_CAPACITY);
        let turn = Turn::new(Arc::clone(&self.0), request, receiver);
        let events = stream::unfold(turn, |mut turn| async move {
            let event = turn.next().await?;
            Some((event, turn))
        });
        futures::future::ready(Ok(TtsStream { input, events: events.boxed() })).boxed()
    }
}

/// One alternative's stream.
struct Speaker {
    line: Line<TtsInput, TtsEvent>,
    /// Which sentences of the turn it was given, in its own counting.
    sentences: Vec<usize>,
    /// The first sentence of the turn that it has not been given.
    fed: usize,
    /// Where its audio begins on the turn, and how much came of it.
    offset: MediaTime,
    samples: u64,
    first_within: Duration,
    /// Of its voice.
    speed: f64,
    /// Before it won the race: everything. Then: the silence before the sentence sounds.
    held: VecDeque<TtsEvent>,
}

struct Turn {
    shared: Arc<Shared>,
    session: SessionId,
    turn: Option<TurnId>,
    voice: Voice,
    input: Option<mpsc::Receiver<TtsInput>>,
    spoken: Spoken,
    ahead: Ahead,
    /// Since when the next sound is waited for.
    since: Instant,
    race: Option<Race>,
    running: Vec<Speaker>,
    serving: Option<Speaker>,
    attempts: u32,
    /// Alternatives that failed in this turn, and whom it began with.
    failed: Vec<usize>,
    begun_with: Option<usize>,
    hopeful: Option<Error>,
    /// For how long there had been nothing to play when the voice was found to be gone.
    silent: Duration,
    ready: VecDeque<Result<TtsEvent, Error>>,
    over: bool,
}

enum Woke {
    Text(Option<TtsInput>),
    /// Of a runner of the race, or of whoever serves.
    Came(Option<usize>, Came<TtsEvent>),
    Due,
}

impl Turn {
    fn new(shared: Arc<Shared>, request: TtsRequest, input: mpsc::Receiver<TtsInput>) -> Self {
        let now = Instant::now();
        let avoided = lock(&shared.avoided).remove(&request.session);
        let avoided = avoided.filter(|(_, until)| *until > now).map(|(indices, _)| indices);
        let mut turn = Self {
            session: request.session,
            turn: request.turn,
            voice: request.voice,
            input: Some(input),
            spoken: Spoken::default(),
            ahead: Ahead::new(now),
            since: now,
            race: None,
            running: Vec::new(),
            serving: None,
            attempts: 0,
            failed: avoided.unwrap_or_default(),
            begun_with: None,
            hopeful: None,
            silent: Duration::ZERO,
            ready: VecDeque::new(),
            over: false,
            shared,
        };
        if turn.shared.ways.plan(now, &turn.failed).is_empty() {
            turn.failed.clear();
        }
        turn.begin_race(now);
        turn
    }

    async fn next(&mut self) -> Option<Result<TtsEvent, Error>> {
        // While nobody asked, nobody waited.
        self.since = self.since.max(Instant::now());
        let mut taken = 0;
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.over |= event.is_err();
                return Some(event);
            }
            if self.over {
                return None;
            }
            // What is ready counts before the time: whoever is busy makes nobody late.
            if taken < READY
                && let Some(woke) = self.wait(None).now_or_never()
            {
                taken += 1;
                self.take(woke, Instant::now());
                continue;
            }
            let until = self.step(Instant::now());
            if !self.ready.is_empty() || self.over {
                continue;
            }
            taken = 0;
            let woke = self.wait(until).await;
            self.take(woke, Instant::now());
        }
    }

    fn take(&mut self, woke: Woke, now: Instant) {
        match woke {
            Woke::Text(text) => self.take_text(text, now),
            Woke::Came(Some(position), came) => self.take_race(position, came, now),
            Woke::Came(None, came) => self.take_serving(came, now),
            Woke::Due => {}
        }
    }

    /// Does what is due; gives when the next thing is.
    fn step(&mut self, now: Instant) -> Option<Instant> {
        let until = self.do_due(now);
        self.ahead.let_out(now, &mut self.ready);
        until.into_iter().chain(self.ahead.due(now)).min()
    }

    fn do_due(&mut self, now: Instant) -> Option<Instant> {
        while let Some(done) = self.spoken.skip_blank() {
            self.since = self.since.max(now);
            self.ahead.push(done);
        }
        if !self.spoken.is_waiting() && self.input.is_none() {
            return self.wind_up(now);
        }
        self.feed(now);
        if self.serving.is_some() {
            let Some((since, patience)) = self.stalls() else {
                self.serving.iter_mut().for_each(|speaker| speaker.line.tried.paid());
                return None;
            };
            self.serving.iter_mut().for_each(|speaker| speaker.line.tried.owes(since, patience / 2));
            let until = since + patience;
            if until <= now {
                let index = self.serving.as_ref().map_or(0, |speaker| speaker.line.index);
                let error = self.shared.ways.error(index, ErrorKind::TimedOut, "stopped in mid-turn");
                self.serving_failed(error, now);
                return Some(now);
            }
            return Some(until);
        }
        if self.race.is_none() && self.spoken.is_waiting() {
            self.begin_race(now);
        }
        self.run_race(now)
    }

    /// The last sentence was spoken: waits a little for what the voice still has to tell.
    fn wind_up(&mut self, now: Instant) -> Option<Instant> {
        self.race = None;
        self.running.clear();
        let over = self.since + TAIL <= now;
        match &mut self.serving {
            Some(speaker) if !over => speaker.line.input = None,
            _ => {
                if let Some(speaker) = self.serving.take() {
                    speaker.line.tried.served(now);
                }
                if !self.ahead.is_empty() {
                    return None; // what is held back is still to be given
                }
                self.over = true;
            }
        }
        Some(self.since + TAIL)
    }

    /// Since when the next sound is waited for, and how long.
    fn stalls(&self) -> Option<(Instant, Duration)> {
        let speaker = self.serving.as_ref().filter(|_| self.spoken.is_waiting())?;
        let patience = if self.spoken.has_sounded() {
            let index = speaker.line.index;
            self.shared.ways.pause_within(index, self.has_another(index))
        } else {
            speaker.first_within
        };
        Some((self.since.max(self.ahead.dry()), patience))
    }

    /// Whether somebody else could go on.
    fn has_another(&self, index: usize) -> bool {
        (0..self.shared.ways.len()).any(|other| other != index && !self.failed.contains(&other))
    }

    fn begin_race(&mut self, now: Instant) {
        let ways = &self.shared.ways;
        let give_up_after = ways.setting.options.give_up_after();
        // The caller's silence counts from when it began, whoever is asked meanwhile.
        let give_up_after = give_up_after.saturating_sub(std::mem::take(&mut self.silent));
        let entries = ways.plan(now, &self.failed);
        self.race = Some(Race::new(entries, self.attempts, !self.failed.is_empty(), give_up_after));
    }

    fn run_race(&mut self, now: Instant) -> Option<Instant> {
        let waiting = self.spoken.is_waiting();
        loop {
            let race = self.race.as_mut()?;
            if waiting && !race.is_asked() {
                race.asked(now);
                self.running.iter_mut().for_each(|runner| runner.line.tried.asked(now));
            }
            match race.poll(now) {
                Act::Start { number, index, why } => self.start(number, index, why, now),
                Act::Stop { number, stage } => {
                    if let Some(position) = self.running.iter().position(|r| r.line.number == number) {
                        let Line { index, tried, .. } = self.running.swap_remove(position).line;
                        self.failed.push(index);
                        let error = self.shared.ways.error(index, ErrorKind::TimedOut, stage.reason());
                        keep(&mut self.hopeful, error);
                        tried.timed_out(now);
                    }
                }
                Act::GiveUp => {
                    self.race = None;
                    for Speaker { line, .. } in self.running.drain(..) {
                        let reason = Stage::First.reason();
                        let error = self.shared.ways.error(line.index, ErrorKind::TimedOut, reason);
                        keep(&mut self.hopeful, error);
                        line.tried.timed_out(now);
                    }
                    if waiting {
                        let error = self.shared.ways.all_failed(self.session, self.hopeful.take());
                        self.ready.push_back(Err(error));
                    }
                    return None;
                }
                Act::Wait(until) => return until,
            }
        }
    }

    fn start(&mut self, number: u32, index: usize, why: Why, now: Instant) {
        self.attempts = number;
        let ways = &self.shared.ways;
        let cause = Cause { session: self.session, turn: self.turn, number, why };
        let mut tried = ways.tried(index, cause, now);
        if self.spoken.is_waiting() {
            tried.asked(now);
        }
        let way = ways.way(index);
        let tts = Arc::clone(&way.provider);
        let voice = way.voice.clone().unwrap_or_else(|| self.voice.clone());
        let speed = f64::from(voice.speed);
        let request = TtsRequest { session: self.session, turn: self.turn, voice };
        let opening = async move {
            let TtsStream { input, events } = tts.open(request).await?;
            Ok(Opened { input: Some(input), events })
        };
        self.begun_with.get_or_insert(index);
        self.running.push(Speaker {
            line: Line::new(number, index, tried, opening.boxed()),
            sentences: Vec::new(),
            fed: self.spoken.next(),
            offset: MediaTime::ZERO,
            samples: 0,
            first_within: ways.first_within(index),
            speed,
            held: VecDeque::new(),
        });
    }

    /// Gives everyone the sentences they have room for.
    fn feed(&mut self, now: Instant) {
        let closing = self.input.is_none();
        for speaker in self.running.iter_mut().chain(&mut self.serving) {
            while let (Some(input), Some(text)) = (&mut speaker.line.input, self.spoken.text(speaker.fed)) {
                if !is_blank(text) {
                    match input.push(TtsInput::Sentence(text.to_owned())) {
                        Ok(true) => {}
                        // Full: fed again with the next event. Closed: the events say why.
                        Ok(false) | Err(_) => break,
                    }
                    speaker.line.tried.asked(now);
                    speaker.line.tried.given.characters += text.chars().count() as u64;
                    speaker.sentences.push(speaker.fed);
                }
                speaker.fed += 1;
            }
            if closing && speaker.line.is_open() && speaker.fed >= self.spoken.len() {
                speaker.line.input = None;
            }
        }
    }

    fn take_text(&mut self, text: Option<TtsInput>, now: Instant) {
        match text {
            Some(TtsInput::Sentence(text)) => {
                if !self.spoken.is_waiting() {
                    self.since = now;
                }
                self.spoken.push(text);
            }
            None => {
                self.input = None;
                self.since = self.since.max(now);
            }
        }
    }

    fn take_race(&mut self, position: usize, came: Came<TtsEvent>, now: Instant) {
        let runner = &mut self.running[position];
        let (number, index) = (runner.line.number, runner.line.index);
        let failure = match came {
            Came::Opened => {
                runner.line.tried.opened(now);
                if let Some(race) = &mut self.race {
                    race.opened(number);
                }
                return;
            }
            Came::Event(event) => {
                let owes = self.spoken.owes_sound();
                let (useful, empty) = match &event {
                    TtsEvent::Audio(frame) => (is_audible(frame), false),
                    TtsEvent::SentenceDone { .. } => (!owes, owes),
                    _ => (false, false),
                };
                runner.held.push_back(event);
                if useful {
                    return self.win(position, now);
                }
                if !empty {
                    return;
                }
                Some(self.shared.ways.error(index, ErrorKind::Protocol, "a sentence was done without audio"))
            }
            Came::Failed(error) => Some(error),
            Came::Ended if self.spoken.is_waiting() => {
                Some(self.shared.ways.error(index, ErrorKind::Closed, "ended before it spoke"))
            }
            // Idle for longer than the vendor keeps a stream.
            Came::Ended => None,
        };
        if let Some(race) = &mut self.race {
            race.failed(number);
        }
        let tried = self.running.swap_remove(position).line.tried;
        match failure {
            Some(error) => {
                self.failed.push(index);
                tried.failed(error.clone(), now);
                keep(&mut self.hopeful, error);
            }
            None => {
                tried.served(now);
                self.race = None; // begun anew when there is something to speak
                self.running.clear();
            }
        }
    }

    fn win(&mut self, position: usize, now: Instant) {
        let mut winner = self.running.swap_remove(position);
        for loser in self.running.drain(..) {
            let slow = loser.line.number < winner.line.number;
            loser.line.tried.abandoned(slow, now);
        }
        self.race = None;
        winner.line.tried.progressed(now);
        winner.offset = self.spoken.given();
        let index = winner.line.index;
        self.shared.ways.switched(self.session, self.begun_with.replace(index).unwrap_or(index), index);
        let held = std::mem::take(&mut winner.held);
        if !held.iter().any(|event| matches!(event, TtsEvent::Served(_))) {
            self.ready.push_back(Ok(TtsEvent::Served(Arc::clone(winner.line.tried.info()))));
        }
        self.serving = Some(winner);
        self.since = self.since.max(now);
        for event in held {
            self.take_serving(Came::Event(event), now);
        }
    }

    /// What was ready counts before the time; voices come before new text.
    async fn wait(&mut self, until: Option<Instant>) -> Woke {
        let has_patience = !self.ahead.is_full();
        let has_room = self.spoken.len() - self.spoken.next() < INPUT_CAPACITY;
        let Self { running, serving, input, .. } = self;
        let any = poll_fn(|cx| {
            for (position, runner) in running.iter_mut().enumerate() {
                if let Poll::Ready(came) = runner.line.poll(cx) {
                    return Poll::Ready(Woke::Came(Some(position), came));
                }
            }
            if has_patience
                && let Some(Poll::Ready(came)) = serving.as_mut().map(|speaker| speaker.line.poll(cx))
            {
                return Poll::Ready(Woke::Came(None, came));
            }
            if has_room && let Some(Poll::Ready(text)) = input.as_mut().map(|input| input.poll_next_unpin(cx))
            {
                return Poll::Ready(Woke::Text(text));
            }
            Poll::Pending
        });
        match until {
            Some(until) => tokio::time::timeout_at(until, any).await.unwrap_or(Woke::Due),
            None => any.await,
        }
    }
}

fn is_audible(frame: &AudioFrame) -> bool {
    frame.samples.iter().any(|sample| sample.unsigned_abs() >= AUDIBLE)
}
