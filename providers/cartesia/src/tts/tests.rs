use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Secret, SessionId, Voice};
use providers_api::ErrorKind;
use providers_link::pcm;
use serde_json::{Value, json};

use super::*;

fn options() -> Options {
    Options { rate_hz: 8_000, ..Options::new(Secret::new("key".to_owned())) }
}

fn turn() -> CartesiaTurn {
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    CartesiaTurn::new(&options(), &request, 7)
}

fn sent(act: impl FnOnce(&mut Vec<Frame>)) -> Vec<Value> {
    let mut out = Vec::new();
    act(&mut out);
    out.iter()
        .map(|frame| match frame {
            Frame::Text(text) => serde_json::from_str(text).expect("JSON"),
            Frame::Binary(_) => panic!("text alone is sent"),
        })
        .collect()
}

fn say(turn: &mut CartesiaTurn, texts: &[&str]) {
    for (index, text) in texts.iter().enumerate() {
        turn.sentence(index, text, &mut Vec::new());
    }
}

/// So many milliseconds of audio.
fn chunk(flush: impl Into<Value>, millis: usize) -> Value {
    let data = STANDARD.encode(pcm::bytes(&vec![500; millis * 8]));
    json!({ "type": "chunk", "data": data, "context_id": "turn-7-0", "flush_id": flush.into(), "done": false, "status_code": 206 })
}

fn words(flush: impl Into<Value>, words: &[(&str, f64, f64)]) -> Value {
    json!({
        "type": "timestamps", "context_id": "turn-7-0", "flush_id": flush.into(), "done": false, "status_code": 206,
        "word_timestamps": {
            "words": words.iter().map(|(word, ..)| word).collect::<Vec<_>>(),
            "start": words.iter().map(|(_, start, _)| start).collect::<Vec<_>>(),
            "end": words.iter().map(|(.., end)| end).collect::<Vec<_>>(),
        },
    })
}

fn flushed(flush: usize) -> Value {
    json!({ "type": "flush_done", "flush_done": true, "flush_id": flush, "context_id": "turn-7-0", "done": false, "status_code": 206 })
}

fn done(context: &str) -> Value {
    json!({ "type": "done", "done": true, "status_code": 206, "context_id": context })
}

fn receive(turn: &mut CartesiaTurn, message: &Value) -> Result<Vec<Spoken>, Fault> {
    let mut spoken = Vec::new();
    turn.received(Frame::Text(message.to_string()), &mut spoken).map(|()| spoken)
}

/// What came, with audio as its milliseconds and words with theirs.
fn heard(turn: &mut CartesiaTurn, message: &Value) -> Vec<String> {
    receive(turn, message)
        .expect("a good message")
        .into_iter()
        .map(|spoken| match spoken {
            Spoken::Audio(samples) => format!("{} ms", samples.len() / 8),
            Spoken::Words { sentence, words } => {
                let told = |word: &SpokenWord| {
                    format!("{} {}-{}", word.text, word.from.as_millis(), word.to.as_millis())
                };
                format!("{sentence}: {}", words.iter().map(told).collect::<Vec<_>>().join("|"))
            }
            Spoken::SentencesDone(sentence) => format!("done {sentence}"),
            Spoken::Usage(_) => "usage".to_owned(),
            Spoken::TurnDone => "turn done".to_owned(),
        })
        .collect()
}

#[test]
fn the_endpoint_holds_the_key_in_a_header_and_not_in_its_url() {
    let endpoint = turn().endpoint();
    assert_eq!(
        endpoint.url.expose(),
        &format!("wss://api.cartesia.ai/tts/websocket?cartesia_version={VERSION}")
    );
    assert_eq!(endpoint.headers, [("authorization", Secret::new("Bearer key".to_owned()))]);
}

