//! Ports that remember what they were asked and answer as told; a client that speaks to the router without a socket.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::ws::Message;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use control_api::about::{Provider, StoreKind};
use control_api::agents::DefinitionProblem;
use control_api::greeting::GreetingAudio;
use control_api::health::{Check, Readiness};
use control_api::live::LiveCall;
use control_api::offer::Candidate;
use control_api::provider_account::{Ability, TrialAnswer, TrialRequest, Vendor, VendorAbout, VoiceChoice};
use control_api::recording::{Container, Name};
use control_api::trunk::{Trunk, TrunkKind, TrunkState};
use control_server::ports::{self, Announced, Carriers, Unheard, Webhook};
use control_server::ports::{
    Accept, Account, Answer, CallLog, CallRequest, Calls, Clock, Conversation, Definitions, Dialler, Drills,
    Framing, Greetings, Health, Live, LogError, Metrics, NotDialled, NotSummedUp, Offer, OpenAccount,
    Platform, RawLog, RecordedPart, RecordingError, RecordingFile, Recordings, Refusal, Renegotiation,
    RoomAccess, Rooms, Running, Speaking, Spoken, Summarizer, SummedUp, Unspoken, Vendors, WantedCall,
};
use control_server::{AdminCode, Options, Ports, Server, Store, Vault};
use domain::{Encoding, OrgId, Secret, ServerId, SessionId};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const HOST: &str = "127.0.0.1:8080";
pub(crate) const OWN_PAGE: &str = "http://127.0.0.1:8080";
pub(crate) const SHOP: &str = "https://shop.example";
/// What `operated` servers know their operator by.
pub(crate) const SECRET: &str = "correct horse battery";
/// What vendors take.
pub(crate) const KEY_OF_VENDOR: &str = "vendor-key-0123456789";
/// What they refuse to list their voices for.
pub(crate) const REFUSED_KEY: &str = "another-key-entirely";
/// What no voice of theirs can say.
pub(crate) const UNSPEAKABLE: &str = "[unspeakable]";
pub(crate) const LONGEST_MESSAGE: usize = 64 * 1024;
pub(crate) const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n";

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) offers: Vec<Offer>,
    pub(crate) renegotiations: Vec<Renegotiation>,
    pub(crate) candidates: Vec<(String, Vec<Candidate>)>,
    pub(crate) sockets: Vec<(CallRequest, Framing)>,
    /// Of callers who only send.
    pub(crate) halves: Vec<Offer>,
    /// Peers whose clients hung up.
    pub(crate) left: Vec<String>,
}

/// A part of a recording.
pub(crate) type Content = (Name, Vec<u8>);

/// The whole world behind the router.
pub(crate) struct World {
    pub(crate) seen: Mutex<Seen>,
    pub(crate) refuse: Mutex<Option<Refusal>>,
    /// Offers are never answered.
    pub(crate) hang: Mutex<bool>,
    /// Agents that were to be made ready.
    pub(crate) prepared: Mutex<Vec<String>>,
    /// The organization of names without one.
    pub(crate) home: Mutex<Option<OrgId>>,
    /// Hostnames, and what their callers are connected to.
    pub(crate) hosts: Mutex<BTreeMap<String, String>>,
    pub(crate) logs: Mutex<BTreeSet<SessionId>>,
    pub(crate) recordings: Mutex<BTreeMap<SessionId, Vec<Content>>>,
    pub(crate) broken: Mutex<Option<SessionId>>,
    /// Calls whose recordings are not whole.
    pub(crate) incomplete: Mutex<BTreeSet<SessionId>>,
    pub(crate) now: Mutex<Timestamp>,
    pub(crate) ready: Mutex<bool>,
    /// Whose names lead somewhere else now.
    pub(crate) published: Mutex<Vec<(OrgId, String)>>,
    pub(crate) code: Arc<AdminCode>,
    /// Accounts that vendors were called with.
    pub(crate) called: Mutex<Vec<Account>>,
    /// Organizations whose greetings are others now.
    pub(crate) greeted: Mutex<Vec<OrgId>>,
    /// What a model is asked about ended calls, and what it answers.
    pub(crate) model: Model,
    /// How often there was something new in the queue of calls. By the trunk `carrier` the default organization can call anybody.
    pub(crate) queued: AtomicUsize,
    /// Calls under way, and what was done in them.
    pub(crate) live: Mutex<Vec<(OrgId, LiveCall)>>,
    pub(crate) done: Mutex<Vec<(SessionId, String)>>,
    /// Agents that LiveKit is not told of.
    pub(crate) undispatched: Mutex<BTreeSet<String>>,
}

