//! The session's `Dialogue` on a graph's conversation, put on record after each turn so that a server that takes the call over knows it.

use std::sync::Arc;
use std::task::Poll;

use agents_graph::{Snapshot, ToolError};
use agents_run::{Conversation, Ports, Snapshots, Step};
use control_store::{Checkpoint, Entry, Recorder};
use domain::{EndReason, SessionId, TurnId};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use media_session::{Dialogue, NotPressed, NotTransferred, Said};

use crate::adapters::catalogue::Ready;

/// How a new conversation begins: each in place of the agent's own.
#[derive(Default)]
pub(crate) struct Beginning<'a> {
    pub(crate) greeting: Option<String>,
    /// A node of its graph.
    pub(crate) node: Option<&'a str>,
    /// What is known of the call, as greetings name it.
    pub(crate) told: &'a [(String, String)],
}

/// A new conversation with an agent, or one that goes on from where its server died. A snapshot that does not fit begins a new one.
pub(crate) fn begin(
    ready: &Ready,
    ports: &Ports,
    session: SessionId,
    recorder: Recorder,
    from: Option<Snapshot>,
    beginning: Beginning<'_>,
) -> Box<dyn Dialogue> {
    // Wordings differ from call to call and are the same in a replay of this one.
    let seed = session.as_uuid().as_u64_pair().1;
    let Beginning { greeting, node, told } = beginning;
    let new = || {
        let (agent, ports) = (Arc::clone(&ready.agent), ports.clone());
        let mut conversation = match node {
            Some(node) => Conversation::at_node(agent, ports, session, seed, node),
            None => Conversation::new(agent, ports, session, seed),
        };
        conversation.tell(told.iter().cloned());
        conversation
    };
    let resumed = from.and_then(|snapshot| {
        Conversation::resume(Arc::clone(&ready.agent), ports.clone(), session, snapshot)
            .inspect_err(|error| tracing::warn!(%session, %error, "the conversation begins anew"))
            .ok()
    });
    let returns = resumed.is_some();
    let conversation = resumed.unwrap_or_else(new);
    let keeper = Keeper { session, snapshots: conversation.snapshots(), recorder };
    Box::new(Graph { conversation, keeper, returns, greeting })
}

struct Graph {
    conversation: Conversation,
    keeper: Keeper,
    /// The caller is back after a failure of ours.
    returns: bool,
    /// In place of the agent's own.
    greeting: Option<String>,
}

/// Puts the conversation on record as it stands.
#[derive(Clone)]
struct Keeper {
    session: SessionId,
    snapshots: Snapshots,
    recorder: Recorder,
}

impl Keeper {
    fn keep(&self) {
        match serde_json::to_value(self.snapshots.now()) {
            Ok(state) => self.recorder.put(Entry::Checkpoint(Checkpoint { session: self.session, state })),
            Err(error) => {
                tracing::error!(session = %self.session, %error, "the conversation cannot be put on record")
            }
        }
    }

    /// Keeps it when the reply is given to its end.
    fn after(&self, steps: BoxStream<'static, Step>) -> BoxStream<'static, Said> {
        let keeper = self.clone();
        let end = stream::poll_fn(move |_| {
            keeper.keep();
            Poll::Ready(None)
        });
        said(steps).chain(end).boxed()
    }
}

impl Dialogue for Graph {
    fn greet(&mut self, turn: TurnId) -> BoxStream<'static, Said> {
        let steps = match self.greeting.take() {
            _ if self.returns => self.conversation.returned(turn),
            Some(text) => self.conversation.greet_with(turn, &text),
            None => self.conversation.greet(turn),
        };
        self.keeper.after(steps)
    }

    fn speculate(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        said(self.conversation.speculate(turn, caller))
    }

    fn commit(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        self.keeper.after(self.conversation.commit(turn, caller))
    }

    fn nudge(&mut self, turn: TurnId, count: u32) -> BoxStream<'static, Said> {
        said(self.conversation.nudge(turn, count))
    }

    fn farewell(&mut self, turn: TurnId, reason: EndReason) -> BoxStream<'static, Said> {
        said(self.conversation.farewell(turn, reason))
    }

    fn discard(&mut self, turn: TurnId) {
        self.conversation.discard(turn);
    }

    fn whisper(&mut self, text: &str) -> bool {
        self.conversation.whisper(text)
    }

    fn prompted(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Said> {
        self.keeper.after(self.conversation.prompted(turn, text))
    }

    fn transferring(&mut self) {
        self.conversation.transferring();
    }

    fn not_transferred(&mut self, turn: TurnId, why: &NotTransferred) -> BoxStream<'static, Said> {
        let error = ToolError { code: why.code().to_owned(), message: why.message().to_owned() };
        self.keeper.after(self.conversation.not_transferred(turn, &error))
    }

    fn pressing(&mut self) {
        self.conversation.pressing();
    }

    fn pressed(&mut self, result: Result<(), &NotPressed>) {
        let error =
            |why: &NotPressed| ToolError { code: why.code().to_owned(), message: why.message().to_owned() };
        self.conversation.pressed(result.map_err(error));
        self.keeper.keep();
    }

    fn after_keys(&mut self, turn: TurnId) -> BoxStream<'static, Said> {
        self.keeper.after(self.conversation.after_keys(turn))
    }

    fn heard(&mut self, turn: TurnId, text: &str, interrupted: bool) {
        self.conversation.heard(turn, text, interrupted);
        self.keeper.keep();
    }
}

fn said(steps: BoxStream<'static, Step>) -> BoxStream<'static, Said> {
    steps
        .map(|step| match step {
            Step::Text(text) => Said::Text(text),
            Step::Voiced(voiced) => Said::Voiced(voiced),
            Step::Hold(length) => Said::Hold(length),
            Step::Interruptible(may) => Said::Interruptible(may),
            Step::Node(node) => Said::Node(node),
            Step::Noted { name, value } => Said::Noted { name, value },
            Step::Failed { failure, message } => Said::Failed { failure, message },
            Step::Trouble { failure, message } => Said::Trouble { failure, message },
            Step::End(reason) => Said::End(reason),
            Step::Transfer(transfer) => Said::Transfer(transfer),
            Step::Press(keys) => Said::Press(keys),
        })
        .boxed()
}