#[test]
fn a_turn_says_whole_sentences_flushes_each_and_finishes_its_context() {
    let mut turn = turn();
    let frames = sent(|out| turn.sentence(0, "Good day.", out));
    assert_eq!(frames.len(), 2);
    assert_eq!(
        frames[0],
        json!({
            "model_id": "sonic-3.5", "voice": { "mode": "id", "id": options().voice }, "language": "en",
            "output_format": { "container": "raw", "encoding": "pcm_s16le", "sample_rate": 8_000 },
            "context_id": "turn-7-0", "transcript": "Good day. ", "continue": true, "flush": false,
            "add_timestamps": true, "max_buffer_delay_ms": 0,
        })
    );
    let different = |frame: &Value| {
        (
            frame["transcript"].clone(),
            frame["continue"].clone(),
            frame["flush"].clone(),
            frame["context_id"].clone(),
        )
    };
    assert_eq!(different(&frames[1]), (json!(""), json!(true), json!(true), json!("turn-7-0")));
    let last = sent(|out| turn.end(out));
    assert_eq!(different(&last[0]), (json!(""), json!(false), json!(false), json!("turn-7-0")));
    assert!(!turn.is_complete());
}

#[test]
fn sentences_are_over_when_their_flush_is_done() {
    let mut turn = turn();
    say(&mut turn, &["Good day.", "Bye."]);
    assert_eq!(heard(&mut turn, &chunk(1, 100)), ["100 ms"]);
    assert_eq!(heard(&mut turn, &words(1, &[("Good", 0.0, 0.04)])), ["0: Good 0-40"]);
    assert_eq!(heard(&mut turn, &words(1, &[("day.", 0.05, 0.1)])), ["0: Good 0-40|day. 50-100"]);
    assert_eq!(heard(&mut turn, &flushed(1)), ["done 0"]);
    // Times go on over a flush.
    assert_eq!(heard(&mut turn, &words(2, &[("Bye.", 0.11, 0.2)])), ["1: Bye. 110-200"]);
    assert_eq!(heard(&mut turn, &chunk(2, 100)), ["100 ms"]);
    turn.end(&mut Vec::new());
    assert_eq!(heard(&mut turn, &flushed(2)), ["done 1"]);
    assert!(turn.is_complete());
    assert_eq!(heard(&mut turn, &done("turn-7-0")), ["turn done"]);
}

#[test]
fn times_that_begin_anew_after_a_flush_are_counted_from_it() {
    let mut turn = turn();
    say(&mut turn, &["Good day.", "Bye now."]);
    heard(&mut turn, &chunk(1, 600));
    heard(&mut turn, &flushed(1));
    assert_eq!(heard(&mut turn, &words(2, &[("Bye", 0.0, 0.1)])), ["1: Bye 600-700"]);
    assert_eq!(heard(&mut turn, &words(2, &[("now.", 0.7, 0.8)])), ["1: Bye 600-700|now. 1300-1400"]);
}

#[test]
fn audio_of_the_next_sentence_and_the_end_of_the_context_settle_what_was_not_flushed() {
    let mut turn = turn();
    say(&mut turn, &["One.", "Two.", "Three."]);
    heard(&mut turn, &chunk(1, 10));
    assert_eq!(heard(&mut turn, &chunk(2, 10)), ["done 0", "10 ms"]);
    assert_eq!(heard(&mut turn, &chunk(3, 10)), ["done 1", "10 ms"]);
    turn.end(&mut Vec::new());
    assert_eq!(heard(&mut turn, &done("turn-7-0")), ["done 2", "turn done"]);
}

#[test]
fn a_vendor_that_numbers_nothing_is_followed_in_order() {
    let mut turn = turn();
    say(&mut turn, &["One.", "Two."]);
    let plain = json!({ "type": "flush_done", "context_id": "turn-7-0" });
    assert_eq!(heard(&mut turn, &chunk(Value::Null, 10)), ["10 ms"]);
    assert_eq!(heard(&mut turn, &plain), ["done 0"]);
    assert_eq!(heard(&mut turn, &chunk(Value::Null, 10)), ["10 ms"]);
    assert_eq!(heard(&mut turn, &plain), ["done 1"]);
}

