//! A provider under another name, so that two of a kind are told apart.

use futures::future::BoxFuture;
use providers_api::{
    Error, Llm, LlmRequest, LlmStream, ProviderInfo, Stt, SttRequest, SttStream, Tts, TtsRequest, TtsStream,
};

pub struct Named<P> {
    info: ProviderInfo,
    provider: P,
}

impl<P> Named<P> {
    /// `info` is the provider's own, but for the name.
    #[must_use]
    pub fn new(name: &str, info: ProviderInfo, provider: P) -> Self {
        Self { info: ProviderInfo { name: name.to_owned(), ..info }, provider }
    }
}

impl<P: Stt> Stt for Named<P> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        self.provider.open(request)
    }
}

impl<P: Llm> Llm for Named<P> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        self.provider.chat(request)
    }
}

impl<P: Tts> Tts for Named<P> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        self.provider.open(request)
    }

    fn warm(&self, request: &TtsRequest, turns: usize) {
        self.provider.warm(request, turns);
    }
}
