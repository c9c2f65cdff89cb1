//! One call: what the session hears goes into the walk, what the walk does comes out as a stream of steps.
//!
//! Thinking ahead walks a copy and is thrown away; nothing with effects happens before the commit. The walk lies behind a
//! lock because the streams outlive the call that made them; it is held for the microseconds of a step, never across a wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agents_graph::{Action, Need, RestoreError, Snapshot, ToolError, Walk};
use domain::{EndReason, Failure, Retry, SessionId, TurnId};
use futures::FutureExt;
use futures::StreamExt;
use futures::future::{BoxFuture, Shared};
use futures::stream::BoxStream;
use jiff::Zoned;
use runtime::tasks::Kind;
use serde_json::Value;

use crate::agent::Agent;
use crate::ports::{Permit, Ports, ToolCall};

const TOOL_CALL: Kind = Kind::new("agents-run.tool");
/// A tool that has not taken effect by then has failed, and will have no effect.
const TOOL_DEADLINE: Duration = Duration::from_secs(5);
/// How long a tool that is just taking effect is waited for after that. Then nobody knows.
const TOOL_SETTLES: Duration = Duration::from_secs(5);

/// A piece of a reply, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Texts join as they are: a text that follows another begins with a blank.
    Text(String),
    /// Give the caller this long before the next nudge.
    Hold(Duration),
    Interruptible(bool),
    /// A node was entered.
    Node(String),
    Noted {
        name: String,
        value: Value,
    },
    /// The agent cannot answer.
    Failed {
        failure: Failure,
        message: String,
    },
    End(EndReason),
}

pub struct Conversation {
    agent: Arc<Agent>,
    ports: Ports,
    session: SessionId,
    shared: Arc<Mutex<State>>,
}

struct State {
    walk: Walk,
    /// Counts inputs: a stream of an older input says nothing more.
    epoch: u64,
    /// The tool call under way; it goes on when the stream that began it is dropped.
    tool: Option<(String, ToolOutcome)>,
}

type ToolOutcome = Shared<BoxFuture<'static, Result<Value, ToolError>>>;

impl Conversation {
    /// `seed` chooses the wordings: the same seed and the same caller give the same words.
    #[must_use]
    pub fn new(agent: Arc<Agent>, ports: Ports, session: SessionId, seed: u64) -> Self {
        let walk = Walk::new(Arc::clone(agent.graph()), seed);
        Self::on(agent, ports, session, walk)
    }

    /// Takes up a conversation from a snapshot. A tool call that was under way is made again with its key.
    pub fn resume(
        agent: Arc<Agent>,
        ports: Ports,
        session: SessionId,
        snapshot: Snapshot,
    ) -> Result<Self, RestoreError> {
        let walk = Walk::restore(Arc::clone(agent.graph()), snapshot)?;
        Ok(Self::on(agent, ports, session, walk))
    }

    fn on(agent: Arc<Agent>, ports: Ports, session: SessionId, walk: Walk) -> Self {
        Self { agent, ports, session, shared: Arc::new(Mutex::new(State { walk, epoch: 0, tool: None })) }
    }