pub(crate) struct Model {
    /// Organizations that have one.
    pub(crate) owners: Mutex<BTreeSet<OrgId>>,
    pub(crate) asked: Mutex<Vec<Conversation>>,
    /// In turn; then it says how the caller began.
    pub(crate) answers: Mutex<VecDeque<Result<SummedUp, NotSummedUp>>>,
    /// Organizations whose model never answers.
    pub(crate) slow: Mutex<BTreeSet<OrgId>>,
    /// One is needed for each answer.
    pub(crate) permits: tokio::sync::Semaphore,
}

impl Model {
    fn new() -> Self {
        Self {
            owners: Mutex::default(),
            asked: Mutex::default(),
            answers: Mutex::default(),
            slow: Mutex::default(),
            permits: tokio::sync::Semaphore::new(tokio::sync::Semaphore::MAX_PERMITS),
        }
    }

    /// From now on nothing is answered that is not let through.
    pub(crate) fn hold(&self) {
        self.permits.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    }

    pub(crate) fn asked(&self) -> Vec<SessionId> {
        self.asked.lock().expect("no panic").iter().map(|call| call.session).collect()
    }
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::default(),
            refuse: Mutex::default(),
            hang: Mutex::default(),
            prepared: Mutex::default(),
            home: Mutex::default(),
            hosts: Mutex::default(),
            logs: Mutex::default(),
            recordings: Mutex::default(),
            broken: Mutex::default(),
            incomplete: Mutex::default(),
            now: Mutex::new(Timestamp::from_second(1_800_000_000).expect("in range")),
            ready: Mutex::new(true),
            published: Mutex::default(),
            code: Arc::new(AdminCode::generate()),
            called: Mutex::default(),
            greeted: Mutex::default(),
            model: Model::new(),
            queued: AtomicUsize::default(),
            live: Mutex::default(),
            done: Mutex::default(),
            undispatched: Mutex::default(),
        })
    }

    pub(crate) fn router(self: &Arc<Self>, options: Options) -> Router {
        self.router_on(options, Store::absent())
    }

    pub(crate) fn router_on(self: &Arc<Self>, options: Options, store: Store) -> Router {
        let ports = Ports {
            calls: self.clone(),
            carriers: self.clone(),
            log: self.clone(),
            recordings: self.clone(),
            health: self.clone(),
            metrics: self.clone(),
            clock: self.clone(),
            definitions: self.clone(),
            platform: self.clone(),
            vendors: self.clone(),
            greetings: self.clone(),
            drills: self.clone(),
            rooms: Some(self.clone()),
            dialler: self.clone(),
            live: self.clone(),
        };
        let vault = Arc::new(Vault::new(&Secret::new("a master key of the tests".to_owned())));
        Server::new(options, ports, store, self.code.clone(), vault).expect("options are valid")
    }

    pub(crate) fn pass(&self, seconds: i64) {
        let mut now = self.now.lock().expect("no panic");
        *now = now.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("in range");
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        *self.refuse.lock().expect("no panic") = Some(refusal);
    }

    fn admission(&self, agent: &str) -> Result<(), Refusal> {
        if let Some(refusal) = self.refuse.lock().expect("no panic").clone() {
            return Err(refusal);
        }
        if !self.has(agent) {
            return Err(Refusal::AgentUnknown { agent: agent.to_owned() });
        }
        Ok(())
    }
}

