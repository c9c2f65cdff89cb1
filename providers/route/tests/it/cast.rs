//! Fakes with names of their own, an observer that remembers, and routes made of both.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::SessionId;
use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{Error, Llm, LlmRequest, LlmStream, ProviderInfo, Stt, SttRequest, Tts, TtsRequest};
use providers_fake::{FakeLlm, FakeStt, FakeTts, LlmOptions, Named, SttOptions, TtsOptions};
use providers_route::{
    Alternative, Attempt, Health, LlmRoute, Observer, Options, Outcome, RouteEvent, Setting, SttRoute,
    TtsRoute, breaker,
};

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A model that can answer by a schema: the script knows none.
struct Schooled(FakeLlm);

impl Llm for Schooled {
    fn info(&self) -> &ProviderInfo {
        self.0.info()
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        if request.output.is_none() {
            return self.0.chat(request);
        }
        let otherwise = r#"{ "answer": "yes" }"#.to_owned();
        let value = FakeLlm::new(LlmOptions { otherwise, ..LlmOptions::default() });
        async move { value.chat(request).await }.boxed()
    }
}

/// Remembers what it is told.
#[derive(Default)]
pub(crate) struct Notes {
    attempts: Mutex<Vec<Attempt>>,
    events: Mutex<Vec<RouteEvent>>,
}

impl Observer for Notes {
    fn attempt(&self, attempt: Attempt) {
        self.attempts.lock().expect("no panic").push(attempt);
    }

    fn event(&self, event: RouteEvent) {
        self.events.lock().expect("no panic").push(event);
    }
}

impl Notes {
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().expect("no panic").clone()
    }

    pub(crate) fn events(&self) -> Vec<RouteEvent> {
        self.events.lock().expect("no panic").clone()
    }

    /// Who was asked and what became of it, in the order in which the attempts ended.
    pub(crate) fn outcomes(&self) -> Vec<(String, &'static str)> {
        let named = |outcome: &Outcome| match outcome {
            Outcome::Served => "served",
            Outcome::Failed(_) => "failed",
            Outcome::TimedOut => "timed out",
            Outcome::Abandoned => "abandoned",
            Outcome::Cancelled => "cancelled",
        };
        self.attempts().iter().map(|a| (a.provider.name.clone(), named(&a.outcome))).collect()
    }
}

/// What a test has to do with a route.
pub(crate) struct Scene<R> {
    pub route: R,
    pub notes: Arc<Notes>,
    pub health: Arc<Health>,
}

pub(crate) fn setting(options: Options) -> (Setting, Arc<Notes>, Arc<Health>) {
    let notes = Arc::new(Notes::default());
    let observer: Arc<dyn Observer> = Arc::clone(&notes) as _;
    let health = Arc::new(Health::new(breaker::Options::default(), Arc::clone(&observer)));
    let setting = Setting { options, health: Arc::clone(&health), observer, pace: None };
    (setting, notes, health)
}

pub(crate) fn stt_route(ears: Vec<SttOptions>) -> Scene<SttRoute> {
    let (setting, notes, health) = setting(Options::stt());
    Scene { route: SttRoute::new(named_stts(ears), setting).expect("valid"), notes, health }
}

pub(crate) fn named_stts(ears: Vec<SttOptions>) -> Vec<Alternative<dyn Stt>> {
    let named = ears.into_iter().zip(NAMES).map(|(options, name)| {
        let fake = FakeStt::new(options);
        let ear: Arc<dyn Stt> = Arc::new(Named::new(name, fake.info().clone(), fake));
        Alternative::new(ear, "tenant")
    });
    named.collect()
}

pub(crate) fn tts_route(voices: Vec<TtsOptions>) -> Scene<TtsRoute> {
    let (setting, notes, health) = setting(Options::tts());
    let alternatives = voices.into_iter().zip(NAMES).map(|(options, name)| {
        let fake = FakeTts::new(options).expect("valid");
        let voice: Arc<dyn Tts> = Arc::new(Named::new(name, fake.info().clone(), fake));
        Alternative::new(voice, "tenant")
    });
    Scene { route: TtsRoute::new(alternatives.collect(), setting).expect("valid"), notes, health }
}

pub(crate) fn llm_route(models: Vec<LlmOptions>) -> Scene<LlmRoute> {
    let (setting, notes, health) = setting(Options::llm());
    Scene { route: LlmRoute::new(named_llms(models), setting).expect("valid"), notes, health }
}

pub(crate) fn named_llms(models: Vec<LlmOptions>) -> Vec<Alternative<dyn Llm>> {
    let named = models.into_iter().zip(NAMES).map(|(options, name)| {
        let fake = FakeLlm::new(options);
        let model: Arc<dyn Llm> = Arc::new(Named::new(name, fake.info().clone(), Schooled(fake)));
        Alternative::new(model, "tenant")
    });
    named.collect()
}

const NAMES: [&str; 4] = ["first", "second", "third", "fourth"];

pub(crate) fn stt_request() -> SttRequest {
    SttRequest { session: SessionId::generate(), rate_hz: 16_000, language: None, keywords: Vec::new() }
}

pub(crate) fn tts_request() -> TtsRequest {
    TtsRequest { session: SessionId::generate(), turn: None, voice: domain::Voice::default() }
}

pub(crate) fn llm_request(text: &str) -> LlmRequest {
    let caller = providers_api::Message::Caller(text.to_owned());
    LlmRequest::new(SessionId::generate(), "Be brief.", vec![caller])
}

pub(crate) fn who(list: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    list.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect()
}
