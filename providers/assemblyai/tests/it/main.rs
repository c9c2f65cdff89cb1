//! The contract of a recogniser, against a server that speaks the streaming API; and against AssemblyAI itself where there is a key.

use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, Language, MediaTime, Secret, SessionId, Transcript};
use futures::StreamExt;
use loadtest_vendors::trial::tone;
use loadtest_vendors::{Delays, Standin};
use providers_api::conformance::{self, Trial};
use providers_api::{Stt, SttEvent, SttInput, SttRequest, SttStream, Usage};
use providers_assemblyai::{Options, stt};

const KEY: &str = "key-of-a-test";
const RATE_HZ: u32 = 16_000;

fn trial() -> Trial {
    Trial { retry_after: false, ..loadtest_vendors::trial::trial(KEY) }
}

/// A service of its own for each test, and the options that lead to it.
async fn vendor() -> (Standin, Options) {
    let standin = Standin::start(Delays { stt_final_ms: 20, ..Delays::default() }).await;
    let base_url = format!("ws://{}/assemblyai", standin.address);
    (standin, Options { base_url, ..Options::new(Secret::new(KEY.to_owned())) })
}

fn request(language: Option<&str>) -> SttRequest {
    SttRequest {
        session: SessionId::generate(),
        rate_hz: RATE_HZ,
        language: language.map(|tag| Language(tag.to_owned())),
        keywords: vec!["Foundry".to_owned()],
    }
}

/// Gives audio as a call does; keeps what comes meanwhile.
async fn push(stream: &mut SttStream, samples: &[i16], at: &mut MediaTime, events: &mut Vec<SttEvent>) {
    for piece in samples.chunks(AudioFrame::samples_per_frame(RATE_HZ)) {
        let frame = AudioFrame { samples: piece.to_vec(), rate_hz: RATE_HZ, at: *at };
        *at = frame.end();
        stream.input.send(SttInput::Audio(frame)).await.expect("open");
        while let Ok(event) = tokio::time::timeout(Duration::from_millis(2), stream.events.next()).await {
            events.push(event.expect("not over").expect("no fault"));
        }
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
async fn it_keeps_the_contract_of_recognisers() {
    let (standin, options) = vendor().await;
    conformance::stt(&stt(options), &trial()).await.expect("every rule holds");
    standin.never_saw("refused");
}

#[tokio::test]
async fn each_adversity_is_told_for_what_it_is() {
    let (standin, options) = vendor().await;
    let fresh = || Arc::new(stt(options.clone())) as Arc<dyn Stt>;
    let set = |adversity| standin.stage.always(adversity);
    conformance::stt_adversities(&fresh, &set, &trial()).await.expect("each for what it is");
}

#[tokio::test]
async fn a_turn_of_any_length_is_taken_and_answered_at_once() {
    let (standin, options) = vendor().await;
    let stt = stt(Options { format_turns: true, ..options });
    let mut stream = stt.open(request(Some("de"))).await.expect("open");
    let mut at = MediaTime::from_millis(60_000);
    // 20 ms more than messages hold: the rest is shorter than the service takes.
    for _ in 0..3 {
        let begun = at;
        push(&mut stream, &tone(Duration::from_millis(920)), &mut at, &mut Vec::new()).await;
        let told = finish(&mut stream).await;
        assert_eq!(told.text, "Eggs milk butter bread");
        assert_eq!((told.words.len(), told.language), (4, Some(Language("en".to_owned()))));
        let slack = MediaTime::from_millis(20);
        assert!(told.from + slack >= begun && told.to <= at + slack, "{} to {}", told.from, told.to);
    }
    drop(stream.input);
    let rest: Vec<_> = stream.events.map(|event| event.expect("no fault")).collect().await;
    assert!(
        rest.iter().any(|event| matches!(event, SttEvent::Usage(Usage { estimated: true, .. }))),
        "{rest:?}"
    );
    standin.sees("Terminate", 1).await;
    assert_eq!(standin.sees("ForceEndpoint", 1).await.len(), 3);
    standin.never_saw("refused");
}

#[tokio::test]
async fn where_the_service_may_end_turns_its_judgement_is_told() {
    let (_standin, options) = vendor().await;
    let stt = stt(Options { service_ends_turns: true, ..options });
    let mut stream = stt.open(request(None)).await.expect("open");
    let (mut at, mut events) = (MediaTime::ZERO, Vec::new());
    push(&mut stream, &tone(Duration::from_millis(560)), &mut at, &mut events).await;
    push(&mut stream, &vec![0; RATE_HZ as usize], &mut at, &mut events).await;
    assert!(
        events.iter().any(|event| matches!(event, SttEvent::EndOfTurn(score) if score.probability > 0.5)),
        "{events:?}"
    );
    assert_eq!(finish(&mut stream).await.text, "eggs milk");
}

#[tokio::test]
async fn a_caller_who_leaves_closes_the_session() {
    let (standin, options) = vendor().await;
    let stream = stt(options).open(request(None)).await.expect("open");
    drop(stream);
    standin.sees("cancelled", 1).await;
}

/// Costs a few cents. `FOUNDRY_LIVE=1 ASSEMBLYAI_API_KEY=... cargo test -p providers-assemblyai live`
#[tokio::test]
async fn live() {
    let key = std::env::var("ASSEMBLYAI_API_KEY").unwrap_or_default();
    if key.is_empty() || std::env::var("FOUNDRY_LIVE").as_deref() != Ok("1") {
        eprintln!("not tried against AssemblyAI: this needs ASSEMBLYAI_API_KEY and FOUNDRY_LIVE=1");
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/speech/desk_book.wav");
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    let speech = reader.samples().map(|sample| sample.expect("a whole file")).collect();
    let trial = Trial { speech, key: key.clone(), patience: Duration::from_secs(30), ..trial() };
    conformance::stt(&stt(Options::new(Secret::new(key))), &trial).await.expect("every rule holds");
}
