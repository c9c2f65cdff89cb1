//! The chain of streams and the meaning of answers, as data.

use domain::{Secret, SessionId};

use super::*;
use crate::Credentials;
use crate::wire::speech::{RecognitionResponseMetadata, SpeechRecognitionAlternative, WordInfo};

const RATE_HZ: u32 = 16_000;

fn recognition(language: Option<&str>, keywords: &[&str]) -> Recognition {
    let mut options = Options::new(Credentials::api_key(Secret::new("key".to_owned())));
    options.project = "acme".to_owned();
    let request = SttRequest {
        session: SessionId::generate(),
        rate_hz: RATE_HZ,
        language: language.map(|tag| Language(tag.to_owned())),
        keywords: keywords.iter().map(|&word| word.to_owned()).collect(),
    };
    let mut recognition = Recognition::new(&options, &request);
    recognition.connect();
    recognition
}

/// What was sent, in short: `config`, samples of audio, `end`, `over`.
#[derive(Debug, PartialEq)]
enum Sent {
    Config,
    Audio(usize),
    End,
    Over,
}

fn sent(fill: impl FnOnce(&mut Vec<Frame>)) -> Vec<Sent> {
    let mut out = Vec::new();
    fill(&mut out);
    out.into_iter()
        .map(|frame| match frame {
            Frame::Text(_) => Sent::Over,
            Frame::Binary(message) if message.is_empty() => Sent::End,
            Frame::Binary(message) => {
                let request = StreamingRecognizeRequest::decode(message).expect("well formed");
                match request.streaming_request.expect("something") {
                    StreamingRequest::Config(_) => Sent::Config,
                    StreamingRequest::Audio(audio) => Sent::Audio(audio.len() / 2),
                }
            }
        })
        .collect()
}

fn loud(seconds: u32) -> Vec<i16> {
    vec![5_000; (RATE_HZ * seconds) as usize]
}

fn heard(recognition: &mut Recognition, message: &StreamingRecognizeResponse) -> Vec<Heard> {
    let mut heard = Vec::new();
    let frame = Frame::Binary(message.encode_to_vec().into());
    recognition.received(frame, &mut heard).expect("understood");
    heard
}

fn ended(recognition: &mut Recognition) -> Vec<Heard> {
    let mut heard = Vec::new();
    recognition.received(Frame::Binary(Bytes::new()), &mut heard).expect("expected");
    heard
}

fn at(millis: i64) -> Option<ProtoDuration> {
    Some(ProtoDuration { seconds: millis / 1000, nanos: (millis % 1000) as i32 * 1_000_000 })
}

fn result(text: &str, is_final: bool, end: i64) -> StreamingRecognitionResult {
    let alternative = SpeechRecognitionAlternative { transcript: text.to_owned(), ..Default::default() };
    StreamingRecognitionResult {
        alternatives: vec![alternative],
        is_final,
        result_end_offset: at(end),
        language_code: "en-us".to_owned(),
    }
}

fn answer(results: Vec<StreamingRecognitionResult>) -> StreamingRecognizeResponse {
    StreamingRecognizeResponse { results, metadata: None }
}

fn billed(seconds: i64) -> StreamingRecognizeResponse {
    let metadata = RecognitionResponseMetadata { total_billed_duration: at(seconds * 1000) };
    StreamingRecognizeResponse { results: Vec::new(), metadata: Some(metadata) }
}

#[test]
fn the_first_message_configures_what_was_asked_for() {
    let mut recognition = recognition(Some("de-CH"), &["Maria López"]);
    let mut out = Vec::new();
    recognition.audio(&[1, 2], &mut out);
    let Frame::Binary(first) = out.remove(0) else { panic!("a message expected") };
    let first = StreamingRecognizeRequest::decode(first).expect("well formed");
    assert_eq!(first.recognizer, "projects/acme/locations/global/recognizers/_");
    let Some(StreamingRequest::Config(streaming)) = first.streaming_request else {
        panic!("no configuration")
    };
    assert!(streaming.streaming_features.expect("asked for").interim_results);
    let config = streaming.config.expect("there");
    assert_eq!((config.model.as_str(), config.language_codes), ("latest_long", vec!["de-CH".to_owned()]));
    let decoding = config.explicit_decoding_config.expect("samples without a head");
    assert_eq!((decoding.encoding, decoding.sample_rate_hertz, decoding.audio_channel_count), (1, 16_000, 1));
    let phrases =
        config.adaptation.expect("keywords").phrase_sets[0].inline_phrase_set.clone().expect("inline");
    assert_eq!((phrases.phrases[0].value.as_str(), phrases.phrases[0].boost), ("Maria López", 10.0));
}

