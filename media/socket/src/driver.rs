//! The task that owns one socket, whatever its dialect: reads, writes, keeps alive, and knows when to give up.
//!
//! Inbound, a session that does not read holds the socket back (TCP says so to the sender). Outbound, audio waits at
//! most `queued_frames`; a receiver that is slower than real time is lost, not buffered for.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{Sink, SinkExt as _, StreamExt as _};
use media_core::{Codec, LegCommand, LegEvent};
use runtime::tasks::{Kind, Tasks};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tungstenite::error::CapacityError;

use crate::carrier::{Begun, Carried};
use crate::error::Refusal;
use crate::framing::{Data, Framing};
use crate::metrics::SOCKETS_ENDED;
use crate::options::Options;

/// Events the session has not taken. When full the socket is not read.
const EVENTS: usize = 128;
/// Commands not carried out. When full the session waits; one is carried out in microseconds.
const COMMANDS: usize = 64;
/// Messages of the client protocol that may wait for a slow receiver, beside the audio. One more and the peer is lost.
const QUEUED_MESSAGES: usize = 512;
/// How long the goodbye may take to leave.
const GOODBYE: Duration = Duration::from_secs(1);

const SOCKET: Kind = Kind::new("socket.peer");

/// A connection as its session holds it. Dropping it closes the socket.
#[derive(Debug)]
pub struct Peer {
    /// Name of the dialect: `pipecat`, `twilio`, `telnyx`.
    pub framing: &'static str,
    /// What to send, of a carrier unless its `Begun` says otherwise; packets from the caller name their own codec.
    pub codec: Codec,
    pub events: mpsc::Receiver<LegEvent>,
    pub commands: mpsc::Sender<LegCommand>,
}

pub(crate) fn serve<F: Framing>(
    socket: WebSocket,
    framing: F,
    codec: Codec,
    options: Options,
    tasks: &Tasks,
) -> Peer {
    carry(socket, framing, codec, options, tasks).peer
}

pub(crate) fn carry<F: Framing>(
    socket: WebSocket,
    framing: F,
    codec: Codec,
    options: Options,
    tasks: &Tasks,
) -> Carried {
    let (events, receiver) = mpsc::channel(EVENTS);
    let (sender, commands) = mpsc::channel(COMMANDS);
    let (begins, begun) = oneshot::channel();
    let (sink, stream) = socket.split();
    let now = tokio::time::Instant::now();
    let driver = Driver {
        framing,
        sink,
        events,
        begins: Some(begins),
        pending: VecDeque::new(),
        queue: VecDeque::new(),
        queued_audio: 0,
        in_flight: false,
        active: false,
        heard: now,
        pinged: now,
        opened: now,
        options,
    };
    tasks.spawn_graceful(SOCKET, driver.run(stream, commands, tasks.token()));
    Carried { peer: Peer { framing: F::NAME, codec, events: receiver, commands: sender }, begun }
}

enum End {
    /// The far end closed in order.
    Closed,
    /// The connection broke or fell silent.
    Lost,
    Slow,
    Refused(Refusal),
    Silent(Refusal),
    /// The session let go, asked to close, or the server stops.
    Dropped,
}

enum Outgoing {
    Audio(Message),
    Other(Message),
}

struct Driver<F> {
    framing: F,
    sink: SplitSink<WebSocket, Message>,
    events: mpsc::Sender<LegEvent>,
    /// Until a carrier's stream starts.
    begins: Option<oneshot::Sender<Begun>>,
    /// Read and not yet taken by the session; while there are any, nothing more is read.
    pending: VecDeque<LegEvent>,
    queue: VecDeque<Outgoing>,
    queued_audio: usize,
    /// A message was handed to the socket and has not left it.
    in_flight: bool,
    active: bool,
    heard: tokio::time::Instant,
    pinged: tokio::time::Instant,
    opened: tokio::time::Instant,
    options: Options,
}

