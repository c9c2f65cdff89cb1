//! RTP (RFC 3550) as far as a phone needs it: packets as bytes, our one timeline, and whom to send to.
//!
//! Pure: bytes and `now` in, headers and deadlines out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::FRAME;

const HEADER: usize = 12;
/// Another source takes over once the one we listen to was silent for so long.
const TAKE_OVER: Duration = Duration::from_secs(2);
/// The agent's voice may be late by this before the pause is filled, and time that passed unfilled is skipped.
const LATE: Duration = Duration::from_millis(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Header {
    /// Reads a datagram. `None` where it is no RTP, or RTCP on the same port.
    #[must_use]
    pub fn parse(datagram: &[u8]) -> Option<(Self, Bytes)> {
        let fixed: &[u8; HEADER] = datagram.first_chunk()?;
        // RFC 5761: packet types 64 to 95 with the marker bit are RTCP's.
        if fixed[0] >> 6 != 2 || (192..=223).contains(&fixed[1]) {
            return None;
        }
        let mut body = datagram.get(HEADER + 4 * usize::from(fixed[0] & 0x0f)..)?;
        if fixed[0] & 0x10 != 0 {
            let [_, _, high, low] = *body.first_chunk::<4>()?;
            body = body.get(4 + 4 * usize::from(u16::from_be_bytes([high, low]))..)?;
        }
        if fixed[0] & 0x20 != 0 {
            let padding = usize::from(*body.last()?);
            body = body.get(..body.len().checked_sub(padding.max(1))?)?;
        }
        let header = Self {
            payload_type: fixed[1] & 0x7f,
            marker: fixed[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        };
        Some((header, Bytes::copy_from_slice(body)))
    }

    #[must_use]
    pub fn datagram(&self, payload: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::with_capacity(HEADER + payload.len());
        datagram.push(0x80);
        datagram.push(self.payload_type & 0x7f | if self.marker { 0x80 } else { 0 });
        datagram.extend_from_slice(&self.sequence.to_be_bytes());
        datagram.extend_from_slice(&self.timestamp.to_be_bytes());
        datagram.extend_from_slice(&self.ssrc.to_be_bytes());
        datagram.extend_from_slice(payload);
        datagram
    }
}

/// The one timeline of a leg: one source, one count, whatever speaks and in whichever codec. Pauses of the agent are
/// filled, so that neither a carrier nor a router between takes the call for dead.
#[derive(Debug)]
pub struct Timeline {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// When `timestamp` is to be heard; `None` before the first packet.
    due: Option<Instant>,
    /// The last packet filled a pause.
    filling: bool,
    /// When the key that is sent now began.
    pressed: u32,
}

impl Timeline {
    /// RFC 3550 wants all three random.
    #[must_use]
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp, due: None, filling: true, pressed: 0 }
    }

    /// The header of the agent's next packet, which sounds for `units` of a clock of `clock_hz`.
    pub fn voice(&mut self, payload_type: u8, units: u32, clock_hz: u32, now: Instant) -> Header {
        let begins = self.filling;
        self.filling = false;
        self.next(payload_type, units, clock_hz, begins, now)
    }

    /// When a pause is to be filled, unless the agent speaks before.
    #[must_use]
    pub fn fill_due(&self, now: Instant) -> Instant {
        self.due.map_or(now, |due| if self.filling { due } else { due + LATE })
    }

    /// When the next packet is to be heard.
    #[must_use]
    pub fn due(&self, now: Instant) -> Instant {
        self.due.unwrap_or(now)
    }

    /// The header of a packet about a key, 20 ms after the one before: all of one press have the time at which it began (RFC 4733 section 2.5.1.2).
    pub fn key(&mut self, payload_type: u8, begins: bool, clock_hz: u32, now: Instant) -> Header {
        self.filling = true;
        let header = self.next(payload_type, frame_units(clock_hz), clock_hz, begins, now);
        if begins {
            self.pressed = header.timestamp;
        }
        Header { timestamp: self.pressed, marker: begins, ..header }
    }

    /// The header of a packet that fills a pause.
    pub fn fill(&mut self, payload_type: u8, units: u32, clock_hz: u32, now: Instant) -> Header {
        self.filling = true;
        self.next(payload_type, units, clock_hz, false, now)
    }

    fn next(&mut self, payload_type: u8, units: u32, clock_hz: u32, begins: bool, now: Instant) -> Header {
        let due = self.due.unwrap_or(now);
        let late = now.saturating_duration_since(due);
        // Held, or stopped for a while: time passed without us.
        let skipped = if late > LATE { late } else { Duration::ZERO };
        self.timestamp = self.timestamp.wrapping_add(units_of(skipped, clock_hz));
        let header = Header {
            payload_type,
            marker: begins || !skipped.is_zero(),
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(units);
        self.due = Some(due + skipped + length(units, clock_hz));
        header
    }
}

/// Whom we hear and send to: symmetric RTP. The address in the description counts until audio comes from somewhere; then
/// that does, since a router between may have changed it. Nobody else can take the call over while it is heard.
#[derive(Debug, Default)]
pub struct Latch {
    signalled: Option<SocketAddr>,
    heard: Option<(SocketAddr, Instant)>,
}

impl Latch {
    /// A description came. A new address in it counts at once.
    pub fn signal(&mut self, address: Option<SocketAddr>) {
        if self.signalled != address {
            self.signalled = address;
            self.heard = None;
        }
    }

    /// Whether a packet from there is the caller's.
    pub fn hears(&mut self, from: SocketAddr, now: Instant) -> bool {
        let ours = match self.heard {
            None => true,
            Some((address, _)) if address == from => true,
            // The address of the description may always come in later than somebody else.
            Some((address, last)) => {
                let named = self.signalled == Some(from) && self.signalled != Some(address);
                named || now.saturating_duration_since(last) > TAKE_OVER
            }
        };
        if ours {
            self.heard = Some((from, now));
        }
        ours
    }

    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.heard.map(|(address, _)| address).or(self.signalled)
    }
}

