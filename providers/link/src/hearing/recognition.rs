//! One recognition under way: the select loop over the connection, the input and the clock. Driven by whoever polls its events.

use std::collections::VecDeque;
use std::time::Duration;

use domain::Score;
use futures::StreamExt;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use providers_api::{Ability, Error, ErrorKind, SttEvent, SttInput, SttRequest, Usage};
use tokio::time::{Instant, sleep_until, timeout};

use super::joining::Joining;
use super::{Heard, HearingProtocol, Options};
use crate::codes::Fault;
use crate::metrics;
use crate::socket::{self, Endpoint, Frame, Socket};

/// Waits before the first and the second attempt to replace a broken connection; then the fault goes up. Progress begins anew.
const RETRIES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// What a vendor still tells after the end of the audio is waited for.
const CLOSING_WITHIN: Duration = Duration::from_secs(1);
/// A connection that is due is replaced in mid-speech when no quiet moment came by then.
const QUIET_WITHIN: Duration = Duration::from_secs(30);
/// Before a connection for rotation is tried again.
const ROTATION_RETRY: Duration = Duration::from_secs(5);
/// An answer to `Finalize` that we no longer waited for is not taken for that of the next, if it comes within this time.
const LATE_WITHIN: Duration = Duration::from_secs(2);
const FAR: Duration = Duration::from_secs(3600);

type Connecting = BoxFuture<'static, Result<Socket, Fault>>;

pub(super) struct Recognition<P> {
    protocol: P,
    options: Options,
    rate_hz: u32,
    joining: Joining,
    /// None once it was dropped.
    inputs: Option<mpsc::Receiver<SttInput>>,
    endpoint: Endpoint,
    link: Link,
    standby: Standby,
    /// Faults without progress since.
    retries: usize,
    finalizing: Option<Finalizing>,
    /// Where `Finalize`s came while one was under way.
    more_finals: VecDeque<u64>,
    /// An answer that we gave up may still come.
    late: Option<Late>,
    closing_by: Option<Instant>,
    bill: Bill,
    ready: VecDeque<Result<SttEvent, Error>>,
    over: bool,
}

enum Link {
    Live { socket: Box<Socket>, takes_audio: bool },
    Connecting(Connecting),
    Waiting(Instant),
}

/// The connection that will replace one that grew old.
enum Standby {
    None,
    NotBefore(Instant),
    Opening(Connecting),
    Ready(Box<Socket>),
}

struct Finalizing {
    /// None until the vendor was asked.
    by: Option<Instant>,
}

/// An answer that we no longer wait for.
struct Late {
    /// Later than this it will not come.
    until: Instant,
    /// Where its final was asked for.
    asked_at: u64,
    /// The vendor has settled something since we gave up.
    settled: bool,
}

/// What was used and not yet told.
struct Bill {
    vendors: Usage,
    vendor_counts: bool,
    open_from: Instant,
}

enum Step {
    Message(Result<Option<Frame>, Fault>),
    Connected(Result<Socket, Fault>),
    Retry,
    Input(Option<SttInput>),
    Standby(Result<Socket, Fault>),
    Due,
}

impl<P: HearingProtocol> Recognition<P> {
    /// Returns when the vendor takes audio.
    pub(super) async fn open(
        mut protocol: P,
        options: Options,
        request: SttRequest,
        inputs: mpsc::Receiver<SttInput>,
    ) -> Result<Self, Fault> {
        let endpoint = protocol.connect();
        let socket = socket::connect(&endpoint, &options.manners).await?;
        let within = options.manners.connect_within;
        let bill = Bill { vendors: Usage::default(), vendor_counts: false, open_from: socket.opened_at() };
        let mut recognition = Self {
            protocol,
            options,
            rate_hz: request.rate_hz,
            joining: Joining::new(request.rate_hz, request.language),
            inputs: Some(inputs),
            endpoint,
            link: Link::Waiting(Instant::now()),
            standby: Standby::None,
            retries: 0,
            finalizing: None,
            more_finals: VecDeque::new(),
            late: None,
            closing_by: None,
            bill,
            ready: VecDeque::new(),
            over: false,
        };
        recognition.begin(socket, false).await?;
        match timeout(within, recognition.until_ready()).await {
            Ok(ready) => ready.map(|()| recognition),
            Err(_elapsed) => {
                Err(Fault::new(ErrorKind::TimedOut, format!("did not take audio within {within:?}")))
            }
        }
    }

