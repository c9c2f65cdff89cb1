//! Recognisers that are late, wrong or gone.

use std::borrow::Cow;

use domain::{MediaTime, Transcript};
use media_turn::{Input, Output, Rule};

use crate::promises::prove;
use crate::sim::Call;

fn complete(text: &str, from_ms: u64, to_ms: u64) -> Input<'static> {
    let (from, to) = (MediaTime::from_millis(from_ms), MediaTime::from_millis(to_ms));
    Input::Transcript(Cow::Owned(Transcript::complete(text, from, to)))
}

#[test]
fn sound_without_words_is_no_turn_and_the_call_goes_on() {
    prove(
        12,
        Rule::WordlessIsNoTurn,
        12_000,
        |call| _ = call.noise(1000, 1400),
        |log| {
            vec![
                ("no turn", log.turns().is_empty()),
                ("the caller is spoken to in due time", log.nudged().first().is_some_and(|at| *at <= 7500)),
            ]
        },
    );
}

#[test]
fn a_final_that_never_comes_is_not_waited_for() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "I would come on Monday").final_ms = None;
        call.options.endpointing.hard_timeout_ms = 5000;
    };
    prove(41, Rule::Verdict, 9000, script, |log| {
        vec![(
            "what was heard is answered",
            log.turns() == ["I would come on Monday"] && log.commit_at(0) <= 3000,
        )]
    });
}

#[test]
fn a_final_of_the_first_half_does_not_end_the_turn() {
    let script = |call: &mut Call| {
        call.noise(1000, 2000)
            .at(2165, complete("I want to go", 0, 1400))
            .at(2400, complete("to Paris", 1400, 2160));
        (call.partial_ms, call.final_ms) = (None, None);
    };
    prove(33, Rule::FinalCoversVoice, 6000, script, |log| {
        vec![("all words", log.turns() == ["I want to go to Paris"])]
    });
}

#[test]
fn a_final_that_ends_at_the_last_word_is_enough() {
    let mut call = Call { final_short_ms: 200, ..Call::default() };
    call.noise(1000, 2000).whisper(1000, 1900, "on Monday at ten");
    assert!(call.run(6000).commit_at(0) <= 2300);
}

#[test]
fn a_turn_is_not_heard_twice_when_its_final_is_late() {
    let script = |call: &mut Call| call.say(1000, 2000, "I would come on Monday").final_ms = Some(2000);
    prove(48, Rule::StaleWords, 12_000, script, |log| {
        vec![
            ("one turn", log.turns() == ["I would come on Monday"]),
            ("its answer is not interrupted by it", log.interrupted().is_empty()),
        ]
    });
}

#[test]
fn words_are_heard_although_the_voice_detector_sleeps() {
    let script = |call: &mut Call| _ = call.whisper(1000, 2000, "can anybody hear me");
    prove(33, Rule::WordsWithoutVoice, 6000, script, |log| {
        vec![("answered", log.turns() == ["can anybody hear me"])]
    });
}

#[test]
fn um_alone_is_no_turn() {
    prove(
        17,
        Rule::FillersAreNoTurn,
        6000,
        |call| _ = call.say(1000, 1400, "um"),
        |log| vec![("no turn", log.turns().is_empty())],
    );
}

#[test]
fn a_word_invented_from_a_click_is_no_turn() {
    prove(
        17,
        Rule::PhantomWords,
        6000,
        |call| _ = call.say(1000, 1160, "You"),
        |log| vec![("no turn", log.turns().is_empty())],
    );
}

#[test]
fn speech_that_was_not_recognised_is_asked_for_again() {
    let script = |call: &mut Call| {
        call.noise(1000, 2800).at(3000, Input::TranscriptLost);
        (call.partial_ms, call.final_ms) = (None, None);
    };
    prove(48, Rule::NotUnderstood, 7000, script, |log| {
        let asked = log.when(|output| matches!(output, Output::NotUnderstood(_)));
        vec![("at once", asked.first().is_some_and(|at| *at <= 3100)), ("and heard", !log.played.is_empty())]
    });
}

#[test]
fn a_single_word_that_was_not_recognised_is_asked_for_again() {
    let script = |call: &mut Call| {
        call.noise(1000, 1240).at(1500, Input::TranscriptLost);
        (call.partial_ms, call.final_ms) = (None, None);
    };
    prove(41, Rule::NotUnderstood, 7000, script, |log| {
        let asked = log.when(|output| matches!(output, Output::NotUnderstood(_)));
        vec![("at once", asked.len() == 1 && asked[0] <= 1520), ("and heard", !log.played.is_empty())]
    });
}

#[test]
fn a_click_that_was_not_recognised_is_not_asked_about() {
    let mut call = Call { partial_ms: None, final_ms: None, ..Call::default() };
    call.noise(1000, 1120).at(1500, Input::TranscriptLost);
    assert!(call.run(7000).when(|output| matches!(output, Output::NotUnderstood(_))).is_empty());
}

#[test]
fn a_recogniser_that_hangs_is_noticed() {
    let script = |call: &mut Call| {
        call.noise(1000, 2800);
        (call.partial_ms, call.final_ms) = (None, None);
    };
    prove(41, Rule::NotUnderstood, 9000, script, |log| {
        let asked = log.when(|output| matches!(output, Output::NotUnderstood(_)));
        vec![("3 s after the final was demanded", asked.first().is_some_and(|at| *at <= 6100))]
    });
}

#[test]
fn words_that_were_there_before_the_recogniser_died_are_answered() {
    let mut call = Call { final_ms: None, ..Call::default() };
    call.say(1000, 2000, "I would come on Monday").at(2200, Input::TranscriptLost);
    let log = call.run(6000);
    assert_eq!(log.turns(), ["I would come on Monday"]);
    assert!(log.commit_at(0) <= 2520);
}

#[test]
fn a_slow_first_word_is_not_taken_for_a_cough() {
    let mut call = Call { partial_ms: None, final_ms: Some(2500), ..Call::default() };
    call.say(1000, 2000, "I would come on Monday");
    assert_eq!(call.run(9000).turns(), ["I would come on Monday"]);
}
