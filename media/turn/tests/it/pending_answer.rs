//! The caller sounds while the answer is on its way: the commit is at about 2.02 s, the reply would sound at 3.52 s.

use media_turn::{Output, Rule};

use crate::promises::prove;
use crate::sim::{Call, Log};

fn asked(call: &mut Call) -> &mut Call {
    call.think_ms = Some(1500);
    call.say(1000, 1800, "I want to book a table")
}

fn answered_once(log: &Log) -> Vec<(&'static str, bool)> {
    vec![
        ("one turn", log.turns() == ["I want to book a table"]),
        ("its answer is heard whole", log.played.get(&1) == Some(&3000)),
        ("nothing was cancelled", log.cancelled().is_empty()),
    ]
}

fn taken_back(log: &Log) -> bool {
    !log.when(|output| matches!(output, Output::Discard(_))).is_empty()
}

#[test]
fn a_cough_after_the_question_leaves_the_answer_alive() {
    prove(11, Rule::PendingAnswerSurvives, 9000, |call| _ = asked(call).noise(2400, 2700), answered_once);
}

#[test]
fn a_false_alarm_of_the_voice_detector_leaves_the_answer_alive() {
    let script = |call: &mut Call| {
        asked(call).noise(2400, 2500);
        (call.partial_ms, call.final_ms) = (Some(150), Some(60));
    };
    prove(12, Rule::PendingAnswerSurvives, 9000, script, answered_once);
}

#[test]
fn a_cough_as_the_answer_is_due_holds_it_for_the_cough_only() {
    prove(
        11,
        Rule::HoldBeforeDeciding,
        9000,
        |call| _ = asked(call).noise(3300, 3700),
        |log| {
            let mut checks = answered_once(log);
            checks.push(("it does not begin into the cough", !log.sounded_between(3400, 3700)));
            checks.push(("it begins right after", log.sounded_between(3700, 4000)));
            checks
        },
    );
}

#[test]
fn mhm_while_waiting_leaves_the_answer_alive() {
    prove(10, Rule::Backchannels, 9000, |call| _ = asked(call).say(2400, 2700, "mhm"), answered_once);
}

#[test]
fn who_goes_on_before_the_answer_had_not_finished() {
    let script = |call: &mut Call| _ = asked(call).say(2400, 3200, "for Friday evening");
    prove(9, Rule::TakeBack, 9000, script, |log| {
        vec![
            ("the answer to the half is never heard", !log.played.contains_key(&1)),
            (
                "one turn out of both",
                log.turns().last() == Some(&"I want to book a table for Friday evening"),
            ),
            ("the dialogue forgets the half", taken_back(log)),
            ("and it is answered", log.played.values().any(|ms| *ms == 3000)),
        ]
    });
}

#[test]
fn who_goes_on_in_the_very_moment_of_the_first_sample_had_not_finished() {
    let script = |call: &mut Call| {
        asked(call).say(2480, 3300, "for Friday evening");
        call.think_ms = Some(500);
    };
    prove(9, Rule::TakeBack, 9000, script, |log| {
        vec![(
            "one turn out of both",
            log.turns().last() == Some(&"I want to book a table for Friday evening"),
        )]
    });
}

#[test]
fn an_answer_that_had_effects_is_followed_and_not_taken_back() {
    let script = |call: &mut Call| {
        asked(call).say(2400, 3200, "for Friday evening");
        call.effects = true;
    };
    prove(18, Rule::Irrevocable, 9000, script, |log| {
        vec![
            ("both are turns", log.turns() == ["I want to book a table", "for Friday evening"]),
            ("nothing is forgotten", !taken_back(log)),
        ]
    });
}

#[test]
fn long_noise_that_killed_the_answer_brings_it_back() {
    prove(
        12,
        Rule::TakeBack,
        12_000,
        |call| _ = asked(call).noise(2400, 3400),
        |log| {
            vec![
                ("the question is asked again", log.turns().last() == Some(&"I want to book a table")),
                ("and answered", log.played.values().any(|ms| *ms == 3000)),
            ]
        },
    );
}

#[test]
fn a_second_thought_long_after_the_question_is_a_turn_of_its_own() {
    let mut call = Call::default();
    asked(&mut call).say(4600, 5400, "hello are you there");
    call.think_ms = Some(4000);
    let log = call.run(12_000);
    assert_eq!(log.turns(), ["I want to book a table", "hello are you there"]);
    assert!(!taken_back(&log), "the dialogue keeps the question");
}

#[test]
fn one_word_more_is_enough_before_the_answer_sounds() {
    let script = |call: &mut Call| _ = asked(call).say(2400, 2800, "outside");
    prove(9, Rule::TakeBack, 9000, script, |log| {
        vec![
            ("one turn out of both", log.turns().last() == Some(&"I want to book a table outside")),
            ("the answer to the half is never heard", !log.played.contains_key(&1)),
        ]
    });
}
