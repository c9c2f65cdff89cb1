//! Where two runs of a call decided differently.

use std::fmt;

use crate::replay::Decision;

/// A decision that only one of the two made, or made at another time.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Made before, not now.
    Gone(Decision),
    /// Made now, not before.
    New(Decision),
}

/// How far ahead the two are searched for a common decision after they parted.
const WINDOW: usize = 64;

/// The differences in the order of time; nothing where the runs are the same.
#[must_use]
pub fn diff(before: &[Decision], after: &[Decision]) -> Vec<Difference> {
    let (mut before, mut after) = (before, after);
    let mut differences = Vec::new();
    loop {
        match (before, after) {
            ([one, rest @ ..], [other, others @ ..]) if one == other => (before, after) = (rest, others),
            ([], []) => return differences,
            _ => {
                let (gone, new) = next_common(before, after);
                differences.extend(before[..gone].iter().cloned().map(Difference::Gone));
                differences.extend(after[..new].iter().cloned().map(Difference::New));
                (before, after) = (&before[gone..], &after[new..]);
            }
        }
    }
}

/// How many of each to pass over until both say the same, the fewest in all.
fn next_common(before: &[Decision], after: &[Decision]) -> (usize, usize) {
    let (most_before, most_after) = (before.len().min(WINDOW), after.len().min(WINDOW));
    for passed in 1..most_before + most_after {
        for gone in passed.saturating_sub(most_after)..=passed.min(most_before) {
            let new = passed - gone;
            if let (Some(one), Some(other)) = (before.get(gone), after.get(new))
                && one == other
            {
                return (gone, new);
            }
        }
    }
    (most_before, most_after)
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, decision) = match self {
            Self::Gone(decision) => ('-', decision),
            Self::New(decision) => ('+', decision),
        };
        write!(f, "{sign} {:>10.3}s {:?}", decision.at.as_secs_f64(), decision.output)
    }
}