impl Greetings for World {
    fn changed(&self, org: OrgId) {
        self.greeted.lock().expect("no panic").push(org);
    }

    fn speak(&self, wanted: Speaking) -> BoxFuture<'_, Result<GreetingAudio, Unspoken>> {
        async move {
            if wanted.voice > 0 {
                return Err(Unspoken::NoVoice(1));
            }
            if wanted.text == UNSPEAKABLE {
                return Err(Unspoken::Failed("it gave no sound".to_owned()));
            }
            let (audio, voices) = (wanted.text, vec![format!("{}'s voice", wanted.agent)]);
            Ok(GreetingAudio { audio, voices, length_ms: 1.0, rendered_ahead: false })
        }
        .boxed()
    }
}

impl Drills for World {
    fn changed(&self) {}

    fn apologies(&self) -> Vec<String> {
        vec!["Es tut uns leid.".to_owned(), "I'm sorry.".to_owned()]
    }
}

impl Rooms for World {
    fn url(&self) -> String {
        "wss://livekit.test".to_owned()
    }

    fn dispatches(&self, agent: &str) -> bool {
        !self.undispatched.lock().expect("no panic").contains(agent)
    }

    fn token(&self, access: &RoomAccess) -> Result<Secret<String>, String> {
        let RoomAccess { room, identity, agent, metadata, .. } = access;
        Ok(Secret::new(format!("{identity} may enter {room} with {agent} ({metadata})")))
    }
}

impl Dialler for World {
    fn may_dial(&self, org: OrgId, wanted: &WantedCall) -> Result<(), NotDialled> {
        self.admission(&wanted.agent).map_err(|refusal| match refusal {
            Refusal::AgentUnknown { agent } => NotDialled::AgentUnknown(agent),
            other => NotDialled::Refused(other),
        })?;
        // As trunks are the default organization's.
        if wanted.trunk != "carrier" || *self.home.lock().expect("no panic") != Some(org) {
            return Err(NotDialled::TrunkUnknown(wanted.trunk.clone()));
        }
        if wanted.to.as_ref().is_some_and(|to| to.0.contains('@')) {
            return Err(NotDialled::NotDialable { field: "/to" });
        }
        Ok(())
    }

    fn trunks(&self, org: OrgId) -> Vec<Trunk> {
        let carrier = Trunk {
            name: "carrier".to_owned(),
            kind: TrunkKind::Sip,
            account_id: None,
            caller: Some("+4930555".to_owned()),
            state: TrunkState::Registered,
            detail: None,
        };
        (*self.home.lock().expect("no panic") == Some(org)).then_some(carrier).into_iter().collect()
    }

    fn ways_in(&self, org: OrgId) -> Vec<String> {
        self.trunks(org).into_iter().map(|trunk| trunk.name).collect()
    }

    fn queued(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }
}

impl World {
    fn does(&self, id: SessionId, what: String) -> Option<()> {
        let runs = self.live.lock().expect("no panic").iter().any(|(_, call)| call.id == id);
        runs.then(|| self.done.lock().expect("no panic").push((id, what)))
    }
}

impl Live for World {
    fn server(&self) -> ServerId {
        crate::live::HERE
    }

    fn calls(&self, org: OrgId) -> Vec<LiveCall> {
        let live = self.live.lock().expect("no panic");
        live.iter().filter(|(owner, _)| *owner == org).map(|(_, call)| call.clone()).collect()
    }

