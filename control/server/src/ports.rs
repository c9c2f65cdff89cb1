//! What the surface asks of the rest of the program. `foundry` supplies the adapters, tests supply fakes.

use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocket;
use axum::http::HeaderMap;
use bytes::Bytes;
use control_api::about::{Provider, StoreKind};
use control_api::agents::DefinitionProblem;
use control_api::greeting::GreetingAudio;
use control_api::health::Readiness;
use control_api::live::LiveCall;
use control_api::offer::Candidate;
use control_api::provider_account::{
    Ability, AccountOptions, TrialAnswer, TrialRequest, Vendor, VendorAbout, VoiceChoice,
};
use control_api::recording::Name;
use control_api::trunk::Trunk;
use domain::{
    AgentId, AtMachine, Encoding, EnvironmentId, OrgId, Pii, ProviderAccountId, Role, Secret, ServerId,
    SessionEvent, SessionId,
};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use greetings::Caller;
use serde_json::{Map, Value};

#[derive(Clone)]
pub struct Ports {
    pub calls: Arc<dyn Calls>,
    pub carriers: Arc<dyn Carriers>,
    pub log: Arc<dyn CallLog>,
    pub recordings: Arc<dyn Recordings>,
    pub health: Arc<dyn Health>,
    pub metrics: Arc<dyn Metrics>,
    pub clock: Arc<dyn Clock>,
    pub definitions: Arc<dyn Definitions>,
    pub platform: Arc<dyn Platform>,
    pub vendors: Arc<dyn Vendors>,
    pub greetings: Arc<dyn Greetings>,
    pub drills: Arc<dyn Drills>,
    /// Where the server is connected to LiveKit.
    pub rooms: Option<Arc<dyn Rooms>>,
    pub dialler: Arc<dyn Dialler>,
    pub live: Arc<dyn Live>,
}

/// Calls that run in this process.
pub trait Live: Send + Sync {
    /// This server, as the record names it.
    fn server(&self) -> ServerId;

    /// Of the organization, the newest first.
    fn calls(&self, org: OrgId) -> Vec<LiveCall>;

    /// A word in the agent's ear; whether it heeds it in its next reply. `None`: the call is over.
    fn whisper(&self, id: SessionId, text: String) -> BoxFuture<'_, Option<bool>>;

    /// Has the agent say this. Whether it will; `None`: the call is over.
    fn prompt(&self, id: SessionId, text: String) -> BoxFuture<'_, Option<bool>>;

    /// The agent says goodbye, in place of what it is saying. `None`: the call is over.
    fn end(&self, id: SessionId) -> BoxFuture<'_, Option<()>>;

    /// Runs a socket that a call's sound goes to, until either ends. `None`: the call is over.
    fn listen(&self, id: SessionId) -> Option<Accept>;
}

/// Whoever calls people.
pub trait Dialler: Send + Sync {
    /// Whether the organization could have somebody called so.
    ///
    /// # Errors
    /// Why not.
    fn may_dial(&self, org: OrgId, wanted: &WantedCall) -> Result<(), NotDialled>;

    /// What the organization may call by, those of the configuration first. Must not wait.
    fn trunks(&self, org: OrgId) -> Vec<Trunk>;

    /// Trunks of the configuration by which calls for the organization come in, whether or not this server takes any. Must not wait.
    fn ways_in(&self, org: OrgId) -> Vec<String>;

    /// There is more in the queue of calls. Must not wait.
    fn queued(&self);
}

