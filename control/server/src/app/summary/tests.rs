use domain::{DeadAir, SessionId, Source};

use super::*;

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn timeline(turn: u32, marks: &[(Mark, u64)]) -> SessionEvent {
    let mut timeline = TurnTimeline::new(TurnId(turn));
    marks.iter().for_each(|(mark, millis)| timeline.mark(*mark, at(*millis)));
    SessionEvent::TurnFinished { timeline }
}

fn recorded(events: Vec<(u64, SessionEvent)>) -> Recorded {
    Recorded {
        id: SessionId::generate(),
        agent: "front-desk".into(),
        transport: "webrtc".into(),
        started_at: "2026-01-02T03:04:05Z".parse().expect("a time"),
        events: events.into_iter().map(|(millis, event)| (at(millis), event)).collect(),
    }
}

fn interrupted_call() -> Recorded {
    let saying = |turn, text: &str| SessionEvent::AgentSaying { turn: TurnId(turn), text: text.into() };
    recorded(vec![
        (0, SessionEvent::Started),
        (10, saying(0, "Hello.")),
        (900, SessionEvent::AgentTurn { turn: TurnId(0), text: "Hello.".into(), interrupted: false }),
        (3000, SessionEvent::CallerTurn { turn: TurnId(1), text: "When are you open?".into(), typed: false }),
        (3050, SessionEvent::Node { turn: TurnId(1), node: "hours".into() }),
        (3100, saying(1, "We are open from nine.")),
        (3110, saying(1, "On Sunday we are closed.")),
        (5000, SessionEvent::Interrupted { turn: TurnId(1) }),
        (
            5010,
            SessionEvent::AgentTurn { turn: TurnId(1), text: "We are open  from".into(), interrupted: true },
        ),
        (
            5011,
            timeline(
                1,
                &[
                    (Mark::SpeechEnded, 2700),
                    (Mark::Committed, 3000),
                    (Mark::FirstText, 3060),
                    (Mark::FirstSentence, 3100),
                    (Mark::FirstAudio, 3251),
                    (Mark::AgentStarted, 3280),
                ],
            ),
        ),
        (6000, SessionEvent::DeadAir { turn: Some(TurnId(2)), cause: DeadAir::Synthesis, length: at(700) }),
        (
            6001,
            SessionEvent::Failed {
                turn: Some(TurnId(2)),
                source: Source::Provider,
                code: "TTS_TIMED_OUT".into(),
                message: "no audio".into(),
            },
        ),
        (7000, SessionEvent::Ended { reason: EndReason::CallerLeft }),
    ])
}

#[test]
fn an_interrupted_reply_is_shown_as_heard_with_the_rest_apart() {
    let call = call(&interrupted_call());
    let said: Vec<_> =
        call.transcript.iter().map(|line| (line.role, line.text.as_str(), line.unheard.as_str())).collect();
    assert_eq!(
        said,
        [
            (Role::Agent, "Hello.", ""),
            (Role::Caller, "When are you open?", ""),
            (Role::Agent, "We are open  from", "nine. On Sunday we are closed."),
        ]
    );
    assert!(call.transcript[2].interrupted);
}

#[test]
fn the_parts_of_a_response_add_up_on_the_page_too() {
    let call = call(&interrupted_call());
    let parts = call.turns_detail[1].latencies.expect("answered");
    let sum =
        parts.endpointing_ms + parts.thinking_ms + parts.sentence_ms + parts.synthesis_ms + parts.playout_ms;
    assert!((sum - parts.response_ms).abs() < 1e-6, "{parts:?}");
    assert!((parts.response_ms - 580.0).abs() < 1e-6);
    assert_eq!(call.turns_detail[1].nodes, ["hours"]);
}

#[test]
fn the_summary_counts_what_went_wrong() {
    let summary = of(&interrupted_call());
    assert_eq!((summary.turns, summary.interruptions, summary.failures), (1, 1, 1));
    assert_eq!(summary.end_reason, Some(EndReason::CallerLeft));
    assert_eq!(summary.response_median_ms, Some(580.0));
    assert!((summary.dead_air_ms - 700.0).abs() < 1e-6);
    assert_eq!(summary.first_words, "When are you open?");
    assert_eq!(summary.started_at, "2026-01-02T03:04:05Z");
}

#[test]
fn what_the_caller_said_first_is_cut_at_a_word() {
    assert_eq!(opening("  When are you open? ", 120), "When are you open?");
    assert_eq!(opening("one two three", 13), "one two three");
    assert_eq!(opening("one two three four", 14), "one two three…");
    assert_eq!(opening("one two three four", 13), "one two…");
    assert_eq!(opening("何時に開いていますか", 5), "何時に開…");
    assert_eq!(opening(&format!("a {}", "x".repeat(50)), 10), "a xxxxxxx…");
    let typed = SessionEvent::CallerTurn { turn: TurnId(1), text: "word ".repeat(400), typed: true };
    let first = of(&recorded(vec![(5, typed)])).first_words;
    assert!((110..=120).contains(&first.chars().count()) && first.ends_with("word…"), "{first}");
}

#[test]
fn only_what_the_caller_talked_over_is_an_interruption() {
    let turn = TurnId(0);
    let left = call(&recorded(vec![
        (10, SessionEvent::AgentSaying { turn, text: "Hello, how can I help?".into() }),
        (600, SessionEvent::AgentTurn { turn, text: "Hello,".into(), interrupted: true }),
        (601, SessionEvent::Ended { reason: EndReason::CallerLeft }),
    ]));
    let line = &left.transcript[0];
    assert_eq!((line.text.as_str(), line.unheard.as_str()), ("Hello,", "how can I help?"));
    assert_eq!(
        (left.summary.interruptions, line.interrupted, left.turns_detail[0].interrupted),
        (0, false, false)
    );
    let talked_over = call(&interrupted_call());
    let lines = talked_over.transcript.iter().filter(|line| line.interrupted).count();
    let turns = talked_over.turns_detail.iter().filter(|turn| turn.interrupted).count();
    assert_eq!((talked_over.summary.interruptions, lines, turns), (1, 1, 1));
}

#[test]
fn a_reply_without_a_verdict_counts_as_unheard() {
    let cut = recorded(vec![(5, SessionEvent::AgentSaying { turn: TurnId(0), text: "Hello there.".into() })]);
    let call = call(&cut);
    assert_eq!((call.transcript[0].text.as_str(), call.transcript[0].unheard.as_str()), ("", "Hello there."));
    assert_eq!(call.summary.end_reason, None);
}

#[test]
fn the_median_of_an_even_number_lies_between() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
    assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
}
