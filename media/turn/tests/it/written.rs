//! Text and keys.

use domain::Digit;
use media_turn::{Input, Output, Rule};

use crate::promises::{FLOOR, prove};
use crate::sim::Call;

fn key(key: char) -> Input<'static> {
    Input::Dtmf(Digit::try_from(key).expect("a key"))
}

fn asked(call: &mut Call) -> &mut Call {
    call.say(1000, 1800, "I want to book a table")
}

#[test]
fn typed_text_commits_at_once_and_takes_the_floor() {
    prove(
        FLOOR,
        Rule::TypedTakesFloor,
        9000,
        |call| _ = asked(call).at(3500, Input::Text("no, a room".into())),
        |log| {
            vec![
                ("the agent stops at once", log.interrupted() == [3500]),
                ("and answers it", log.turns().last() == Some(&"no, a room") && log.commit_at(1) == 3500),
            ]
        },
    );
}

#[test]
fn typed_text_waits_for_what_must_not_be_interrupted() {
    let script = |call: &mut Call| {
        asked(call).at(3500, Input::Text("a room".into()));
        call.uninterruptible = true;
    };
    prove(15, Rule::Uninterruptible, 9000, script, |log| {
        vec![("answered afterwards", log.commit_at(1) >= 5300), ("not before", log.interrupted().is_empty())]
    });
}

#[test]
fn typed_text_before_the_answer_joins_the_question() {
    prove(
        9,
        Rule::TakeBack,
        9000,
        |call| _ = asked(call).at(2200, Input::Text("for two".into())),
        |log| vec![("one answer for both", log.turns().last() == Some(&"I want to book a table for two"))],
    );
}

#[test]
fn keys_are_one_turn_ended_by_the_hash() {
    let script = |call: &mut Call| _ = call.at(1000, key('4')).at(1500, key('2')).at(1900, key('#'));
    prove(FLOOR, Rule::CollectDigits, 6000, script, |log| {
        vec![("one turn, at once", log.commits() == [(1900, "42")])]
    });
}

#[test]
fn keys_without_a_hash_are_a_turn_after_the_pause() {
    let script = |call: &mut Call| _ = call.at(1000, key('4')).at(2500, key('2'));
    prove(FLOOR, Rule::CollectDigits, 8000, script, |log| {
        vec![("2 s after the last", log.commits() == [(4500, "42")])]
    });
}

#[test]
fn a_key_takes_the_floor() {
    prove(
        FLOOR,
        Rule::DigitsTakeFloor,
        9000,
        |call| _ = asked(call).at(3500, key('1')),
        |log| {
            vec![
                ("at once", log.interrupted() == [3500]),
                ("and is a turn", log.turns().last() == Some(&"1")),
            ]
        },
    );
}

#[test]
fn keys_pressed_in_mid_sentence_belong_to_it() {
    let mut call = Call::default();
    call.say(1000, 3800, "my customer number it is this one here").at(1500, key('7')).at(1700, key('7'));
    assert_eq!(call.run(9000).turns(), ["my customer number it is this one here 77"]);
}

#[test]
fn each_key_is_reported() {
    let mut call = Call::default();
    call.at(1000, key('4')).at(1500, key('#'));
    let pressed =
        call.run(4000).when(|output| matches!(output, Output::Event(domain::SessionEvent::Pressed { .. })));
    assert_eq!(pressed, [1000, 1500]);
}

fn dropped(output: &Output) -> bool {
    matches!(output, Output::Event(domain::SessionEvent::Noted { name, .. }) if name == "caller_input_dropped")
}

#[test]
fn what_is_typed_while_nobody_may_interrupt_has_a_limit() {
    let mut call = Call::default();
    asked(&mut call);
    call.uninterruptible = true;
    for n in 0..200 {
        call.at(3000 + n * 5, Input::Text(format!("{n} {}", "x".repeat(300)).into()));
    }
    let log = call.run(9000);
    let turn = *log.turns().last().expect("answered afterwards");
    assert!(turn.len() < 17_000, "{} bytes were kept", turn.len());
    assert!(turn.starts_with("0 x") && turn.contains(" 20 x") && !turn.contains(" 199 x"), "the newest goes");
    assert_eq!(log.when(dropped).len(), 1, "told once");
}

#[test]
fn keys_pressed_while_nobody_may_interrupt_have_a_limit() {
    let mut call = Call::default();
    asked(&mut call);
    call.uninterruptible = true;
    for n in 0..500 {
        call.at(3000 + n * 4, key(if n == 0 { '1' } else { '0' }));
    }
    let log = call.run(12_000);
    let turn = *log.turns().last().expect("answered afterwards");
    assert!(turn.len() <= 64 && turn.starts_with('1'), "{turn}");
    assert_eq!(log.when(dropped).len(), 1, "told once");
}
