//! The reply of a language model out of the events of one answer, driven by whoever polls it.

use std::collections::VecDeque;

use futures::{StreamExt, stream};
use providers_api::{Ability, LlmEvent, LlmStream};

use crate::codes::Fault;
use crate::http::{Answer, Body};
use crate::sse::Events;

/// What one vendor's events mean, for one reply. Data in, data out.
pub trait ReplyReader: Send + 'static {
    /// The data of the next event.
    ///
    /// # Errors
    /// What the vendor says is wrong, or what of its event is.
    fn read(&mut self, data: &str) -> Result<Vec<LlmEvent>, Fault>;

    /// The body ended.
    ///
    /// # Errors
    /// When the reply is not complete.
    fn end(&mut self) -> Result<Vec<LlmEvent>, Fault>;

    /// All that is wanted has come: whatever follows changes nothing.
    fn is_over(&self) -> bool;
}

/// The reply in the body of a good answer. Dropping it before its last event ends the request.
///
/// # Errors
/// When the answer is no stream of events.
pub fn reply(
    answer: &Answer,
    body: Body,
    reader: impl ReplyReader,
    provider: &'static str,
) -> Result<LlmStream, Fault> {
    if answer.content_type != "text/event-stream" {
        return Err(Fault::protocol(format!("a stream of type {:?}", answer.content_type)));
    }
    let reply = Reply { events: Some(Events::new(body)), reader, ready: VecDeque::new() };
    let events = stream::unfold(Some(reply), move |reply| async move {
        let mut reply = reply?;
        match reply.next().await {
            Ok(event) => event.map(|event| (Ok(event), Some(reply))),
            Err(fault) => Some((Err(fault.of(Ability::Llm, provider)), None)),
        }
    });
    Ok(events.boxed())
}

struct Reply<R> {
    /// None when all has come.
    events: Option<Events>,
    reader: R,
    ready: VecDeque<LlmEvent>,
}

impl<R: ReplyReader> Reply<R> {
    async fn next(&mut self) -> Result<Option<LlmEvent>, Fault> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(events) = &mut self.events else { return Ok(None) };
            let read = match events.next().await? {
                Some(event) => self.reader.read(&event.data)?,
                None => self.reader.end()?,
            };
            if self.reader.is_over()
                && let Some(events) = self.events.take()
            {
                // Now and not when more is asked for: whoever has the last event often asks for none.
                events.finish();
            }
            self.ready.extend(read);
        }
    }
}