impl<F: Framing> Driver<F> {
    async fn run(
        mut self,
        mut stream: SplitStream<WebSocket>,
        mut commands: mpsc::Receiver<LegCommand>,
        token: CancellationToken,
    ) {
        let events = self.events.clone();
        let end = loop {
            let idle = self.pending.is_empty();
            let deadline = self.deadline();
            let step = tokio::select! {
                biased;
                () = token.cancelled() => Err(End::Dropped),
                command = commands.recv() => match command {
                    Some(LegCommand::Close) | None => Err(End::Dropped),
                    Some(command) => self.command(command),
                },
                left = transmit(&mut self.sink, &mut self.queue, &mut self.queued_audio, &mut self.in_flight), if self.in_flight || !self.queue.is_empty() => left,
                permit = events.reserve(), if !idle => match (permit, self.pending.pop_front()) {
                    (Ok(permit), Some(event)) => {
                        permit.send(event);
                        Ok(())
                    }
                    _ => Err(End::Dropped),
                },
                message = stream.next(), if idle => self.received(message),
                () = tokio::time::sleep_until(deadline) => self.overdue(),
            };
            if let Err(end) = step {
                break end;
            }
        };
        // Both halves are needed to close: the stream answers the far end's close frame.
        let _ = tokio::time::timeout(GOODBYE, self.end(end)).await;
        drop(stream);
    }

    fn deadline(&self) -> tokio::time::Instant {
        let ping = self.pinged + self.options.ping_every();
        if self.active { ping } else { ping.min(self.opened + self.options.ready_within()) }
    }

    fn overdue(&mut self) -> Result<(), End> {
        let now = tokio::time::Instant::now();
        if !self.active && now >= self.opened + self.options.ready_within() {
            return Err(End::Silent(Refusal::Silent(self.options.ready_within_ms)));
        }
        if now >= self.heard + 2 * self.options.ping_every() {
            return Err(End::Lost);
        }
        if now >= self.pinged + self.options.ping_every() {
            self.pinged = now;
            self.queue.push_back(Outgoing::Other(Message::Ping(Bytes::new())));
        }
        Ok(())
    }

