//! Calls put on record as running servers put them there: through the writer.

use std::time::Duration;

use control_store::entry::Speculation;
use control_store::greeting::Began;
use control_store::opposite::{Direction, Opposite};
use control_store::{Entry, Happened, Opened, Outcome, ProviderRequest, journal, pricing, writer};
use domain::{
    AgentId, DeadAir, Encoding, EndReason, Mark, OrgId, ProviderName, ProviderRequestId, Role, ServedBy,
    ServerId, SessionEvent, SessionId, TurnId, TurnTimeline,
};
use jiff::{SignedDuration, Timestamp};
use runtime::Tasks;

use crate::plane::Plane;

/// The present of `World`.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// The one whose files `World` has.
pub(crate) const SERVER: ServerId = ServerId::from_uuid(uuid::Uuid::from_u128(7));

/// A call in the making.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) opened: Opened,
    /// Who listens and speaks, from the beginning on.
    provider: String,
    /// What asking ahead came to by the first event.
    speculation: Speculation,
    /// Milliseconds since it began.
    events: Vec<(u64, SessionEvent)>,
}

const RECORDED: SessionEvent = SessionEvent::Recorded {
    leg: Role::Caller,
    part: 1,
    codec: Encoding::Opus,
    offset: Duration::ZERO,
    length: Duration::from_secs(1),
    bytes: 16,
    complete: true,
};

/// Of `front-desk`, begun so many seconds ago.
pub(crate) fn begun(org: OrgId, seconds_ago: i64) -> Record {
    let opened = Opened {
        session: SessionId::generate(),
        org,
        agent: Some(AgentId::generate()),
        agent_name: "front-desk".to_owned(),
        version: 1,
        environment: None,
        channel: None,
        transport: "webrtc".to_owned(),
        server: SERVER,
        started_at: NOW - SignedDuration::from_secs(seconds_ago),
        greeting: None,
        opposite: None,
        drill: None,
    };
    let (provider, speculation) = ("built-in".to_owned(), Speculation::default());
    Record { opened, provider, speculation, events: vec![(0, SessionEvent::Started)] }
}

impl Record {
    pub(crate) fn id(&self) -> SessionId {
        self.opened.session
    }

    pub(crate) fn agent_named(mut self, agent: &str, version: i32) -> Self {
        (self.opened.agent_name, self.opened.version) = (agent.to_owned(), version);
        self
    }

    pub(crate) fn over(mut self, transport: &str, provider: &str) -> Self {
        (self.opened.transport, self.provider) = (transport.to_owned(), provider.to_owned());
        self
    }

    /// Who called whom.
    pub(crate) fn with(mut self, direction: Direction, party: Option<&str>) -> Self {
        self.opened.opposite = Some(Opposite::new(direction, party));
        self
    }

    pub(crate) fn guessed(mut self, adopted: u32, discarded: u32, wasted_tokens: u64) -> Self {
        self.speculation = Speculation { adopted, discarded, wasted_tokens };
        self
    }

    pub(crate) fn greeted(mut self, began: Began) -> Self {
        self.opened.greeting = Some(began);
        self
    }

    pub(crate) fn event(mut self, at_ms: u64, event: SessionEvent) -> Self {
        self.events.push((at_ms, event));
        self
    }

    pub(crate) fn caller(self, at_ms: u64, turn: u32, words: &str) -> Self {
        let text = words.to_owned();
        self.event(at_ms, SessionEvent::CallerTurn { turn: TurnId(turn), text, typed: false })
    }

    pub(crate) fn agent(self, at_ms: u64, turn: u32, words: &str) -> Self {
        let (turn, text) = (TurnId(turn), words.to_owned());
        let said = self.event(at_ms, SessionEvent::AgentSaying { turn, text: text.clone() });
        said.event(at_ms, SessionEvent::AgentTurn { turn, text, interrupted: false })
    }

    /// The caller's voice ended, and the agent's came after so long.
    pub(crate) fn answered(self, at_ms: u64, turn: u32, response_ms: u64) -> Self {
        let mut timeline = TurnTimeline::new(TurnId(turn));
        timeline.mark(Mark::SpeechEnded, Duration::from_millis(at_ms));
        timeline.mark(Mark::Committed, Duration::from_millis(at_ms + response_ms / 4));
        timeline.mark(Mark::AgentStarted, Duration::from_millis(at_ms + response_ms));
        let name = || vec![ProviderName { account: self.provider.clone(), model: "m-1".to_owned() }];
        timeline.served_by = ServedBy { recognition: name(), thinking: Vec::new(), voice: name() };
        self.event(at_ms + response_ms, SessionEvent::TurnFinished { timeline })
    }

    pub(crate) fn silence(self, at_ms: u64, length_ms: u64) -> Self {
        let length = Duration::from_millis(length_ms);
        self.event(at_ms, SessionEvent::DeadAir { turn: None, cause: DeadAir::Thinking, length })
    }

    pub(crate) fn noted(self, at_ms: u64, name: &str, value: serde_json::Value) -> Self {
        self.event(at_ms, SessionEvent::Noted { name: name.to_owned(), value })
    }

    pub(crate) fn recorded(self) -> Self {
        self.event(5, RECORDED)
    }

    pub(crate) fn ended(self, at_ms: u64, reason: EndReason) -> Self {
        self.event(at_ms, SessionEvent::Ended { reason })
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let session = self.opened.session;
        let happened = self.events.iter().zip(0..).map(move |((at_ms, event), sequence)| {
            let at_us = i64::try_from(at_ms * 1000).expect("a time");
            let joined = if sequence == 0 { vec![self.provider.clone()] } else { Vec::new() };
            let speculation = if sequence == 0 { self.speculation } else { Speculation::default() };
            Entry::Event(Happened { session, sequence, at_us, event: event.clone(), joined, speculation })
        });
        std::iter::once(Entry::Opened(self.opened.clone())).chain(happened)
    }
}

/// Of `front-desk`, so many seconds ago: input and output tokens of a model, or characters of a voice.
pub(crate) fn asked(org: OrgId, seconds_ago: i64, vendor: &str, usage: pricing::Usage) -> ProviderRequest {
    ProviderRequest {
        id: ProviderRequestId::generate(),
        org,
        session: None,
        turn: None,
        at: NOW - SignedDuration::from_secs(seconds_ago),
        agent: None,
        agent_name: "front-desk".to_owned(),
        environment: None,
        ability: "llm".to_owned(),
        provider: format!("our-{vendor}"),
        vendor: vendor.to_owned(),
        model: "m-1".to_owned(),
        region: String::new(),
        why: "first".to_owned(),
        outcome: Outcome::Completed,
        error_code: None,
        connect_us: Some(1_000),
        first_us: Some(200_000),
        took_us: Some(900_000),
        usage,
    }
}

impl Plane {
    /// Returns when all of it is in the database.
    pub(crate) async fn record_requests(&self, requests: &[ProviderRequest]) {
        self.put(requests.iter().map(|request| Entry::Request(Box::new(request.clone())))).await;
    }

    /// Returns when all of it is in the database.
    pub(crate) async fn record(&self, calls: &[Record]) {
        self.put(calls.iter().flat_map(Record::entries)).await;
    }

    async fn put(&self, entries: impl Iterator<Item = Entry>) {
        let (folder, tasks) = (tempfile::tempdir().expect("a folder"), Tasks::new());
        let options = journal::Options::default();
        let recorder = writer::start(folder.path(), options, self.db.clone(), &tasks).expect("writable");
        entries.for_each(|entry| recorder.put(entry));
        tasks.shutdown().await;
    }
}
