use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Secret, SessionId, Voice};
use providers_api::ErrorKind;
use providers_link::pcm;
use providers_link::speaking::SpokenWord;
use serde_json::{Value, json};

use super::*;

fn recital(words: bool) -> ElevenLabsRecital {
    ElevenLabsRecital { options: Options::new(Secret::new("key".to_owned())), words }
}

fn head(content_type: &str) -> Answer {
    Answer { status: 200, content_type: content_type.to_owned(), retry_after: None, headers: Vec::new() }
}

fn read(body: &mut dyn AudioBody, pieces: &[&[u8]]) -> Result<Vec<Spoken>, Fault> {
    let mut out = Vec::new();
    for piece in pieces {
        body.push(piece, &mut out)?;
    }
    body.end(&mut out)?;
    Ok(out)
}

fn line(text: &str, from: f64) -> String {
    let count = text.chars().count();
    let at = |n: usize| from + n as f64 / 100.0;
    json!({
        "audio_base64": STANDARD.encode(pcm::bytes(&[1, 2])),
        "alignment": {
            "characters": text.chars().map(String::from).collect::<Vec<_>>(),
            "character_start_times_seconds": (0..count).map(at).collect::<Vec<_>>(),
            "character_end_times_seconds": (1..=count).map(at).collect::<Vec<_>>(),
        },
        "normalized_alignment": null,
    })
    .to_string()
}

#[test]
fn a_request_has_the_documented_shape() {
    let client = Client::new(providers_link::http::Options::default());
    let voice = Voice { speed: 0.9, ..Voice::default() };
    let turn = TtsRequest { session: SessionId::generate(), turn: None, voice };
    let request = recital(true).request(&client, &turn, "Good day.").build().expect("a request");
    assert_eq!(
        request.url().as_str(),
        "https://api.elevenlabs.io/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream/with-timestamps?output_format=pcm_24000"
    );
    assert_eq!(request.headers()["xi-api-key"], "key");
    let body = request.body().and_then(reqwest::Body::as_bytes).expect("a body in one piece");
    assert_eq!(
        serde_json::from_slice::<Value>(body).expect("JSON"),
        json!({
            "text": "Good day.", "model_id": "eleven_flash_v2_5", "language_code": "en",
            "voice_settings": { "speed": 0.9 }, "apply_text_normalization": "auto",
        })
    );
    let plain = recital(false).request(&client, &turn, "Good day.").build().expect("a request");
    assert!(plain.url().path().ends_with("/stream"));
}

#[test]
fn samples_are_put_together_and_their_absence_is_a_failure() {
    let mut body = recital(false).audio(&head("audio/pcm")).expect("audio");
    assert_eq!(read(&mut *body, &[&[1], &[0, 2, 0]]).expect("samples"), [Spoken::Audio(vec![1, 2])]);
    let mut body = recital(false).audio(&head("audio/pcm")).expect("audio");
    assert_eq!(read(&mut *body, &[]).expect_err("nothing").kind, ErrorKind::Protocol);
}

#[test]
fn audio_that_is_too_long_for_a_sentence_is_refused_at_its_head_or_while_it_comes() {
    let mut long = head("audio/pcm");
    long.headers.push(("content-length".to_owned(), "20000000".to_owned()));
    assert_eq!(recital(false).audio(&long).err().expect("too long").kind, ErrorKind::Protocol);
    let mut body = recital(false).audio(&head("audio/pcm")).expect("audio");
    let piece = vec![1; 1 << 20];
    let pieces: Vec<&[u8]> = std::iter::repeat_n(piece.as_slice(), 20).collect();
    assert_eq!(read(&mut *body, &pieces).expect_err("too long").kind, ErrorKind::Protocol);
}

#[test]
fn lines_give_audio_and_words_over_the_edges_of_pieces() {
    let all = format!("{}\n\n{}", line("Hi y", 0.0), line("ou.", 0.04));
    let (first, second) = all.as_bytes().split_at(40);
    let mut body = recital(true).audio(&head("application/json")).expect("audio");
    let spoken = read(&mut *body, &[first, second]).expect("lines");
    let ms = Duration::from_millis;
    let hi = SpokenWord { text: "Hi".to_owned(), from: ms(0), to: ms(20) };
    let you = SpokenWord { text: "you.".to_owned(), from: ms(30), to: ms(70) };
    assert_eq!(
        spoken,
        [
            Spoken::Words { sentence: 0, words: vec![hi.clone()] },
            Spoken::Audio(vec![1, 2]),
            Spoken::Audio(vec![1, 2]),
            Spoken::Words { sentence: 0, words: vec![hi, you] },
        ]
    );
}

#[test]
fn a_good_answer_may_be_an_error_after_all() {
    let mut body = recital(false).audio(&head("application/json")).expect("to be read");
    let quota = br#"{"detail":{"status":"quota_exceeded","message":"m"}}"#;
    assert_eq!(read(&mut *body, &[quota]).expect_err("an error").kind, ErrorKind::Exhausted);
    let html = recital(false).audio(&head("text/html")).err().expect("no audio");
    assert_eq!(html.kind, ErrorKind::Protocol);
    let mut body = recital(true).audio(&head("application/json")).expect("lines");
    let endless = vec![b'x'; 1 << 20];
    let pieces: Vec<&[u8]> = std::iter::repeat_n(endless.as_slice(), 5).collect();
    assert_eq!(read(&mut *body, &pieces).expect_err("too long").kind, ErrorKind::Protocol);
}
