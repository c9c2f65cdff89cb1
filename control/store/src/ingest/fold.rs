//! What new events change: the rows of their calls and turns, and what is counted and measured each minute. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use domain::{
    Mark, OrgId, ProviderName, Quality, ServedBy, SessionEvent, SessionId, TurnTimeline, wire_name,
};
use jiff::Timestamp;

use super::Call;
use crate::at::floor;
use crate::entry::{Happened, ProviderRequest, Speculation};
use crate::histogram::Histogram;

/// Of a call's events. With it the call has begun, whether or not anybody is ever heard in it: what ends has begun.
const FIRST: i32 = 0;
/// As the first words of a caller are shown.
const FIRST_WORDS: usize = 120;
/// Of one text, as much is searched: longer ones are typed by machines.
const SEARCHED: usize = 4_000;

/// As stages are stored; the response is the sum of the others.
pub const STAGES: [&str; 6] = ["response", "endpointing", "thinking", "sentence", "synthesis", "playout"];

/// Names of what asking ahead came to, among the counts: answers adopted, questions in vain, tokens of those.
pub(crate) const SPECULATION: [&str; 3] =
    ["speculations_adopted", "speculations_discarded", "speculation_tokens_wasted"];

#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) calls: BTreeMap<SessionId, Change>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) audio: Vec<Audio>,
    pub(crate) series: BTreeMap<Key, Series>,
    /// Of calls that a drill struck: in no measure of all calls.
    aside: Series,
}

/// To the row of one call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) last_sequence: i32,
    pub(crate) last_event_at: Timestamp,
    pub(crate) turns: i32,
    pub(crate) interruptions: i32,
    pub(crate) dead_air_ms: f64,
    pub(crate) failures: i32,
    pub(crate) recorded: bool,
    pub(crate) first_words: String,
    pub(crate) words: String,
    pub(crate) joined: Vec<String>,
    pub(crate) ended: Option<Ended>,
    pub(crate) greeting: Greeting,
    pub(crate) lowest_mos: Option<f32>,
    pub(crate) poor_audio: bool,
}

/// What a call says of the greeting it began with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) heard: Option<Heard>,
    /// The caller has said something.
    pub(crate) answered: bool,
    /// What the agent has noted and where it came to, as goals are written.
    pub(crate) reached: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) first_audible_us: Option<i64>,
    pub(crate) clipped: bool,
    pub(crate) talked_over: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ended {
    pub(crate) at: Timestamp,
    pub(crate) reason: String,
    pub(crate) duration_ms: f64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) session: SessionId,
    pub(crate) org: OrgId,
    pub(crate) number: i32,
    pub(crate) started_at: Timestamp,
    /// In microseconds, in the order of `STAGES`.
    pub(crate) stages: [Option<i64>; 6],
}

/// How the audio of a turn fared; in microseconds and shares of 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Audio {
    pub(crate) session: SessionId,
    pub(crate) number: i32,
    pub(crate) loss: [Option<f32>; 2],
    pub(crate) jitter_us: [Option<i64>; 2],
    pub(crate) mos: [Option<f32>; 2],
    pub(crate) round_trip_us: Option<i64>,
    pub(crate) poor: bool,
}

