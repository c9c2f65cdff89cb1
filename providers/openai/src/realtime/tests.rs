use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Language, Secret, SessionId};
use providers_api::Usage;
use serde_json::{Value, json};

use super::*;

fn protocol() -> RealtimeProtocol {
    let request = SttRequest {
        session: SessionId::generate(),
        rate_hz: 16_000,
        language: Some(Language("en-US".to_owned())),
        keywords: vec!["Maria".to_owned()],
    };
    let options = Options::new(Secret::new("k".to_owned()));
    let mut protocol = RealtimeProtocol::new(&options, &RealtimeOptions::default(), &request);
    protocol.connect();
    protocol
}

fn sent(step: impl FnOnce(&mut Vec<Frame>)) -> Vec<Value> {
    let mut out = Vec::new();
    step(&mut out);
    out.into_iter()
        .map(|frame| match frame {
            Frame::Text(text) => serde_json::from_str(&text).expect("JSON"),
            Frame::Binary(_) => Value::Null,
        })
        .collect()
}

fn speak(protocol: &mut RealtimeProtocol, ms: usize) -> Vec<Value> {
    sent(|out| protocol.audio(&[3_000, -3_000].repeat(8 * ms), out))
}

fn told(protocol: &mut RealtimeProtocol, message: &Value) -> Result<Vec<Heard>, Fault> {
    let mut heard = Vec::new();
    protocol.received(Frame::Text(message.to_string()), &mut heard).map(|()| heard)
}

fn finalize(protocol: &mut RealtimeProtocol) -> Vec<String> {
    let types = sent(|out| protocol.finalize(out));
    types.iter().map(|message| message["type"].as_str().unwrap_or_default().to_owned()).collect()
}

fn event(kind: &str, item: &str, field: &str, text: &str) -> Value {
    let kind = if kind == "committed" {
        "input_audio_buffer.committed".to_owned()
    } else {
        format!("conversation.item.input_audio_transcription.{kind}")
    };
    json!({ "event_id": "e", "type": kind, "item_id": item, "content_index": 0, field: text })
}

fn settled(text: &str, from_ms: u64, to_ms: u64) -> [Heard; 2] {
    let (from, to) = (Duration::from_millis(from_ms), Duration::from_millis(to_ms));
    [Heard::Settled(Piece { text: text.to_owned(), from, to, ..Piece::default() }), Heard::Finalized]
}

#[test]
fn the_session_is_asked_for_without_the_vendors_judgement_of_turns() {
    let mut protocol = protocol();
    let endpoint = protocol.connect();
    assert_eq!(endpoint.url.expose(), "wss://api.openai.com/v1/realtime?intent=transcription");
    assert_eq!(endpoint.headers[0].1.expose(), "Bearer k");
    let expected = json!({ "type": "session.update", "session": { "type": "transcription", "audio": { "input": {
        "format": { "type": "audio/pcm", "rate": 24_000 },
        "transcription": { "model": "gpt-4o-mini-transcribe", "language": "en", "prompt": "Maria" },
        "turn_detection": null,
    } } } });
    assert_eq!(sent(|out| protocol.opening(out)), [expected]);
    assert_eq!(told(&mut protocol, &json!({ "type": "session.created", "session": {} })), Ok(vec![]));
    assert_eq!(
        told(&mut protocol, &json!({ "type": "session.updated", "session": {} })),
        Ok(vec![Heard::Ready])
    );
}

#[test]
fn audio_is_brought_to_the_rate_of_the_socket() {
    let mut protocol = protocol();
    let bytes: usize = (0..50)
        .flat_map(|_| speak(&mut protocol, 20))
        .map(|message| {
            assert_eq!(message["type"], "input_audio_buffer.append");
            STANDARD.decode(message["audio"].as_str().expect("text")).expect("base64").len()
        })
        .sum();
    assert!((47_900..=48_000).contains(&bytes), "{bytes} bytes of a second at 24 kHz");
}

#[test]
fn a_commit_settles_with_its_words() {
    let mut protocol = protocol();
    speak(&mut protocol, 1_000);
    assert_eq!(finalize(&mut protocol), ["input_audio_buffer.commit"]);
    assert_eq!(told(&mut protocol, &event("committed", "a", "previous_item_id", "")), Ok(vec![]));
    let partial = |text: &str| {
        let to = Duration::from_secs(1);
        Ok(vec![Heard::Partial(Piece { text: text.to_owned(), to, ..Piece::default() })])
    };
    assert_eq!(told(&mut protocol, &event("delta", "a", "delta", "Good")), partial("Good"));
    assert_eq!(told(&mut protocol, &event("delta", "a", "delta", " day")), partial("Good day"));
    let mut completed = event("completed", "a", "transcript", "Good day.");
    completed["usage"] = json!({ "type": "tokens", "input_tokens": 10, "output_tokens": 4, "total_tokens": 14,
        "input_token_details": { "audio_tokens": 10, "text_tokens": 0 } });
    let usage = Usage {
        input_tokens: 10,
        audio_input_tokens: 10,
        output_tokens: 4,
        audio_in: Duration::from_secs(1),
        ..Usage::default()
    };
    let expected: Vec<Heard> =
        [Heard::Usage(usage)].into_iter().chain(settled("Good day.", 0, 1_000)).collect();
    assert_eq!(told(&mut protocol, &completed), Ok(expected));
}