    /// Agents named after a model heed it.
    fn whisper(&self, id: SessionId, text: String) -> BoxFuture<'_, Option<bool>> {
        let live = self.live.lock().expect("no panic").clone();
        let heeds = live.iter().any(|(_, call)| call.id == id && call.agent == "assistant");
        let done = self.does(id, format!("whisper {text}")).map(|()| heeds);
        async move { done }.boxed()
    }

    fn prompt(&self, id: SessionId, text: String) -> BoxFuture<'_, Option<bool>> {
        let done = self.does(id, format!("say {text}")).map(|()| true);
        async move { done }.boxed()
    }

    fn end(&self, id: SessionId) -> BoxFuture<'_, Option<()>> {
        let done = self.does(id, "end".to_owned());
        async move { done }.boxed()
    }

    fn listen(&self, id: SessionId) -> Option<Accept> {
        self.does(id, "listen".to_owned())?;
        Some(Box::new(|socket: axum::extract::ws::WebSocket| async move { drop(socket) }.boxed()))
    }
}

impl Vendors for World {
    fn all(&self) -> Vec<VendorAbout> {
        let about = |vendor: Vendor| VendorAbout {
            vendor,
            title: vendor.name().to_owned(),
            abilities: vec![Ability::Tts],
            needs_key: vendor != Vendor::OpenaiCompatible,
            needs_region: vendor == Vendor::Azure,
            needs_base_url: vendor == Vendor::OpenaiCompatible,
            key_variable: None,
            stt_model: None,
            llm_model: None,
            tts_model: None,
            voice: None,
        };
        Vendor::ALL.map(about).to_vec()
    }

    /// Answers those whose key it knows.
    fn try_out(&self, account: Account, wanted: TrialRequest) -> BoxFuture<'_, TrialAnswer> {
        let ok = account.key.as_ref().is_some_and(|key| key.expose() == KEY_OF_VENDOR);
        self.called.lock().expect("no panic").push(account);
        let answer = TrialAnswer {
            ok,
            model: wanted.model.unwrap_or_default(),
            open_ms: ok.then_some(1.0),
            first_ms: ok.then_some(2.0),
            whole_ms: ok.then_some(3.0),
            text: None,
            audio: None,
            code: (!ok).then(|| "TTS_UNAUTHORIZED".to_owned()),
            detail: None,
        };
        std::future::ready(answer).boxed()
    }

    fn voices(&self, account: Account) -> BoxFuture<'_, Result<Vec<VoiceChoice>, String>> {
        let known = account.key.is_none_or(|key| key.expose() != REFUSED_KEY);
        let voice = VoiceChoice { id: "v1".into(), name: "Ann".into(), language: None, preview_url: None };
        std::future::ready(if known { Ok(vec![voice]) } else { Err("the vendor refused the key".to_owned()) })
            .boxed()
    }

    /// One of whoever asks.
    fn open(&self, _: OrgId) -> Vec<OpenAccount> {
        let left = Duration::from_millis(4_000);
        let (account, model, region) = ("our-own".to_owned(), "m-1".to_owned(), String::new());
        vec![OpenAccount { account, ability: Ability::Llm, model, region, left }]
    }

    fn changed(&self, org: OrgId) {
        self.published.lock().expect("no panic").push((org, "accounts".to_owned()));
    }
}

impl Summarizer for World {
    fn asks(&self, org: OrgId) -> bool {
        self.model.owners.lock().expect("no panic").contains(&org)
    }

    fn sum_up(&self, call: Conversation) -> BoxFuture<'_, Result<SummedUp, NotSummedUp>> {
        let began = |line: &Spoken| format!("A model heard: {}", line.text);
        let summary = call.beginning.first().map(began).unwrap_or_default();
        let slow = self.model.slow.lock().expect("no panic").contains(&call.org);
        self.model.asked.lock().expect("no panic").push(call);
        async move {
            if slow {
                std::future::pending::<()>().await;
            }
            self.model.permits.acquire().await.expect("never closed").forget();
            let told = self.model.answers.lock().expect("no panic").pop_front();
            let fields = [("wanted".to_owned(), Value::from("a haircut"))].into_iter().collect();
            told.unwrap_or(Ok(SummedUp { summary, fields, model: "m-1".to_owned() }))
        }
        .boxed()
    }
}

