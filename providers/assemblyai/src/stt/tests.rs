//! The protocol, data in and data out.

use domain::{Secret, SessionId};
use serde_json::{Value, json};

use super::*;

fn listening(options: Options, language: Option<&str>, keywords: Vec<String>) -> Listening {
    let request = SttRequest {
        session: SessionId::generate(),
        rate_hz: RATE_HZ,
        language: language.map(|tag| Language(tag.to_owned())),
        keywords,
    };
    let mut listening = Listening::new(Arc::new(options), &request);
    let _endpoint = listening.connect();
    listening
}

fn options() -> Options {
    Options::new(Secret::new("key".to_owned()))
}

fn plain() -> Listening {
    listening(options(), None, Vec::new())
}

fn audio(listening: &mut Listening, ms: usize) -> Vec<usize> {
    let mut out = Vec::new();
    listening.audio(&vec![1; 16 * ms], &mut out);
    out.iter().map(ms_of).collect()
}

fn ms_of(frame: &Frame) -> usize {
    match frame {
        Frame::Binary(bytes) => bytes.len() / 32,
        Frame::Text(text) => panic!("{text} where audio was expected"),
    }
}

fn receive(listening: &mut Listening, message: &Value) -> Result<Vec<Heard>, Fault> {
    let mut heard = Vec::new();
    listening.received(Frame::Text(message.to_string()), &mut heard).map(|()| heard)
}

fn turn(order: u64, is_end: bool, is_formatted: bool, words: &[(&str, u64)]) -> Value {
    let text: Vec<&str> = words.iter().map(|(text, _)| *text).collect();
    let words: Vec<Value> = words
        .iter()
        .map(|(text, at)| json!({ "text": text, "start": at, "end": at + 100, "confidence": 0.9, "word_is_final": true }))
        .collect();
    json!({
        "type": "Turn", "turn_order": order, "turn_is_formatted": is_formatted, "end_of_turn": is_end,
        "transcript": text.join(" "), "end_of_turn_confidence": 0.8, "words": words,
    })
}

#[test]
fn the_address_says_what_is_recognised_and_the_key_is_a_header() {
    let keywords = vec!["Foundry".to_owned(), "x".repeat(51), String::new()];
    let mut english = listening(options(), Some("en-GB"), keywords);
    let endpoint = english.connect();
    assert_eq!(
        endpoint.url.expose(),
        "wss://streaming.assemblyai.com/v3/ws?sample_rate=16000&encoding=pcm_s16le\
         &speech_model=universal-streaming-english&format_turns=false\
         &end_of_turn_confidence_threshold=1&keyterms_prompt=%5B%22Foundry%22%5D&max_turn_silence=2000"
    );
    assert_eq!(endpoint.headers, [("Authorization", Secret::new("key".to_owned()))]);

    let mut set = options();
    (set.min_turn_silence_ms, set.max_turn_silence_ms) = (Some(160), Some(2_400));
    set.end_of_turn_confidence = Some(0.5);
    let url = listening(set, Some("de"), Vec::new()).connect().url;
    for part in [
        "speech_model=universal-streaming-multilingual",
        "language_detection=true",
        "min_turn_silence=160",
        "max_turn_silence=2400",
        "end_of_turn_confidence_threshold=0.5",
    ] {
        assert!(url.expose().contains(part), "{part}");
    }
}

#[test]
fn models_that_write_their_finals_once_are_not_asked_how() {
    let options = Options { model: "universal-3-5-pro".to_owned(), format_turns: true, ..options() };
    let mut listening = listening(options, None, Vec::new());
    let url = listening.connect().url;
    assert!(!url.expose().contains("format_turns") && !url.expose().contains("confidence"));
    assert!(url.expose().contains("language_detection=true"));
    let heard = receive(&mut listening, &turn(0, true, true, &[("Hello.", 100)])).expect("fine");
    assert!(matches!(&heard[..], [Heard::Settled(_), Heard::EndOfTurn(_)]));
}

#[test]
fn the_service_ends_turns_as_it_likes_where_it_may() {
    let options = Options { service_ends_turns: true, ..options() };
    let url = listening(options, None, Vec::new()).connect().url;
    assert!(!url.expose().contains("turn_silence") && !url.expose().contains("confidence"));
}

