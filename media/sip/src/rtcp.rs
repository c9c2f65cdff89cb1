//! RTCP (RFC 3550 section 6) as far as it measures a call: we say how much we have sent, the far side says how it arrives.
//!
//! Pure. Reports of what we receive are not sent: that is measured here, and nobody asks for it.

use std::time::{Duration, Instant};

use media_core::leg::{Quality, Received};

/// RFC 3550 section 6.2 has five seconds as the least distance of reports.
const EVERY: Duration = Duration::from_secs(5);
/// The first comes sooner: a call may be short.
const FIRST: Duration = Duration::from_millis(1_000);
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const HEADER: usize = 12;

/// Of our one stream.
#[derive(Debug, Default)]
pub struct Reports {
    ssrc: u32,
    packets: u32,
    octets: u32,
    timestamp: u32,
    began: Option<Instant>,
    due: Option<Instant>,
}

impl Reports {
    /// A datagram of ours, as it goes out: what stands before its payload is never enciphered.
    pub fn sent(&mut self, datagram: &[u8], now: Instant) {
        if datagram.len() < HEADER {
            return;
        }
        self.began.get_or_insert(now);
        self.due.get_or_insert(now + FIRST);
        (self.timestamp, self.ssrc) = (word(datagram, 1), word(datagram, 2));
        self.packets = self.packets.wrapping_add(1);
        let payload = datagram.len().saturating_sub(HEADER);
        self.octets = self.octets.wrapping_add(u32::try_from(payload).unwrap_or_default());
    }

    /// When the next report is to be sent; `None` before anything was.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Our report, where it is due: a sender report without blocks, and a name that says nothing of who we are.
    pub fn report(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.due.take_if(|due| *due <= now)?;
        self.due = Some(now + EVERY);
        let clock = self.clock(now)?;
        let mut report = vec![0x80, SENDER_REPORT, 0, 6];
        report.extend(self.ssrc.to_be_bytes());
        report.extend(clock.to_be_bytes());
        for word in [self.timestamp, self.packets, self.octets] {
            report.extend(word.to_be_bytes());
        }
        let name = format!("{:08x}", self.ssrc);
        report.extend([0x81, DESCRIPTION, 0, 4]);
        report.extend(self.ssrc.to_be_bytes());
        report.extend([1, 8]);
        report.extend(name.as_bytes());
        // Ends the list, on a whole word.
        report.extend([0, 0]);
        Some(report)
    }

    /// What the far side says of our stream, whose clock ticks `clock_hz` times a second.
    #[must_use]
    pub fn heard(&self, datagram: &[u8], clock_hz: u32, now: Instant) -> Option<Quality> {
        let mut rest = datagram;
        while let [first, kind, high, low, ..] = *rest {
            let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
            if first >> 6 != 2 {
                return None;
            }
            let packet = rest.get(..length)?;
            let blocks = match kind {
                SENDER_REPORT => packet.get(28..),
                RECEIVER_REPORT => packet.get(8..),
                _ => None,
            };
            let blocks = blocks.unwrap_or_default().chunks_exact(24).take(usize::from(first & 0x1f));
            for block in blocks {
                if word(block, 0) == self.ssrc {
                    return Some(self.read(block, clock_hz, now));
                }
            }
            rest = rest.get(length..)?;
        }
        None
    }

    fn read(&self, block: &[u8], clock_hz: u32, now: Instant) -> Quality {
        // 24 bits with a sign: who counts duplicates may have seen more than was sent.
        let lost = word(block, 1) & 0x00ff_ffff;
        let lost = if lost & 0x0080_0000 == 0 { u64::from(lost) } else { 0 };
        let jitter = Duration::from_secs_f64(f64::from(word(block, 3)) / f64::from(clock_hz.max(1)));
        let received = Received { highest: word(block, 2).into(), lost, jitter };
        let (last, held) = (word(block, 4), word(block, 5));
        // RFC 3550 section 6.4.1, in units of 1/65536 s; none of our reports has reached them where it is zero.
        let passed = self.clock(now).filter(|_| last != 0).map(|clock| {
            let middle = (clock >> 16) as u32;
            let passed = middle.wrapping_sub(last).wrapping_sub(held);
            // Who counts in milliseconds may have held it a little longer than the way there and back took.
            if passed > u32::MAX - (1 << 16) { 0 } else { passed }
        });
        let far = passed.filter(|passed| *passed < 60 << 16);
        let round_trip = far.map(|passed| Duration::from_secs_f64(f64::from(passed) / 65_536.0));
        Quality { received: Some(received), round_trip }
    }

