//! The protocol, data in and data out.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::{Secret, SessionId};
use serde_json::{Value, json};

use super::*;

static COUNT: AtomicU32 = AtomicU32::new(0);

fn listening() -> Listening {
    let mut options = Options::new(Secret::new("key".to_owned()), "westeurope");
    options.endpoint_id = Some("my model".to_owned());
    let request = SttRequest {
        session: SessionId::generate(),
        rate_hz: RATE_HZ,
        language: Some(Language("de".to_owned())),
        keywords: vec!["Foundry".to_owned()],
    };
    let marks = Marks {
        id: || format!("{:032x}", COUNT.fetch_add(1, Ordering::Relaxed)),
        stamp: || "2026-01-01T00:00:00.000Z".to_owned(),
    };
    let mut listening = Listening::new(Arc::new(options), &request, marks);
    let _endpoint = listening.connect();
    listening
}

/// Path, request id and body of a frame of ours.
fn sent(frame: &Frame) -> (String, String, Vec<u8>) {
    let (head, body) = match frame {
        Frame::Text(text) => {
            let (head, body) = text.split_once("\r\n\r\n").expect("a blank line");
            (head.to_owned(), body.as_bytes().to_vec())
        }
        Frame::Binary(bytes) => {
            let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
            let head = String::from_utf8(bytes[2..2 + length].to_vec()).expect("ASCII");
            (head, bytes[2 + length..].to_vec())
        }
    };
    let find = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)).expect("the header is there");
        line.trim_start_matches(": ").to_owned()
    };
    assert_eq!(find("X-Timestamp"), "2026-01-01T00:00:00.000Z");
    (find("Path"), find("X-RequestId"), body)
}

fn audio(listening: &mut Listening, ms: usize) -> Vec<(String, String, Vec<u8>)> {
    let mut out = Vec::new();
    listening.audio(&vec![1; 16 * ms], &mut out);
    out.iter().map(sent).collect()
}

fn finalize(listening: &mut Listening) -> Vec<(String, String, Vec<u8>)> {
    let mut out = Vec::new();
    listening.finalize(&mut out);
    out.iter().map(sent).collect()
}

fn answer(listening: &mut Listening, path: &str, id: &str, body: &Value) -> Result<Vec<Heard>, Fault> {
    let mut heard = Vec::new();
    let text = format!("X-RequestId:{id}\r\nContent-Type:application/json\r\nPath:{path}\r\n\r\n{body}");
    listening.received(Frame::Text(text), &mut heard).map(|()| heard)
}

fn phrase(status: &str, offset: u64, text: &str) -> Value {
    json!({
        "RecognitionStatus": status, "Offset": offset, "Duration": 10_000_000,
        "NBest": [{ "Confidence": 0.9, "Display": text, "Words": [] }],
    })
}

#[test]
fn the_address_names_the_language_and_the_key_stays_secret() {
    let mut listening = listening();
    let endpoint = listening.connect();
    assert_eq!(
        endpoint.url.expose(),
        "wss://westeurope.stt.speech.microsoft.com/speech/recognition/conversation/cognitiveservices/v1\
         ?language=de-DE&format=detailed&wordLevelTimestamps=true&profanity=raw&cid=my%20model"
    );
    let header = |name: &str| {
        endpoint.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.expose().clone())
    };
    assert_eq!(header("Ocp-Apim-Subscription-Key").as_deref(), Some("key"));
    assert_eq!(header("X-ConnectionId").map(|id| id.len()), Some(32));
    assert!(!format!("{endpoint:?}").contains("key\""));
}

#[test]
fn a_request_begins_with_its_context_and_the_head_of_a_wav_file() {
    let mut listening = listening();
    let mut out = Vec::new();
    listening.opening(&mut out);
    let (path, _, config) = sent(&out[0]);
    let config: Value = serde_json::from_slice(&config).expect("JSON");
    assert_eq!(
        (path.as_str(), &config["context"]["system"]["name"]),
        ("speech.config", &json!("agent-foundry"))
    );

    let first = audio(&mut listening, 40);
    let paths: Vec<&str> = first.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(paths, ["speech.context", "audio", "audio"]);
    assert!(first.iter().all(|(_, id, _)| *id == first[0].1 && id.len() == 32), "one id for the request");
    assert!(first[1].2.starts_with(b"RIFF") && first[1].2.len() == 44);
    assert_eq!(first[2].2.len(), 40 * 16 * 2);

    let second = audio(&mut listening, 40);
    assert_eq!((second.len(), &second[0].1), (1, &first[0].1));
}

