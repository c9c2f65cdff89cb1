//! The RTP timeline we send: 16-bit sequence numbers extended, so that SRTP's rollover counter is right for ever.

/// Extends 16-bit sequence numbers. The first is taken as it is (rollover counter 0, which a fresh SRTP receiver assumes).
#[derive(Debug, Default)]
pub(crate) struct Extender {
    last: Option<u64>,
}

impl Extender {
    pub(crate) fn extend(&mut self, sequence: u16) -> u64 {
        let extended = match self.last {
            None => u64::from(sequence),
            Some(last) => {
                let ahead = sequence.wrapping_sub(last as u16) as i16;
                // Never below zero: a late packet before the very first has no index in SRTP.
                last.saturating_add_signed(i64::from(ahead))
            }
        };
        self.last = Some(self.last.map_or(extended, |last| last.max(extended)));
        extended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_goes_on_over_the_wrap_and_takes_late_packets() {
        let mut extender = Extender::default();
        assert_eq!(extender.extend(65_534), 65_534);
        assert_eq!(extender.extend(65_535), 65_535);
        assert_eq!(extender.extend(1), 65_537);
        assert_eq!(extender.extend(0), 65_536, "late by one");
        assert_eq!(extender.extend(2), 65_538);
    }

    #[test]
    fn a_packet_before_the_first_does_not_underflow() {
        let mut extender = Extender::default();
        extender.extend(3);
        assert_eq!(extender.extend(65_000), 0);
    }
}
