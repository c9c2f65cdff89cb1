//! The caller's connection: packets in and out, its messages, its loss and return.
//!
//! A session outlives its legs. While none carries media, nothing is said into the void and the voice waits. A leg whose
//! connection broke stays until its transport gives it up: the caller may come back on it.

use std::time::Duration;

use domain::{AgentState, DeadAir, EndReason, FRAME, Role, SessionEvent};
use futures::FutureExt as _;
use media_core::{LegCommand, LegEvent, Packet, Signal, inbound};
use media_turn::Input;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use crate::options::{Options, ms, seconds};
use crate::ports::{Leg, Reaction};
use crate::session::{Resumed, Session};

/// A client whose first connection broke before it carried anything tries the next within this.
const ANOTHER_WAY_IN: Duration = Duration::from_secs(3);

/// How the last request of a call went is waited for no longer: one that is lost goes out again after 500 ms.
const GOODBYE_WITHIN: Duration = Duration::from_millis(1_000);

/// Name of the notes about a call's signalling.
const SIGNAL: &str = "sip";

/// A session's connection: the leg, and how it stands. Without a leg, one that is waited for.
pub(crate) struct Connection {
    pub leg: Option<Leg>,
    /// When the leg was attached.
    attached: Instant,
    /// Media flows on the leg.
    pub flowing: bool,
    pub readiness: Readiness,
    /// When it was lost, while it is.
    lost: Option<Instant>,
    /// Events taken from the leg since the last tick.
    pub leg_events: u32,
    pub carried: Carried,
    /// The transport tells of its signalling.
    signals: bool,
    /// Sound of the caller came.
    heard: bool,
}

/// Our packets, over all legs.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Carried {
    pub sent: u64,
    /// The leg had no room for them.
    pub refused: u64,
}

/// What is still missing before media may begin.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Readiness {
    active: Option<Instant>,
    pub ready: bool,
}

impl Connection {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            leg: None,
            attached: now,
            flowing: false,
            readiness: Readiness::default(),
            lost: None,
            leg_events: 0,
            carried: Carried::default(),
            signals: false,
            heard: false,
        }
    }

    /// A client that does not say that it is ready is not waited for longer.
    pub(crate) fn readiness_due(&self, options: &Options) -> Option<Instant> {
        let waits = !self.flowing && !self.readiness.ready;
        self.readiness.active.filter(|_| waits).map(|since| since + ms(options.ready_ms))
    }

    /// A connection that never carries media is no call: it must not keep a place for ever. Gone before it ever carried
    /// any, it keeps it no longer than a client needs to try another way in.
    pub(crate) fn unused_due(&self, greeted: bool, options: &Options) -> Option<Instant> {
        let unused = !self.flowing && (self.lost.is_none() || !greeted);
        let connect = unused.then(|| self.attached + seconds(options.connect_s))?;
        let gone = self.lost.filter(|_| self.leg.is_none()).map(|since| since + ANOTHER_WAY_IN);
        Some(gone.map_or(connect, |gone| gone.min(connect)))
    }

    /// A caller who was lost is not waited for longer.
    pub(crate) fn return_due(&self, options: &Options) -> Option<Instant> {
        self.lost.map(|since| since + seconds(options.reattach_s))
    }
}

impl Leg {
    /// The next event, or `None` once the transport is gone. Pends without a leg. Cancel-safe.
    pub(crate) async fn next(leg: &mut Option<Self>) -> Option<LegEvent> {
        match leg {
            Some(leg) => leg.events.recv().await,
            None => std::future::pending().await,
        }
    }
}

impl Session {
    /// The session goes on over this leg; the one before is hung up.
    pub(crate) fn attach(&mut self, leg: Leg, now: Instant) {
        if self.connection.leg.is_some() {
            self.send(LegCommand::Close);
            self.detach(now);
        }
        if let Err(error) = self.outbound.attach(leg.codec, leg.delivery, &self.options.opus) {
            let failure = error.failure();
            let (code, message) = (failure.code.to_string(), error.to_string());
            self.emit(SessionEvent::Failed { turn: None, source: failure.source, code, message });
            return self.close(EndReason::ConnectionLost, now);
        }
        let transport = leg.transport;
        self.measure_leg(&leg, now);
        if let Some(recording) = &mut self.recording {
            recording.leg(transport);
        }
        self.status.send_modify(|status| {
            status.connected = true;
            status.transport = transport;
        });
        // Not only when media begins: a client may send before it says that it is ready.
        self.inbound.carried_by(leg.delivery);
        self.connection.leg = Some(leg);
        self.connection.attached = now;
        self.connection.readiness = Readiness { active: None, ready: !self.protocol.announces_ready() };
    }

