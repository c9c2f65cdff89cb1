//! A world for one call: the fakes, the session, and what everyone saw.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{AtMachine, EndReason, SessionEvent, SessionId, TurnTimeline};
use media_core::{Codec, Delivery, LegEvent};
use media_session::ports::{
    ClientProtocol, Consult, Dialogue, Hurry, Keypad, Leg, Reaction, Recordings, Refer, SessionSink,
};
use media_session::{Background, Clip, Clips, Directory, Handle, Options, Parts, Resumed, sentence};
use media_vad::{EndOfTurn, EnergyVad, Vad};
use providers_api::{Stt, Tts};
use providers_fake::{FakeStt, FakeTts, Faults, Lexicon, SttOptions, TtsOptions};
use runtime::tasks::Tasks;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::caller::{Caller, RATE_HZ};
use crate::dialogue::{Scripted, Step, say};
use crate::net::Net;

pub(crate) const APOLOGY: &str = "Sorry something went wrong.";
pub(crate) const GREETING: &str = "Hello this is the front desk. How can I help you?";

pub(crate) struct Setup {
    pub seed: u64,
    pub options: Options,
    pub stt: SttOptions,
    pub tts: TtsOptions,
    pub net: Net,
    pub greeting: Vec<Step>,
    pub replies: Vec<Vec<Step>>,
    pub announces_ready: bool,
    pub clips: Clips,
    pub background: Option<Background>,
    pub resumed: Option<Resumed>,
    /// Connect, but let no media flow yet.
    pub inactive: bool,
    pub codec: Codec,
    pub delivery: Delivery,
    pub flight: Option<Box<dyn std::io::Write + Send>>,
    pub recordings: Option<Box<dyn Recordings>>,
    pub hurry: Option<Box<dyn Hurry>>,
    /// The dialogue has ears of its own.
    pub hears: bool,
    /// A call of ours, with what is done where a machine answers.
    pub at_machine: Option<AtMachine>,
    pub consult: Option<Box<dyn Consult>>,
    pub refer: Option<Arc<dyn Refer>>,
    pub keypad: Option<Arc<dyn Keypad>>,
    /// Said once keys were pressed.
    pub after_keys: Vec<Step>,
    pub heir: Option<oneshot::Sender<Leg>>,
    /// In place of the fakes and the script.
    pub cast: Option<Cast>,
}

/// Who listens, speaks and thinks where it is not the fakes alone.
pub(crate) struct Cast {
    pub stt: Arc<dyn Stt>,
    pub tts: Arc<dyn Tts>,
    pub dialogue: Box<dyn Dialogue>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 1,
            options: Options::default(),
            stt: SttOptions::default(),
            tts: TtsOptions::default(),
            net: Net::default(),
            greeting: vec![say(GREETING)],
            replies: Vec::new(),
            announces_ready: false,
            clips: Clips::new(),
            background: None,
            resumed: None,
            inactive: false,
            codec: Codec::Pcm16 { rate_hz: RATE_HZ },
            delivery: Delivery::Datagrams,
            flight: None,
            recordings: None,
            consult: None,
            refer: None,
            keypad: None,
            after_keys: Vec::new(),
            heir: None,
            cast: None,
            hears: false,
            at_machine: None,
            hurry: None,
        }
    }
}

/// No greeting, and turn-taking by silence alone: for tests that look at something else.
pub(crate) fn plain() -> Setup {
    let mut setup = shipped();
    setup.options.turn = media_turn::Options::fixed(200);
    setup
}

/// As it is shipped: the end of a turn is judged by its words, and answers are guessed ahead. Without a greeting.
pub(crate) fn shipped() -> Setup {
    let mut setup = Setup { greeting: Vec::new(), ..Setup::default() };
    setup.options.turn.speculation.enabled = true;
    setup
}

/// The sentences of the text, rendered.
pub(crate) fn rendered(text: &str) -> Clips {
    let clip = |text: String| {
        let (samples, _) = Lexicon::shared().speak(&text, 24_000, 60);
        (text.clone(), Clip { text, samples: samples.into(), rate_hz: 24_000 })
    };
    sentence::cut(text).into_iter().map(clip).collect()
}

pub(crate) type Seen = Arc<Mutex<Vec<(Duration, SessionEvent)>>>;

struct Sink(Seen);

impl SessionSink for Sink {
    fn event(&mut self, _session: SessionId, at: Duration, event: &SessionEvent) {
        tracing::debug!(?event, "observed");
        self.0.lock().expect("not poisoned").push((at, event.clone()));
    }
}

/// A client protocol in a few words.
struct Plain {
    announces_ready: bool,
}

impl ClientProtocol for Plain {
    fn announces_ready(&self) -> bool {
        self.announces_ready
    }

    fn message(&mut self, text: &str) -> Vec<Reaction> {
        match text.split_once(' ').unwrap_or((text, "")) {
            ("ready", _) => vec![Reaction::Send("welcome".to_owned()), Reaction::Ready],
            ("text", text) => vec![Reaction::Text(text.to_owned())],
            ("key", key) => key.chars().map(|c| Reaction::Dtmf(c.try_into().expect("a key"))).collect(),
            ("bye", _) => vec![Reaction::HangUp],
            _ => Vec::new(),
        }
    }

    fn event(&mut self, event: &SessionEvent) -> Vec<String> {
        match event {
            SessionEvent::AgentSaying { text, .. } => vec![format!("saying {text}")],
            _ => Vec::new(),
        }
    }
}

pub(crate) struct Sim {
    pub caller: Caller,
    pub handle: Handle,
    pub directory: Directory,
    pub dialogue: Scripted,
    pub stt: Faults,
    pub tts: Faults,
    pub seen: Seen,
    pub started: Instant,
    pub tasks: Tasks,
}

