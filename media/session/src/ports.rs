//! What a session asks of the outside. `foundry` supplies the adapters, tests supply fakes.

use std::io::{self, Seek, Write};
use std::sync::Arc;
use std::time::Duration;

use domain::{
    AudioFrame, Encoding, EndReason, Failure, Keys, MediaTime, Role, SessionEvent, SessionId, Transfer,
    TurnId, Voiced,
};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use media_core::{Codec, Delivery, LegCommand, LegEvent};
use tokio::sync::mpsc;

/// The one thing a session asks of whoever thinks. `foundry` adapts the agent graph to it; a speech-to-speech model is another.
pub trait Dialogue: Send {
    /// The greeting; an empty stream lets the caller speak first.
    fn greet(&mut self, turn: TurnId) -> BoxStream<'static, Said>;

    /// Thinks ahead without effects; `commit` of the same turn and text adopts it.
    fn speculate(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said>;

    /// Answers the caller. Adopts the speculation where the text is the same, restarts otherwise. Either way the
    /// stream gives the whole reply from its first word: the session knows what of it was spoken ahead.
    fn commit(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said>;

    /// What to say to a caller who is silent, the `count`-th time (from 1).
    fn nudge(&mut self, turn: TurnId, count: u32) -> BoxStream<'static, Said>;

    /// What to say before the session ends by itself.
    fn farewell(&mut self, turn: TurnId, reason: EndReason) -> BoxStream<'static, Said>;

    /// The guess of this turn is void. After `commit`: the caller had not finished; forget that the turn was committed,
    /// its text comes again as part of a later turn.
    fn discard(&mut self, turn: TurnId);

    /// What the caller really heard of the turn; the dialogue's memory keeps this and nothing else.
    fn heard(&mut self, turn: TurnId, text: &str, interrupted: bool);

    /// Whether it hears the caller itself now, and mostly speaks itself (`Said::Voiced`): no voice is opened ahead for its answers.
    fn hears(&self) -> bool {
        false
    }

    /// The next stretch of the caller's voice, with a little of what lies around it; stretches without any are left out. What belongs
    /// to a turn is given before its `commit`.
    fn hear(&mut self, frame: &AudioFrame) {
        let _ = frame;
    }

    /// The turn that is committed next was typed: nothing of it was heard.
    fn typed(&mut self, turn: TurnId) {
        let _ = turn;
    }

    /// The transfer that it asked for last is being tried: what the caller says from now on does not take it back.
    fn transferring(&mut self) {}
    /// It came to nothing: what to say to a caller who is still here.
    fn not_transferred(&mut self, turn: TurnId, why: &NotTransferred) -> BoxStream<'static, Said> {
        let _ = (turn, why);
        stream::empty().boxed()
    }

    /// The keys that it asked for last are being pressed: what the other side says from now on does not take that back.
    fn pressing(&mut self) {}

    /// How that went. It goes on in `after_keys`, or in a `commit` that comes before.
    fn pressed(&mut self, result: Result<(), &NotPressed>) {
        let _ = result;
    }

    /// What to say once keys were pressed, if anything.
    fn after_keys(&mut self, turn: TurnId) -> BoxStream<'static, Said> {
        let _ = turn;
        stream::empty().boxed()
    }

    /// Somebody who listens to the call wants this of its next reply. Whether it will be heeded then.
    fn whisper(&mut self, text: &str) -> bool {
        let _ = text;
        false
    }

    /// Says this as it is, as its own turn.
    fn prompted(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Said> {
        let _ = turn;
        stream::iter([Said::Text(text.to_owned())]).boxed()
    }

    /// Of what it voiced itself in the turn the caller heard so much. Given before `heard`, where it voiced anything.
    fn voice_heard(&mut self, turn: TurnId, heard: MediaTime) {
        let _ = (turn, heard);
    }
}

/// Pieces of a reply, in order. The stream's end is the reply's end.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// More text; the session cuts sentences.
    Text(String),
    /// Spoken by the dialogue itself: needs no synthesis.
    Voiced(Voiced),
    /// What follows must not be interrupted, or may be again.
    Interruptible(bool),
    /// Give the caller this long before the next nudge.
    Hold(Duration),
    /// A step of the dialogue was entered.
    Node(String),
    Noted {
        name: String,
        value: serde_json::Value,
    },
    /// The dialogue cannot answer; the session speaks the apology.
    Failed {
        failure: Failure,
        message: String,
    },
    /// Something failed that the dialogue has words for: put on record as a failure, and nothing is apologised for.
    Trouble {
        failure: Failure,
        message: String,
    },
    /// End the call when everything before this was spoken.
    End(EndReason),
    /// Put the caller through when everything before this was spoken.
    Transfer(Transfer),
    /// Press these when everything before this was spoken.
    Press(Keys),
}

/// Sends a caller elsewhere by their own network. Legs whose transport cannot have none.
pub trait Refer: Send + Sync {
    /// The caller has gone there. Dropping the future does not call them back.
    fn refer(&self, transfer: &Transfer) -> BoxFuture<'static, Result<(), NotTransferred>>;
}

