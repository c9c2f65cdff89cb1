//! What observers are told: marks laid back to when things were, events in the order in which they happened.

use domain::{AgentState, Digit, Mark, SessionEvent, TurnId};
use media_turn::{Input, Output};

use crate::sim::{Call, Log};

fn marks(log: &Log, turn: u32) -> Vec<(Mark, u32)> {
    let mark = |(at, output): &(u32, Output)| match output {
        Output::Mark { turn: TurnId(id), mark, back } if *id == turn => {
            Some((*mark, at - back.as_millis() as u32))
        }
        _ => None,
    };
    log.outputs.iter().filter_map(mark).collect()
}

#[test]
fn marks_lie_where_things_happened_and_not_where_they_were_noticed() {
    let mut call = Call::default();
    call.say(1000, 2000, "I would come on Monday");
    let expected = [
        (Mark::SpeechStarted, 1000),
        (Mark::SpeechEnded, 2000),
        (Mark::TranscriptFinal, 2220),
        (Mark::Committed, 2220),
    ];
    assert_eq!(marks(&call.run(4000), 1), expected);
}

#[test]
fn a_merged_turn_began_with_its_first_word() {
    let mut call = Call { think_ms: Some(1500), ..Call::default() };
    call.say(1000, 1800, "I want to book a table").say(2400, 3200, "for Friday evening");
    let marks = marks(&call.run(6000), 2);
    assert!(
        marks.contains(&(Mark::SpeechStarted, 1000)) && marks.contains(&(Mark::SpeechEnded, 3200)),
        "{marks:?}"
    );
}

#[test]
fn the_states_of_a_turn_come_in_order() {
    let mut call = Call::default();
    call.say(1000, 2000, "I would come on Monday").say(3000, 4000, "could we say Tuesday rather");
    let states: Vec<AgentState> = call
        .run(8500)
        .outputs
        .into_iter()
        .filter_map(|(_, output)| match output {
            Output::Event(SessionEvent::StateChanged { state }) => Some(state),
            _ => None,
        })
        .collect();
    use AgentState::{Listening, Speaking, Thinking};
    assert_eq!(states, [Thinking, Listening, Thinking, Speaking, Listening, Thinking, Speaking, Listening]);
}

#[test]
fn the_interrupted_turn_is_marked_and_told() {
    let mut call = Call::default();
    call.say(1000, 1800, "what are your hours?").say(3500, 4300, "could we say Tuesday rather");
    let log = call.run(6000);
    let stop = log.interrupted()[0];
    assert!(marks(&log, 1).contains(&(Mark::Interrupted, stop)));
}

#[test]
fn what_was_typed_is_marked_where_it_arrived_however_long_it_waits() {
    let mut call = Call::default();
    call.at(1000, Input::Text("a room".into()));
    assert_eq!(marks(&call.run(4000), 1), [(Mark::Written, 1000), (Mark::Committed, 1000)]);
    let mut call = Call { uninterruptible: true, ..Call::default() };
    call.say(1000, 1800, "I want to book a table");
    call.at(3500, Input::Text("a room".into())).at(3700, Input::Text("for two".into()));
    let marks = marks(&call.run(9000), 2);
    assert_eq!(marks[0], (Mark::Written, 3500));
    assert!(marks[1].0 == Mark::Committed && marks[1].1 >= 5300, "{marks:?}");
}

#[test]
fn keys_are_marked_where_the_last_was_pressed() {
    let key = |key| Input::Dtmf(Digit::try_from(key).expect("a key"));
    let mut call = Call::default();
    call.at(1000, key('4')).at(2500, key('2'));
    assert_eq!(marks(&call.run(8000), 1), [(Mark::Written, 2500), (Mark::Committed, 4500)]);
}