/// Knows the carrier by its key.
impl Carriers for World {
    fn rings(&self, webhook: Webhook) -> BoxFuture<'_, Result<ports::Reply, Unheard>> {
        let signed = webhook.headers.get("x-signature").and_then(|value| value.to_str().ok());
        let known = webhook.account.key.as_ref().map(|key| key.expose().as_str());
        let answer = if signed == known {
            let token = (webhook.permit)("front-desk", "call-1");
            Ok(ports::Reply {
                content_type: "text/xml",
                body: format!("{} {} {token}", webhook.url, webhook.stream),
            })
        } else {
            Err(Unheard::Forged("another key".to_owned()))
        };
        std::future::ready(answer).boxed()
    }
}

impl Calls for World {
    fn agents(&self) -> Vec<control_api::Agent> {
        vec![control_api::Agent {
            name: "front-desk".into(),
            title: "Front desk".into(),
            description: String::new(),
            suggestions: vec!["When are you open?".into()],
        }]
    }

    fn prepare(&self, agent: &str) -> BoxFuture<'_, Result<(), Refusal>> {
        self.prepared.lock().expect("no panic").push(agent.to_owned());
        std::future::ready(Ok(())).boxed()
    }

    fn has(&self, agent: &str) -> bool {
        let prepared = self.prepared.lock().expect("no panic").iter().any(|known| known.ends_with(agent));
        let agent = agent.split_once('/').map_or(agent, |(_, name)| name);
        agent == "front-desk" || (agent == "front-desk@draft" && prepared)
    }

    fn owner(&self, agent: &str) -> Option<OrgId> {
        match agent.split_once('/') {
            Some((org, _)) => org.parse().ok(),
            None => *self.home.lock().expect("no panic"),
        }
    }

    fn of_host(&self, host: &str) -> Option<String> {
        self.hosts.lock().expect("no panic").get(host).cloned()
    }

    fn start(&self, agent: &str) -> Result<(), Refusal> {
        self.admission(agent)
    }

    fn offer(&self, offer: Offer) -> BoxFuture<'_, Result<Answer, Refusal>> {
        async move {
            if *self.hang.lock().expect("no panic") {
                std::future::pending::<()>().await;
            }
            self.admission(&offer.call.agent)?;
            self.seen.lock().expect("no panic").offers.push(offer);
            Ok(Answer { sdp: "v=0\r\nanswer".into(), peer: "peer-1".into() })
        }
        .boxed()
    }

    fn renegotiate(&self, change: Renegotiation) -> BoxFuture<'_, Result<Answer, Refusal>> {
        let peer = change.peer.clone();
        self.seen.lock().expect("no panic").renegotiations.push(change);
        async move {
            if peer == "peer-1" {
                Ok(Answer { sdp: "v=0\r\nanother".into(), peer })
            } else {
                Err(Refusal::SessionUnknown)
            }
        }
        .boxed()
    }

    fn candidates(&self, peer: &str, candidates: Vec<Candidate>) -> BoxFuture<'_, Result<(), Refusal>> {
        let known = peer == "peer-1";
        self.seen.lock().expect("no panic").candidates.push((peer.to_owned(), candidates));
        async move { if known { Ok(()) } else { Err(Refusal::SessionUnknown) } }.boxed()
    }

    fn offer_half(&self, offer: Offer) -> BoxFuture<'_, Result<Answer, Refusal>> {
        async move {
            self.admission(&offer.call.agent)?;
            self.seen.lock().expect("no panic").halves.push(offer);
            Ok(Answer { sdp: "v=0\r\nhalf".into(), peer: "peer-1".into() })
        }
        .boxed()
    }

    fn listen(&self, sender: &str, _: String) -> BoxFuture<'_, Result<Answer, Refusal>> {
        let known = sender == "peer-1";
        let answer = Answer { sdp: "v=0\r\nvoice".into(), peer: "peer-2".into() };
        async move { if known { Ok(answer) } else { Err(Refusal::SessionUnknown) } }.boxed()
    }

    fn leave(&self, peer: &str) -> BoxFuture<'_, Result<(), Refusal>> {
        self.seen.lock().expect("no panic").left.push(peer.to_owned());
        let known = peer == "peer-1";
        async move { if known { Ok(()) } else { Err(Refusal::SessionUnknown) } }.boxed()
    }

    fn socket(&self, call: CallRequest, framing: Framing) -> Result<Accept, Refusal> {
        self.admission(&call.agent)?;
        self.seen.lock().expect("no panic").sockets.push((call, framing));
        Ok(Box::new(|mut socket| {
            async move {
                while let Some(Ok(message)) = socket.recv().await {
                    if socket.send(message).await.is_err() {
                        break;
                    }
                }
            }
            .boxed()
        }))
    }

    /// Says which agent the token in the first message is for.
    fn announced(&self, stream: Announced) -> Result<Accept, Refusal> {
        Ok(Box::new(|mut socket| {
            async move {
                let Some(Ok(Message::Text(token))) = socket.recv().await else { return };
                if let Some(call) = (stream.admit)(token.as_str(), "call-1") {
                    let _gone = socket.send(Message::Text(call.agent.into())).await;
                }
            }
            .boxed()
        }))
    }

    fn knows(&self, _: SessionId) -> bool {
        false
    }

    fn longest_message_bytes(&self) -> usize {
        LONGEST_MESSAGE
    }
}

