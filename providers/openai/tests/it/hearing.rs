use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, Language, MediaTime, SessionId, Transcript};
use futures::StreamExt;
use loadtest_vendors::Stage;
use providers_api::conformance::{self, Trial};
use providers_api::{Stt, SttEvent, SttInput, SttRequest, SttStream, Usage};
use providers_openai::{OpenAiStt, Options, RealtimeOptions, TranscribeOptions, realtime};
use serde_json::json;

use crate::{RATE_HZ, client, ms, seen, trial as trial_of_all, vendor, voice};

fn trial() -> Trial {
    Trial { partials: false, words: false, ..trial_of_all() }
}

fn detailed() -> TranscribeOptions {
    TranscribeOptions { model: "whisper-1".to_owned(), detail: true, ..TranscribeOptions::default() }
}

fn over_http(options: &Options, transcribe: TranscribeOptions) -> OpenAiStt {
    OpenAiStt::new(options.clone(), transcribe, client())
}

/// A stream, and where its track is.
struct Call {
    stream: SttStream,
    at: MediaTime,
    usage: Usage,
}

impl Call {
    async fn open(stt: &dyn Stt) -> Self {
        let request = SttRequest {
            session: SessionId::generate(),
            rate_hz: RATE_HZ,
            language: Some(Language("en-GB".to_owned())),
            keywords: vec!["Tuesday".to_owned()],
        };
        Self { stream: stt.open(request).await.expect("opens"), at: MediaTime::ZERO, usage: Usage::default() }
    }

    async fn give(&mut self, input: SttInput) {
        self.stream.input.send(input).await.expect("open");
    }

    /// Faster than it sounds; the stream is polled as a session does.
    async fn push(&mut self, samples: &[i16]) {
        for piece in samples.chunks(RATE_HZ as usize / 50) {
            let frame = AudioFrame { samples: piece.to_vec(), rate_hz: RATE_HZ, at: self.at };
            self.at = frame.end();
            self.give(SttInput::Audio(frame)).await;
            self.poll(ms(1)).await;
        }
    }

    /// Lets the stream work; gives the final, where one comes.
    async fn poll(&mut self, within: Duration) -> Option<Transcript> {
        let until = tokio::time::Instant::now() + within;
        while let Ok(event) = tokio::time::timeout_at(until, self.stream.events.next()).await {
            match event?.expect("no fault") {
                SttEvent::Transcript(told) if told.is_final() => return Some(told),
                SttEvent::Usage(more) => self.usage += more,
                _ => {}
            }
        }
        None
    }

    async fn finalize(&mut self) -> Transcript {
        self.give(SttInput::Finalize).await;
        self.poll(Duration::from_secs(5)).await.expect("a final in time")
    }
}

fn requests(stage: &Stage) -> usize {
    stage.seen().iter().filter(|seen| seen.what == "request").count()
}

#[tokio::test]
async fn over_http_it_keeps_the_contract_of_ears() {
    let (_standin, options) = vendor().await;
    let with_words = Trial { words: true, ..trial() };
    conformance::stt(&over_http(&options, detailed()), &with_words).await.expect("every rule holds");
    let plain = over_http(&options, TranscribeOptions::default());
    conformance::stt(&plain, &trial()).await.expect("every rule holds without details");
}

#[tokio::test]
async fn over_the_socket_it_keeps_the_contract_of_ears() {
    let (_standin, options) = vendor().await;
    let stt = realtime(options, RealtimeOptions::default());
    conformance::stt(&stt, &trial()).await.expect("every rule holds");
}

#[tokio::test]
async fn over_http_each_adversity_is_told_for_what_it_is() {
    let (standin, options) = vendor().await;
    let fresh = || Arc::new(over_http(&options, TranscribeOptions::default())) as Arc<dyn Stt>;
    let set = |adversity| standin.stage.always(adversity);
    conformance::stt_adversities(&fresh, &set, &trial()).await.expect("each for what it is");
}

#[tokio::test]
async fn over_the_socket_each_adversity_is_told_for_what_it_is() {
    let (standin, options) = vendor().await;
    let fresh = || Arc::new(realtime(options.clone(), RealtimeOptions::default())) as Arc<dyn Stt>;
    let set = |adversity| standin.stage.always(adversity);
    conformance::stt_adversities(&fresh, &set, &trial()).await.expect("each for what it is");
}

#[tokio::test]
async fn a_turn_is_one_request_with_what_helps() {
    let (standin, options) = vendor().await;
    let mut call = Call::open(&over_http(&options, detailed())).await;
    call.push(&voice(ms(850))).await;
    let first = call.finalize().await;
    assert_eq!(first.text, "Eggs milk butter");
    assert_eq!((first.words.len(), first.language.clone()), (3, Some(Language("en".to_owned()))));
    call.push(&voice(ms(550))).await;
    assert_eq!(call.finalize().await.text, "Eggs milk");
    assert_eq!(requests(&standin.stage), 2);
    let expected = json!({
        "file_name": "turn.wav", "model": "whisper-1", "temperature": "0", "response_format": "verbose_json",
        "timestamp_granularities": ["word", "segment"], "language": "en", "prompt": "Tuesday\nEggs milk butter",
    });
    assert_eq!(seen(&standin.stage, "request").await.expect("asked").body, expected);
}

