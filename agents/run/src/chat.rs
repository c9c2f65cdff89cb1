//! One question to a language model under way: what it has given, and the stream of what is to come.
//!
//! A run that was begun ahead keeps all it gave, so that the reply that adopts it begins with the first word. Dropping a run
//! cancels the question, and puts what it used on the books.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use agents_graph::{ChatMessage, ChatRequest};
use domain::{SessionId, TurnId, Voiced};
use futures::{Future, TryFutureExt};
use providers_api::{
    Ability, Error, ErrorKind, Llm, LlmEvent, LlmRequest, LlmStream, Message, OutputSchema, ProviderInfo,
    ToolCall, ToolChoice, ToolSpec, Usage,
};
use tokio::time::{Instant, Sleep};

use crate::agent::Agent;
use crate::ports::{AskedAhead, ChatUsed, Meter};

/// Characters of a token where the vendor has not counted: near to what vendors say of English.
const CHARS_PER_TOKEN: u64 = 4;

pub(crate) struct Run {
    request: Arc<ChatRequest>,
    stream: LlmStream,
    given: Vec<LlmEvent>,
    /// How many of those given were taken.
    taken: usize,
    /// Of the next event.
    deadline: Pin<Box<Sleep>>,
    books: Books,
}

/// What is to be known of the run when it is over.
struct Books {
    agent: Arc<Agent>,
    session: SessionId,
    meter: Option<Arc<dyn Meter>>,
    served: Arc<ProviderInfo>,
    usage: Option<Usage>,
    input_chars: usize,
    output_chars: usize,
    /// The vendor refused before it began.
    refused: bool,
    ahead: Ahead,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    /// Asked when the turn was certain.
    No,
    Open,
    Adopted,
}

/// On whose behalf a model is asked.
pub(crate) struct Asking<'a> {
    pub(crate) agent: &'a Arc<Agent>,
    pub(crate) session: SessionId,
    pub(crate) turn: TurnId,
    pub(crate) llm: &'a Arc<dyn Llm>,
    pub(crate) meter: Option<&'a Arc<dyn Meter>>,
    /// The caller's turn is not certain yet.
    pub(crate) ahead: bool,
}

impl Run {
    /// Begins when it is first polled.
    pub(crate) fn begin(asking: &Asking<'_>, request: Arc<ChatRequest>) -> Self {
        let llm = Arc::clone(asking.llm);
        let wire = wire(asking, &request);
        let books = Books {
            agent: Arc::clone(asking.agent),
            session: asking.session,
            meter: asking.meter.cloned(),
            served: Arc::new(llm.info().clone()),
            usage: None,
            input_chars: request.instructions.len() + request.messages.iter().map(length).sum::<usize>(),
            output_chars: 0,
            refused: false,
            ahead: if asking.ahead { Ahead::Open } else { Ahead::No },
        };
        if asking.ahead {
            asking.agent.speculations.started();
        }
        let stream: LlmStream = Box::pin(async move { llm.chat(wire).await }.try_flatten_stream());
        let deadline = Box::pin(tokio::time::sleep(request.timeout));
        Self { request, stream, given: Vec::new(), taken: 0, deadline, books }
    }

    pub(crate) fn answers(&self, request: &ChatRequest) -> bool {
        self.request.asks_the_same(request)
    }

    /// Is the reply from now on, from its first word.
    pub(crate) fn adopt(&mut self) {
        if self.books.ahead == Ahead::Open {
            self.books.ahead = Ahead::Adopted;
            self.books.agent.speculations.adopted(Instant::now());
        }
        self.taken = 0;
        self.wait_anew();
    }