/// Whose measures, in which minute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) org: OrgId,
    pub(crate) at: Timestamp,
    pub(crate) agent_name: String,
    pub(crate) version: i32,
    pub(crate) transport: String,
    /// Empty: of all, whoever served.
    pub(crate) provider: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Series {
    pub(crate) latencies: BTreeMap<&'static str, Histogram>,
    /// By name and label.
    pub(crate) counts: BTreeMap<(&'static str, String), i64>,
}

impl Key {
    /// Of its hour, or as it is.
    pub(crate) fn at(mut self, hour: bool) -> Self {
        if hour {
            self.at = floor(self.at, 3600);
        }
        self
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.provider.is_empty()
    }
}

impl Folded {
    pub(crate) fn of(fresh: &[&Happened], calls: &mut HashMap<SessionId, Call>) -> Self {
        let mut folded = Self::default();
        for happened in fresh {
            if let Some(call) = calls.get_mut(&happened.session) {
                folded.add(happened, call);
            }
        }
        folded
    }

    /// What a request to a language model used, whatever came of it. Of none but calls on record: a trial of an account is nobody's activity.
    pub(crate) fn add_tokens(&mut self, request: &ProviderRequest, calls: &HashMap<SessionId, Call>) {
        let call = request.session.and_then(|session| calls.get(&session));
        let Some(call) = call.filter(|_| request.ability == "llm") else { return };
        for (name, tokens) in
            [("tokens_in", request.usage.input_tokens), ("tokens_out", request.usage.output_tokens)]
        {
            let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
            for provider in ["", &request.provider] {
                self.series(call, request.at, provider).count(name, "", tokens);
            }
        }
    }

    fn add(&mut self, happened: &Happened, call: &mut Call) {
        let at = call.started_at.checked_add(happened.at()).unwrap_or(call.started_at);
        let before = call.providers.len();
        for provider in &happened.joined {
            if !call.providers.contains(provider) {
                call.providers.push(provider.clone());
            }
        }
        let joined = &call.providers[before..];
        let change = self.calls.entry(happened.session).or_insert_with(|| Change::new(at));
        change.add(happened, at);
        change.joined.extend_from_slice(joined);
        // Their part of the call begins here.
        joined.iter().for_each(|provider| self.series(call, at, provider).count("calls", "", 1));
        if happened.sequence == FIRST {
            self.series(call, at, "").count("calls", "", 1);
        }
        let speculation = speculated(happened.speculation).map(|(name, value)| (name, String::new(), value));
        for (name, label, value) in counted(&happened.event).into_iter().chain(speculation) {
            self.series(call, at, "").count(name, &label, value);
            for provider in &call.providers {
                self.series(call, at, provider).count(name, &label, value);
            }
        }
        if let SessionEvent::TurnFinished { timeline } = &happened.event {
            let turn = Turn::new(happened.session, call, timeline);
            for (stage, value) in STAGES.iter().zip(turn.stages) {
                let Some(value) = value else { continue };
                for provider in std::iter::once("").chain(served(stage, &timeline.served_by)) {
                    let series = self.series(call, at, provider);
                    series.latencies.entry(stage).or_default().record(value.unsigned_abs());
                }
            }
            self.turns.push(turn);
        }
        if let SessionEvent::Quality { turn: Some(turn), quality } = &happened.event {
            self.audio.push(Audio::new(happened.session, turn.0, quality));
        }
    }

    fn series(&mut self, call: &Call, at: Timestamp, provider: &str) -> &mut Series {
        if call.is_drilled {
            return &mut self.aside;
        }
        let key = Key {
            org: call.org,
            at: floor(at, 60),
            agent_name: call.agent_name.clone(),
            version: call.version,
            transport: call.transport.clone(),
            provider: provider.to_owned(),
        };
        self.series.entry(key).or_default()
    }
}

/// Whose work a stage waited for: the first, where one took over from another. The whole response is everybody's.
fn served<'a>(stage: &str, by: &'a ServedBy) -> Vec<&'a str> {
    let first = |names: &'a [ProviderName]| names.first().map(|name| name.account.as_str());
    let found = match stage {
        "endpointing" => vec![first(&by.recognition)],
        "thinking" | "sentence" => vec![first(&by.thinking)],
        "synthesis" | "playout" => vec![first(&by.voice)],
        _ => vec![first(&by.recognition), first(&by.thinking), first(&by.voice)],
    };
    found.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect()
}

impl Change {
    fn new(at: Timestamp) -> Self {
        Self {
            last_sequence: 0,
            last_event_at: at,
            turns: 0,
            interruptions: 0,
            dead_air_ms: 0.0,
            failures: 0,
            recorded: false,
            first_words: String::new(),
            words: String::new(),
            joined: Vec::new(),
            ended: None,
            greeting: Greeting::default(),
            lowest_mos: None,
            poor_audio: false,
        }
    }

