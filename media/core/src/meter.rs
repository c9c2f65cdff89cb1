//! How the audio of a session fares, stretch by stretch: from what is counted on the way, and what the far end reports, to `domain::Quality`.
//!
//! Counters only grow, across turns and legs; a stretch is what lies between two looks at them. What the leg of that time cannot know is left
//! out. It measures nothing itself.

use std::time::{Duration, Instant};

use domain::Encoding;
use domain::quality::{Arrived, Inbound, Outbound, Quality, Reported};

use crate::inbound::Filled;
use crate::leg::{self, Delivery, Received};
use crate::pace::Late;
use crate::packet::Codec;
use crate::quality::Statistics;

/// A far end that has seen so many packets more, or fewer, than a report before it, counts another stream.
const JUMP: u64 = 100_000;

/// Everything that was counted of a session so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub arrived: Statistics,
    pub filled: Filled,
    /// Packets that a leg took, and those that it had no room for.
    pub sent: u64,
    pub refused: u64,
    pub late: Late,
    pub underruns: u64,
    pub dry: Duration,
}

/// What carries the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Carrier {
    transport: &'static str,
    encoding: Encoding,
    delivery: Delivery,
}

#[derive(Debug)]
pub struct Meter {
    carrier: Carrier,
    /// As of the last look.
    seen: Counters,
    /// Media flows, and was measured until then.
    since: Option<Instant>,
    /// Since the last look.
    reported: Option<Reported>,
    round_trip: Option<Duration>,
    /// The last report of this leg, and how much had been sent before it.
    last: Option<Received>,
    begun: u64,
    stretch: Quality,
    call: Quality,
}

impl Meter {
    #[must_use]
    pub fn new(transport: &'static str, codec: Codec, delivery: Delivery) -> Self {
        let carrier = Carrier { transport, encoding: codec.encoding(), delivery };
        let nothing = Quality::new(transport, carrier.encoding);
        Self {
            carrier,
            seen: Counters::default(),
            since: None,
            reported: None,
            round_trip: None,
            last: None,
            begun: 0,
            stretch: nothing.clone(),
            call: nothing,
        }
    }

    /// From now on the call goes over another leg. `counters` are of all that went over the one before.
    pub fn carried_by(
        &mut self,
        transport: &'static str,
        codec: Codec,
        delivery: Delivery,
        counters: &Counters,
        now: Instant,
    ) {
        self.look(counters, now);
        self.carrier = Carrier { transport, encoding: codec.encoding(), delivery };
        (self.last, self.round_trip, self.begun) = (None, None, counters.sent);
    }