    /// What comes next; `None` where the vendor broke off without an end. Nobody waits for a run ahead, so that it has no deadline.
    /// What is there counts before the time, unless it is no progress.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<LlmEvent, Error>>> {
        if let Some(event) = self.given.get(self.taken) {
            self.taken += 1;
            return Poll::Ready(Some(Ok(event.clone())));
        }
        match self.stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(event))) => {
                let late = is_blank(&event) && self.is_late(cx);
                self.keep(&event);
                Poll::Ready(Some(if late { Err(self.timed_out()) } else { Ok(event) }))
            }
            Poll::Ready(Some(Err(error))) => {
                self.books.refused = self.given.is_empty();
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.is_late(cx) => Poll::Ready(Some(Err(self.timed_out()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        self.books.ahead != Ahead::Open && self.deadline.as_mut().poll(cx).is_ready()
    }

    fn timed_out(&self) -> Error {
        let reason = format!("nothing came for {} ms", self.request.timeout.as_millis());
        Error::new(Ability::Llm, ErrorKind::TimedOut, self.books.served.name.clone(), reason)
    }

    fn keep(&mut self, event: &LlmEvent) {
        match event {
            LlmEvent::Served(served) => self.books.served = Arc::clone(served),
            LlmEvent::Usage(usage) => self.books.usage = Some(*usage),
            LlmEvent::Text(text) | LlmEvent::Voiced(Voiced::Words(text)) => {
                self.books.output_chars += text.len();
            }
            LlmEvent::ToolCall(call) => self.books.output_chars += call.arguments.to_string().len(),
            LlmEvent::Voiced(_) | LlmEvent::Finished(_) => {}
        }
        if !is_blank(event) {
            self.wait_anew();
        }
        self.given.push(event.clone());
        self.taken = self.given.len();
    }

    fn wait_anew(&mut self) {
        self.deadline.as_mut().reset(Instant::now() + self.request.timeout);
    }
}

/// No progress: some vendors send blanks to keep a connection open.
fn is_blank(event: &LlmEvent) -> bool {
    matches!(event, LlmEvent::Text(text) if text.trim().is_empty())
}

impl Drop for Books {
    fn drop(&mut self) {
        let tokens = |chars: usize| (chars as u64).div_ceil(CHARS_PER_TOKEN);
        let estimate = || Usage {
            input_tokens: tokens(self.input_chars),
            output_tokens: tokens(self.output_chars),
            estimated: true,
            ..Usage::default()
        };
        let used = if self.refused { Usage::default() } else { self.usage.unwrap_or_else(estimate) };
        let ahead = match self.ahead {
            Ahead::No => AskedAhead::No,
            Ahead::Adopted => AskedAhead::Adopted,
            Ahead::Open => AskedAhead::InVain,
        };
        if ahead == AskedAhead::InVain {
            self.agent.speculations.discarded(used.input_tokens + used.output_tokens, Instant::now());
        }
        if let Some(meter) = self.meter.as_ref().filter(|_| !self.refused) {
            meter.chat(ChatUsed {
                session: self.session,
                agent: self.agent.name().to_owned(),
                served: Arc::clone(&self.served),
                usage: used,
                ahead,
            });
        }
    }
}

/// The question in the words of providers.
fn wire(asking: &Asking<'_>, request: &ChatRequest) -> LlmRequest {
    let tools = request.functions.iter().map(|function| ToolSpec {
        name: function.name.clone(),
        description: function.description.clone(),
        parameters: function.parameters.clone(),
    });
    let output = request
        .output
        .as_ref()
        .map(|schema| OutputSchema { name: "answer".to_owned(), schema: (**schema).clone() });
    LlmRequest {
        session: asking.session,
        turn: Some(asking.turn),
        instructions: request.instructions.as_str().into(),
        messages: request.messages.iter().map(message).collect(),
        tools: tools.collect(),
        tool_choice: if request.words_only { ToolChoice::None } else { ToolChoice::Auto },
        output: output.map(Arc::new),
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        cache_key: Some(format!("{}-{}", asking.agent.name(), request.node)),
        patience: Some(request.timeout),
        ahead: asking.ahead,
    }
}

fn message(message: &ChatMessage) -> Message {
    match message {
        ChatMessage::Caller(text) => Message::Caller(text.clone()),
        ChatMessage::Agent { text, calls } => Message::Agent {
            text: text.clone(),
            calls: calls
                .iter()
                .map(|call| ToolCall {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    arguments: call.args.clone(),
                })
                .collect(),
        },
        ChatMessage::Result { id, name, content, is_error } => Message::ToolResult {
            id: id.clone(),
            name: name.clone(),
            content: content.clone(),
            is_error: *is_error,
        },
    }
}

fn length(message: &ChatMessage) -> usize {
    match message {
        ChatMessage::Caller(text) | ChatMessage::Agent { text, .. } => text.len(),
        ChatMessage::Result { content, .. } => content.len(),
    }
}
