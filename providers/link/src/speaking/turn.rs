//! One turn on one connection. Driven by whoever polls its events; what is left of a turn that was dropped is settled by a task of the pool.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc;
use providers_api::{Ability, Error, ErrorKind, TtsEvent, TtsInput, TtsRequest};
use runtime::Kind;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Options, SpeakingProtocol, Spoken};
use crate::codes::Fault;
use crate::pool::Pool;
use crate::sentences::{Charge, Sentences};
use crate::socket::{self, Endpoint, Frame, Socket};

const SETTLE: Kind = Kind::new("link.settle");
/// A vendor that still speaks so long after it was told to stop loses its connection.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);
/// All sentences are done: so long the vendor has to say that the turn is.
const TURN_DONE_WITHIN: Duration = Duration::from_secs(1);
const FAR: Duration = Duration::from_secs(3600);

pub(super) type Factory<P> = Arc<dyn Fn(&TtsRequest) -> P + Send + Sync>;

pub(super) struct Turn<P: SpeakingProtocol> {
    request: TtsRequest,
    factory: Factory<P>,
    options: Options,
    pool: Pool,
    /// None once the turn is over.
    line: Option<Line<P>>,
    /// None once it was dropped.
    inputs: Option<mpsc::Receiver<TtsInput>>,
    sentences: Sentences,
    /// What was sent while nothing has come, for another connection.
    unheard: Vec<(usize, String)>,
    heard: bool,
    turn_done_by: Option<Instant>,
    charge: Charge,
    ready: VecDeque<Result<TtsEvent, Error>>,
}

/// A connection with what is said on it.
struct Line<P> {
    protocol: P,
    endpoint: Endpoint,
    socket: Socket,
    reused: bool,
    begun: bool,
    turn_done: bool,
}

enum Step {
    Input(Option<TtsInput>),
    Message(Result<Option<Frame>, Fault>),
    KeepAlive,
    GaveUp,
}

impl<P: SpeakingProtocol> Turn<P> {
    pub(super) async fn open(
        request: TtsRequest,
        factory: Factory<P>,
        options: Options,
        pool: Pool,
        rate_hz: u32,
        inputs: mpsc::Receiver<TtsInput>,
    ) -> Result<Self, Fault> {
        let protocol = factory(&request);
        let endpoint = protocol.endpoint();
        let taken = pool.take(&endpoint, &options.manners).await?;
        let line = Line {
            protocol,
            endpoint,
            socket: taken.socket,
            reused: taken.reused,
            begun: false,
            turn_done: false,
        };
        Ok(Self {
            request,
            factory,
            options,
            pool,
            line: Some(line),
            inputs: Some(inputs),
            sentences: Sentences::new(rate_hz),
            unheard: Vec::new(),
            heard: false,
            turn_done_by: None,
            charge: Charge::default(),
            ready: VecDeque::new(),
        })
    }