#[derive(Debug, Clone)]
pub struct WantedCall {
    /// As callers name it.
    pub agent: String,
    pub trunk: String,
    /// `None`: it is about the others alone.
    pub to: Option<Pii<String>>,
    pub from: Option<Pii<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDialled {
    #[error(
        "the organization has no trunk {0:?}: trunks are the server's, in its configuration ([[sip.trunks]]), and the organization's accounts at carriers"
    )]
    TrunkUnknown(String),
    /// An account at a carrier, or the server, lacks what calls need; for people.
    #[error("the account {account:?} makes no calls: {lacks}")]
    AccountUnfit { account: String, lacks: String },
    #[error("a carrier calls from one of the account's numbers: say `from`, such as +4930123456")]
    NoCaller,
    #[error("a carrier calls numbers that begin with + and the country's code, such as +4930123456")]
    NotInternational { field: &'static str },
    #[error("the organization has no agent {0:?} that takes calls")]
    AgentUnknown(String),
    #[error("a number has up to 64 digits, letters and any of + - . _ * #")]
    NotDialable { field: &'static str },
    #[error(transparent)]
    Refused(Refusal),
}

/// Whoever greets callers.
pub trait Greetings: Send + Sync {
    /// Greetings or the calendar of the organization are others now. Must not wait.
    fn changed(&self, org: OrgId);

    /// Says a text in a voice of an agent; ends within its own deadline.
    ///
    /// # Errors
    /// Why it could not be spoken.
    fn speak(&self, wanted: Speaking) -> BoxFuture<'_, Result<GreetingAudio, Unspoken>>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unspoken {
    #[error("the agent has {0} voice(s), counted from 0")]
    NoVoice(usize),
    /// For people.
    #[error("{0}")]
    Failed(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaking {
    pub org: OrgId,
    pub agent: String,
    /// As it is served there; as it is drafted where there is none.
    pub environment: Option<String>,
    pub text: String,
    /// Of the agent's voices, in the order in which they are asked.
    pub voice: usize,
}

/// An account at a vendor, with its key.
#[derive(Debug, Clone)]
pub struct Account {
    pub org: OrgId,
    pub id: ProviderAccountId,
    pub name: String,
    pub vendor: Vendor,
    pub options: AccountOptions,
    pub key: Option<Secret<String>>,
}

/// What is not asked of an account for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// Its name.
    pub account: String,
    pub ability: Ability,
    pub model: String,
    pub region: String,
    /// Until it may be asked again; zero: one request finds out.
    pub left: Duration,
}

/// Whoever calls vendors of speech and language.
pub trait Vendors: Send + Sync {
    fn all(&self) -> Vec<VendorAbout>;

    /// Makes a small real request; ends within its own deadline.
    fn try_out(&self, account: Account, wanted: TrialRequest) -> BoxFuture<'_, TrialAnswer>;

    /// # Errors
    /// What the vendor said, for people.
    fn voices(&self, account: Account) -> BoxFuture<'_, Result<Vec<VoiceChoice>, String>>;

    /// What of the organization's accounts is not asked for now, since it failed.
    fn open(&self, org: OrgId) -> Vec<OpenAccount>;

    /// Accounts of the organization, or the regions that they may be in, are others now. Must not wait.
    fn changed(&self, org: OrgId);
}

/// Whoever answers what carriers say of calls.
pub trait Carriers: Send + Sync {
    /// Leads a call that is announced, and tells the carrier so; ends within its own deadline.
    ///
    /// # Errors
    /// Why the carrier is told nothing.
    fn rings(&self, webhook: Webhook) -> BoxFuture<'_, Result<Reply, Unheard>>;
}

/// What a carrier has sent of an account.
pub struct Webhook {
    pub account: Account,
    /// Where it may have been sent to, as the carrier knows it: carriers sign it, too.
    pub sent_to: Vec<String>,
    /// Where the carrier is to say what becomes of the call.
    pub url: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Where the call's audio is to go.
    pub stream: String,
    pub now: jiff::Timestamp,
    /// A token for the stream of a call, by agent and the carrier's name of the call.
    pub permit: Permit,
}

pub type Permit = Arc<dyn Fn(&str, &str) -> String + Send + Sync>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub content_type: &'static str,
    pub body: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// It is not the carrier that sent it.
    #[error("{0}")]
    Forged(String),
    #[error("{0}")]
    Unreadable(String),
    /// It is of a call that another server made.
    #[error("{0}")]
    Elsewhere(String),
    /// The carrier did not take what it was told.
    #[error("{0}")]
    Failed(String),
}

/// The stream of a call that a carrier has announced, before it says whose it is.
pub struct Announced {
    pub account: Account,
    pub framing: Framing,
    /// The call, by its token and by the carrier's name of it; `None`: the token is not good.
    pub admit: Admit,
}

pub type Admit = Box<dyn FnOnce(&str, &str) -> Option<CallRequest> + Send>;

/// Whoever puts faults on providers for the calls that a drill picks.
pub trait Drills: Send + Sync {
    /// One was started or stopped. Must not wait.
    fn changed(&self);

    /// What callers hear where no provider is left.
    fn apologies(&self) -> Vec<String>;
}

/// Whoever lets people into LiveKit rooms.
pub trait Rooms: Send + Sync {
    /// Of the LiveKit server, as people reach it.
    fn url(&self) -> String;

    /// Whether LiveKit is told of an agent, so that it can be sent into a room.
    fn dispatches(&self, agent: &str) -> bool;

    /// # Errors
    /// Why it could not be signed.
    fn token(&self, access: &RoomAccess) -> Result<Secret<String>, String>;
}

/// Who may enter a room, and which agent comes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomAccess {
    pub room: String,
    pub identity: String,
    pub name: String,
    pub agent: String,
    pub metadata: String,
    pub from: jiff::Timestamp,
    pub lasts: Duration,
}

