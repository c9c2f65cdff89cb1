//! One call: what the session hears goes into the walk, what the walk does comes out as a stream of steps.
//!
//! Thinking ahead walks a copy, which is thrown away; nothing with effects happens before the commit. What a language model was
//! asked ahead is adopted by the commit that asks the same. The walk lies behind a lock because the streams outlive the
//! call that made them; it is held for the microseconds of a step, never across a wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agents_graph::{Action, RestoreError, Snapshot, ToolError, Walk};
use domain::{EndReason, Failure, Keys, SessionId, Transfer, TurnId, Voiced};
use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Zoned;
use serde_json::Value;

use crate::agent::Agent;
use crate::chat::Run;
use crate::ports::Ports;
use crate::reply::{Guess, Reply, ToolOutcome};

/// A piece of a reply, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Texts join as they are: a text that follows another begins with a blank.
    Text(String),
    /// Of a model that speaks itself; its words join as texts do.
    Voiced(Voiced),
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
    /// Something failed, and the agent answers with words of its own.
    Trouble {
        failure: Failure,
        message: String,
    },
    End(EndReason),
    /// Put the caller through when everything before this was said.
    Transfer(Transfer),
    /// Press these when everything before this was said.
    Press(Keys),
}

pub struct Conversation {
    agent: Arc<Agent>,
    ports: Ports,
    session: SessionId,
    shared: Arc<Mutex<State>>,
    /// What was asked ahead, and for which turn.
    ahead: Option<(TurnId, Ahead)>,
}

pub(crate) struct State {
    pub(crate) walk: Walk,
    /// Counts inputs: a stream of an older input says nothing more.
    pub(crate) epoch: u64,
    /// Tool calls under way, by key; they go on when the stream that began them is dropped.
    pub(crate) tools: Vec<(String, ToolOutcome)>,
}

/// Questions asked of models before the turn was certain. Shared by the stream that asks them and the conversation, which takes
/// them away at the commit; from then on there are none and the stream is over.
#[derive(Clone, Default)]
pub(crate) struct Ahead(Arc<Mutex<Option<Vec<Run>>>>);

impl Ahead {
    fn open() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Vec<Run>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Run> {
        self.lock().take().unwrap_or_default()
    }
}

impl Conversation {
    /// `seed` chooses the wordings: the same seed and the same caller give the same words.
    #[must_use]
    pub fn new(agent: Arc<Agent>, ports: Ports, session: SessionId, seed: u64) -> Self {
        let walk = Walk::new(Arc::clone(agent.graph()), seed);
        Self::on(agent, ports, session, walk)
    }

    /// As `new`; from the greeting it goes on at this node in place of the agent's entry.
    #[must_use]
    pub fn at_node(agent: Arc<Agent>, ports: Ports, session: SessionId, seed: u64, node: &str) -> Self {
        let walk = Walk::at_node(Arc::clone(agent.graph()), seed, node);
        Self::on(agent, ports, session, walk)
    }

    /// What is known of the call before it begins, for the graph's texts and expressions.
    pub fn tell(&mut self, told: impl IntoIterator<Item = (String, String)>) {
        lock(&self.shared).walk.tell(told);
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
        let state = State { walk, epoch: 0, tools: Vec::new() };
        Self { agent, ports, session, shared: Arc::new(Mutex::new(state)), ahead: None }
    }

