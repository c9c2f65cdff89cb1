//! Connects a caller's leg to an agent: everything a session is made of, put together for one call.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use agents_run::{Meter, Ports};
use control_server::ports::CallRequest;
use control_store::opposite::{Direction, Opposite};
use control_store::{Entry, Fence, Opened, Recorder};
use domain::{AgentId, EnvironmentId, OrgId, ServerId, SessionId};
use media_session::{ClientProtocol, Consult, Leg, Parts, Place};
use providers_api::TtsRequest;
use runtime::{Kind, Tasks};

use crate::adapters::accounts::Bench;
use crate::adapters::at_once::AtOnce;
use crate::adapters::attempts::Client;
use crate::adapters::catalogue::{Callable, Catalogue, Ready};
use crate::adapters::dialler::Desk;
use crate::adapters::drills::Drills;
use crate::adapters::entry::rtvi;
use crate::adapters::greeter::{Greeter, Opening};
use crate::adapters::ledger::Ledger;
use crate::adapters::live::Live;
use crate::adapters::paces::{self, Hurry, Paces};
use crate::adapters::page::PageTools;
use crate::adapters::returning::{Return, Returning};
use crate::adapters::sink::{Before, Sink};
use crate::adapters::speech_to_speech::{self, SpeechToSpeech};
use crate::adapters::transfers::{Asked, ByTrunk};
use crate::adapters::{dialogue, recordings};
use crate::speech::Speech;
use crate::waits;

/// Turns whose connections to a voice are opened when a call begins.
const WARM_TURNS: usize = 2;

const WARM: Kind = Kind::new("voices.warm");
/// So late are connections opened for an agent that begins to be served.
const WARM_EVERY: Duration = Duration::from_secs(2);

/// Agents whose voices were warmed, by organization and environment.
type Warmed = HashMap<(OrgId, AgentId, Option<EnvironmentId>), Arc<Ready>>;

/// Connects a caller's leg to an agent in a new session.
pub(crate) struct Switchboard {
    catalogue: Arc<Catalogue>,
    record: Record,
    speech: Speech,
    bench: Arc<Bench>,
    drills: Arc<Drills>,
    at_once: Arc<AtOnce>,
    folders: Folders,
    returning: Returning,
    greeter: Arc<Greeter>,
    paces: Paces,
    /// Where people are called from who may take a call over.
    desk: OnceLock<Weak<Desk>>,
    live: Arc<Live>,
}

/// Whom a call asks for its agent, its providers, its greeting, what it says at once, and whether a drill strikes it.
pub(crate) struct Crew {
    pub(crate) bench: Arc<Bench>,
    pub(crate) drills: Arc<Drills>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) greeter: Arc<Greeter>,
    pub(crate) at_once: Arc<AtOnce>,
}

/// A caller's connection, and the call that it is for.
pub(crate) struct Joining {
    pub(crate) leg: Leg,
    pub(crate) protocol: Box<dyn ClientProtocol>,
    /// Where the call goes on from.
    pub(crate) back: Option<Return>,
    /// Of a call that other servers may take over.
    pub(crate) fence: Option<Fence>,
    /// Of a person who is asked whether they take a call.
    pub(crate) asked: Option<Asked>,
    /// The caller's page, whose methods an agent may call.
    pub(crate) page: Option<media_livekit::Rpc>,
}

/// Where files of calls lie.
pub(crate) struct Folders {
    pub(crate) calls: PathBuf,
    pub(crate) recordings: PathBuf,
}

impl Switchboard {
    pub(crate) fn new(
        speech: Speech,
        crew: Crew,
        record: Record,
        folders: Folders,
        returning: Returning,
        live: Arc<Live>,
    ) -> Self {
        let Crew { bench, drills, catalogue, greeter, at_once } = crew;
        let paces = Paces::default();
        Self {
            catalogue,
            record,
            speech,
            bench,
            drills,
            at_once,
            folders,
            returning,
            greeter,
            paces,
            desk: OnceLock::new(),
            live,
        }
    }

    /// From now on people can be called who may take a call over. The first desk stays.
    pub(crate) fn calls_people_by(&self, desk: &Arc<Desk>) {
        let _first = self.desk.set(Arc::downgrade(desk));
    }

    /// Opens a connection to the voice of each agent when it begins to be served, so that the first caller need not wait for it.
    pub(crate) fn keep_warm(self: &Arc<Self>, tasks: &Tasks) {
        let board = Arc::clone(self);
        tasks.spawn(WARM, async move {
            let mut warmed = HashMap::new();
            loop {
                warmed = board.warm_served(warmed);
                tokio::time::sleep(WARM_EVERY).await;
            }
        });
    }

    /// Those that are served now, by what they were made of; `before` are warm already.
    fn warm_served(&self, before: Warmed) -> Warmed {
        let mut now = Warmed::new();
        for callable in self.catalogue.served().1 {
            let ready = Arc::clone(&callable.ready);
            let whose = (callable.org, callable.agent, callable.environment);
            if !ready.providers.tts.is_empty()
                && before.get(&whose).is_none_or(|known| !Arc::ptr_eq(known, &ready))
            {
                let voice = ready.options.voice.clone();
                let tts = self.bench.tts(&callable.client(), &ready.providers.tts, &voice);
                tts.warm(&TtsRequest { session: SessionId::generate(), turn: None, voice }, 1);
            }
            now.insert(whose, ready);
        }
        now
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// For what is kept of calls.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.record.recorder
    }

