//! Jitter buffer for a listener that is a machine: packets in order pass at once, only a missing one is waited for.
//!
//! Nobody plays this audio, it feeds detection and recognition, so an even pace is worth nothing and every millisecond
//! of delay is felt in the answer. How long a missing packet is waited for is learned from how late reordered
//! packets really were. It decodes nothing and knows no silence of a sender that stops sending (see `inbound`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::MediaTime;
use serde::{Deserialize, Serialize};

use crate::packet::{Codec, Packet};
use crate::quality::{self, Statistics};

/// A jump of the sequence further than this is a new stream, RFC 3550 appendix A.1.
const DROPOUT_MAX: i16 = 500;
const MISORDER_MAX: i16 = 100;
/// How many arrivals are remembered, to tell duplicates from late packets. More than `MISORDER_MAX`.
const REMEMBERED: usize = 128;
/// A reordered packet raises the wait to its own lateness and this.
const MARGIN: Duration = Duration::from_millis(5);
/// The learned wait loses this part with every packet: about ten seconds to forget.
const FORGET: u32 = 512;
/// A pause longer than this is taken for a jump of the clock.
const PAUSE_MAX_S: u32 = 600;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// A missing packet is waited for at least and at most this long, in ms. Defaults 20 and 120.
    pub wait_min_ms: u64,
    pub wait_max_ms: u64,
    /// Packets kept behind a gap; when more come, the gap is given up. Default 64.
    pub capacity: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { wait_min_ms: 20, wait_max_ms: 120, capacity: 64 }
    }
}