    /// Media flows from now on.
    pub fn flows(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// It does no longer.
    pub fn stops(&mut self, counters: &Counters, now: Instant) {
        self.look(counters, now);
        self.since = None;
    }

    /// The transport says something of the connection. The share of our packets that the far end lost since the report before, where it is one.
    pub fn told(&mut self, quality: &leg::Quality, sent: u64) -> Option<f32> {
        self.round_trip = quality.round_trip.or(self.round_trip);
        let received = quality.received?;
        let before = self.last.replace(received);
        let (packets, lost) = match before {
            // Sequence numbers begin anywhere: the first report is about all that this leg was sent.
            None => (sent.saturating_sub(self.begun).max(received.lost), received.lost),
            Some(before) => {
                let packets = received.highest.checked_sub(before.highest).filter(|more| *more < JUMP)?;
                // Duplicates take back what was called lost.
                (packets, received.lost.saturating_sub(before.lost).min(packets))
            }
        };
        if packets == 0 {
            return None;
        }
        let sum = self.reported.get_or_insert_default();
        sum.packets += packets;
        sum.lost += lost;
        sum.jitter = received.jitter;
        Some(lost as f32 / packets as f32)
    }

    /// What lies between the stretch before and now; nothing where no media flowed meanwhile.
    pub fn stretch(&mut self, counters: &Counters, now: Instant) -> Option<Quality> {
        self.look(counters, now);
        let nothing = Quality::new(self.carrier.transport, self.carrier.encoding);
        let stretch = std::mem::replace(&mut self.stretch, nothing);
        (!stretch.length.is_zero()).then_some(stretch)
    }

    /// All of the session until now; nothing where no media ever flowed.
    pub fn call(&mut self, counters: &Counters, now: Instant) -> Option<Quality> {
        self.look(counters, now);
        (!self.call.length.is_zero()).then(|| self.call.clone())
    }

    fn look(&mut self, counters: &Counters, now: Instant) {
        let seen = std::mem::replace(&mut self.seen, *counters);
        let mut part = Quality {
            inbound: inbound(&seen, counters, self.carrier.delivery),
            outbound: outbound(&seen, counters),
            round_trip: self.round_trip,
            ..Quality::new(self.carrier.transport, self.carrier.encoding)
        };
        part.outbound.reported = self.reported.take();
        if let Some(since) = &mut self.since {
            part.length = now.saturating_duration_since(std::mem::replace(since, now));
        }
        self.stretch.merge(&part);
        self.call.merge(&part);
    }
}

fn inbound(from: &Counters, to: &Counters, delivery: Delivery) -> Inbound {
    let (old, new) = (&from.arrived, &to.arrived);
    let packets = new.received.saturating_sub(old.received);
    let duplicates = new.duplicates.saturating_sub(old.duplicates);
    let lost = new.lost.saturating_sub(old.lost);
    let expected = new.delivered.saturating_sub(old.delivered) + lost;
    let known = delivery == Delivery::Datagrams && expected > 0;
    let network = known.then(|| Arrived {
        expected,
        lost,
        late: new.late.saturating_sub(old.late).min(lost),
        recovered: to.filled.recovered.saturating_sub(from.filled.recovered).min(lost),
        reordered: new.reordered.saturating_sub(old.reordered),
        duplicates,
        concealed: (to.filled.concealed_for - from.filled.concealed_for).as_duration(),
        gaps: to.filled.gaps.saturating_sub(from.filled.gaps),
        gap: (to.filled.gap_for - from.filled.gap_for).as_duration(),
        jitter: mean(
            new.deviation.saturating_sub(old.deviation),
            new.deviations.saturating_sub(old.deviations),
        ),
    });
    Inbound { packets: packets.saturating_sub(duplicates), network, mos: None }
}

fn outbound(from: &Counters, to: &Counters) -> Outbound {
    let skipped = u32::try_from(to.late.skipped.saturating_sub(from.late.skipped)).unwrap_or(u32::MAX);
    Outbound {
        packets: to.sent.saturating_sub(from.sent),
        reported: None,
        late: to.late.by_a_frame().saturating_sub(from.late.by_a_frame()),
        skipped: domain::FRAME.saturating_mul(skipped),
        refused: to.refused.saturating_sub(from.refused),
        underruns: to.underruns.saturating_sub(from.underruns),
        dry: to.dry.saturating_sub(from.dry),
        mos: None,
    }
}

fn mean(sum: Duration, count: u64) -> Duration {
    if count == 0 { Duration::ZERO } else { Duration::from_secs_f64(sum.as_secs_f64() / count as f64) }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn counters(delivered: u64, lost: u64, sent: u64) -> Counters {
        let arrived = Statistics {
            received: delivered,
            delivered,
            lost,
            deviation: ms(5) * delivered as u32,
            deviations: delivered,
            ..Statistics::default()
        };
        Counters { arrived, sent, ..Counters::default() }
    }

    fn received(highest: u64, lost: u64) -> leg::Quality {
        leg::Quality { received: Some(Received { highest, lost, jitter: ms(7) }), round_trip: Some(ms(80)) }
    }

    #[test]
    fn stretches_are_what_lies_between_and_the_call_is_all_of_them() {
        let start = Instant::now();
        let mut meter = Meter::new("webrtc", Codec::Opus, Delivery::Datagrams);
        assert_eq!(meter.stretch(&counters(0, 0, 0), start), None, "nothing flowed");
        meter.flows(start);
        let first = meter.stretch(&counters(95, 5, 40), start + ms(2_000)).expect("flowed");
        let network = first.inbound.network.expect("known");
        assert_eq!((network.expected, network.lost, network.jitter), (100, 5, ms(5)));
        assert_eq!((first.length, first.outbound.packets, first.outbound.reported), (ms(2_000), 40, None));
        let second = meter.stretch(&counters(295, 5, 140), start + ms(6_000)).expect("flowed");
        assert_eq!(second.inbound.network.map(|network| (network.expected, network.lost)), Some((200, 0)));
        meter.stops(&counters(345, 5, 140), start + ms(7_000));
        let call = meter.call(&counters(345, 5, 140), start + ms(60_000)).expect("flowed");
        assert_eq!(call.length, ms(7_000), "a wait for the caller is no part of it");
        assert_eq!(call.inbound.network.map(|network| (network.expected, network.lost)), Some((350, 5)));
    }

    #[test]
    fn the_far_ends_reports_count_where_they_come() {
        let start = Instant::now();
        let mut meter = Meter::new("webrtc", Codec::Opus, Delivery::Datagrams);
        meter.flows(start);
        assert_eq!(meter.told(&received(40_100, 10), 100), Some(0.1), "of all that was sent until then");
        assert_eq!(meter.told(&received(40_300, 10), 300), Some(0.0));
        let first = meter.stretch(&counters(0, 0, 300), start + ms(6_000)).expect("flowed");
        let reported = first.outbound.reported.expect("told");
        assert_eq!((reported.packets, reported.lost, reported.jitter), (300, 10, ms(7)));
        assert_eq!(first.round_trip, Some(ms(80)));
        let second = meter.stretch(&counters(0, 0, 350), start + ms(7_000)).expect("flowed");
        assert_eq!((second.outbound.reported, second.outbound.packets), (None, 50), "no report came");
        assert_eq!(meter.told(&received(7, 0), 400), None, "another stream");
        assert_eq!(meter.told(&received(107, 20), 500), Some(0.2));
        let silent = leg::Quality { received: None, round_trip: Some(ms(50)) };
        assert_eq!(meter.told(&silent, 500), None);
        meter.carried_by("webrtc", Codec::Opus, Delivery::Datagrams, &counters(0, 0, 500), start + ms(9_000));
        assert_eq!(meter.told(&received(40, 4), 540), Some(0.1), "of what went over this leg");
    }

    #[test]
    fn what_a_socket_cannot_know_is_left_out_and_a_leg_before_it_still_counts() {
        let start = Instant::now();
        let mut meter = Meter::new("webrtc", Codec::Opus, Delivery::Datagrams);
        meter.flows(start);
        let pcm = Codec::Pcm16 { rate_hz: 16_000 };
        meter.carried_by("websocket", pcm, Delivery::Stream, &counters(90, 10, 9), start + ms(2_000));
        let over_socket =
            Counters { filled: Filled { gaps: 3, ..Filled::default() }, ..counters(190, 20, 109) };
        let call = meter.call(&over_socket, start + ms(4_000)).expect("flowed");
        assert_eq!((call.transport.as_str(), call.encoding), ("websocket", Encoding::Pcm16));
        let network = call.inbound.network.expect("of the first leg");
        assert_eq!((network.expected, network.lost, network.gaps), (100, 10, 0));
        assert_eq!((call.inbound.packets, call.outbound.packets), (190, 109));
        let mut socket = Meter::new("websocket", pcm, Delivery::Stream);
        socket.flows(start);
        let whole = socket.call(&over_socket, start + ms(4_000)).expect("flowed");
        assert_eq!((whole.inbound.network, whole.mos()), (None, None));
    }

    #[test]
    fn our_own_part_is_told_from_the_networks() {
        let start = Instant::now();
        let mut meter = Meter::new("sip", Codec::Pcmu, Delivery::Datagrams);
        meter.flows(start);
        let late = Late { buckets: [50, 0, 0, 0, 0, 2, 1, 1], skipped: 21 };
        let counters =
            Counters { late, sent: 54, refused: 2, underruns: 1, dry: ms(180), ..Counters::default() };
        let call = meter.call(&counters, start + ms(1_500)).expect("flowed");
        let Outbound { late, skipped, refused, underruns, dry, .. } = call.outbound;
        assert_eq!((late, skipped, refused, underruns, dry), (4, ms(420), 2, 1, ms(180)));
    }
}
