//! What new events change: the rows of their calls and turns, and what is counted and measured each minute. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use domain::{DeadAir, Mark, OrgId, SessionEvent, SessionId, TurnTimeline};
use jiff::Timestamp;

use super::Call;
use crate::entry::Happened;
use crate::histogram::Histogram;

/// As the first words of a caller are shown.
const FIRST_WORDS: usize = 120;
/// Of one text, as much is searched: longer ones are typed by machines.
const SEARCHED: usize = 4_000;

/// As stages are stored; the response is the sum of the others.
pub const STAGES: [&str; 6] = ["response", "endpointing", "thinking", "sentence", "synthesis", "playout"];

#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) calls: BTreeMap<SessionId, Change>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) series: BTreeMap<Key, Series>,
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
    pub(crate) ended: Option<Ended>,
    pub(crate) greeting: Greeting,
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

/// Whose measures, in which minute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) org: OrgId,
    pub(crate) at: Timestamp,
    pub(crate) agent_name: String,
    pub(crate) version: i32,
    pub(crate) transport: String,
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
            self.at = begin(self.at, 3600);
        }
        self
    }
}

fn begin(at: Timestamp, seconds: i64) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(seconds)).unwrap_or(at)
}

impl Folded {
    pub(crate) fn of(fresh: &[&Happened], calls: &HashMap<SessionId, Call>) -> Self {
        let mut folded = Self::default();
        for happened in fresh {
            if let Some(call) = calls.get(&happened.session) {
                folded.add(happened, call);
            }
        }
        folded
    }

    fn add(&mut self, happened: &Happened, call: &Call) {
        let at = call.started_at.checked_add(happened.at()).unwrap_or(call.started_at);
        let change = self.calls.entry(happened.session).or_insert_with(|| Change::new(at));
        change.add(happened, at);
        let key = Key {
            org: call.org,
            at: begin(at, 60),
            agent_name: call.agent_name.clone(),
            version: call.version,
            transport: call.transport.clone(),
            provider: call.provider.clone(),
        };
        let mut aside = Series::default();
        let series = if call.is_drilled { &mut aside } else { self.series.entry(key).or_default() };
        series.add(&happened.event);
        if let SessionEvent::TurnFinished { timeline } = &happened.event {
            let turn = Turn::new(happened.session, call, timeline);
            for (stage, value) in STAGES.iter().zip(turn.stages) {
                if let Some(value) = value {
                    series.latencies.entry(stage).or_default().record(value.unsigned_abs());
                }
            }
            self.turns.push(turn);
        }
    }
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
            ended: None,
            greeting: Greeting::default(),
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
            SessionEvent::Ended { reason } => {
                let reason = name_of(reason);
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

impl Series {
    fn add(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Started => self.count("calls", "", 1),
            SessionEvent::CallerTurn { .. } => self.count("turns", "", 1),
            SessionEvent::Interrupted { .. } => self.count("interruptions", "", 1),
            SessionEvent::DeadAir { cause, length, .. } => {
                let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
                self.count("dead_air_ms", &dead_air(*cause), length);
            }
            SessionEvent::Failed { code, .. } => self.count("failures", code, 1),
            SessionEvent::Ended { reason } => self.count("ended", &name_of(reason), 1),
            _ => {}
        }
    }

    fn count(&mut self, name: &'static str, label: &str, value: i64) {
        *self.counts.entry((name, label.to_owned())).or_default() += value;
    }
}

fn dead_air(cause: DeadAir) -> String {
    name_of(&cause)
}

/// As serde writes it.
fn name_of(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a call would have to last 285 years")]
fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use domain::{EndReason, TurnId};

    use super::*;

    fn call() -> Call {
        Call {
            org: OrgId::generate(),
            agent_name: "front-desk".to_owned(),
            version: 1,
            transport: "webrtc".to_owned(),
            provider: "local".to_owned(),
            started_at: Timestamp::from_second(1_800_000_030).expect("a time"),
            is_drilled: false,
        }
    }

    fn fold(events: Vec<(u64, SessionEvent)>) -> (Change, Folded) {
        fold_of(call(), events)
    }

    fn fold_of(call: Call, events: Vec<(u64, SessionEvent)>) -> (Change, Folded) {
        let session = SessionId::generate();
        let happened: Vec<Happened> = events
            .into_iter()
            .zip(0..)
            .map(|((ms, event), sequence)| Happened { session, sequence, at_us: (ms * 1000) as i64, event })
            .collect();
        let folded = Folded::of(&happened.iter().collect::<Vec<_>>(), &HashMap::from([(session, call)]));
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
            fold_of(drilled, vec![(0, SessionEvent::Started), (1300, timeline(1, 600, 1000))]);
        assert_eq!((change.last_sequence, folded.turns[0].stages[0]), (1, Some(400_000)));
        assert!(folded.series.is_empty());
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
