//! A route keeps the contract of what it routes, with and without a first alternative that fails.

use futures::FutureExt;
use providers_api::conformance::{self, Trial};
use providers_fake::{Answer, Call, Fault, Lexicon, LlmOptions, SttOptions, TtsOptions};
use serde_json::json;

use crate::cast::{llm_route, ms, stt_route, tts_route};

fn trial() -> Trial {
    let mut trial = Trial::new(|length| tokio::time::sleep(length).boxed(), ms(5_000));
    trial.speech = Lexicon::shared().speak("what are your opening hours", 16_000, 60).0;
    "opening".clone_into(&mut trial.word);
    trial
}

const FAULTS: [Fault; 8] = [
    Fault::None,
    Fault::Refuse,
    Fault::Unreachable,
    Fault::Hang,
    Fault::Mute,
    Fault::Garbage,
    Fault::Empty,
    Fault::CloseAfter { after_ms: 400 },
];

#[tokio::test(start_paused = true)]
async fn a_route_of_ears_keeps_the_contract() {
    for fault in FAULTS {
        let bad = SttOptions { always: fault, ..SttOptions::default() };
        let scene = stt_route(vec![bad, SttOptions::default()]);
        // A partial needs an ear, and finding out that one hangs takes longer than these words.
        let trial = Trial { partials: fault != Fault::Hang, ..trial() };
        conformance::stt(&scene.route, &trial).await.unwrap_or_else(|broken| panic!("{fault:?}: {broken}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_of_voices_keeps_the_contract() {
    for fault in FAULTS {
        let bad = TtsOptions { always: fault, ..TtsOptions::default() };
        let scene = tts_route(vec![bad, TtsOptions::default()]);
        // The fakes do not count: the observer is told what the route counted.
        let trial = Trial { usage: false, ..trial() };
        conformance::tts(&scene.route, &trial).await.unwrap_or_else(|broken| panic!("{fault:?}: {broken}"));
    }
}

/// Calls the suite's tool when asked to, as every stand-in does.
fn model() -> LlmOptions {
    let call = Call { name: "note_down".to_owned(), arguments: json!({ "text": "blue" }) };
    let answer = Answer { to: "call note_down with blue".to_owned(), text: String::new(), calls: vec![call] };
    LlmOptions { answers: vec![answer], ..LlmOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_route_of_models_keeps_the_contract() {
    // A reply that breaks off is not continued: that one fault goes up.
    for fault in FAULTS.into_iter().filter(|fault| !matches!(fault, Fault::CloseAfter { .. })) {
        let bad = LlmOptions { always: fault, ..model() };
        let scene = llm_route(vec![bad, model()]);
        conformance::llm(&scene.route, &trial()).await.unwrap_or_else(|broken| panic!("{fault:?}: {broken}"));
    }
}
