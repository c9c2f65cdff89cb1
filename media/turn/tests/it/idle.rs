//! A caller who says nothing.

use std::time::Duration;

use media_turn::{Input, Output, Rule};

use crate::promises::prove;
use crate::sim::Call;

#[test]
fn a_silent_caller_is_spoken_to() {
    prove(
        40,
        Rule::Nudge,
        9000,
        |_| {},
        |log| vec![("after 7 s", log.nudged().first().is_some_and(|at| (7000..=7100).contains(at)))],
    );
}

#[test]
fn two_nudges_then_a_goodbye_and_nothing_more() {
    prove(
        40,
        Rule::GiveUp,
        60_000,
        |call| call.reply_ms = 1000,
        |log| {
            let counts = log.outputs.iter().filter_map(|(_, output)| match output {
                Output::Nudge { count, .. } => Some(*count),
                _ => None,
            });
            vec![
                ("counted", counts.collect::<Vec<_>>() == [1, 2]),
                ("one goodbye", log.gave_up().len() == 1),
                (
                    "7 s after the end of the last nudge",
                    log.gave_up().iter().all(|at| (23_000..25_000).contains(at)),
                ),
            ]
        },
    );
}

#[test]
fn the_silence_counts_from_the_agents_last_sample() {
    prove(
        8,
        Rule::IdleAfterPlayout,
        20_000,
        |call| call.greeting_ms = 10_000,
        |log| {
            vec![(
                "not into the greeting, 7 s after it",
                log.nudged().first().is_some_and(|at| *at >= 17_000),
            )]
        },
    );
}

#[test]
fn nobody_is_nudged_in_mid_sentence() {
    let script =
        |call: &mut Call| _ = call.say(6000, 9500, "I have been thinking about what you said the other day");
    prove(8, Rule::IdleNotWhileSpeaking, 10_500, script, |log| {
        vec![("no nudge", log.nudged().is_empty()), ("an answer", log.turns().len() == 1)]
    });
}

#[test]
fn wait_a_moment_is_granted() {
    let script = |call: &mut Call| _ = call.at(1000, Input::Hold(Duration::from_secs(30)));
    prove(8, Rule::HoldOn, 33_000, script, |log| {
        vec![("30 s", log.nudged().first().is_some_and(|at| (31_000..=31_100).contains(at)))]
    });
}

#[test]
fn a_caller_who_answers_a_nudge_starts_afresh() {
    let mut call = Call { reply_ms: 1000, ..Call::default() };
    call.say(9000, 10_000, "sorry I was away for a moment");
    let log = call.run(60_000);
    assert_eq!(log.turns().len(), 1);
    assert_eq!(log.nudged().len(), 3, "one before, two after: {:?}", log.nudged());
    assert_eq!(log.gave_up().len(), 1);
}

#[test]
fn a_cough_delays_a_nudge_by_a_breath_only() {
    let mut call = Call::default();
    call.noise(6800, 7100);
    let log = call.run(12_000);
    let at = log.nudged()[0];
    assert!((7900..=8600).contains(&at), "{at}");
}

#[test]
fn noise_for_minutes_does_not_keep_a_dead_call_alive() {
    let mut call = Call { reply_ms: 1000, ..Call::default() };
    for second in 0..600 {
        call.noise(second * 1000, second * 1000 + 400);
    }
    let log = call.run(120_000);
    assert_eq!(log.gave_up().len(), 1);
}
