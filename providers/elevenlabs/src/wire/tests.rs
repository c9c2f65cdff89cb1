use serde_json::json;

use super::*;

#[test]
fn messages_have_the_documented_shape() {
    let settings = VoiceSettings { stability: Some(0.5), ..VoiceSettings::default() };
    let open = Open { text: " ", context_id: "c1", voice_settings: Settings::new(settings, 1.1) };
    assert_eq!(
        serde_json::to_value(&open).expect("plain"),
        json!({ "text": " ", "context_id": "c1", "voice_settings": { "stability": 0.5, "speed": 1.1_f32 } })
    );
    assert_eq!(
        json(&Open {
            text: " ",
            context_id: "c1",
            voice_settings: Settings::new(VoiceSettings::default(), 1.0)
        }),
        r#"{"text":" ","context_id":"c1"}"#
    );
    assert_eq!(
        json(&Close { context_id: "c1", close_context: true }),
        r#"{"context_id":"c1","close_context":true}"#
    );
}

#[test]
fn a_pace_that_the_vendor_does_not_have_becomes_the_nearest() {
    let speed = |wanted| Settings::new(VoiceSettings::default(), wanted).and_then(|settings| settings.speed);
    assert_eq!([speed(0.3), speed(0.9), speed(1.0), speed(3.0)], [Some(0.7), Some(0.9), None, Some(1.2)]);
}

#[test]
fn the_documented_messages_are_read_in_either_spelling() {
    for (starts, durations, last) in [
        ("charStartTimesMs", "charDurationsMs", json!({ "isFinal": true, "contextId": "c1", "audio": null })),
        ("charStartTimesMs", "charsDurationsMs", json!({ "is_final": true, "context_id": "c1" })),
    ] {
        let audio = json!({
            "audio": "AAEC", "isFinal": null, "contextId": "c1",
            "alignment": { "chars": ["H", "i"], starts: [0, 30], durations: [30, 50] },
        });
        let audio = Message::read(&audio.to_string()).expect("documented");
        assert_eq!(audio.context(), Some("c1"));
        assert_eq!(audio.audio().expect("base64"), [0, 1, 2]);
        assert!(!audio.is_final() && audio.error().is_none());
        let (timed, original) = audio.timed().expect("as many times as characters");
        assert!(original && timed[1] == Timed { text: "i".to_owned(), from: 0.03, to: 0.08 });
        let last = Message::read(&last.to_string()).expect("documented");
        assert!(last.is_final() && last.context() == Some("c1"));
    }
}

#[test]
fn what_is_wrong_is_told_in_few_words_and_without_the_text() {
    let (names, reason) =
        refusal(r#"{"detail":{"status":"quota_exceeded","message":"You have 0 credits remaining."}}"#);
    assert_eq!((names.as_str(), reason.as_str()), ("quota_exceeded", "You have 0 credits remaining."));
    let (names, _) =
        refusal(r#"{"detail":{"type":"rate_limit_error","code":"concurrent_limit_exceeded","message":"x"}}"#);
    assert_eq!(names, "concurrent_limit_exceeded rate_limit_error");
    let (_, reason) = refusal(
        r#"{"detail":[{"loc":["body","text"],"msg":"field required","type":"missing","input":"my secret"}]}"#,
    );
    assert_eq!(reason, "body.text: field required");
    assert_eq!(refusal("<html>"), (String::new(), String::new()));
    let long = json!({ "detail": "é".repeat(1_000) }).to_string();
    assert_eq!(refusal(&long).1.chars().count(), LONGEST_REASON);
}

#[test]
fn what_is_not_as_documented_is_a_breach_that_repeats_nothing() {
    let fault = Message::read(r#"{"audio": {"text": "my secret"}}"#).expect_err("audio is a string");
    assert_eq!(fault.kind, providers_api::ErrorKind::Protocol);
    assert!(!fault.reason.contains("secret"));
    let odd = json!({ "alignment": { "chars": ["H"], "charStartTimesMs": [], "charDurationsMs": [1] } });
    assert!(Message::read(&odd.to_string()).expect("an object").timed().is_err());
    assert!(Message::read(r#"{"audio":"%"}"#).expect("an object").audio().is_err());
}
