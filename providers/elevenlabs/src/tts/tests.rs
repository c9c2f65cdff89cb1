use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Language, Secret, SessionId, Voice};
use providers_link::pcm;
use providers_link::speaking::SpokenWord;
use serde_json::{Value, json};

use super::*;

const RATE_HZ: u32 = 8_000;

fn options() -> Options {
    let rate_hz = RATE_HZ;
    Options { rate_hz, ..Options::new(Secret::new("key".to_owned())) }
}

fn request(voice: Voice) -> TtsRequest {
    TtsRequest { session: SessionId::generate(), turn: None, voice }
}

fn turn() -> ElevenLabsTurn {
    let mut turn = ElevenLabsTurn::new(&options(), &request(Voice::default()), 7);
    turn.begin(&mut Vec::new());
    turn
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

fn say(turn: &mut ElevenLabsTurn, texts: &[&str]) {
    for (index, text) in texts.iter().enumerate() {
        turn.sentence(index, text, &mut Vec::new());
    }
}

/// A chunk in which each character takes 10 ms.
fn chunk(context: &str, text: &str) -> Value {
    let chars: Vec<String> = text.chars().map(String::from).collect();
    let samples = vec![500; chars.len() * 80];
    json!({
        "audio": STANDARD.encode(pcm::bytes(&samples)), "contextId": context, "isFinal": null,
        "alignment": {
            "charStartTimesMs": (0..chars.len()).map(|n| n * 10).collect::<Vec<_>>(),
            "charDurationsMs": vec![10; chars.len()],
            "chars": chars,
        },
    })
}

fn receive(turn: &mut ElevenLabsTurn, message: &Value) -> Result<Vec<Spoken>, Fault> {
    let mut spoken = Vec::new();
    turn.received(Frame::Text(message.to_string()), &mut spoken).map(|()| spoken)
}

/// What came, with audio as its number of samples and words as their texts.
fn heard(turn: &mut ElevenLabsTurn, message: &Value) -> Vec<String> {
    receive(turn, message)
        .expect("a good message")
        .into_iter()
        .map(|spoken| match spoken {
            Spoken::Audio(samples) => format!("{} samples", samples.len()),
            Spoken::Words { sentence, words } => {
                let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
                format!("{sentence}: {}", words.join("|"))
            }
            Spoken::SentencesDone(sentence) => format!("done {sentence}"),
            Spoken::Usage(_) => "usage".to_owned(),
            Spoken::TurnDone => "turn done".to_owned(),
        })
        .collect()
}

#[test]
fn the_endpoint_names_voice_model_language_and_format() {
    let voice = Voice { name: "a b/c".to_owned(), language: Language("de-AT".to_owned()), speed: 1.0 };
    let endpoint = endpoint(&options(), &request(voice));
    assert_eq!(
        endpoint.url.expose(),
        "wss://api.elevenlabs.io/v1/text-to-speech/a%20b%2Fc/multi-stream-input?model_id=eleven_flash_v2_5\
         &output_format=pcm_8000&auto_mode=true&sync_alignment=true&inactivity_timeout=180&language_code=de"
    );
    assert_eq!(endpoint.headers, [("xi-api-key", Secret::new("key".to_owned()))]);
    let other = Options { model: "eleven_multilingual_v2".to_owned(), logging: false, ..options() };
    let url = super::endpoint(&other, &request(Voice::default())).url.expose().clone();
    assert!(!url.contains("language_code") && url.ends_with("&enable_logging=false"), "{url}");
}

#[test]
fn a_turn_opens_a_context_says_whole_sentences_and_closes_it() {
    let voice = Voice { speed: 1.1, ..Voice::default() };
    let mut turn = ElevenLabsTurn::new(&options(), &request(voice), 7);
    assert_eq!(
        sent(|out| turn.begin(out)),
        [json!({ "text": " ", "context_id": "turn-7-0", "voice_settings": { "speed": 1.1 } })]
    );
    assert_eq!(
        sent(|out| turn.sentence(0, "Good day.", out)),
        [json!({ "text": "Good day. ", "context_id": "turn-7-0", "flush": true })]
    );
    assert_eq!(sent(|out| turn.end(out)), [json!({ "context_id": "turn-7-0", "close_context": true })]);
}

#[test]
fn words_sound_at_positions_of_the_turn_and_sentences_are_over_in_time() {
    let mut turn = turn();
    say(&mut turn, &["Hi you.", "Bye."]);
    assert_eq!(heard(&mut turn, &chunk("turn-7-0", "Hi yo")), ["0: Hi", "400 samples"]);
    assert_eq!(heard(&mut turn, &chunk("turn-7-0", "u. ")), ["0: Hi|you.", "240 samples", "done 0"]);
    let Ok(spoken) = receive(&mut turn, &chunk("turn-7-0", "Bye. ")) else { panic!("a good message") };
    let ms = Duration::from_millis;
    let words = vec![SpokenWord { text: "Bye.".to_owned(), from: ms(80), to: ms(120) }];
    assert_eq!(spoken[0], Spoken::Words { sentence: 1, words });
    assert_eq!(spoken[2], Spoken::SentencesDone(1));
    turn.end(&mut Vec::new());
    assert_eq!(heard(&mut turn, &json!({ "isFinal": true, "contextId": "turn-7-0" })), ["turn done"]);
}

#[test]
fn a_chunk_over_two_sentences_is_cut_between_them() {
    let mut turn = turn();
    say(&mut turn, &["Hi.", "Bye."]);
    assert_eq!(
        heard(&mut turn, &chunk("turn-7-0", "Hi. Bye.")),
        ["0: Hi.", "320 samples", "done 0", "1: Bye.", "320 samples", "done 1"]
    );
}

#[test]
fn without_an_alignment_the_vendor_says_when_sentences_are_over() {
    let mut turn = turn();
    say(&mut turn, &["Hi.", "Bye."]);
    let audio = json!({ "audio": STANDARD.encode([0, 1, 0, 1]), "contextId": "turn-7-0", "alignment": null });
    let flushed = json!({ "type": "flush_done", "contextId": "turn-7-0" });
    assert_eq!(heard(&mut turn, &audio), ["2 samples"]);
    assert_eq!(heard(&mut turn, &flushed), ["done 0"]);
    turn.end(&mut Vec::new());
    heard(&mut turn, &audio);
    assert_eq!(
        heard(&mut turn, &json!({ "isFinal": true, "contextId": "turn-7-0" })),
        ["done 1", "turn done"]
    );
}

#[test]
fn what_belongs_to_other_contexts_is_passed_over() {
    let mut turn = turn();
    say(&mut turn, &["Hi."]);
    for other in [
        chunk("turn-6-0", "Old."),
        json!({ "isFinal": true, "contextId": "turn-6-0" }),
        json!({ "type": "flush_done", "contextId": "turn-6-0" }),
        json!({ "error": "input_timeout_exceeded", "message": "m", "code": 1008, "contextId": "turn-6-0" }),
        json!({ "audio": "AAEC" }),
        json!({ "isFinal": true }),
        json!({ "something": "new" }),
    ] {
        assert!(heard(&mut turn, &other).is_empty(), "{other}");
    }
}

#[test]
fn a_context_that_ends_without_any_sound_is_a_failure() {
    let kind = |end: Value| {
        let mut turn = turn();
        say(&mut turn, &["Hi."]);
        receive(&mut turn, &end).expect_err("no sound came").kind
    };
    let context = "turn-7-0";
    assert_eq!(kind(json!({ "isFinal": true, "contextId": context })), ErrorKind::Protocol);
    let said = json!({ "isFinal": true, "contextId": context, "message": "You have exceeded your quota." });
    assert_eq!(kind(said), ErrorKind::Exhausted);
}

#[test]
fn a_turn_without_text_ends_without_sound_and_that_is_no_failure() {
    let mut turn = turn();
    turn.end(&mut Vec::new());
    assert_eq!(heard(&mut turn, &json!({ "isFinal": true, "contextId": "turn-7-0" })), ["turn done"]);
}

#[test]
fn a_context_that_ends_before_its_last_sentence_is_a_failure() {
    let mut turn = turn();
    say(&mut turn, &["Hi.", "Bye."]);
    heard(&mut turn, &chunk("turn-7-0", "Hi. "));
    let end = json!({ "isFinal": true, "contextId": "turn-7-0" });
    let middle = receive(&mut turn, &end).expect_err("a sentence is missing");
    assert_eq!(middle.kind, ErrorKind::Closed);
    let mut turn = self::turn();
    say(&mut turn, &["Hi.", "Bye."]);
    turn.end(&mut Vec::new());
    heard(&mut turn, &chunk("turn-7-0", "Hi. "));
    assert_eq!(receive(&mut turn, &end).expect_err("a sentence is missing").kind, ErrorKind::Protocol);
}

#[test]
fn a_turn_that_waited_for_too_long_goes_on_in_another_context() {
    let mut turn = turn();
    say(&mut turn, &["Hi."]);
    heard(&mut turn, &chunk("turn-7-0", "Hi. "));
    assert!(heard(&mut turn, &json!({ "isFinal": true, "contextId": "turn-7-0" })).is_empty());
    let frames = sent(|out| turn.sentence(1, "Bye.", out));
    assert_eq!(frames[0], json!({ "text": " ", "context_id": "turn-7-1" }));
    assert_eq!(frames[1]["context_id"], "turn-7-1");
    assert_eq!(heard(&mut turn, &chunk("turn-7-1", "Bye. ")), ["1: Bye.", "400 samples", "done 1"]);
    assert!(heard(&mut turn, &json!({ "isFinal": true, "contextId": "turn-7-1" })).is_empty());
    // Over before the text was known to be: an empty context tells so.
    let frames = sent(|out| turn.end(out));
    assert_eq!(frames[1], json!({ "context_id": "turn-7-2", "close_context": true }));
    assert_eq!(heard(&mut turn, &json!({ "isFinal": true, "contextId": "turn-7-2" })), ["turn done"]);
}

#[test]
fn a_barge_in_closes_the_context_and_leaves_the_connection_of_use() {
    let mut turn = turn();
    say(&mut turn, &["Hi."]);
    let frames = sent(|out| assert!(turn.cancel(out)));
    assert_eq!(frames, [json!({ "context_id": "turn-7-0", "close_context": true })]);
    // Nothing ever came on this connection: it may be dead.
    assert!(!turn.is_settled(None));
    assert!(turn.is_settled(Some(&Frame::Text(r#"{"isFinal":true,"contextId":"turn-7-0"}"#.to_owned()))));
    let mut turn = self::turn();
    say(&mut turn, &["Hi."]);
    heard(&mut turn, &chunk("turn-7-0", "Hi"));
    assert!(turn.cancel(&mut Vec::new()) && turn.is_settled(None));
}

#[test]
fn errors_of_the_socket_are_told_for_what_they_are() {
    for (message, expected) in [
        (json!({ "error": "quota_exceeded", "message": "m", "code": 1008 }), ErrorKind::Exhausted),
        (json!({ "error": "invalid_api_key", "message": "m", "code": 1008 }), ErrorKind::Unauthorized),
        (json!({ "error": "too_many_concurrent_requests", "message": "m" }), ErrorKind::Limited(None)),
        (json!({ "error": "input_timeout_exceeded", "message": "m" }), ErrorKind::Closed),
        (json!({ "error": "voice_not_found", "message": "m", "contextId": "turn-7-0" }), ErrorKind::Rejected),
        (json!({ "error": "something_new", "message": "m" }), ErrorKind::Protocol),
    ] {
        let fault = receive(&mut turn(), &message).expect_err("an error");
        assert_eq!(fault.kind, expected, "{message}");
    }
    let mut spoken = Vec::new();
    for frame in [Frame::Binary(vec![1, 2].into()), Frame::Text("nonsense".to_owned())] {
        assert_eq!(turn().received(frame, &mut spoken).expect_err("no message").kind, ErrorKind::Protocol);
    }
}

#[test]
fn an_idle_socket_is_kept_open_without_naming_a_context() {
    let Some(Frame::Text(text)) = manners(&options()).keep_alive else { panic!("a message keeps it open") };
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), json!({ "text": "" }));
}