#[test]
fn items_that_complete_out_of_order_settle_in_order() {
    let mut protocol = protocol();
    for item in ["a", "b"] {
        speak(&mut protocol, 500);
        finalize(&mut protocol);
        told(&mut protocol, &event("committed", item, "previous_item_id", "")).expect("taken");
    }
    assert_eq!(told(&mut protocol, &event("completed", "b", "transcript", "Second.")), Ok(vec![]));
    let expected: Vec<Heard> =
        settled("First.", 0, 500).into_iter().chain(settled("Second.", 500, 1_000)).collect();
    assert_eq!(told(&mut protocol, &event("completed", "a", "transcript", "First.")), Ok(expected));
    // Of something that is over.
    speak(&mut protocol, 500);
    assert_eq!(told(&mut protocol, &json!({ "type": "conversation.item.done" })), Ok(vec![]));
}

#[test]
fn words_before_the_commit_are_partials() {
    let mut protocol = protocol();
    speak(&mut protocol, 400);
    let partial = Piece { text: "Good".to_owned(), to: Duration::from_millis(400), ..Piece::default() };
    assert_eq!(told(&mut protocol, &event("delta", "a", "delta", "Good")), Ok(vec![Heard::Partial(partial)]));
    speak(&mut protocol, 400);
    finalize(&mut protocol);
    told(&mut protocol, &event("committed", "a", "previous_item_id", "")).expect("taken");
    let got = told(&mut protocol, &event("completed", "a", "transcript", "Good day."));
    assert_eq!(got, Ok(settled("Good day.", 0, 800).to_vec()));
}

#[test]
fn silence_is_cleared_away_and_answered_at_once() {
    let mut protocol = protocol();
    sent(|out| protocol.audio(&[0; 16_000], out));
    assert_eq!(finalize(&mut protocol), ["input_audio_buffer.clear"]);
    let cleared = json!({ "type": "input_audio_buffer.cleared" });
    assert_eq!(told(&mut protocol, &cleared), Ok(vec![Heard::Finalized]));
    assert_eq!(finalize(&mut protocol), ["input_audio_buffer.clear"], "nothing at all");
    speak(&mut protocol, 200);
    assert_eq!(finalize(&mut protocol), ["input_audio_buffer.commit"]);
    let got = told(&mut protocol, &event("completed", "a", "transcript", "Yes."));
    assert_eq!(got, Ok(settled("Yes.", 1_000, 1_200).to_vec()));
}

#[test]
fn what_nobody_could_understand_is_an_empty_final_and_other_failures_are_faults() {
    let failed = |code: &str| {
        let mut protocol = protocol();
        speak(&mut protocol, 500);
        finalize(&mut protocol);
        let mut failed = event("failed", "a", "note", "");
        failed["error"] =
            json!({ "type": "transcription_error", "code": code, "message": "no", "param": null });
        told(&mut protocol, &failed)
    };
    assert_eq!(failed("audio_unintelligible"), Ok(settled("", 0, 500).to_vec()));
    assert_eq!(failed("insufficient_quota").expect_err("failed").kind, ErrorKind::Exhausted);
    assert_eq!(failed("").expect_err("failed").kind, ErrorKind::Closed);
}

#[test]
fn a_commit_of_nothing_is_an_empty_final() {
    let mut protocol = protocol();
    speak(&mut protocol, 500);
    finalize(&mut protocol);
    let error = json!({ "type": "error", "error": { "type": "invalid_request_error",
        "code": "input_audio_buffer_commit_empty", "message": "buffer too small" } });
    assert_eq!(told(&mut protocol, &error), Ok(settled("", 0, 500).to_vec()));
}

#[test]
fn every_error_has_its_kind() {
    for (class, code, expected) in [
        ("invalid_request_error", "session_expired", ErrorKind::Closed),
        ("invalid_request_error", "invalid_api_key", ErrorKind::Unauthorized),
        ("invalid_request_error", "invalid_value", ErrorKind::Rejected),
        ("invalid_request_error", "unknown_parameter", ErrorKind::Rejected),
        ("insufficient_quota", "insufficient_quota", ErrorKind::Exhausted),
        ("tokens", "rate_limit_exceeded", ErrorKind::Limited(None)),
        ("server_error", "", ErrorKind::Closed),
    ] {
        let error = json!({ "type": "error", "error": { "type": class, "code": code, "message": "no" } });
        assert_eq!(told(&mut protocol(), &error).expect_err(code).kind, expected, "{class} {code}");
    }
    let mut protocol = protocol();
    for garbage in ["<html>", "[]", "{}"] {
        let fault = protocol.received(Frame::Text(garbage.to_owned()), &mut Vec::new()).expect_err(garbage);
        assert_eq!(fault.kind, ErrorKind::Protocol);
    }
    assert!(protocol.received(Frame::Binary(vec![1].into()), &mut Vec::new()).is_err());
}

#[test]
fn a_new_connection_knows_nothing_of_the_old_one() {
    let mut protocol = protocol();
    speak(&mut protocol, 500);
    finalize(&mut protocol);
    protocol.connect();
    speak(&mut protocol, 300);
    finalize(&mut protocol);
    let got = told(&mut protocol, &event("completed", "x", "transcript", "Again."));
    assert_eq!(got, Ok(settled("Again.", 0, 300).to_vec()));
}
