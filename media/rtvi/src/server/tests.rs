use std::time::{Duration, SystemTime};

use domain::{Mark, MediaTime, Source};

use super::*;

const TURN: TurnId = TurnId(3);

fn ready(version: &str) -> Server {
    let mut server = Server::new(Options {
        session_id: Some("ses_1".to_owned()),
        resume_token: Some("token".to_owned()),
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        ..Options::default()
    });
    let hello =
        json!({ "label": "rtvi-ai", "type": "client-ready", "id": "c1", "data": { "version": version } });
    server.message(&hello.to_string());
    server
}

fn told(server: &mut Server, event: SessionEvent) -> Vec<(String, Value)> {
    server.event(&event).iter().map(|text| parse(text)).collect()
}

fn parse(text: &str) -> (String, Value) {
    let mut message: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(message["label"], "rtvi-ai");
    assert!(message["id"].as_str().is_some_and(|id| !id.is_empty()));
    (message["type"].as_str().expect("a type").to_owned(), message["data"].take())
}

fn kinds(told: &[(String, Value)]) -> Vec<&str> {
    told.iter().map(|(kind, _)| kind.as_str()).collect()
}

fn saying(text: &str) -> SessionEvent {
    SessionEvent::AgentSaying { turn: TURN, text: text.to_owned() }
}

