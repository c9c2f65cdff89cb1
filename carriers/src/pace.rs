//! When requests of one account for calls may go: no more in a second than its carrier takes of it, and none while the carrier has too many.

use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub struct Pace {
    /// Before that none goes.
    next: Option<Instant>,
}

impl Pace {
    /// A place for a request, `gap` behind the one before. It is to go then.
    pub fn place(&mut self, gap: Duration, now: Instant) -> Instant {
        let at = self.next.map_or(now, |next| next.max(now));
        self.next = Some(at + gap);
        at
    }

    /// The carrier takes none before that. Places that were given are kept.
    pub fn hold(&mut self, until: Instant) {
        self.next = Some(self.next.map_or(until, |next| next.max(until)));
    }

    /// Whether a request that is placed now may go by then.
    #[must_use]
    pub fn is_free(&self, by: Instant) -> bool {
        self.next.is_none_or(|next| next <= by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a pace's time needs a beginning, whichever it is")]
    fn requests_go_one_behind_the_other_and_none_while_the_carrier_has_too_many() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let gap = Duration::from_millis(500);
        let mut pace = Pace::default();
        assert!(pace.is_free(at(0)));
        assert_eq!(pace.place(gap, at(0)), at(0));
        assert_eq!(pace.place(gap, at(10)), at(500));
        assert!(!pace.is_free(at(999)) && pace.is_free(at(1_000)));
        pace.hold(at(3_000));
        assert_eq!(pace.place(gap, at(20)), at(3_000));
        pace.hold(at(3_100));
        assert_eq!(pace.place(gap, at(3_100)), at(3_500), "a shorter wait adds nothing");
        assert_eq!(pace.place(gap, at(9_000)), at(9_000), "what was not used is not made up for");
        assert_eq!(pace.place(Duration::ZERO, at(9_600)), at(9_600));
        assert_eq!(pace.place(Duration::ZERO, at(9_600)), at(9_600), "without a gap all go at once");
    }
}
