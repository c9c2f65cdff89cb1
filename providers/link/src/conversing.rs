//! A conversation with a model that hears and speaks, over one socket.
//!
//! Moves what goes in and comes out, keeps the socket alive, and says once what ended it. Replaces nothing: the model's memory ends
//! with its socket, and whoever has the history begins another conversation with it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, ProviderInfo, Sink, SpeechEvent, SpeechInput, SpeechModel, SpeechRequest,
    SpeechStream,
};
use tokio::time::{Instant, sleep_until, timeout};

use crate::codes::Fault;
use crate::metrics;
use crate::socket::{self, Endpoint, Frame, Manners, Socket};

/// Five seconds of frames and some messages. When full the vendor is not reading: whoever gives drops and counts.
const INPUT_CAPACITY: usize = 256;
/// A socket on which nothing was sent for so long is pinged, where its manners say nothing else.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// What one vendor's messages mean, for one conversation. Data in, data out.
pub trait ConversingProtocol: Send + 'static {
    fn endpoint(&self) -> Endpoint;

    /// What is sent first.
    fn opening(&mut self, out: &mut Vec<Frame>);

    /// Whether the vendor has taken what was sent first.
    fn is_ready(&self) -> bool;

    fn take(&mut self, input: SpeechInput, out: &mut Vec<Frame>, events: &mut Vec<SpeechEvent>);

    /// A message came; it may have to be answered.
    ///
    /// # Errors
    /// What ends the conversation: what the vendor says is wrong, or what of its message is.
    fn received(
        &mut self,
        frame: Frame,
        out: &mut Vec<Frame>,
        events: &mut Vec<SpeechEvent>,
    ) -> Result<(), Fault>;

    /// The conversation ended in mid-answer: what was used of answers that have not been counted.
    fn broken(&mut self, events: &mut Vec<SpeechEvent>);
}

#[derive(Debug, Clone)]
pub struct Options {
    pub manners: Manners,
    /// Longest wait from a connection that stands to `is_ready`.
    pub ready_within: Duration,
    /// The vendor ends conversations that are older.
    pub good_for: Option<Duration>,
}

/// A `SpeechModel` out of a vendor's protocol.
pub struct Conversing<F> {
    info: ProviderInfo,
    options: Options,
    /// A protocol for each conversation.
    protocol: Arc<F>,
}

impl<F, P> Conversing<F>
where
    F: Fn(&SpeechRequest) -> P + Send + Sync,
    P: ConversingProtocol,
{
    pub fn new(info: ProviderInfo, options: Options, protocol: F) -> Self {
        Self { info, options, protocol: Arc::new(protocol) }
    }
}

impl<F, P> SpeechModel for Conversing<F>
where
    F: Fn(&SpeechRequest) -> P + Send + Sync,
    P: ConversingProtocol,
{
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: SpeechRequest) -> BoxFuture<'_, Result<SpeechStream, Error>> {
        let protocol = (self.protocol)(&request);
        let (input, inputs) = Sink::bounded(INPUT_CAPACITY);
        async move {
            let opening = Box::pin(Conversation::open(protocol, self.options.clone(), inputs));
            let conversation =
                opening.await.map_err(|fault| fault.of(Ability::Llm, self.options.manners.name))?;
            let events = stream::unfold(Box::new(conversation), |mut conversation| async move {
                conversation.next().await.map(|event| (event, conversation))
            });
            Ok(SpeechStream { input, events: events.boxed(), good_for: self.options.good_for })
        }
        .boxed()
    }
}

struct Conversation<P> {
    protocol: P,
    options: Options,
    /// None once the conversation is over.
    socket: Option<Box<Socket>>,
    inputs: mpsc::Receiver<SpeechInput>,
    ready: VecDeque<Result<SpeechEvent, Error>>,
}

enum Step {
    Message(Result<Option<Frame>, Fault>),
    Input(Option<SpeechInput>),
    KeepAlive,
}

impl<P: ConversingProtocol> Conversation<P> {
    async fn open(protocol: P, options: Options, inputs: mpsc::Receiver<SpeechInput>) -> Result<Self, Fault> {
        let socket = socket::connect(&protocol.endpoint(), &options.manners).await?;
        metrics::connected(options.manners.name, false);
        let within = options.ready_within;
        let mut conversation =
            Self { protocol, options, socket: Some(Box::new(socket)), inputs, ready: VecDeque::new() };
        match timeout(within, conversation.begin()).await {
            Ok(begun) => begun.map(|()| conversation),
            Err(_elapsed) => Err(Fault::new(ErrorKind::TimedOut, format!("not ready within {within:?}"))),
        }
    }

    async fn begin(&mut self) -> Result<(), Fault> {
        let mut out = Vec::new();
        self.protocol.opening(&mut out);
        self.send(out).await?;
        while !self.protocol.is_ready() {
            let Some(socket) = &mut self.socket else { return Err(socket::left()) };
            let frame = socket.next().await?.ok_or_else(socket::left)?;
            self.received(frame).await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Option<Result<SpeechEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let socket = self.socket.as_mut()?;
            let keep_alive = socket.sent_at() + self.options.manners.keep_alive.unwrap_or(KEEP_ALIVE);
            let step = tokio::select! {
                biased;
                // First: what takes an answer back is not to wait for the rest of it.
                input = self.inputs.next() => Step::Input(input),
                message = socket.next() => Step::Message(message),
                () = sleep_until(keep_alive.max(Instant::now())) => Step::KeepAlive,
            };
            let done = match step {
                Step::Message(Ok(Some(frame))) => self.received(frame).await,
                Step::Message(Ok(None)) => Err(socket::left()),
                Step::Message(Err(fault)) => Err(fault),
                Step::Input(Some(input)) => {
                    let (mut out, mut events) = (Vec::new(), Vec::new());
                    self.protocol.take(input, &mut out, &mut events);
                    self.ready.extend(events.into_iter().map(Ok));
                    self.send(out).await
                }
                Step::Input(None) => {
                    if let Some(socket) = self.socket.take() {
                        socket.close().await;
                    }
                    return None;
                }
                Step::KeepAlive => socket.ping().await,
            };
            if let Err(fault) = done {
                self.socket = None;
                let mut events = Vec::new();
                self.protocol.broken(&mut events);
                self.ready.extend(events.into_iter().map(Ok));
                self.ready.push_back(Err(fault.of(Ability::Llm, self.options.manners.name)));
            }
        }
    }

    async fn received(&mut self, frame: Frame) -> Result<(), Fault> {
        let (mut out, mut events) = (Vec::new(), Vec::new());
        let received = self.protocol.received(frame, &mut out, &mut events);
        self.ready.extend(events.into_iter().map(Ok));
        received?;
        self.send(out).await
    }

    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), Fault> {
        match &mut self.socket {
            Some(socket) => socket.send_all(frames).await,
            None => Ok(()),
        }
    }
}
