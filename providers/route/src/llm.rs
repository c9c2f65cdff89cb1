//! A language model made of language models: the first that says something useful gives the whole reply.
//!
//! Once anything was given upward nobody takes over: what another model would say does not continue this reply. A stream
//! that breaks then ends in an error of kind `Closed` behind what was given, and whoever asked decides.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

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
use crate::race::{Act, Race};
use crate::ways::{Alternative, Setting, Ways};

/// Vendors' own counts differ by language; this is what is charged where a vendor gave none.
const CHARS_PER_TOKEN: u64 = 4;

pub struct LlmRoute(Arc<Ways<dyn Llm>>);

impl LlmRoute {
    /// # Errors
    /// Without an alternative, or with waits that nothing could keep.
    pub fn new(alternatives: Vec<Alternative<dyn Llm>>, setting: Setting) -> Result<Self, Invalid> {
        Ways::new(Ability::Llm, alternatives, setting, |llm: &(dyn Llm + 'static)| llm.info())
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
        Asking::new(Arc::clone(&self.0), request).answer().boxed()
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
    last: Option<Error>,
}

impl Asking {
    fn new(ways: Arc<Ways<dyn Llm>>, request: LlmRequest) -> Self {
        let now = Instant::now();
        let mut race = Race::new(ways.plan(now, &[]), 0, false, ways.setting.options.give_up_after());
        race.asked(now);
        Self { ways, request, race, running: Vec::new(), first: None, last: None }
    }

    async fn answer(mut self) -> Result<LlmStream, Error> {
        loop {
            let now = Instant::now();
            match self.race.poll(now) {
                Act::Start { number, index, why } => self.start(number, index, why, now),
                Act::Stop { number, stage } => {
                    if let Some(runner) = self.remove(number) {
                        let error = self.ways.error(runner.line.index, ErrorKind::TimedOut, stage.reason());
                        self.last = Some(error);
                        runner.line.tried.timed_out(now);
                    }
                }
                Act::GiveUp => {
                    self.running.drain(..).for_each(|runner| runner.line.tried.timed_out(now));
                    return Err(self.ways.all_failed(self.request.session, self.last));
                }
                Act::Wait(until) => {
                    let Some((position, came)) = wait(&mut self.running, until).await else { continue };
                    if self.take(position, came) {
                        return Ok(self.win(position));
                    }
                }
            }
        }
    }

    fn start(&mut self, number: u32, index: usize, why: Why, now: Instant) {
        let mut tried = self.ways.tried(index, self.request.session, number, why, now);
        tried.asked(now);
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
                runner.line.tried.given.input_tokens = input_tokens(&self.request);
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
        self.last = Some(error);
        false
    }

    fn win(mut self, position: usize) -> LlmStream {
        let now = Instant::now();
        let Runner { mut line, mut held } = self.running.swap_remove(position);
        self.running.drain(..).for_each(|loser| loser.line.tried.abandoned(now));
        line.tried.progressed(now);
        self.ways.switched(self.request.session, self.first.unwrap_or(line.index), line.index);
        if !held.iter().any(|event| matches!(event, LlmEvent::Served(_))) {
            held.push_front(LlmEvent::Served(Arc::clone(line.tried.info())));
        }
        let reply = Reply { ways: self.ways, line: Some(line), ready: held };
        stream::unfold(reply, |mut reply| async move {
            let event = reply.next().await?;
            Some((event, reply))
        })
        .boxed()
    }

    fn remove(&mut self, number: u32) -> Option<Runner> {
        let position = self.running.iter().position(|runner| runner.line.number == number)?;
        Some(self.running.swap_remove(position))
    }
}

/// Of whoever won.
struct Reply {
    ways: Arc<Ways<dyn Llm>>,
    /// Gone when the reply is over.
    line: Option<Line<(), LlmEvent>>,
    ready: VecDeque<LlmEvent>,
}

impl Reply {
    async fn next(&mut self) -> Option<Result<LlmEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if matches!(event, LlmEvent::Finished(_)) {
                    self.line.take()?.tried.served(Instant::now());
                }
                return Some(Ok(event));
            }
            let line = self.line.as_mut()?;
            // From here on: what nobody took before now is not the provider's delay.
            let patience = self.ways.setting.options.next();
            match tokio::time::timeout(patience, poll_fn(|cx| line.poll(cx))).await {
                Ok(Came::Event(event)) => {
                    note(line, &event);
                    self.ready.push_back(event);
                }
                Ok(Came::Opened) => {}
                Ok(Came::Failed(error)) => return self.broken(error.kind, &error.reason),
                Ok(Came::Ended) => return self.broken(ErrorKind::Closed, "ended before it had finished"),
                Err(_) => return self.broken(ErrorKind::TimedOut, "stopped in the middle of a reply"),
            }
        }
    }

    fn broken(&mut self, kind: ErrorKind, reason: &str) -> Option<Result<LlmEvent, Error>> {
        let line = self.line.take()?;
        let index = line.index;
        line.tried.failed(self.ways.error(index, kind, reason), Instant::now());
        Some(Err(self.ways.error(index, ErrorKind::Closed, reason)))
    }
}

/// The next thing of any, or `None` when the time has come. What was ready counts before the time.
async fn wait(running: &mut [Runner], until: Option<Instant>) -> Option<(usize, Came<LlmEvent>)> {
    let any = poll_fn(|cx| {
        for (position, runner) in running.iter_mut().enumerate() {
            if let Poll::Ready(came) = runner.line.poll(cx) {
                return Poll::Ready((position, came));
            }
        }
        Poll::Pending
    });
    match until {
        Some(until) => tokio::time::timeout_at(until, any).await.ok(),
        None => Some(any.await),
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
