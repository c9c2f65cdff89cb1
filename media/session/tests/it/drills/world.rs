//! One call with two vendors for each ability behind real routes and an agent that thinks with a model; and what its caller heard.

use std::sync::Arc;
use std::time::Duration;

use agents_graph::ToolError;
use agents_run::{Agent, Conversation, Ports, SystemClock, ToolCall, Tools};
use domain::{EndReason, SessionEvent, SessionId, TurnId};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use media_core::LegEvent;
use media_session::Directory;
use media_session::ports::{Dialogue, Said};
use providers_api::{Ability, Llm, Stt, Tts};
use providers_fake::drill::{Fault, Moment};
use providers_fake::{Answer, Drilled, FakeLlm, FakeStt, FakeTts, LlmOptions, Named, SttOptions, TtsOptions};
use providers_route::call::{AUDIO_MS, FINAL_MS, OPEN_MS, hearing, speaking, thinking};
use providers_route::{Alternative, Health, LlmRoute, Nobody, Options, Setting, SttRoute, TtsRoute, breaker};
use runtime::tasks::Tasks;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::sim::{APOLOGY, Cast, Setup, Sim, ms, shipped, wait};

/// What a caller asks, and the whole answer. No word is in two answers, or twice in one.
pub(crate) const TALK: [(&str, &str); 2] = [
    (
        "what are your opening hours",
        "We open every weekday at nine sharp. Saturdays begin somewhat later, around eleven.",
    ),
    ("where can i leave my car", "Parking lies behind this old house. Two euros pay for one whole day."),
];
pub(crate) const SORRY: &str = "Sorry, something went wrong on my side.";
const GREETING: &str = "Hello, front desk speaking.";

/// The fault that one vendor of a call has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub ability: Ability,
    pub fault: Fault,
    pub moment: Moment,
}

/// What a caller heard of one answer.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// From the last voiced sample of the question to the first audible one of the answer.
    pub response: Duration,
    /// The longest silence within the answer.
    pub gap: Duration,
    /// As an ear understands them, where one listens: that takes most of the time of a call.
    pub words: Vec<String>,
    /// What the memory of the conversation says was heard.
    pub history: Vec<String>,
    pub understood: String,
}

pub(crate) struct Call {
    pub turns: Vec<Heard>,
    /// Where it ended before its caller hung up.
    pub ended: Option<EndReason>,
}

/// Of a provider that is well.
type Made<P> = Box<dyn Fn(Arc<P>) -> Arc<P>>;

/// Whoever is asked first for each ability.
pub(crate) struct Primaries {
    pub stt: Made<dyn Stt>,
    pub llm: Made<dyn Llm>,
    pub tts: Made<dyn Tts>,
}

impl Primaries {
    pub(crate) fn well() -> Self {
        Self { stt: Box::new(|stt| stt), llm: Box::new(|llm| llm), tts: Box::new(|tts| tts) }
    }

    pub(crate) fn drilled(outage: Outage) -> Self {
        let Outage { ability, fault, moment } = outage;
        let mut primaries = Self::well();
        match ability {
            Ability::Stt => primaries.stt = Box::new(move |stt| Arc::new(Drilled::new(stt, fault, moment))),
            Ability::Llm => primaries.llm = Box::new(move |llm| Arc::new(Drilled::new(llm, fault, moment))),
            _ => primaries.tts = Box::new(move |tts| Arc::new(Drilled::new(tts, fault, moment))),
        }
        primaries
    }
}

/// The agent of these calls; thinks with a model alone.
pub(crate) async fn agent() -> Arc<Agent> {
    let definition = json!({
        "name": "drilled", "version": 1, "entry": "talk", "greeting": [GREETING],
        "nodes": {
            "talk": {"kind": "llm", "instructions": "You serve.", "sorry": [SORRY],
                "exits": {"done": {"description": "All is said."}}},
            "bye": {"kind": "end", "text": ["Goodbye."]},
        },
        "edges": [{"from": "talk", "on": "done", "to": "bye"}],
    });
    Arc::new(Agent::load(&definition.to_string(), None).await.expect("a valid agent"))
}

