//! Replies that are late, never come, or never end.

use domain::TurnId;
use media_turn::{Input, Output, Rule};

use crate::promises::prove;
use crate::sim::Call;

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
            vec![("3 s after the commit, once", late.len() == 1 && late[0] <= log.commit_at(0) + 3020)]
        },
    );
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
    let mut call = Call { think_ms: Some(3000), ..Call::default() };
    asked(&mut call).noise(4700, 5300);
    let log = call.run(12_000);
    assert!(log.when(|output| matches!(output, Output::ReplyLate(_))).is_empty());
    assert_eq!(log.played.get(&1), Some(&3000));
}

#[test]
fn what_the_session_says_on_its_own_holds_the_floor_too() {
    let mut call = Call::default();
    for at in (3000..12_000).step_by(20) {
        call.at(at, Input::Heard(TurnId(1_000_000), domain::MediaTime::from_millis(u64::from(at) - 3000)));
    }
    call.at(2990, Input::AgentAudio(TurnId(1_000_000))).at(12_000, Input::AgentDone(TurnId(1_000_000)));
    let log = call.run(20_000);
    assert!((19_000..=19_100).contains(&log.nudged()[0]), "{:?}", log.nudged());
}
