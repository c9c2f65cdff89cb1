use std::sync::Arc;

use domain::{SessionId, Voice};
use futures::StreamExt;
use providers_api::conformance::{self, Trial};
use providers_api::{Tts, TtsEvent, TtsInput, TtsRequest, Usage};
use providers_link::Reciting;
use providers_openai::{Options, Speech, TtsOptions, speech};

use crate::{client, ms, trial as trial_of_all, vendor};

fn trial() -> Trial {
    Trial { words: false, ..trial_of_all() }
}

fn voice(options: &Options, tts: TtsOptions) -> Reciting<Speech> {
    speech(options.clone(), tts, client())
}

/// Everything of one sentence: how long it sounds, and what was used.
async fn spoken(tts: &dyn Tts, text: &str) -> (f64, Usage) {
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    let mut stream = tts.open(request).await.expect("opens");
    stream.input.send(TtsInput::Sentence(text.to_owned())).await.expect("open");
    drop(stream.input);
    let (mut samples, mut usage) = (0, Usage::default());
    while let Some(event) = stream.events.next().await {
        match event.expect("no fault") {
            TtsEvent::Audio(frame) => {
                assert_eq!(frame.rate_hz, 24_000);
                samples += frame.samples.len();
            }
            TtsEvent::Usage(more) => usage += more,
            _ => {}
        }
    }
    (samples as f64 / 24_000.0, usage)
}

#[tokio::test]
async fn it_keeps_the_contract_of_voices() {
    let (_standin, options) = vendor().await;
    conformance::tts(&voice(&options, TtsOptions::default()), &trial()).await.expect("every rule holds");
    let events = TtsOptions { events: true, ..TtsOptions::default() };
    conformance::tts(&voice(&options, events), &trial()).await.expect("every rule holds in events");
}

#[tokio::test]
async fn each_adversity_is_told_for_what_it_is() {
    let (standin, options) = vendor().await;
    for events in [false, true] {
        let tts = TtsOptions { events, ..TtsOptions::default() };
        let fresh = || Arc::new(voice(&options, tts.clone())) as Arc<dyn Tts>;
        let set = |adversity| standin.stage.always(adversity);
        conformance::tts_adversities(&fresh, &set, &trial()).await.expect("each for what it is");
    }
}

#[tokio::test]
async fn wav_at_another_rate_sounds_as_long_as_pcm() {
    let (_standin, options) = vendor().await;
    // 20 ms for each of 25 letters; the stand-in's WAV has 22,050 Hz.
    for model in ["gpt-4o-mini-tts", "compat-wav"] {
        let tts = TtsOptions { model: model.to_owned(), ..TtsOptions::default() };
        let (seconds, _) = spoken(&voice(&options, tts), "A sentence of 25 letters.").await;
        assert!((seconds - 0.5).abs() < 0.005, "{model}: {seconds} s");
    }
}

#[tokio::test]
async fn characters_are_told_and_the_vendors_tokens_with_events() {
    let (_standin, options) = vendor().await;
    let (_, plain) = spoken(&voice(&options, TtsOptions::default()), "Good day.").await;
    assert_eq!((plain.characters, plain.output_tokens), (9, 0));
    let events = TtsOptions { events: true, ..TtsOptions::default() };
    let (_, counted) = spoken(&voice(&options, events), "Good day.").await;
    assert!(counted.characters == 9 && counted.audio_output_tokens > 0, "{counted:?}");
}

#[tokio::test]
async fn a_dropped_turn_ends_at_the_vendor() {
    let (standin, options) = vendor().await;
    let tts = voice(&options, TtsOptions::default());
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    let mut stream = tts.open(request).await.expect("opens");
    stream.input.send(TtsInput::Sentence("word ".repeat(400))).await.expect("open");
    while !matches!(stream.events.next().await, Some(Ok(TtsEvent::Audio(_)))) {}
    let dropped = tokio::time::Instant::now();
    drop(stream);
    let cancelled = crate::seen(&standin.stage, "cancelled").await.expect("the vendor saw the client leave");
    assert!(cancelled.at.saturating_duration_since(dropped) < ms(20) + ms(200));
}
