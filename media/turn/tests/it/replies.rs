//! Replies that are late, never come, or never end.

use std::time::{Duration, Instant};

use domain::TurnId;
use media_turn::{Input, Options, Output, Rule, TurnMachine};

use crate::promises::prove;
use crate::sim::{Call, Log, OWN, story};

fn asked(call: &mut Call) -> &mut Call {
    call.say(1000, 1800, "I want to book a table")
}

#[test]
fn a_late_answer_is_apologised_for_within_3_seconds() {
    prove(
        41,
        Rule::ReplyLate,
        9000,
        |call| asked(call).think_ms = None,
        |log| {
            let late = log.when(|output| *output == Output::ReplyLate(TurnId(1)));
            vec![("2.6 s after the caller's last sample, once", late == [4400])]
        },
    );
}

/// A pause that is judged for long is part of what the caller waits.
#[test]
fn the_wait_for_an_answer_counts_from_the_callers_last_sample_and_not_from_the_commit() {
    let script = |call: &mut Call| call.say(1000, 1800, "my number is").think_ms = None;
    prove(41, Rule::ReplyLate, 9000, script, |log| {
        let late = log.when(|output| matches!(output, Output::ReplyLate(_)));
        vec![
            ("committed at the hard time-out", log.commit_at(0) >= 3200),
            ("late all the same", late == [4400]),
        ]
    });
}

#[test]
fn an_answer_to_words_that_were_recognised_late_is_given_half_a_second() {
    let mut call = Call { partial_ms: None, final_ms: Some(2500), think_ms: None, ..Call::default() };
    asked(&mut call);
    let log = call.run(9000);
    assert_eq!(log.when(|output| matches!(output, Output::ReplyLate(_))), [log.commit_at(0) + 500]);
}

/// What was said over the agent is answered after it: until then nobody waits.
#[test]
fn the_wait_for_an_answer_does_not_begin_while_the_agent_speaks() {
    let mut call = Call { uninterruptible: true, reply_ms: 5000, ..Call::default() };
    asked(&mut call).say(2500, 3000, "and on Sundays too").think_ms = Some(450);
    let log = call.run(12_000);
    assert_eq!(log.turns().last(), Some(&"and on Sundays too"));
    assert!(log.commit_at(1) > 3000 + 2600, "{}", log.commit_at(1));
    assert!(log.when(|output| matches!(output, Output::ReplyLate(_))).is_empty());
}

#[test]
fn an_answer_that_never_comes_does_not_end_the_conversation() {
    prove(
        41,
        Rule::Abandon,
        30_000,
        |call| asked(call).think_ms = None,
        |log| {
            vec![
                ("given up", log.cancelled().contains(&1)),
                ("and the caller is spoken to", log.nudged().first().is_some_and(|at| *at <= 25_000)),
            ]
        },
    );
}

#[test]
fn playout_that_stops_reporting_is_over() {
    prove(
        40,
        Rule::PlayoutStall,
        60_000,
        |call| asked(call).stuck_after_ms = Some(500),
        |log| vec![("the caller is spoken to in the end", !log.nudged().is_empty())],
    );
}

#[test]
fn a_report_about_a_cancelled_turn_changes_nothing() {
    let script = |call: &mut Call| {
        asked(call).at(18_000, Input::AgentAudio(TurnId(1))).think_ms = None;
    };
    prove(40, Rule::LateReports, 30_000, script, |log| {
        vec![("the silence goes on counting", log.nudged().first().is_some_and(|at| *at <= 25_000))]
    });
}

#[test]
fn an_answer_held_by_a_cough_is_not_called_late_for_it() {
    let mut call = Call { think_ms: Some(2200), ..Call::default() };
    asked(&mut call).noise(3900, 4500);
    let log = call.run(12_000);
    assert!(log.when(|output| matches!(output, Output::ReplyLate(_))).is_empty());
    assert_eq!(log.played.get(&1), Some(&3000));
}

#[test]
fn what_the_session_says_on_its_own_holds_the_floor_too() {
    let mut call = Call::default();
    for at in (3000..12_000).step_by(20) {
        call.at(at, Input::Heard(OWN, domain::MediaTime::from_millis(u64::from(at) - 3000)));
    }
    call.at(2990, Input::AgentAudio(OWN)).at(12_000, Input::AgentDone(OWN));
    let log = call.run(20_000);
    assert!((19_000..=19_100).contains(&log.nudged()[0]), "{:?}", log.nudged());
}

/// Such as why a transfer came to nothing.
#[test]
fn what_nobody_asked_for_is_a_turn_of_the_agents_and_is_not_waited_for_for_ever() {
    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; no wall time is compared")]
    let start = Instant::now();
    let mut machine = TurnMachine::new(Options::default(), start);
    let mut told = |input, after_ms| {
        machine.handle(input, start + Duration::from_millis(after_ms));
        let outputs = std::iter::repeat_with(|| machine.poll());
        outputs.take_while(|output| !matches!(output, Output::Timeout(_))).collect::<Vec<_>>()
    };
    assert!(!told(Input::Speak, 0).contains(&Output::Speak(TurnId(0))), "nobody is there yet");
    told(Input::MediaActive, 10);
    told(Input::AgentDone(TurnId(0)), 100);
    assert!(told(Input::Speak, 200).contains(&Output::Speak(TurnId(1))));
    assert!(
        told(Input::Timeout, 10_000).contains(&Output::ReplyLate(TurnId(1))),
        "it is waited for as any reply"
    );
    told(Input::AgentDone(TurnId(1)), 10_100);
    assert!(told(Input::Speak, 10_200).contains(&Output::Speak(TurnId(2))));
}

fn spoken(log: &Log) -> Vec<u32> {
    log.when(|output| matches!(output, Output::Speak(_)))
}

#[test]
fn what_nobody_asked_for_waits_until_the_caller_has_finished() {
    let mut call = Call::default();
    call.say(1000, 3000, "I would like to come on Monday").at(2000, Input::Speak);
    let log = call.run(6000);
    let committed = log.commit_at(0);
    assert!(committed > 3000 && log.turns() == ["I would like to come on Monday"], "{}", story(&log));
    assert_eq!(spoken(&log), [committed], "once, in place of the answer: {}", story(&log));
    assert!(log.interrupted().is_empty() && log.cancelled() == [1], "{}", story(&log));
}

#[test]
fn what_nobody_asked_for_is_said_after_a_sound_that_was_no_turn() {
    let mut call = Call::default();
    call.noise(1000, 1400).at(1300, Input::Speak);
    let log = call.run(6000);
    assert!(log.commits().is_empty());
    assert!(matches!(spoken(&log)[..], [at] if at > 1400), "{}", story(&log));
}

#[test]
fn what_nobody_asked_for_is_said_at_once_to_a_caller_who_listens() {
    let mut call = Call::default();
    call.say(1000, 1800, "when do you open").at(4000, Input::Speak);
    assert_eq!(spoken(&call.run(6000)), [4000], "over the answer");
}
