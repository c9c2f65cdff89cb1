//! How the audio of a stretch of a call fared, each way: what the network did to it, what we did to it, and what a listener would say.
//!
//! Counts and sums, so that stretches add up to the call. What a transport cannot know is absent, and never zero: nobody can tell loss or
//! jitter of a socket over TCP, and what becomes of our own packets is known where the far end reports it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::session::Encoding;

/// Fewer packets than a second has are too few to judge by.
const JUDGED: u64 = 50;
/// A conversation bears less loss than this (ITU-T G.1010, conversational voice).
const LOSS: f64 = 0.03;
/// Players hold back about so much; what varies more is cut, or waited for.
const JITTER: Duration = Duration::from_millis(30);
/// Both ways; one way, 150 ms disturb nobody (ITU-T G.114).
const FAR: Duration = Duration::from_millis(300);
/// Shorter holes in what is heard are a click at most.
const HOLE: Duration = Duration::from_millis(100);
/// Below it some are dissatisfied (ITU-T G.107 annex B: R of 70).
const POOR: f32 = 3.6;

/// Of one stretch: a turn with what lies between it and the one before, or the whole call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// What carried it last.
    pub transport: String,
    pub encoding: Encoding,
    /// For so long media flowed.
    pub length: Duration,
    /// From the caller to us.
    pub inbound: Inbound,
    /// From us to the caller.
    pub outbound: Outbound,
    /// To the caller and back, as measured last. At carriers' streams, what is played and told of there is part of it.
    pub round_trip: Option<Duration>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inbound {
    /// Packets that came, or messages with audio.
    pub packets: u64,
    /// Where packets may be lost.
    pub network: Option<Arrived>,
    /// 1 to 4.5, of what was heard after all repair.
    pub mos: Option<f32>,
}

/// What a network did to numbered packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Arrived {
    /// Packets that came in time and those that did not.
    pub expected: u64,
    /// Of those, the ones that were not there when they were due.
    pub lost: u64,
    /// Of the lost, those that came too late to be heard.
    pub late: u64,
    /// Of the lost, those that the redundancy of the next packet gave back.
    pub recovered: u64,
    pub reordered: u64,
    pub duplicates: u64,
    /// Sound that was made up in place of what was lost.
    pub concealed: Duration,
    /// Times at which nothing came although the caller's side was sending, and how much silence stands in their place.
    pub gaps: u64,
    pub gap: Duration,
    /// Mean of what RFC 3550 (6.4.1) smooths: by how much packets came further apart, or closer, than they were sent.
    pub jitter: Duration,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbound {
    /// Packets that were sent.
    pub packets: u64,
    /// Where the far end says how they arrive.
    pub reported: Option<Reported>,
    /// Packets that left 20 ms and more after they were due.
    pub late: u64,
    /// Time that our clock lost: frames that were never sent, since what sends them woke up too late.
    pub skipped: Duration,
    /// Packets that the connection had no room for.
    pub refused: u64,
    /// Times at which the voice ran out in mid-reply, and for how long.
    pub underruns: u64,
    pub dry: Duration,
    /// 1 to 4.5, where the far end reports.
    pub mos: Option<f32>,
}

/// What the far end's reports (RTCP) say, as far as they came within the stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// Packets that the reports are about.
    pub packets: u64,
    pub lost: u64,
    /// As the far end has it last.
    pub jitter: Duration,
}

/// What a listener would have complained of, and on whose side it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// The caller's packets were lost on their way to us.
    LossIn,
    /// They came unevenly.
    JitterIn,
    /// For a while nothing came.
    GapsIn,
    /// Our packets were lost on their way to the caller.
    LossOut,
    /// They arrived unevenly.
    JitterOut,
    /// The caller is far away.
    RoundTrip,
    /// The voice ran out in mid-reply: its vendor or this server was too slow.
    Underruns,
    /// This server sent too late, or not at all.
    LateOut,
}

impl Arrived {
    /// Of what was sent, 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        share(self.lost, self.expected)
    }

    /// What of it was not given back by redundancy, and had to be made up.
    #[must_use]
    pub fn unrecovered(&self) -> f64 {
        share(self.lost.saturating_sub(self.recovered), self.expected)
    }

    fn merge(&mut self, later: &Self) {
        self.jitter = mean((self.jitter, self.expected), (later.jitter, later.expected));
        self.expected += later.expected;
        self.lost += later.lost;
        self.late += later.late;
        self.recovered += later.recovered;
        self.reordered += later.reordered;
        self.duplicates += later.duplicates;
        self.concealed += later.concealed;
        self.gaps += later.gaps;
        self.gap += later.gap;
    }
}

impl Reported {
    /// 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        share(self.lost, self.packets)
    }

    fn merge(&mut self, later: &Self) {
        self.packets += later.packets;
        self.lost += later.lost;
        self.jitter = later.jitter;
    }
}