    fn add(&mut self, happened: &Happened, at: Timestamp) {
        self.last_sequence = self.last_sequence.max(happened.sequence);
        self.last_event_at = self.last_event_at.max(at);
        self.greeting.add(&happened.event);
        match &happened.event {
            SessionEvent::CallerTurn { text, .. } => {
                self.turns += 1;
                if self.first_words.is_empty() {
                    self.first_words = text.trim().chars().take(FIRST_WORDS).collect();
                }
                self.said(text);
            }
            SessionEvent::AgentTurn { text, .. } => self.said(text),
            SessionEvent::Interrupted { .. } => self.interruptions += 1,
            SessionEvent::DeadAir { length, .. } => self.dead_air_ms += ms(*length),
            SessionEvent::Failed { .. } => self.failures += 1,
            SessionEvent::Recorded { .. } => self.recorded = true,
            SessionEvent::Quality { quality, .. } => {
                self.lowest_mos =
                    [self.lowest_mos, quality.mos()].into_iter().flatten().min_by(f32::total_cmp);
                self.poor_audio |= quality.is_poor();
            }
            SessionEvent::Ended { reason } => {
                let reason = wire_name(reason);
                self.ended = Some(Ended { at, reason, duration_ms: ms(happened.at()) });
            }
            _ => {}
        }
    }

    fn said(&mut self, text: &str) {
        if !self.words.is_empty() {
            self.words.push(' ');
        }
        self.words.extend(text.chars().take(SEARCHED).filter(|c| *c != '\0'));
    }
}

impl Greeting {
    fn add(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Greeted { first_audible, clipped, talked_over, .. } => {
                let first_audible_us =
                    first_audible.map(|after| i64::try_from(after.as_micros()).unwrap_or(i64::MAX));
                let (clipped, talked_over) = (*clipped, *talked_over);
                self.heard = Some(Heard { first_audible_us, clipped, talked_over });
            }
            SessionEvent::CallerTurn { .. } => self.answered = true,
            SessionEvent::Noted { name, .. } => drop(self.reached.insert(format!("note:{name}"))),
            SessionEvent::Node { node, .. } => drop(self.reached.insert(format!("node:{node}"))),
            _ => {}
        }
    }
}

impl Turn {
    fn new(session: SessionId, call: &Call, timeline: &TurnTimeline) -> Self {
        let marks = [Mark::SpeechStarted, Mark::SpeechEnded, Mark::Committed, Mark::AgentStarted];
        let began = marks.iter().find_map(|mark| timeline.at(*mark)).unwrap_or_default();
        let parts = timeline.latencies();
        let us = |pick: fn(&domain::Latencies) -> Duration| {
            parts.as_ref().map(|parts| i64::try_from(pick(parts).as_micros()).unwrap_or(i64::MAX))
        };
        Self {
            session,
            org: call.org,
            number: i32::try_from(timeline.turn.0).unwrap_or(i32::MAX),
            started_at: call.started_at.checked_add(began).unwrap_or(call.started_at),
            stages: [
                us(|parts| parts.response),
                us(|parts| parts.endpointing),
                us(|parts| parts.thinking),
                us(|parts| parts.sentence),
                us(|parts| parts.synthesis),
                us(|parts| parts.playout),
            ],
        }
    }
}

impl Audio {
    fn new(session: SessionId, turn: u32, quality: &Quality) -> Self {
        let (network, reported) = (quality.inbound.network, quality.outbound.reported);
        let us = |length: Duration| i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        Self {
            session,
            number: i32::try_from(turn).unwrap_or(i32::MAX),
            loss: [network.map(|one| one.loss() as f32), reported.map(|one| one.loss() as f32)],
            jitter_us: [network.map(|one| us(one.jitter)), reported.map(|one| us(one.jitter))],
            mos: [quality.inbound.mos, quality.outbound.mos],
            round_trip_us: quality.round_trip.map(us),
            poor: quality.is_poor(),
        }
    }
}

impl Series {
    fn count(&mut self, name: &'static str, label: &str, value: i64) {
        *self.counts.entry((name, label.to_owned())).or_default() += value;
    }
}

