//! One conversation through a graph, as a pure machine: an input goes in, actions come out, the last of them says what
//! the walk now waits for. Everything it knows is in its `Snapshot`.
//!
//! A node runs in a step; what it writes is folded into the state when the step ends. What costs time or has effects is a
//! `Need`: the walk stops, whoever drives it fulfils the need and hands the outcome in. A tool's outcome is kept as a receipt
//! under the key of the call, so that a walk taken up from a snapshot never does the same thing twice.

mod chat;
mod collect;
mod fill;
mod judge;
mod listen;
mod press;
mod recall;
mod snapshot;
mod speak;
mod told;
mod transfer;
mod whisper;

use std::sync::Arc;
use std::time::Duration;

use domain::{EndReason, Keys, Role, Transfer};
use jiff::Zoned;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chat::{Call, ChatRequest};
use crate::compile::{Compiled, Step};
use crate::state::{self, Write};
pub use judge::parse_time;
pub(crate) use listen::{candidates, decide};
pub use recall::INTERRUPTED;
pub use snapshot::{Called, Receipt, RestoreError, Snapshot, Spoken};
pub(crate) use snapshot::{CollectState, Pending};
pub(crate) use told::TOLD;

/// Score of the texts that stand for everything an intent node does not know.
pub const BACKGROUND: &str = "_background";
/// Most nodes in one turn: a loop that does not wait is cut there.
pub(crate) const STEP_LIMIT: u32 = 48;

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Say(String),
    /// More of a reply that streams: joins what came before as it is.
    Text(String),
    /// What is said from here on may, or may not, be interrupted.
    Interruptible(bool),
    /// The caller gets this long before the next nudge.
    Hold(Duration),
    /// A node was entered.
    Node(String),
    Note {
        name: String,
        value: Value,
    },
    /// The agent cannot go on as written; it waits where it last waited.
    Fail {
        code: &'static str,
        message: String,
    },
    /// A model failed, and the graph goes on with words of its own: told to observers, not to the caller.
    Trouble {
        code: &'static str,
        message: String,
    },
    /// Nothing more happens until this is fulfilled.
    Need(Need),
    /// For the caller.
    Wait,
    /// Put the caller through when everything before this was said. Answer with `transfer_failed` where they are still here.
    Transfer(Transfer),
    /// Press these when everything before this was said. Answer with `pressed`.
    Press(Keys),
    End(EndReason),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// How near is each intent of the node to the nearest of these texts? Answer with `classified`.
    Classify { node: String, texts: Vec<String> },
    /// Has effects. Answer with `tool_done` and the same key.
    Tool { key: String, name: String, args: Value },
    /// A model is to answer. Give what comes of it with `chat_text`, then one of `chat_tool_calls`, `chat_done`, `chat_failed`.
    Chat { key: String, request: Arc<ChatRequest> },
    /// What a model wants called. Answer each with `tool_done`: those without effects in any order, each of the others when
    /// all before it are answered.
    Tools { calls: Vec<Call> },
}

/// How similarity was measured; each has a threshold of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Embedding,
    /// Shared words and parts of words; where no embedder is there.
    Lexical,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Name of an intent or `BACKGROUND`.
    pub intent: String,
    /// 0 to 1.
    pub score: f32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    pub method: Method,
    pub intents: Vec<Scored>,
}

/// Why a tool gave no result. The walk takes the edge `error`; `error.code` and `error.message` are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolError {
    /// Stable code, such as `TOOL_FAILED`.
    pub code: String,
    pub message: String,
}

/// Cheap to clone: a clone thinks ahead and is thrown away.
#[derive(Debug, Clone)]
pub struct Walk {
    graph: Arc<Compiled>,
    state: Snapshot,
    out: Vec<Action>,
    now: DateTime,
    /// What was said in this turn, to be kept as the last reply; `true` is filler, which is not repeated.
    saying: Vec<(String, bool)>,
    /// Something was said since the last input.
    spoke: bool,
    /// What a model is being asked.
    asked: Option<Arc<ChatRequest>>,
}

