//! Thinking ahead: once for each text, void when wrong, adopted when right.

use domain::TurnId;
use media_turn::{Output, Rule};

use crate::promises::prove;
use crate::sim::{Call, Log};

fn guesses(log: &Log) -> Vec<u32> {
    log.when(|output| matches!(output, Output::Speculate { .. }))
}

fn discards(log: &Log) -> Vec<u32> {
    log.when(|output| matches!(output, Output::Discard(_)))
}

#[test]
fn the_answer_is_begun_before_the_pause_is_judged_and_only_once() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "I would come on Monday").scores = Vec::new();
        (call.options.speculation.enabled, call.partial_ms) = (true, Some(40));
    };
    prove(18, Rule::Speculation, 6000, script, |log| {
        vec![
            ("one guess", guesses(log).len() == 1),
            ("well before the commit", guesses(log).first().is_some_and(|at| at + 150 < log.commit_at(0))),
            ("adopted", discards(log).is_empty()),
        ]
    });
}

#[test]
fn a_guess_is_void_when_the_caller_goes_on() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "I would come on Monday").scores = Vec::new();
        call.say(2250, 3100, "or on Tuesday then");
        (call.options.speculation.enabled, call.partial_ms) = (true, Some(40));
    };
    prove(18, Rule::Speculation, 6000, script, |log| {
        vec![
            ("dropped as soon as voice is back", discards(log).first().is_some_and(|at| *at <= 2320)),
            ("committed with all words", log.turns() == ["I would come on Monday or on Tuesday then"]),
        ]
    });
}

#[test]
fn a_partial_that_lacks_the_last_word_is_not_thought_about() {
    let script = |call: &mut Call| {
        call.say(1000, 2000, "I would come Monday morning").scores = Vec::new();
        (call.options.speculation.enabled, call.partial_ms) = (true, Some(110));
    };
    prove(18, Rule::StableGuess, 6000, script, |log| {
        let adopted = discards(log).is_empty();
        vec![("one guess", guesses(log).len() == 1), ("of the whole", adopted)]
    });
}

#[test]
fn words_that_the_recogniser_has_settled_are_thought_about_at_once() {
    let first = |settled: bool| {
        let mut call = Call { partial_ms: Some(40), partials_settle: settled, ..Call::default() };
        call.options.speculation.enabled = true;
        call.say(1000, 2000, "I would come on Monday");
        *guesses(&call.run(6000)).first().expect("a guess")
    };
    assert!(first(true) + 60 < first(false), "{} ms, {} ms", first(true), first(false));
}

#[test]
fn guesses_and_their_commit_have_the_same_turn() {
    let mut call = Call { partial_ms: Some(40), ..Call::default() };
    call.options.speculation.enabled = true;
    call.say(1000, 2000, "I would come on Monday");
    let turns: Vec<TurnId> = call
        .run(6000)
        .outputs
        .into_iter()
        .filter_map(|(_, output)| match output {
            Output::Speculate { turn, .. } | Output::Commit { turn, .. } => Some(turn),
            _ => None,
        })
        .collect();
    assert_eq!(turns, [TurnId(1), TurnId(1)]);
}

#[test]
fn nothing_is_guessed_unless_asked_for_nor_from_a_fragment() {
    let mut call = Call { partial_ms: Some(40), ..Call::default() };
    call.say(1000, 2000, "my number is");
    assert!(guesses(&call.run(6000)).is_empty());
    call.options.speculation.enabled = true;
    assert!(guesses(&call.run(6000)).is_empty());
}