impl CallLog for World {
    fn raw(&self, id: SessionId) -> BoxFuture<'_, Result<Option<RawLog>, LogError>> {
        if *self.broken.lock().expect("no panic") == Some(id) {
            let error = LogError { id: Some(id), reason: "cut".into(), source: None };
            return std::future::ready(Err(error)).boxed();
        }
        let known = self.logs.lock().expect("no panic").contains(&id);
        let bytes = || {
            futures::StreamExt::boxed(futures::stream::iter([
                Ok("{\"a\":1}\n".into()),
                Ok("{\"b\":2}\n".into()),
            ]))
        };
        async move { Ok(known.then(|| RawLog { bytes: bytes(), length: Some(16) })) }.boxed()
    }
}

impl Recordings for World {
    fn parts(&self, id: SessionId) -> BoxFuture<'_, Result<Vec<RecordedPart>, RecordingError>> {
        let found = self.recordings.lock().expect("no panic").get(&id).cloned().unwrap_or_default();
        let complete = !self.incomplete.lock().expect("no panic").contains(&id);
        let parts = found.into_iter().map(|(name, content)| RecordedPart {
            name,
            codec: if name.container == Container::Ogg { Encoding::Opus } else { Encoding::Pcm16 },
            offset: Duration::from_millis(u64::from(name.part - 1) * 1_500),
            length: Duration::from_millis(250),
            bytes: content.len() as u64,
            complete,
            cut_off: false,
        });
        std::future::ready(Ok(parts.collect())).boxed()
    }

    fn remove(&self, id: SessionId) -> BoxFuture<'_, Result<(), RecordingError>> {
        self.recordings.lock().expect("no panic").remove(&id);
        std::future::ready(Ok(())).boxed()
    }

    fn open(
        &self,
        id: SessionId,
        name: Name,
    ) -> BoxFuture<'_, Result<Option<RecordingFile>, RecordingError>> {
        if *self.broken.lock().expect("no panic") == Some(id) {
            let source = std::io::Error::other("a bad sector");
            return std::future::ready(Err(RecordingError { id, source })).boxed();
        }
        let all = self.recordings.lock().expect("no panic").get(&id).cloned().unwrap_or_default();
        let found = all.into_iter().find(|(known, _)| *known == name).map(|(_, content)| RecordingFile {
            length: content.len() as u64,
            tag: format!("{:x}-1", content.len()),
            read: Box::new(move |range| {
                let bytes = content[range.start as usize..range.end as usize].to_vec();
                futures::StreamExt::boxed(futures::stream::iter([Ok(bytes.into())]))
            }),
        });
        std::future::ready(Ok(found)).boxed()
    }
}