/// A whole call: greeting, every question of `TALK` with its answer, hanging up.
pub(crate) async fn call(agent: &Arc<Agent>, seed: u64, primaries: &Primaries, listens: bool) -> Call {
    let tasks = Tasks::new();
    let session = SessionId::generate();
    let setting = |options: Options| Setting {
        options,
        health: Arc::new(Health::new(breaker::Options::default(), Arc::new(Nobody))),
        observer: Arc::new(Nobody),
        pace: None,
    };
    let (one, two) = (ear("one"), ear("two"));
    let ears = vec![Alternative::new((primaries.stt)(one), "one"), Alternative::new(two, "two")];
    let (one, two) = (voice("one"), voice("two"));
    let voices = vec![Alternative::new((primaries.tts)(one), "one"), Alternative::new(two, "two")];
    let (one, two) = (model("one"), model("two"));
    let models = vec![Alternative::new((primaries.llm)(one), "one"), Alternative::new(two, "two")];
    let llm = LlmRoute::new(models, setting(thinking())).expect("valid");
    let ports = Ports {
        llm: Some(Arc::new(llm)),
        meter: None,
        tools: Arc::new(NoTools),
        clock: Arc::new(SystemClock),
        tasks: Arc::new(Tasks::new()),
        bridges: None,
    };
    let mut setup = Setup { seed, ..shipped() };
    setup.options.waits.raise(OPEN_MS, FINAL_MS, AUDIO_MS);
    setup.cast = Some(Cast {
        stt: Arc::new(SttRoute::new(ears, setting(hearing())).expect("valid")),
        tts: Arc::new(TtsRoute::new(voices, setting(speaking())).expect("valid")),
        dialogue: Box::new(Graph(Conversation::new(Arc::clone(agent), ports, session, seed))),
    });
    let sim = Sim::start_in(&Directory::new(1), tasks, setup).await;
    let mut turns = Vec::new();
    quiet(&sim, sim.started, 6_000).await;
    for (question, _) in TALK {
        if sim.saw(|e| matches!(e, SessionEvent::Ended { .. })) {
            break;
        }
        turns.push(ask(&sim, question, listens).await);
    }
    let cut_off = sim.events().into_iter().find_map(|event| match event {
        SessionEvent::Ended { reason } => Some(reason),
        _ => None,
    });
    if cut_off.is_none() {
        sim.caller.event(LegEvent::Closed).await;
        sim.ended().await;
    }
    Call { turns, ended: cut_off }
}

/// Asks, and listens until the agent has long been silent.
async fn ask(sim: &Sim, question: &str, listens: bool) -> Heard {
    // By their number and not by their time: the first word of an answer begins within the silence before it.
    let all = || if listens { sim.caller.words() } else { Vec::new() };
    let before = all().len();
    let (spoken, heard) = (sim.caller_turns().len(), sim.agent_turns().len());
    let asked_at = Instant::now();
    sim.caller.say(question).await;
    let asked = sim.caller.state.lock().expect("not poisoned").spoke_to.unwrap_or(asked_at);
    quiet(sim, asked, 9_000).await;
    let sounds: Vec<Instant> = sim.caller.sounds().into_iter().filter(|at| *at > asked).collect();
    let response = sounds.first().map_or(Duration::MAX, |first| *first - asked);
    let gap = sounds.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let history: Vec<String> = sim.agent_turns()[heard..].iter().flat_map(|(text, _)| words(text)).collect();
    Heard {
        response,
        gap,
        words: all().into_iter().skip(before).map(|word| word.text).collect(),
        history,
        understood: sim.caller_turns()[spoken..].join(" "),
    }
}