/// Where a step leads.
enum Next {
    /// Along the edges of this outcome.
    On(String),
    Stop(Action),
}

impl Walk {
    #[must_use]
    pub fn new(graph: Arc<Compiled>, seed: u64) -> Self {
        let state = Snapshot::start(&graph, seed);
        Self {
            graph,
            state,
            out: Vec::new(),
            now: DateTime::constant(2000, 1, 1, 0, 0, 0, 0),
            saying: Vec::new(),
            spoke: false,
            asked: None,
        }
    }

    /// As `new`, for a talk that goes on from the greeting at this node in place of the agent's entry. A node that the agent does not have is
    /// noted with the greeting, and the talk begins as ever.
    #[must_use]
    pub fn at_node(graph: Arc<Compiled>, seed: u64, node: &str) -> Self {
        let mut walk = Self::new(graph, seed);
        // What waits at the entry anyway asks nothing on top of the greeting.
        walk.state.begins = (node != walk.state.at).then(|| node.to_owned());
        walk
    }

    /// What is known of the call before it begins, for texts and expressions: `caller.name`, `session.due`. A name of neither is the session's.
    pub fn tell(&mut self, told: impl IntoIterator<Item = (String, String)>) {
        for (name, text) in told {
            self.state.told.tell(&name, text);
        }
    }

    /// Takes up a walk where a snapshot left it; `pending` tells what it was waiting for.
    pub fn restore(graph: Arc<Compiled>, snapshot: Snapshot) -> Result<Self, RestoreError> {
        snapshot.fits(&graph)?;
        let mut walk = Self::new(graph, snapshot.seed);
        walk.state = snapshot;
        walk.ask_again();
        Ok(walk)
    }

    /// All the walk knows.
    #[must_use]
    pub const fn snapshot(&self) -> &Snapshot {
        &self.state
    }

    #[must_use]
    pub fn graph(&self) -> &Compiled {
        &self.graph
    }

    /// What the walk cannot go on without, if anything.
    #[must_use]
    pub fn pending(&self) -> Option<Need> {
        match self.state.pending.as_ref()? {
            Pending::Chat(chat) => {
                let request = self.asked.clone().or_else(|| self.request(chat))?;
                Some(Need::Chat { key: chat.key.clone(), request })
            }
            Pending::Classify { node, texts, .. } => {
                Some(Need::Classify { node: node.clone(), texts: texts.clone() })
            }
            Pending::Tool { key, name, args, .. } => {
                Some(Need::Tool { key: key.clone(), name: name.clone(), args: args.clone() })
            }
            Pending::Calls(calls) => Some(Need::Tools { calls: calls.open() }),
            Pending::Transfer { .. } | Pending::Press { .. } => None,
        }
    }

    /// The greeting. An agent without one waits for the caller.
    pub fn start(&mut self, turn: u32, now: &Zoned) -> Vec<Action> {
        self.begin(turn, now);
        let graph = Arc::clone(&self.graph);
        self.say_one("greeting", &graph.greeting, &Value::Null);
        self.greeted()
    }

    /// The greeting in words that were chosen for this call, in place of the agent's own.
    pub fn start_with(&mut self, turn: u32, text: &str, now: &Zoned) -> Vec<Action> {
        self.begin(turn, now);
        self.say(text.to_owned());
        self.greeted()
    }