    /// As an NTP timestamp: time since we began, which RFC 3550 allows where it is not to be compared with other senders'.
    fn clock(&self, now: Instant) -> Option<u64> {
        let passed = now.saturating_duration_since(self.began?) + Duration::from_secs(1);
        Some((passed.as_secs() << 32) | ((u64::from(passed.subsec_nanos()) << 32) / 1_000_000_000))
    }
}

fn word(block: &[u8], n: usize) -> u32 {
    let bytes = block.get(4 * n..).and_then(|rest| rest.first_chunk::<4>());
    bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;
    use crate::rtp::Header;

    fn sending(now: Instant) -> Reports {
        let mut reports = Reports::default();
        let header =
            Header { payload_type: 0, marker: false, sequence: 65_535, timestamp: 160, ssrc: 0xabcd };
        for _ in 0..50 {
            reports.sent(&header.datagram(&[0xff; 160]), now);
        }
        reports
    }

    /// A receiver report behind a block about somebody else.
    fn answer(lost: u32, last: u32, held: u32) -> Vec<u8> {
        let mut datagram = vec![0x82, RECEIVER_REPORT, 0, 13, 0, 0, 0, 9];
        for ssrc in [7_u32, 0xabcd] {
            for word in [ssrc, 26 << 24 | lost, 0x0001_0031, 80, last, held] {
                datagram.extend(word.to_be_bytes());
            }
        }
        datagram
    }

    #[test]
    fn our_report_says_what_was_sent_and_comes_back_as_a_round_trip() {
        let begun = Instant::now();
        let mut reports = sending(begun);
        assert_eq!(reports.report(begun), None, "not yet");
        let at = begun + FIRST;
        let report = reports.report(at).expect("due");
        assert_eq!((report.len() % 4, report[1], word(&report, 1)), (0, SENDER_REPORT, 0xabcd));
        assert_eq!((word(&report, 4), word(&report, 5), word(&report, 6)), (160, 50, 8_000));
        assert_eq!((report[29], report[30], report[31]), (DESCRIPTION, 0, 4), "with a name behind it");
        assert_eq!(report.len(), 28 + 20);
        assert_eq!(reports.due(), Some(at + EVERY));
        let last = word(&report, 2) << 16 | word(&report, 3) >> 16;
        // It lay there for half a second, and the way takes 80 ms.
        let quality = reports
            .heard(&answer(5, last, 1 << 15), 8_000, at + Duration::from_millis(580))
            .expect("about us");
        let round_trip = quality.round_trip.expect("known").as_secs_f64();
        assert!((round_trip - 0.08).abs() < 0.001, "{round_trip}");
        let jitter = Duration::from_millis(10);
        assert_eq!(quality.received, Some(Received { highest: 65_585, lost: 5, jitter }));
        let rounded = reports.heard(&answer(5, last, 1 << 15), 8_000, at + Duration::from_millis(499));
        assert_eq!(rounded.and_then(|quality| quality.round_trip), Some(Duration::ZERO));
    }

    #[test]
    fn what_nobody_knows_is_not_made_up() {
        let now = Instant::now();
        let reports = sending(now);
        let quality = reports.heard(&answer(0x00ff_ffff, 0, 0), 8_000, now).expect("about us");
        assert_eq!((quality.round_trip, quality.received.map(|received| received.lost)), (None, Some(0)));
        assert_eq!(Reports::default().heard(&answer(1, 0, 0), 8_000, now), None, "nothing of ours was sent");
    }

    proptest::proptest! {
        #![proptest_config(testkit::seed::cases(256))]

        #[test]
        fn no_report_panics(mut datagram in proptest::collection::vec(0_u8.., 0..120), kind in 199_u8..204) {
            let now = Instant::now();
            let reports = sending(now);
            let _ = reports.heard(&datagram, 8_000, now);
            if let [first, second, high, ..] = datagram.as_mut_slice() {
                (*first, *second, *high) = (*first & 0x3f | 0x80, kind, 0);
            }
            let _ = reports.heard(&datagram, 0, now);
        }
    }
}