/// What an event adds to which count, by its name and label.
fn counted(event: &SessionEvent) -> Option<(&'static str, String, i64)> {
    let one = |name| Some((name, String::new(), 1));
    match event {
        SessionEvent::CallerTurn { .. } => one("turns"),
        SessionEvent::Interrupted { .. } => one("interruptions"),
        SessionEvent::DeadAir { cause, length, .. } => {
            Some(("dead_air_ms", wire_name(cause), i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
        }
        SessionEvent::Failed { code, .. } => Some(("failures", code.clone(), 1)),
        SessionEvent::Ended { reason } => Some(("ended", wire_name(reason), 1)),
        _ => None,
    }
}

/// As they are counted: see `latency::SPECULATION`.
fn speculated(came: Speculation) -> impl Iterator<Item = (&'static str, i64)> {
    let tokens = i64::try_from(came.wasted_tokens).unwrap_or(i64::MAX);
    let [adopted, discarded, wasted] = SPECULATION;
    let all = [(adopted, came.adopted.into()), (discarded, came.discarded.into()), (wasted, tokens)];
    all.into_iter().filter(|(_, value)| *value > 0)
}

#[expect(clippy::cast_precision_loss, reason = "a call would have to last 285 years")]
fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use domain::{DeadAir, EndReason, TurnId};

    use super::*;

    fn call() -> Call {
        Call {
            org: OrgId::generate(),
            agent_name: "front-desk".to_owned(),
            version: 1,
            transport: "webrtc".to_owned(),
            providers: Vec::new(),
            started_at: Timestamp::from_second(1_800_000_030).expect("a time"),
            is_drilled: false,
        }
    }

    fn fold(events: Vec<(u64, SessionEvent)>) -> (Change, Folded) {
        fold_with(events.into_iter().map(|(ms, event)| (ms, event, "")).collect())
    }

    /// Each with whoever joined by then.
    fn fold_with(events: Vec<(u64, SessionEvent, &str)>) -> (Change, Folded) {
        fold_of(call(), events)
    }

    fn fold_of(call: Call, events: Vec<(u64, SessionEvent, &str)>) -> (Change, Folded) {
        let session = SessionId::generate();
        let happened = events.into_iter().zip(0..).map(|((ms, event, joined), sequence)| Happened {
            session,
            sequence,
            at_us: (ms * 1000) as i64,
            event,
            joined: joined.split_whitespace().map(str::to_owned).collect(),
            speculation: Speculation::default(),
        });
        let happened: Vec<Happened> = happened.collect();
        let mut calls = HashMap::from([(session, call)]);
        let folded = Folded::of(&happened.iter().collect::<Vec<_>>(), &mut calls);
        (folded.calls[&session].clone(), folded)
    }

    fn timeline(turn: u32, ended: u64, started: u64) -> SessionEvent {
        let mut timeline = TurnTimeline::new(TurnId(turn));
        timeline.mark(Mark::SpeechEnded, Duration::from_millis(ended));
        timeline.mark(Mark::AgentStarted, Duration::from_millis(started));
        SessionEvent::TurnFinished { timeline }
    }

    #[test]
    fn a_call_is_summed_up() {
        let (change, folded) = fold(vec![
            (0, SessionEvent::Started),
            (900, SessionEvent::CallerTurn { turn: TurnId(1), text: " a haircut ".to_owned(), typed: false }),
            (
                950,
                SessionEvent::DeadAir {
                    turn: None,
                    cause: DeadAir::Thinking,
                    length: Duration::from_millis(2500),
                },
            ),
            (1200, SessionEvent::AgentTurn { turn: TurnId(1), text: "gladly".to_owned(), interrupted: true }),
            (1200, SessionEvent::Interrupted { turn: TurnId(1) }),
            (1300, timeline(1, 600, 1000)),
            (5000, SessionEvent::Ended { reason: EndReason::CallerLeft }),
        ]);
        assert_eq!((change.turns, change.interruptions, change.last_sequence), (1, 1, 6));
        assert_eq!((change.first_words.as_str(), change.words.as_str()), ("a haircut", " a haircut  gladly"));
        assert!((change.dead_air_ms - 2500.0).abs() < 1e-9);
        let ended = change.ended.expect("it ended");
        assert_eq!((ended.reason.as_str(), ended.duration_ms as i64), ("caller_left", 5000));
        assert_eq!(folded.turns[0].stages[0], Some(400_000));
        let series = folded.series.values().next().expect("one minute");
        assert_eq!(series.counts[&("dead_air_ms", "thinking".to_owned())], 2500);
        assert_eq!(series.latencies["response"].count(), 1);
    }

    /// Nobody was ever heard in it: an INVITE without an ACK, a page that got no connection.
    #[test]
    fn a_call_that_ended_had_begun() {
        let reason = EndReason::ConnectionLost;
        let (_, folded) = fold(vec![(0, SessionEvent::Detached), (40, SessionEvent::Ended { reason })]);
        let series = folded.series.values().next().expect("one minute");
        let count = |name: &'static str, label: &str| series.counts.get(&(name, label.to_owned())).copied();
        assert_eq!((count("calls", ""), count("ended", "connection_lost")), (Some(1), Some(1)));
    }

    #[test]
    fn the_worst_of_its_audio_is_the_calls_and_each_turn_has_its_own() {
        let quality = |turn, lost| {
            let network = domain::quality::Arrived {
                expected: 200,
                lost,
                jitter: Duration::from_millis(4),
                ..Default::default()
            };
            let mut quality = Quality::new("webrtc", domain::Encoding::Opus);
            quality.inbound.network = Some(network);
            quality.judge();
            SessionEvent::Quality { turn, quality: Box::new(quality) }
        };
        let turn = |n| Some(TurnId(n));
        let (change, folded) =
            fold(vec![(900, quality(turn(1), 0)), (1_900, quality(turn(2), 30)), (2_000, quality(None, 15))]);
        assert!(change.poor_audio && change.lowest_mos.is_some_and(|mos| mos < 3.2), "{change:?}");
        let losses: Vec<_> =
            folded.audio.iter().map(|audio| (audio.number, audio.loss, audio.poor)).collect();
        assert_eq!(losses, [(1, [Some(0.0), None], false), (2, [Some(0.15), None], true)]);
        assert_eq!(folded.audio[0].jitter_us, [Some(4_000), None]);
        let (clean, _) = fold(vec![(900, quality(None, 0))]);
        assert!(!clean.poor_audio && clean.lowest_mos.is_some_and(|mos| mos > 4.3));
    }

    #[test]
    fn what_was_asked_ahead_is_counted_once_with_the_event_after_it() {
        let (session, call) = (SessionId::generate(), call());
        let speculation = Speculation { adopted: 2, discarded: 1, wasted_tokens: 340 };
        let none = Happened {
            session,
            sequence: 0,
            at_us: 0,
            event: SessionEvent::Started,
            joined: Vec::new(),
            speculation: Speculation::default(),
        };
        let some = Happened {
            sequence: 1,
            at_us: 1_000,
            event: timeline(1, 600, 1000),
            speculation,
            ..none.clone()
        };
        let folded = Folded::of(&[&none, &some], &mut HashMap::from([(session, call)]));
        let series = folded.series.values().next().expect("one minute");
        let counts = SPECULATION.map(|name| series.counts[&(name, String::new())]);
        assert_eq!(counts, [2, 1, 340]);
        let written = serde_json::to_value(&none).expect("JSON");
        assert!(written.get("speculation").is_none(), "as entries of servers before: {written}");
        assert_eq!(serde_json::from_value::<Happened>(written).expect("read"), none);
    }

    #[test]
    fn what_came_of_the_greeting_is_kept() {
        let turn = TurnId(1);
        let (change, _) = fold(vec![
            (
                700,
                SessionEvent::Greeted {
                    turn,
                    first_audible: Some(Duration::from_millis(180)),
                    clipped: false,
                    talked_over: true,
                },
            ),
            (900, SessionEvent::CallerTurn { turn: TurnId(2), text: "hi".to_owned(), typed: false }),
            (950, SessionEvent::Node { turn, node: "book".to_owned() }),
            (960, SessionEvent::Noted { name: "appointment".to_owned(), value: serde_json::Value::Null }),
        ]);
        let heard = Heard { first_audible_us: Some(180_000), clipped: false, talked_over: true };
        assert_eq!(change.greeting.heard, Some(heard));
        assert!(change.greeting.answered);
        let reached: Vec<&str> = change.greeting.reached.iter().map(String::as_str).collect();
        assert_eq!(reached, ["node:book", "note:appointment"]);
    }

    #[test]
    fn a_call_that_a_drill_struck_is_on_record_and_in_no_measure_of_all_calls() {
        let drilled = Call { is_drilled: true, ..call() };
        let (change, folded) =
            fold_of(drilled, vec![(0, SessionEvent::Started, "ears"), (1300, timeline(1, 600, 1000), "")]);
        assert_eq!((change.last_sequence, folded.turns[0].stages[0]), (1, Some(400_000)));
        assert!(folded.series.is_empty());
    }

    #[test]
    fn a_provider_has_the_call_from_where_it_served_and_of_each_turn_the_stages_that_it_served() {
        let name = |account: &str| ProviderName { account: account.to_owned(), model: "m".to_owned() };
        let answered = |turn, thinking: &[&str]| {
            let SessionEvent::TurnFinished { mut timeline } = timeline(turn, 600, 1000) else {
                unreachable!("made above")
            };
            timeline.served_by = ServedBy {
                recognition: vec![name("ears")],
                thinking: thinking.iter().map(|account| name(account)).collect(),
                voice: vec![name("ears"), name("other")],
            };
            SessionEvent::TurnFinished { timeline }
        };
        let turn = |n| SessionEvent::CallerTurn { turn: TurnId(n), text: String::new(), typed: false };
        let (change, folded) = fold_with(vec![
            (0, SessionEvent::Started, ""),
            (500, turn(1), "ears"),
            (1000, answered(1, &[]), "ears other"),
            (1100, turn(2), ""),
            (1500, answered(2, &["mind", "other"]), "mind"),
            (1600, SessionEvent::Ended { reason: EndReason::CallerLeft }, ""),
        ]);
        assert_eq!(change.joined, ["ears", "other", "mind"]);
        let found = |provider: &str| {
            let series = folded.series.iter().find(|(key, _)| key.provider == provider).expect("counted").1;
            let count =
                |name| series.counts.iter().filter(|((of, _), _)| *of == name).map(|(_, value)| value).sum();
            let turns = |stage| series.latencies.get(stage).map_or(0, Histogram::count);
            let counts: [i64; 3] = ["calls", "turns", "ended"].map(count);
            (counts, ["response", "endpointing", "thinking", "synthesis"].map(turns))
        };
        assert_eq!(found(""), ([1, 2, 1], [2, 2, 2, 2]));
        assert_eq!(found("ears"), ([1, 2, 1], [2, 2, 0, 2]));
        assert_eq!(found("mind"), ([1, 0, 1], [1, 0, 1, 0]));
        assert_eq!(found("other"), ([1, 1, 1], [0, 0, 0, 0]), "others were waited for");
    }

    #[test]
    fn what_happens_in_another_minute_is_counted_there() {
        let turn = |n| SessionEvent::CallerTurn { turn: TurnId(n), text: String::new(), typed: false };
        // The call began half a minute into a minute.
        let (_, folded) = fold(vec![(0, SessionEvent::Started), (29_000, turn(1)), (31_000, turn(2))]);
        let counts: Vec<i64> =
            folded.series.values().map(|series| series.counts[&("turns", String::new())]).collect();
        assert_eq!(counts, [1, 1]);
        let hours: Vec<Key> = folded.series.keys().map(|key| key.clone().at(true)).collect();
        assert_eq!(hours[0], hours[1]);
    }
}
