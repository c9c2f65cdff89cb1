//! The machine never falls silent for ever, never spins, never says a thing twice: for any inputs in any order.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use domain::{Digit, MediaTime, Score, Transcript, TurnId, VadDecision};
use media_turn::{Floor, Input, Options, Output, Rule, TurnMachine};
use proptest::prelude::*;

use crate::sim::Laws;

const TEXTS: [&str; 12] = [
    "",
    "mhm",
    "okay",
    "um",
    "you",
    "stop",
    "my number is",
    "five five five",
    "when do you close?",
    "I want to book a table",
    "  …\u{a0}",
    "HELLO hello",
];

/// One input and how long after the last it comes.
#[derive(Debug, Clone)]
struct Step {
    after: Duration,
    input: Input<'static>,
}

fn step() -> impl Strategy<Value = Step> {
    let turn = || (0u32..8).prop_map(TurnId);
    let text = || prop::sample::select(&TEXTS[..]);
    let position = || (0u64..20_000).prop_map(MediaTime::from_millis);
    let input = prop_oneof![
        2 => Just(Input::MediaActive),
        1 => Just(Input::MediaLost),
        12 => (position(), 0u64..200, prop::sample::select(&[0.0f32, 0.4, 0.95, f32::NAN][..])).prop_map(|(from, length, probability)| {
            let to = from + MediaTime::from_millis(length);
            Input::Vad(VadDecision { loud_to: from, behind: from, ..VadDecision::new(from, to, probability, -20.0) })
        }),
        3 => (prop::sample::select(&[0.1f32, 0.5, 0.9, f32::NAN][..]), position()).prop_map(|(probability, at)| Input::EndOfTurn(Score { probability, at })),
        4 => (text(), position(), position()).prop_map(|(text, from, to)| Input::Transcript(Cow::Owned(Transcript::partial(text, from, to)))),
        4 => (text(), position(), position()).prop_map(|(text, from, to)| Input::Transcript(Cow::Owned(Transcript::complete(text, from, to)))),
        1 => Just(Input::TranscriptLost),
        1 => text().prop_map(|text| Input::Text(text.into())),
        1 => prop::sample::select(&['1', '#', '*'][..]).prop_map(|key| Input::Dtmf(Digit::try_from(key).expect("a key"))),
        4 => turn().prop_map(Input::AgentAudio),
        4 => (turn(), position()).prop_map(|(turn, at)| Input::Heard(turn, at)),
        3 => turn().prop_map(Input::AgentDone),
        1 => (turn(), any::<bool>()).prop_map(|(turn, may)| Input::Interruptible(turn, may)),
        1 => (turn(), text()).prop_map(|(turn, text)| Input::Saying(turn, text.into())),
        1 => turn().prop_map(Input::Irrevocable),
        1 => (0u64..100).prop_map(|seconds| Input::Hold(Duration::from_secs(seconds))),
        1 => Just(Input::Speak),
        4 => Just(Input::Timeout),
    ];
    (0u64..400, input).prop_map(|(after_ms, input)| Step { after: Duration::from_millis(after_ms), input })
}

/// Voice and silence as a detector would tell them, mixed with anything else.
fn plausible() -> impl Strategy<Value = Vec<Step>> {
    let run =
        (prop::sample::select(&[0.02f32, 0.95][..]), 1usize..60, proptest::collection::vec(step(), 0..3));
    proptest::collection::vec(run, 1..25).prop_map(|runs| {
        let mut at = 0;
        let mut steps = vec![Step { after: Duration::ZERO, input: Input::MediaActive }];
        for (probability, frames, others) in runs {
            for _ in 0..frames {
                let (from, to) = (MediaTime::from_millis(at), MediaTime::from_millis(at + 20));
                let input = Input::Vad(VadDecision::new(from, to, probability, -20.0));
                steps.push(Step { after: Duration::from_millis(20), input });
                at += 20;
            }
            steps.extend(others.into_iter().filter(|step| !matches!(step.input, Input::Vad(_))).map(
                |mut step| {
                    step.after = Duration::ZERO;
                    // Recognisers speak of audio that was there.
                    if let Input::Transcript(transcript) = &mut step.input {
                        transcript.to_mut().to = MediaTime::from_millis(at);
                        transcript.to_mut().from = MediaTime::from_millis(at.saturating_sub(800));
                    }
                    step
                },
            ));
        }
        steps
    })
}

struct Run {
    machine: TurnMachine,
    laws: Laws,
    now: Instant,
    deadline: Option<Instant>,
    gave_up: bool,
}

