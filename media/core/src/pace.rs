//! When the next frame is due: the n-th one n times 20 ms after the first, so that nothing drifts.
//!
//! A late tick catches up by a few frames; what is later still is skipped as time, not as audio.

use std::time::{Duration, Instant};

use domain::{FRAME, MediaTime};
use serde::{Deserialize, Serialize};

/// Frames a late tick sends besides the one that is due. More would overflow the far end's jitter buffer at once.
pub const CATCH_UP_FRAMES: u64 = 3;
/// Upper bounds of the buckets of `Late`, in ms; the last bucket has none.
pub const LATE_BUCKETS_MS: [u64; 7] = [1, 2, 5, 10, 20, 40, 60];

/// How late frames were sent. The share above 20 ms is the signal for admission: it says that the machine is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    pub buckets: [u64; LATE_BUCKETS_MS.len() + 1],
    /// Frame times that passed without a frame, since the tick came too late to catch up.
    pub skipped: u64,
}

/// The first bucket of frames that came a whole frame late.
const FRAME_BUCKET: usize = 5;

impl Late {
    /// Frames that were sent a frame's time late, or later.
    #[must_use]
    pub fn by_a_frame(&self) -> u64 {
        self.buckets[FRAME_BUCKET..].iter().sum()
    }

    fn count(&mut self, late: Duration) {
        let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        let bucket =
            LATE_BUCKETS_MS.iter().position(|bound| late_ms < *bound).unwrap_or(LATE_BUCKETS_MS.len());
        self.buckets[bucket] += 1;
    }
}

/// The clock of one leg for ever: stops while nothing is sent, and then goes on by the time that has passed.
#[derive(Debug, Clone, Default)]
pub struct Pacer {
    /// Due time of frame `0` of the present run, and frames sent or skipped in it.
    run: Option<(Instant, u64)>,
    /// When the last frame was due, and where it lay.
    last: Option<(Instant, MediaTime)>,
    late: Late,
}

/// One frame that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub at: Instant,
    /// Position on the leg's timeline: real time since the first frame, silence included.
    pub media: MediaTime,
    /// Nothing was sent just before.
    pub after_silence: bool,
}

impl Pacer {
    /// The first frame of a run is due at once. No effect while running.
    pub fn start(&mut self, now: Instant) {
        // Not before the frame after the last one, however soon the run before ended.
        let earliest = self.last.map_or(now, |(at, _)| (at + FRAME).max(now));
        self.run.get_or_insert((earliest, 0));
    }

    pub fn stop(&mut self) {
        self.run = None;
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.run.is_some()
    }

    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let (first, frames) = self.run?;
        Some(first + nth(frames))
    }

    /// Takes the frame that is due at `now` or up to `lead` later, if one is.
    pub fn take(&mut self, now: Instant, lead: Duration) -> Option<Due> {
        let (first, mut frames) = self.run?;
        let next = first + nth(frames);
        if next > now + lead {
            return None;
        }
        let late = now.saturating_duration_since(next);
        self.late.count(late);
        let behind = u64::try_from(late.as_nanos() / FRAME.as_nanos()).unwrap_or(u64::MAX);
        let skipped = behind.saturating_sub(CATCH_UP_FRAMES);
        self.late.skipped += skipped;
        frames += skipped;
        let at = first + nth(frames);
        let (media, after_silence) = match self.last {
            // A run may begin at any instant: the timeline advances by exactly what has passed.
            Some((last, media)) => {
                let passed = at.saturating_duration_since(last);
                (media + MediaTime::from_duration(passed), passed > FRAME)
            }
            None => (MediaTime::ZERO, true),
        };
        self.last = Some((at, media));
        self.run = Some((first, frames + 1));
        Some(Due { at, media, after_silence })
    }

    /// How far the last frame was sent ahead of its time.
    #[must_use]
    pub fn ahead(&self, now: Instant) -> Duration {
        self.last.map_or(Duration::ZERO, |(at, _)| at.saturating_duration_since(now))
    }

    #[must_use]
    pub fn late(&self) -> Late {
        self.late
    }
}

fn nth(frames: u64) -> Duration {
    Duration::from_nanos(FRAME.as_nanos() as u64 * frames)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_nth_frame_is_due_n_times_20_ms_after_the_first_however_late_each_tick_is() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        pacer.start(start);
        for n in 0..10_000_u64 {
            let due = pacer.take(start + ms(20 * n) + ms(n % 19), Duration::ZERO).expect("due");
            assert_eq!((due.at, due.media), (start + ms(20 * n), MediaTime::from_millis(20 * n)));
        }
        assert_eq!(pacer.late().skipped, 0);
    }

    #[test]
    fn a_long_stall_is_caught_up_by_three_frames_and_the_rest_is_skipped() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        pacer.start(start);
        pacer.take(start, Duration::ZERO).expect("the first");
        let now = start + ms(500);
        let sent: Vec<_> = std::iter::from_fn(|| pacer.take(now, Duration::ZERO)).collect();
        assert_eq!(sent.len() as u64, 1 + CATCH_UP_FRAMES);
        assert_eq!(sent.last().map(|due| due.at), Some(now), "on time again");
        assert_eq!(pacer.late().skipped, 21);
        assert!(sent[0].after_silence && !sent[1].after_silence);
    }

    #[test]
    fn after_silence_the_timeline_went_on_by_the_time_that_passed() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        pacer.start(start);
        pacer.take(start, Duration::ZERO).expect("the first");
        pacer.stop();
        let later = start + ms(1_237);
        pacer.start(later);
        let due = pacer.take(later, Duration::ZERO).expect("due at once");
        assert_eq!((due.media, due.after_silence), (MediaTime::from_millis(1_237), true));
    }

    #[test]
    fn a_run_that_begins_right_after_another_keeps_the_distance() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        pacer.start(start);
        pacer.take(start, Duration::ZERO).expect("the first");
        pacer.stop();
        pacer.start(start + ms(3));
        assert_eq!(pacer.take(start + ms(3), Duration::ZERO), None);
        assert_eq!(pacer.next(), Some(start + ms(20)));
    }

    #[test]
    fn frames_may_go_ahead_of_their_time_by_the_lead_and_no_further() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        pacer.start(start);
        let at_once = std::iter::from_fn(|| pacer.take(start, ms(60))).count();
        assert_eq!((at_once, pacer.ahead(start)), (4, ms(60)));
        assert_eq!(pacer.take(start + ms(19), ms(60)), None);
        let next = pacer.take(start + ms(20), ms(60)).expect("due");
        assert_eq!((next.at, next.media), (start + ms(80), MediaTime::from_millis(80)));
        assert_eq!(pacer.take(start + ms(80), Duration::ZERO), None, "what was sent ahead is not sent again");
        assert_eq!(pacer.ahead(start + ms(80)), Duration::ZERO);
        assert_eq!(pacer.late().buckets[0], 5, "none of them late");
    }
}