    /// The greeting; empty when the agent lets the caller speak first.
    pub fn greet(&mut self, turn: TurnId) -> BoxStream<'static, Step> {
        self.act(|walk, now| walk.start(turn.0, now))
    }

    /// Thinks ahead, without effects: only words, up to whatever must wait for the commit.
    pub fn speculate(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Step> {
        let state = lock(&self.shared);
        let mut copy = state.walk.clone();
        let epoch = state.epoch;
        drop(state);
        let actions = copy.caller(turn.0, text, &self.now());
        self.reply(epoch, Some(copy), actions)
    }

    /// Answers the caller: the whole reply from its beginning. What was thought ahead for the same text is not computed again.
    pub fn commit(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Step> {
        self.act(|walk, now| walk.caller(turn.0, text, now))
    }

    /// The guess of this turn is void; it has left no trace.
    pub fn discard(&mut self, _turn: TurnId) {}

    /// What the caller really heard of the turn; the memory keeps this and nothing else.
    pub fn heard(&mut self, turn: TurnId, text: &str, interrupted: bool) {
        lock(&self.shared).walk.heard(turn.0, text, interrupted);
    }

    /// The caller has been silent for the `count`-th time, from 1. After the last nudge the reply ends the call.
    pub fn nudge(&mut self, turn: TurnId, count: u32) -> BoxStream<'static, Step> {
        self.act(|walk, now| walk.nudge(turn.0, count, now))
    }

    /// Takes up, in words, what `resume` took up: asks again what was asked.
    pub fn returned(&mut self, turn: TurnId) -> BoxStream<'static, Step> {
        self.act(|walk, now| walk.returned(turn.0, now))
    }

    /// What to say before the session ends by itself.
    pub fn farewell(&mut self, turn: TurnId, reason: EndReason) -> BoxStream<'static, Step> {
        self.act(|walk, now| walk.farewell(turn.0, reason, now))
    }

    /// All that is needed to take the conversation up elsewhere.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        lock(&self.shared).walk.snapshot().clone()
    }

    /// Gives the same at any later time, whoever holds it.
    #[must_use]
    pub fn snapshots(&self) -> Snapshots {
        Snapshots(Arc::clone(&self.shared))
    }

    fn now(&self) -> Zoned {
        self.agent.local(&self.ports.clock.now())
    }

    fn act(&mut self, input: impl FnOnce(&mut Walk, &Zoned) -> Vec<Action>) -> BoxStream<'static, Step> {
        let now = self.now();
        let mut state = lock(&self.shared);
        state.epoch += 1;
        let epoch = state.epoch;
        let actions = input(&mut state.walk, &now);
        drop(state);
        self.reply(epoch, None, actions)
    }

    fn reply(&self, epoch: u64, guess: Option<Walk>, actions: Vec<Action>) -> BoxStream<'static, Step> {
        let mut reply = Reply {
            agent: Arc::clone(&self.agent),
            ports: self.ports.clone(),
            session: self.session,
            shared: Arc::clone(&self.shared),
            epoch,
            guess,
            steps: VecDeque::new(),
            need: None,
            spoke: false,
        };
        reply.absorb(actions);
        futures::stream::unfold(
            reply,
            |mut reply| async move { reply.next().await.map(|step| (step, reply)) },
        )
        .boxed()
    }
}

/// A view of a conversation that goes on.
#[derive(Clone)]
pub struct Snapshots(Arc<Mutex<State>>);

impl Snapshots {
    /// As the conversation stands now.
    #[must_use]
    pub fn now(&self) -> Snapshot {
        lock(&self.0).walk.snapshot().clone()
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

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One reply under way.
struct Reply {
    agent: Arc<Agent>,
    ports: Ports,
    session: SessionId,
    shared: Arc<Mutex<State>>,
    epoch: u64,
    /// The copy that thinks ahead; none for the real walk.
    guess: Option<Walk>,
    steps: VecDeque<Step>,
    need: Option<Need>,
    spoke: bool,
}

impl Reply {
    /// Cancel-safe: what was begun is begun again, embeddings and tools from where they are.
    async fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return Some(step);
            }
            match self.need.clone()? {
                Need::Classify { node, texts } => {
                    let scores = self.agent.classifier.score(&node, &texts).await;
                    let now = self.now();
                    let actions = self.advance(|walk| walk.classified(&scores, &now))?;
                    self.absorb(actions);
                }
                Need::Tool { .. } if self.guess.is_some() => return None,
                Need::Tool { key, name, args } => {
                    let outcome = self.tool(&key, name, args).await;
                    let now = self.now();
                    let actions = self.advance(|walk| walk.tool_done(&key, outcome, &now))?;
                    self.absorb(actions);
                }
            }
        }
    }

    fn now(&self) -> Zoned {
        self.agent.local(&self.ports.clock.now())
    }

    /// None when a later input has taken the walk over.
    fn advance(&mut self, step: impl FnOnce(&mut Walk) -> Vec<Action>) -> Option<Vec<Action>> {
        self.need = None;
        if let Some(guess) = &mut self.guess {
            return Some(step(guess));
        }
        let mut state = lock(&self.shared);
        (state.epoch == self.epoch).then(|| step(&mut state.walk))
    }

    /// Begins the call, or joins the one that is under way.
    fn tool(&self, key: &str, name: String, args: Value) -> ToolOutcome {
        let mut state = lock(&self.shared);
        if let Some((running, outcome)) = &state.tool
            && running == key
        {
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
        state.tool = Some((key.to_owned(), outcome.clone()));
        outcome
    }

    fn absorb(&mut self, actions: Vec<Action>) {
        for action in actions {
            let step = match action {
                Action::Say(text) => {
                    let text = if self.spoke { format!(" {text}") } else { text };
                    self.spoke = true;
                    Step::Text(text)
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
                Action::Fail { code, message } => {
                    Step::Failed { failure: Failure::platform(code, Retry::Never), message }
                }
                Action::End(reason) => Step::End(reason),
            };
            match step {
                _ if self.guess.is_none() => self.steps.push_back(step),
                Step::Text(_) => self.steps.push_back(step),
                // Of a guess only words are wanted; what changes how they are spoken waits for the commit.
                Step::Node(_) | Step::Noted { .. } => {}
                _ => {
                    self.need = None;
                    return;
                }
            }
        }
    }
}
