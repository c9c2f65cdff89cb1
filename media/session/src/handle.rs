//! What others hold of a session: cheap to clone, and no way to its state but a message.

use domain::{AgentState, Digit, EndReason, SessionId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::ports::Leg;
use crate::screening::Screened;
use crate::tap::{PACKETS, Tapped};

/// Commands that wait for the session, which takes them within a frame. When full the sender waits.
pub(crate) const COMMANDS: usize = 16;

pub(crate) enum Command {
    Text(String),
    Dtmf(Digit),
    Send(String),
    Attach(Leg),
    End(EndReason),
    TakeLeave(EndReason),
    Whisper(String, oneshot::Sender<bool>),
    Prompt(String, oneshot::Sender<bool>),
    Listen(mpsc::Sender<Tapped>),
}

/// The session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct Gone;

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    pub agent: AgentState,
    /// Whether a caller's connection is attached.
    pub connected: bool,
    /// A packet of the caller came, were it of silence, of comfort noise or of a key.
    pub heard: bool,
    pub transport: &'static str,
    /// Turns of the caller that were answered or are being answered.
    pub turns: u32,
    /// Of a call of ours, once it is known who took it.
    pub screened: Option<Screened>,
    pub ended: Option<EndReason>,
    /// The caller talks with a person, and the agent has no part in it.
    pub bridged: bool,
}

impl Default for Status {
    /// Of a session that has a place and no connection yet.
    fn default() -> Self {
        Self {
            agent: AgentState::Initializing,
            connected: false,
            heard: false,
            transport: "",
            turns: 0,
            screened: None,
            ended: None,
            bridged: false,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Handle {
    id: SessionId,
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
}

impl Handle {
    pub(crate) fn new(
        id: SessionId,
        commands: mpsc::Sender<Command>,
        status: watch::Receiver<Status>,
    ) -> Self {
        Self { id, commands, status }
    }

    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    #[must_use]
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// The caller typed this.
    ///
    /// # Errors
    /// `Gone` when the session has ended.
    pub async fn text(&self, text: String) -> Result<(), Gone> {
        self.send(Command::Text(text)).await
    }

    /// The caller pressed a key.
    ///
    /// # Errors
    /// `Gone` when the session has ended.
    pub async fn dtmf(&self, digit: Digit) -> Result<(), Gone> {
        self.send(Command::Dtmf(digit)).await
    }

    /// Sends a message of the client protocol to the caller's client.
    ///
    /// # Errors
    /// `Gone` when the session has ended.
    pub async fn message(&self, message: String) -> Result<(), Gone> {
        self.send(Command::Send(message)).await
    }

    /// The caller is back, or has moved to another connection: the session goes on over this leg.
    ///
    /// # Errors
    /// `Gone` when the session has ended; the leg is dropped, which hangs it up.
    pub async fn attach(&self, leg: Leg) -> Result<(), Gone> {
        self.send(Command::Attach(leg)).await
    }

    /// Ends the session now, where the server stops or its operator wants it with a goodbye in place of what is being said. Returns when the session has taken it; `ended` tells when it is over.
    ///
    /// # Errors
    /// `Gone` when the session has ended already.
    pub async fn end(&self, reason: EndReason) -> Result<(), Gone> {
        self.send(Command::End(reason)).await
    }

    /// Ends the session after the reply that is being given, with the agent's goodbye. Returns when the session has taken it.
    ///
    /// # Errors
    /// `Gone` when the session has ended already.
    pub async fn take_leave(&self, reason: EndReason) -> Result<(), Gone> {
        self.send(Command::TakeLeave(reason)).await
    }

    /// Waits until it is known who took a call of ours. `None`: it was over before. Cancel-safe.
    pub async fn screened(&self) -> Option<Screened> {
        let mut status = self.status.clone();
        let known = status.wait_for(|status| status.screened.is_some() || status.ended.is_some()).await;
        known.ok().and_then(|status| status.screened)
    }

    /// A word in the agent's ear, for its next reply. Whether it will be heeded then: an agent that says what is written for it does not.
    ///
    /// # Errors
    /// `Gone` when the session has ended.
    pub async fn whisper(&self, text: String) -> Result<bool, Gone> {
        let (heeded, answer) = oneshot::channel();
        self.send(Command::Whisper(text, heeded)).await?;
        answer.await.map_err(|_| Gone)
    }

    /// Has the agent say this word for word, in place of what it is saying, or of its answer to a caller who is speaking. `false`: it will not,
    /// since two people talk, or the call is ending.
    ///
    /// # Errors
    /// `Gone` when the session has ended.
    pub async fn prompt(&self, text: String) -> Result<bool, Gone> {
        let (taken, answer) = oneshot::channel();
        self.send(Command::Prompt(text, taken)).await?;
        answer.await.map_err(|_| Gone)
    }

    /// Both legs' packets from now on. Dropping the receiver ends it.
    ///
    /// # Errors
    /// `Gone` when the session has ended.
    pub async fn listen(&self) -> Result<mpsc::Receiver<Tapped>, Gone> {
        let (ear, packets) = mpsc::channel(PACKETS);
        self.send(Command::Listen(ear)).await?;
        Ok(packets)
    }

    /// Waits until the session is over. `None` where it was cut off before it could say why. Cancel-safe.
    pub async fn ended(&self) -> Option<EndReason> {
        let mut status = self.status.clone();
        let ended = status.wait_for(|status| status.ended.is_some()).await;
        ended.ok().and_then(|status| status.ended)
    }

    async fn send(&self, command: Command) -> Result<(), Gone> {
        self.commands.send(command).await.map_err(|_| Gone)
    }
}
