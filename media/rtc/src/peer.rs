//! A peer: the task that owns one connection, and the handle its session holds.
//!
//! One small task for each peer, fed by the receive loop. Its state has one owner; what ends it (the far end, the
//! session, silence, shutdown) ends in one place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media_core::{Codec, LegCommand, LegEvent};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;
use crate::endpoint::{Endpoint, Happening, Identity};
use crate::error::Error;
use crate::metrics::PEERS_ENDED;
use crate::options::Patience;
use crate::outbox::Outbox;
use crate::server::Registration;
use crate::wire::{Arrived, Wire};

/// Events the session has not taken: 2.5 s of audio. When full, audio is dropped and counted, the rest waits in the outbox.
const EVENTS: usize = 128;
/// Commands the peer has not carried out. When full the session waits; a peer carries out one in microseconds.
const COMMANDS: usize = 64;
/// Datagrams read and not handled: over a second of audio. When full the receive loop drops the newest.
pub(crate) const INBOX: usize = 64;
/// Changes asked of a peer and not made. When full the asker waits.
pub(crate) const CONTROLS: usize = 8;
/// How long a peer that was let go of may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
/// Datagrams handled before other inputs get their turn.
const BATCH: usize = 16;

/// A connection as its session holds it. Dropping it closes the connection.
#[derive(Debug)]
pub struct Peer {
    /// Unguessable; names the connection in renegotiation and trickled candidates.
    pub id: String,
    pub codec: Codec,
    pub events: mpsc::Receiver<LegEvent>,
    pub commands: mpsc::Sender<LegCommand>,
}

pub(crate) enum Control {
    /// An offer of the far end: on the same connection, or (`restart`) on a new one that takes this one's place.
    Offer {
        sdp: String,
        restart: bool,
        answer: oneshot::Sender<Result<String, Error>>,
    },
    Candidates(Vec<str0m::Candidate>),
    /// The far end has said by other means that it hangs up.
    Leave,
    /// Make an offer that restarts ICE.
    Restart(oneshot::Sender<String>),
    /// The answer to our offer.
    Answer {
        sdp: String,
        done: oneshot::Sender<Result<(), Error>>,
    },
}

/// What the task of a peer is made of.
pub(crate) struct Parts {
    pub(crate) endpoint: Endpoint,
    pub(crate) identity: Identity,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) patience: Patience,
    pub(crate) registration: Option<Registration>,
    pub(crate) inbox: mpsc::Receiver<Arrived>,
    pub(crate) control: mpsc::Receiver<Control>,
    pub(crate) token: CancellationToken,
}

/// Makes the handle and the future that the owner of the tasks must run.
pub(crate) fn make(id: String, parts: Parts) -> (Peer, impl Future<Output = ()> + Send + 'static) {
    let (events, receiver) = mpsc::channel(EVENTS);
    let (sender, commands) = mpsc::channel(COMMANDS);
    let peer = Peer { id, codec: Codec::Opus, events: receiver, commands: sender };
    let now = now();
    let driver = Driver {
        phase: Phase::Connecting { until: now + parts.patience.connect },
        heard: now,
        outbox: Outbox::new(events),
        endpoint: parts.endpoint,
        identity: parts.identity,
        addresses: parts.addresses,
        wire: parts.wire,
        patience: parts.patience,
        registration: parts.registration,
    };
    (peer, driver.run(parts.inbox, parts.control, commands, parts.token))
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting { until: Instant },
    Connected,
    Lost { until: Instant },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Lost,
    NeverConnected,
    /// The session let go of its handle, or asked to close, or the server stops.
    Dropped,
    Failed,
}

struct Driver {
    endpoint: Endpoint,
    identity: Identity,
    addresses: Arc<Addresses>,
    wire: Arc<Wire>,
    patience: Patience,
    registration: Option<Registration>,
    outbox: Outbox,
    phase: Phase,
    heard: Instant,
}

