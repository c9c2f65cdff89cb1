//! One call's conversation with a model that hears and speaks: a task that owns the stream, keeps the model's memory in step with what
//! was said and heard, and begins the conversation anew where it broke.
//!
//! A conversation that begins in mid-call is told the history as text with the first question.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::{AudioFrame, Retry, SessionId, Voice, Voiced};
use futures::StreamExt;
use futures::future::BoxFuture;
use providers_api::{
    Ability, Error, ErrorKind, LlmEvent, LlmRequest, Message, ProviderInfo, SpeechAsk, SpeechEvent,
    SpeechGiven, SpeechInput, SpeechModel, SpeechRequest, SpeechStream, Usage,
};
use providers_route::{Attempt, Observer, Outcome, Why};
use runtime::{Kind, Tasks};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

const LINE: Kind = Kind::new("speech_to_speech");
/// Ten seconds of frames. When full the task is not running: audio is lost, and the turn is told as text.
const ORDERS: usize = 512;
/// Of one answer; a minute has about 1,200. When full nobody takes them, and the rest is lost with the reply.
const EVENTS: usize = 4_096;
/// Of the caller's track.
const RATE_HZ: u32 = 16_000;
/// With less of the caller's voice than this the model has heard nothing: it is told the words.
const LEAST_VOICE: Duration = Duration::from_millis(200);
/// Conversations that break one after the other, without an answer between, before the call goes on without.
const FAILURES: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(500);
/// After the call's end the vendor may still count what it gave.
const COUNTED_WITHIN: Duration = Duration::from_secs(1);

/// Whose call it is.
pub(crate) struct Call {
    pub(crate) session: SessionId,
    /// Another server's call: there is history that the model does not know.
    pub(crate) resumed: bool,
}

/// One model, and who is told of what it used.
pub(crate) struct Way {
    pub(crate) model: Arc<dyn SpeechModel>,
    pub(crate) voice: Voice,
    pub(crate) tenant: Arc<str>,
    pub(crate) observer: Arc<dyn Observer>,
}

pub(super) enum Order {
    /// More of the caller's voice.
    Hear(AudioFrame),
    /// The caller has finished, and said this.
    Turn { text: String, typed: bool },
    /// The agent's turn is over: the caller heard these words, and so much of the model's own voice, where it spoke.
    Over { said: String, voiced: Option<Duration> },
    /// Answers what was said.
    Ask { request: Box<LlmRequest>, reply: mpsc::Sender<Result<LlmEvent, Error>> },
    /// An answer did not come, or stopped.
    Failed(Error),
}

/// Cheap to clone. The conversation ends with the last.
#[derive(Clone)]
pub(super) struct Handle {
    orders: mpsc::Sender<Order>,
    live: Arc<AtomicBool>,
    info: Arc<ProviderInfo>,
}

impl Handle {
    pub(super) fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    pub(super) fn info(&self) -> &Arc<ProviderInfo> {
        &self.info
    }

    /// Never waits.
    pub(super) fn tell(&self, order: Order) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.orders.try_send(order) {
            self.live.store(false, Ordering::Relaxed);
            tracing::error!("a conversation with a model that speaks does not keep up with its call");
        }
    }

    /// The events of the answer.
    pub(super) fn ask(&self, request: &LlmRequest) -> mpsc::Receiver<Result<LlmEvent, Error>> {
        let (reply, events) = mpsc::channel(EVENTS);
        self.tell(Order::Ask { request: Box::new(request.clone()), reply });
        events
    }
}

pub(super) fn begin(call: Call, ways: Vec<Way>, tasks: &Tasks) -> Handle {
    let (sender, orders) = mpsc::channel(ORDERS);
    let live = Arc::new(AtomicBool::new(false));
    let info = Arc::new(ways.first().map(|way| way.model.info().clone()).unwrap_or_default());
    let line = Line {
        session: call.session,
        ways: ways.into(),
        orders,
        live: Arc::clone(&live),
        state: State::Waiting(Instant::now()),
        in_step: false,
        began: call.resumed,
        voice: Duration::ZERO,
        missed: false,
        number: 0,
        asked: Vec::new(),
        current: Vec::new(),
        calls: Vec::new(),
        failures: 0,
    };
    tasks.spawn(LINE, line.run());
    Handle { orders: sender, live, info }
}