    /// The talk begins, in the turn of the greeting.
    fn greeted(&mut self) -> Vec<Action> {
        let Some(node) = self.state.begins.take() else { return self.stop(Action::Wait) };
        let graph = Arc::clone(&self.graph);
        match graph.nodes.get(&node) {
            None => {
                let value = json!({"node": node, "begins_at": self.state.at});
                self.out.push(Action::Note { name: "entry_unknown".to_owned(), value });
                self.out.push(Action::Wait);
            }
            // A model without a question of its own answers the caller, who has not said anything yet.
            Some(Step::Llm(talking)) if talking.node.converses() && talking.prompt.is_empty() => {
                self.wait_at(&node);
                self.out.extend([Action::Node(node), Action::Wait]);
            }
            Some(_) => {
                // The greeting is no answer: a node that asks does so after it.
                self.spoke = false;
                self.run(node);
            }
        }
        self.remember_reply();
        std::mem::take(&mut self.out)
    }

    /// The caller's whole turn.
    pub fn caller(&mut self, turn: u32, text: &str, now: &Zoned) -> Vec<Action> {
        self.begin(turn, now);
        if let Some(reason) = self.state.ended {
            return self.stop(Action::End(reason));
        }
        if let Some(need @ (Need::Tool { .. } | Need::Tools { .. })) = self.pending() {
            // What has effects is finished first; the words wait their turn, after those that wait already.
            self.state.queued = Some((turn, self.after_queued(text)));
            return self.stop(Action::Need(need));
        }
        if let Some(Pending::Transfer { node, begun: true, .. }) = &self.state.pending {
            let node = node.clone();
            self.remember(Role::Caller, turn, text);
            return self.still_transferring(&node);
        }
        if let Some(actions) = self.while_pressing(turn, text) {
            return actions;
        }
        self.state.pending = None;
        self.state.chats = 0;
        self.state.questions.clear();
        let text = self.after_queued(text);
        self.remember(Role::Caller, turn, &text);
        self.listen(&text);
        self.finish()
    }

    /// These words, after those that wait already.
    fn after_queued(&mut self, text: &str) -> String {
        let earlier = self.state.queued.take().map(|(_, earlier)| earlier + " ").unwrap_or_default();
        earlier + text
    }

    /// Words that nobody will answer any more stay in the memory alone.
    fn void_queued(&mut self) {
        if let Some((turn, text)) = self.state.queued.take() {
            self.remember(Role::Caller, turn, &text);
        }
    }

    /// The answer to `Need::Classify`.
    pub fn classified(&mut self, scores: &Scores, now: &Zoned) -> Vec<Action> {
        self.begin(self.state.turn, now);
        let Some(Pending::Classify { text, .. }) =
            self.state.pending.take_if(|pending| matches!(pending, Pending::Classify { .. }))
        else {
            return self.idle();
        };
        self.understood(&text, scores);
        self.finish()
    }

    /// The answer to `Need::Tool`, or to one of `Need::Tools`. An answer to a call that was answered before changes nothing.
    pub fn tool_done(&mut self, key: &str, outcome: Result<Value, ToolError>, now: &Zoned) -> Vec<Action> {
        self.begin(self.state.turn, now);
        let pending = self
            .state
            .pending
            .take_if(|pending| matches!(pending, Pending::Tool { key: wanted, .. } if wanted == key));
        let Some(Pending::Tool { node, name, .. }) = pending else {
            return if self.call_done(key, outcome) { self.settle() } else { self.idle() };
        };
        self.state.keep_receipt(Receipt {
            key: key.to_owned(),
            node: node.clone(),
            tool: name,
            outcome: outcome.clone(),
        });
        self.tool_outcome(&node, outcome);
        self.settle()
    }

    /// Ends an input after which words may be taken up that the caller said while something with effects was under way.
    fn settle(&mut self) -> Vec<Action> {
        if self.state.queued.is_some() && self.converses() {
            // The caller has gone on: the model answers to that.
            self.drop_chat();
            self.out.retain(|action| !matches!(action, Action::Need(_)));
        }
        // Where one tool leads to the next, the words wait for that one, too.
        if self.state.ended.is_none()
            && self.state.pending.is_none()
            && let Some((turn, text)) = self.state.queued.take()
        {
            self.remember_reply();
            self.out.retain(|action| !matches!(action, Action::Wait));
            self.state.questions.clear();
            self.state.chats = 0;
            // What came after them, such as the news of a transfer, may have begun a turn of its own.
            self.state.turn = self.state.turn.max(turn);
            self.remember(Role::Caller, turn, &text);
            self.listen(&text);
        }
        self.finish()
    }

