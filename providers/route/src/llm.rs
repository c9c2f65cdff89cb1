//! A language model made of language models: the first that says something useful gives the whole reply.
//!
//! What could not be spoken yet is held back: until the reply has its first sentence, or enough of a clause, another may
//! take over and nobody has heard anything. Once anything was given upward nobody does: what another model would say does not
//! continue this reply. A stream that breaks then ends in an error of kind `Closed` behind what was given, and whoever asked
//! decides.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use domain::Voiced;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, Finish, Llm, LlmEvent, LlmRequest, LlmStream, Message, ProviderInfo,
};
use tokio::time::Instant;

use crate::line::{Came, Line, Opened};
use crate::observe::Why;
use crate::options::Invalid;
use crate::race::{Act, Race, Stage};
use crate::tried::Cause;
use crate::ways::{Alternative, Setting, Ways, keep};

/// Vendors' own counts differ by language; this is what is charged where a vendor gave none.
const CHARS_PER_TOKEN: u64 = 4;
/// So long before the end of a turn a guess is made, about: from then on somebody waits for it.
const GUESS_LEAD: Duration = Duration::from_millis(250);
/// Of the patience of whoever asks, kept for the way of the error up: the route says that it failed before it is dropped.
const MARGIN: Duration = Duration::from_millis(100);
/// Before this much of a sentence no session begins to speak it, unless it ends.
const CLAUSE_CHARS: usize = 40;
/// Taken at one instant before the clock is looked at, at most: a flood of blanks is no progress.
const READY: usize = 64;

pub struct LlmRoute(Arc<Ways<dyn Llm>>);

impl LlmRoute {
    /// # Errors
    /// Without an alternative, or with waits that nothing could keep.
    pub fn new(alternatives: Vec<Alternative<dyn Llm>>, setting: Setting) -> Result<Self, Invalid> {
        Ways::new(
            Ability::Llm,
            alternatives,
            setting,
            |llm: &(dyn Llm + 'static)| llm.info(),
            crate::probe::llm,
        )
        .map(Arc::new)
        .map(Self)
    }
}

impl Llm for LlmRoute {
    fn info(&self) -> &ProviderInfo {
        self.0.info()
    }

    /// Returns with the first progress: an error means that no alternative has made any.
    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        async move {
            let ways = Arc::clone(&self.0);
            let within = within(&ways, &request);
            let until = Instant::now() + within;
            let won = Asking::new(Arc::clone(&ways), request.clone(), &[], 0, within).answer().await?;
            let reply = Reply::new(ways, request, won, until);
            let events = stream::unfold(reply, |mut reply| async move {
                let event = reply.next().await?;
                Some((event, reply))
            });
            Ok(events.boxed())
        }
        .boxed()
    }
}

struct Runner {
    line: Line<(), LlmEvent>,
    /// What came before anything useful.
    held: VecDeque<LlmEvent>,
}

/// Until somebody says something useful.
struct Asking {
    ways: Arc<Ways<dyn Llm>>,
    request: LlmRequest,
    race: Race,
    running: Vec<Runner>,
    /// Whom the request began with.
    first: Option<usize>,
    hopeful: Option<Error>,
}

/// Whoever said something useful first.
struct Won {
    runner: Runner,
    /// Whom the request began with.
    first: usize,
    attempts: u32,
}

impl Asking {
    /// `except` have failed in this reply, which has had so many attempts.
    fn new(
        ways: Arc<Ways<dyn Llm>>,
        request: LlmRequest,
        except: &[usize],
        attempts: u32,
        within: Duration,
    ) -> Self {
        let now = Instant::now();
        let mut plan = ways.plan(now, except);
        let alone = plan.len() == 1;
        for entry in &mut plan {
            if alone {
                entry.limits.first = within; // nobody else could be asked
            } else if within < ways.setting.options.give_up_after() {
                entry.limits = entry.limits.within(within);
            }
            if request.ahead {
                // A guess that is in vain is dropped before: nobody pays for it twice. One that is the answer by now is waited for.
                entry.limits.hedge = entry.limits.hedge.map(|hedge| hedge + GUESS_LEAD);
            }
        }
        let mut race = Race::new(plan, attempts, !except.is_empty(), within);
        race.asked(now);
        Self { ways, request, race, running: Vec::new(), first: except.first().copied(), hopeful: None }
    }

