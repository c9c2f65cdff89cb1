//! A reply over HTTP, as a stream of events.

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{Ability, Error, Llm, LlmEvent, LlmRequest, LlmStream, ProviderInfo};
use providers_link::sse::Events;
use providers_link::{Client, Fault};

use crate::reader::Reader;
use crate::{NAME, Options, fault, wire};

/// After the last event, the end of the body is waited for so long: a body that was read to its end leaves its connection free.
const END_WITHIN: Duration = Duration::from_millis(200);

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

    async fn open(&self, request: LlmRequest) -> Result<Reply, Fault> {
        let post = self
            .client
            .post(&self.options.url())
            .header("x-api-key", self.options.key.expose().trim())
            .header("anthropic-version", wire::VERSION)
            .json(&wire::body(&self.options, &request));
        let (answer, body) = self.client.send(post, fault::refused).await?;
        tracing::debug!(vendor = NAME, request_id = answer.header("request-id"), "accepted");
        if answer.content_type != "text/event-stream" {
            return Err(Fault::protocol(format!("a stream of type {:?}", answer.content_type)));
        }
        Ok(Reply { events: Events::new(body), reader: Reader::default(), ready: VecDeque::new() })
    }
}

impl Llm for AnthropicLlm {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        async move {
            let reply = self.open(request).await.map_err(failed)?;
            let events = stream::unfold(Some(reply), |reply| async move {
                let mut reply = reply?;
                match reply.next().await {
                    Ok(event) => event.map(|event| (Ok(event), Some(reply))),
                    Err(fault) => Some((Err(failed(fault)), None)),
                }
            });
            Ok(events.boxed())
        }
        .boxed()
    }
}

fn failed(fault: Fault) -> Error {
    fault.of(Ability::Llm, NAME)
}

struct Reply {
    events: Events,
    reader: Reader,
    ready: VecDeque<LlmEvent>,
}

impl Reply {
    async fn next(&mut self) -> Result<Option<LlmEvent>, Fault> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.reader.is_over() {
                // Whatever it says after its end changes nothing.
                let rest = async { while let Ok(Some(_)) = self.events.next().await {} };
                let _in_time = tokio::time::timeout(END_WITHIN, rest).await;
                return Ok(None);
            }
            let read = match self.events.next().await? {
                Some(event) => self.reader.read(&event.data)?,
                None => self.reader.end()?,
            };
            self.ready.extend(read);
        }
    }
}