    async fn until_ready(&mut self) -> Result<(), Fault> {
        while let Link::Live { socket, takes_audio: false } = &mut self.link {
            let frame = socket.next().await?.ok_or_else(socket::left)?;
            self.received(frame).await?;
        }
        Ok(())
    }

    /// The next event; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<SttEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            let step = self.step().await;
            let mut done = self.apply(step).await;
            if done.is_ok() {
                done = self.rotate().await;
            }
            if let Err(fault) = done {
                self.failed(fault).await;
            }
        }
    }

    async fn step(&mut self) -> Step {
        let due = self.due();
        let Self { link, inputs, standby, .. } = self;
        tokio::select! {
            biased;
            step = link.next() => step,
            input = next_input(inputs) => Step::Input(input),
            socket = standby.opened() => Step::Standby(socket),
            () = sleep_until(due) => Step::Due,
        }
    }

    /// The next instant at which something is to be done without a message.
    fn due(&self) -> Instant {
        let finalize = self.finalizing.as_ref().and_then(|finalizing| finalizing.by);
        let live = match &self.link {
            Link::Live { socket, .. } => {
                [self.keep_alive_at(socket), self.standby_at(socket), self.swap_at(socket)]
            }
            Link::Connecting(_) | Link::Waiting(_) => [None; 3],
        };
        let due = live.into_iter().chain([finalize, self.closing_by]).flatten().min();
        due.unwrap_or_else(|| Instant::now() + FAR)
    }

    fn keep_alive_at(&self, socket: &Socket) -> Option<Instant> {
        self.options.manners.keep_alive.map(|every| socket.sent_at() + every)
    }

    fn standby_at(&self, socket: &Socket) -> Option<Instant> {
        let due = socket.opened_at() + self.options.manners.rotate_after?;
        match self.standby {
            _ if self.inputs.is_none() => None,
            Standby::None => Some(due),
            Standby::NotBefore(at) => Some(at.max(due)),
            Standby::Opening(_) | Standby::Ready(_) => None,
        }
    }

    fn swap_at(&self, socket: &Socket) -> Option<Instant> {
        let due = socket.opened_at() + self.options.manners.rotate_after?;
        matches!(self.standby, Standby::Ready(_)).then(|| due + QUIET_WITHIN)
    }

    async fn apply(&mut self, step: Step) -> Result<(), Fault> {
        match step {
            Step::Message(Ok(Some(frame))) => self.received(frame).await,
            Step::Message(Ok(None)) => Err(socket::left()),
            Step::Message(Err(fault)) | Step::Connected(Err(fault)) => Err(fault),
            Step::Connected(Ok(socket)) => self.begin(socket, false).await,
            Step::Retry => {
                self.endpoint = self.protocol.connect();
                self.link = Link::Connecting(connecting(&self.endpoint, &self.options));
                Ok(())
            }
            Step::Input(Some(SttInput::Audio(frame))) => {
                self.joining.push(&frame);
                self.feed(false).await
            }
            Step::Input(Some(SttInput::Prepare)) => Ok(()),
            Step::Input(Some(SttInput::Finalize)) => self.finalize(self.joining.pushed()).await,
            Step::Input(None) => {
                self.inputs = None;
                if self.finalizing.is_some() { Ok(()) } else { self.close().await }
            }
            Step::Standby(Ok(socket)) => {
                self.standby = Standby::Ready(Box::new(socket));
                Ok(())
            }
            Step::Standby(Err(fault)) => {
                tracing::debug!(
                    provider = self.options.manners.name,
                    reason = fault.reason,
                    "no connection for rotation"
                );
                self.standby = Standby::NotBefore(Instant::now() + ROTATION_RETRY);
                Ok(())
            }
            Step::Due => self.is_due(Instant::now()).await,
        }
    }

    async fn is_due(&mut self, now: Instant) -> Result<(), Fault> {
        if self.closing_by.is_some_and(|by| by <= now) {
            self.end(now);
            return Ok(());
        }
        if self.finalizing.as_ref().and_then(|finalizing| finalizing.by).is_some_and(|by| by <= now) {
            let asked_at = self.joining.asked_at();
            self.late = Some(Late { until: now + LATE_WITHIN, asked_at, settled: false });
            self.give_final(false);
            self.tell_usage(now);
            self.after_final().await?;
        }
        let Link::Live { socket, .. } = &self.link else { return Ok(()) };
        if self.standby_at(socket).is_some_and(|at| at <= now) {
            self.standby = Standby::Opening(connecting(&self.endpoint, &self.options));
        }
        if self.keep_alive_at(socket).is_some_and(|at| at <= now) {
            let mut out = Vec::new();
            self.protocol.keep_alive(&mut out);
            return self.keep_alive(out).await;
        }
        Ok(())
    }

    async fn keep_alive(&mut self, out: Vec<Frame>) -> Result<(), Fault> {
        if !out.is_empty() {
            return self.send(out).await;
        }
        match &mut self.link {
            Link::Live { socket, .. } => socket.ping().await,
            Link::Connecting(_) | Link::Waiting(_) => Ok(()),
        }
    }

    /// A connection is there: it gets what has not settled.
    async fn begin(&mut self, socket: Socket, quiet: bool) -> Result<(), Fault> {
        metrics::connected(self.options.manners.name, false);
        self.joining.begin_connection(quiet);
        self.link = Link::Live { socket: Box::new(socket), takes_audio: !self.options.waits_for_ready };
        self.late = None;
        if let Some(finalizing) = &mut self.finalizing {
            finalizing.by = None;
        }
        let mut out = Vec::new();
        self.protocol.opening(&mut out);
        self.send(out).await?;
        self.resume().await
    }

    /// Gives the audio that waits, and asks for the final that is wanted.
    async fn resume(&mut self) -> Result<(), Fault> {
        self.feed(false).await?;
        if self.finalizing.as_ref().is_some_and(|finalizing| finalizing.by.is_none()) {
            self.ask().await?;
        }
        Ok(())
    }

    async fn feed(&mut self, last: bool) -> Result<(), Fault> {
        let samples = (u64::from(self.rate_hz) * u64::from(self.options.message_ms) / 1000).max(1);
        let samples = usize::try_from(samples).unwrap_or(usize::MAX);
        while matches!(self.link, Link::Live { takes_audio: true, .. })
            && let Some(message) = self.joining.next_message(samples, last, self.feed_to())
        {
            let mut out = Vec::new();
            self.protocol.audio(&message, &mut out);
            self.send(out).await?;
        }
        Ok(())
    }

    /// A final that was not asked for yet is asked for before what was said after it is sent.
    fn feed_to(&self) -> u64 {
        let unasked = self.finalizing.as_ref().filter(|finalizing| finalizing.by.is_none());
        let place = unasked.map(|_| self.joining.asked_at());
        place.or(self.more_finals.front().copied()).unwrap_or(u64::MAX)
    }

    async fn finalize(&mut self, place: u64) -> Result<(), Fault> {
        if self.finalizing.is_some() {
            self.more_finals.push_back(place);
            return Ok(());
        }
        self.joining.ask(place);
        self.finalizing = Some(Finalizing { by: None });
        self.ask().await
    }

    async fn ask(&mut self) -> Result<(), Fault> {
        if !matches!(self.link, Link::Live { takes_audio: true, .. }) {
            return Ok(()); // asked by `resume`
        }
        self.feed(true).await?;
        let mut out = Vec::new();
        self.protocol.finalize(&mut out);
        self.send(out).await?;
        let within = match self.options.settled_within {
            Some(within) if self.joining.is_quiet() => within,
            _ => self.options.finalize_within,
        };
        self.finalizing = Some(Finalizing { by: Some(Instant::now() + within) });
        self.feed(false).await
    }

    async fn received(&mut self, frame: Frame) -> Result<(), Fault> {
        let mut heard = Vec::new();
        let said = self.protocol.received(frame, &mut heard);
        let (mut finals, mut ready) = (0, false);
        for heard in heard {
            match heard {
                Heard::Ready => ready = true,
                Heard::Partial(piece) => {
                    let told = self.joining.partial(piece);
                    self.tell(told);
                }
                Heard::Settled(piece) => {
                    self.late.iter_mut().for_each(|late| late.settled = true);
                    let told = self.joining.settle(piece);
                    self.tell(told);
                }
                Heard::Finalized => finals += u32::from(self.finalized()),
                Heard::EndOfTurn(probability) => {
                    let score = Score { probability, at: self.joining.heard_to() };
                    self.ready.push_back(Ok(SttEvent::EndOfTurn(score)));
                }
                Heard::Usage(usage) => {
                    self.bill.vendor_counts = true;
                    self.bill.vendors += usage;
                }
            }
        }
        if finals > 0 {
            self.tell_usage(Instant::now());
        }
        said?;
        if ready && let Link::Live { takes_audio, .. } = &mut self.link {
            *takes_audio = true;
            self.resume().await?;
        }
        if finals > 0 { self.after_final().await } else { Ok(()) }
    }

    fn tell(&mut self, told: Option<domain::Transcript>) {
        self.retries = 0;
        if let Some(told) = told {
            self.ready.push_back(Ok(SttEvent::Transcript(told)));
        }
    }

    /// Whether it answers the final that is wanted.
    fn finalized(&mut self) -> bool {
        self.retries = 0;
        if self.late.take().is_some_and(|late| self.is_of_before(&late)) {
            return false;
        }
        let wanted = self.finalizing.as_ref().is_some_and(|finalizing| finalizing.by.is_some());
        if wanted {
            self.give_final(true);
        }
        wanted
    }

    /// Whether what came answers the `Finalize` that we gave up. What the vendor has settled tells; where it settled nothing, the time.
    fn is_of_before(&self, late: &Late) -> bool {
        let beyond = self.joining.settled_beyond(late.asked_at);
        !beyond && (late.settled || Instant::now() < late.until)
    }

    fn give_final(&mut self, answered: bool) {
        self.finalizing = None;
        let told = self.joining.finish(answered);
        self.ready.push_back(Ok(SttEvent::Transcript(told)));
    }

    async fn after_final(&mut self) -> Result<(), Fault> {
        if let Some(place) = self.more_finals.pop_front() {
            return self.finalize(place).await;
        }
        if self.inputs.is_none() && self.closing_by.is_none() { self.close().await } else { Ok(()) }
    }

    /// No more audio comes.
    async fn close(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        if !matches!(self.link, Link::Live { takes_audio: true, .. }) {
            self.end(now);
            return Ok(());
        }
        self.closing_by = Some(now + CLOSING_WITHIN);
        self.feed(true).await?;
        let mut out = Vec::new();
        self.protocol.closing(&mut out);
        self.send(out).await
    }

    fn end(&mut self, now: Instant) {
        self.tell_usage(now);
        self.over = true;
    }

    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), Fault> {
        match &mut self.link {
            Link::Live { socket, .. } => socket.send_all(frames).await,
            Link::Connecting(_) | Link::Waiting(_) => Ok(()),
        }
    }

    /// Replaces a connection that grew old, at a quiet moment or when it has to be.
    async fn rotate(&mut self) -> Result<(), Fault> {
        let Link::Live { socket, .. } = &self.link else { return Ok(()) };
        let quiet = self.joining.is_quiet() && self.finalizing.is_none() && self.late.is_none();
        let insists = self.swap_at(socket).is_some_and(|at| at <= Instant::now());
        if self.closing_by.is_some() || !(quiet || insists) {
            return Ok(());
        }
        let next = match std::mem::replace(&mut self.standby, Standby::None) {
            Standby::Ready(next) => next,
            other => {
                self.standby = other;
                return Ok(());
            }
        };
        metrics::replaced(self.options.manners.name, "age");
        let mut out = Vec::new();
        self.protocol.closing(&mut out);
        // Whether the old one still hears it is of no matter.
        let _gone = self.send(out).await;
        self.protocol.connect();
        self.begin(*next, quiet).await
    }

    async fn failed(&mut self, mut fault: Fault) {
        if let Standby::Ready(next) = std::mem::replace(&mut self.standby, Standby::None)
            && fault.may_pass()
            && self.closing_by.is_none()
        {
            self.protocol.connect();
            match self.begin(*next, false).await {
                Ok(()) => return,
                Err(later) => fault = later,
            }
        }
        let now = Instant::now();
        if self.closing_by.is_some() {
            self.end(now);
            return;
        }
        let Some(wait) = self.retry_in(&fault) else {
            self.end(now);
            self.ready.push_back(Err(fault.of(Ability::Stt, self.options.manners.name)));
            return;
        };
        tracing::debug!(
            provider = self.options.manners.name,
            reason = fault.reason,
            "replacing a connection"
        );
        metrics::replaced(self.options.manners.name, "broken");
        self.retries += 1;
        if let Some(finalizing) = &mut self.finalizing {
            finalizing.by = None;
        }
        self.link = Link::Waiting(now + wait);
    }

    fn retry_in(&self, fault: &Fault) -> Option<Duration> {
        let wait = *RETRIES.get(self.retries).filter(|_| fault.may_pass())?;
        match fault.kind {
            // Who has to be waited for that long is better replaced by another vendor.
            ErrorKind::Limited(Some(after)) if after > RETRIES[1] => None,
            ErrorKind::Limited(Some(after)) => Some(wait.max(after)),
            _ => Some(wait),
        }
    }

    /// Gives what was used since the last time.
    fn tell_usage(&mut self, now: Instant) {
        let audio = self.joining.take_unbilled();
        let open = now.saturating_duration_since(self.bill.open_from);
        self.bill.open_from = now;
        let mut used = std::mem::take(&mut self.bill.vendors);
        if !self.bill.vendor_counts {
            used.audio_in = if self.options.charges_open_time { open } else { audio };
            used.estimated = !used.audio_in.is_zero();
        }
        if used != Usage::default() {
            self.ready.push_back(Ok(SttEvent::Usage(used)));
        }
    }
}

impl Link {
    /// Cancel-safe.
    async fn next(&mut self) -> Step {
        match self {
            Self::Live { socket, .. } => Step::Message(socket.next().await),
            Self::Connecting(connecting) => Step::Connected(connecting.await),
            Self::Waiting(until) => {
                sleep_until(*until).await;
                Step::Retry
            }
        }
    }
}

impl Standby {
    /// Cancel-safe.
    async fn opened(&mut self) -> Result<Socket, Fault> {
        match self {
            Self::Opening(connecting) => connecting.await,
            Self::None | Self::NotBefore(_) | Self::Ready(_) => std::future::pending().await,
        }
    }
}

async fn next_input(inputs: &mut Option<mpsc::Receiver<SttInput>>) -> Option<SttInput> {
    match inputs {
        Some(inputs) => inputs.next().await,
        None => std::future::pending().await,
    }
}

fn connecting(endpoint: &Endpoint, options: &Options) -> Connecting {
    let (endpoint, manners) = (endpoint.clone(), options.manners.clone());
    Box::pin(async move { socket::connect(&endpoint, &manners).await })
}
