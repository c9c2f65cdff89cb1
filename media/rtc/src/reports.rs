//! What the far end says of our packets (RTCP receiver reports), as str0m sums it up.

use std::time::Duration;

use media_core::leg::Received;
use str0m::stats::MediaEgressStats;

/// All audio here is Opus.
const CLOCK_HZ: f64 = 48_000.0;

/// The last report, where one came yet: it may be the same as before.
pub(crate) fn received(stats: &MediaEgressStats) -> Option<Received> {
    let remote = stats.remote.as_ref()?;
    Some(Received {
        highest: *remote.maximum_sequence_number,
        lost: signed(remote.packets_lost),
        jitter: Duration::from_secs_f64(f64::from(remote.jitter) / CLOCK_HZ),
    })
}

/// 24 bits with a sign: whoever counts duplicates may have seen more than was sent.
fn signed(lost: u64) -> u64 {
    if lost & 0x80_0000 == 0 { lost & 0x7f_ffff } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_was_sent_is_no_loss() {
        assert_eq!((signed(0), signed(12), signed(0xff_ffff)), (0, 12, 0));
    }
}