    /// The greeting; empty when the agent lets the caller speak first.
    pub fn greet(&mut self, turn: TurnId) -> BoxStream<'static, Step> {
        self.act(|walk, now| walk.start(turn.0, now))
    }

    /// The greeting in words that were chosen for this call, in place of the agent's own.
    pub fn greet_with(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Step> {
        self.act(|walk, now| walk.start_with(turn.0, text, now))
    }

    /// Thinks ahead, without effects: only words, up to whatever must wait for the commit. Models are really asked.
    pub fn speculate(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Step> {
        self.forget_ahead();
        let state = lock(&self.shared);
        let mut copy = state.walk.clone();
        let epoch = state.epoch;
        drop(state);
        let actions = copy.caller(turn.0, text, &self.now());
        let ahead = Ahead::open();
        self.ahead = Some((turn, ahead.clone()));
        self.reply(epoch, Some(Guess { walk: copy, ahead }), Vec::new(), actions)
    }

    /// Answers the caller: the whole reply from its beginning. What was thought ahead for the same text is not computed again, and
    /// no model is asked again: its stream goes on.
    pub fn commit(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Step> {
        let ahead = self.ahead.take_if(|(guessed, _)| *guessed == turn);
        let runs = ahead.map(|(_, ahead)| ahead.take()).unwrap_or_default();
        self.forget_ahead();
        self.act_with(runs, |walk, now| walk.caller(turn.0, text, now))
    }

    /// The guess of this turn is void; it has left no trace. Of a turn that was committed: its text comes again, as part of another.
    pub fn discard(&mut self, turn: TurnId) {
        if self.ahead.as_ref().is_some_and(|(guessed, _)| *guessed == turn) {
            self.forget_ahead();
        }
        let mut state = lock(&self.shared);
        if state.walk.snapshot().turn() == turn.0 {
            state.epoch += 1;
            state.walk.discarded(turn.0);
        }
    }

    fn forget_ahead(&mut self) {
        if let Some((_, ahead)) = self.ahead.take() {
            drop(ahead.take());
        }
    }

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

    /// The transfer that was asked for is being tried: what the caller says meanwhile does not take it back.
    pub fn transferring(&mut self) {
        lock(&self.shared).walk.transferring();
    }

    /// It came to nothing: what to say to a caller who is still here.
    pub fn not_transferred(&mut self, turn: TurnId, error: &ToolError) -> BoxStream<'static, Step> {
        self.act(|walk, now| walk.transfer_failed(turn.0, error, now))
    }

    /// The keys that were asked for are being pressed: what the other side says meanwhile does not take it back.
    pub fn pressing(&mut self) {
        lock(&self.shared).walk.pressing();
    }

    /// How that went. The talk goes on by `after_keys`, or by a commit that comes before.
    pub fn pressed(&mut self, result: Result<(), ToolError>) {
        lock(&self.shared).walk.pressed(result);
    }

    /// What to say after keys; nothing where there were none, or where a commit has gone on from them.
    pub fn after_keys(&mut self, turn: TurnId) -> BoxStream<'static, Step> {
        // What is being said otherwise is not disturbed.
        if !lock(&self.shared).walk.goes_on() {
            return futures::stream::empty().boxed();
        }
        self.act(|walk, now| walk.after_keys(turn.0, now))
    }

    /// A word in the agent's ear for its next reply. Whether the talk is where it will be heeded at once.
    pub fn whisper(&mut self, text: &str) -> bool {
        lock(&self.shared).walk.whisper(text)
    }

    /// Words that are said as they are, as a turn of the agent's.
    pub fn prompted(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Step> {
        self.act(|walk, now| walk.prompted(turn.0, text, now))
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
        self.act_with(Vec::new(), input)
    }

    fn act_with(
        &mut self,
        runs: Vec<Run>,
        input: impl FnOnce(&mut Walk, &Zoned) -> Vec<Action>,
    ) -> BoxStream<'static, Step> {
        let now = self.now();
        let mut state = lock(&self.shared);
        state.epoch += 1;
        let epoch = state.epoch;
        let actions = input(&mut state.walk, &now);
        drop(state);
        self.reply(epoch, None, runs, actions)
    }

    fn reply(
        &self,
        epoch: u64,
        guess: Option<Guess>,
        runs: Vec<Run>,
        actions: Vec<Action>,
    ) -> BoxStream<'static, Step> {
        let (agent, shared) = (Arc::clone(&self.agent), Arc::clone(&self.shared));
        let mut reply = Reply::new(agent, self.ports.clone(), self.session, shared, epoch, guess, runs);
        reply.absorb(actions);
        futures::stream::unfold(
            reply,
            |mut reply| async move { reply.next().await.map(|step| (step, reply)) },
        )
        .boxed()
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // A stream that somebody still holds asks nothing more.
        self.forget_ahead();
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

pub(crate) fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
