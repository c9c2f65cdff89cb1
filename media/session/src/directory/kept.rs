//! How many places calls of ours leave to people who call us. Counts in, a decision out.

use super::Counts;

/// A share of the directory's places, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub percent: u8,
}

impl Kept {
    /// Places that stay free of calls out: rounded down, and never the only one, or nobody could ever be called.
    fn places(self, capacity: usize) -> usize {
        let share = capacity * usize::from(self.percent) / 100;
        share.min(capacity.saturating_sub(1))
    }

    /// Whether another call out leaves as many.
    pub(super) fn leaves(self, counts: Counts) -> bool {
        counts.taken + self.places(counts.capacity) < counts.capacity
    }
}