    /// Nothing comes over this leg any more; the caller may come back on another.
    fn detach(&mut self, now: Instant) {
        self.connection.leg = None;
        self.connection.readiness = Readiness::default();
        self.lose(now);
    }

    /// Media stops; the caller may come back, on this leg too.
    fn lose(&mut self, now: Instant) {
        self.connection.readiness.active = None;
        self.status.send_modify(|status| status.connected = false);
        if std::mem::take(&mut self.connection.flowing) {
            self.measure(false, now);
            self.inbound.stop();
            self.greeting.media_lost();
            if let Some(reply) = &self.reply {
                self.outbound.duck(reply.turn);
            }
            self.feed(Input::MediaLost);
        }
        if self.connection.lost.is_none() {
            self.connection.lost = Some(now);
            self.emit(SessionEvent::Detached);
        }
    }

    pub(crate) fn leg_event(&mut self, event: Option<LegEvent>) {
        let now = Instant::now();
        self.connection.leg_events += 1;
        let Some(event) = event else { return self.detach(now) };
        match event {
            LegEvent::Packet(packet) => self.caller_packet(packet, now),
            LegEvent::Earlier(packets) => self.caller_said(packets, now),
            LegEvent::Active => {
                self.status.send_modify(|status| status.connected = true);
                self.connection.readiness.active.get_or_insert(now);
                self.begin_media(now);
            }
            LegEvent::Message(text) => self.message(&text, now),
            LegEvent::Quality(quality) => self.connection_told(&quality),
            LegEvent::Signal(signal) => self.signal(signal),
            LegEvent::Lost => self.lose(now),
            LegEvent::Closed => self.left(now),
        }
    }

    /// Seconds of the caller at once: each stretch is judged before the next comes, as it is live.
    fn caller_said(&mut self, packets: Vec<Packet>, now: Instant) {
        for packet in packets {
            self.caller_packet(packet, now);
            while let Some(decision) = self.vad.next().now_or_never() {
                self.vad_decided(decision);
            }
        }
    }

    fn caller_packet(&mut self, packet: Packet, now: Instant) {
        if !self.connection.heard {
            self.connection.heard = true;
            self.status.send_modify(|status| status.heard = true);
        }
        if packet.payload.is_empty() {
            return self.inbound.push(packet, now.into_std()); // no sound
        }
        self.taps.hear(Role::Caller, &packet);
        if let Some(recording) = &mut self.recording {
            recording.packet(Role::Caller, packet.clone());
        }
        self.inbound.push(packet, now.into_std());
        self.listen(now);
    }

    /// What is said by the signalling at the end. A leg that tells of it is hung up, and heard until it is silent.
    pub(crate) async fn last_signals(&mut self, hang_up: bool) {
        let Some(mut leg) = self.connection.leg.take() else { return };
        if hang_up && self.connection.signals {
            let _gone = leg.commands.try_send(LegCommand::Close);
            let hearing = async {
                while let Some(event) = leg.events.recv().await {
                    self.last_signal(event);
                }
            };
            // A phone that does not answer is not waited for.
            let _late = tokio::time::timeout(GOODBYE_WITHIN, hearing).await;
        }
        while let Ok(event) = leg.events.try_recv() {
            self.last_signal(event);
        }
        self.connection.leg = Some(leg);
    }

    fn last_signal(&mut self, event: LegEvent) {
        if let LegEvent::Signal(signal) = event {
            self.signal(signal);
        }
    }

    fn signal(&mut self, signal: Signal) {
        self.connection.signals = true;
        let value = serde_json::to_value(signal).unwrap_or_default();
        self.emit(SessionEvent::Noted { name: SIGNAL.to_owned(), value });
    }

    /// Media flows, once the connection stands and the client is ready.
    pub(crate) fn begin_media(&mut self, now: Instant) {
        if self.connection.flowing
            || self.connection.readiness.active.is_none()
            || !self.connection.readiness.ready
        {
            return;
        }
        self.connection.flowing = true;
        self.greeting.media_flows(now);
        self.inbound.start(now.into_std());
        self.measure(true, now);
        let transport = self.status.borrow().transport.to_owned();
        match self.connection.lost.take() {
            Some(since) if self.greeted => {
                let gap = now - since;
                if self.reply.is_some() {
                    self.dead_air(self.reply.as_ref().map(|reply| reply.turn), DeadAir::Connection, gap);
                }
                self.emit(SessionEvent::Reattached { gap, transport, after_crash: false });
            }
            _ => match self.resumed.take() {
                Some(Resumed { gap, .. }) => {
                    self.emit(SessionEvent::Reattached { gap, transport, after_crash: true });
                }
                None => self.emit(SessionEvent::Started),
            },
        }
        if !self.screens() {
            self.feed(Input::MediaActive);
        }
        if let Some(reply) = self.reply.as_ref().filter(|reply| !reply.held) {
            self.outbound.resume(reply.turn, now);
        }
        if self.ending.doomed {
            self.doom(now);
        }
        self.explain_late();
    }