#[test]
fn a_finalize_ends_the_stream_and_the_next_audio_begins_another() {
    let mut recognition = recognition(None, &[]);
    assert_eq!(sent(|out| recognition.audio(&[1; 320], out)), [Sent::Config, Sent::Audio(320)]);
    assert_eq!(sent(|out| recognition.audio(&[1; 320], out)), [Sent::Audio(320)]);
    assert_eq!(sent(|out| recognition.finalize(out)), [Sent::End]);
    assert_eq!(sent(|out| recognition.keep_alive(out)), [], "no stream idles");
    assert_eq!(sent(|out| recognition.audio(&[1; 320], out)), [Sent::Config, Sent::Audio(320)]);
    assert_eq!(ended(&mut recognition), [Heard::Finalized]);
}

#[test]
fn a_finalize_without_new_audio_is_answered_in_its_turn() {
    let mut recognition = recognition(None, &[]);
    recognition.audio(&[1; 320], &mut Vec::new());
    recognition.finalize(&mut Vec::new());
    assert_eq!(sent(|out| recognition.finalize(out)), [Sent::End]);
    assert_eq!(ended(&mut recognition), [Heard::Finalized]);
    assert_eq!(ended(&mut recognition), [Heard::Finalized]);
    let unexpected = recognition.received(Frame::Binary(Bytes::new()), &mut Vec::new());
    assert_eq!(unexpected.expect_err("nothing to end").kind, providers_api::ErrorKind::Protocol);
}

#[test]
fn audio_is_cut_to_what_a_message_may_hold() {
    let mut recognition = recognition(None, &[]);
    let sizes = sent(|out| recognition.audio(&loud(1), out));
    assert_eq!(sizes, [Sent::Config, Sent::Audio(7_500), Sent::Audio(7_500), Sent::Audio(1_000)]);
}

#[test]
fn a_stream_is_replaced_in_quiet_before_the_limit_and_no_later_than_at_it() {
    let ends = |recognition: &mut Recognition, samples: &[i16]| {
        sent(|out| recognition.audio(samples, out)).contains(&Sent::End)
    };
    let mut patient = recognition(None, &[]);
    for second in 0..245 {
        assert!(!ends(&mut patient, &loud(1)), "in mid-speech after {second} s");
    }
    assert!(!ends(&mut patient, &[0; 3_200]));
    assert!(ends(&mut patient, &[0; 3_200]), "0.4 s of quiet");
    assert!(ended(&mut patient).is_empty(), "nobody asked for a final");
    assert_eq!(sent(|out| patient.audio(&[1], out)), [Sent::Config, Sent::Audio(1)]);

    let mut endless = recognition(None, &[]);
    let ended_after = (1..).find(|_| ends(&mut endless, &loud(1)));
    assert_eq!(ended_after, Some(290));
}