type Opening = BoxFuture<'static, Result<SpeechStream, Error>>;

enum State {
    Waiting(Instant),
    Opening(Opening, Instant),
    Live(Box<SpeechStream>, Instant),
    Dead,
}

enum Came {
    Due,
    Opened(Result<SpeechStream, Error>),
    Event(Option<Result<SpeechEvent, Error>>),
}

struct Line {
    session: SessionId,
    /// The first is asked; one that fails for good makes place for the next.
    ways: VecDeque<Way>,
    orders: mpsc::Receiver<Order>,
    live: Arc<AtomicBool>,
    state: State,
    /// The model knows all that was said.
    in_step: bool,
    /// Something was said in the call.
    began: bool,
    /// The caller's, given since the last turn.
    voice: Duration,
    /// Some of it was lost.
    missed: bool,
    /// Of the next answer.
    number: u32,
    /// Not finished.
    asked: Vec<Asked>,
    /// Of the agent's turn under way: each answer with what it gave of its voice.
    current: Vec<(u32, Duration)>,
    /// Of tools, without a result.
    calls: Vec<(String, String)>,
    failures: u32,
}

struct Asked {
    number: u32,
    reply: mpsc::Sender<Result<LlmEvent, Error>>,
    at: Instant,
    first: Option<Duration>,
    usage: Usage,
    cut: bool,
}

