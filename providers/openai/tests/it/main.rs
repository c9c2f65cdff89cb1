//! The contracts of model, voice and ears, against a server that speaks OpenAI's protocol; and against OpenAI itself where there is a key.

mod chat;
mod connections;
mod conversing;
mod hearing;
mod speech;

use std::time::Duration;

use domain::Secret;
use futures::FutureExt;
use loadtest_vendors::{Delays, Seen, Stage, Standin};
use providers_api::conformance::{self, Trial};
use providers_link::{Client, http};
use providers_openai::{
    LlmOptions, OpenAiLlm, OpenAiStt, Options, RealtimeOptions, TranscribeOptions, TtsOptions,
};

const KEY: &str = "sk-of-a-test";
const RATE_HZ: u32 = 16_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn trial() -> Trial {
    Trial {
        key: KEY.to_owned(),
        speech: voice(ms(2_400)),
        word: "cherries".to_owned(),
        ..Trial::new(|length| tokio::time::sleep(length).boxed(), Duration::from_secs(10))
    }
}

/// What the stand-in's ear takes for speech, a word for every 300 ms.
fn voice(length: Duration) -> Vec<i16> {
    let count = length.as_millis() as usize * RATE_HZ as usize / 1_000;
    (0..count).map(|n| ((n as f64 * 0.1).sin() * 5_000.0) as i16).collect()
}

/// A vendor of its own for each test, and the options that lead to it.
async fn vendor() -> (Standin, Options) {
    let delays = Delays {
        stt_final_ms: 20,
        llm_first_token_ms: 5,
        llm_tokens_per_second: 200,
        tts_first_byte_ms: 5,
        tts_ms_per_char: 20,
        tts_speed: 40,
    };
    let standin = Standin::start(delays).await;
    let options = Options::new(Secret::new(KEY.to_owned()));
    let base_url = format!("http://{}/openai/v1", standin.address);
    (standin, Options { base_url, ..options })
}

fn client() -> Client {
    Client::new(http::Options::default())
}

/// The last that was seen of this kind, waited for.
async fn seen(stage: &Stage, what: &str) -> Option<Seen> {
    let begun = tokio::time::Instant::now();
    loop {
        let found = stage.seen().into_iter().rev().find(|seen| seen.what == what);
        if found.is_some() || begun.elapsed() > Duration::from_secs(5) {
            return found;
        }
        tokio::time::sleep(ms(1)).await;
    }
}

/// Costs a few cents. `FOUNDRY_LIVE=1 OPENAI_API_KEY=... cargo test -p providers-openai live`
#[tokio::test]
async fn live() {
    let key = std::env::var("OPENAI_API_KEY").unwrap_or_default();
    if key.is_empty() || std::env::var("FOUNDRY_LIVE").as_deref() != Ok("1") {
        eprintln!("not tried against OpenAI: this needs OPENAI_API_KEY and FOUNDRY_LIVE=1");
        return;
    }
    let wav = include_bytes!("../../../../testkit/speech/desk_book.wav");
    let speech = wav[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let patience = Duration::from_secs(60);
    let trial = Trial { key: key.clone(), speech, patience, words: false, partials: false, ..trial() };
    let mut options = Options::new(Secret::new(key));
    if let Ok(base_url) = std::env::var("OPENAI_BASE_URL") {
        options.base_url = base_url;
    }
    let llm = OpenAiLlm::new(options.clone(), LlmOptions::new(&options, "gpt-4o-mini"), client());
    conformance::llm(&llm, &trial).await.expect("every rule of models holds");
    let tts = providers_openai::speech(options.clone(), TtsOptions::default(), client());
    conformance::tts(&tts, &trial).await.expect("every rule of voices holds");
    let stt = OpenAiStt::new(options.clone(), TranscribeOptions::default(), client());
    conformance::stt(&stt, &trial).await.expect("every rule of ears holds, over HTTP");
    let stt = providers_openai::realtime(options, RealtimeOptions::default());
    conformance::stt(&stt, &trial).await.expect("every rule of ears holds, over the socket");
}