impl Driver {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Arrived>,
        mut control: mpsc::Receiver<Control>,
        mut commands: mpsc::Receiver<LegCommand>,
        token: CancellationToken,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut wake = Box::pin(tokio::time::sleep(Duration::ZERO));
        let end = loop {
            let deadline = match self.settle() {
                Ok(deadline) => tokio::time::Instant::from_std(deadline),
                Err(end) => break end,
            };
            // A timer that fires early costs one idle turn; moving it for each packet would cost more.
            if deadline < wake.deadline() || wake.is_elapsed() {
                wake.as_mut().reset(deadline);
            }
            tokio::select! {
                biased;
                () = token.cancelled() => break End::Dropped,
                Some(change) = control.recv() => match change {
                    Control::Leave => break End::Closed,
                    change => self.change(change),
                },
                command = commands.recv() => match command {
                    Some(LegCommand::Close) | None => break End::Dropped,
                    Some(command) => self.command(command),
                },
                () = self.outbox.room() => {}
                taken = inbox.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        break End::Dropped;
                    }
                    match self.receive(&mut batch) {
                        Ok(()) => {}
                        Err(end) => break end,
                    }
                }
                () = &mut wake => {
                    let now = now();
                    self.endpoint.tick(now);
                    if let Err(end) = self.check_patience(now) {
                        break end;
                    }
                }
            }
        };
        self.end(end, inbox).await;
    }

    fn receive(&mut self, batch: &mut Vec<Arrived>) -> Result<(), End> {
        for arrived in batch.drain(..) {
            let destination = self.addresses.candidate_for(arrived.local, arrived.source);
            self.endpoint.receive(arrived.at, arrived.source, destination, &arrived.bytes);
            self.heard = self.heard.max(arrived.at);
            // str0m holds one packet at a time: take it before the next comes.
            self.settle()?;
        }
        if matches!(self.phase, Phase::Lost { .. }) && self.endpoint.is_connected() {
            self.active();
        }
        Ok(())
    }

    fn command(&mut self, command: LegCommand) {
        match command {
            LegCommand::Packet(packet) => self.endpoint.send_audio(&packet, now()),
            LegCommand::Message(text) => self.endpoint.send_message(text),
            // Nothing of ours waits anywhere: browsers play as it comes.
            LegCommand::Clear | LegCommand::Close => {}
        }
    }

    fn change(&mut self, change: Control) {
        match change {
            Control::Offer { sdp, restart, answer } => {
                let result = self.offered(&sdp, restart);
                let _ = answer.send(result);
            }
            Control::Candidates(candidates) => {
                candidates.into_iter().for_each(|one| self.endpoint.candidate(one))
            }
            Control::Restart(offer) => {
                let _ = offer.send(self.endpoint.restart());
            }
            Control::Answer { sdp, done } => {
                let _ = done.send(self.endpoint.answered(&sdp));
            }
            Control::Leave => {} // ends the loop that calls this
        }
    }

    fn offered(&mut self, sdp: &str, restart: bool) -> Result<String, Error> {
        let answer = if restart || self.endpoint.is_other_peer(sdp) {
            let (mut fresh, answer) =
                Endpoint::answer(&self.identity, self.addresses.announced(), sdp, now())?;
            fresh.give_unsent(self.endpoint.take_unsent());
            self.endpoint = fresh;
            if self.phase == Phase::Connected {
                self.outbox.push(LegEvent::Lost);
            }
            self.phase = Phase::Connecting { until: now() + self.patience.back.max(self.patience.connect) };
            answer
        } else {
            self.endpoint.renegotiate(sdp)?
        };
        if let Some(registration) = &self.registration {
            registration.rename(self.endpoint.ufrag());
        }
        Ok(answer)
    }

    /// Carries out everything the endpoint wants done, until it waits.
    fn settle(&mut self) -> Result<Instant, End> {
        loop {
            if self.outbox.is_gone() {
                return Err(End::Dropped);
            }
            match self.endpoint.poll() {
                Happening::Send(transmit) => {
                    let source = self.addresses.source_for(transmit.source);
                    self.wire.send(source, transmit.destination, &transmit.contents);
                }
                Happening::Event(event) => self.outbox.push(event),
                Happening::Connected => self.active(),
                Happening::Disconnected => self.lost(now()),
                Happening::Closed { by_peer: true } => return Err(End::Closed),
                Happening::Closed { by_peer: false } => return Err(End::Failed),
                Happening::Wait(until) => return Ok(until.min(self.patience_ends())),
            }
        }
    }

    fn active(&mut self) {
        self.phase = Phase::Connected;
        self.heard = now();
        self.outbox.push(LegEvent::Active);
        if let Some(registration) = &self.registration {
            registration.connected();
        }
    }

    fn lost(&mut self, now: Instant) {
        if self.phase == Phase::Connected {
            self.phase = Phase::Lost { until: now + self.patience.back };
            self.outbox.push(LegEvent::Lost);
        }
    }

    fn patience_ends(&self) -> Instant {
        match self.phase {
            Phase::Connecting { until } | Phase::Lost { until } => until,
            Phase::Connected => self.heard + self.patience.lost,
        }
    }

    fn check_patience(&mut self, now: Instant) -> Result<(), End> {
        if now < self.patience_ends() {
            return Ok(());
        }
        match self.phase {
            Phase::Connecting { .. } => Err(End::NeverConnected),
            Phase::Lost { .. } => Err(End::Lost),
            Phase::Connected => {
                self.lost(now);
                Ok(())
            }
        }
    }

    async fn end(&mut self, end: End, inbox: mpsc::Receiver<Arrived>) {
        match end {
            End::Closed => self.outbox.push(LegEvent::Closed),
            // Lost was said when it happened, unless the connection never came up or broke down at once.
            End::NeverConnected => self.outbox.push(LegEvent::Lost),
            End::Failed if self.phase == Phase::Connected => self.outbox.push(LegEvent::Lost),
            End::Lost | End::Failed => {}
            End::Dropped => self.endpoint.farewell(),
        }
        if end == End::Dropped && self.phase == Phase::Connected {
            // Sent soon or not at all: a far end that misses it times out by itself.
            let _ = tokio::time::timeout(GOODBYE, self.say_goodbye(inbox)).await;
        }
        let how = match end {
            End::Closed => "closed",
            End::Lost => "lost",
            End::NeverConnected => "never_connected",
            End::Dropped => "dropped",
            End::Failed => "failed",
        };
        metrics::counter!(PEERS_ENDED, "how" => how).increment(1);
        tracing::debug!(how, "peer ended");
    }

    /// Sends what is left and the DTLS close, as soon as the data channel's association is in a state to be closed.
    async fn say_goodbye(&mut self, mut inbox: mpsc::Receiver<Arrived>) {
        self.send_all();
        while !self.endpoint.close() {
            self.send_all();
            let Some(arrived) = inbox.recv().await else { return };
            let destination = self.addresses.candidate_for(arrived.local, arrived.source);
            self.endpoint.receive(arrived.at, arrived.source, destination, &arrived.bytes);
        }
        self.send_all();
    }

    fn send_all(&mut self) {
        loop {
            match self.endpoint.poll() {
                Happening::Send(transmit) => {
                    self.wire.send(
                        self.addresses.source_for(transmit.source),
                        transmit.destination,
                        &transmit.contents,
                    );
                }
                Happening::Closed { .. } | Happening::Wait(_) => return,
                Happening::Event(_) | Happening::Connected | Happening::Disconnected => {}
            }
        }
    }
}

/// A datagram as a peer is given it: the buffer it was read into goes back to the receive loop.
pub(crate) fn arrived(
    at: Instant,
    source: SocketAddr,
    local: Option<std::net::IpAddr>,
    bytes: &[u8],
) -> Arrived {
    Arrived { at, source, local, bytes: bytes::Bytes::copy_from_slice(bytes) }
}
