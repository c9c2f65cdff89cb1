//! How much one address may ask of us: requests a second that belong to no call, and calls at once. Pure: addresses and `now` in, verdicts out.
//!
//! A table of bounded size, and nothing is said to whoever asks too much: scanners and floods cost a look at it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// Addresses that are remembered. When full, those who were quiet are forgotten; new ones then share one place.
const ADDRESSES: usize = 8_192;

#[derive(Debug)]
pub(crate) struct Limits {
    per_s: f64,
    burst: f64,
    most: usize,
    sources: HashMap<IpAddr, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    seen: Instant,
}

impl Limits {
    /// `per_s` requests a second, twice as many at once; 0: as many as come.
    pub(crate) fn new(per_s: u32) -> Self {
        Self::of(per_s, ADDRESSES)
    }

    fn of(per_s: u32, most: usize) -> Self {
        Self { per_s: per_s.into(), burst: f64::from(per_s) * 2.0, most, sources: HashMap::new() }
    }

    /// Whether a request of that address is looked at.
    pub(crate) fn takes(&mut self, from: IpAddr, now: Instant) -> bool {
        if self.per_s == 0.0 {
            return true;
        }
        let mut place = network(from);
        if !self.sources.contains_key(&place) && self.sources.len() >= self.most {
            let (per_s, burst) = (self.per_s, self.burst);
            self.sources.retain(|_, bucket| bucket.filled(per_s, burst, now) < burst);
            if self.sources.len() >= self.most {
                place = Ipv6Addr::UNSPECIFIED.into();
            }
        }
        let bucket = self.sources.entry(place).or_insert(Bucket { left: self.burst, seen: now });
        let left = bucket.filled(self.per_s, self.burst, now);
        let takes = left >= 1.0;
        *bucket = Bucket { left: if takes { left - 1.0 } else { left }, seen: now };
        takes
    }
}

impl Bucket {
    fn filled(self, per_s: f64, burst: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.seen).as_secs_f64();
        (self.left + passed * per_s).min(burst)
    }
}

/// Who has one IPv6 address has 2^64 of them.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        four => four,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn who_asks_too_much_is_not_looked_at_for_a_while_and_others_are() {
        let now = Instant::now();
        let mut limits = Limits::new(10);
        let taken = (0..100).filter(|_| limits.takes(ip("192.0.2.1"), now)).count();
        assert_eq!(taken, 20, "twice as many at once");
        assert!(limits.takes(ip("192.0.2.2"), now));
        let later = now + Duration::from_millis(500);
        let taken = (0..100).filter(|_| limits.takes(ip("192.0.2.1"), later)).count();
        assert_eq!(taken, 5);
    }

    #[test]
    fn addresses_of_one_network_are_one_and_mapped_ones_are_what_they_map_to() {
        let now = Instant::now();
        let mut limits = Limits::new(1);
        assert!(limits.takes(ip("2001:db8::1"), now) && limits.takes(ip("2001:db8::2"), now));
        assert!(!limits.takes(ip("2001:db8::3"), now));
        assert!(limits.takes(ip("2001:db8:0:1::3"), now));
        assert!(limits.takes(ip("192.0.2.1"), now) && limits.takes(ip("::ffff:192.0.2.1"), now));
        assert!(!limits.takes(ip("192.0.2.1"), now));
    }

    #[test]
    fn a_flood_of_forged_addresses_does_not_grow_the_table_and_shares_one_place() {
        let now = Instant::now();
        let mut limits = Limits::of(10, 100);
        let forged = |n: u32| IpAddr::from(n.to_be_bytes());
        let taken = (0..10_000).filter(|n| limits.takes(forged(*n), now)).count();
        assert_eq!(taken, 100 + 20);
        assert!(limits.sources.len() <= 101);
        // Quiet for long enough, they are forgotten.
        assert!(limits.takes(forged(20_000), now + Duration::from_secs(5)));
        assert_eq!(limits.sources.len(), 1);
    }

    #[test]
    fn without_a_limit_everybody_is_looked_at() {
        let mut limits = Limits::new(0);
        let now = Instant::now();
        assert!((0..1_000).all(|_| limits.takes(ip("192.0.2.1"), now)));
        assert!(limits.sources.is_empty());
    }
}
