//! The contract of a recogniser, against a server that speaks the streaming API; and against AssemblyAI itself where there is a key.

use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, Language, MediaTime, Secret, SessionId, Transcript};
use futures::{FutureExt, StreamExt};
use loadtest_vendors::{Delays, Seen, Stage};
use providers_api::conformance::{self, Trial};
use providers_api::{Stt, SttEvent, SttInput, SttRequest, SttStream, Usage};
use providers_assemblyai::{Options, stt};
use runtime::Tasks;

const KEY: &str = "key-of-a-test";
const RATE_HZ: u32 = 16_000;

/// Long enough a tone for eight words, of which one is looked for.
fn trial() -> Trial {
    Trial {
        speech: tone(Duration::from_millis(2_400)),
        rate_hz: RATE_HZ,
        word: "appointment".to_owned(),
        retry_after: false,
        key: KEY.to_owned(),
        ..Trial::new(|length| tokio::time::sleep(length).boxed(), Duration::from_secs(10))
    }
}

fn tone(length: Duration) -> Vec<i16> {
    let count = (length.as_secs_f64() * f64::from(RATE_HZ)) as u32;
    (0..count)
        .map(|n| (f64::from(n) * 220.0 * std::f64::consts::TAU / f64::from(RATE_HZ)).sin())
        .map(|sample| (sample * 6_000.0) as i16)
        .collect()
}

/// A service of its own for each test, and the options that lead to it.
async fn vendor(tasks: &Tasks) -> (Stage, Options) {
    let stage = Stage::new(Delays { stt_final_ms: 20, ..Delays::default() });
    let address = "127.0.0.1:0".parse().expect("an address");
    let bound = loadtest_vendors::serve(address, stage.clone(), tasks).await.expect("a free port");
    let base_url = format!("ws://{bound}/assemblyai");
    (stage, Options { base_url, ..Options::new(Secret::new(KEY.to_owned())) })
}

/// What the service has seen of a kind, once it is there.
async fn seen(stage: &Stage, what: &str) -> Vec<Seen> {
    let begun = tokio::time::Instant::now();
    loop {
        let found: Vec<Seen> = stage.seen().into_iter().filter(|seen| seen.what == what).collect();
        if !found.is_empty() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no {what:?} in {:?}", stage.seen());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn never_seen(stage: &Stage, what: &str) {
    let found: Vec<Seen> = stage.seen().into_iter().filter(|seen| seen.what == what).collect();
    assert!(found.is_empty(), "{found:?}");
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
    let tasks = Tasks::new();
    let (stage, options) = vendor(&tasks).await;
    conformance::stt(&stt(options), &trial()).await.expect("every rule holds");
    never_seen(&stage, "refused");
}

#[tokio::test]
async fn each_adversity_is_told_for_what_it_is() {
    let tasks = Tasks::new();
    let (stage, options) = vendor(&tasks).await;
    let fresh = || Arc::new(stt(options.clone())) as Arc<dyn Stt>;
    let set = |adversity| stage.always(adversity);
    conformance::stt_adversities(&fresh, &set, &trial()).await.expect("each for what it is");
}

#[tokio::test]
async fn a_turn_of_any_length_is_taken_and_answered_at_once() {
    let tasks = Tasks::new();
    let (stage, options) = vendor(&tasks).await;
    let stt = stt(Options { format_turns: true, ..options });
    let mut stream = stt.open(request(Some("de"))).await.expect("open");
    let mut at = MediaTime::from_millis(60_000);
    // 20 ms more than messages hold: the rest is shorter than the service takes.
    for _ in 0..3 {
        let begun = at;
        push(&mut stream, &tone(Duration::from_millis(920)), &mut at, &mut Vec::new()).await;
        let told = finish(&mut stream).await;
        assert_eq!(told.text, "I would like to");
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
    seen(&stage, "Terminate").await;
    assert_eq!(seen(&stage, "ForceEndpoint").await.len(), 3);
    never_seen(&stage, "refused");
}

#[tokio::test]
async fn where_the_service_may_end_turns_its_judgement_is_told() {
    let tasks = Tasks::new();
    let (_stage, options) = vendor(&tasks).await;
    let stt = stt(Options { service_ends_turns: true, ..options });
    let mut stream = stt.open(request(None)).await.expect("open");
    let (mut at, mut events) = (MediaTime::ZERO, Vec::new());
    push(&mut stream, &tone(Duration::from_millis(560)), &mut at, &mut events).await;
    push(&mut stream, &vec![0; RATE_HZ as usize], &mut at, &mut events).await;
    assert!(
        events.iter().any(|event| matches!(event, SttEvent::EndOfTurn(score) if score.probability > 0.5)),
        "{events:?}"
    );
    assert_eq!(finish(&mut stream).await.text, "i would");
}

#[tokio::test]
async fn a_caller_who_leaves_closes_the_session() {
    let tasks = Tasks::new();
    let (stage, options) = vendor(&tasks).await;
    let stream = stt(options).open(request(None)).await.expect("open");
    drop(stream);
    seen(&stage, "cancelled").await;
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
