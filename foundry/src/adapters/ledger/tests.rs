use domain::{SessionId, Voice};
use providers_api::TtsInput;
use providers_fake::{FakeLlm, FakeTts, LlmOptions, TtsOptions};
use providers_route::{Alternative, Health, LlmRoute, Options, Setting};

use super::*;

/// A provider under another account's name.
struct Of<P>(P, ProviderInfo);

impl<P> Of<P> {
    fn account(account: &str, inner: P, info: &ProviderInfo) -> Self {
        Self(inner, ProviderInfo { account: account.to_owned(), ..info.clone() })
    }
}

impl Llm for Of<FakeLlm> {
    fn info(&self) -> &ProviderInfo {
        &self.1
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        self.0.chat(request)
    }
}

impl Tts for Of<FakeTts> {
    fn info(&self) -> &ProviderInfo {
        &self.1
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        self.0.open(request)
    }
}

fn model(account: &str, fault: Option<providers_fake::Fault>) -> Arc<dyn Llm> {
    let llm = FakeLlm::new(LlmOptions { always: fault.unwrap_or_default(), ..LlmOptions::default() });
    let info = llm.info().clone();
    Arc::new(Of::account(account, llm, &info))
}

async fn ask(llm: &dyn Llm, turn: u32) {
    let messages = vec![providers_api::Message::Caller("hello".to_owned())];
    let request = LlmRequest {
        turn: Some(TurnId(turn)),
        ..LlmRequest::new(SessionId::generate(), "Be brief.", messages)
    };
    let reply = llm.chat(request).await.expect("somebody answers");
    assert!(reply.all(|event| std::future::ready(event.is_ok())).await);
}

fn accounts(names: &[ProviderName]) -> Vec<&str> {
    names.iter().map(|name| name.account.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_turn_was_served_by_whom_the_route_chose_and_the_next_by_whom_it_chose_then() {
    let ledger = Arc::new(Ledger::default());
    let ways = vec![
        Alternative::new(model("one", Some(providers_fake::Fault::Refuse)), "t"),
        Alternative::new(model("two", None), "t"),
    ];
    let observer = Arc::new(providers_route::Nobody);
    let health = Arc::new(Health::new(providers_route::breaker::Options::default(), observer.clone()));
    let setting = Setting { options: Options::llm(), health, observer, pace: None };
    let route = ledger.thinking(Arc::new(LlmRoute::new(ways, setting).expect("two")));
    ask(route.as_ref(), 1).await;
    assert_eq!((ledger.joined(), ledger.joined()), (vec!["two".to_owned()], Vec::new()));
    // A guess for a turn that is never committed, and one that is.
    ask(route.as_ref(), 2).await;
    let alone = ledger.thinking(model("three", None));
    ask(alone.as_ref(), 3).await;
    ask(alone.as_ref(), 3).await;
    ledger.heard(TurnId(3));
    assert_eq!(accounts(&ledger.finished(TurnId(1)).thinking), ["two"]);
    let third = ledger.finished(TurnId(3));
    assert_eq!((accounts(&third.thinking), third.recognition), (vec!["three"], Vec::new()));
    assert!(ledger.finished(TurnId(2)).is_nobody(), "kept for nobody");
    assert_eq!(ledger.joined(), ["three"]);
}

#[tokio::test(start_paused = true)]
async fn a_voice_without_a_route_serves_when_it_sounds_and_not_when_it_is_opened() {
    let ledger = Arc::new(Ledger::default());
    let tts = FakeTts::new(TtsOptions::default()).expect("valid");
    let info = tts.info().clone();
    let tts = ledger.speaking(Arc::new(Of::account("built-in", tts, &info)));
    let open = |turn| {
        let request =
            TtsRequest { session: SessionId::generate(), turn: Some(TurnId(turn)), voice: Voice::default() };
        tts.open(request)
    };
    drop(open(1).await.expect("open"));
    let TtsStream { mut input, events } = open(2).await.expect("open");
    input.send(TtsInput::Sentence("Hello.".to_owned())).await.expect("open");
    drop(input);
    events.collect::<Vec<_>>().await;
    assert!(ledger.finished(TurnId(1)).is_nobody());
    let second = ledger.finished(TurnId(2));
    assert_eq!(second.voice, [ProviderName { account: "built-in".to_owned(), model: info.model }]);
}