    async fn answer(mut self) -> Result<Won, Error> {
        let mut taken = 0;
        loop {
            let now = Instant::now();
            // What is ready counts before the time: whoever is busy makes nobody late.
            if taken < READY
                && let Some((position, came)) = any(&mut self.running).now_or_never()
            {
                taken += 1;
                if self.take(position, came) {
                    return Ok(self.win(position));
                }
                continue;
            }
            match self.race.poll(now) {
                Act::Start { number, index, why } => self.start(number, index, why, now),
                Act::Stop { number, stage } => {
                    if let Some(runner) = self.remove(number) {
                        self.timed_out(runner, stage.reason(), now);
                    }
                }
                Act::GiveUp => {
                    for runner in std::mem::take(&mut self.running) {
                        self.timed_out(runner, Stage::First.reason(), now);
                    }
                    return Err(self.ways.all_failed(self.request.session, self.hopeful));
                }
                Act::Wait(until) => {
                    taken = 0;
                    let Some((position, came)) = wait(&mut self.running, until).await else { continue };
                    if self.take(position, came) {
                        return Ok(self.win(position));
                    }
                }
            }
        }
    }

    fn timed_out(&mut self, runner: Runner, reason: &str, now: Instant) {
        let error = self.ways.error(runner.line.index, ErrorKind::TimedOut, reason);
        keep(&mut self.hopeful, error);
        runner.line.tried.timed_out(now);
    }

    fn start(&mut self, number: u32, index: usize, why: Why, now: Instant) {
        let LlmRequest { session, turn, .. } = self.request;
        let mut tried = self.ways.tried(index, Cause { session, turn, number, why }, now);
        tried.asked(now);
        // From now on: one that is cancelled before it answers may have read all of it.
        tried.given.input_tokens = input_tokens(&self.request);
        let (llm, request) = (Arc::clone(&self.ways.way(index).provider), self.request.clone());
        let opening = async move {
            let events = llm.chat(request).await?;
            Ok(Opened { input: None, events })
        };
        self.first.get_or_insert(index);
        let line = Line::new(number, index, tried, opening.boxed());
        self.running.push(Runner { line, held: VecDeque::new() });
    }

    /// Whether this one has won.
    fn take(&mut self, position: usize, came: Came<LlmEvent>) -> bool {
        let now = Instant::now();
        let runner = &mut self.running[position];
        let number = runner.line.number;
        let error = match came {
            Came::Opened => {
                runner.line.tried.opened(now);
                self.race.opened(number);
                return false;
            }
            Came::Event(event) => {
                note(&mut runner.line, &event);
                let useful = is_useful(&event, &self.request);
                let finished = matches!(event, LlmEvent::Finished(_));
                runner.held.push_back(event);
                if useful {
                    return true;
                }
                if !finished {
                    return false;
                }
                self.ways.error(runner.line.index, ErrorKind::Protocol, "finished without a word or a call")
            }
            Came::Failed(error) => error,
            Came::Ended => {
                self.ways.error(runner.line.index, ErrorKind::Closed, "ended before it said anything")
            }
        };
        self.race.failed(number);
        if let Some(runner) = self.remove(number) {
            runner.line.tried.failed(error.clone(), now);
        }
        keep(&mut self.hopeful, error);
        false
    }

    fn win(mut self, position: usize) -> Won {
        let now = Instant::now();
        let mut runner = self.running.swap_remove(position);
        let number = runner.line.number;
        for loser in self.running.drain(..) {
            let slow = loser.line.number < number;
            loser.line.tried.abandoned(slow, now);
        }
        runner.line.tried.progressed(now);
        let first = self.first.unwrap_or(runner.line.index);
        self.ways.switched(self.request.session, first, runner.line.index);
        if !runner.held.iter().any(|event| matches!(event, LlmEvent::Served(_))) {
            runner.held.push_front(LlmEvent::Served(Arc::clone(runner.line.tried.info())));
        }
        Won { runner, first, attempts: self.race.started() }
    }

