//! Synthesis over REST, its list of voices, and its tokens.

use std::sync::Arc;
use std::time::Duration;

use domain::{Language, Secret, SessionId, Voice};
use futures::StreamExt;
use providers_api::conformance::{self, Adversity, Trial};
use providers_api::{ErrorKind, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream};
use providers_google::{Credentials, GoogleTts};

use super::{Stand, account, client, live, trial};

/// There are no times of words over REST.
fn voice_trial() -> Trial {
    Trial { words: false, ..trial() }
}

async fn all(tts: &dyn Tts, text: &str) -> Vec<Result<TtsEvent, providers_api::Error>> {
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    let TtsStream { mut input, events } = tts.open(request).await.expect("it opens");
    input.send(TtsInput::Sentence(text.to_owned())).await.expect("it takes text");
    drop(input);
    events.collect().await
}

#[tokio::test]
async fn the_contract_is_kept() {
    let stand = Stand::new().await;
    conformance::tts(&GoogleTts::new(stand.options, client()), &voice_trial()).await.expect("the contract");
}

#[tokio::test]
async fn each_adversity_is_told_for_what_it_is() {
    let stand = Stand::new().await;
    let set = |adversity| stand.standin.stage.always(adversity);
    let fresh = || -> Arc<dyn Tts> { Arc::new(GoogleTts::new(stand.options.clone(), client())) };
    conformance::tts_adversities(&fresh, &set, &voice_trial()).await.expect("told");
}

#[tokio::test]
async fn all_turns_of_a_service_account_share_a_token_until_it_is_refused() {
    let stand = Stand::with(account()).await;
    let tts = GoogleTts::new(stand.options.clone(), client());
    for _turn in 0..3 {
        let events = all(&tts, "Good day.").await;
        let samples: usize = events
            .iter()
            .map(|event| match event {
                Ok(TtsEvent::Audio(frame)) => frame.samples.len(),
                _ => 0,
            })
            .sum();
        assert_eq!(samples, 9 * 30 * 24, "nine characters of 30 ms at 24 kHz: {events:?}");
    }
    assert_eq!(stand.seen("token").len(), 1);
    stand.standin.stage.push(Adversity::Unauthorized);
    let refused = all(&tts, "Good day.").await.into_iter().find_map(Result::err).expect("refused");
    assert_eq!(refused.kind, ErrorKind::Unauthorized);
    assert!(all(&tts, "Good day.").await.iter().all(Result::is_ok));
    assert_eq!(stand.seen("token").len(), 2, "a refused token is not used again");
}

#[tokio::test]
async fn a_text_that_is_too_long_is_refused_by_google_and_told() {
    let stand = Stand::new().await;
    let events = all(&GoogleTts::new(stand.options, client()), &"word ".repeat(1_001)).await;
    let refused = events.into_iter().find_map(Result::err).expect("refused");
    assert_eq!(refused.kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn voices_are_listed() {
    let stand = Stand::new().await;
    let listed = GoogleTts::new(stand.options.clone(), client()).voices(None).await.expect("a list");
    let named: Vec<_> = listed.iter().map(|voice| (voice.name.as_str(), voice.languages.clone())).collect();
    assert_eq!(
        named,
        [
            ("en-US-Chirp3-HD-Achernar", vec![Language("en-US".to_owned())]),
            ("de-DE-Chirp3-HD-Puck", vec![Language("de-DE".to_owned())]),
        ]
    );
    let mut options = stand.options;
    options.credentials = Credentials::api_key(Secret::new(String::new()));
    let refused = GoogleTts::new(options, client()).voices(None).await.expect_err("no key");
    assert_eq!(refused.kind, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn without_a_token_no_turn_opens() {
    let mut stand = Stand::with(account()).await;
    stand.options.token_url = "http://127.0.0.1:9/token".to_owned();
    let tts = GoogleTts::new(stand.options, client());
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    let error = tts.open(request).await.err().expect("no token");
    assert_eq!(error.kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn live_synthesis() {
    let Some(options) = live() else { return };
    let trial = Trial { patience: Duration::from_secs(20), ..voice_trial() };
    let tts = GoogleTts::new(options, client());
    conformance::tts(&tts, &trial).await.expect("the contract");
    assert!(!tts.voices(Some(&Language("en-US".to_owned()))).await.expect("a list").is_empty());
}
