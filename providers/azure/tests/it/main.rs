//! The contracts of a recogniser and of a voice, against a server that speaks the service's protocols; and against Azure itself where
//! there is a key.

mod recognition;
mod synthesis;

use std::time::Duration;

use domain::Secret;
use futures::FutureExt;
use loadtest_vendors::{Delays, Seen, Stage};
use providers_api::conformance::Trial;
use providers_azure::Options;
use providers_link::Client;
use runtime::Tasks;

const KEY: &str = "key-of-a-test";
const RATE_HZ: u32 = 16_000;

/// Long enough a tone for eight words, of which one is looked for.
fn trial() -> Trial {
    Trial {
        speech: tone(Duration::from_millis(2_400)),
        rate_hz: RATE_HZ,
        word: "appointment".to_owned(),
        key: KEY.to_owned(),
        ..Trial::new(|length| tokio::time::sleep(length).boxed(), Duration::from_secs(10))
    }
}

/// The same against the service, with real speech.
fn live_trial(key: &str) -> Trial {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/speech/desk_book.wav");
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    let speech = reader.samples().map(|sample| sample.expect("a whole file")).collect();
    Trial { speech, key: key.to_owned(), patience: Duration::from_secs(30), ..trial() }
}

/// Key and region, where the service itself is to be tried.
fn live() -> Option<(String, String)> {
    let get = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let found = get("AZURE_SPEECH_KEY").zip(get("AZURE_SPEECH_REGION"));
    let found = found.filter(|_| get("FOUNDRY_LIVE").as_deref() == Some("1"));
    if found.is_none() {
        eprintln!(
            "not tried against Azure: this needs AZURE_SPEECH_KEY, AZURE_SPEECH_REGION and FOUNDRY_LIVE=1"
        );
    }
    found
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
    let delays = Delays {
        stt_final_ms: 20,
        tts_first_byte_ms: 10,
        tts_ms_per_char: 30,
        tts_speed: 20,
        ..Delays::default()
    };
    let stage = Stage::new(delays);
    let address = "127.0.0.1:0".parse().expect("an address");
    let bound = loadtest_vendors::serve(address, stage.clone(), tasks).await.expect("a free port");
    let options =
        Options::new(Secret::new(KEY.to_owned()), "westeurope").at(&format!("http://{bound}/azure"));
    (stage, options)
}

fn client() -> Client {
    Client::new(providers_link::http::Options::default())
}

/// Waits until the service has seen so much of a kind.
async fn seen(stage: &Stage, what: &str, count: usize) -> Vec<Seen> {
    let begun = tokio::time::Instant::now();
    loop {
        let found: Vec<Seen> = stage.seen().into_iter().filter(|seen| seen.what == what).collect();
        if found.len() >= count {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no {count} of {what:?} in {:?}", stage.seen());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn never_seen(stage: &Stage, what: &str) {
    let found: Vec<Seen> = stage.seen().into_iter().filter(|seen| seen.what == what).collect();
    assert!(found.is_empty(), "{found:?}");
}
