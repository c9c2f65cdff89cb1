//! Recognition over gRPC.

use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, Transcript};
use futures::StreamExt;
use loadtest_vendors::trial::tone;
use providers_api::conformance::{self, Adversity, Trial};
use providers_api::{ErrorKind, Stt, SttEvent, SttInput, SttStream, Usage};
use providers_google::GoogleStt;

use super::{RATE_HZ, Stand, account, client, live, request, trial};

/// A caller whose audio has a pace faster than life.
struct Caller {
    stream: SttStream,
    at: MediaTime,
    events: Vec<SttEvent>,
}

impl Caller {
    async fn new(stt: &dyn Stt) -> Self {
        let stream = stt.open(request()).await.expect("it opens");
        Self { stream, at: MediaTime::ZERO, events: Vec::new() }
    }

    async fn push(&mut self, samples: &[i16]) {
        for piece in samples.chunks(AudioFrame::samples_per_frame(RATE_HZ)) {
            let frame = AudioFrame { samples: piece.to_vec(), rate_hz: RATE_HZ, at: self.at };
            self.at = frame.end();
            self.stream.input.send(SttInput::Audio(frame)).await.expect("open");
            while let Ok(event) =
                tokio::time::timeout(Duration::from_millis(2), self.stream.events.next()).await
            {
                self.events.push(event.expect("not over").expect("no fault"));
            }
        }
    }

    async fn ask(&mut self) {
        self.stream.input.send(SttInput::Finalize).await.expect("open");
    }

    /// The next final, within a generous time.
    async fn told(&mut self) -> Transcript {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(10), self.stream.events.next()).await;
            match event.expect("an event in time").expect("not over").expect("no fault") {
                SttEvent::Transcript(told) if told.is_final() => return told,
                event => self.events.push(event),
            }
        }
    }
}

#[tokio::test]
async fn the_contract_is_kept() {
    let stand = Stand::new().await;
    conformance::stt(&GoogleStt::new(stand.options, client()), &trial()).await.expect("the contract");
}

#[tokio::test]
async fn each_adversity_is_told_for_what_it_is() {
    let stand = Stand::new().await;
    let set = |adversity| stand.standin.stage.always(adversity);
    let fresh = || -> Arc<dyn Stt> { Arc::new(GoogleStt::new(stand.options.clone(), client())) };
    conformance::stt_adversities(&fresh, &set, &trial()).await.expect("told");
}

#[tokio::test]
async fn a_service_account_fetches_one_token_for_many_calls() {
    let stand = Stand::with(account()).await;
    let stt = GoogleStt::new(stand.options.clone(), client());
    for _call in 0..3 {
        let mut caller = Caller::new(&stt).await;
        caller.push(&tone(Duration::from_millis(500))).await;
        caller.ask().await;
        assert_eq!(caller.told().await.text, "Eggs milk");
    }
    assert_eq!(stand.seen("token").len(), 1);
    let opened = &stand.seen("open")[0].body;
    assert_eq!(
        *opened,
        serde_json::json!({
            "recognizer": "projects/acme/locations/global/recognizers/_", "model": "latest_long",
            "languageCodes": ["en-US"], "rateHz": 16_000, "phrases": ["Foundry"],
        })
    );
}

#[tokio::test]
async fn no_audio_is_lost_when_a_final_ends_the_stream() {
    let stand = Stand::new().await;
    let stt = GoogleStt::new(stand.options.clone(), client());
    let mut caller = Caller::new(&stt).await;
    caller.push(&tone(Duration::from_millis(800))).await;
    caller.ask().await;
    // The caller goes on before the final is there: two words more for the next stream.
    caller.push(&tone(Duration::from_millis(500))).await;
    let mut finals: Vec<Transcript> = caller
        .events
        .iter()
        .filter_map(|event| match event {
            SttEvent::Transcript(told) if told.is_final() => Some(told.clone()),
            _ => None,
        })
        .collect();
    if finals.is_empty() {
        finals.push(caller.told().await);
    }
    caller.ask().await;
    finals.push(caller.told().await);
    let texts: Vec<&str> = finals.iter().map(|told| told.text.as_str()).collect();
    assert_eq!(texts, ["Eggs milk butter", "Eggs milk"]);
    // Positions go on where the stream before ended.
    assert!(finals[1].words[0].from >= MediaTime::from_millis(790), "{:?}", finals[1].words);
    assert_eq!((stand.seen("open").len(), stand.seen("half-close").len()), (2, 2));
}