    fn received(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let now = tokio::time::Instant::now();
        self.heard = now;
        let data = match message {
            Some(Ok(Message::Text(text))) => Data::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(bytes))) => Data::Binary(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Close(frame))) => return Err(closed(frame.as_ref())),
            Some(Err(error)) => return Err(self.broken(&error)),
            None => return Err(End::Lost),
        };
        let length = match &data {
            Data::Text(text) => text.len(),
            Data::Binary(bytes) => bytes.len(),
        };
        if length > self.options.longest_message_bytes {
            return Err(End::Refused(Refusal::TooLarge(self.options.longest_message_bytes)));
        }
        let events = self.framing.read(data, now.into_std()).map_err(End::Refused)?;
        if let Some(begun) = self.framing.begun()
            && let Some(begins) = self.begins.take()
        {
            let _nobody_waits = begins.send(begun);
        }
        if !events.is_empty() && !self.active {
            self.active = true;
            self.pending.push_back(LegEvent::Active);
        }
        let hung_up = events.contains(&LegEvent::Closed);
        self.pending.extend(events.into_iter().filter(|event| *event != LegEvent::Closed));
        if hung_up { Err(End::Closed) } else { Ok(()) }
    }

    /// Of the ways to break, one is the client's fault and answered as such.
    fn broken(&self, error: &axum::Error) -> End {
        use std::error::Error as _;
        tracing::debug!(%error, "socket broke");
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        match cause {
            Some(tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                End::Refused(Refusal::TooLarge(self.options.longest_message_bytes))
            }
            _ => End::Lost,
        }
    }

    fn command(&mut self, command: LegCommand) -> Result<(), End> {
        match command {
            LegCommand::Packet(packet) => {
                if let Some(message) = self.framing.audio(&packet) {
                    self.queue.push_back(Outgoing::Audio(message));
                    self.queued_audio += 1;
                    let mark = self.framing.mark(tokio::time::Instant::now().into_std());
                    self.queue.extend(mark.map(Outgoing::Other));
                }
            }
            LegCommand::Message(text) => {
                let message = self.framing.message(text);
                self.queue.extend(message.map(Outgoing::Other));
            }
            LegCommand::Clear => {
                self.queue.retain(|outgoing| matches!(outgoing, Outgoing::Other(_)));
                self.queued_audio = 0;
                let clear = self.framing.clear();
                self.queue.extend(clear.map(Outgoing::Other));
            }
            LegCommand::Close => {}
        }
        let messages = self.queue.len() - self.queued_audio;
        if self.queued_audio > self.options.queued_frames || messages > QUEUED_MESSAGES {
            Err(End::Slow)
        } else {
            Ok(())
        }
    }

    async fn end(&mut self, end: End) {
        let (how, told) = match &end {
            End::Closed => ("closed", Some(LegEvent::Closed)),
            End::Lost => ("lost", Some(LegEvent::Lost)),
            End::Slow => ("slow", Some(LegEvent::Lost)),
            End::Refused(_) => ("refused", Some(LegEvent::Lost)),
            End::Silent(_) => ("silent", Some(LegEvent::Lost)),
            End::Dropped => ("dropped", None),
        };
        metrics::counter!(SOCKETS_ENDED, "framing" => F::NAME, "how" => how).increment(1);
        tracing::debug!(framing = F::NAME, how, "socket ended");
        self.pending.extend(told);
        // The socket is closed first: a session that stalls must not keep it open, nor a client that stalls the session.
        let goodbye = async {
            match end {
                End::Refused(refusal) | End::Silent(refusal) => {
                    if let Some(message) = self.framing.refusal(&refusal) {
                        let _ = self.sink.send(message).await;
                    }
                    let reason = refusal.failure().code.0.into();
                    let _ = self
                        .sink
                        .send(Message::Close(Some(CloseFrame { code: refusal.close_code(), reason })))
                        .await;
                }
                End::Dropped => {
                    for outgoing in self.queue.drain(..) {
                        if let Outgoing::Other(message) = outgoing {
                            let _ = self.sink.feed(message).await;
                        }
                    }
                    let _ = self
                        .sink
                        .send(Message::Close(Some(CloseFrame { code: 1000, reason: "".into() })))
                        .await;
                }
                // Answers the far end's close frame.
                End::Closed => drop(self.sink.close().await),
                End::Lost | End::Slow => {}
            }
        };
        let say = async {
            for event in self.pending.drain(..) {
                if self.events.send(event).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(goodbye, say);
    }
}

/// Moves the queue's head to the wire: one message at a time, so that what waits is in our queue and counted. Cancel-safe:
/// a message leaves the queue only in the poll that gives it to the socket.
async fn transmit(
    sink: &mut SplitSink<WebSocket, Message>,
    queue: &mut VecDeque<Outgoing>,
    queued_audio: &mut usize,
    in_flight: &mut bool,
) -> Result<(), End> {
    if *in_flight {
        sink.flush().await.map_err(|_| End::Lost)?;
        *in_flight = false;
        return Ok(());
    }
    poll_fn(|context| std::pin::Pin::new(&mut *sink).poll_ready(context)).await.map_err(|_| End::Lost)?;
    let message = match queue.pop_front() {
        Some(Outgoing::Audio(message)) => {
            *queued_audio = queued_audio.saturating_sub(1);
            message
        }
        Some(Outgoing::Other(message)) => message,
        None => return Ok(()),
    };
    *in_flight = true;
    std::pin::Pin::new(sink).start_send(message).map_err(|_| End::Lost)
}

/// A page that closes says 1000 or 1001; anything else is a connection that went wrong and may come back.
fn closed(frame: Option<&CloseFrame>) -> End {
    match frame.map(|frame| frame.code) {
        Some(1000 | 1001 | 1005) | None => End::Closed,
        Some(_) => End::Lost,
    }
}