    /// The next event; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<TtsEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let step = self.step().await?;
            let mut done = self.apply(step).await;
            while let Err(fault) = done {
                done = self.replace(fault).await;
            }
            self.settle();
        }
    }

    async fn step(&mut self) -> Option<Step> {
        let Self { line, inputs, options, turn_done_by, .. } = self;
        let line = line.as_mut()?;
        let every = options.manners.keep_alive.unwrap_or(FAR);
        let keep_alive_at = line.socket.sent_at() + every;
        let give_up_at = turn_done_by.unwrap_or(keep_alive_at);
        Some(tokio::select! {
            biased;
            message = line.socket.next() => Step::Message(message),
            input = next_input(inputs) => Step::Input(input),
            () = sleep_until(give_up_at), if turn_done_by.is_some() => Step::GaveUp,
            () = sleep_until(keep_alive_at) => Step::KeepAlive,
        })
    }

    /// An error that could not be mended ends the turn.
    async fn apply(&mut self, step: Step) -> Result<(), Fault> {
        match step {
            Step::Input(Some(TtsInput::Sentence(text))) => self.sentence(text).await,
            Step::Input(None) => {
                self.inputs = None;
                let Some(line) = self.line.as_mut().filter(|line| line.begun) else { return Ok(()) };
                let mut out = Vec::new();
                line.protocol.end(&mut out);
                line.turn_done = line.protocol.is_done();
                line.socket.send_all(out).await
            }
            Step::Message(Ok(Some(frame))) => self.received(frame),
            Step::Message(Ok(None)) => Err(socket::left()),
            Step::Message(Err(fault)) => Err(fault),
            Step::KeepAlive => {
                let Some(line) = &mut self.line else { return Ok(()) };
                match self.options.keep_alive.clone() {
                    Some(frame) => line.socket.send(frame).await,
                    None => line.socket.ping().await,
                }
            }
            Step::GaveUp => {
                self.finish(false);
                Ok(())
            }
        }
    }

    async fn sentence(&mut self, text: String) -> Result<(), Fault> {
        let Some(index) = self.sentences.add(&text) else { return Ok(()) };
        self.ready.push_back(Ok(self.charge.sent(&text)));
        let Some(line) = &mut self.line else { return Ok(()) };
        let mut out = Vec::new();
        line.sentence(index, &text, &mut out);
        if line.reused && !self.heard {
            self.unheard.push((index, text));
        }
        line.socket.send_all(out).await
    }

    fn received(&mut self, frame: Frame) -> Result<(), Fault> {
        let Some(line) = &mut self.line else { return Ok(()) };
        let mut spoken = Vec::new();
        let said = line.protocol.received(frame, &mut spoken);
        if !spoken.is_empty() {
            self.heard = true;
            self.unheard = Vec::new();
        }
        for spoken in spoken {
            self.spoken(spoken)?;
        }
        said
    }

    fn spoken(&mut self, spoken: Spoken) -> Result<(), Fault> {
        let event = match spoken {
            Spoken::Audio(samples) => self.sentences.audio(samples),
            Spoken::Words { sentence, words } => self.sentences.words(sentence, words),
            Spoken::SentencesDone(sentence) => {
                self.sentences.done(sentence)?;
                self.ready.extend(self.sentences.tell().map(Ok));
                None
            }
            Spoken::Usage(vendors) => self.charge.counted(vendors),
            Spoken::TurnDone if self.inputs.is_some() && !self.sentences.is_done() => {
                self.sentences.done_all()?;
                return Err(Fault::protocol("the turn was ended before its text"));
            }
            Spoken::TurnDone if self.inputs.is_some() => None,
            Spoken::TurnDone => {
                self.sentences.done_all()?;
                if let Some(line) = &mut self.line {
                    line.turn_done = true;
                }
                None
            }
        };
        self.ready.extend(event.map(Ok));
        Ok(())
    }

    /// After each step: tells what is done, and ends the turn when all is.
    fn settle(&mut self) {
        self.ready.extend(self.sentences.tell().map(Ok));
        let Some(line) = &self.line else { return };
        if self.inputs.is_some() || !self.sentences.is_done() {
            return;
        }
        if line.turn_done || !line.begun || line.protocol.is_complete() {
            self.finish(true);
        } else if self.turn_done_by.is_none() {
            self.turn_done_by = Some(Instant::now() + TURN_DONE_WITHIN);
        }
    }

    /// The turn is over. `free`: its connection can serve the next one.
    fn finish(&mut self, free: bool) {
        self.ready.extend(self.sentences.used().map(Ok));
        let Some(line) = self.line.take() else { return };
        if free {
            let rests_until = line.protocol.rests_until(Instant::now());
            self.pool.give_back(&line.endpoint, line.socket, self.options.keep_alive.clone(), rests_until);
        }
    }

    /// A pooled connection that was dead before anything came is replaced at once; any other fault ends the turn.
    async fn replace(&mut self, fault: Fault) -> Result<(), Fault> {
        let Some(line) = &mut self.line else { return Ok(()) };
        if !line.reused || self.heard || fault.kind == ErrorKind::Protocol {
            self.line = None;
            self.ready.push_back(Err(fault.of(Ability::Tts, self.options.manners.name)));
            return Ok(());
        }
        line.reused = false; // once
        tracing::debug!(
            provider = self.options.manners.name,
            reason = fault.reason,
            "a pooled connection was dead"
        );
        let taken = self.pool.connect(&line.endpoint, &self.options.manners).await?;
        (line.socket, line.begun) = (taken.socket, false);
        line.protocol = (self.factory)(&self.request);
        let mut out = Vec::new();
        for (index, text) in std::mem::take(&mut self.unheard) {
            line.sentence(index, &text, &mut out);
        }
        if self.inputs.is_none() && line.begun {
            line.protocol.end(&mut out);
        }
        line.socket.send_all(out).await
    }
}

impl<P: SpeakingProtocol> Line<P> {
    fn sentence(&mut self, index: usize, text: &str, out: &mut Vec<Frame>) {
        if !std::mem::replace(&mut self.begun, true) {
            self.protocol.connected(self.socket.id(), Instant::now());
            self.protocol.begin(out);
        }
        self.protocol.sentence(index, text, out);
    }
}

/// Dropped before its end: the vendor is told at once.
impl<P: SpeakingProtocol> Drop for Turn<P> {
    fn drop(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        if tokio::runtime::Handle::try_current().is_err() {
            return; // the process ends, and the connection with it
        }
        let mut frames = Vec::new();
        let usable = !line.begun || line.turn_done || line.protocol.cancel(&mut frames);
        let (pool, keep_alive) = (self.pool.clone(), self.options.keep_alive.clone());
        self.pool.tasks().spawn(SETTLE, async move {
            let told = line.socket.send_all(frames).await.is_ok();
            if told && usable && line.is_settled().await {
                let rests_until = line.protocol.rests_until(Instant::now());
                pool.give_back(&line.endpoint, line.socket, keep_alive, rests_until);
            } else {
                line.socket.close().await;
            }
        });
    }
}

impl<P: SpeakingProtocol> Line<P> {
    /// Whether nothing of the turn can come any more; waits for it.
    async fn is_settled(&mut self) -> bool {
        if !self.begun || self.turn_done {
            return true;
        }
        let Self { protocol, socket, .. } = self;
        let settling = async {
            let mut settled = protocol.is_settled(None);
            while !settled {
                match socket.next().await {
                    Ok(Some(frame)) => settled = protocol.is_settled(Some(&frame)),
                    Ok(None) | Err(_) => return false,
                }
            }
            true
        };
        timeout(SETTLE_WITHIN, settling).await.unwrap_or(false)
    }
}

async fn next_input(inputs: &mut Option<mpsc::Receiver<TtsInput>>) -> Option<TtsInput> {
    match inputs {
        Some(inputs) => inputs.next().await,
        None => std::future::pending().await,
    }
}
