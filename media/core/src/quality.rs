//! What the network did to a stream: loss, jitter, lateness, and what a listener would say of it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::packet::{Codec, Packet};

/// Counts since the stream began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Every packet that was pushed, duplicates too.
    pub received: u64,
    /// Packets given out.
    pub delivered: u64,
    /// Packets given up on.
    pub lost: u64,
    /// Packets that came after they were given up on; they count as lost too.
    pub late: u64,
    pub duplicates: u64,
    /// Packets that came after a later one, late or not.
    pub reordered: u64,
    /// The stream began anew: sequence or timestamp jumped.
    pub resyncs: u64,
    /// Packets dropped since too many were pushed without a poll.
    pub overflow: u64,
    /// Interarrival jitter, RFC 3550 section 6.4.1.
    pub jitter: Duration,
}

impl Statistics {
    /// Share of the packets between `earlier` and now that never served, 0 to 1.
    #[must_use]
    pub fn loss_since(&self, earlier: &Self) -> f32 {
        let lost = self.lost.saturating_sub(earlier.lost);
        let delivered = self.delivered.saturating_sub(earlier.delivered);
        if lost + delivered == 0 { 0.0 } else { lost as f32 / (lost + delivered) as f32 }
    }
}

/// RFC 3550 section 6.4.1 and A.8.
#[derive(Debug, Clone, Default)]
pub struct Jitter {
    last: Option<(Instant, u32, Codec)>,
    smoothed_s: f64,
}

impl Jitter {
    pub fn arrived(&mut self, packet: &Packet) {
        let before = self.last.replace((packet.at, packet.timestamp, packet.codec));
        let Some((at, timestamp, codec)) = before.filter(|(.., codec)| *codec == packet.codec) else {
            return;
        };
        let sent_s =
            f64::from(packet.timestamp.wrapping_sub(timestamp) as i32) / f64::from(codec.clock_hz().max(1));
        // A pause of the sender, or a jump of its clock, tells nothing about the network.
        if sent_s.abs() > 1.0 {
            return;
        }
        let received_s = packet.at.saturating_duration_since(at).as_secs_f64();
        let difference = (received_s - sent_s).abs().min(1.0);
        self.smoothed_s += (difference - self.smoothed_s) / 16.0;
    }

    /// The clock was restarted: the next packet is compared with none.
    pub fn restart(&mut self) {
        self.last = None;
    }

    #[must_use]
    pub fn smoothed(&self) -> Duration {
        Duration::from_secs_f64(self.smoothed_s)
    }
}

/// Mean opinion score, 1 to 4.5, by the E-model of ITU-T G.107 with its default values. `one_way` is mouth to ear.
#[must_use]
pub fn mean_opinion_score(codec: Codec, loss: f32, one_way: Duration) -> f32 {
    // Equipment impairment and robustness against loss with concealment, G.113 appendix I; Opus with in-band
    // redundancy taken like the best that it lists.
    let (impairment, robustness) = match codec {
        Codec::Opus => (0.0, 30.0),
        Codec::Pcmu | Codec::Pcma => (0.0, 25.1),
        Codec::Pcm16 { .. } => (0.0, 25.1),
    };
    let loss_percent = loss.clamp(0.0, 1.0) * 100.0;
    let equipment = impairment + (95.0 - impairment) * loss_percent / (loss_percent + robustness);
    let delay_ms = one_way.as_secs_f32() * 1000.0;
    let delay = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
    let rating = (93.2 - delay - equipment).clamp(0.0, 100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn packet(timestamp: u32, at: Instant) -> Packet {
        Packet { codec: Codec::Pcmu, sequence: 0, timestamp, marker: false, payload: Bytes::new(), at }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
    fn jitter_settles_at_the_mean_deviation() {
        let start = Instant::now();
        let mut jitter = Jitter::default();
        for n in 0..400_u32 {
            let delay_ms = if n % 2 == 0 { 0 } else { 15 };
            jitter.arrived(&packet(n * 160, start + Duration::from_millis(u64::from(n) * 20 + delay_ms)));
        }
        assert!((jitter.smoothed().as_secs_f64() - 0.015).abs() < 0.001, "{:?}", jitter.smoothed());
    }

    #[test]
    fn a_clean_call_is_good_and_a_bad_one_is_bad() {
        let good = mean_opinion_score(Codec::Opus, 0.0, Duration::from_millis(60));
        let poor = mean_opinion_score(Codec::Pcmu, 0.10, Duration::from_millis(60));
        let hopeless = mean_opinion_score(Codec::Pcmu, 0.5, Duration::from_millis(600));
        assert!(good > 4.3 && poor < 3.6 && poor > 2.5 && hopeless < 1.5, "{good} {poor} {hopeless}");
    }
}
