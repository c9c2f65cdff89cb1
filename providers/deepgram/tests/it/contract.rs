//! The conformance suite.

use domain::Secret;
use providers_api::conformance;
use providers_deepgram::{DeepgramStt, DeepgramTts, Options};
use providers_link::Pool;
use runtime::Tasks;

use crate::{Vendor, recording, trial, trial_with};

#[tokio::test]
async fn nova_keeps_the_contract() {
    let vendor = Vendor::start().await;
    conformance::stt(&*vendor.stt(), &trial()).await.expect("every rule holds");
}

#[tokio::test]
async fn flux_keeps_the_contract() {
    let vendor = Vendor::start().await;
    conformance::stt(&*vendor.flux(), &trial()).await.expect("every rule holds");
}

#[tokio::test]
async fn aura_keeps_the_contract() {
    let vendor = Vendor::start().await;
    let trial = conformance::Trial { words: false, ..trial() };
    conformance::tts(&*vendor.tts(), &trial).await.expect("every rule holds");
}

#[tokio::test]
async fn aura_over_http_keeps_the_contract() {
    let vendor = Vendor::start().await;
    let trial = conformance::Trial { words: false, ..trial() };
    conformance::tts(&*vendor.http(), &trial).await.expect("every rule holds");
}

#[tokio::test]
async fn live() {
    let key = std::env::var("DEEPGRAM_API_KEY")
        .ok()
        .filter(|_| std::env::var("FOUNDRY_LIVE").as_deref() == Ok("1"));
    let Some(key) = key else {
        eprintln!("not run: DEEPGRAM_API_KEY and FOUNDRY_LIVE=1 let this test ask the vendor itself");
        return;
    };
    let options = Options::new(Secret::new(key.clone()));
    let trial = conformance::Trial { key, ..trial_with(recording()) };
    conformance::stt(&DeepgramStt::new(options.clone()), &trial).await.expect("Nova keeps the contract");
    let flux = Options { stt_model: "flux-general-en".to_owned(), ..options.clone() };
    conformance::stt(&DeepgramStt::new(flux), &trial).await.expect("Flux keeps the contract");
    let (tasks, trial) = (Tasks::new(), conformance::Trial { words: false, ..trial });
    conformance::tts(&DeepgramTts::new(options, Pool::new(&tasks)), &trial).await.expect("Aura keeps it");
}