#[tokio::test]
async fn usage_is_what_google_bills() {
    let stand = Stand::new().await;
    let stt = GoogleStt::new(stand.options.clone(), client());
    let mut caller = Caller::new(&stt).await;
    caller.push(&tone(Duration::from_millis(1_300))).await;
    caller.ask().await;
    caller.told().await;
    let SttStream { input, events } = caller.stream;
    drop(input);
    let rest: Vec<SttEvent> = events.map(|event| event.expect("no fault")).collect().await;
    let mut used = Usage::default();
    for event in caller.events.iter().chain(&rest) {
        if let SttEvent::Usage(usage) = event {
            used += *usage;
        }
    }
    assert_eq!(used, Usage { audio_in: Duration::from_secs(2), ..Usage::default() });
}

#[tokio::test]
async fn a_pause_settles_words_and_the_final_has_all_of_them() {
    let stand = Stand::new().await;
    let stt = GoogleStt::new(stand.options.clone(), client());
    let mut caller = Caller::new(&stt).await;
    caller.push(&tone(Duration::from_millis(500))).await;
    caller.push(&vec![0; RATE_HZ as usize * 3 / 2]).await;
    caller.push(&tone(Duration::from_millis(200))).await;
    caller.ask().await;
    let told = caller.told().await;
    assert_eq!((told.text.as_str(), told.words.len()), ("Eggs milk Eggs", 3));
    assert_eq!(stand.seen("open").len(), 1, "one stream for all of it");
}

#[tokio::test]
async fn a_stream_that_breaks_in_mid_speech_is_replaced_and_heard_again_without_a_word_lost_or_told_twice() {
    let stand = Stand::new().await;
    let stt = GoogleStt::new(stand.options.clone(), client());
    let mut caller = Caller::new(&stt).await;
    stand.standin.stage.push(Adversity::BreaksAfter(20));
    caller.push(&tone(Duration::from_millis(1_700))).await;
    caller.ask().await;
    assert_eq!(caller.told().await.text, "Eggs milk butter bread apples cherries");
    assert_eq!(stand.seen("open").len(), 2);
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_noticed_by_the_vendor() {
    let stand = Stand::new().await;
    let stt = GoogleStt::new(stand.options.clone(), client());
    let mut caller = Caller::new(&stt).await;
    caller.push(&tone(Duration::from_millis(500))).await;
    drop(caller);
    for _ in 0..2_000 {
        if !stand.seen("cancelled").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("not noticed: {:?}", stand.standin.stage.seen());
}

#[tokio::test]
async fn a_wrong_project_is_told_and_nobody_at_the_address_too() {
    let mut stand = Stand::new().await;
    stand.options.project = String::new();
    let stt = GoogleStt::new(stand.options.clone(), client());
    let mut stream: SttStream = stt.open(request()).await.expect("it opens");
    stream.input.send(SttInput::Audio(AudioFrame::silence(RATE_HZ, MediaTime::ZERO))).await.expect("open");
    stream.input.send(SttInput::Finalize).await.expect("open");
    let told = stream.events.filter_map(|event| async { event.err() }).boxed().next().await;
    assert_eq!(told.map(|error| error.kind), Some(ErrorKind::Rejected));

    stand.options.stt_base_url = Some("http://127.0.0.1:9".to_owned());
    let nobody = GoogleStt::new(stand.options, client()).open(request()).await;
    assert_eq!(nobody.err().map(|error| error.kind), Some(ErrorKind::Unreachable));
}

#[tokio::test]
async fn live_recognition() {
    let Some(options) = live() else { return };
    let wav = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/speech/desk_book.wav");
    let mut wav = hound::WavReader::open(wav).expect("speech");
    let rate_hz = wav.spec().sample_rate;
    let speech = wav.samples::<i16>().map(|sample| sample.expect("16 bit")).collect();
    let trial = Trial { speech, rate_hz, patience: Duration::from_secs(20), ..trial() };
    conformance::stt(&GoogleStt::new(options, client()), &trial).await.expect("the contract");
}