    /// Where recordings lie.
    pub(crate) fn recordings(&self) -> &Path {
        &self.folders.recordings
    }

    /// Calls that wait for their callers since a server died.
    pub(crate) fn returning(&self) -> &Returning {
        &self.returning
    }

    pub(crate) fn has(&self, agent: &str) -> bool {
        self.catalogue.find(agent).is_some()
    }

    pub(crate) fn agents(&self) -> Vec<control_api::Agent> {
        self.catalogue.agents(|callable| self.can_think(callable))
    }

    /// Those of all organizations that can serve, by the names that rooms ask for, and as people see them there.
    pub(crate) fn dispatched(&self) -> Vec<(String, String)> {
        let home = self.agents().into_iter().map(|agent| (agent.name, agent.title));
        let elsewhere = self.catalogue.elsewhere().into_iter();
        let elsewhere = elsewhere.filter(|(_, callable)| self.can_think(callable));
        home.chain(elsewhere.map(|(name, callable)| (name, callable.ready.title().to_owned()))).collect()
    }

    pub(crate) fn titles(&self) -> String {
        let titles: Vec<String> = self.agents().into_iter().map(|agent| agent.title).collect();
        format!("Agents: {};", titles.join(", "))
    }

    /// An agent that needs a language model has one, and one that is to hear and speak through one model has that.
    fn can_think(&self, callable: &Callable) -> bool {
        let (ready, client) = (&callable.ready, callable.client());
        let chosen = self.bench.within(&client, &ready.providers);
        if !chosen.realtime.is_empty() {
            return !self.bench.speech(&client, &chosen.realtime, &ready.options.voice).is_empty();
        }
        !ready.needs_llm() || self.bench.can_think(client.org, &chosen.llm)
    }

    pub(crate) fn connect(
        &self,
        place: Place,
        tasks: &Tasks,
        call: &CallRequest,
        leg: Leg,
        protocol: Box<dyn ClientProtocol>,
    ) {
        self.begin(place, tasks, call, leg, protocol, None);
    }

    /// Asks somebody on this leg, in the agent's voice, whether they take a call.
    pub(crate) fn ask(&self, place: Place, tasks: &Tasks, call: &CallRequest, leg: Leg, asked: Asked) {
        self.begin(place, tasks, call, leg, rtvi(call), Some(asked));
    }

    fn begin(
        &self,
        place: Place,
        tasks: &Tasks,
        call: &CallRequest,
        leg: Leg,
        protocol: Box<dyn ClientProtocol>,
        asked: Option<Asked>,
    ) {
        let back = self.returning.take(place.id(), jiff::Timestamp::now());
        // Who comes back when nobody waits any more begins no second call under the id of the first.
        if back.is_none() && call.resumes {
            return;
        }
        self.join(place, tasks, call, Joining { leg, protocol, back, fence: None, asked, page: None });
    }