impl Quality {
    /// Of a stretch of no length.
    #[must_use]
    pub fn new(transport: &str, encoding: Encoding) -> Self {
        Self {
            transport: transport.to_owned(),
            encoding,
            length: Duration::ZERO,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            round_trip: None,
        }
    }

    /// Adds the stretch that follows, and judges anew.
    pub fn merge(&mut self, later: &Self) {
        let Self { transport, encoding, length, inbound, outbound, round_trip } = later;
        self.transport.clone_from(transport);
        self.encoding = *encoding;
        self.length += *length;
        self.inbound.packets += inbound.packets;
        both(&mut self.inbound.network, &inbound.network, Arrived::merge);
        self.outbound.packets += outbound.packets;
        both(&mut self.outbound.reported, &outbound.reported, Reported::merge);
        self.outbound.late += outbound.late;
        self.outbound.skipped += outbound.skipped;
        self.outbound.refused += outbound.refused;
        self.outbound.underruns += outbound.underruns;
        self.outbound.dry += outbound.dry;
        self.round_trip = round_trip.or(self.round_trip);
        self.judge();
    }

    /// What listeners would say, from what was counted. Where the way is not known to be long, its length counts for nothing.
    pub fn judge(&mut self) {
        let one_way = self.round_trip.unwrap_or_default() / 2;
        let heard = self.inbound.network.filter(|network| network.expected >= JUDGED);
        self.inbound.mos =
            heard.map(|network| mean_opinion_score(self.encoding, network.unrecovered(), one_way));
        let told = self.outbound.reported.filter(|reported| reported.packets >= JUDGED);
        self.outbound.mos = told.map(|reported| mean_opinion_score(self.encoding, reported.loss(), one_way));
    }

    /// The lower of both directions, where one is known.
    #[must_use]
    pub fn mos(&self) -> Option<f32> {
        [self.inbound.mos, self.outbound.mos].into_iter().flatten().min_by(f32::total_cmp)
    }

    /// What was wrong, in the order of `Flaw`.
    #[must_use]
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut say = |flaw, is: bool| {
            if is {
                flaws.push(flaw);
            }
        };
        if let Some(network) = self.inbound.network.filter(|network| network.expected >= JUDGED) {
            say(Flaw::LossIn, network.loss() >= LOSS);
            say(Flaw::JitterIn, network.jitter >= JITTER);
            say(Flaw::GapsIn, self.is_holed(network.gap));
        }
        if let Some(reported) = self.outbound.reported.filter(|reported| reported.packets >= JUDGED) {
            say(Flaw::LossOut, reported.loss() >= LOSS);
            say(Flaw::JitterOut, reported.jitter >= JITTER);
        }
        say(Flaw::RoundTrip, self.round_trip.is_some_and(|round_trip| round_trip >= FAR));
        say(Flaw::Underruns, self.is_holed(self.outbound.dry));
        let late = share(self.outbound.late + self.outbound.refused, self.outbound.packets) >= LOSS;
        say(Flaw::LateOut, self.is_holed(self.outbound.skipped) || self.outbound.packets >= JUDGED && late);
        flaws
    }

    /// Whether somebody who listened would have been dissatisfied: the score is low, or there were holes that no score knows of.
    #[must_use]
    pub fn is_poor(&self) -> bool {
        let gap = self.inbound.network.map(|network| network.gap).unwrap_or_default();
        let holes = [gap, self.outbound.dry, self.outbound.skipped];
        self.mos().is_some_and(|mos| mos < POOR) || holes.into_iter().any(|hole| self.is_holed(hole))
    }

    fn is_holed(&self, hole: Duration) -> bool {
        hole >= HOLE && hole.as_secs_f64() >= self.length.as_secs_f64() * LOSS
    }
}

/// Mean opinion score, 1 to 4.5, by the E-model (ITU-T G.107) with its default values: no noise, no echo, loss that comes at random.
/// `loss`: 0 to 1, after repair by redundancy. `one_way`: of the network alone.
///
/// Delay by the approximation of Cole and Rosenbluth ("Voice over IP performance monitoring", 2001). Equipment (Ie, Bpl) by ITU-T G.113
/// appendix I: G.711 with concealment, 0 and 25.1. Opus is not in its table for narrow bands, nor are samples as they are; both are
/// taken like G.711 with concealment, on whose scale all scores lie.
#[must_use]
pub fn mean_opinion_score(encoding: Encoding, loss: f64, one_way: Duration) -> f32 {
    let (impairment, robustness) = match encoding {
        Encoding::Pcmu | Encoding::Pcma | Encoding::Opus | Encoding::Pcm16 => (0.0, 25.1),
    };
    let lost_percent = loss.clamp(0.0, 1.0) * 100.0;
    let equipment = impairment + (95.0 - impairment) * lost_percent / (lost_percent + robustness);
    let delay_ms = one_way.as_secs_f64() * 1000.0;
    let delay = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
    let rating = (93.2 - delay - equipment).clamp(0.0, 100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5) as f32
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) }
}