/// Whoever sums ended calls up with a language model.
pub trait Summarizer: Send + Sync {
    /// Whether a model would be asked about calls of this organization now. Must not wait.
    fn asks(&self, org: OrgId) -> bool;

    /// One request to a model, whose costs are the organization's. Dropping the future ends it.
    fn sum_up(&self, call: Conversation) -> BoxFuture<'_, Result<SummedUp, NotSummedUp>>;
}

/// A call as a model is told of it. Not for logs: no `Debug`.
#[derive(Clone)]
pub struct Conversation {
    pub session: SessionId,
    pub org: OrgId,
    pub agent: AgentId,
    pub agent_name: String,
    /// 0: the draft.
    pub version: i32,
    pub environment: Option<EnvironmentId>,
    /// What was said, as it was heard.
    pub beginning: Vec<Spoken>,
    /// Lines between the two.
    pub left_out: usize,
    pub ending: Vec<Spoken>,
    /// What the agent noted.
    pub noted: Value,
    pub end_reason: Option<String>,
}

#[derive(Clone)]
pub struct Spoken {
    pub role: Role,
    pub text: String,
}

/// What a model made of a call.
#[derive(Clone)]
pub struct SummedUp {
    pub summary: String,
    /// Those that the agent's definition asks for, by name.
    pub fields: Map<String, Value>,
    /// Which answered.
    pub model: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSummedUp {
    /// The agent wants none, or its organization has none.
    NoModel,
    /// It may be asked again. A vendor's code, or why in a few words: nothing of what was said.
    Failed { reason: String },
}

/// What the program that runs agents makes of their definitions.
pub trait Definitions: Send + Sync {
    /// What is wrong with a definition: what `control_server::problems` finds, and what only the program knows, such as its
    /// settings and the organization's accounts. Called at each save of a draft.
    fn check(&self, org: OrgId, definition: &Value) -> Vec<DefinitionProblem>;

    /// What an agent's names lead to has changed: a version was published, an alias moved, the agent was archived, or its
    /// draft was saved. Must not wait.
    fn published(&self, org: OrgId, agent: &str);
}

/// What is running here.
pub trait Platform: Send + Sync {
    fn running(&self) -> Running;

