//! Speech to text.

use std::sync::Arc;

use domain::{AudioFrame, Language, MediaTime, SessionId, Transcript};
use futures::StreamExt;
use loadtest_vendors::trial::tone;
use providers_api::{Stt, SttEvent, SttInput, SttRequest, SttStream, conformance};
use providers_azure::stt;
use serde_json::json;

use super::*;

#[tokio::test]
async fn it_keeps_the_contract_of_recognisers() {
    let (standin, options) = vendor().await;
    conformance::stt(&stt(options), &trial()).await.expect("every rule holds");
    standin.never_saw("violation");
}

#[tokio::test]
async fn each_adversity_is_told_for_what_it_is() {
    let (standin, options) = vendor().await;
    let fresh = || Arc::new(stt(options.clone())) as Arc<dyn Stt>;
    let set = |adversity| standin.stage.always(adversity);
    conformance::stt_adversities(&fresh, &set, &trial()).await.expect("each for what it is");
}

async fn push(stream: &mut SttStream, samples: &[i16], at: &mut MediaTime) {
    for piece in samples.chunks(AudioFrame::samples_per_frame(RATE_HZ)) {
        let frame = AudioFrame { samples: piece.to_vec(), rate_hz: RATE_HZ, at: *at };
        *at = frame.end();
        stream.input.send(SttInput::Audio(frame)).await.expect("open");
        // Streams are driven by whoever polls them.
        let _event = tokio::time::timeout(Duration::from_millis(1), stream.events.next()).await;
    }
}

async fn finish(stream: &mut SttStream) -> Transcript {
    stream.input.send(SttInput::Finalize).await.expect("open");
    loop {
        match stream.events.next().await.expect("not over").expect("no fault") {
            SttEvent::Transcript(told) if told.is_final() => return told,
            _ => {}
        }
    }
}

#[tokio::test]
async fn turns_are_requests_on_one_socket_that_say_what_to_expect() {
    let (standin, options) = vendor().await;
    let request = SttRequest {
        session: SessionId::generate(),
        rate_hz: RATE_HZ,
        language: Some(Language("en".to_owned())),
        keywords: vec!["Foundry".to_owned()],
    };
    let mut stream = stt(options).open(request).await.expect("open");
    let mut at = MediaTime::from_millis(60_000);
    for turn in 1..=3 {
        let begun = at;
        push(&mut stream, &tone(Duration::from_millis(860)), &mut at).await;
        let told = finish(&mut stream).await;
        assert_eq!(told.text, "Eggs milk butter.");
        assert_eq!(told.words.len(), 3);
        assert!(told.from >= begun.saturating_sub(MediaTime::from_millis(20)), "turn {turn}: {told:?}");
        assert!(told.to <= at + MediaTime::from_millis(20), "turn {turn}: {told:?}");
        assert!(told.confidence.is_some_and(|confidence| confidence > 0.9));
        push(&mut stream, &vec![0; RATE_HZ as usize / 5], &mut at).await;
    }
    assert_eq!(standin.sees("open", 1).await.len(), 1, "one socket for all turns");
    let contexts = standin.sees("speech.context", 3).await;
    assert_eq!(contexts[0].body["dgi"]["Groups"][0]["Items"], json!([{ "Text": "Foundry" }]));
    assert_eq!(standin.sees("end of audio", 3).await.len(), 3);
    standin.never_saw("violation");
}

#[tokio::test]
async fn a_pause_settles_words_and_the_final_has_those_before_and_after_it() {
    let (_standin, options) = vendor().await;
    let request =
        SttRequest { session: SessionId::generate(), rate_hz: RATE_HZ, language: None, keywords: Vec::new() };
    let mut stream = stt(options).open(request).await.expect("open");
    let mut at = MediaTime::ZERO;
    push(&mut stream, &tone(Duration::from_millis(560)), &mut at).await;
    push(&mut stream, &vec![0; RATE_HZ as usize], &mut at).await;
    push(&mut stream, &tone(Duration::from_millis(560)), &mut at).await;
    let told = finish(&mut stream).await;
    assert_eq!(told.text, "Eggs milk. Eggs milk.");
    assert!(told.words[2].from >= MediaTime::from_millis(1_500), "{:?}", told.words);
}

#[tokio::test]
async fn a_caller_who_leaves_closes_the_socket() {
    let (standin, options) = vendor().await;
    let request =
        SttRequest { session: SessionId::generate(), rate_hz: RATE_HZ, language: None, keywords: Vec::new() };
    let stream = stt(options).open(request).await.expect("open");
    standin.sees("open", 1).await;
    drop(stream);
    standin.sees("closed", 1).await;
}

/// Costs a few cents. `FOUNDRY_LIVE=1 AZURE_SPEECH_KEY=... AZURE_SPEECH_REGION=... cargo test -p providers-azure live`
#[tokio::test]
async fn live_speech_is_recognised() {
    let Some((key, region)) = live() else { return };
    let trial = live_trial(&key);
    conformance::stt(&stt(Options::new(Secret::new(key), &region)), &trial).await.expect("every rule holds");
}
