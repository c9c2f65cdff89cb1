//! A reply over HTTP, as a stream of events.

use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{Ability, Error, Llm, LlmRequest, LlmStream, ProviderInfo};
use providers_link::{Client, Fault, reply};

use crate::reader::Reader;
use crate::{NAME, Options, fault, wire};

/// Claude over the Messages API. Clones of the client share connections.
pub struct AnthropicLlm {
    info: ProviderInfo,
    options: Options,
    client: Client,
}

impl AnthropicLlm {
    #[must_use]
    pub fn new(options: Options, client: Client) -> Self {
        let info =
            ProviderInfo { name: NAME.to_owned(), model: options.model.clone(), ..ProviderInfo::default() };
        Self { info, options, client }
    }

    async fn open(&self, request: LlmRequest) -> Result<LlmStream, Fault> {
        let post = self
            .client
            .post(&self.options.url())
            .header("x-api-key", self.options.key.expose().trim())
            .header("anthropic-version", wire::VERSION)
            .json(&wire::body(&self.options, &request));
        let (answer, body) = self.client.send(post, fault::refused).await?;
        tracing::debug!(vendor = NAME, request_id = answer.header("request-id"), "accepted");
        reply(&answer, body, Reader::default(), NAME)
    }
}

impl Llm for AnthropicLlm {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        async move { self.open(request).await.map_err(|fault| fault.of(Ability::Llm, NAME)) }.boxed()
    }
}