/// Presses keys on the line of whoever is at the other end. Legs whose transport cannot have none.
pub trait Keypad: Send + Sync {
    /// All are out. Dropping the future presses no more of them, where the transport can be stopped.
    fn press(&self, keys: &Keys) -> BoxFuture<'static, Result<(), NotPressed>>;
}

/// Why keys did not go out, or not all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct NotPressed {
    code: &'static str,
    message: String,
}

impl NotPressed {
    /// Nothing at the other end takes keys.
    #[must_use]
    pub fn unsupported(message: &str) -> Self {
        Self { code: "KEYS_UNSUPPORTED", message: message.to_owned() }
    }

    /// All else.
    #[must_use]
    pub fn failed(message: &str) -> Self {
        Self { code: "KEYS_FAILED", message: message.to_owned() }
    }

    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Calls a person, tells them of a call and asks whether they take it.
pub trait Consult: Send {
    /// The leg of a person who does, or nothing where the caller was joined with them elsewhere. Dropping the future hangs up on them.
    fn consult(&self, transfer: &Transfer) -> BoxFuture<'static, Result<Option<Leg>, NotTransferred>>;
}

/// Why the caller is still here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct NotTransferred {
    code: &'static str,
    message: String,
}

impl NotTransferred {
    /// Whoever was called does not want the call.
    #[must_use]
    pub fn refused(message: &str) -> Self {
        Self { code: "TRANSFER_REFUSED", message: message.to_owned() }
    }

    /// Nobody took it.
    #[must_use]
    pub fn unanswered(message: &str) -> Self {
        Self { code: "TRANSFER_UNANSWERED", message: message.to_owned() }
    }

    /// Neither the caller's connection nor the server has a way.
    #[must_use]
    pub fn unsupported(message: &str) -> Self {
        Self { code: "TRANSFER_UNSUPPORTED", message: message.to_owned() }
    }

    /// All else.
    #[must_use]
    pub fn failed(message: &str) -> Self {
        Self { code: "TRANSFER_FAILED", message: message.to_owned() }
    }

    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// A target for how long callers wait, which the calls of an agent share, and what is done in them while it is missed.
pub trait Hurry: Send {
    /// The response of a turn was measured. Gives what was decided by it, for observers.
    fn measured(&mut self, response: Duration) -> Vec<serde_json::Value>;

    /// Replies begin with a short piece, which is spoken sooner.
    fn shortens(&self) -> bool;

    /// A word to begin a reply with while it is thought of.
    fn opener(&mut self) -> Option<String>;
}

/// Sees every event of the session, in order. Must not block: an adapter queues, and counts what it drops.
pub trait SessionSink: Send {
    fn event(&mut self, session: SessionId, at: Duration, event: &SessionEvent);
}

/// Where the recording of one session goes. Called in order, on threads that may block.
pub trait Recordings: Send {
    /// A file for the part, which begins now: its length and size are not known yet.
    ///
    /// # Errors
    /// What keeps it from being written; the leg is not recorded then.
    fn begin(&mut self, part: &RecordedPart) -> io::Result<Box<dyn RecordingFile>>;

    /// Nothing more is written to the part.
    ///
    /// # Errors
    /// What keeps that from being remembered.
    fn end(&mut self, part: &RecordedPart) -> io::Result<()>;
}

/// A file that is written to, and whose header is mended as it grows.
pub trait RecordingFile: Write + Seek + Send {}

impl<F: Write + Seek + Send> RecordingFile for F {}

/// A part of one leg's recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedPart {
    pub leg: Role,
    /// Counts from 1 for each leg.
    pub part: u32,
    pub codec: Encoding,
    /// From the session's zero to its first sample.
    pub offset: Duration,
    pub length: Duration,
    pub bytes: u64,
    /// Nothing is known to be missing. Of a part that begins: that packets before it were not lost.
    pub complete: bool,
}

/// The client's protocol (RTVI), as a pure machine: the session is its only driver.
pub trait ClientProtocol: Send {
    /// Whether the client will say that it is ready (`Reaction::Ready`): the greeting waits for that, at most
    /// `Options::ready_ms`.
    fn announces_ready(&self) -> bool {
        false
    }

    /// A message from the client; answers go back through `Reaction::Send`.
    fn message(&mut self, text: &str) -> Vec<Reaction>;

    /// What the client is to be told of an event, as messages.
    fn event(&mut self, event: &SessionEvent) -> Vec<String>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    Send(String),
    /// The client can play and hear: media may begin.
    Ready,
    /// The caller typed this.
    Text(String),
    Dtmf(domain::Digit),
    /// The caller hung up.
    HangUp,
}

/// A caller's connection as its transport hands it over. A session keeps its life when a leg is replaced.
pub struct Leg {
    /// Name of the transport in events and metrics: `webrtc`, `websocket`.
    pub transport: &'static str,
    pub delivery: Delivery,
    /// What to encode to; inbound packets name their own codec.
    pub codec: Codec,
    pub events: mpsc::Receiver<LegEvent>,
    pub commands: mpsc::Sender<LegCommand>,
    /// Where the caller can be sent elsewhere by their own network.
    pub refer: Option<Arc<dyn Refer>>,
    /// Where keys can be pressed at the other end.
    pub keypad: Option<Arc<dyn Keypad>>,
}