impl Line {
    async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.order(order),
                    None => break,
                },
                came = next(&mut self.state) => self.came(came),
            }
        }
        // The call is over: what was under way is taken back, and counted.
        self.cut(Duration::ZERO);
        let until = Instant::now() + COUNTED_WITHIN;
        while !self.asked.is_empty() && matches!(self.state, State::Live(..)) {
            tokio::select! {
                came = next(&mut self.state) => self.came(came),
                () = sleep_until(until) => break,
            }
        }
        self.close(&Outcome::Cancelled);
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Hear(frame) => {
                let length = frame.duration().as_duration();
                if self.give(SpeechInput::Audio(frame)) {
                    self.voice += length;
                } else {
                    self.missed = true;
                }
            }
            Order::Turn { text, typed } => self.turn(text, typed),
            Order::Over { said, voiced } => self.over(said, voiced),
            Order::Ask { request, reply } => self.ask(&request, reply),
            Order::Failed(error) => self.failed(error),
        }
    }

    fn turn(&mut self, text: String, typed: bool) {
        self.began = true;
        let heard = !typed && !std::mem::take(&mut self.missed) && self.voice >= LEAST_VOICE;
        self.voice = Duration::ZERO;
        if !self.in_step {
            return; // told with the question
        }
        if heard {
            self.say(SpeechInput::Turn);
        } else {
            self.say(SpeechInput::Unheard);
            self.say(SpeechInput::Said(Message::Caller(text)));
        }
    }

    fn over(&mut self, said: String, voiced: Option<Duration>) {
        self.began |= !said.is_empty();
        self.cut(voiced.unwrap_or_default());
        if voiced.is_none() && !said.is_empty() && self.in_step {
            self.say(SpeechInput::Said(Message::Agent { text: said, calls: Vec::new() }));
        }
        let old = match &self.state {
            State::Live(stream, since) => stream.good_for.is_some_and(|limit| since.elapsed() > limit),
            _ => false,
        };
        if old {
            self.close(&Outcome::Cancelled);
            self.state = State::Waiting(Instant::now());
        }
    }

    /// Of the answers of this turn so much was heard.
    fn cut(&mut self, mut heard: Duration) {
        for (answer, given) in std::mem::take(&mut self.current) {
            let part = heard.min(given);
            heard -= part;
            let open = self.asked.iter_mut().find(|asked| asked.number == answer);
            let goes_on = open.is_some_and(|asked| {
                asked.cut = true;
                true
            });
            if goes_on || part < given {
                self.say(SpeechInput::Heard { answer, heard: part });
            }
        }
    }

    fn ask(&mut self, request: &LlmRequest, reply: mpsc::Sender<Result<LlmEvent, Error>>) {
        if !matches!(self.state, State::Live(..)) {
            let _nobody = reply.try_send(Err(self.error(ErrorKind::Unreachable, "no conversation is open")));
            return;
        }
        if std::mem::replace(&mut self.in_step, true) {
            self.results(request);
        } else {
            self.say(SpeechInput::Unheard);
            for message in request.messages.iter() {
                self.say(SpeechInput::Said(message.clone()));
            }
        }
        self.say(SpeechInput::Answer(SpeechAsk {
            instructions: Arc::clone(&request.instructions),
            tools: Arc::clone(&request.tools),
            tool_choice: request.tool_choice.clone(),
            max_tokens: request.max_tokens,
        }));
        if !matches!(self.state, State::Live(..)) {
            let _nobody = reply.try_send(Err(self.error(ErrorKind::Closed, "does not read")));
            return;
        }
        let (number, at) = (self.number, Instant::now());
        self.number += 1;
        self.current.push((number, Duration::ZERO));
        self.asked.push(Asked { number, reply, at, first: None, usage: Usage::default(), cut: false });
    }

    /// What the model's calls gave. One that has led elsewhere has no result, and the model waits for one.
    fn results(&mut self, request: &LlmRequest) {
        for (call, name) in std::mem::take(&mut self.calls) {
            let given = request
                .messages
                .iter()
                .rfind(|message| matches!(message, Message::ToolResult { id, .. } if *id == call));
            let result = given.cloned().unwrap_or_else(|| Message::ToolResult {
                id: call,
                name,
                content: "done".to_owned(),
                is_error: false,
            });
            self.say(SpeechInput::Said(result));
        }
    }

    fn came(&mut self, came: Came) {
        match came {
            Came::Due => self.open(),
            Came::Opened(Ok(stream)) => {
                self.state = State::Live(Box::new(stream), Instant::now());
                (self.in_step, self.number, self.voice, self.missed) =
                    (!self.began, 0, Duration::ZERO, false);
                self.calls.clear();
                self.live.store(true, Ordering::Relaxed);
            }
            Came::Event(Some(Ok(event))) => self.event(event),
            Came::Opened(Err(error)) | Came::Event(Some(Err(error))) => self.failed(error),
            Came::Event(None) => self.failed(self.error(ErrorKind::Closed, "ended by itself")),
        }
    }

    fn open(&mut self) {
        let Some(way) = self.ways.front() else {
            self.state = State::Dead;
            return;
        };
        let request = SpeechRequest { session: self.session, rate_hz: RATE_HZ, voice: way.voice.clone() };
        let model = Arc::clone(&way.model);
        self.state = State::Opening(Box::pin(async move { model.open(request).await }), Instant::now());
    }

    fn event(&mut self, SpeechEvent { answer, given }: SpeechEvent) {
        let place = self.asked.iter().position(|asked| asked.number == answer);
        let Some(asked) = place.and_then(|place| self.asked.get_mut(place)) else { return };
        let event = match given {
            SpeechGiven::Voiced(voiced) => {
                if let Voiced::Audio(frame) = &voiced {
                    asked.first.get_or_insert_with(|| asked.at.elapsed());
                    let current = self.current.iter_mut().find(|(number, _)| *number == answer);
                    if let Some((_, length)) = current {
                        *length += frame.duration().as_duration();
                    }
                }
                LlmEvent::Voiced(voiced)
            }
            SpeechGiven::ToolCall(call) => {
                asked.first.get_or_insert_with(|| asked.at.elapsed());
                self.calls.push((call.id.clone(), call.name.clone()));
                LlmEvent::ToolCall(call)
            }
            SpeechGiven::Usage(usage) => {
                asked.usage += usage;
                LlmEvent::Usage(usage)
            }
            SpeechGiven::Finished(finish) => LlmEvent::Finished(finish),
        };
        let finished = matches!(event, LlmEvent::Finished(_));
        // Nobody takes what an answer still gives that was cut short.
        let _gone = asked.reply.try_send(Ok(event));
        if finished && let Some(place) = place {
            self.failures = 0;
            let asked = self.asked.swap_remove(place);
            let outcome = if asked.cut { Outcome::Cancelled } else { Outcome::Served };
            self.report(&asked, outcome);
        }
    }

    fn failed(&mut self, error: Error) {
        if matches!(self.state, State::Waiting(_) | State::Dead) {
            return; // known already
        }
        if let State::Opening(_, since) = &self.state
            && let Some(way) = self.ways.front()
        {
            way.observer.attempt(self.attempt(way, Outcome::Failed(error.clone()), since.elapsed()));
        }
        self.failures += 1;
        self.close(&Outcome::Failed(error.clone()));
        let for_good = error.failure().retry == Retry::Never || self.failures >= FAILURES;
        if for_good {
            self.ways.pop_front();
            self.failures = 0;
        }
        self.state = match self.ways.is_empty() {
            true => State::Dead,
            false => State::Waiting(Instant::now() + BACKOFF * self.failures),
        };
    }

    /// The conversation is over.
    fn close(&mut self, outcome: &Outcome) {
        self.live.store(false, Ordering::Relaxed);
        self.in_step = false;
        self.began = true;
        self.current.clear();
        for asked in std::mem::take(&mut self.asked) {
            if let Outcome::Failed(error) = outcome {
                let _nobody = asked.reply.try_send(Err(error.clone()));
            }
            self.report(&asked, if asked.cut { Outcome::Cancelled } else { outcome.clone() });
        }
        self.state = State::Dead;
    }

    fn report(&self, asked: &Asked, outcome: Outcome) {
        let Some(way) = self.ways.front() else { return };
        let attempt = self.attempt(way, outcome, asked.at.elapsed());
        way.observer.attempt(Attempt { first_progress: asked.first, usage: asked.usage, ..attempt });
    }

    fn attempt(&self, way: &Way, outcome: Outcome, took: Duration) -> Attempt {
        Attempt {
            session: self.session,
            turn: None,
            tenant: Arc::clone(&way.tenant),
            ability: Ability::Llm,
            provider: Arc::new(way.model.info().clone()),
            number: 1,
            why: Why::First,
            connect: None,
            first_progress: None,
            took,
            outcome,
            usage: Usage::default(),
        }
    }

    /// What must not be lost: a vendor that does not read has failed.
    fn say(&mut self, input: SpeechInput) {
        if matches!(self.state, State::Live(..)) && !self.give(input) {
            self.failed(self.error(ErrorKind::Closed, "does not read"));
        }
    }

    fn error(&self, kind: ErrorKind, reason: &str) -> Error {
        let way = self.ways.front().map_or("", |way| way.model.info().name.as_str());
        Error::new(Ability::Llm, kind, way, reason)
    }

    /// Whether there was room.
    fn give(&mut self, input: SpeechInput) -> bool {
        match &mut self.state {
            State::Live(stream, _) => stream.input.push(input) == Ok(true),
            _ => false,
        }
    }
}

/// Cancel-safe.
async fn next(state: &mut State) -> Came {
    match state {
        State::Waiting(until) => {
            sleep_until(*until).await;
            Came::Due
        }
        State::Opening(opening, _) => Came::Opened(opening.await),
        State::Live(stream, _) => Came::Event(stream.events.next().await),
        State::Dead => std::future::pending().await,
    }
}