#[test]
fn a_ready_client_gets_bot_ready_with_its_own_id_then_the_session_and_state() {
    let mut server = Server::new(Options {
        session_id: Some("ses_1".to_owned()),
        resume_within: Some(Duration::from_secs(90)),
        ..Options::default()
    });
    assert!(server.event(&SessionEvent::CallerSpeaking { speaking: true }).is_empty(), "not ready yet");
    server.event(&SessionEvent::StateChanged { state: AgentState::Listening });
    let reactions =
        server.message(r#"{"label":"rtvi-ai","type":"client-ready","id":"abc","data":{"version":"2.1.0"}}"#);
    let [Reaction::Send(bot_ready), Reaction::Send(session), Reaction::Send(state), Reaction::Ready] =
        &reactions[..]
    else {
        unreachable!("{reactions:?}");
    };
    let message: Value = serde_json::from_str(bot_ready).expect("JSON");
    assert_eq!((&message["type"], &message["id"]), (&json!("bot-ready"), &json!("abc")));
    assert_eq!(message["data"]["version"], "2.2.0");
    assert_eq!(message["data"]["about"]["library"], "agent-foundry");
    assert_eq!(
        parse(session).1,
        json!({ "t": "session", "d": { "session_id": "ses_1", "resume_token": null, "resume_within_ms": 90_000 } })
    );
    assert_eq!(parse(state).1, json!({ "t": "agent-state", "d": { "state": "listening" } }));
}

#[test]
fn a_legacy_client_is_answered_in_its_own_version_and_shape() {
    let mut server = Server::new(Options::default());
    let reactions =
        server.message(r#"{"label":"rtvi-ai","type":"client-ready","id":"1","data":{"version":"1.1.0"}}"#);
    assert!(matches!(&reactions[0], Reaction::Send(text) if parse(text).1["version"] == "1.1.0"));
    let messages = told(&mut server, saying("Hello."));
    let output = messages.iter().find(|(kind, _)| kind == "bot-output").expect("output");
    assert_eq!(output.1, json!({ "text": "Hello.", "spoken": true, "aggregated_by": "sentence" }));
    let turn = SessionEvent::AgentTurn { turn: TURN, text: "Hello.".to_owned(), interrupted: false };
    assert_eq!(kinds(&told(&mut server, turn)), ["bot-llm-stopped", "bot-tts-stopped", "server-message"]);
}

#[test]
fn a_whole_reply_is_new_and_then_completed_sentence_by_sentence() {
    let mut server = ready("2.1.0");
    let first = told(&mut server, saying("Hello."));
    assert_eq!(
        kinds(&first),
        [
            "bot-llm-started",
            "bot-tts-started",
            "bot-llm-text",
            "bot-output",
            "bot-transcription",
            "bot-tts-text"
        ]
    );
    assert_eq!(first[3].1["spoken_status"], "new");
    assert_eq!(first[3].1["segment_id"], 1);
    assert_eq!(told(&mut server, saying("How can I help?"))[1].1["segment_id"], 2);
    let heard =
        SessionEvent::AgentTurn { turn: TURN, text: "Hello. How can I help?".to_owned(), interrupted: false };
    let end = told(&mut server, heard);
    assert_eq!(
        kinds(&end),
        ["bot-output", "bot-output", "bot-llm-stopped", "bot-tts-stopped", "server-message"]
    );
    assert!(end[..2].iter().all(|(_, data)| data["spoken_status"] == "completed"));
}

#[test]
fn an_interrupted_reply_tells_to_the_word_what_was_heard() {
    let mut server = ready("2.1.0");
    for text in ["Hello.", "We open at nine.", "And close at five."] {
        server.event(&saying(text));
    }
    assert_eq!(kinds(&told(&mut server, SessionEvent::Interrupted { turn: TURN })), ["bot-interrupted"]);
    let heard = SessionEvent::AgentTurn { turn: TURN, text: "Hello. We open".to_owned(), interrupted: true };
    let end = told(&mut server, heard);
    assert_eq!(
        kinds(&end),
        ["bot-output", "bot-output", "bot-llm-stopped", "bot-tts-stopped", "server-message"]
    );
    assert_eq!(end[0].1["spoken_status"], "completed");
    assert_eq!(end[1].1["spoken_status"], "in-progress");
    assert_eq!(
        end[1].1["spoken_progress"],
        json!({ "accumulated_text": "We open", "remaining_text": " at nine." })
    );
    assert_eq!(end[4].1["d"], json!({ "turn": 3, "text": "Hello. We open", "interrupted": true }));
}

#[test]
fn transcripts_carry_the_time_they_were_said_and_new_clients_get_user_input() {
    let partial =
        Transcript::partial("what time", MediaTime::from_millis(1_500), MediaTime::from_millis(2_000));
    let event = SessionEvent::Heard { transcript: partial };
    let old = told(&mut ready("2.1.0"), event.clone());
    assert_eq!(kinds(&old), ["user-transcription"]);
    assert_eq!(old[0].1["timestamp"], "2023-11-14T22:13:21.500Z");
    assert_eq!(old[0].1["final"], false);
    let new = told(&mut ready("2.2.0"), event);
    assert_eq!(kinds(&new), ["user-transcription", "user-input"]);
    assert_eq!(new[1].1["input_type"], "transcription");
    let typed = SessionEvent::CallerTurn { turn: TURN, text: "hi".to_owned(), typed: true };
    assert_eq!(kinds(&told(&mut ready("2.2.0"), typed)), ["user-input", "user-llm-text", "server-message"]);
    let silence = Transcript::complete("", MediaTime::ZERO, MediaTime::ZERO);
    assert!(told(&mut ready("2.2.0"), SessionEvent::Heard { transcript: silence }).is_empty());
}

#[test]
fn speaking_is_told_by_changes_of_state() {
    let mut server = ready("2.1.0");
    let change = |state| SessionEvent::StateChanged { state };
    assert_eq!(kinds(&told(&mut server, change(AgentState::Thinking))), ["server-message"]);
    assert_eq!(
        kinds(&told(&mut server, change(AgentState::Speaking))),
        ["bot-started-speaking", "server-message"]
    );
    assert_eq!(kinds(&told(&mut server, change(AgentState::Speaking))), ["server-message"]);
    assert_eq!(
        kinds(&told(&mut server, change(AgentState::Listening))),
        ["bot-stopped-speaking", "server-message"]
    );
}

#[test]
fn a_finished_turn_gives_metrics_in_seconds_and_marks_in_milliseconds() {
    let mut timeline = TurnTimeline::new(TURN);
    for (mark, ms) in [(Mark::SpeechEnded, 1_000), (Mark::Committed, 1_300), (Mark::AgentStarted, 1_500)] {
        timeline.mark(mark, Duration::from_millis(ms));
    }
    let messages = told(&mut ready("2.1.0"), SessionEvent::TurnFinished { timeline });
    assert_eq!(kinds(&messages), ["metrics", "server-message"]);
    assert_eq!(messages[0].1["processing"][0], json!({ "processor": "endpointing", "value": 0.3 }));
    assert_eq!(messages[1].1["d"]["marks_ms"]["agent_started"], 1_500);
    assert_eq!(messages[1].1["d"]["latencies_ms"]["response"], 500.0);
}

#[test]
fn failures_and_the_end_are_told_with_code_and_reason() {
    let mut server = ready("2.1.0");
    let (code, message) = ("TTS_TIMED_OUT".to_owned(), "no audio".to_owned());
    let failed = SessionEvent::Failed { turn: None, source: Source::Provider, code, message };
    let error = told(&mut server, failed);
    assert_eq!(error[0].0, "error");
    assert_eq!((&error[0].1["code"], &error[0].1["fatal"]), (&json!("TTS_TIMED_OUT"), &json!(false)));
    let ended = told(&mut server, SessionEvent::Ended { reason: EndReason::ProviderFailed });
    assert_eq!(kinds(&ended), ["error", "server-message"]);
    assert_eq!(ended[0].1["fatal"], true);
    assert_eq!(ended[1].1, json!({ "t": "call-ended", "d": { "reason": "provider_failed" } }));
}

#[test]
fn requests_are_answered_under_their_id_or_refused_with_a_code() {
    let mut server = ready("2.1.0");
    let ask = |server: &mut Server, t: &str| {
        let request =
            json!({ "label": "rtvi-ai", "type": "client-message", "id": "q7", "data": { "t": t, "d": 5 } });
        let reactions = server.message(&request.to_string());
        let [Reaction::Send(text)] = &reactions[..] else { unreachable!("{reactions:?}") };
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON")["id"], "q7");
        parse(text)
    };
    assert_eq!(ask(&mut server, "ping"), ("server-response".to_owned(), json!({ "t": "ping", "d": 5 })));
    let (kind, data) = ask(&mut server, "fly");
    assert_eq!((kind.as_str(), &data["code"]), ("error-response", &json!("RTVI_UNKNOWN_TYPE")));
    let bad = server.message("{\"label\":");
    assert!(matches!(&bad[..], [Reaction::Send(text)] if parse(text).1["code"] == "RTVI_MALFORMED"));
}

mod no_input_panics {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text(text in ".{0,400}") {
            let mut server = ready("2.1.0");
            let _ = server.message(&text);
        }

        #[test]
        fn any_type_and_data(kind in "[a-z-]{0,20}", key in "[a-zA-Z_]{0,10}", value in ".{0,40}", number: i64) {
            let mut server = ready("2.1.0");
            for data in [json!({ &key: value }), json!([number]), json!(number), json!({ "buttons": [number], "content": number })] {
                let message = json!({ "label": "rtvi-ai", "type": kind, "id": number, "data": data });
                let _ = server.message(&message.to_string());
            }
        }

        #[test]
        fn any_split_of_what_was_heard(text in ".{0,40}", heard in ".{0,40}") {
            let mut server = ready("2.1.0");
            server.event(&saying(&text));
            server.event(&SessionEvent::AgentTurn { turn: TURN, text: heard, interrupted: true });
        }
    }
}

/// Every real message with bytes flipped, inserted and cut, from a printed seed.
#[test]
fn corrupted_messages_are_answered_and_never_panic() {
    let seed = 0x5eed_0001_u64;
    let mut state = seed;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    println!("seed {seed:#x}");
    let whole =
        br##"{"label":"rtvi-ai","type":"dtmf","id":"1","data":{"buttons":["1","#"],"content":"x","t":"y"}}"##;
    let mut server = ready("2.1.0");
    for _ in 0..20_000 {
        let mut bytes = whole.to_vec();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes.insert(at, random(256) as u8),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let _ = server.message(&String::from_utf8_lossy(&bytes));
    }
    assert!(server.client().is_some());
}
