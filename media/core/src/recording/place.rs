//! Where a packet lies in its recording: on the call's clock, although packets come late, in bursts, or not at all.
//!
//! Packets are kept for a moment, so that the earliest of several tells where all of them belong: a packet that is
//! merely late would open a gap in the middle of a word otherwise. Sans-IO; nothing is decoded.

use std::collections::VecDeque;
use std::time::Duration;

use crate::packet::{Codec, Packet};

/// How far the file may be off the clock before silence mends it.
const TOLERANCE: Duration = Duration::from_millis(15);
/// The same where too few packets are held to tell a late one from one that was paused before: at the end of a stream.
const TOLERANCE_BLIND: Duration = Duration::from_millis(120);
/// A sender's clock that jumps further ahead of what has passed is another clock.
const JUMP: Duration = Duration::from_secs(1);
/// Who sends faster than time passes must not fill the disk: what lies further ahead of the clock is left out.
const AHEAD_MOST: Duration = Duration::from_secs(60);
/// A packet that is this many behind the one before is late; further behind, its sender counts anew.
const LATE_MOST: i16 = 500;
/// A sample below this is quiet: what may be left out where the sender's clock is faster than ours.
const QUIET: u16 = 104;
/// Opus of silence or comfort noise is no longer.
const QUIET_OPUS_BYTES: usize = 8;

/// What to write next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// In units of the codec's clock.
    Silence(u64),
    Packet(Packet),
}

/// When a packet's audio was, relative to its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// It came when its last sample had been spoken.
    End,
    /// It was due when its first sample was to sound.
    Begin,
}

pub struct Placement {
    clock_hz: u64,
    stamp: Stamp,
    hold: Duration,
    held: VecDeque<Held>,
    /// Of the packet written last, and the timestamp that follows it.
    last: Option<(u16, u32)>,
    /// Nothing is written yet.
    fresh: bool,
}

struct Held {
    packet: Packet,
    at: Duration,
    units: u32,
    /// Where its first sample belongs, in units since the recording's begin.
    due: i64,
}

impl Placement {
    /// Packets are kept for `hold`; 0 where they come exactly on time.
    #[must_use]
    pub fn new(codec: Codec, stamp: Stamp, hold: Duration) -> Self {
        let clock_hz = u64::from(codec.clock_hz().max(1));
        Self { clock_hz, stamp, hold, held: VecDeque::new(), last: None, fresh: true }
    }

    /// `at` counts from the recording's begin. What is no audio, came twice, or came too late is left out.
    pub fn push(&mut self, packet: Packet, at: Duration) {
        let Some(units) = packet.units() else { return };
        let end = self.units(at);
        let due = match self.stamp {
            Stamp::End => end - i64::from(units),
            Stamp::Begin => end,
        };
        let behind = |sequence: u16| packet.sequence.wrapping_sub(sequence) as i16;
        let is_late = self.last.is_some_and(|(sequence, _)| (-LATE_MOST..=0).contains(&behind(sequence)));
        if is_late || self.held.iter().any(|held| held.packet.sequence == packet.sequence) {
            return;
        }
        let place =
            self.held.iter().rposition(|held| !(-LATE_MOST..0).contains(&behind(held.packet.sequence)));
        self.held.insert(place.map_or(0, |place| place + 1), Held { packet, at, units, due });
    }

    /// The packets to come count anew. Call after `poll` has given all that came before.
    pub fn restart(&mut self) {
        self.last = None;
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The next step, where it can be decided at `now` (`None`: everything must go); `written` is what the recording holds,
    /// in units. Call until `None`.
    pub fn poll(&mut self, now: Option<Duration>, written: u64) -> Option<Step> {
        loop {
            let front = self.held.front()?;
            if now.is_some_and(|now| front.at + self.hold > now) {
                return None;
            }
            let silence = self.before_front(i64::try_from(written).unwrap_or(i64::MAX));
            if silence > 0 {
                // With that it lies where it belongs.
                self.last = self.last.map(|(sequence, _)| (sequence, self.held[0].packet.timestamp));
                self.fresh = false;
                return Some(Step::Silence(silence.unsigned_abs()));
            }
            let front = self.held.pop_front()?;
            let next = front.packet.timestamp.wrapping_add(front.units);
            self.last = Some((front.packet.sequence, next));
            let ahead = silence < -self.units(AHEAD_MOST);
            if ahead || (silence < 0 && is_quiet(&front.packet)) {
                continue;
            }
            self.fresh = false;
            return Some(Step::Packet(front.packet));
        }
    }

    /// Silence that is missing before the first held packet; negative where the recording is ahead of the clock.
    fn before_front(&self, written: i64) -> i64 {
        let Some(front) = self.held.front() else { return 0 };
        let gap = self.gap(front, written);
        let mut after = 0;
        let mut lag = i64::MAX;
        for held in &self.held {
            let apart = i64::from(held.packet.timestamp.wrapping_sub(front.packet.timestamp) as i32);
            // Where the sender's clock jumps, its packets follow one another.
            let place = if (after..=after + self.units(JUMP)).contains(&apart) { apart } else { after };
            lag = lag.min(held.due - (written + gap + place));
            after = place + i64::from(held.units);
        }
        if self.fresh {
            return (gap + lag).max(0);
        }
        let seen = self.held.back().map_or(Duration::ZERO, |last| last.at.saturating_sub(front.at));
        let tolerance = if seen < self.hold / 2 { TOLERANCE_BLIND } else { TOLERANCE };
        if lag.abs() <= self.units(tolerance) { gap } else { gap + lag }
    }

    /// What the sender itself left out before this packet, by its timestamps.
    fn gap(&self, front: &Held, written: i64) -> i64 {
        let Some((_, expected)) = self.last else { return 0 };
        let gap = i64::from(front.packet.timestamp.wrapping_sub(expected) as i32);
        let passed = (front.due - written).max(0) + self.units(JUMP);
        if (0..=passed).contains(&gap) { gap } else { 0 }
    }

    fn units(&self, length: Duration) -> i64 {
        let units = length.as_nanos() * u128::from(self.clock_hz) / 1_000_000_000;
        i64::try_from(units).unwrap_or(i64::MAX)
    }
}

/// Whether it can be left out unheard.
fn is_quiet(packet: &Packet) -> bool {
    match packet.codec {
        Codec::Opus => packet.payload.len() <= QUIET_OPUS_BYTES,
        Codec::Pcm16 { .. } => {
            let mut samples =
                packet.payload.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            samples.all(|sample| sample.unsigned_abs() <= QUIET)
        }
        // Both laws have the smallest magnitudes beside these bytes, sign apart.
        Codec::Pcmu => packet.payload.iter().all(|byte| !byte & 0x7f < 0x10),
        Codec::Pcma => packet.payload.iter().all(|byte| (byte ^ 0x55) & 0x7f < 0x08),
    }
}