    fn message(&mut self, text: &str, now: Instant) {
        for reaction in self.protocol.message(text) {
            match reaction {
                Reaction::Send(message) => self.send(LegCommand::Message(message)),
                Reaction::Ready => {
                    self.connection.readiness.ready = true;
                    self.begin_media(now);
                }
                Reaction::Text(text) => self.feed(Input::Text(text.into())),
                Reaction::Dtmf(digit) => self.feed(Input::Dtmf(digit)),
                Reaction::HangUp => self.close(EndReason::CallerLeft, now),
            }
        }
    }

    /// One media tick: what is due goes out, and the caller's track advances even when nothing came.
    pub(crate) fn tick(&mut self, due: Instant) {
        let now = Instant::now();
        self.hot.tick(now.saturating_duration_since(due));
        self.connection.leg_events = 0;
        if !self.connection.flowing {
            return;
        }
        self.tick_bridge(slot(due, now), now);
        self.go_on_from_keys();
        while let Some(sent) = self.outbound.tick(slot(due, now)) {
            self.send_audio(sent.packet);
            self.playout_events(now);
            if let Some((turn, position)) = sent.heard
                && let Some(reply) = self.reply.as_mut().filter(|reply| reply.turn == turn)
            {
                reply.heard = position;
                if reply.sounding {
                    self.feed(Input::Heard(turn, position));
                    self.apply_floor(position);
                }
            }
        }
        self.playout_events(now);
        self.listen(now);
    }

    /// The voice begins, and nothing was being sent: it need not wait for the next tick.
    pub(crate) fn tick_at_once(&mut self) {
        if self.connection.flowing && self.outbound.is_idle() {
            self.ticks.reset_immediately();
        }
    }

    /// Frames that are complete go to everyone who listens.
    fn listen(&mut self, now: Instant) {
        while let inbound::Output::Frame(frame) = self.inbound.poll(now.into_std()) {
            if self.pass_on(&frame, now) {
                continue;
            }
            self.ring.push(&frame);
            self.screen_frame(&frame);
            self.vad.push(&frame);
            self.recogniser.audio(&self.ring);
            if self.dialogue.hears()
                && let Some(heard) = self.ears.next(&self.ring)
            {
                self.dialogue.hear(&heard);
            }
        }
        self.screen_outputs();
        for _ in 0..self.recogniser.take_dropped() {
            self.hot.stt_dropped();
        }
    }

    /// What is sent is recorded, and nothing else.
    fn send_audio(&mut self, packet: Packet) {
        self.taps.hear(Role::Agent, &packet);
        let recorded = self.recording.is_some().then(|| packet.clone());
        let sent = self.give(LegCommand::Packet(packet));
        let carried = &mut self.connection.carried;
        *(if sent { &mut carried.sent } else { &mut carried.refused }) += 1;
        if let (true, Some(recording), Some(packet)) = (sent, &mut self.recording, recorded) {
            recording.packet(Role::Agent, packet);
        }
    }

    /// Never waits: a leg without room loses the command, which is counted. A closed one says so through its events.
    pub(crate) fn send(&mut self, command: LegCommand) {
        let _lost = self.give(command);
    }

    /// As `send`; returns whether the leg has it.
    fn give(&mut self, command: LegCommand) -> bool {
        let Some(leg) = &self.connection.leg else { return false };
        let sent = leg.commands.try_send(command);
        if let Err(TrySendError::Full(_)) = sent {
            self.hot.leg_dropped();
        }
        sent.is_ok()
    }

    pub(crate) fn show(&mut self, state: AgentState) {
        self.status.send_modify(|status| status.agent = state);
    }
}

/// The last instant of the tick's grid. Frames are due on the grid: counted from the instant that a late tick really ran at,
/// every punctual one would come too early for its frame, which would then wait for the next.
fn slot(due: Instant, now: Instant) -> Instant {
    let late = now.saturating_duration_since(due);
    due + FRAME * u32::try_from(late.as_nanos() / FRAME.as_nanos()).unwrap_or(0)
}