#[test]
fn a_portion_is_never_larger_than_the_service_takes() {
    let mut listening = listening();
    let sent = audio(&mut listening, 1_000);
    assert!(sent.iter().all(|(_, _, body)| body.len() <= 8_192));
    assert_eq!(sent[2..].iter().map(|(_, _, body)| body.len()).sum::<usize>(), 32_000);
}

#[test]
fn after_the_end_of_a_turn_positions_go_on_though_the_service_begins_anew() {
    let mut listening = listening();
    let first = audio(&mut listening, 2_000)[0].1.clone();
    let heard =
        answer(&mut listening, "speech.phrase", &first, &phrase("Success", 5_000_000, "One.")).expect("fine");
    let ms = Duration::from_millis;
    assert!(matches!(&heard[..], [Heard::Settled(piece)] if piece.from == ms(500) && piece.to == ms(1_500)));

    let end = finalize(&mut listening);
    assert_eq!((end.len(), end[0].0.as_str(), &end[0].1, end[0].2.len()), (1, "audio", &first, 0));
    // The next request would discard what this one still owes.
    assert!(audio(&mut listening, 100).is_empty());
    assert_eq!(answer(&mut listening, "turn.end", &first, &json!({})), Ok(vec![Heard::Finalized]));

    let next = audio(&mut listening, 20);
    let second = next[0].1.clone();
    assert_ne!(second, first);
    assert!(next[1].2.starts_with(b"RIFF"));
    assert_eq!(next[2..].iter().map(|(_, _, body)| body.len()).sum::<usize>(), 120 * 16 * 2);
    let hypothesis = json!({ "Text": "two", "Offset": 1_000_000, "Duration": 1_000_000 });
    let heard = answer(&mut listening, "speech.hypothesis", &second, &hypothesis).expect("fine");
    assert!(matches!(&heard[..], [Heard::Partial(piece)] if piece.from == ms(2_100) && piece.text == "two"));
    let late = answer(&mut listening, "speech.phrase", &first, &phrase("Success", 0, "Late."));
    assert_eq!(late, Ok(Vec::new()), "of the turn before");
}

#[test]
fn silence_that_kept_the_socket_open_does_not_move_positions() {
    let mut listening = listening();
    let id = audio(&mut listening, 1_000)[0].1.clone();
    let mut out = Vec::new();
    listening.keep_alive(&mut out);
    assert_eq!((out.len(), sent(&out[0]).2.len()), (1, 3_200));
    let _sent = audio(&mut listening, 1_000);
    let hypothesis = json!({ "Text": "later", "Offset": 15_000_000, "Duration": 1_000_000 });
    let heard = answer(&mut listening, "speech.hypothesis", &id, &hypothesis).expect("fine");
    assert!(matches!(&heard[..], [Heard::Partial(piece)] if piece.from == Duration::from_millis(1_400)));
}

#[test]
fn a_final_demanded_of_held_audio_is_demanded_when_it_can_be() {
    let mut listening = listening();
    let first = audio(&mut listening, 100)[0].1.clone();
    let _end = finalize(&mut listening);
    assert!(audio(&mut listening, 100).is_empty());
    assert!(finalize(&mut listening).is_empty());
    let _finalized = answer(&mut listening, "turn.end", &first, &json!({})).expect("fine");
    let next = audio(&mut listening, 20);
    assert_eq!(next.last().map(|(_, _, body)| body.len()), Some(0), "the end of the second turn");
}