    /// The caller is silent for the `count`-th time, from 1.
    pub fn nudge(&mut self, turn: u32, count: u32, now: &Zoned) -> Vec<Action> {
        self.begin(turn, now);
        self.drop_chat();
        if let Some(reason) = self.state.ended {
            return self.stop(Action::End(reason));
        }
        let graph = Arc::clone(&self.graph);
        let at = (count as usize).saturating_sub(1);
        match graph.manners.nudges.get(at) {
            Some(texts) => {
                self.say_one(&format!("nudge {at}"), texts, &Value::Null);
                self.remember_aside();
                self.stop(Action::Wait)
            }
            None => self.farewell(turn, EndReason::CallerSilent, now),
        }
    }

    /// The call was cut off by a failure of ours, and the caller is back: what was asked is asked again. A caller who had heard nothing
    /// yet is greeted.
    pub fn returned(&mut self, turn: u32, now: &Zoned) -> Vec<Action> {
        if self.state.history.is_empty() && self.state.ended.is_none() {
            return self.start(turn, now);
        }
        self.begin(turn, now);
        if let Some(reason) = self.state.ended {
            return self.stop(Action::End(reason));
        }
        // Whoever tried it is gone.
        let tried = self
            .state
            .pending
            .take_if(|pending| matches!(pending, Pending::Transfer { .. } | Pending::Press { .. }));
        if tried.is_some() {
            self.void_queued();
        }
        let graph = Arc::clone(&self.graph);
        self.say_one("returned", &graph.manners.returned, &Value::Null);
        if let Some(need @ (Need::Chat { .. } | Need::Tools { .. })) = self.pending() {
            self.remember_aside();
            return self.stop(Action::Need(need));
        }
        let open = &self.state.question;
        let again = if open.is_empty() { self.state.last_reply.clone() } else { open.clone() };
        self.say(again);
        self.remember_aside();
        self.stop(Action::Wait)
    }

    /// The session ends for a reason of its own: what to say before.
    pub fn farewell(&mut self, turn: u32, reason: EndReason, now: &Zoned) -> Vec<Action> {
        self.begin(turn, now);
        self.drop_chat();
        let graph = Arc::clone(&self.graph);
        let name = domain::wire_name(&reason);
        if let Some(texts) = graph.manners.farewells.get(&name) {
            self.say_one(&format!("farewell {name}"), texts, &Value::Null);
        }
        self.state.ended = Some(reason);
        self.stop(Action::End(reason))
    }

    /// Of what was said in `turn` the caller heard exactly this.
    pub fn heard(&mut self, turn: u32, text: &str, interrupted: bool) {
        self.state.heard_of(turn, text, interrupted);
    }

    /// The turn was none: the caller had not finished, and their words come again. What was called in it stays.
    pub fn discarded(&mut self, turn: u32) {
        if self.state.turn == turn {
            self.drop_chat();
            self.state.pending.take_if(
                |pending| matches!(pending, Pending::Transfer { turn: of, begun: false, .. } | Pending::Press { turn: of, begun: false, .. } if *of == turn),
            );
            self.state
                .pending
                .take_if(|pending| matches!(pending, Pending::Calls(calling) if !calling.has_effects()));
        }
        self.state
            .history
            .retain(|spoken| spoken.turn != turn || spoken.calls.iter().any(|called| called.effects));
    }

    fn begin(&mut self, turn: u32, now: &Zoned) {
        self.state.turn = turn;
        self.now = now.datetime();
        self.out.clear();
        self.saying.clear();
        self.spoke = false;
    }