/// Whether a packet is newer than the last one, or the first.
#[must_use]
pub fn is_ahead(last: Option<u16>, sequence: u16) -> bool {
    last.is_none_or(|last| (1..0x8000).contains(&sequence.wrapping_sub(last)))
}

/// Of one frame.
#[must_use]
pub fn frame_units(clock_hz: u32) -> u32 {
    units_of(FRAME, clock_hz)
}

fn units_of(duration: Duration, clock_hz: u32) -> u32 {
    // Wraps like the timestamp it is added to.
    (duration.as_micros() * u128::from(clock_hz) / 1_000_000) as u32
}

fn length(units: u32, clock_hz: u32) -> Duration {
    Duration::from_micros(u64::from(units) * 1_000_000 / u64::from(clock_hz.max(1)))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("address")
    }

    #[test]
    fn a_packet_reads_as_it_was_written_with_sources_extension_and_padding_taken_off() {
        let header = Header { payload_type: 101, marker: true, sequence: 65_535, timestamp: 7, ssrc: 9 };
        let datagram = header.datagram(b"abc");
        assert_eq!(Header::parse(&datagram), Some((header, Bytes::from_static(b"abc"))));
        let mut full = datagram[..HEADER].to_vec();
        full[0] |= 0x31;
        full.extend([0; 4]);
        full.extend([0xbe, 0xde, 0, 1, 0, 0, 0, 0]);
        full.extend(b"abc\x00\x02");
        assert_eq!(Header::parse(&full), Some((header, Bytes::from_static(b"abc"))));
        let mut report = datagram;
        report[1] = 200;
        assert_eq!(Header::parse(&report), None, "RTCP");
    }

    proptest::proptest! {
        #![proptest_config(testkit::seed::cases(256))]

        #[test]
        fn no_datagram_panics(datagram in proptest::collection::vec(0_u8.., 0..80)) {
            let _ = Header::parse(&datagram);
            let mut like = datagram;
            if let Some(first) = like.first_mut() { *first = 0x80 | *first & 0x3f; }
            let _ = Header::parse(&like);
        }
    }

    #[test]
    fn pauses_are_filled_every_20_ms_and_speech_goes_on_in_the_same_count() {
        let start = Instant::now();
        let mut timeline = Timeline::new(1, u16::MAX, u32::MAX - 159);
        let first = timeline.voice(0, 160, 8_000, start);
        assert_eq!((first.sequence, first.timestamp, first.marker), (u16::MAX, u32::MAX - 159, true));
        let second = timeline.voice(0, 160, 8_000, start + ms(21));
        assert_eq!((second.sequence, second.timestamp, second.marker), (0, 0, false));
        // The next may be late; only then is the pause filled, and filled on the grid from then on.
        assert_eq!(timeline.fill_due(start + ms(40)), start + ms(100));
        let filled = timeline.fill(0, 160, 8_000, start + ms(100));
        assert_eq!((filled.sequence, filled.timestamp), (1, 160));
        assert_eq!(timeline.fill_due(start + ms(100)), start + ms(60));
        for n in 0..3 {
            timeline.fill(0, 160, 8_000, start + ms(100 + n));
        }
        assert_eq!(timeline.fill_due(start + ms(110)), start + ms(120), "caught up");
        let again = timeline.voice(0, 160, 8_000, start + ms(115));
        assert_eq!((again.sequence, again.timestamp, again.marker), (5, 800, true));
    }

    #[test]
    fn time_on_hold_is_skipped_and_another_codec_counts_on_its_own_clock() {
        let start = Instant::now();
        let mut timeline = Timeline::new(1, 0, 0);
        timeline.voice(0, 160, 8_000, start);
        let after = timeline.voice(0, 160, 8_000, start + ms(1_020));
        assert_eq!((after.timestamp, after.marker), (8_160, true));
        let opus = timeline.voice(111, 960, 48_000, start + ms(1_040));
        assert_eq!((opus.sequence, opus.timestamp, opus.payload_type), (2, 8_320, 111));
    }

    #[test]
    fn audio_from_behind_a_router_counts_and_strangers_do_not() {
        let start = Instant::now();
        let (named, real, stranger) =
            (address("10.0.0.1:4000"), address("192.0.2.9:61000"), address("198.51.100.1:1"));
        let mut latch = Latch::default();
        latch.signal(Some(named));
        assert_eq!(latch.remote(), Some(named));
        assert!(latch.hears(real, start));
        assert_eq!(latch.remote(), Some(real));
        assert!(!latch.hears(stranger, start + ms(100)));
        assert_eq!(latch.remote(), Some(real));
        assert!(latch.hears(named, start + ms(200)), "whom the description names is believed");
        assert!(!latch.hears(real, start + ms(210)), "and is not pushed out");
        assert!(latch.hears(real, start + ms(2_300)), "unless it fell silent");
        latch.signal(Some(named));
        assert_eq!(latch.remote(), Some(real), "nothing new was said");
        latch.signal(Some(stranger));
        assert_eq!(latch.remote(), Some(stranger), "moved");
    }
}