impl Sim {
    pub(crate) async fn start(setup: Setup) -> Self {
        Self::start_in(&Directory::new(1), Tasks::new(), setup).await
    }

    pub(crate) async fn start_in(directory: &Directory, tasks: Tasks, setup: Setup) -> Self {
        eprintln!("seed {}", setup.seed);
        setup.options.validate().expect("valid options");
        let (caller, mut leg) = Caller::connect_with(&tasks, setup.net, setup.seed, setup.codec);
        leg.delivery = setup.delivery;
        leg.refer = setup.refer;
        leg.keypad = setup.keypad;
        let dialogue = Scripted::default();
        {
            let mut script = dialogue.0.lock().expect("not poisoned");
            script.greeting = setup.greeting;
            script.replies = setup.replies.into();
            script.after_keys = setup.after_keys;
            script.hears = setup.hears;
        }
        let stt = FakeStt::new(setup.stt);
        let tts = FakeTts::new(setup.tts).expect("valid voice");
        let (stt_faults, tts_faults) = (stt.faults(), tts.faults());
        let cast = setup.cast.unwrap_or_else(|| Cast {
            stt: Arc::new(stt),
            tts: Arc::new(tts),
            dialogue: Box::new(dialogue.clone()),
        });
        let seen = Seen::default();
        let (samples, _) = Lexicon::shared().speak(APOLOGY, 24_000, 60);
        let id = format!("ses_{:032x}", setup.seed * 1_000 + directory.counts().taken as u64)
            .parse()
            .expect("an id");
        let parts = Parts {
            at_machine: setup.at_machine,
            agent: "test".to_owned(),
            agent_version: "1".to_owned(),
            stt: cast.stt,
            tts: cast.tts,
            vad: Vad::Energy(EnergyVad::new()),
            end_of_turn: EndOfTurn::Off,
            dialogue: cast.dialogue,
            sink: Box::new(Sink(Arc::clone(&seen))),
            protocol: Box::new(Plain { announces_ready: setup.announces_ready }),
            leg,
            flight: setup.flight,
            recordings: setup.recordings,
            hurry: setup.hurry,
            apology: Clip { text: APOLOGY.to_owned(), samples: samples.into(), rate_hz: 24_000 },
            clips: Arc::new(setup.clips),
            background: setup.background,
            resumed: setup.resumed,
            consult: setup.consult,
            heir: setup.heir,
            options: setup.options,
        };
        let slot = directory.reserve().expect("a free slot");
        let place = slot.enter(id, &tasks).expect("nobody has this id");
        let started = Instant::now();
        let handle = media_session::start(place, &tasks, parts);
        let sim = Self {
            caller,
            handle,
            directory: directory.clone(),
            dialogue,
            stt: stt_faults,
            tts: tts_faults,
            seen,
            started,
            tasks,
        };
        if !setup.inactive {
            sim.caller.event(LegEvent::Active).await;
        }
        sim
    }

    /// A caller who has asked something and has listened to the answer for so long.
    pub(crate) async fn listening(setup: Setup, question: &str, listened_ms: u64) -> Self {
        let sim = Self::start(setup).await;
        wait(300).await;
        sim.caller.say(question).await;
        sim.until(3_000, |e| matches!(e, SessionEvent::AgentSaying { .. })).await;
        wait(listened_ms).await;
        sim
    }

    pub(crate) fn events(&self) -> Vec<SessionEvent> {
        self.seen.lock().expect("not poisoned").iter().map(|(_, event)| event.clone()).collect()
    }

    /// Waits until something like this has happened; fails after the time given.
    pub(crate) async fn until(&self, within_ms: u64, what: impl Fn(&SessionEvent) -> bool) -> Instant {
        self.until_nth(within_ms, 1, what).await
    }

    pub(crate) async fn until_nth(
        &self,
        within_ms: u64,
        nth: usize,
        what: impl Fn(&SessionEvent) -> bool,
    ) -> Instant {
        let deadline = Instant::now() + ms(within_ms);
        loop {
            let found = {
                let seen = self.seen.lock().expect("not poisoned");
                seen.iter().filter(|(_, event)| what(event)).nth(nth - 1).map(|(at, _)| *at)
            };
            if let Some(at) = found {
                return self.started + at;
            }
            if Instant::now() >= deadline {
                domain::show_pii(true); // a failure is to be read
                unreachable!("not within {within_ms} ms; seen: {:#?}", self.events());
            }
            tokio::time::sleep(ms(2)).await;
        }
    }

    /// Waits until the agent's `nth` turn is over.
    pub(crate) async fn agent_turn(&self, nth: usize) -> (String, bool) {
        self.until_nth(30_000, nth, |e| matches!(e, SessionEvent::AgentTurn { .. })).await;
        let turns = self.agent_turns();
        turns[nth - 1].clone()
    }

    pub(crate) fn agent_turns(&self) -> Vec<(String, bool)> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                SessionEvent::AgentTurn { text, interrupted, .. } => Some((text, interrupted)),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn caller_turns(&self) -> Vec<String> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                SessionEvent::CallerTurn { text, .. } => Some(text),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn timelines(&self) -> Vec<TurnTimeline> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                SessionEvent::TurnFinished { timeline } => Some(timeline),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn saw(&self, what: impl Fn(&SessionEvent) -> bool) -> bool {
        self.events().iter().any(what)
    }

    pub(crate) async fn ended(&self) -> EndReason {
        let ended = tokio::time::timeout(Duration::from_secs(120), self.handle.ended()).await;
        ended.expect("ends").expect("says why")
    }
}

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) async fn wait(millis: u64) {
    tokio::time::sleep(ms(millis)).await;
}