#[tokio::test]
async fn prepare_begins_the_request_and_finalize_adopts_it() {
    let (standin, options) = vendor().await;
    let mut call = Call::open(&over_http(&options, TranscribeOptions::default())).await;
    call.push(&voice(ms(850))).await;
    call.give(SttInput::Prepare).await;
    assert_eq!(call.poll(ms(200)).await, None, "nothing is told before it is wanted");
    assert_eq!(requests(&standin.stage), 1);
    call.push(&vec![0; RATE_HZ as usize / 2]).await;
    assert_eq!(call.finalize().await.text, "Eggs milk butter");
    assert_eq!(requests(&standin.stage), 1);
}

#[tokio::test]
async fn speech_after_prepare_makes_it_void_and_it_is_paid_for() {
    let (standin, options) = vendor().await;
    let mut call = Call::open(&over_http(&options, TranscribeOptions::default())).await;
    call.push(&voice(ms(850))).await;
    call.give(SttInput::Prepare).await;
    call.poll(ms(100)).await;
    call.push(&voice(ms(850))).await;
    assert_eq!(call.finalize().await.text, "Eggs milk butter bread apples cherries");
    call.poll(ms(20)).await;
    assert_eq!(requests(&standin.stage), 2);
    assert!(call.usage.audio_in > ms(2_500), "{:?}", call.usage);
}

#[tokio::test]
async fn silence_and_clicks_are_not_sent() {
    let (standin, options) = vendor().await;
    let mut call = Call::open(&over_http(&options, TranscribeOptions::default())).await;
    call.push(&vec![0; RATE_HZ as usize]).await;
    assert_eq!(call.finalize().await.text, "");
    call.push(&voice(ms(80))).await;
    assert_eq!(call.finalize().await.text, "");
    assert_eq!(requests(&standin.stage), 0);
}

#[tokio::test]
async fn bare_text_is_a_transcription_too() {
    let (_standin, options) = vendor().await;
    let transcribe = TranscribeOptions { model: "compat-text".to_owned(), ..TranscribeOptions::default() };
    let mut call = Call::open(&over_http(&options, transcribe)).await;
    call.push(&voice(ms(850))).await;
    assert_eq!(call.finalize().await.text, "Eggs milk butter");
    call.poll(ms(20)).await;
    assert!(call.usage.estimated && call.usage.audio_in >= ms(850), "{:?}", call.usage);
}

#[tokio::test]
async fn a_dropped_recognition_ends_its_request_at_the_vendor() {
    let (standin, options) = vendor().await;
    standin.stage.push(conformance::Adversity::Hang);
    let mut call = Call::open(&over_http(&options, TranscribeOptions::default())).await;
    call.push(&voice(ms(850))).await;
    call.give(SttInput::Prepare).await;
    call.poll(ms(100)).await;
    let dropped = tokio::time::Instant::now();
    drop(call);
    let cancelled = seen(&standin.stage, "cancelled").await.expect("the vendor saw the client leave");
    assert!(cancelled.at.saturating_duration_since(dropped) < ms(20) + ms(200));
}

#[tokio::test]
async fn the_sockets_finals_have_the_vendors_count() {
    let (standin, options) = vendor().await;
    let mut call = Call::open(&realtime(options, RealtimeOptions::default())).await;
    call.push(&voice(ms(850))).await;
    assert_eq!(call.finalize().await.text, "Eggs milk butter");
    call.push(&vec![0; RATE_HZ as usize]).await;
    assert_eq!(call.finalize().await.text, "");
    call.poll(ms(50)).await;
    assert!(call.usage.audio_input_tokens > 0 && !call.usage.estimated, "{:?}", call.usage);
    let sent: Vec<String> = standin
        .stage
        .seen()
        .into_iter()
        .map(|seen| seen.what)
        .filter(|what| what.contains("buffer"))
        .collect();
    assert_eq!(sent, ["input_audio_buffer.commit", "input_audio_buffer.clear"]);
}

#[tokio::test]
async fn segments_are_sent_over_one_connection() {
    let (standin, options) = vendor().await;
    let stt = over_http(&options, detailed());
    let mut call = Call::open(&stt).await;
    for _ in 0..20 {
        call.push(&voice(ms(400))).await;
        assert!(!call.finalize().await.text.is_empty());
    }
    assert!(standin.stage.connections() <= 2, "{} connections", standin.stage.connections());
}