#[test]
fn a_turn_that_the_service_never_ends_is_given_up() {
    let mut listening = listening();
    let first = audio(&mut listening, 100)[0].1.clone();
    let _end = finalize(&mut listening);
    let mut held = 0;
    let next = loop {
        let sent = audio(&mut listening, 100);
        held += 100;
        assert!(held <= 5_000, "deaf for ever");
        if !sent.is_empty() {
            break sent;
        }
    };
    assert_ne!(next[0].1, first);
    assert_eq!(
        next[2..].iter().map(|(_, _, body)| body.len()).sum::<usize>(),
        held * 16 * 2,
        "nothing is lost"
    );
}

#[test]
fn no_words_are_no_failure_and_take_a_guess_back() {
    for status in ["NoMatch", "InitialSilenceTimeout", "BabbleTimeout", "EndOfDictation", "SomethingNew"] {
        let mut listening = listening();
        let id = audio(&mut listening, 100)[0].1.clone();
        assert_eq!(
            answer(&mut listening, "speech.phrase", &id, &phrase(status, 0, "")),
            Ok(Vec::new()),
            "{status}"
        );
        let hypothesis = json!({ "Text": "uh", "Offset": 0, "Duration": 1 });
        let _partial = answer(&mut listening, "speech.hypothesis", &id, &hypothesis).expect("fine");
        let heard = answer(&mut listening, "speech.phrase", &id, &phrase(status, 0, "")).expect("fine");
        assert!(matches!(&heard[..], [Heard::Settled(piece)] if piece.text.is_empty()), "{status}");
    }
}

#[test]
fn what_the_service_says_is_wrong_has_its_kind() {
    for (status, kind) in [
        ("Error", ErrorKind::Closed),
        ("TooManyRequests", ErrorKind::Limited(None)),
        ("BadRequest", ErrorKind::Rejected),
        ("Forbidden", ErrorKind::Unauthorized),
    ] {
        let mut listening = listening();
        let id = audio(&mut listening, 100)[0].1.clone();
        let fault = answer(&mut listening, "speech.phrase", &id, &phrase(status, 0, "")).expect_err(status);
        assert_eq!(fault.kind, kind, "{status}");
    }
    let mut listening = listening();
    let id = audio(&mut listening, 100)[0].1.clone();
    let fault = answer(&mut listening, "speech.phrase", &id, &json!("secret words")).expect_err("no phrase");
    assert!(fault.kind == ErrorKind::Protocol && !fault.reason.contains("secret"));
}

#[test]
fn every_documented_status_and_close_code_has_its_kind() {
    let wait = Some(Duration::from_secs(3));
    for (status, body, kind) in [
        (400, "", ErrorKind::Rejected),
        (401, r#"{"error":{"code":"401","message":"Access denied"}}"#, ErrorKind::Unauthorized),
        (403, "", ErrorKind::Unauthorized),
        (403, "Out of call volume quota for Speech F0.", ErrorKind::Exhausted),
        (404, "", ErrorKind::Rejected),
        (408, "", ErrorKind::TimedOut),
        (415, "", ErrorKind::Rejected),
        (429, "", ErrorKind::Limited(wait)),
        (429, "Quota exceeded", ErrorKind::Exhausted),
        (500, "", ErrorKind::Unreachable),
        (502, "", ErrorKind::Unreachable),
        (503, "", ErrorKind::Limited(wait)),
    ] {
        let (found, reason) = refused(&Refusal { status, retry_after: wait, headers: &[], body });
        assert_eq!(found, kind, "{status} {body}");
        assert!(!reason.is_empty());
    }
    for (code, reason, kind) in [
        (1000, "", ErrorKind::Closed),
        (1002, "Missing/Empty header. X-RequestId", ErrorKind::Rejected),
        (1006, "", ErrorKind::Closed),
        (1007, "Incorrect message format.", ErrorKind::Rejected),
        (1007, "Quota exceeded.", ErrorKind::Exhausted),
        (1011, "", ErrorKind::Closed),
        (1013, "", ErrorKind::Limited(None)),
        (4429, "", ErrorKind::Limited(None)),
    ] {
        assert_eq!(closed(code, reason), kind, "{code} {reason}");
    }
}