impl Run {
    fn new(options: Options) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; no wall time is compared")]
        let start = Instant::now();
        Self {
            machine: TurnMachine::new(options, start),
            laws: Laws::default(),
            now: start,
            deadline: None,
            gave_up: false,
        }
    }

    fn give(&mut self, input: Input<'_>) -> Vec<Output> {
        self.laws.input(&input);
        self.machine.handle(input, self.now);
        let mut outputs = Vec::new();
        for _ in 0..200 {
            let output = self.machine.poll();
            self.laws.output(&output, self.now, self.machine.floor());
            self.gave_up |= matches!(output, Output::GiveUp(_));
            if let Output::Timeout(next) = output {
                self.deadline = next.map(|(due, _)| due);
                assert_eq!(self.machine.poll(), output, "polling again changes nothing");
                return outputs;
            }
            outputs.push(output);
        }
        unreachable!("poll does not end");
    }

    /// Nothing more comes from outside: the machine's own deadlines alone lead to a goodbye.
    fn run_out(&mut self) {
        self.give(Input::MediaActive);
        let mut wakes = 0;
        while let Some(due) = self.deadline {
            self.now = due;
            self.give(Input::Timeout);
            wakes += 1;
            assert!(wakes < 200, "spins in {:?}", self.machine.floor());
        }
        assert!(self.gave_up, "silent for ever in {:?}", self.machine.floor());
        assert_eq!(self.machine.floor(), Floor::Listening);
    }
}

fn options(speculates: bool, fixed: bool) -> Options {
    let mut options = if fixed { Options::fixed(200) } else { Options::default() };
    options.speculation.enabled = speculates;
    options
}

proptest! {
    #![proptest_config(testkit::seed::cases(400))]

    // A failure prints the inputs, shrunk; its output begins with the seed.
    #[test]
    fn any_inputs_in_any_order(steps in proptest::collection::vec(step(), 0..120), speculates: bool, fixed: bool) {
        let mut run = Run::new(options(speculates, fixed));
        for step in steps {
            run.now += step.after;
            run.give(step.input);
        }
        run.run_out();
    }

    #[test]
    fn plausible_calls(steps in plausible(), speculates: bool, fixed: bool) {
        let mut run = Run::new(options(speculates, fixed));
        for step in steps {
            run.now += step.after;
            if run.deadline.is_some_and(|due| due <= run.now) {
                run.give(Input::Timeout);
            }
            run.give(step.input);
        }
        run.run_out();
    }

    /// Words said while the agent listens are committed, whatever the pause between them.
    #[test]
    fn what_is_said_is_answered(pauses in proptest::collection::vec(0u32..2500, 1..6)) {
        let mut call = crate::sim::Call { reply_ms: 200, ..Default::default() };
        let mut at = 1000;
        for (n, pause) in pauses.iter().enumerate() {
            call.say(at, at + 800, ["we will come", "for dinner tonight", "with our children", "around seven thirty", "by train perhaps"][n % 5]);
            at += 800 + pause / 20 * 20;
        }
        let log = call.run(at + 6000);
        let merged = log.turns().join(" ");
        for word in ["come", "dinner", "children", "thirty", "perhaps"].iter().take(pauses.len()) {
            prop_assert!(merged.contains(word), "{word} is missing in {merged:?}");
        }
    }
}

#[test]
fn every_rule_and_option_is_documented() {
    let page = include_str!("../../../../docs/TURNS.md");
    let missing: Vec<_> =
        Rule::ALL.iter().filter(|rule| !page.contains(&format!("| `{rule:?}` |"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let options = serde_json::to_value(Options::default()).expect("plain data");
    for (section, fields) in options.as_object().expect("sections") {
        for (name, default) in fields.as_object().into_iter().flatten() {
            // A default is written as it is in a file, but for floats and quotes, which JSON writes longer.
            let listed = page.lines().find(|line| line.starts_with(&format!("| `{name}` | `")));
            let listed = listed.unwrap_or_else(|| unreachable!("turn.{section}.{name} is not documented"));
            if default.is_u64() || default.is_boolean() {
                let entries =
                    page.lines().filter(|line| line.starts_with(&format!("| `{name}` | `{default}` |")));
                assert!(entries.count() > 0, "turn.{section}.{name} is {default}, documented as {listed}");
            }
        }
    }
}

#[test]
fn every_rule_has_a_scenario() {
    let suite = [
        include_str!("barge_in.rs"),
        include_str!("endpointing.rs"),
        include_str!("greeting.rs"),
        include_str!("idle.rs"),
        include_str!("pending_answer.rs"),
        include_str!("recognition.rs"),
        include_str!("replies.rs"),
        include_str!("slow_callers.rs"),
        include_str!("speculation.rs"),
        include_str!("written.rs"),
    ]
    .concat();
    let missing: Vec<_> =
        Rule::ALL.iter().filter(|rule| !suite.contains(&format!("Rule::{rule:?},"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let scenarios = suite.matches(" prove(").count();
    assert!(scenarios >= 60, "{scenarios} scenarios show what they need");
}
