//! How the call's audio fares: the meter of `media_core` fed with what this session counts, and told to observers when a turn is over and at the end.

use domain::{Quality, SessionEvent, TurnId};
use media_core::leg;
use media_core::meter::Counters;
use tokio::time::Instant;

use crate::leg::Carried;
use crate::metrics as names;
use crate::session::Session;

impl Session {
    fn counters(&mut self) -> Counters {
        let Carried { sent, refused } = self.connection.carried;
        let (late, underruns, dry) = self.outbound.counts();
        let (arrived, filled) = (self.inbound.statistics(), self.inbound.filled());
        Counters { arrived, filled, sent, refused, late, underruns, dry }
    }

    /// Another leg takes over, or the first.
    pub(crate) fn measure_leg(&mut self, leg: &crate::ports::Leg, now: Instant) {
        let counters = self.counters();
        self.meter.carried_by(leg.transport, leg.codec, leg.delivery, &counters, now.into_std());
    }

    pub(crate) fn measure(&mut self, flows: bool, now: Instant) {
        if flows {
            return self.meter.flows(now.into_std());
        }
        let counters = self.counters();
        self.meter.stops(&counters, now.into_std());
    }

    pub(crate) fn connection_told(&mut self, quality: &leg::Quality) {
        if let Some(loss) = self.meter.told(quality, self.connection.carried.sent) {
            self.outbound.expect_loss(loss);
        }
    }

    /// What lies between the turn before and the end of this one.
    pub(crate) fn measured_turn(&mut self, turn: TurnId) {
        let counters = self.counters();
        let Some(quality) = self.meter.stretch(&counters, Instant::now().into_std()) else { return };
        measured(&quality);
        self.emit(SessionEvent::Quality { turn: Some(turn), quality: Box::new(quality) });
    }

    pub(crate) fn measured_call(&mut self) {
        let counters = self.counters();
        if let Some(quality) = self.meter.call(&counters, Instant::now().into_std()) {
            self.emit(SessionEvent::Quality { turn: None, quality: Box::new(quality) });
        }
    }
}

fn measured(quality: &Quality) {
    let transport = quality.transport.clone();
    let record = |direction: &'static str, loss: f64, jitter: std::time::Duration, mos: Option<f32>| {
        let labels = [("transport", transport.clone()), ("direction", direction.to_owned())];
        metrics::histogram!(names::LOSS_RATIO, &labels).record(loss);
        metrics::histogram!(names::JITTER_SECONDS, &labels).record(jitter.as_secs_f64());
        if let Some(mos) = mos {
            metrics::histogram!(names::OPINION_SCORE, &labels).record(f64::from(mos));
        }
    };
    if let Some(network) = quality.inbound.network {
        record("in", network.loss(), network.jitter, quality.inbound.mos);
    }
    if let Some(reported) = quality.outbound.reported {
        record("out", reported.loss(), reported.jitter, quality.outbound.mos);
    }
    if let Some(round_trip) = quality.round_trip {
        metrics::histogram!(names::ROUND_TRIP_SECONDS, "transport" => transport.clone())
            .record(round_trip.as_secs_f64());
    }
}