/// Of two means, by how many they are of.
fn mean((one, ones): (Duration, u64), (other, others): (Duration, u64)) -> Duration {
    let sum = one.as_secs_f64() * ones as f64 + other.as_secs_f64() * others as f64;
    Duration::from_secs_f64(sum / (ones + others).max(1) as f64)
}

fn both<T: Copy>(sum: &mut Option<T>, later: &Option<T>, merge: fn(&mut T, &T)) {
    match (sum.as_mut(), later) {
        (Some(sum), Some(later)) => merge(sum, later),
        (None, Some(later)) => *sum = Some(*later),
        (_, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn stretch(expected: u64, lost: u64, jitter_ms: u64) -> Quality {
        let network = Arrived { expected, lost, jitter: ms(jitter_ms), ..Arrived::default() };
        let mut quality = Quality::new("webrtc", Encoding::Opus);
        quality.length = ms(expected * 20);
        quality.inbound = Inbound { packets: expected - lost, network: Some(network), mos: None };
        quality.judge();
        quality
    }

    #[test]
    fn scores_are_those_of_the_e_model() {
        let score = |loss, one_way| mean_opinion_score(Encoding::Pcmu, loss, ms(one_way));
        // G.107: R of 93.2 is 4.41. With concealment 5 % cost 95 * 5 / 30.1 = 15.8 of it, which leaves 77.4; 10 % leave 66.1.
        for (loss, one_way, wanted) in
            [(0.0, 0, 4.41), (0.05, 0, 3.93), (0.10, 0, 3.41), (0.0, 400, 3.04), (1.0, 0, 1.2)]
        {
            let found = score(loss, one_way);
            assert!((found - wanted).abs() < 0.06, "{loss} {one_way}: {found}, not {wanted}");
        }
        assert!(score(0.02, 100) > score(0.04, 100) && score(0.02, 100) > score(0.02, 300));
    }

    #[test]
    fn stretches_add_up_to_the_call() {
        let mut call = Quality::new("webrtc", Encoding::Opus);
        call.merge(&stretch(100, 10, 10));
        call.merge(&stretch(300, 2, 30));
        let network = call.inbound.network.expect("known");
        assert_eq!((network.expected, network.lost, call.inbound.packets), (400, 12, 388));
        assert_eq!((network.jitter, call.length), (ms(25), ms(8_000)));
        assert!((network.loss() - 0.03).abs() < 1e-9);
    }

    #[test]
    fn what_redundancy_gave_back_is_lost_on_the_way_and_not_in_the_ear() {
        let mut quality = stretch(100, 10, 5);
        let poor = quality.inbound.mos.expect("judged");
        quality.inbound.network.as_mut().expect("known").recovered = 10;
        quality.judge();
        assert!(poor < 3.6 && quality.inbound.mos.expect("judged") > 4.3);
        assert_eq!(quality.flaws(), [Flaw::LossIn], "the network was as bad all the same");
        assert!(!quality.is_poor());
    }

    #[test]
    fn nothing_is_said_of_what_nobody_can_know_or_of_a_handful() {
        let socket = Quality::new("websocket", Encoding::Pcm16);
        assert_eq!((socket.mos(), socket.flaws(), socket.is_poor()), (None, Vec::new(), false));
        let short = stretch(20, 10, 5);
        assert_eq!((short.mos(), short.flaws()), (None, Vec::new()));
    }

    #[test]
    fn holes_are_named_by_whose_they_are_and_make_poor_what_no_score_calls_so() {
        let mut quality = stretch(200, 0, 5);
        quality.outbound = Outbound { packets: 200, dry: ms(160), underruns: 1, ..Outbound::default() };
        assert_eq!((quality.flaws(), quality.is_poor()), (vec![Flaw::Underruns], true));
        quality.outbound = Outbound { packets: 200, late: 20, ..Outbound::default() };
        assert_eq!((quality.flaws(), quality.is_poor()), (vec![Flaw::LateOut], false));
        quality.outbound = Outbound::default();
        quality.inbound.network.as_mut().expect("known").gap = ms(400);
        assert_eq!((quality.flaws(), quality.is_poor()), (vec![Flaw::GapsIn], true));
    }

    #[test]
    fn what_is_unknown_of_one_leg_is_not_zero_of_the_call() {
        let mut call = stretch(100, 10, 10);
        call.merge(&Quality::new("websocket", Encoding::Pcm16));
        let network = call.inbound.network.expect("of the first leg");
        assert!((network.loss() - 0.1).abs() < 1e-9);
        let written = serde_json::to_value(Quality::new("websocket", Encoding::Pcm16)).expect("JSON");
        assert_eq!(
            (&written["inbound"]["network"], &written["round_trip"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
    }
}