#[test]
fn silence_keeps_an_idle_stream_open_and_moves_no_position() {
    let mut recognition = recognition(None, &[]);
    recognition.audio(&loud(1), &mut Vec::new());
    for _second in 0..5 {
        assert_eq!(sent(|out| recognition.keep_alive(out)), [Sent::Audio(320)]);
    }
    recognition.audio(&loud(1), &mut Vec::new());
    // 1 s of speech, 0.1 s of our silence, 1 s of speech.
    let found = heard(&mut recognition, &answer(vec![result("two", true, 2_100)]));
    let [Heard::Settled(piece)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(piece.to, Duration::from_secs(2));

    let idle = (6..).find(|_| sent(|out| recognition.keep_alive(out)) == [Sent::End]);
    assert_eq!(idle, Some(239), "the limit is one of time, not of audio");
}

#[test]
fn results_that_follow_each_other_are_one_piece() {
    let mut recognition = recognition(None, &[]);
    recognition.audio(&loud(2), &mut Vec::new());
    let found =
        heard(&mut recognition, &answer(vec![result("to be", false, 800), result(" or not", false, 1_500)]));
    let [Heard::Partial(piece)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (piece.text.as_str(), piece.from, piece.to.as_millis()),
        ("to be or not", Duration::ZERO, 1_500)
    );
    assert_eq!(piece.language, Some(Language("en-US".to_owned())));
    assert_eq!(piece.confidence, None, "zero is not said");

    let settled = answer(vec![result("to be or not to be", true, 1_800), result(" that", false, 2_000)]);
    let found = heard(&mut recognition, &settled);
    let [Heard::Settled(settled), Heard::Partial(rest)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((settled.text.as_str(), settled.to.as_millis()), ("to be or not to be", 1_800));
    assert_eq!((rest.text.as_str(), rest.from.as_millis()), ("that", 1_800));
}

#[test]
fn positions_count_from_the_first_sample_of_the_connection_over_all_its_streams() {
    let mut recognition = recognition(None, &[]);
    recognition.audio(&loud(3), &mut Vec::new());
    recognition.finalize(&mut Vec::new());
    recognition.audio(&loud(1), &mut Vec::new());
    ended(&mut recognition);
    let word = |text: &str, from: Option<ProtoDuration>, to| WordInfo {
        start_offset: from,
        end_offset: at(to),
        word: text.to_owned(),
    };
    let mut hello = result("Hello there.", true, 900);
    hello.alternatives[0].words = vec![word("Hello", None, 400), word("there.", at(400), 800)];
    hello.alternatives[0].confidence = 0.9;
    let found = heard(&mut recognition, &answer(vec![hello]));
    let [Heard::Settled(piece)] = found.as_slice() else { panic!("{found:?}") };
    let places: Vec<u128> = piece.words.iter().flat_map(|w| [w.from.as_millis(), w.to.as_millis()]).collect();
    assert_eq!(places, [3_000, 3_400, 3_400, 3_800]);
    assert_eq!((piece.from.as_millis(), piece.to.as_millis(), piece.confidence), (3_000, 3_900, Some(0.9)));
}

#[test]
fn what_google_bills_is_told_once_for_each_stream() {
    let mut recognition = recognition(None, &[]);
    recognition.audio(&loud(2), &mut Vec::new());
    recognition.finalize(&mut Vec::new());
    assert!(heard(&mut recognition, &billed(1)).is_empty());
    assert!(heard(&mut recognition, &billed(2)).is_empty());
    let usage = Usage { audio_in: Duration::from_secs(2), ..Usage::default() };
    assert_eq!(ended(&mut recognition), [Heard::Usage(usage), Heard::Finalized]);
}

#[test]
fn the_end_closes_what_is_open_and_a_new_connection_knows_nothing_of_the_old() {
    let mut recognition = recognition(None, &[]);
    assert_eq!(sent(|out| recognition.closing(out)), [Sent::Over]);
    recognition.audio(&loud(1), &mut Vec::new());
    assert_eq!(sent(|out| recognition.closing(out)), [Sent::End, Sent::Over]);
    recognition.connect();
    assert_eq!(sent(|out| recognition.audio(&[1], out)), [Sent::Config, Sent::Audio(1)]);
    let found = heard(&mut recognition, &answer(vec![result("a", true, 0)]));
    let [Heard::Settled(piece)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((piece.from, piece.to), (Duration::ZERO, Duration::ZERO));
}

#[test]
fn what_is_no_answer_is_a_breach_of_the_protocol() {
    let mut recognition = recognition(None, &[]);
    recognition.audio(&loud(1), &mut Vec::new());
    for frame in [Frame::Text("{}".to_owned()), Frame::Binary(Bytes::from_static(&[0xFF; 8]))] {
        let fault = recognition.received(frame, &mut Vec::new()).expect_err("garbage");
        assert_eq!(fault.kind, providers_api::ErrorKind::Protocol);
    }
}