#[test]
fn no_message_is_shorter_or_longer_than_the_service_takes() {
    let mut listening = plain();
    assert_eq!(audio(&mut listening, 20), Vec::<usize>::new());
    assert_eq!(audio(&mut listening, 20), Vec::<usize>::new());
    assert_eq!(audio(&mut listening, 20), [60]);
    assert_eq!(audio(&mut listening, 2_070), [1_000, 1_000, 70]);
    assert_eq!(audio(&mut listening, 20), Vec::<usize>::new());
    let mut out = Vec::new();
    listening.finalize(&mut out);
    assert_eq!(ms_of(&out[0]), 50);
    assert_eq!(out[1], Frame::Text(r#"{"type":"ForceEndpoint"}"#.to_owned()));
}

#[test]
fn silence_that_fills_a_message_does_not_move_positions() {
    let mut listening = plain();
    let _sent = audio(&mut listening, 1_000);
    let _rest = audio(&mut listening, 20);
    listening.finalize(&mut Vec::new());
    let _sent = audio(&mut listening, 1_000);
    let heard = receive(&mut listening, &turn(0, false, false, &[("hi", 1_250)])).expect("fine");
    let ms = Duration::from_millis;
    assert!(
        matches!(&heard[..], [Heard::Partial(piece)] if piece.from == ms(1_220) && piece.words[0].to == ms(1_320))
    );
}

#[test]
fn a_demanded_end_settles_the_turn_and_one_of_the_service_is_its_judgement() {
    let mut listening = plain();
    assert_eq!(receive(&mut listening, &json!({ "type": "Begin", "id": "a" })), Ok(vec![Heard::Ready]));
    let heard = receive(&mut listening, &turn(0, true, false, &[("hello", 100)])).expect("fine");
    assert!(matches!(&heard[..], [Heard::Settled(piece), Heard::EndOfTurn(_)] if piece.text == "hello"));
    listening.finalize(&mut Vec::new());
    let heard = receive(&mut listening, &turn(1, true, false, &[("there", 900)])).expect("fine");
    assert!(matches!(&heard[..], [Heard::Settled(piece), Heard::Finalized] if piece.confidence == Some(0.9)));
    // A better spelling of a turn that was given is too late.
    assert_eq!(receive(&mut listening, &turn(1, true, true, &[("There.", 900)])), Ok(Vec::new()));
}

#[test]
fn where_formatted_turns_are_wanted_the_formatted_one_settles() {
    let mut listening = listening(Options { format_turns: true, ..options() }, None, Vec::new());
    listening.finalize(&mut Vec::new());
    let heard = receive(&mut listening, &turn(0, true, false, &[("hello", 100)])).expect("fine");
    assert!(matches!(&heard[..], [Heard::Partial(_), Heard::EndOfTurn(_)]));
    let heard = receive(&mut listening, &turn(0, true, true, &[("Hello.", 100)])).expect("fine");
    assert!(matches!(&heard[..], [Heard::Settled(piece), Heard::Finalized] if piece.text == "Hello."));
}

#[test]
fn a_turn_without_words_is_an_empty_answer() {
    let mut listening = plain();
    listening.finalize(&mut Vec::new());
    let heard = receive(&mut listening, &turn(0, true, false, &[])).expect("fine");
    assert!(matches!(&heard[..], [Heard::Settled(piece), Heard::Finalized] if piece.text.is_empty()));
}

#[test]
fn the_session_is_ended_and_its_length_is_not_told_twice() {
    let mut listening = plain();
    let mut out = Vec::new();
    listening.closing(&mut out);
    assert_eq!(out, [Frame::Text(r#"{"type":"Terminate"}"#.to_owned())]);
    let message =
        json!({ "type": "Termination", "audio_duration_seconds": 12.0, "session_duration_seconds": 12.5 });
    assert_eq!(receive(&mut listening, &message), Ok(Vec::new()));
}

#[test]
fn every_documented_code_has_its_kind() {
    for (code, reason, kind) in [
        (1008, "Unauthorized Connection: Too many concurrent sessions", ErrorKind::Limited(None)),
        (1008, "Unauthorized Connection: Missing Authorization header", ErrorKind::Unauthorized),
        (1008, "Unauthorized Connection: insufficient account balance", ErrorKind::Exhausted),
        (3009, "Unauthorized Connection: Too many concurrent sessions", ErrorKind::Limited(None)),
        (3005, "Session Cancelled: An error occurred", ErrorKind::Closed),
        (3006, "Invalid Message Type: Hello", ErrorKind::Rejected),
        (3006, "Invalid JSON: {", ErrorKind::Rejected),
        (3007, "Input duration violation: 20 ms. Expected between 50 and 1000 ms", ErrorKind::Rejected),
        (3007, "Audio Transmission Rate Exceeded: Received 9 sec. audio in 1 sec", ErrorKind::Limited(None)),
        (3008, "Session Expired: Maximum session duration exceeded", ErrorKind::Closed),
        (4000, "Sample rate must be a positive integer", ErrorKind::Rejected),
        (4001, "Not Authorized", ErrorKind::Unauthorized),
        (4002, "Insufficient Funds", ErrorKind::Exhausted),
        (4003, "This feature is paid-only", ErrorKind::Exhausted),
        (4008, "Session Expired", ErrorKind::Closed),
        (4029, "Client sent audio too fast", ErrorKind::Limited(None)),
        (4031, "Session idle for too long", ErrorKind::Closed),
        (4033, "Audio duration is too long", ErrorKind::Rejected),
        (4101, "Endpoint received a message with an invalid schema", ErrorKind::Rejected),
        (4102, "This account has exceeded the number of allowed streams", ErrorKind::Limited(None)),
        (1000, "", ErrorKind::Closed),
        (1011, "", ErrorKind::Closed),
        (1013, "", ErrorKind::Limited(None)),
    ] {
        assert_eq!(kind_of(code, reason), kind, "{code} {reason}");
        let message = json!({ "type": "Error", "error_code": code, "error": reason });
        assert_eq!(receive(&mut plain(), &message).expect_err("an error").kind, kind, "{code} {reason}");
    }
}

#[test]
fn what_is_no_message_is_a_breach_and_is_not_repeated() {
    for wrong in ["secret", r#"{"type":"Turn","words":"secret"}"#, r#"{"secret":1}"#] {
        let mut heard = Vec::new();
        let fault = plain().received(Frame::Text(wrong.to_owned()), &mut heard).expect_err(wrong);
        assert!(fault.kind == ErrorKind::Protocol && !fault.reason.contains("secret"), "{fault:?}");
    }
}