    /// As `connect`, for a call of which it is known whether it goes on.
    pub(crate) fn join(&self, place: Place, tasks: &Tasks, call: &CallRequest, joining: Joining) {
        let id = place.id();
        let Joining { leg, protocol, back, fence, asked, page } = joining;
        let callable = match &back {
            Some(back) => Some(back.callable.clone()),
            None => self.catalogue.find(&call.agent),
        };
        let Some(callable) = callable else { return };
        let recorder = self.record.recorder.clone();
        let recorder = match fence {
            Some(fence) => recorder.fenced(fence),
            None => recorder,
        };
        let ready = Arc::clone(&callable.ready);
        let latency = self.catalogue.latency(&callable);
        let pace = latency.as_ref().map(|latency| self.paces.of(callable.org, callable.agent, latency));
        let client = callable.client();
        let drill = self.drills.striking(client.org, client.environment, id);
        let drilled = drill.as_ref().map(|drill| drill.id);
        let client = Client { pace: pace.clone(), drill, ..client };
        let chosen = self.bench.within(&client, &ready.providers);
        let mut options = ready.options.clone();
        if !chosen.stt.is_empty() || !chosen.tts.is_empty() {
            waits::patience(&mut options.waits);
        }
        options.reattach_s = u32::try_from(call.resume_within.as_secs()).unwrap_or(options.reattach_s);
        // A replay needs a log from the call's beginning.
        let flight = back.is_none().then(|| crate::adapters::call_log::create(&self.folders.calls, id));
        let resumed = back.as_ref().map(|back| back.resumed);
        let before = back.as_ref().map_or_else(Before::default, |back| Before {
            sequence: back.sequence,
            since: back.since,
            parts: recordings::parts_before(&self.folders.recordings, id),
        });
        let at_once = self.at_once.ready(&callable);
        let apology = at_once.apology.clone();
        let Opening { text, began, clips } = self.greeter.open(&callable, id, &call.caller, &at_once.clips);
        let (missing, voice) = at_once.into_missing();
        self.at_once.catch_up(missing, voice, Arc::clone(&clips));
        let ledger = Arc::new(Ledger::default());
        let sink = Sink::new(recorder.clone(), Arc::clone(&ledger));
        let (sink, snapshot, opposite) = match back {
            Some(back) => (sink.resumed(before), back.snapshot, back.opposite),
            None => {
                let (began, opposite) =
                    (asked.is_none().then_some(began), Some(opposite(call, leg.transport)));
                let opened = self.record.opened(id, &callable, leg.transport);
                recorder.put(Entry::Opened(Opened {
                    greeting: began,
                    drill: drilled,
                    opposite: opposite.clone(),
                    ..opened
                }));
                (sink, None, opposite)
            }
        };
        let ways = match &asked {
            None => self.bench.speech(&client, &chosen.realtime, &options.voice),
            Some(_) => Vec::new(),
        };
        let call_of = speech_to_speech::Call { session: id, resumed: snapshot.is_some() };
        let speech = SpeechToSpeech::begin(call_of, ways, &self.catalogue.ports().tasks);
        let cascade = self.bench.llm(&client, &chosen.llm);
        let llm = match &speech {
            Some(speech) => Some(speech.llm(cascade)),
            None => cascade,
        };
        let llm = llm.map(|llm| ledger.thinking(llm));
        let meter: Arc<dyn Meter> = ledger.clone();
        let bridges = pace.clone().map(paces::bridges);
        let ports = self.catalogue.ports().clone();
        let tools = Arc::new(PageTools::new(page, ports.tools));
        let ports = Ports { llm, meter: Some(meter), bridges, tools, ..ports };
        let told = &call.caller.variables;
        let beginning = dialogue::Beginning { greeting: text, node: callable.node.as_deref(), told };
        let graph = dialogue::begin(&ready, &ports, id, recorder, snapshot, beginning);
        let hurry = pace.zip(latency.as_ref()).map(|(pace, latency)| Hurry::new(pace, latency));
        let tts = self.bench.tts(&client, &chosen.tts, &options.voice);
        // The first turn, and the next while the first still gives its connection back.
        tts.warm(&TtsRequest { session: id, turn: None, voice: options.voice.clone() }, WARM_TURNS);
        let consult = match (self.desk.get().and_then(Weak::upgrade), &asked) {
            (Some(desk), None) => {
                let (org, agent) = (callable.org, call.agent.clone());
                let variables = &call.caller.variables;
                let called = variables.iter().find(|(name, _)| name == "session.called_number");
                let called = called.map(|(_, number)| number.clone());
                Some(Box::new(ByTrunk { desk, session: id, org, agent, called }) as Box<dyn Consult>)
            }
            _ => None,
        };
        let (asked_dialogue, heir) = match asked {
            Some(Asked { dialogue, heir }) => (Some(dialogue), Some(heir)),
            None => (None, None),
        };
        let parts = Parts {
            agent: callable.name.clone(),
            agent_version: callable.version.to_string(),
            stt: ledger.listening(self.bench.stt(&client, &chosen.stt)),
            tts: ledger.speaking(tts),
            hurry: hurry.map(|hurry| Box::new(hurry) as _),
            vad: self.speech.vad(),
            end_of_turn: self.speech.end_of_turn(),
            dialogue: match (asked_dialogue, speech) {
                (Some(asked), _) => asked,
                (None, Some(speech)) => speech.around(graph),
                (None, None) => graph,
            },
            sink: Box::new(sink),
            protocol,
            leg,
            flight,
            recordings: Some(recordings::shelf(&self.folders.recordings, id, before)),
            apology,
            clips,
            background: ready.background.clone(),
            resumed,
            at_machine: call.at_machine.clone(),
            consult,
            heir,
            options,
        };
        self.live.begins(id, callable.org, &callable.name, opposite);
        // The directory keeps the handle; the session ends by itself.
        drop(media_session::start(place, tasks, parts));
    }
}

/// Puts calls on record.
pub(crate) struct Record {
    pub(crate) recorder: Recorder,
    pub(crate) server: ServerId,
}

impl Record {
    /// What every call has.
    fn opened(&self, session: SessionId, callable: &Callable, transport: &str) -> Opened {
        Opened {
            session,
            org: callable.org,
            agent: Some(callable.agent),
            agent_name: callable.name.clone(),
            version: callable.version,
            environment: callable.environment,
            channel: callable.channel,
            transport: transport.to_owned(),
            server: self.server,
            started_at: jiff::Timestamp::now(),
            greeting: None,
            drill: None,
            opposite: None,
        }
    }
}

/// Who calls is what the transport says of them; a page's word for it is none.
fn opposite(call: &CallRequest, transport: &str) -> Opposite {
    match &call.called {
        Some(called) => Opposite::new(Direction::Outbound, Some(&called.0)),
        None => {
            let has_numbers = matches!(transport, "sip" | "twilio" | "telnyx" | "livekit");
            let number = call.caller.number.as_deref().filter(|_| has_numbers);
            Opposite::new(Direction::Inbound, number)
        }
    }
}
