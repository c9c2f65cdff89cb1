//! Putting the caller through: what is tried while they wait, and the talk of two people once it succeeded.
//!
//! While it is tried the agent still has the call: a caller who speaks is answered. Once a person has taken it, nobody thinks
//! and nobody speaks: each side's track goes to the other's playout, so that both legs keep their own timeline, codec and recording.

use std::sync::OnceLock;
use std::time::Duration;

use domain::{AudioFrame, SessionEvent, Transfer, TransferMode, TurnId};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use media_core::{Inbound, LegCommand, LegEvent, Meter, inbound};
use media_turn::Input;
use serde_json::json;
use tokio::time::Instant;

use crate::background::Background;
use crate::options::seconds;
use crate::outbound::Outbound;
use crate::ports::{Leg, NotPressed, NotTransferred};
use crate::session::Session;

/// Beyond the time that the phone may ring: what the network needs to say how it went. Carriers begin to count late, and Twilio adds 5 s.
const SETTLES_S: u32 = 20;
/// And what a person needs to hear of the call and to make up their mind.
const CONSULTS_S: u32 = 60;
/// A side that is further behind what the other says than this, such as after a hold-up of the network, catches up by a cut.
const BEHIND: Duration = Duration::from_millis(400);
/// Of what a person hears there is one turn.
const TALK: TurnId = TurnId(0);

/// The name of what observers are told.
const NOTED: &str = "transfer";

pub(crate) enum Handing {
    Trying {
        outcome: BoxFuture<'static, Outcome>,
        by: Instant,
    },
    Bridged(Box<Bridge>),
    /// Keys go out: the agent has the call.
    Pressing {
        outcome: BoxFuture<'static, Result<(), NotPressed>>,
        by: Instant,
    },
}

/// The person's leg where they are to be connected here, or nothing where the caller has gone elsewhere.
type Outcome = Result<Option<Leg>, NotTransferred>;

pub(crate) enum Came {
    Outcome(Outcome),
    Person(Option<LegEvent>),
    Pressed(Result<(), NotPressed>),
}

/// The second leg of a call: the person's.
pub(crate) struct Bridge {
    leg: Leg,
    inbound: Inbound,
    outbound: Outbound,
    /// For what their side says of what they hear: how the talk fares is told of the caller's leg alone.
    meter: Meter,
    sent: u64,
    /// What the caller hears of them, as a turn of the playout.
    heard_as: TurnId,
}

impl Handing {
    /// Pends where nothing is tried. Cancel-safe.
    pub(crate) async fn next(handing: &mut Option<Self>) -> Came {
        match handing {
            Some(Self::Trying { outcome, .. }) => Came::Outcome(outcome.await),
            Some(Self::Bridged(bridge)) => Came::Person(bridge.leg.events.recv().await),
            Some(Self::Pressing { outcome, .. }) => Came::Pressed(outcome.await),
            None => std::future::pending().await,
        }
    }

    pub(crate) fn due(handing: &Option<Self>) -> Option<Instant> {
        match handing {
            Some(Self::Trying { by, .. } | Self::Pressing { by, .. }) => Some(*by),
            _ => None,
        }
    }
}

/// A soft tone of 0.25 s every three seconds: somebody is being called, and the line is not dead.
fn hold_tone() -> Option<Background> {
    const RATE_HZ: u32 = 8_000;
    static TONE: OnceLock<Option<Background>> = OnceLock::new();
    let made = TONE.get_or_init(|| {
        let sample = |n: u32| {
            let t = n as f32 / RATE_HZ as f32;
            // A quarter of a second with soft edges, after silence: the repetition does not click.
            let envelope = ((t - 1.5) / 0.25).clamp(0.0, 1.0) * std::f32::consts::PI;
            (envelope.sin().max(0.0) * 1_800.0 * (t * 425.0 * std::f32::consts::TAU).sin()) as i16
        };
        Background::new((0..3 * RATE_HZ).map(sample).collect(), RATE_HZ, 0.0).ok()
    });
    made.clone()
}

impl Session {
    pub(crate) fn is_bridged(&self) -> bool {
        matches!(self.handing, Some(Handing::Bridged(_)))
    }

