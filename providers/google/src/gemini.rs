//! Gemini: language models over the Generative Language API, streamed. Not Vertex, whose addresses and credentials are others.

pub(crate) mod calls;
mod fault;
pub(crate) mod options;
mod reader;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{Ability, Error, Llm, LlmRequest, LlmStream, ProviderInfo};
use providers_link::{Client, Fault, reply};

use crate::wire_gemini;

pub(crate) use calls::Calls;
pub(crate) use options::GeminiOptions;
use reader::Reader;

/// In errors, events and configuration: its keys are not those of Google Cloud.
const NAME: &str = "gemini";

pub struct GeminiLlm {
    info: ProviderInfo,
    options: GeminiOptions,
    client: Client,
    calls: Arc<Calls>,
}

impl GeminiLlm {
    /// Clones of the client share connections. What the vendor wants back with a call is kept in here: a conversation should go on with
    /// the same value.
    #[must_use]
    pub fn new(options: GeminiOptions, client: Client) -> Self {
        let info =
            ProviderInfo { name: NAME.to_owned(), model: options.model.clone(), ..ProviderInfo::default() };
        Self { info, options, client, calls: Arc::default() }
    }

    async fn open(&self, request: LlmRequest) -> Result<LlmStream, Fault> {
        let post = self
            .client
            .post(&self.options.url())
            .header("x-goog-api-key", self.options.key.expose().trim())
            .json(&wire_gemini::body(&self.options, &request, &self.calls));
        let (answer, body) = self.client.send(post, fault::refused).await?;
        reply(&answer, body, Reader::new(self.calls.clone()), NAME)
    }
}

impl Llm for GeminiLlm {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        async move { self.open(request).await.map_err(|fault| fault.of(Ability::Llm, NAME)) }.boxed()
    }
}