    fn stop(&mut self, last: Action) -> Vec<Action> {
        self.out.push(last);
        self.remember_reply();
        std::mem::take(&mut self.out)
    }

    /// An input that nobody asked for: the walk waits on.
    fn idle(&mut self) -> Vec<Action> {
        let last = match (self.state.ended, self.pending()) {
            (Some(reason), _) => Action::End(reason),
            (None, Some(need)) => Action::Need(need),
            (None, None) => Action::Wait,
        };
        vec![last]
    }

    /// Ends a turn of the caller: it never passes in silence.
    fn finish(&mut self) -> Vec<Action> {
        self.next_question();
        let failed = self.out.iter().any(|action| matches!(action, Action::Fail { .. }));
        if matches!(self.out.last(), Some(Action::Wait)) && !self.spoke && !failed {
            self.out.pop();
            let graph = Arc::clone(&self.graph);
            let question = self.state.question.clone();
            if question.is_empty() {
                self.say_one("unclear", &graph.manners.unclear, &Value::Null)
            } else {
                self.say(question)
            }
            self.out.push(Action::Wait);
        }
        self.remember_reply();
        std::mem::take(&mut self.out)
    }

    /// Goes from node to node until one waits, needs something or ends. Pushes the last action.
    fn run(&mut self, mut node: String) {
        for _ in 0..STEP_LIMIT {
            self.state.step += 1;
            self.out.push(Action::Node(node.clone()));
            let next = match self.enter(&node) {
                Ok(next) => next,
                Err(error) => {
                    self.out.push(Action::Fail {
                        code: "AGENT_STATE",
                        message: format!("node \"{node}\": {error}"),
                    });
                    return self.home();
                }
            };
            match next {
                Next::Stop(action) => return self.out.push(action),
                Next::On(outcome) => match self.way(&node, &outcome) {
                    Some(to)
                        if self
                            .state
                            .frames
                            .last()
                            .is_some_and(|frame| frame.intent == to || frame.collect == to) =>
                    {
                        return self.go_back();
                    }
                    Some(to) => node = to,
                    None => return self.go_back(),
                },
            }
        }
        self.out.push(Action::Fail {
            code: "AGENT_LOOP",
            message: format!("node \"{node}\": {STEP_LIMIT} steps without waiting for the caller"),
        });
        self.home();
    }

    /// A path has come to its end: back to what the aside interrupted, else to the node that last waited.
    fn go_back(&mut self) {
        match self.state.frames.pop() {
            Some(frame) => {
                self.state.at.clone_from(&frame.collect);
                self.out.push(Action::Node(frame.collect.clone()));
                match self.take_question() {
                    Some(question) => self.need_classes(&frame.intent, &question),
                    None => self.come_back(&frame.collect),
                }
            }
            None => self.home(),
        }
    }

    fn home(&mut self) {
        self.state.frames.clear();
        self.out.push(Action::Wait);
    }

    /// The first open way for the outcome.
    fn way(&self, node: &str, outcome: &str) -> Option<String> {
        let ways = self.graph.edges.get(node)?;
        let open = ways
            .iter()
            .find(|way| way.on == outcome && way.when.as_ref().is_none_or(|when| self.holds(when)));
        open.map(|way| way.to.clone())
    }

