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

/// As its row says it; what the page makes of its events is tested here.
fn row(recorded: &Recorded) -> CallSummary {
    CallSummary {
        id: recorded.id,
        agent: recorded.agent.clone(),
        version: 1,
        environment: None,
        transport: recorded.transport.clone(),
        direction: None,
        party: None,
        providers: vec!["built-in".into()],
        started_at: recorded.started_at.to_string(),
        duration_ms: 0.0,
        running: false,
        end_reason: None,
        outcome: None,
        summary: None,
        summary_by: None,
        turns: 0,
        interruptions: 0,
        response_median_ms: None,
        response_max_ms: None,
        dead_air_ms: 0.0,
        failures: 0,
        recorded: false,
        lowest_mos: None,
        poor_audio: false,
        first_words: String::new(),
        drill: None,
    }
}

fn page(recorded: &Recorded) -> Call {
    let outcome = Outcome { fields: serde_json::json!({"appointment": "at ten"}), ..Outcome::default() };
    call(row(recorded), outcome, recorded)
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
    let call = page(&interrupted_call());
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
    let call = page(&interrupted_call());
    let parts = call.turns_detail[1].latencies.expect("answered");
    let sum =
        parts.endpointing_ms + parts.thinking_ms + parts.sentence_ms + parts.synthesis_ms + parts.playout_ms;
    assert!((sum - parts.response_ms).abs() < 1e-6, "{parts:?}");
    assert!((parts.response_ms - 580.0).abs() < 1e-6);
    assert_eq!(call.turns_detail[1].nodes, ["hours"]);
}

#[test]
fn what_went_wrong_is_listed_with_its_time() {
    let recorded = interrupted_call();
    let call = page(&recorded);
    let silence = &call.dead_air[0];
    assert_eq!((silence.at_ms, silence.length_ms, silence.cause), (6000.0, 700.0, DeadAir::Synthesis));
    let problem = &call.problems[0];
    assert_eq!((problem.at_ms, problem.code.as_str()), (6001.0, "TTS_TIMED_OUT"));
    assert_eq!((call.dead_air.len(), call.problems.len(), call.notes.len()), (1, 1, 0));
    assert_eq!((call.events.len(), call.events_truncated), (recorded.events.len(), false));
    assert_eq!((&call.summary, &call.fields["appointment"]), (&row(&recorded), &"at ten".into()));
}

#[test]
fn what_the_caller_said_first_is_cut_at_a_word() {
    assert_eq!(opening("  When are you open? ", 120), "When are you open?");
    assert_eq!(opening("one two three", 13), "one two three");
    assert_eq!(opening("one two three four", 14), "one two three…");
    assert_eq!(opening("one two three four", 13), "one two…");
    assert_eq!(opening("何時に開いていますか", 5), "何時に開…");
    assert_eq!(opening(&format!("a {}", "x".repeat(50)), 10), "a xxxxxxx…");
    let first = opening(&"word ".repeat(400), 120);
    assert!((110..=120).contains(&first.chars().count()) && first.ends_with("word…"), "{first}");
}

#[test]
fn only_what_the_caller_talked_over_is_an_interruption() {
    let turn = TurnId(0);
    let left = page(&recorded(vec![
        (10, SessionEvent::AgentSaying { turn, text: "Hello, how can I help?".into() }),
        (600, SessionEvent::AgentTurn { turn, text: "Hello,".into(), interrupted: true }),
        (601, SessionEvent::Ended { reason: EndReason::CallerLeft }),
    ]));
    let line = &left.transcript[0];
    assert_eq!((line.text.as_str(), line.unheard.as_str()), ("Hello,", "how can I help?"));
    assert_eq!((line.interrupted, left.turns_detail[0].interrupted), (false, false));
    let talked_over = page(&interrupted_call());
    let lines = talked_over.transcript.iter().filter(|line| line.interrupted).count();
    let turns = talked_over.turns_detail.iter().filter(|turn| turn.interrupted).count();
    assert_eq!((lines, turns), (1, 1));
}

#[test]
fn a_reply_without_a_verdict_counts_as_unheard() {
    let cut = recorded(vec![(5, SessionEvent::AgentSaying { turn: TurnId(0), text: "Hello there.".into() })]);
    let call = page(&cut);
    assert_eq!((call.transcript[0].text.as_str(), call.transcript[0].unheard.as_str()), ("", "Hello there."));
}

#[test]
fn what_the_agent_is_just_saying_is_neither_heard_nor_cut_off() {
    let saying = |turn, text: &str| SessionEvent::AgentSaying { turn: TurnId(turn), text: text.into() };
    let running = |events: Vec<(u64, SessionEvent)>| {
        let recorded = recorded(events);
        call(CallSummary { running: true, ..row(&recorded) }, Outcome::default(), &recorded)
    };
    let mut events = vec![(5, saying(0, "Hello there.")), (6, saying(0, "How can I help?"))];
    let shown = |call: &Call, line: usize| {
        let line = &call.transcript[line];
        (line.text.clone(), line.unheard.clone(), line.saying)
    };
    let now = running(events.clone());
    assert_eq!(shown(&now, 0), ("Hello there. How can I help?".into(), String::new(), true));
    // The server died there, and another goes on.
    let back = SessionEvent::Reattached { gap: at(3_000), transport: "websocket".into(), after_crash: true };
    events.extend([(4_000, back), (4_100, saying(1, "Sorry, we were cut off."))]);
    let resumed = running(events.clone());
    assert_eq!(shown(&resumed, 0), (String::new(), "Hello there. How can I help?".into(), false));
    assert_eq!(shown(&resumed, 1), ("Sorry, we were cut off.".into(), String::new(), true));
    let heard = "Sorry, we were".to_owned();
    events.push((5_000, SessionEvent::AgentTurn { turn: TurnId(1), text: heard.clone(), interrupted: true }));
    assert_eq!(shown(&running(events), 1), (heard, "cut off.".into(), false));
}

#[test]
fn whatever_carried_the_call_is_listed_with_why() {
    let back = |transport: &str, after_crash| SessionEvent::Reattached {
        gap: at(3_000),
        transport: transport.into(),
        after_crash,
    };
    let call = page(&recorded(vec![
        (0, SessionEvent::Started),
        (9_000, back("websocket", true)),
        (20_000, back("webrtc", false)),
    ]));
    let ways: Vec<_> = call
        .connections
        .iter()
        .map(|one| (one.transport.as_str(), one.at_ms, one.gap_ms, one.after_crash))
        .collect();
    assert_eq!(
        ways,
        [
            ("webrtc", 0.0, 0.0, false),
            ("websocket", 9_000.0, 3_000.0, true),
            ("webrtc", 20_000.0, 3_000.0, false)
        ]
    );
}

#[test]
fn a_typed_turn_has_its_parts_from_the_arrival_of_the_message() {
    let turn = TurnId(1);
    let call = page(&recorded(vec![
        (3_000, SessionEvent::CallerTurn { turn, text: "When are you open?".into(), typed: true }),
        (
            5_011,
            timeline(
                1,
                &[
                    (Mark::Written, 2_900),
                    (Mark::Committed, 3_000),
                    (Mark::FirstText, 3_060),
                    (Mark::AgentStarted, 3_280),
                ],
            ),
        ),
    ]));
    let parts = call.turns_detail[0].latencies.expect("answered");
    assert!((parts.endpointing_ms - 100.0).abs() < 1e-6 && (parts.response_ms - 380.0).abs() < 1e-6);
    assert_eq!(call.turns_detail[0].marks[0].mark, Mark::Written);
}
