//! Times of the database are `time`'s, because sqlx knows those; all others are `jiff`'s. Both have microseconds here.

use jiff::Timestamp;
use time::OffsetDateTime;

/// The beginning of the step that a time lies in, counted from 1970.
#[must_use]
pub fn floor(at: Timestamp, step_seconds: i64) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(step_seconds.max(1))).unwrap_or(at)
}

/// For binding.
pub(crate) fn to_database(at: Timestamp) -> OffsetDateTime {
    // Both reach from before year -9999 to the end of 9999; what a database would not take is cut to its edge.
    OffsetDateTime::from_unix_timestamp_nanos(at.as_nanosecond()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

pub(crate) fn from_database(at: OffsetDateTime) -> Timestamp {
    Timestamp::from_nanosecond(at.unix_timestamp_nanos()).unwrap_or(Timestamp::UNIX_EPOCH)
}
