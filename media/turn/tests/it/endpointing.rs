//! The end of a turn by silence: fixed, adaptive, and what happens when evidence is missing.

use media_turn::{Options, Output, Rule};

use crate::promises::prove;
use crate::sim::Call;

fn fixed(silence_ms: u32) -> Call {
    Call { options: Options::fixed(silence_ms), scores: Vec::new(), final_ms: Some(50), ..Call::default() }
}

#[test]
fn the_fixed_mode_commits_at_its_silence_and_asks_no_model() {
    for silence_ms in [200, 215, 500, 777] {
        let mut call = fixed(silence_ms);
        call.say(1000, 2000, "my number is and");
        let log = call.run(6000);
        let expected = 2000 + silence_ms.max(160 + 50);
        assert!((expected..=expected + 20).contains(&log.commit_at(0)), "{silence_ms}: {}", log.commit_at(0));
        assert!(log.when(|output| matches!(output, Output::ScoreEndOfTurn(_))).is_empty());
    }
}

#[test]
fn each_question_to_recogniser_and_model_is_asked_once_in_a_pause_and_in_order() {
    let mut call = Call::default();
    call.say(1000, 2000, "I would come on Monday");
    let log = call.run(4000);
    let prepare = log.when(|output| *output == Output::Prepare);
    let score = log.when(|output| matches!(output, Output::ScoreEndOfTurn(_)));
    let last = log.when(|output| *output == Output::Finalize);
    assert_eq!((prepare, score, last), (vec![2020], vec![2100], vec![2160]));
}

#[test]
fn a_pause_between_groups_of_digits_does_not_cut_what_the_recogniser_hears() {
    let script = |call: &mut Call| {
        call.say(1000, 2400, "my phone number is five five five")
            .say(2750, 3900, "zero one four two")
            .scores = vec![0.1, 0.95];
    };
    prove(33, Rule::LateFinal, 9000, script, |log| {
        let finals = log.when(|output| *output == Output::Finalize);
        vec![
            ("one final over all of it", finals.len() == 1),
            ("as early as the end of the turn needs it", finals.iter().all(|at| (4060..=4120).contains(at))),
            ("one turn", log.turns() == ["my phone number is five five five zero one four two"]),
        ]
    });
}

#[test]
fn without_any_model_the_default_delay_rules() {
    let mut call = Call { scores: Vec::new(), ..Call::default() };
    call.say(1000, 2000, "I would come on Monday");
    assert!((2500..=2520).contains(&call.run(6000).commit_at(0)));
}

#[test]
fn the_hard_time_out_ends_the_turn_whatever_is_missing() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "my number is").scores = Vec::new();
        call.final_ms = None;
        call.options.endpointing.verdict_ms = 60_000;
        call.options.endpointing.unheard_ms = 60_000;
    };
    prove(6, Rule::HardTimeout, 9000, script, |log| {
        vec![
            ("at 1.4 s of silence", (3380..=3440).contains(&log.commit_at(0))),
            ("with its words", log.turns() == ["my number is"]),
        ]
    });
}

#[test]
fn a_pause_in_the_network_is_no_pause_of_the_caller() {
    let script = |call: &mut Call| {
        call.say(1000, 1800, "I want to go").say(2100, 3000, "by the sea with you").stall(1900, 2700);
        (call.think_ms, call.partial_ms) = (Some(100), None);
    };
    prove(9, Rule::SilenceIsHeard, 9000, script, |log| {
        vec![(
            "one turn, uncut",
            log.turns() == ["I want to go by the sea with you"] && log.cancelled().is_empty(),
        )]
    });
}

#[test]
fn a_network_that_stays_away_does_not_leave_the_caller_waiting() {
    let script = |call: &mut Call| _ = call.say(1000, 1800, "I want to go").stall(1700, 60_000);
    prove(6, Rule::HardTimeout, 9000, script, |log| {
        vec![("answered after the hard time-out", log.commit_at(0) <= 3300)]
    });
}

#[test]
fn a_turn_has_a_longest_length() {
    let script = |call: &mut Call| {
        call.say(
            1000,
            9000,
            "one might say that all of this began when I was still a child in the old town near the river",
        );
        call.options.endpointing.too_long_ms = 5000;
    };
    prove(17, Rule::TooLong, 20_000, script, |log| {
        vec![
            ("answered while the caller still speaks", (6000..=6200).contains(&log.commit_at(0))),
            ("with what was said", log.turns().first().is_some_and(|text| text.starts_with("one might say"))),
        ]
    });
}

#[test]
fn the_breath_that_was_cut_short_does_not_take_the_floor_back() {
    let script = |call: &mut Call| {
        call.say(
            1000,
            9000,
            "one might say that all of this began when I was still a child in the old town near the river",
        );
        call.options.endpointing.too_long_ms = 5000;
    };
    prove(17, Rule::TooLongStands, 20_000, script, |log| {
        vec![
            ("the agent gets a word in", log.cancelled().is_empty() && log.played.get(&1) == Some(&3000)),
            (
                "the rest is answered after it",
                log.turns().last().is_some_and(|text| text.ends_with("the river")),
            ),
        ]
    });
}