    fn remove(&mut self, number: u32) -> Option<Runner> {
        let position = self.running.iter().position(|runner| runner.line.number == number)?;
        Some(self.running.swap_remove(position))
    }
}

/// Of whoever won.
struct Reply {
    ways: Arc<Ways<dyn Llm>>,
    request: LlmRequest,
    /// Gone when the reply is over.
    line: Option<Line<(), LlmEvent>>,
    ready: VecDeque<LlmEvent>,
    /// What is ready may go up. Until then another may take over.
    open: bool,
    /// Until then another may be asked.
    until: Instant,
    failed: Vec<usize>,
    first: usize,
    attempts: u32,
}

impl Reply {
    fn new(ways: Arc<Ways<dyn Llm>>, request: LlmRequest, won: Won, until: Instant) -> Self {
        // A value is not spoken, and may be long: it is given as it comes.
        let open = request.output.is_some();
        let Won { runner: Runner { line, held }, first, attempts } = won;
        let failed = Vec::new();
        Self { ways, request, line: Some(line), ready: held, open, until, failed, first, attempts }
    }

    async fn next(&mut self) -> Option<Result<LlmEvent, Error>> {
        loop {
            self.open = self.open || may_be_spoken(&self.ready) || Instant::now() >= self.until;
            if self.open
                && let Some(event) = self.ready.pop_front()
            {
                if matches!(event, LlmEvent::Finished(_)) {
                    self.line.take()?.tried.served(Instant::now());
                }
                return Some(Ok(event));
            }
            let patience = self.patience();
            let line = self.line.as_mut()?;
            // From here on: what nobody took before now is not the provider's delay.
            line.tried.owes(Instant::now(), patience / 2);
            let came = tokio::time::timeout(patience, poll_fn(|cx| line.poll(cx))).await;
            let broken = match came {
                Ok(Came::Event(event)) => {
                    line.tried.paid();
                    note(line, &event);
                    self.ready.push_back(event);
                    continue;
                }
                Ok(Came::Opened) => continue,
                Ok(Came::Failed(error)) => error,
                Ok(Came::Ended) => {
                    self.ways.error(line.index, ErrorKind::Closed, "ended before it had finished")
                }
                Err(_) => {
                    self.ways.error(line.index, ErrorKind::TimedOut, "stopped in the middle of a reply")
                }
            };
            if let Some(up) = self.broken(broken).await {
                return Some(up);
            }
        }
    }

    /// Longest pause. A clause that has begun and may still be begun anew is not waited for as long as one that is heard.
    fn patience(&self) -> Duration {
        let next = self.ways.setting.options.next();
        let next = self.request.patience.map_or(next, |patience| next.min(patience.saturating_sub(MARGIN)));
        let index = self.line.as_ref().map_or(self.first, |line| line.index);
        let usual = self.ways.usual(index).filter(|_| !self.open && self.ways.len() > self.failed.len() + 1);
        usual.map_or(next, |usual| usual.min(next))
    }

    /// Another takes over where nothing was given up; the error for whoever asked otherwise.
    async fn broken(&mut self, error: Error) -> Option<Result<LlmEvent, Error>> {
        let now = Instant::now();
        let line = self.line.take()?;
        let index = line.index;
        line.tried.failed(error.clone(), now);
        self.failed.push(index);
        if self.open {
            return Some(Err(self.ways.error(index, ErrorKind::Closed, &error.reason)));
        }
        // Half a clause is worth nothing to anybody.
        self.ready.clear();
        let within = self.until.saturating_duration_since(now);
        if within.is_zero() || self.ways.plan(now, &self.failed).is_empty() {
            return Some(Err(self.ways.all_failed(self.request.session, Some(error))));
        }
        let (ways, request) = (Arc::clone(&self.ways), self.request.clone());
        match Asking::new(ways, request, &self.failed, self.attempts, within).answer().await {
            Ok(Won { runner, attempts, .. }) => {
                (self.line, self.ready, self.attempts) = (Some(runner.line), runner.held, attempts);
                None
            }
            Err(later) => {
                let mut hopeful = Some(error);
                keep(&mut hopeful, later);
                hopeful.map(Err)
            }
        }
    }
}