impl Health for World {
    fn readiness(&self) -> Readiness {
        let ready = *self.ready.lock().expect("no panic");
        let check = Check { name: "models".into(), ok: ready, detail: String::new() };
        Readiness { ready, checks: vec![check], calls_active: 1, calls_capacity: 4 }
    }
}

impl Metrics for World {
    fn render(&self) -> String {
        "# TYPE foundry_calls gauge\nfoundry_calls 1\n".into()
    }
}

impl Definitions for World {
    fn check(&self, _: OrgId, definition: &Value) -> Vec<DefinitionProblem> {
        control_server::problems(definition)
    }

    fn published(&self, org: OrgId, agent: &str) {
        self.published.lock().expect("no panic").push((org, agent.to_owned()));
    }
}

impl Platform for World {
    fn running(&self) -> Running {
        Running {
            version: "0.1.0".into(),
            commit: None,
            started_at: Timestamp::from_second(1_800_000_000).expect("in range"),
            server_id: "srv_00000000000070008000000000000001".into(),
            store: StoreKind::Private,
        }
    }

    fn providers(&self) -> Vec<Provider> {
        vec![Provider { kind: "stt".into(), name: "fake".into(), detail: String::new(), ready: true }]
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().expect("no panic")
    }
}

/// A request in the making.
pub(crate) struct Ask {
    request: axum::http::request::Builder,
    body: Body,
}

/// From a program on the server's own machine.
pub(crate) fn ask(method: Method, path: &str) -> Ask {
    let request = Request::builder().method(method).uri(path).header("host", HOST);
    Ask { request, body: Body::empty() }.from("127.0.0.1:50000")
}

pub(crate) fn get(path: &str) -> Ask {
    ask(Method::GET, path)
}

pub(crate) fn post(path: &str, body: Value) -> Ask {
    ask(Method::POST, path).json(&body)
}

impl Ask {
    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Body::from(body.to_string());
        self.header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if name == "host" {
            self.request.headers_mut().expect("valid so far").remove("host");
        }
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// From another address.
    pub(crate) fn from(mut self, peer: &str) -> Self {
        let peer: SocketAddr = peer.parse().expect("an address");
        self.request = self.request.extension(ConnectInfo(peer));
        self
    }

    pub(crate) fn operator(self) -> Self {
        self.header("authorization", &format!("Bearer {SECRET}"))
    }

    pub(crate) fn on_page(self, origin: &str) -> Self {
        self.header("origin", origin)
    }

    pub(crate) async fn of(self, router: &Router) -> Reply {
        let response = router
            .clone()
            .oneshot(self.request.body(self.body).expect("a request"))
            .await
            .expect("infallible");
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        Reply {
            status: head.status,
            headers: head.headers,
            length: body.len(),
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Bytes as they were sent.
    pub(crate) length: usize,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Asserts a complete problem document of this status and code.
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem: Value = serde_json::from_str(&self.text).expect("JSON");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["docs"], format!("/docs/errors/{code}"));
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
        problem
    }
}

pub(crate) fn embedding() -> Options {
    Options { allowed_origins: vec![SHOP.into()], ..Options::default() }
}

pub(crate) fn operated() -> Options {
    Options { operator_token: Some(Secret::new(SECRET.into())), ..Options::default() }
}

pub(crate) fn offer_body() -> Value {
    serde_json::json!({"sdp": SDP, "type": "offer", "pc_id": null, "restart_pc": false})
}

pub(crate) const RETRY: Duration = Duration::from_secs(7);