#[test]
fn a_sentence_after_a_pause_begins_another_context() {
    let mut turn = turn();
    say(&mut turn, &["One."]);
    heard(&mut turn, &chunk(1, 500));
    heard(&mut turn, &flushed(1));
    let frames = sent(|out| turn.sentence(1, "Two.", out));
    assert_eq!(frames[0]["context_id"], "turn-7-1");
    // The old one expires.
    assert!(heard(&mut turn, &done("turn-7-0")).is_empty());
    let mut next = chunk(1, 100);
    next["context_id"] = json!("turn-7-1");
    assert_eq!(heard(&mut turn, &next), ["100 ms"]);
    let mut next = words(1, &[("Two.", 0.02, 0.1)]);
    next["context_id"] = json!("turn-7-1");
    assert_eq!(heard(&mut turn, &next), ["1: Two. 520-600"]);
    let mut next = flushed(1);
    next["context_id"] = json!("turn-7-1");
    assert_eq!(heard(&mut turn, &next), ["done 1"]);
    // Nothing is under way: no input goes to a context that may have expired.
    assert!(sent(|out| turn.end(out)).is_empty());
    assert!(turn.is_complete());
}

#[test]
fn what_belongs_to_other_contexts_is_passed_over() {
    let mut turn = turn();
    say(&mut turn, &["One."]);
    for mut other in
        [chunk(1, 10), flushed(1), done("x"), words(1, &[("No.", 0.0, 1.0)]), error(500, "internal")]
    {
        other["context_id"] = json!("turn-6-0");
        assert!(heard(&mut turn, &other).is_empty(), "{other}");
    }
    assert!(heard(&mut turn, &json!({ "type": "something_new", "context_id": "turn-7-0" })).is_empty());
}

#[test]
fn a_sentence_that_ends_without_any_sound_is_a_failure() {
    for end in [flushed(1), done("turn-7-0")] {
        let mut turn = turn();
        say(&mut turn, &["One."]);
        assert_eq!(receive(&mut turn, &end).expect_err("no sound came").kind, ErrorKind::Protocol);
    }
    let mut turn = turn();
    say(&mut turn, &["One.", "Two."]);
    heard(&mut turn, &chunk(1, 10));
    assert_eq!(receive(&mut turn, &done("turn-7-0")).expect_err("one was silent").kind, ErrorKind::Protocol);
}

#[test]
fn a_barge_in_cancels_the_context_and_leaves_the_connection_of_use() {
    let mut turn = turn();
    say(&mut turn, &["One."]);
    let frames = sent(|out| assert!(turn.cancel(out)));
    assert_eq!(frames, [json!({ "context_id": "turn-7-0", "cancel": true })]);
    // Nothing ever came on this connection: it may be dead.
    assert!(!turn.is_settled(None));
    heard(&mut turn, &chunk(1, 10));
    assert!(turn.is_settled(None));
}

#[test]
fn errors_of_the_context_or_of_no_context_end_the_turn() {
    for (status, code, expected) in [
        (402, "quota_exceeded", ErrorKind::Exhausted),
        (429, "concurrency_limited", ErrorKind::Limited(None)),
        (404, "voice_not_found", ErrorKind::Rejected),
    ] {
        let mut turn = turn();
        say(&mut turn, &["One."]);
        assert_eq!(receive(&mut turn, &error(status, code)).expect_err("an error").kind, expected, "{code}");
    }
    let mut turn = turn();
    let mut spoken = Vec::new();
    for frame in [Frame::Binary(vec![1, 2].into()), Frame::Text("nonsense".to_owned())] {
        assert_eq!(turn.received(frame, &mut spoken).expect_err("no message").kind, ErrorKind::Protocol);
    }
}

fn error(status: u16, code: &str) -> Value {
    json!({ "type": "error", "done": true, "status_code": status, "error_code": code, "title": "T", "message": "M" })
}