    /// Everything that was to be said before was said.
    pub(crate) fn begin_transfer(&mut self, transfer: &Transfer, now: Instant) {
        self.dialogue.transferring();
        let warm = transfer.mode == TransferMode::Warm;
        self.note_transfer(json!({ "state": "begun", "mode": transfer.mode, "to": transfer.to }));
        let refer = self.connection.leg.as_ref().and_then(|leg| leg.refer.clone());
        let outcome: BoxFuture<'static, Outcome> = match (&self.consult, refer) {
            (Some(consult), _) if warm => consult.consult(transfer),
            (_, Some(refer)) if !warm => refer.refer(transfer).map(|gone| gone.map(|()| None)).boxed(),
            _ => {
                let message = if warm {
                    "no trunk is there by which the person could be called"
                } else {
                    "the caller's connection cannot be sent elsewhere: only calls by SIP and by carriers can"
                };
                ready(Err(NotTransferred::unsupported(message))).boxed()
            }
        };
        let length = transfer.ring_s + SETTLES_S + if warm { CONSULTS_S } else { 0 };
        self.handing = Some(Handing::Trying { outcome, by: now + seconds(length) });
        // Nobody asks a caller who waits whether they are there.
        self.feed(Input::Hold(seconds(length + SETTLES_S)));
        if warm && let Some(tone) = hold_tone() {
            self.outbound.set_background(Some(&tone));
        }
    }

    pub(crate) fn handed(&mut self, came: Came) {
        let now = Instant::now();
        match came {
            Came::Outcome(Ok(None)) => {
                self.note_transfer(json!({ "state": "done" }));
                self.handing = None;
                self.close(domain::EndReason::Transferred, now);
            }
            Came::Outcome(Ok(Some(leg))) => self.bridge(leg, now),
            Came::Outcome(Err(error)) => self.not_transferred(error, now),
            Came::Person(event) => self.person(event, now),
            Came::Pressed(result) => self.pressed(result),
        }
    }

    /// Nothing came of it in time.
    pub(crate) fn transfer_late(&mut self, now: Instant) {
        if matches!(self.handing, Some(Handing::Pressing { .. })) {
            return self.pressed(Err(NotPressed::failed("the keys did not go out in time")));
        }
        self.not_transferred(NotTransferred::unanswered("nobody took the call in time"), now);
    }

    /// The caller is still here, and the agent has the word.
    fn not_transferred(&mut self, error: NotTransferred, now: Instant) {
        self.handing = None;
        let background = self.background.clone();
        self.outbound.set_background(background.as_ref());
        self.note_transfer(json!({ "state": "failed", "code": error.code(), "message": error.message() }));
        if self.ending.leaving || self.ending.closing.is_some() {
            return;
        }
        self.explain_failure(error, now);
        // Only now, or the caller would be asked at once whether they are there.
        self.feed(Input::Hold(Duration::ZERO));
    }

    /// Caller and person talk to each other from here on.
    fn bridge(&mut self, leg: Leg, now: Instant) {
        let made = Outbound::new(self.options.playout.clone(), &self.options.opus, leg.codec).and_then(
            |mut outbound| {
                outbound.attach(leg.codec, leg.delivery, &self.options.opus)?;
                Ok(outbound)
            },
        );
        let outbound = match made {
            Ok(outbound) => outbound,
            Err(error) => return self.not_transferred(NotTransferred::failed(&error.to_string()), now),
        };
        self.end_turn_of_agent(now);
        self.guess = None;
        let mut inbound = Inbound::new(self.options.inbound.clone(), media_codec::decoders());
        inbound.carried_by(leg.delivery);
        inbound.start(now.into_std());
        self.outbound.set_background(None);
        let heard_as = self.own_turn();
        let meter = Meter::new(leg.transport, leg.codec, leg.delivery);
        let bridge = Bridge { leg, inbound, outbound, meter, sent: 0, heard_as };
        self.handing = Some(Handing::Bridged(Box::new(bridge)));
        self.status.send_modify(|status| status.bridged = true);
        // Nothing takes the word any more: the machine's decisions are nobody's.
        self.ending.leaving = true;
        self.ending.farewell_by = None;
        self.note_transfer(json!({ "state": "connected" }));
    }

    fn person(&mut self, event: Option<LegEvent>, now: Instant) {
        let Some(Handing::Bridged(bridge)) = &mut self.handing else { return };
        self.connection.leg_events += 1;
        match event {
            Some(LegEvent::Packet(packet)) => {
                bridge.inbound.push(packet, now.into_std());
            }
            Some(LegEvent::Quality(quality)) => {
                if let Some(loss) = bridge.meter.told(&quality, bridge.sent) {
                    bridge.outbound.expect_loss(loss);
                }
            }
            Some(LegEvent::Earlier(_) | LegEvent::Active | LegEvent::Message(_) | LegEvent::Signal(_)) => {}
            Some(LegEvent::Lost | LegEvent::Closed) | None => {
                self.close(domain::EndReason::Transferred, now);
            }
        }
    }

    /// A frame of the caller's for the person. Whether there is one.
    pub(crate) fn pass_on(&mut self, frame: &AudioFrame, now: Instant) -> bool {
        let Some(Handing::Bridged(bridge)) = &mut self.handing else { return false };
        if bridge.outbound.unheard(now) <= BEHIND {
            bridge.outbound.push(TALK, frame, now);
        }
        true
    }

    /// One media tick of the person's leg; `slot` is the instant on the tick's grid.
    pub(crate) fn tick_bridge(&mut self, slot: Instant, now: Instant) {
        let Some(Handing::Bridged(bridge)) = &mut self.handing else { return };
        while let inbound::Output::Frame(frame) = bridge.inbound.poll(now.into_std()) {
            if self.outbound.unheard(now) <= BEHIND {
                self.outbound.push(bridge.heard_as, &frame, now);
            }
        }
        while let Some(sent) = bridge.outbound.tick(slot) {
            if bridge.leg.commands.try_send(LegCommand::Packet(sent.packet)).is_err() {
                self.hot.leg_dropped();
            }
            bridge.sent += 1;
        }
        while bridge.outbound.poll_event().is_some() {}
    }

    /// The caller is gone. Where they went as they were asked to, that is said first.
    pub(crate) fn left(&mut self, now: Instant) {
        let outcome = match &mut self.handing {
            Some(Handing::Trying { outcome, .. }) => outcome.now_or_never(),
            Some(Handing::Bridged(_)) => return self.close(domain::EndReason::Transferred, now),
            Some(Handing::Pressing { .. }) | None => None,
        };
        match outcome {
            Some(Ok(None)) => self.handed(Came::Outcome(Ok(None))),
            _ => self.close(domain::EndReason::CallerLeft, now),
        }
    }

    /// The person is hung up on; whoever is being called is not called any more.
    pub(crate) fn drop_handing(&mut self) {
        if let Some(Handing::Bridged(bridge)) = &self.handing {
            let _gone = bridge.leg.commands.try_send(LegCommand::Close);
        }
        self.handing = None;
    }

    fn note_transfer(&mut self, value: serde_json::Value) {
        self.emit(SessionEvent::Noted { name: NOTED.to_owned(), value });
    }
}
