//! The contracts of a recogniser and of a voice, against a server that speaks the service's protocols; and against Azure itself where
//! there is a key.

mod recognition;
mod synthesis;

use std::time::Duration;

use domain::Secret;
use loadtest_vendors::{Delays, Standin};
use providers_api::conformance::Trial;
use providers_azure::Options;
use providers_link::Client;

const KEY: &str = "key-of-a-test";
const RATE_HZ: u32 = 16_000;

fn trial() -> Trial {
    loadtest_vendors::trial::trial(KEY)
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

/// A service of its own for each test, and the options that lead to it.
async fn vendor() -> (Standin, Options) {
    let delays = Delays {
        stt_final_ms: 20,
        tts_first_byte_ms: 10,
        tts_ms_per_char: 30,
        tts_speed: 20,
        ..Delays::default()
    };
    let standin = Standin::start(delays).await;
    let options = Options::new(Secret::new(KEY.to_owned()), "westeurope")
        .at(&format!("http://{}/azure", standin.address));
    (standin, options)
}

fn client() -> Client {
    Client::new(providers_link::http::Options::default())
}
