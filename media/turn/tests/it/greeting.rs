//! The beginning of a call, and its interruptions by the network.

use std::time::Duration;

use media_turn::{Input, Output, Rule};

use crate::promises::prove;
use crate::sim::{Call, Log};

fn greeted(log: &Log) -> Vec<u32> {
    log.when(|output| matches!(output, Output::Greet(_)))
}

#[test]
fn the_greeting_waits_for_media() {
    let script = |call: &mut Call| (call.media_at_ms, call.greeting_ms) = (2000, 1000);
    prove(34, Rule::GreetWhenActive, 5000, script, |log| {
        vec![("when media flows, not before", greeted(log) == [2000])]
    });
}

#[test]
fn there_is_one_greeting() {
    let script = |call: &mut Call| {
        call.greeting_ms = 1000;
        call.at(3000, Input::MediaLost).at(5000, Input::MediaActive);
    };
    prove(47, Rule::GreetOnce, 8000, script, |log| vec![("once", greeted(log).len() == 1)]);
}

#[test]
fn a_hello_into_the_greeting_does_not_end_it() {
    let script = |call: &mut Call| call.say(800, 1200, "Hello?").greeting_ms = 3000;
    prove(32, Rule::GreetingSurvivesHello, 6000, script, |log| {
        vec![("heard whole", log.played.get(&0) == Some(&3000)), ("and no turn", log.turns().is_empty())]
    });
}

#[test]
fn a_hello_into_the_end_of_the_greeting_is_not_answered_again() {
    let script = |call: &mut Call| call.say(3150, 3500, "Hello?").greeting_ms = 3000;
    prove(32, Rule::GreetingSurvivesHello, 6000, script, |log| vec![("no turn", log.turns().is_empty())]);
}

#[test]
fn the_callers_first_words_over_the_greeting_are_answered() {
    let script = |call: &mut Call| {
        call.say(600, 1600, "I want to book a table").greeting_ms = 3000;
        call.uninterruptible = true;
    };
    prove(33, Rule::AnswerAfterwards, 8000, script, |log| {
        vec![
            ("answered", log.turns() == ["I want to book a table"]),
            ("after it", log.played.get(&0) == Some(&3000)),
        ]
    });
}

#[test]
fn words_from_before_media_flowed_both_ways_are_answered() {
    let script = |call: &mut Call| {
        call.say(500, 1500, "I want to book a table");
        (call.media_at_ms, call.greeting_ms) = (2000, 3000);
    };
    prove(33, Rule::WordsTakeTheFloor, 8000, script, |log| {
        vec![(
            "instead of the greeting",
            log.turns() == ["I want to book a table"] && log.commit_at(0) <= 2500,
        )]
    });
}

#[test]
fn nobody_is_nudged_while_the_connection_is_gone() {
    let script = |call: &mut Call| _ = call.at(3000, Input::MediaLost).at(40_000, Input::MediaActive);
    prove(47, Rule::PauseWhenLost, 43_000, script, |log| vec![("no nudge", log.nudged().is_empty())]);
}

#[test]
fn after_the_connection_came_back_the_call_goes_on_where_it_was() {
    let script = |call: &mut Call| _ = call.at(3000, Input::MediaLost).at(40_000, Input::MediaActive);
    prove(47, Rule::PauseWhenLost, 46_000, script, |log| {
        vec![(
            "the rest of the silence is waited for",
            log.nudged().first().is_some_and(|at| (43_900..44_200).contains(at)),
        )]
    });
}

#[test]
fn a_turn_cut_by_a_lost_connection_is_answered_when_it_is_back() {
    let mut call = Call::default();
    call.say(1000, 2000, "I want to book a table").stall(2000, 20_000);
    call.at(2040, Input::MediaLost).at(20_000, Input::MediaActive);
    let log = call.run(25_000);
    assert_eq!(log.turns(), ["I want to book a table"]);
    assert!((20_000..=21_600).contains(&log.commit_at(0)), "{}", log.commit_at(0));
}

#[test]
fn a_session_without_media_asks_for_nothing() {
    let call = Call { media_at_ms: 60_000, ..Call::default() };
    let log = call.run(50_000);
    assert!(log.outputs.is_empty() && log.inputs.iter().all(|(at, _)| *at <= Duration::from_secs(50)));
}
