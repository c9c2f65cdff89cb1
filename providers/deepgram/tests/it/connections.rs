//! Connections that are cut off, replaced, kept and used again.

use std::time::Duration;

use futures::StreamExt;
use providers_api::conformance::{Adversity, Trial};
use providers_api::{SttEvent, SttInput, SttStream, TtsEvent, TtsInput, TtsStream};
use tokio::time::{Instant, sleep, timeout};

use crate::{Vendor, frames, listening, speaking, trial};

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_connection_that_breaks_in_mid_turn_costs_no_word() {
    let vendor = Vendor::start().await;
    vendor.stage.push(Adversity::BreaksAfter(300));
    let Trial { speech: samples, rate_hz, .. } = trial();
    let SttStream { mut input, mut events } = vendor.stt().open(listening()).await.expect("opens");
    let mut text = None;
    let pushing = async {
        for frame in frames(&samples, rate_hz) {
            input.push(SttInput::Audio(frame)).expect("the stream goes on");
            sleep(Duration::from_millis(10)).await;
        }
        input.push(SttInput::Finalize).expect("the stream goes on");
    };
    let hearing = async {
        while let Some(event) = events.next().await {
            if let SttEvent::Transcript(told) = event.expect("the stream goes on")
                && told.is_final()
            {
                text = Some(told.text);
                return;
            }
        }
    };
    timeout(LONG, async { tokio::join!(pushing, hearing) }).await.expect("a final");
    let broken = text.expect("a final");
    assert_eq!(vendor.count("open"), 2);
    // The same without a break.
    let SttStream { mut input, mut events } = vendor.stt().open(listening()).await.expect("opens");
    for frame in frames(&samples, rate_hz) {
        input.send(SttInput::Audio(frame)).await.expect("open");
        let _driven = timeout(Duration::from_millis(1), events.next()).await;
    }
    input.send(SttInput::Finalize).await.expect("open");
    let whole = loop {
        match timeout(LONG, events.next()).await.expect("a final") {
            Some(Ok(SttEvent::Transcript(told))) if told.is_final() => break told.text,
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(broken, whole);
}

#[tokio::test]
async fn a_caller_who_interrupts_stops_the_vendor_at_once_and_frees_the_connection() {
    let vendor = Vendor::start().await;
    let tts = vendor.tts();
    let TtsStream { mut input, mut events } = tts.open(speaking()).await.expect("opens");
    let long = "A sentence that goes on and on, because nobody has told it to stop yet. ".repeat(4);
    input.send(TtsInput::Sentence(long)).await.expect("open");
    while !matches!(timeout(LONG, events.next()).await.expect("audio"), Some(Ok(TtsEvent::Audio(_)))) {}
    let dropped = Instant::now();
    drop(events);
    while vendor.count("Clear") == 0 {
        assert!(dropped.elapsed() < LONG);
        sleep(Duration::from_millis(1)).await;
    }
    let cleared = vendor.stage.seen().iter().find(|seen| seen.what == "Clear").map(|seen| seen.at);
    let after = cleared.expect("seen").duration_since(dropped);
    assert!(after < Duration::from_millis(20), "the vendor was told after {after:?}");
    // The next turn finds the connection free, and nothing of the last one on it.
    sleep(Duration::from_millis(50)).await;
    let TtsStream { mut input, mut events } = tts.open(speaking()).await.expect("opens");
    input.send(TtsInput::Sentence("Yes?".to_owned())).await.expect("open");
    drop(input);
    let mut samples = 0;
    while let Some(event) = timeout(LONG, events.next()).await.expect("events") {
        if let TtsEvent::Audio(frame) = event.expect("no failure") {
            samples += frame.samples.len();
        }
    }
    assert_eq!(samples, 4 * 480, "20 ms for each character");
    assert_eq!(vendor.count("open"), 1);
}

#[tokio::test]
async fn every_sentence_is_spoken_at_once_however_many_turns_a_minute_has() {
    const TURNS: usize = 10;
    let vendor = Vendor::start().await;
    let tts = vendor.tts();
    for _ in 0..TURNS {
        let TtsStream { mut input, events } = tts.open(speaking()).await.expect("opens");
        for sentence in ["Yes.", "Good.", "Bye."] {
            input.send(TtsInput::Sentence(sentence.to_owned())).await.expect("open");
        }
        drop(input);
        let events: Vec<_> = timeout(LONG, events.collect()).await.expect("they end");
        assert!(events.iter().all(Result::is_ok), "{events:?}");
    }
    // A connection that has no more to spare this minute leaves the turn to another.
    assert_eq!(vendor.count("Flush"), 3 * TURNS);
    assert_eq!(vendor.count("open"), 3);
}

#[tokio::test]
async fn flux_judges_the_end_of_a_turn_even_when_the_audio_stops() {
    let vendor = Vendor::start().await;
    let Trial { speech: samples, rate_hz, .. } = trial();
    let SttStream { mut input, mut events } = vendor.flux().open(listening()).await.expect("opens");
    for frame in frames(&samples[..rate_hz as usize], rate_hz) {
        input.send(SttInput::Audio(frame)).await.expect("open");
        let _driven = timeout(Duration::from_millis(1), events.next()).await;
    }
    // Nothing more is pushed, as on a muted line: silence is made here.
    let mut judged = Vec::new();
    while !judged.iter().any(|probability| *probability > 0.8) {
        match timeout(LONG, events.next()).await.expect("a judgement") {
            Some(Ok(SttEvent::EndOfTurn(score))) => judged.push(score.probability),
            Some(Ok(SttEvent::Transcript(told))) => assert!(!told.is_final(), "nobody asked for a final"),
            other => panic!("{other:?}"),
        }
    }
    assert!(judged.len() >= 2, "suspected before it was certain: {judged:?}");
}
