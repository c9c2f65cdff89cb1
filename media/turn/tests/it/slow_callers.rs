//! Callers who pause in mid-turn are not answered there, and those who have finished do not wait.

use media_turn::{Output, Rule};

use crate::promises::prove;
use crate::sim::Call;

#[test]
fn my_number_is_waits_for_the_number() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "my number is").say(3000, 4500, "five five five zero one four two");
    };
    prove(9, Rule::Unfinished, 8000, script, |log| {
        vec![("one turn", log.turns() == ["my number is five five five zero one four two"])]
    });
}

#[test]
fn a_number_dictated_in_groups_is_one_turn() {
    let script = |call: &mut Call| {
        call.say(1000, 2200, "it is five five five").say(3200, 4500, "zero one four two");
    };
    prove(9, Rule::Unfinished, 8000, script, |log| {
        vec![("one turn", log.turns() == ["it is five five five zero one four two"])]
    });
}

#[test]
fn an_unsure_score_gives_time() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "I would come on Monday").say(2700, 3700, "if that suits you");
        (call.scores, call.think_ms) = (vec![0.1, 0.1, 0.95], Some(100));
    };
    prove(9, Rule::Score, 8000, script, |log| {
        vec![("one turn", log.turns() == ["I would come on Monday if that suits you"])]
    });
}

#[test]
fn a_sure_score_is_answered_after_the_shortest_delay() {
    prove(
        1,
        Rule::Score,
        8000,
        |call| _ = call.say(1000, 2000, "I would come on Monday"),
        |log| vec![("200 ms of silence and the final are enough", (2200..=2240).contains(&log.commit_at(0)))],
    );
}

#[test]
fn a_question_is_answered_soon_although_the_model_doubts() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "when do you close today?").scores = vec![0.1];
    };
    prove(6, Rule::Complete, 8000, script, |log| vec![("within 400 ms", log.commit_at(0) <= 2400)]);
}

#[test]
fn a_plain_yes_is_answered_soon_although_the_model_doubts() {
    let script = |call: &mut Call| {
        call.say(1000, 1400, "Yes, please.").scores = vec![0.2];
    };
    prove(6, Rule::Complete, 8000, script, |log| vec![("within 400 ms", log.commit_at(0) <= 1800)]);
}

#[test]
fn a_second_look_finds_the_end_that_the_first_did_not() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "I would come on Monday").scores = vec![0.1, 0.95];
    };
    prove(6, Rule::Rescore, 8000, script, |log| {
        let asked = log.when(|output| matches!(output, Output::ScoreEndOfTurn(_)));
        vec![("asked twice", asked.len() == 2), ("sooner than the longest delay", log.commit_at(0) <= 2700)]
    });
}

#[test]
fn a_score_of_an_earlier_pause_does_not_count() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "I would like").say(2150, 2900, "something for my sister");
        (call.scores, call.score_ms) = (vec![0.95, 0.95], 600);
    };
    prove(9, Rule::StaleScore, 8000, script, |log| {
        vec![("the default delay rules until the new score is there", log.commit_at(0) >= 3380)]
    });
}

#[test]
fn the_machine_learns_how_long_this_caller_pauses() {
    let script = |call: &mut Call| {
        call.say(1000, 1500, "I was thinking").say(2200, 2700, "perhaps Monday");
        call.say(3400, 3900, "would be good").say(4600, 5000, "for us all");
        call.say(8000, 8500, "can we come").say(8900, 9400, "around noon");
        call.scores = vec![0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.95];
        (call.think_ms, call.reply_ms) = (Some(100), 500);
    };
    prove(9, Rule::LearnedPauses, 12_000, script, |log| {
        vec![("the second turn is one as well", log.turns().last() == Some(&"can we come around noon"))]
    });
}

#[test]
fn a_caller_whose_turn_was_taken_too_soon_is_given_more_time_afterwards() {
    let script = |call: &mut Call| {
        for start in [1000, 9000, 17_000] {
            call.say(start, start + 500, "we will come").say(start + 1100, start + 1600, "around noon");
        }
        (call.think_ms, call.reply_ms) = (Some(1500), 500);
    };
    prove(9, Rule::LearnedPauses, 24_000, script, |log| {
        let last = log.commits().iter().filter(|(at, _)| *at > 17_000).count();
        vec![("the third time there is nothing to take back", last == 1)]
    });
}

#[test]
fn voice_that_rises_as_the_wait_ends_is_waited_for() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "I want to go").say(2480, 3300, "by the sea").scores = Vec::new()
    };
    prove(9, Rule::RisingVoice, 8000, script, |log| {
        vec![
            ("one turn", log.turns() == ["I want to go by the sea"]),
            ("nothing had to be taken back", log.cancelled().is_empty()),
        ]
    });
}

#[test]
fn um_is_waited_for() {
    let script = |call: &mut Call| _ = call.say(1000, 2000, "on Tuesday um").say(3100, 3600, "at ten");
    prove(9, Rule::Unfinished, 8000, script, |log| {
        vec![("one turn", log.turns() == ["on Tuesday um at ten"])]
    });
}