    fn providers(&self) -> Vec<Provider>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub version: String,
    pub commit: Option<String>,
    pub started_at: jiff::Timestamp,
    /// Of the data directory.
    pub server_id: String,
    pub store: StoreKind,
}

/// Places calls. Every refusal comes before any media flows.
pub trait Calls: Send + Sync {
    fn agents(&self) -> Vec<control_api::Agent>;

    /// Makes ready what `agent` names where that is a draft or an older version: before `start`, `offer` or `socket` with it.
    fn prepare(&self, agent: &str) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Whether there is such an agent, hidden ones too, or such a draft or version that was prepared.
    fn has(&self, agent: &str) -> bool;

    /// Whose agent a name means, as far as the name tells.
    fn owner(&self, agent: &str) -> Option<OrgId>;

    /// What callers of a hostname are connected to, as a name for an agent.
    fn of_host(&self, host: &str) -> Option<String>;

    /// Would a call to this agent be taken now? Reserves nothing: a client that asks and never comes holds no slot.
    fn start(&self, agent: &str) -> Result<(), Refusal>;

    /// Reserves a slot and answers a WebRTC offer, or gives a call that runs or waits for its caller a new peer.
    fn offer(&self, offer: Offer) -> BoxFuture<'_, Result<Answer, Refusal>>;

    /// Negotiates again with the peer that an answer named.
    fn renegotiate(&self, change: Renegotiation) -> BoxFuture<'_, Result<Answer, Refusal>>;

    /// Later candidates of the peer that an answer named.
    fn candidates(&self, peer: &str, candidates: Vec<Candidate>) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Reserves a slot and answers the WebRTC offer of a caller who only sends. The call begins when somebody `listens`; where nobody does
    /// within seconds the peer is let go.
    fn offer_half(&self, offer: Offer) -> BoxFuture<'_, Result<Answer, Refusal>>;

    /// Answers the WebRTC offer of whoever only receives, for the call of the peer that sends.
    fn listen(&self, sender: &str, sdp: String) -> BoxFuture<'_, Result<Answer, Refusal>>;

    /// The client of that peer has hung up.
    fn leave(&self, peer: &str) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Reserves a slot for a socket before it is upgraded, so that a refusal is still an HTTP answer. The future runs the
    /// socket to its end; dropping what was returned frees the slot.
    fn socket(&self, call: CallRequest, framing: Framing) -> Result<Accept, Refusal>;

    /// Runs the socket of a call that was announced to its end. What brings no good token is closed; when the agent ends the call, so does
    /// the carrier.
    ///
    /// # Errors
    /// Too many have come that said nothing yet.
    fn announced(&self, stream: Announced) -> Result<Accept, Refusal>;

    /// Whether a session of that id runs here or has ended here: its log may be about to be completed.
    fn knows(&self, session: SessionId) -> bool;

    /// What those who read the sockets take; longer messages end the socket before they see them.
    fn longest_message_bytes(&self) -> usize;
}

pub type Accept = Box<dyn FnOnce(WebSocket) -> BoxFuture<'static, ()> + Send>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Pipecat's protobuf frames.
    Pipecat,
    /// Twilio media streams.
    Twilio,
    /// Telnyx media streams.
    Telnyx,
}

/// A call as it was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRequest {
    /// A new session, or the one to go on with where `resumes`.
    pub session: SessionId,
    pub agent: String,
    /// Where the request came from.
    pub from: Option<IpAddr>,
    /// The caller comes back: `Refusal::SessionUnknown` where the session does not wait for them any more.
    pub resumes: bool,
    /// To be told to the client when its session begins; it proves the right to resume.
    pub resume_token: String,
    /// How long the session is to wait for a lost caller.
    pub resume_within: Duration,
    /// What greetings go by.
    pub caller: Caller,
    /// A call of ours: what is done where a machine took it. `None`: that is not looked for.
    pub at_machine: Option<AtMachine>,
    /// A call of ours: whom it went to. `None`: they called.
    pub called: Option<Pii<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub call: CallRequest,
    pub sdp: String,
}