/// Until the agent has spoken and its turn is over, or nothing came for so long.
async fn quiet(sim: &Sim, since: Instant, most_ms: u64) {
    let turns = sim.agent_turns().len();
    let deadline = since + ms(most_ms);
    loop {
        wait(200).await;
        let spoke = sim.agent_turns().len() > turns && sim.caller.last_sound().is_some_and(|at| at > since);
        let silent = sim.caller.last_sound().is_none_or(|at| at + ms(400) < Instant::now());
        let over = sim.saw(|e| matches!(e, SessionEvent::Ended { .. }));
        if over || spoke && silent || silent && Instant::now() > deadline {
            return;
        }
    }
}

fn ear(name: &'static str) -> Arc<dyn Stt> {
    let fake = FakeStt::new(SttOptions::default());
    Arc::new(Named::new(name, fake.info().clone(), fake))
}

fn voice(name: &'static str) -> Arc<dyn Tts> {
    let fake = FakeTts::new(TtsOptions::default()).expect("valid");
    Arc::new(Named::new(name, fake.info().clone(), fake))
}

fn model(name: &'static str) -> Arc<dyn Llm> {
    let answers = TALK.iter().map(|(question, answer)| {
        // A word of the question that is in no other.
        let to = question.split(' ').next_back().unwrap_or_default().to_owned();
        Answer { to, text: (*answer).to_owned(), calls: Vec::new() }
    });
    let fake = FakeLlm::new(LlmOptions { answers: answers.collect(), ..LlmOptions::default() });
    Arc::new(Named::new(name, fake.info().clone(), fake))
}

/// When a second vendor is asked beside one that says nothing; of recognition, when the first is given up.
pub(crate) fn hedge_deadline(ability: Ability) -> Duration {
    match ability {
        Ability::Stt => ms(hearing().last.default_ms.min(hearing().first.default_ms)),
        Ability::Llm => ms(thinking().hedge.map_or(0, |bounds| bounds.default_ms)),
        _ => ms(speaking().hedge.map_or(0, |bounds| bounds.default_ms)),
    }
}

/// Whether the caller was told in place of an answer that something went wrong.
pub(crate) fn is_last_resort(words: &[String]) -> bool {
    let said = words.join(" ");
    said.ends_with(APOLOGY) || said.ends_with(SORRY)
}

struct NoTools;

impl Tools for NoTools {
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolError>> {
        let message = format!("there is no {}", call.name);
        futures::future::ready(Err(ToolError { code: "TOOL_FAILED".to_owned(), message })).boxed()
    }
}

/// The session's `Dialogue` on a conversation, as `foundry` has it, without its record.
struct Graph(Conversation);

impl Dialogue for Graph {
    fn greet(&mut self, turn: TurnId) -> BoxStream<'static, Said> {
        said(self.0.greet(turn))
    }

    fn speculate(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        said(self.0.speculate(turn, caller))
    }

    fn commit(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        said(self.0.commit(turn, caller))
    }

    fn nudge(&mut self, turn: TurnId, count: u32) -> BoxStream<'static, Said> {
        said(self.0.nudge(turn, count))
    }

    fn farewell(&mut self, turn: TurnId, reason: EndReason) -> BoxStream<'static, Said> {
        said(self.0.farewell(turn, reason))
    }

    fn discard(&mut self, turn: TurnId) {
        self.0.discard(turn);
    }

    fn heard(&mut self, turn: TurnId, text: &str, interrupted: bool) {
        self.0.heard(turn, text, interrupted);
    }
}

fn said(steps: BoxStream<'static, agents_run::Step>) -> BoxStream<'static, Said> {
    use agents_run::Step;
    steps
        .map(|step| match step {
            Step::Text(text) => Said::Text(text),
            Step::Voiced(voiced) => Said::Voiced(voiced),
            Step::Hold(length) => Said::Hold(length),
            Step::Interruptible(may) => Said::Interruptible(may),
            Step::Node(node) => Said::Node(node),
            Step::Noted { name, value } => Said::Noted { name, value },
            Step::Transfer(transfer) => Said::Transfer(transfer),
            Step::Press(keys) => Said::Press(keys),
            Step::Failed { failure, message } => Said::Failed { failure, message },
            Step::Trouble { failure, message } => Said::Trouble { failure, message },
            Step::End(reason) => Said::End(reason),
        })
        .boxed()
}