impl Options {
    pub fn validate(&self) -> Result<(), String> {
        if self.wait_min_ms > self.wait_max_ms || self.wait_max_ms > 1_000 {
            return Err("jitter: wait_min_ms <= wait_max_ms <= 1000".to_owned());
        }
        if !(2..=1_024).contains(&self.capacity) {
            return Err("jitter: capacity is 2 to 1024 packets".to_owned());
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    Packet(Packet),
    /// Nothing came, or will come in time, for this stretch.
    Hole {
        /// In units of the codec's clock.
        timestamp: u32,
        duration: MediaTime,
        cause: Cause,
    },
    /// Nothing now; poll again after the next push, or at this instant.
    Wait(Option<Instant>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// One packet was lost. `next` is the payload of the packet after it, where that one has come: it may carry
    /// redundancy for the lost one.
    Lost { next: Option<Bytes> },
    /// The sender sent nothing (discontinuous transmission, mute): the timestamp went on, the sequence did not.
    Pause,
}

pub struct Jitter {
    options: Options,
    /// Ascending by position, no position twice, none before `next`.
    queue: VecDeque<Queued>,
    /// Position of the packet to give next. Positions extend sequence numbers and never wrap.
    next: Option<i64>,
    highest: Option<(i64, u16)>,
    /// Timestamp just after what was given last.
    expected: Option<(Codec, u32)>,
    /// Length of the packet given last, in units of its clock.
    last_units: u32,
    remembered: [Option<(i64, Instant)>; REMEMBERED],
    /// First packet of what may be a new stream; the next one decides.
    suspect: Option<(Packet, Instant)>,
    learned: Duration,
    jitter: quality::Jitter,
    statistics: Statistics,
}

struct Queued {
    position: i64,
    arrived: Instant,
    /// Begins a new stream: its timestamp has nothing to do with the one before.
    fresh: bool,
    packet: Packet,
}

impl Jitter {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            queue: VecDeque::new(),
            next: None,
            highest: None,
            expected: None,
            last_units: 0,
            remembered: [None; REMEMBERED],
            suspect: None,
            learned: Duration::ZERO,
            jitter: quality::Jitter::default(),
            statistics: Statistics::default(),
        }
    }

    pub fn push(&mut self, packet: Packet, now: Instant) {
        self.statistics.received += 1;
        let Some((highest, raw)) = self.highest else {
            self.accept(0, packet, now, true);
            return;
        };
        let ahead = packet.sequence.wrapping_sub(raw) as i16;
        if !(-MISORDER_MAX..=DROPOUT_MAX).contains(&ahead) {
            self.suspicious(packet, now);
            return;
        }
        self.suspect = None;
        let position = highest + i64::from(ahead);
        if ahead <= 0 && self.was_received(position) {
            self.statistics.duplicates += 1;
            return;
        }
        if ahead < 0 {
            self.statistics.reordered += 1;
            self.learn(position, now);
        }
        if self.next.is_some_and(|next| position < next) {
            self.statistics.late += 1;
            self.remember(position, now);
            return;
        }
        self.accept(position, packet, now, false);
    }

    pub fn poll(&mut self, now: Instant) -> Slot {
        let Some(front) = self.queue.front() else { return Slot::Wait(None) };
        let next = *self.next.get_or_insert(front.position);
        if front.position > next {
            let noticed = self.queue.iter().map(|queued| queued.arrived).min().unwrap_or(now);
            let due = noticed + self.wait();
            if now < due && self.queue.len() < self.options.capacity {
                return Slot::Wait(Some(due));
            }
            return self.give_up(next);
        }
        if front.packet.payload.is_empty() {
            return self.count();
        }
        if let Some(pause) = self.pause() {
            return pause;
        }
        self.deliver()
    }

    /// Whether what comes next begins a new stream: the silence before it is nobody's.
    #[must_use]
    pub fn begins_anew(&self) -> bool {
        self.queue
            .front()
            .is_some_and(|front| front.fresh && self.next.is_none_or(|next| next == front.position))
    }

    /// How long a missing packet is waited for at present.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let (min, max) = (
            Duration::from_millis(self.options.wait_min_ms),
            Duration::from_millis(self.options.wait_max_ms),
        );
        self.learned.max(self.jitter.smoothed() * 2).clamp(min, max.max(min))
    }

    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let (deviation, deviations) = self.jitter.sum();
        Statistics { jitter: self.jitter.smoothed(), deviation, deviations, ..self.statistics }
    }

    fn accept(&mut self, position: i64, packet: Packet, now: Instant, fresh: bool) {
        if fresh {
            self.jitter.restart();
        }
        self.jitter.arrived(&packet);
        self.remember(position, now);
        if self.highest.is_none_or(|(highest, _)| position > highest) {
            self.highest = Some((position, packet.sequence));
        }
        let at = self.queue.partition_point(|queued| queued.position < position);
        self.queue.insert(at, Queued { position, arrived: now, fresh, packet });
        if self.queue.len() > self.options.capacity * 2 {
            // Somebody pushes and never polls. The oldest goes, as in a queue of a slow reader.
            self.queue.pop_front();
            self.next = self.queue.front().map(|queued| queued.position);
            self.statistics.overflow += 1;
        }
    }

    /// Two packets in sequence from elsewhere are a new stream, one is a stray.
    fn suspicious(&mut self, packet: Packet, now: Instant) {
        match self.suspect.take() {
            Some((first, arrived)) if packet.sequence == first.sequence.wrapping_add(1) => {
                self.statistics.resyncs += 1;
                let position = self.highest.map_or(0, |(highest, _)| highest + 1);
                self.accept(position, first, arrived, true);
                self.accept(position + 1, packet, now, false);
            }
            _ => self.suspect = Some((packet, now)),
        }
    }

    fn give_up(&mut self, position: i64) -> Slot {
        let Some(front) = self.queue.front() else { return Slot::Wait(None) };
        let codec = front.packet.codec;
        let missing = u32::try_from(front.position - position).unwrap_or(1).max(1);
        let timestamp = match self.expected {
            Some((known, timestamp)) if known == codec && !front.fresh => timestamp,
            _ => front.packet.timestamp.wrapping_sub(self.last_units.wrapping_mul(missing)),
        };
        let gap = front.packet.timestamp.wrapping_sub(timestamp);
        let share = gap / missing;
        // Packets of another length than before are possible, a clock that jumped and a pause in between are likelier.
        let units = if share > 0 && share <= self.last_units * 2 { share } else { self.last_units.min(gap) };
        let next = (missing == 1 && !front.packet.payload.is_empty()).then(|| front.packet.payload.clone());
        self.next = Some(position + 1);
        self.expected = Some((codec, timestamp.wrapping_add(units)));
        self.statistics.lost += 1;
        Slot::Hole { timestamp, duration: duration(units, codec), cause: Cause::Lost { next } }
    }

    /// A packet without sound keeps the count of sequence numbers alone. Its timestamp says nothing of the sound: a key has that of its
    /// beginning for as long as it is held, and audio may come in between (RFC 4733 section 2.5.1.2).
    fn count(&mut self) -> Slot {
        let Some(Queued { position, packet, fresh, .. }) = self.queue.pop_front() else {
            return Slot::Wait(None);
        };
        self.next = Some(position + 1);
        if fresh {
            self.expected = None;
        }
        self.statistics.delivered += 1;
        Slot::Packet(packet)
    }

    fn pause(&mut self) -> Option<Slot> {
        let front = self.queue.front()?;
        let (codec, timestamp) = self.expected?;
        let gap = front.packet.timestamp.wrapping_sub(timestamp);
        self.expected = None;
        if front.fresh || codec != front.packet.codec || gap == 0 {
            return None;
        }
        if gap > codec.clock_hz().saturating_mul(PAUSE_MAX_S).min(i32::MAX as u32) {
            self.statistics.resyncs += 1;
            self.jitter.restart();
            return None;
        }
        // Senders that stamp by their wall clock are off by a little; that is no pause.
        (gap > self.last_units / 2).then(|| Slot::Hole {
            timestamp,
            duration: duration(gap, codec),
            cause: Cause::Pause,
        })
    }

    fn deliver(&mut self) -> Slot {
        let Some(Queued { position, packet, .. }) = self.queue.pop_front() else { return Slot::Wait(None) };
        self.next = Some(position + 1);
        if let Some(units) = packet.units() {
            self.last_units = units;
        }
        let units = packet.units().unwrap_or(0);
        self.expected = Some((packet.codec, packet.timestamp.wrapping_add(units)));
        self.learned -= self.learned / FORGET;
        self.statistics.delivered += 1;
        Slot::Packet(packet)
    }

    /// The packet at `position` came late by the time since the first later one came.
    fn learn(&mut self, position: i64, now: Instant) {
        let passed_by = self.remembered.iter().flatten().filter(|(other, _)| *other > position);
        if let Some(first) = passed_by.map(|(_, arrived)| *arrived).min() {
            let lateness = now.saturating_duration_since(first) + MARGIN;
            self.learned = self.learned.max(lateness).min(Duration::from_millis(self.options.wait_max_ms));
        }
    }

    fn was_received(&self, position: i64) -> bool {
        matches!(self.remembered[slot(position)], Some((known, _)) if known == position)
    }

    fn remember(&mut self, position: i64, now: Instant) {
        self.remembered[slot(position)] = Some((position, now));
    }
}

fn slot(position: i64) -> usize {
    position.rem_euclid(REMEMBERED as i64) as usize
}

fn duration(units: u32, codec: Codec) -> MediaTime {
    MediaTime::from_samples(u64::from(units), codec.clock_hz().max(1))
}

#[cfg(test)]
mod tests;
