//! What the network did to a stream: loss, jitter, lateness. What a listener would say of it stands in `domain::quality`.

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
    /// What that is smoothed of: by how much packets came further apart, or closer, than they were sent, added up, and how many were.
    pub deviation: Duration,
    pub deviations: u64,
}

impl Statistics {
    /// Share of the packets between `earlier` and now that never served, 0 to 1.
    #[must_use]
    pub fn loss_since(&self, earlier: &Self) -> f32 {
        let lost = self.lost.saturating_sub(earlier.lost);
        let delivered = self.delivered.saturating_sub(earlier.delivered);
        if lost + delivered == 0 { 0.0 } else { lost as f32 / (lost + delivered) as f32 }
    }

    /// Of both streams, of which the later has the jitter.
    #[must_use]
    pub fn followed_by(self, later: Self) -> Self {
        Self {
            received: self.received + later.received,
            delivered: self.delivered + later.delivered,
            lost: self.lost + later.lost,
            late: self.late + later.late,
            duplicates: self.duplicates + later.duplicates,
            reordered: self.reordered + later.reordered,
            resyncs: self.resyncs + later.resyncs,
            overflow: self.overflow + later.overflow,
            jitter: later.jitter,
            deviation: self.deviation + later.deviation,
            deviations: self.deviations + later.deviations,
        }
    }
}

/// RFC 3550 section 6.4.1 and A.8.
#[derive(Debug, Clone, Default)]
pub struct Jitter {
    last: Option<(Instant, u32, Codec)>,
    smoothed_s: f64,
    sum_s: f64,
    count: u64,
}

impl Jitter {
    pub fn arrived(&mut self, packet: &Packet) {
        if packet.payload.is_empty() {
            return; // keys and comfort noise are stamped otherwise
        }
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
        self.sum_s += difference;
        self.count += 1;
    }

    /// The clock was restarted: the next packet is compared with none.
    pub fn restart(&mut self) {
        self.last = None;
    }

    #[must_use]
    pub fn smoothed(&self) -> Duration {
        Duration::from_secs_f64(self.smoothed_s)
    }

    /// All that was smoothed, added up, and how many it were.
    #[must_use]
    pub fn sum(&self) -> (Duration, u64) {
        (Duration::from_secs_f64(self.sum_s), self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn packet(timestamp: u32, at: Instant) -> Packet {
        Packet {
            codec: Codec::Pcmu,
            sequence: 0,
            timestamp,
            marker: false,
            payload: Bytes::from_static(&[0xff]),
            at,
        }
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
        let (sum, count) = jitter.sum();
        assert_eq!(count, 399);
        assert!((sum.as_secs_f64() / 399.0 - 0.015).abs() < 1e-6, "{sum:?}");
    }
}
