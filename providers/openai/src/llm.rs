//! Language models over chat completions. A reply is one HTTP request: dropping its stream ends the request, and with it the generation.

mod reader;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use providers_api::{Ability, Error, ErrorKind, Llm, LlmEvent, LlmRequest, LlmStream, ProviderInfo};
use providers_link::http::{Answer, Body};
use providers_link::sse::Events;
use providers_link::{Client, Fault};

use crate::options::{LlmOptions, Options};
use crate::{faults, wire};
use reader::Reader;

/// Of an answer that is not streamed, in bytes. What is longer is no reply of a language model.
const LARGEST_ANSWER: usize = 4 << 20;

/// Cheap to share: put it into an `Arc`.
#[derive(Debug)]
pub struct OpenAiLlm {
    info: ProviderInfo,
    options: Options,
    llm: LlmOptions,
    client: Client,
}

impl OpenAiLlm {
    #[must_use]
    pub fn new(options: Options, llm: LlmOptions, client: Client) -> Self {
        Self { info: options.info(&llm.model, 0), options, llm, client }
    }

    async fn begin(&self, request: &LlmRequest) -> Result<Reply, Fault> {
        let url = self.options.url("chat/completions");
        let http =
            self.options.authorised(self.client.post(&url)).json(&wire::chat::body(&self.llm, request));
        let silence = self.options.silence();
        let sent = within(silence, self.client.send(http, faults::refused));
        let (answer, body) = sent.await?;
        if let Some(id) = answer.header("x-request-id") {
            tracing::debug!(provider = self.info.name, request_id = id, "reply accepted");
        }
        let mut reader = Reader::new(wire::chat::characters(request), request.messages.len());
        let mut queue = Vec::new();
        let events = match shape(&answer, body, silence).await? {
            Shape::Events(body) => Some(Events::new(body)),
            Shape::Whole(text) => {
                reader.whole(&text, &mut queue)?;
                None
            }
        };
        Ok(Reply { events, reader, queue: queue.into(), silence, name: self.info.name.clone() })
    }
}

impl Llm for OpenAiLlm {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        async move {
            let reply =
                self.begin(&request).await.map_err(|fault| fault.of(Ability::Llm, &self.info.name))?;
            let events = stream::unfold(reply, |mut reply| async move {
                let event = reply.next().await?;
                Some((event, reply))
            });
            Ok(events.boxed())
        }
        .boxed()
    }
}

enum Shape {
    Events(Body),
    /// The whole answer of a server that does not stream.
    Whole(String),
}

/// By the content type where it says events, else by how the body begins: servers that do not stream, or answer an error with
/// status 200, send one JSON object; others forget the type.
async fn shape(answer: &Answer, mut body: Body, silence: Duration) -> Result<Shape, Fault> {
    if answer.content_type == "text/event-stream" {
        return Ok(Shape::Events(body));
    }
    if answer.content_type.contains("html") {
        return Err(Fault::protocol("a page in the place of a reply"));
    }
    let mut begun: Vec<u8> = Vec::new();
    while begun.trim_ascii().is_empty() {
        let Some(piece) = within(silence, next_piece(&mut body)).await? else { break };
        begun.extend_from_slice(&piece);
    }
    if begun.trim_ascii_start().first() != Some(&b'{') {
        return Ok(Shape::Events(body.begun_with(Bytes::from(begun))));
    }
    while let Some(piece) = within(silence, next_piece(&mut body)).await? {
        begun.extend_from_slice(&piece);
        if begun.len() > LARGEST_ANSWER {
            return Err(Fault::protocol(format!("an answer of more than {LARGEST_ANSWER} bytes")));
        }
    }
    Ok(Shape::Whole(String::from_utf8_lossy(&begun).into_owned()))
}

async fn next_piece(body: &mut Body) -> Result<Option<Bytes>, Fault> {
    body.next().await.transpose()
}

async fn within<T>(silence: Duration, answer: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match tokio::time::timeout(silence, answer).await {
        Ok(result) => result,
        Err(_) => Err(Fault::new(ErrorKind::TimedOut, format!("nothing came for {} s", silence.as_secs()))),
    }
}

/// A reply under way.
struct Reply {
    /// None when everything has come.
    events: Option<Events>,
    reader: Reader,
    queue: VecDeque<LlmEvent>,
    silence: Duration,
    name: String,
}

impl Reply {
    async fn next(&mut self) -> Option<Result<LlmEvent, Error>> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(Ok(event));
            }
            self.events.as_ref()?;
            if let Err(fault) = self.read().await {
                self.events = None;
                return Some(Err(fault.of(Ability::Llm, &self.name)));
            }
        }
    }

    async fn read(&mut self) -> Result<(), Fault> {
        let Some(events) = self.events.as_mut() else { return Ok(()) };
        let mut out = Vec::new();
        match within(self.silence, events.next()).await? {
            Some(event) => self.reader.event(&event.data, &mut out)?,
            None => {
                self.reader.end(&mut out)?;
                self.events = None;
            }
        }
        if self.reader.is_over()
            && let Some(events) = self.events.take()
        {
            // Now and not when more is asked for: whoever has the last event often asks for none.
            events.finish();
        }
        self.queue.extend(out);
        Ok(())
    }
}
