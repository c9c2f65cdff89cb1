//! Text to speech.

use std::sync::Arc;

use domain::{Language, SessionId, Voice};
use futures::StreamExt;
use providers_api::conformance::{self, Adversity};
use providers_api::{ErrorKind, Tts, TtsEvent, TtsInput, TtsRequest};
use providers_azure::{tts, voices};

use super::*;

/// The service does not say when words sound.
fn trial() -> Trial {
    Trial { words: false, ..super::trial() }
}

#[tokio::test]
async fn it_keeps_the_contract_of_voices() {
    let (_standin, options) = vendor().await;
    conformance::tts(&tts(options, client()), &trial()).await.expect("every rule holds");
}

#[tokio::test]
async fn each_adversity_is_told_for_what_it_is() {
    let (standin, options) = vendor().await;
    let fresh = || Arc::new(tts(options.clone(), client())) as Arc<dyn Tts>;
    let set = |adversity| standin.stage.always(adversity);
    conformance::tts_adversities(&fresh, &set, &trial()).await.expect("each for what it is");
}

#[tokio::test]
async fn a_sentence_is_spoken_as_it_was_written_by_the_voice_that_was_chosen() {
    let (standin, options) = vendor().await;
    let voice =
        Voice { name: "de-DE-KatjaNeural".to_owned(), language: Language("de".to_owned()), speed: 1.2 };
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice };
    let mut turn = tts(options, client()).open(request).await.expect("open");
    let text = "Müller & Söhne: \"3 < 4\"";
    turn.input.send(TtsInput::Sentence(text.to_owned())).await.expect("open");
    drop(turn.input);
    let mut characters = 0;
    while let Some(event) = turn.events.next().await {
        if let TtsEvent::Usage(usage) = event.expect("no fault") {
            characters += usage.characters;
        }
    }
    assert_eq!(characters, text.chars().count() as u64);
    let body = &standin.sees("request", 1).await[0].body;
    assert_eq!((body["text"].as_str(), body["voice"].as_str()), (Some(text), Some("de-DE-KatjaNeural")));
    assert!(body["ssml"].as_str().is_some_and(|ssml| ssml.contains(r#"<prosody rate="1.20">"#)));
    standin.never_saw("cancelled");
}

#[tokio::test]
async fn a_turn_that_is_dropped_ends_its_request() {
    let (standin, options) = vendor().await;
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    let mut turn = tts(options, client()).open(request).await.expect("open");
    let text = "A long sentence that nobody will hear to its end, since the caller speaks.".to_owned();
    turn.input.send(TtsInput::Sentence(text)).await.expect("open");
    while !matches!(turn.events.next().await, Some(Ok(TtsEvent::Audio(_)))) {}
    drop(turn);
    standin.sees("cancelled", 1).await;
}

#[tokio::test]
async fn the_voices_of_the_resource_are_listed() {
    let (standin, options) = vendor().await;
    let offered = voices(&options, &client()).await.expect("a list");
    assert_eq!(
        (offered[0].name.as_str(), &offered[0].locales[..]),
        ("en-US-JennyNeural", &["en-US".to_owned()][..])
    );
    assert_eq!(offered[0].styles, ["chat", "cheerful"]);
    standin.stage.push(Adversity::Unauthorized);
    let refused = voices(&options, &client()).await.expect_err("a wrong key");
    assert_eq!(refused.kind, ErrorKind::Unauthorized);
}

/// Costs a few cents. `FOUNDRY_LIVE=1 AZURE_SPEECH_KEY=... AZURE_SPEECH_REGION=... cargo test -p providers-azure live`
#[tokio::test]
async fn live_text_is_spoken() {
    let Some((key, region)) = live() else { return };
    let trial = Trial { words: false, ..live_trial(&key) };
    let options = Options::new(Secret::new(key), &region);
    assert!(!voices(&options, &client()).await.expect("a list").is_empty());
    conformance::tts(&tts(options, client()), &trial).await.expect("every rule holds");
}
