//! How many places calls out leave to people who call us. Pure: counts in, a decision out.

use media_session::directory::Counts;

/// A share of the server's places, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) percent: u8,
}

impl Kept {
    /// Places that stay free of calls out: rounded down, and never the only one, or nobody could ever be called.
    fn places(self, capacity: usize) -> usize {
        let share = capacity * usize::from(self.percent) / 100;
        share.min(capacity.saturating_sub(1))
    }

    /// Whether another call out may begin.
    pub(crate) fn may_begin(self, counts: Counts) -> bool {
        !counts.draining && counts.taken + self.places(counts.capacity) < counts.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls out that begin on an idle server until no other may.
    fn begun(percent: u8, capacity: usize, callers: usize) -> usize {
        let mut taken = callers;
        let kept = Kept { percent };
        while kept.may_begin(Counts { capacity, taken, running: taken, draining: false }) {
            taken += 1;
        }
        taken - callers
    }

    #[test]
    fn a_fifth_of_the_places_is_left_to_callers() {
        assert_eq!(begun(20, 10, 0), 8);
        assert_eq!(begun(20, 40, 0), 32);
        assert_eq!(begun(20, 14, 0), 12, "rounded down");
    }

    #[test]
    fn callers_who_talk_already_do_not_use_up_what_is_kept_for_the_next_ones() {
        assert_eq!(begun(20, 10, 5), 3);
        assert_eq!(begun(20, 10, 8), 0);
        assert_eq!(begun(20, 10, 10), 0);
    }

    #[test]
    fn a_small_server_calls_all_the_same_and_one_without_a_share_uses_every_place() {
        assert_eq!(begun(20, 1, 0), 1);
        assert_eq!(begun(100, 3, 0), 1);
        assert_eq!(begun(0, 3, 0), 3);
        assert_eq!(begun(20, 0, 0), 0);
    }

    #[test]
    fn a_server_that_drains_calls_nobody() {
        let counts = Counts { capacity: 10, taken: 0, running: 0, draining: true };
        assert!(!Kept { percent: 0 }.may_begin(counts));
    }
}
