use serde_json::json;

use super::*;

#[test]
fn messages_have_the_documented_shape() {
    let manner = Manner::new("sonic-3.5", "v1", Some("en"), 24_000, 1.25);
    let mut message = Generate::new(&manner, "c1", "Good day. ");
    message.flush = true;
    assert_eq!(
        serde_json::to_value(&message).expect("plain"),
        json!({
            "model_id": "sonic-3.5", "voice": { "mode": "id", "id": "v1" }, "language": "en",
            "output_format": { "container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000 },
            "generation_config": { "speed": 1.25 },
            "context_id": "c1", "transcript": "Good day. ", "continue": true, "flush": true,
            "add_timestamps": true, "max_buffer_delay_ms": 0,
        })
    );
    assert_eq!(json(&Cancel { context_id: "c1", cancel: true }), r#"{"context_id":"c1","cancel":true}"#);
}

#[test]
fn a_pace_that_the_vendor_does_not_have_becomes_the_nearest() {
    let speed =
        |wanted| Manner::new("m", "v", None, 8_000, wanted).generation_config.map(|config| config.speed);
    assert_eq!([speed(0.2), speed(1.0), speed(1.2), speed(9.0)], [Some(0.6), None, Some(1.2), Some(1.5)]);
}

#[test]
fn the_documented_messages_are_read() {
    let read = |message: Value| Message::read(&message.to_string()).expect("documented");
    let chunk = read(json!({
        "type": "chunk", "data": "AAEC", "done": false, "status_code": 206, "step_time": 123, "context_id": "c1", "flush_id": 2,
    }));
    assert_eq!((chunk.context_id.as_deref(), chunk.flush_id), (Some("c1"), Some(2)));
    assert!(matches!(&chunk.what, What::Chunk { data } if audio(data).expect("base64") == [0, 1, 2]));
    let flushed = read(json!({
        "type": "flush_done", "done": false, "flush_done": true, "flush_id": 1, "status_code": 206, "context_id": "c1",
    }));
    assert!(matches!(flushed.what, What::FlushDone));
    assert!(matches!(
        read(json!({ "type": "done", "done": true, "status_code": 206, "context_id": "c1" })).what,
        What::Done
    ));
    assert!(matches!(read(json!({ "type": "phoneme_timestamps", "done": false })).what, What::Other));
    let timed = read(json!({
        "type": "timestamps", "done": false, "status_code": 206, "context_id": "c1",
        "word_timestamps": { "words": ["Hello", "world"], "start": [0, 0.5], "end": [0.4, 0.9] },
    }));
    let What::Timestamps { word_timestamps: Some(words) } = timed.what else { panic!("times expected") };
    assert_eq!(words.timed().expect("as many times as words")[1], ("world".to_owned(), 0.5, 0.9));
    let wrong = read(json!({
        "type": "error", "done": true, "title": "Invalid model", "message": "No such model.", "error_code": "model_not_found",
        "status_code": 404, "request_id": "r", "context_id": "c1",
    }));
    let What::Error(wrong) = wrong.what else { panic!("an error expected") };
    assert_eq!(wrong.status_code, Some(404));
    assert_eq!(wrong.reason(), "model_not_found: Invalid model: No such model.");
}

#[test]
fn what_is_not_as_documented_is_a_breach_that_repeats_nothing() {
    for message in ["nonsense", "[]", r#"{"data":"AAEC"}"#, r#"{"type":"chunk","data":{"text":"my secret"}}"#]
    {
        let fault = Message::read(message).expect_err("not documented");
        assert!(!fault.reason.contains("secret"));
    }
    let odd = WordTimestamps { words: vec!["a".to_owned()], ..WordTimestamps::default() };
    assert!(odd.timed().is_err());
    assert!(audio("%").is_err());
}

#[test]
fn errors_of_older_versions_are_plain_text() {
    assert_eq!(Wrong::read("Invalid API key: no").reason(), "Invalid API key: no");
    assert_eq!(Wrong::read(r#"{"error_code":null,"title":"T","message":"M"}"#).reason(), "T: M");
    assert_eq!(Wrong::read(&"é".repeat(1_000)).reason().chars().count(), LONGEST_REASON);
}