/// How long the whole of it may take until something useful came.
fn within(ways: &Ways<dyn Llm>, request: &LlmRequest) -> Duration {
    let own = ways.setting.options.give_up_after();
    request.patience.map_or(own, |patience| own.min(patience.saturating_sub(MARGIN).max(MARGIN)))
}

/// Whether a session would begin to speak, or nothing more comes.
fn may_be_spoken(ready: &VecDeque<LlmEvent>) -> bool {
    const ENDS: [char; 9] = ['.', '!', '?', '…', '。', '！', '？', '\n', ':'];
    let mut chars = 0;
    ready.iter().any(|event| match event {
        LlmEvent::Text(text) => {
            chars += text.chars().count();
            chars >= CLAUSE_CHARS || text.contains(ENDS)
        }
        LlmEvent::Voiced(_) | LlmEvent::Finished(_) => true,
        LlmEvent::ToolCall(_) | LlmEvent::Usage(_) | LlmEvent::Served(_) => false,
    })
}

/// The next thing of any.
fn any(running: &mut [Runner]) -> impl Future<Output = (usize, Came<LlmEvent>)> {
    poll_fn(|cx| {
        for (position, runner) in running.iter_mut().enumerate() {
            if let Poll::Ready(came) = runner.line.poll(cx) {
                return Poll::Ready((position, came));
            }
        }
        Poll::Pending
    })
}

/// The same, or `None` when the time has come. What was ready counts before the time.
async fn wait(running: &mut [Runner], until: Option<Instant>) -> Option<(usize, Came<LlmEvent>)> {
    match until {
        Some(until) => tokio::time::timeout_at(until, any(running)).await.ok(),
        None => Some(any(running).await),
    }
}

/// Whether the reply has begun. Nothing asked gives nothing, and a refusal is an answer.
fn is_useful(event: &LlmEvent, request: &LlmRequest) -> bool {
    match event {
        LlmEvent::Text(text) | LlmEvent::Voiced(Voiced::Words(text)) => !text.trim().is_empty(),
        LlmEvent::Voiced(_) => true,
        LlmEvent::ToolCall(_) | LlmEvent::Finished(Finish::Refused) => true,
        LlmEvent::Finished(_) => request.messages.is_empty() && request.instructions.trim().is_empty(),
        LlmEvent::Usage(_) | LlmEvent::Served(_) => false,
    }
}

fn note(line: &mut Line<(), LlmEvent>, event: &LlmEvent) {
    match event {
        LlmEvent::Text(text) | LlmEvent::Voiced(Voiced::Words(text)) => {
            line.tried.given.output_tokens += tokens(text.chars().count() as u64)
        }
        LlmEvent::ToolCall(call) => {
            let length = call.name.len() + call.arguments.to_string().len();
            line.tried.given.output_tokens += tokens(length as u64);
        }
        LlmEvent::Usage(usage) => line.tried.used(*usage),
        LlmEvent::Voiced(_) | LlmEvent::Finished(_) | LlmEvent::Served(_) => {}
    }
}

const fn tokens(chars: u64) -> u64 {
    chars.div_ceil(CHARS_PER_TOKEN)
}

fn input_tokens(request: &LlmRequest) -> u64 {
    let chars = |text: &str| text.len() as u64;
    let messages = request.messages.iter().map(|message| match message {
        Message::Caller(text) => chars(text),
        Message::Agent { text, calls } => {
            chars(text) + calls.iter().map(|call| chars(&call.arguments.to_string())).sum::<u64>()
        }
        Message::ToolResult { content, .. } => chars(content),
    });
    let tools =
        request.tools.iter().map(|tool| chars(&tool.description) + chars(&tool.parameters.to_string()));
    tokens(chars(&request.instructions) + messages.sum::<u64>() + tools.sum::<u64>())
}
