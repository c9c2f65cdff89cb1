//! One reply under way: fulfils what the walk needs, and gives what it does as steps.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use agents_graph::{Action, Call, ChatCall, ChatEnd, ChatError, ChatRequest, Need, ToolError, Walk};
use domain::{Failure, Retry, SessionId, TurnId, Voiced};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, join_all};
use jiff::Zoned;
use providers_api::{Ability, Error, ErrorKind, Finish, LlmEvent};
use runtime::tasks::Kind;
use serde_json::Value;
use tokio::time::Instant;

use crate::agent::Agent;
use crate::chat::{Asking, Run};
use crate::conversation::{Ahead, State, Step, lock};
use crate::ports::{Permit, Ports, ToolCall};
use crate::speech::Speech;

const TOOL_CALL: Kind = Kind::new("agents-run.tool");
/// A tool that has not taken effect by then has failed, and will have no effect.
const TOOL_DEADLINE: Duration = Duration::from_secs(5);
/// How long a tool that is just taking effect is waited for after that. Then nobody knows.
const TOOL_SETTLES: Duration = Duration::from_secs(5);
const NO_MODEL: &str = "no language model is configured: set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or \
    OPENAI_BASE_URL for a server of your own, and start the server again";

pub(crate) type ToolOutcome = Shared<BoxFuture<'static, Result<Value, ToolError>>>;

/// A copy of the walk that thinks ahead, and what it asks models.
pub(crate) struct Guess {
    pub(crate) walk: Walk,
    pub(crate) ahead: Ahead,
}

pub(crate) struct Reply {
    agent: Arc<Agent>,
    ports: Ports,
    session: SessionId,
    shared: Arc<Mutex<State>>,
    epoch: u64,
    /// None for the real walk.
    guess: Option<Guess>,
    steps: VecDeque<Step>,
    need: Option<Need>,
    spoke: bool,
    /// When the caller began to wait for it.
    began: Instant,
    /// Tools are at work, or were: the answer may take longer than a caller waits in silence.
    works: bool,
    /// What was asked ahead and may be what is asked now.
    adoptable: Vec<Run>,
    /// The model that is being asked.
    chat: Option<Chat>,
    /// How the last one failed.
    failure: Option<Failure>,
}

/// An answer of a model as it comes.
struct Chat {
    key: String,
    /// None in a guess, whose runs lie where the commit finds them.
    run: Option<Run>,
    speech: Speech,
    calls: Vec<ChatCall>,
    /// Words of it were given.
    began: bool,
    /// It speaks itself.
    voiced: bool,
}

/// Why a model gives no more.
enum Ended {
    Failed(Failure, String),
    /// Of a guess: it is void, or may not ask.
    Void,
}

impl Reply {
    pub(crate) fn new(
        agent: Arc<Agent>,
        ports: Ports,
        session: SessionId,
        shared: Arc<Mutex<State>>,
        epoch: u64,
        guess: Option<Guess>,
        adoptable: Vec<Run>,
    ) -> Self {
        let works = ports.bridges.as_ref().is_some_and(|bridges| bridges());
        Self {
            agent,
            ports,
            session,
            shared,
            epoch,
            guess,
            steps: VecDeque::new(),
            need: None,
            spoke: false,
            began: Instant::now(),
            works,
            adoptable,
            chat: None,
            failure: None,
        }
    }