    fn enter(&mut self, node: &str) -> Result<Next, state::StateError> {
        let graph = Arc::clone(&self.graph);
        let Some(step) = graph.nodes.get(node) else { return Ok(Next::Stop(Action::Wait)) };
        match step {
            Step::Say { text, interruptible, set } => {
                if !interruptible {
                    self.out.push(Action::Interruptible(false));
                }
                self.say_one(node, text, &Value::Null);
                if !interruptible {
                    self.out.push(Action::Interruptible(true));
                }
                let writes = set
                    .iter()
                    .map(|(channel, value)| Write { channel: channel.clone(), value: self.given(value) })
                    .collect();
                self.write(writes)?;
                Ok(Next::On("next".to_owned()))
            }
            Step::Intent { prompt, .. } => {
                self.wait_at(node);
                if !self.spoke {
                    self.ask(node, prompt, &Value::Null);
                }
                Ok(Next::Stop(Action::Wait))
            }
            Step::Collect(_) => {
                self.wait_at(node);
                Ok(self.collect_entered(node))
            }
            Step::Router => Ok(Next::On("next".to_owned())),
            Step::Tool { node: tool, args, text } => {
                let args: Value = args
                    .iter()
                    .map(|(name, value)| (name.clone(), self.given(value)))
                    .collect::<serde_json::Map<_, _>>()
                    .into();
                let key = format!("{:016x}-{}", self.state.seed, self.state.step);
                if let Some(receipt) = self.state.receipts.iter().find(|receipt| receipt.key == key) {
                    let outcome = receipt.outcome.clone();
                    return self.took(node, tool.into.as_deref(), tool.note.as_deref(), outcome);
                }
                self.say_one(node, text, &Value::Null);
                let name = tool.tool.clone();
                let pending = Pending::Tool {
                    key: key.clone(),
                    node: node.to_owned(),
                    name: name.clone(),
                    args: args.clone(),
                };
                let need = Need::Tool { key, name, args };
                self.state.pending = Some(pending);
                Ok(Next::Stop(Action::Need(need)))
            }
            Step::Llm(_) => Ok(self.llm_entered(node)),
            Step::Transfer(leading) => Ok(self.transfer_entered(node, leading)),
            Step::Press(pressing) => Ok(self.press_entered(node, pressing)),
            Step::End { node: end, text } => {
                self.say_one(node, text, &Value::Null);
                self.state.ended = Some(end.reason);
                Ok(Next::Stop(Action::End(end.reason)))
            }
        }
    }

    /// A node that waits is where the talk now is; entering it leaves every aside.
    fn wait_at(&mut self, node: &str) {
        self.state.frames.clear();
        node.clone_into(&mut self.state.at);
    }

    fn tool_outcome(&mut self, node: &str, outcome: Result<Value, ToolError>) {
        let graph = Arc::clone(&self.graph);
        let Some(Step::Tool { node: tool, .. }) = graph.nodes.get(node) else { return self.home() };
        match self.took(node, tool.into.as_deref(), tool.note.as_deref(), outcome) {
            Ok(Next::On(outcome)) => match self.way(node, &outcome) {
                Some(to) => self.run(to),
                None => self.go_back(),
            },
            Ok(_) => self.home(),
            Err(error) => {
                self.out
                    .push(Action::Fail { code: "AGENT_STATE", message: format!("node \"{node}\": {error}") });
                self.home();
            }
        }
    }

    fn took(
        &mut self,
        node: &str,
        into: Option<&str>,
        note: Option<&str>,
        outcome: Result<Value, ToolError>,
    ) -> Result<Next, state::StateError> {
        match outcome {
            Ok(value) => {
                if let Some(name) = note {
                    self.out.push(Action::Note { name: name.to_owned(), value: value.clone() });
                }
                if let Some(channel) = into {
                    self.write(vec![Write { channel: channel.to_owned(), value }])?;
                }
                Ok(Next::On("next".to_owned()))
            }
            Err(error) => {
                self.out.push(Action::Note {
                    name: "tool_failed".to_owned(),
                    value: json!({"node": node, "code": error.code, "message": error.message}),
                });
                self.state.error = serde_json::to_value(&error).unwrap_or(Value::Null);
                Ok(Next::On("error".to_owned()))
            }
        }
    }

    fn write(&mut self, writes: Vec<Write>) -> Result<(), state::StateError> {
        state::apply(&self.graph.definition.state, &mut self.state.channels, writes)
    }
}

#[cfg(test)]
mod tests;
