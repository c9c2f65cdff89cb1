//! One RTP timeline out of the tracks that are heard one after the other: another track counts its packets as it likes, the session must
//! see time pass.

use std::time::Instant;

use media_core::Packet;

#[derive(Debug, Default)]
pub(crate) struct Splice {
    /// What is added to the numbers of the track that is heard now.
    sequence: u16,
    timestamp: u32,
    last: Option<Last>,
    fresh: Fresh,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Fresh {
    #[default]
    No,
    /// Another track, after the time that has passed.
    Another,
    /// What follows without a gap.
    Following,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    sequence: u16,
    timestamp: u32,
    /// How long it sounds.
    units: u32,
    at: Instant,
}

impl Splice {
    /// Packets from now on are those of another track.
    pub(crate) const fn cut(&mut self) {
        self.fresh = Fresh::Another;
    }

    /// Packets from now on are of another track and follow the one before in time.
    pub(crate) const fn follow(&mut self) {
        self.fresh = Fresh::Following;
    }

    pub(crate) fn next(&mut self, mut packet: Packet) -> Packet {
        let fresh = std::mem::take(&mut self.fresh);
        if fresh != Fresh::No
            && let Some(last) = self.last
        {
            let passed = packet.at.saturating_duration_since(last.at);
            let units = match fresh {
                Fresh::Following => last.units,
                _ => (passed.as_micros() * u128::from(packet.codec.clock_hz()) / 1_000_000) as u32,
            };
            // A step of nothing would make two packets one.
            let timestamp = last.timestamp.wrapping_add(units.max(960));
            self.sequence = last.sequence.wrapping_add(1).wrapping_sub(packet.sequence);
            self.timestamp = timestamp.wrapping_sub(packet.timestamp);
            packet.marker = true;
        }
        packet.sequence = packet.sequence.wrapping_add(self.sequence);
        packet.timestamp = packet.timestamp.wrapping_add(self.timestamp);
        let ahead = self.last.is_none_or(|last| packet.sequence.wrapping_sub(last.sequence) < 1 << 15);
        if ahead {
            let Packet { sequence, timestamp, at, .. } = packet;
            self.last = Some(Last { sequence, timestamp, units: packet.units().unwrap_or(960), at });
        }
        packet
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use media_core::Codec;

    use super::*;

    fn packet(sequence: u16, timestamp: u32, at: Instant) -> Packet {
        let payload = [0x78].as_slice().into();
        Packet { codec: Codec::Opus, sequence, timestamp, marker: false, payload, at }
    }

    #[test]
    fn another_track_goes_on_where_the_one_before_stopped_and_time_has_passed() {
        let begun = tokio::time::Instant::now().into_std();
        let mut splice = Splice::default();
        let first = splice.next(packet(65_535, 1_000, begun));
        assert_eq!((first.sequence, first.timestamp), (65_535, 1_000));
        splice.cut();
        let second = splice.next(packet(77, 9_000_000, begun + Duration::from_millis(100)));
        assert_eq!((second.sequence, second.timestamp, second.marker), (0, 5_800, true));
        let third = splice.next(packet(78, 9_000_960, begun + Duration::from_millis(120)));
        assert_eq!((third.sequence, third.timestamp, third.marker), (1, 6_760, false));
    }

    #[test]
    fn what_follows_leaves_no_gap_however_much_time_has_passed() {
        let begun = tokio::time::Instant::now().into_std();
        let mut splice = Splice::default();
        splice.next(packet(7, 1_000, begun));
        splice.follow();
        let next = splice.next(packet(900, 5_000_000, begun + Duration::from_secs(3)));
        assert_eq!((next.sequence, next.timestamp), (8, 1_960));
    }

    #[test]
    fn a_late_packet_moves_nothing() {
        let begun = tokio::time::Instant::now().into_std();
        let mut splice = Splice::default();
        splice.next(packet(5, 5_000, begun));
        splice.next(packet(4, 4_040, begun + Duration::from_millis(5)));
        splice.cut();
        assert_eq!(splice.next(packet(900, 0, begun + Duration::from_millis(20))).sequence, 6);
    }
}
