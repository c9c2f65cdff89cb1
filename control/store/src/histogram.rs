//! Durations as counts in buckets that grow with the value: any two merge by addition, and a percentile of the sum is as exact as of one.
//!
//! 64 buckets for each doubling: a bucket is at most 1.6 % wide and its middle at most 0.8 % off. Values are microseconds; below 64
//! they are exact. Stored as pairs of variable-length numbers (distance to the bucket before, count), about two bytes a bucket.

/// Buckets of one doubling, as a power of two.
const BITS: u32 = 6;
const WITHIN: u64 = 1 << BITS;
/// About 19 hours; what is longer counts as this long.
const LONGEST_US: u64 = (1 << 36) - 1;
/// One more than the bucket of the longest.
const BUCKETS: usize = ((36 - BITS as u64 + 1) * WITHIN) as usize;

#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// By bucket, up to the last in use: months of histograms are added up for one chart.
    counts: Vec<u64>,
}

/// Bytes that are no histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored histogram is damaged")]
pub struct Damaged;

impl Histogram {
    pub fn record(&mut self, value_us: u64) {
        self.add(bucket(value_us), 1);
    }

    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.used() {
            self.add(bucket, count);
        }
    }

    /// Adds what `to_bytes` wrote.
    ///
    /// # Errors
    /// When the bytes were not made by it; what was read until then is added.
    pub fn merge_bytes(&mut self, mut bytes: &[u8]) -> Result<(), Damaged> {
        let mut at: u64 = 0;
        while !bytes.is_empty() {
            at = at.checked_add(read(&mut bytes)?).ok_or(Damaged)?;
            let bucket = usize::try_from(at).ok().filter(|bucket| *bucket < BUCKETS).ok_or(Damaged)?;
            self.add(bucket, read(&mut bytes)?);
        }
        Ok(())
    }

    fn add(&mut self, bucket: usize, count: u64) {
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(count);
    }

    fn used(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The smallest value that at least `share` (0 to 1) of all values do not exceed, in microseconds. `None` where there is none.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Option<u64> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among counts"
        )]
        let rank = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        self.used().find_map(|(bucket, count)| {
            seen += count;
            (seen >= rank).then(|| middle(bucket))
        })
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut before = 0;
        for (bucket, count) in self.used() {
            write(&mut bytes, (bucket - before) as u64);
            write(&mut bytes, count);
            before = bucket;
        }
        bytes
    }

    /// # Errors
    /// When the bytes were not made by `to_bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut histogram = Self::default();
        histogram.merge_bytes(bytes)?;
        Ok(histogram)
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.used().eq(other.used())
    }
}

impl Eq for Histogram {}

fn bucket(value_us: u64) -> usize {
    let value = value_us.min(LONGEST_US);
    if value < WITHIN {
        return value as usize;
    }
    let shift = value.ilog2() - BITS;
    (u64::from(shift) * WITHIN + (value >> shift)) as usize
}

fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * WITHIN {
        return bucket;
    }
    let shift = bucket / WITHIN - 1;
    let low = (bucket - shift * WITHIN) << shift;
    low + (1 << shift) / 2
}

fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

fn read(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let mut number: u64 = 0;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(Damaged)?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Damaged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.record(*value));
        histogram
    }

    #[test]
    fn neighbouring_buckets_meet_without_a_gap() {
        let mut last = 0;
        assert!(bucket(u64::MAX) < BUCKETS);
        for value in 0..200_000 {
            let bucket = bucket(value);
            assert!(bucket == last || bucket == last + 1, "{value}: {last} to {bucket}");
            last = bucket;
        }
    }

    #[test]
    fn an_empty_one_has_no_percentile_and_bytes_that_are_none_are_refused() {
        assert_eq!(Histogram::default().percentile(0.5), None);
        assert_eq!(Histogram::from_bytes(&[0x80]), Err(Damaged));
        assert_eq!(Histogram::from_bytes(&[1]), Err(Damaged));
        assert_eq!(Histogram::from_bytes(&[0xff; 12]), Err(Damaged));
    }

    proptest! {
        #[test]
        fn percentiles_are_within_two_percent_of_the_exact_ones(
            mut values in proptest::collection::vec(1u64..60_000_000, 1..400),
            share in prop_oneof![Just(0.5), Just(0.95), Just(0.99), 0.0..1.0f64],
        ) {
            let estimate = of(&values).percentile(share).expect("there are values");
            values.sort_unstable();
            let rank = ((values.len() as f64 * share).ceil() as usize).max(1);
            let exact = values[rank - 1];
            prop_assert!(estimate.abs_diff(exact) as f64 <= exact as f64 * 0.02, "{estimate} for {exact}");
        }

        #[test]
        fn merging_is_recording_together(
            a in proptest::collection::vec(0u64..u64::MAX, 0..200),
            b in proptest::collection::vec(0u64..10_000_000, 0..200),
        ) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let together: Vec<u64> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(&merged, &of(&together));
            prop_assert_eq!(Histogram::from_bytes(&merged.to_bytes()), Ok(merged));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _either = Histogram::from_bytes(&bytes);
        }
    }
}