    /// Cancel-safe: what was begun is begun again; embeddings, tools and models go on from where they are.
    pub(crate) async fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return Some(step);
            }
            let need = self.need.clone()?;
            self.works |= matches!(need, Need::Tool { .. } | Need::Tools { .. });
            match self.bridges_at() {
                None => self.fulfil(need).await?,
                Some(at) => match tokio::time::timeout_at(at, self.fulfil(need)).await {
                    Ok(done) => done?,
                    Err(_elapsed) => {
                        self.works = false; // once
                        self.advance(|walk, now| walk.working(now))?;
                    }
                },
            }
        }
    }

    /// When a word is due that bridges the wait: a caller who hears nothing for longer hears the apology.
    fn bridges_at(&self) -> Option<Instant> {
        let after = Duration::from_millis(self.agent.graph().definition.manners.working_ms);
        (self.works && !self.spoke && self.guess.is_none()).then(|| self.began + after)
    }

    /// Cancel-safe, as `next`.
    async fn fulfil(&mut self, need: Need) -> Option<()> {
        match need {
            Need::Classify { node, texts } => {
                let scores = self.agent.classifier.score(&node, &texts).await;
                self.advance(|walk, now| walk.classified(&scores, now))
            }
            Need::Chat { key, request } => self.chat(&key, &request).await,
            Need::Tool { .. } | Need::Tools { .. } if self.guess.is_some() => None,
            Need::Tool { key, name, args } => {
                let outcome = self.tool(&key, name, args).await;
                self.tool_done(&key, outcome)
            }
            Need::Tools { calls } => self.tools(calls).await,
        }
    }

    /// Gives the walk what was needed. None when a later input has taken it over.
    fn advance(&mut self, step: impl FnOnce(&mut Walk, &Zoned) -> Vec<Action>) -> Option<()> {
        let now = self.agent.local(&self.ports.clock.now());
        self.need = None;
        let actions = match &mut self.guess {
            Some(guess) => step(&mut guess.walk, &now),
            None => {
                let mut state = lock(&self.shared);
                (state.epoch == self.epoch).then(|| step(&mut state.walk, &now))?
            }
        };
        self.absorb(actions);
        Some(())
    }

    /// Takes the next thing that the model gives. Cancel-safe: nothing is taken before it has come.
    async fn chat(&mut self, key: &str, request: &Arc<ChatRequest>) -> Option<()> {
        if self.chat.as_ref().is_none_or(|chat| chat.key != key) {
            self.begin_chat(key, request);
        }
        let event = match self.model().await {
            Ok(event) => event,
            Err(Ended::Void) => return None,
            Err(Ended::Failed(failure, message)) => {
                self.say_rest(key)?;
                self.chat = None;
                self.failure = Some(failure);
                let error = ChatError { code: failure.code.0, message };
                return self.advance(|walk, now| walk.chat_failed(key, &error, now));
            }
        };
        match event {
            LlmEvent::Text(text) => {
                let chat = self.chat.as_mut()?;
                let text = if request.output.is_some() { text } else { chat.speech.push(&text) };
                self.say_of_model(key, &text)
            }
            LlmEvent::Voiced(Voiced::Words(text)) => {
                self.chat.as_mut()?.voiced = true;
                self.say_of_model(key, &text)?;
                if let Some(chat) = &mut self.chat {
                    chat.voiced = false;
                }
                Some(())
            }
            LlmEvent::Voiced(voiced) => {
                // Sound is nothing that a walk remembers. Of a guess only words are wanted.
                if self.guess.is_none() {
                    self.steps.push_back(Step::Voiced(voiced));
                }
                Some(())
            }
            LlmEvent::ToolCall(call) => {
                self.say_rest(key)?;
                if self.guess.is_some() {
                    // The rest waits for the commit, and is kept for it.
                    self.need = None;
                }
                let call = ChatCall { id: call.id, name: call.name, args: call.arguments };
                self.chat.as_mut()?.calls.push(call);
                Some(())
            }
            LlmEvent::Finished(finish) => {
                self.say_rest(key)?;
                let calls = self.chat.take()?.calls;
                if !calls.is_empty() {
                    return self.advance(|walk, now| walk.chat_tool_calls(key, calls, now));
                }
                let end = match finish {
                    Finish::Stop | Finish::ToolCalls => ChatEnd::Stop,
                    Finish::Length => ChatEnd::Length,
                    Finish::Refused => ChatEnd::Refused,
                };
                self.advance(|walk, now| walk.chat_done(key, end, now))
            }
            LlmEvent::Served(_) | LlmEvent::Usage(_) => Some(()),
        }
    }

    fn say_rest(&mut self, key: &str) -> Option<()> {
        let rest = self.chat.as_mut()?.speech.finish();
        self.say_of_model(key, &rest)
    }

    fn say_of_model(&mut self, key: &str, text: &str) -> Option<()> {
        if text.is_empty() { Some(()) } else { self.advance(|walk, now| walk.chat_text(key, text, now)) }
    }

    /// Adopts what was asked ahead, or asks.
    fn begin_chat(&mut self, key: &str, request: &Arc<ChatRequest>) {
        let run = match &self.guess {
            Some(guess) => {
                self.ask_ahead(guess, request);
                None
            }
            None => {
                let known = self.adoptable.iter().position(|run| run.answers(request));
                match known.map(|at| self.adoptable.swap_remove(at)) {
                    Some(mut run) => {
                        run.adopt();
                        Some(run)
                    }
                    None => {
                        // What was guessed is not what is asked: nobody needs the rest of it.
                        self.adoptable.clear();
                        self.asking(false).map(|asking| Run::begin(&asking, Arc::clone(request)))
                    }
                }
            }
        };
        let key = key.to_owned();
        self.chat = Some(Chat {
            key,
            run,
            speech: Speech::default(),
            calls: Vec::new(),
            began: false,
            voiced: false,
        });
    }

    fn asking(&self, ahead: bool) -> Option<Asking<'_>> {
        let (agent, session) = (&self.agent, self.session);
        let llm = self.ports.llm.as_ref()?;
        let turn = match &self.guess {
            Some(guess) => guess.walk.snapshot().turn(),
            None => lock(&self.shared).walk.snapshot().turn(),
        };
        Some(Asking { agent, session, turn: TurnId(turn), llm, meter: self.ports.meter.as_ref(), ahead })
    }

    /// Closes the guess where nothing may be asked.
    fn ask_ahead(&self, guess: &Guess, request: &Arc<ChatRequest>) {
        let mut runs = guess.ahead.lock();
        let allowed = self.agent.speculations.allows(Instant::now());
        match (self.asking(true).filter(|_| allowed), runs.as_mut()) {
            (Some(asking), Some(runs)) => runs.push(Run::begin(&asking, Arc::clone(request))),
            _ => *runs = None,
        }
    }

    async fn model(&mut self) -> Result<LlmEvent, Ended> {
        let Some(guess) = &self.guess else {
            let Some(run) = self.chat.as_mut().and_then(|chat| chat.run.as_mut()) else {
                let failure = Failure::platform("LLM_MISSING", Retry::Never);
                return Err(Ended::Failed(failure, NO_MODEL.to_owned()));
            };
            return match poll_fn(|cx| run.poll(cx)).await {
                Some(Ok(event)) => Ok(event),
                Some(Err(error)) => Err(Ended::Failed(error.failure(), error.to_string())),
                None => {
                    let info = self.ports.llm.as_ref().map_or("", |llm| llm.info().name.as_str());
                    let error =
                        Error::new(Ability::Llm, ErrorKind::Closed, info, "the stream ended without an end");
                    Err(Ended::Failed(error.failure(), error.to_string()))
                }
            };
        };
        poll_fn(|cx| {
            let mut runs = guess.ahead.lock();
            let Some(run) = runs.as_mut().and_then(|runs| runs.last_mut()) else {
                return Poll::Ready(Err(Ended::Void));
            };
            match run.poll(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Some(Ok(event))) => Poll::Ready(Ok(event)),
                Poll::Ready(Some(Err(_)) | None) => {
                    // The commit asks anew.
                    *runs = None;
                    Poll::Ready(Err(Ended::Void))
                }
            }
        })
        .await
    }

    /// The next of the calls that a model wants: one with effects alone, those without together. Cancel-safe: each goes on, and is
    /// joined by the next attempt.
    async fn tools(&mut self, calls: Vec<Call>) -> Option<()> {
        let together = calls.iter().take_while(|call| !call.effects).count().max(1);
        let group: Vec<Call> = calls.into_iter().take(together).collect();
        let outcomes =
            join_all(group.iter().map(|call| self.tool(&call.key, call.name.clone(), call.args.clone())))
                .await;
        for (call, outcome) in group.iter().zip(outcomes) {
            self.tool_done(&call.key, outcome)?;
        }
        Some(())
    }

    fn tool_done(&mut self, key: &str, outcome: Result<Value, ToolError>) -> Option<()> {
        self.advance(|walk, now| walk.tool_done(key, outcome, now))?;
        lock(&self.shared).tools.retain(|(known, _)| known != key);
        Some(())
    }

    /// Begins the call, or joins the one that is under way.
    fn tool(&self, key: &str, name: String, args: Value) -> ToolOutcome {
        let mut state = lock(&self.shared);
        if let Some((_, outcome)) = state.tools.iter().find(|(running, _)| running == key) {
            return outcome.clone();
        }
        let permit = Permit::default();
        let call = ToolCall {
            name,
            args,
            session: self.session.to_string(),
            key: format!("{}-{key}", self.session),
            permit: permit.clone(),
        };
        let name = call.name.clone();
        let work = self.ports.tools.call(call);
        let task = self.ports.tasks.spawn_graceful(TOOL_CALL, finished(name.clone(), work, permit));
        let outcome: ToolOutcome = task
            .map(move |joined| {
                joined.unwrap_or_else(|_| {
                    Err(ToolError {
                        code: "TOOL_FAILED".to_owned(),
                        message: format!("\"{name}\" ended without an answer"),
                    })
                })
            })
            .boxed()
            .shared();
        state.tools.push((key.to_owned(), outcome.clone()));
        outcome
    }

    pub(crate) fn absorb(&mut self, actions: Vec<Action>) {
        for action in actions {
            let step = match action {
                Action::Say(text) => self.text(text, false),
                Action::Text(text) => {
                    let began =
                        self.chat.as_mut().is_some_and(|chat| std::mem::replace(&mut chat.began, true));
                    let voiced = self.chat.as_ref().is_some_and(|chat| chat.voiced);
                    match self.text(text, began) {
                        Step::Text(words) if voiced => Step::Voiced(Voiced::Words(words)),
                        step => step,
                    }
                }
                Action::Need(need) => {
                    self.need = Some(need);
                    continue;
                }
                Action::Wait => continue,
                Action::Node(node) => Step::Node(node),
                Action::Note { name, value } => Step::Noted { name, value },
                Action::Hold(time) => Step::Hold(time),
                Action::Interruptible(may) => Step::Interruptible(may),
                Action::Fail { code, message } => Step::Failed { failure: self.failed(code), message },
                Action::Trouble { code, message } => Step::Trouble { failure: self.failed(code), message },
                Action::End(reason) => Step::End(reason),
                Action::Transfer(transfer) => Step::Transfer(transfer),
                Action::Press(keys) => Step::Press(keys),
            };
            match step {
                _ if self.guess.is_none() => self.steps.push_back(step),
                Step::Text(_) | Step::Voiced(_) => self.steps.push_back(step),
                // Of a guess only words are wanted; what changes how they are spoken waits for the commit.
                Step::Node(_) | Step::Noted { .. } | Step::Trouble { .. } => {}
                _ => {
                    self.need = None;
                    return;
                }
            }
        }
    }

    fn text(&mut self, text: String, joins: bool) -> Step {
        let apart = self.spoke && !joins && !text.starts_with(char::is_whitespace);
        self.spoke = true;
        Step::Text(if apart { format!(" {text}") } else { text })
    }

    /// Whose fault it was: the vendor's, where a vendor failed.
    fn failed(&self, code: &'static str) -> Failure {
        match code {
            "LLM_SILENT" | "LLM_OUTPUT" => Failure::provider(code, Retry::Now),
            _ => self
                .failure
                .filter(|failure| failure.code.0 == code)
                .unwrap_or_else(|| Failure::platform(code, Retry::Never)),
        }
    }
}

/// Waits for a tool, and says of one that takes too long what is true: that it had and will have no effect, or that nobody knows.
async fn finished(
    name: String,
    mut work: BoxFuture<'static, Result<Value, ToolError>>,
    permit: Permit,
) -> Result<Value, ToolError> {
    if let Ok(outcome) = tokio::time::timeout(TOOL_DEADLINE, &mut work).await {
        return outcome;
    }
    if permit.withdraw() {
        return Err(ToolError {
            code: "TOOL_TIMED_OUT".to_owned(),
            message: format!(
                "\"{name}\" gave nothing within {} s and has no effect",
                TOOL_DEADLINE.as_secs()
            ),
        });
    }
    tokio::time::timeout(TOOL_SETTLES, work).await.unwrap_or_else(|_| {
        Err(ToolError {
            code: "TOOL_UNSURE".to_owned(),
            message: format!("\"{name}\" did not come to an end; it may or may not have taken effect"),
        })
    })
}