/// An offer for a peer that is here. Its name is the permission: no one but its own client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renegotiation {
    pub peer: String,
    pub sdp: String,
    /// Drop that peer's transport and build a new one.
    pub restart: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub sdp: String,
    /// Names the peer in later candidates and offers.
    pub peer: String,
}

/// Why a call was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no agent is called {agent:?}")]
    AgentUnknown { agent: String },
    /// A draft or an older version that cannot be called.
    #[error("agent {agent:?} cannot be called as it stands: {reason}")]
    AgentUnfit { agent: String, reason: String },
    #[error("the offer cannot be answered: {reason}")]
    OfferInvalid { reason: String },
    #[error("the offer has no audio")]
    OfferWithoutAudio,
    #[error("every line is busy")]
    Full { retry_after: Duration },
    #[error("too many calls of this address are about to connect")]
    Connecting { retry_after: Duration },
    #[error("the server is about to stop")]
    Draining,
    #[error("the organization has spent what it meant to spend this month")]
    BudgetSpent,
    #[error("the session has ended or is not known")]
    SessionUnknown,
    #[error("{message}")]
    Failed { message: String },
}

/// Flight logs of finished calls.
pub trait CallLog: Send + Sync {
    /// The log as it lies on disk, one JSON object a line. `None`: there is none.
    fn raw(&self, id: SessionId) -> BoxFuture<'_, Result<Option<RawLog>, LogError>>;
}

#[derive(Debug, thiserror::Error)]
#[error("the log of {id:?} cannot be read: {reason}")]
pub struct LogError {
    pub id: Option<SessionId>,
    pub reason: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What a call's log says of the session, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub id: SessionId,
    pub agent: String,
    pub transport: String,
    pub started_at: jiff::Timestamp,
    /// Since the call began.
    pub events: Vec<(Duration, SessionEvent)>,
}

pub struct RawLog {
    pub bytes: BoxStream<'static, io::Result<Bytes>>,
    pub length: Option<u64>,
}

/// Recordings of calls, running and finished.
pub trait Recordings: Send + Sync {
    /// The caller's parts in order, then the agent's; none where nothing is kept.
    fn parts(&self, id: SessionId) -> BoxFuture<'_, Result<Vec<RecordedPart>, RecordingError>>;

    /// Removes whatever there is of a call.
    fn remove(&self, id: SessionId) -> BoxFuture<'_, Result<(), RecordingError>>;

    /// `None`: no such part.
    fn open(&self, id: SessionId, name: Name)
    -> BoxFuture<'_, Result<Option<RecordingFile>, RecordingError>>;
}

#[derive(Debug, thiserror::Error)]
#[error("the recording of {id} cannot be read")]
pub struct RecordingError {
    pub id: SessionId,
    #[source]
    pub source: io::Error,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedPart {
    pub name: Name,
    pub codec: Encoding,
    /// From the call's beginning.
    pub offset: Duration,
    pub length: Duration,
    pub bytes: u64,
    pub complete: bool,
    /// The server died while it was written.
    pub cut_off: bool,
}

/// A part as it was when it was opened: what a running call adds is not seen.
pub struct RecordingFile {
    pub length: u64,
    /// Another where the content is another. Letters, digits and hyphens.
    pub tag: String,
    /// Gives a stretch of the file, within its length.
    pub read: Box<dyn FnOnce(Range<u64>) -> BoxStream<'static, io::Result<Bytes>> + Send>,
}

pub trait Health: Send + Sync {
    /// Could a call be placed now?
    fn readiness(&self) -> Readiness;
}

pub trait Metrics: Send + Sync {
    /// Prometheus text exposition.
    fn render(&self) -> String;
}

/// Wall time, for tokens and their expiry.
pub trait Clock: Send + Sync {
    fn now(&self) -> jiff::Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}
