//! The contract of a language model, against a server that speaks the Generative Language API; and against Gemini itself where there is
//! a key.

use std::sync::Arc;
use std::time::Duration;

use domain::{Secret, SessionId};
use futures::StreamExt;
use loadtest_vendors::{Delays, Standin};
use providers_api::conformance::{self, Trial};
use providers_api::{Finish, Llm, LlmEvent, LlmRequest, Message, Usage};
use providers_google::{GeminiLlm, GeminiOptions};
use providers_link::Client;

const KEY: &str = "AIza-of-a-test";

fn trial() -> Trial {
    loadtest_vendors::trial::trial(KEY)
}

/// A vendor of its own for each test, and the options that lead to it.
async fn vendor() -> (Standin, GeminiOptions) {
    let delays = Delays { llm_first_token_ms: 5, llm_tokens_per_second: 200, ..Delays::default() };
    let standin = Standin::start(delays).await;
    let base_url = format!("http://{}/google", standin.address);
    (standin, GeminiOptions { base_url, ..GeminiOptions::new(Secret::new(KEY.to_owned())) })
}

fn model(options: &GeminiOptions) -> GeminiLlm {
    GeminiLlm::new(options.clone(), Client::new(providers_link::http::Options::default()))
}

fn request(text: &str) -> LlmRequest {
    LlmRequest::new(SessionId::generate(), "Be brief.", vec![Message::Caller(text.to_owned())])
}

#[tokio::test]
async fn the_next_reply_takes_the_connection_of_the_one_before() {
    let (standin, options) = vendor().await;
    standin.keeps_connections(&model(&options)).await;
}

#[tokio::test]
async fn it_keeps_the_contract_of_language_models() {
    let (standin, options) = vendor().await;
    conformance::llm(&model(&options), &trial()).await.expect("every rule holds");
    let bodies = standin.stage.seen().into_iter().map(|seen| seen.body.to_string());
    assert!(
        bodies.filter(|body| body.contains("dGltZWQgdGhvdWdodHM=")).count() == 1,
        "its signature came back once"
    );
}

#[tokio::test]
async fn each_adversity_is_told_for_what_it_is() {
    let (standin, options) = vendor().await;
    let fresh = || Arc::new(model(&options)) as Arc<dyn Llm>;
    let set = |adversity| standin.stage.always(adversity);
    conformance::llm_adversities(&fresh, &set, &trial()).await.expect("each for what it is");
}

#[tokio::test]
async fn usage_has_the_tokens_of_the_cache_and_of_thoughts() {
    let (_standin, options) = vendor().await;
    let reply = model(&options).chat(request("Hello there.")).await.expect("accepted");
    let events: Vec<_> = reply.map(|event| event.expect("no fault")).collect().await;
    let [.., LlmEvent::Usage(usage), LlmEvent::Finished(Finish::Stop)] = &events[..] else {
        panic!("ended otherwise: {events:?}")
    };
    let texts = events.iter().filter(|event| matches!(event, LlmEvent::Text(_))).count() as u64;
    let Usage { input_tokens, cached_tokens, output_tokens, estimated, .. } = *usage;
    assert!(cached_tokens == input_tokens / 2 && cached_tokens > 0 && !estimated);
    assert_eq!(output_tokens, texts + 2);
}

#[tokio::test]
async fn a_dropped_reply_ends_the_request_at_the_vendor() {
    let (standin, options) = vendor().await;
    let mut reply = model(&options).chat(request("A long story, please.")).await.expect("accepted");
    assert!(matches!(reply.next().await, Some(Ok(LlmEvent::Text(_)))));
    drop(reply);
    let dropped = tokio::time::Instant::now();
    let cancelled = || standin.stage.seen().into_iter().find(|seen| seen.what == "cancelled");
    while cancelled().is_none() && dropped.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cancelled().expect("the vendor saw the client leave");
}

/// Costs a few cents. `FOUNDRY_LIVE=1 GEMINI_API_KEY=... cargo test -p providers-google live`
#[tokio::test]
async fn live() {
    let key = std::env::var("GEMINI_API_KEY").unwrap_or_default();
    if key.is_empty() || std::env::var("FOUNDRY_LIVE").as_deref() != Ok("1") {
        eprintln!("not tried against Gemini: this needs GEMINI_API_KEY and FOUNDRY_LIVE=1");
        return;
    }
    let trial = Trial { key: key.clone(), patience: Duration::from_secs(60), ..trial() };
    let options = GeminiOptions::new(Secret::new(key));
    conformance::llm(&model(&options), &trial).await.expect("every rule holds");
}
