//! How much each principal may ask for: a bucket of tokens for each, in memory, refilled all the time. A request takes as many as it weighs.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// The window that the limit is said for, in seconds.
pub(crate) const WINDOW: u32 = 60;
/// Buckets past this many: the full ones are dropped, which changes nothing for anybody.
const BUCKETS: usize = 10_000;

struct Bucket {
    tokens: f64,
    at: Instant,
}

pub(crate) struct Limits<Who> {
    per_window: u32,
    buckets: Mutex<HashMap<Who, Bucket>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) allowed: bool,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds until all of it is there again.
    pub(crate) reset: u32,
    /// Seconds until such a request is allowed; 0: now.
    pub(crate) wait: u32,
}

impl<Who: Eq + Hash> Limits<Who> {
    pub(crate) fn new(per_window: u32) -> Self {
        Self { per_window, buckets: Mutex::default() }
    }

    /// Takes what a request weighs, where it is there. One that weighs more than all there ever is takes all.
    pub(crate) fn take(&self, who: Who, weight: u32, now: Instant) -> Allowance {
        let weight = f64::from(weight.min(self.per_window));
        self.look(who, weight, weight, now)
    }

    /// Whether anything is left; takes nothing.
    pub(crate) fn look_at(&self, who: Who, now: Instant) -> Allowance {
        self.look(who, 1.0, 0.0, now)
    }

    fn look(&self, who: Who, needed: f64, taken: f64, now: Instant) -> Allowance {
        let most = f64::from(self.per_window);
        let rate = most / f64::from(WINDOW);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS {
            buckets.retain(|_, bucket| refilled(bucket, rate, most, now) < most);
        }
        let tokens = buckets.get(&who).map_or(most, |bucket| refilled(bucket, rate, most, now));
        let allowed = tokens >= needed;
        let tokens = if allowed { tokens - taken } else { tokens };
        if allowed && taken > 0.0 {
            buckets.insert(who, Bucket { tokens, at: now });
        }
        let seconds = |missing: f64| (missing / rate).ceil() as u32;
        Allowance {
            allowed,
            limit: self.per_window,
            remaining: tokens as u32,
            reset: seconds(most - tokens),
            wait: if tokens >= needed { 0 } else { seconds(needed - tokens) },
        }
    }
}

fn refilled(bucket: &Bucket, rate: f64, most: f64, now: Instant) -> f64 {
    (bucket.tokens + now.saturating_duration_since(bucket.at).as_secs_f64() * rate).min(most)
}

/// Who a limit of one address is for: an IPv6 client has a whole network of addresses. `None`: the machine itself, whose
/// connections may be a proxy's.
#[must_use]
pub fn counted(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(v6) => Some(Ipv6Addr::from(u128::from(v6) >> 64 << 64).into()),
        v4 => Some(v4),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_used_up_comes_back_bit_by_bit_and_for_each_alone() {
        let limits = Limits::new(60);
        let start = Instant::now();
        for left in (0..60).rev() {
            assert_eq!(limits.take(1, 1, start).remaining, left);
        }
        let refused = limits.take(1, 1, start);
        assert_eq!((refused.allowed, refused.remaining, refused.wait, refused.reset), (false, 0, 1, 60));
        assert!(limits.take(2, 1, start).allowed);
        assert!(limits.take(1, 1, start + Duration::from_secs(1)).allowed);
        assert!(!limits.take(1, 1, start + Duration::from_secs(1)).allowed);
        assert_eq!(limits.take(1, 1, start + Duration::from_secs(3600)).remaining, 59);
    }

    #[test]
    fn a_heavy_request_takes_as_much_as_it_weighs_and_leaves_what_light_ones_need() {
        let limits = Limits::new(60);
        let start = Instant::now();
        assert_eq!(limits.take(1, 20, start).remaining, 40);
        assert_eq!(limits.take(1, 20, start).remaining, 20);
        assert_eq!(limits.take(1, 10, start).remaining, 10);
        let refused = limits.take(1, 20, start);
        assert_eq!((refused.allowed, refused.remaining, refused.wait), (false, 10, 10));
        assert!(limits.take(1, 1, start).allowed, "a light one passes");
        let small = Limits::new(5);
        assert!(small.take(1, 20, start).allowed, "with a small limit one is still possible");
        assert!(!small.take(1, 1, start).allowed);
    }

    #[test]
    fn to_look_takes_nothing() {
        let limits = Limits::new(1);
        let start = Instant::now();
        assert!(limits.look_at(1, start).allowed && limits.look_at(1, start).allowed);
        limits.take(1, 1, start);
        assert!(!limits.look_at(1, start).allowed);
    }

    #[test]
    fn a_network_is_one_client_and_the_machine_itself_none() {
        let one = |text: &str| counted(text.parse().expect("an address"));
        assert_eq!(one("2001:db8:1:2:3:4:5:6"), one("2001:db8:1:2::9"));
        assert_ne!(one("2001:db8:1:2::1"), one("2001:db8:1:3::1"));
        assert_eq!(one("::ffff:203.0.113.7"), one("203.0.113.7"));
        assert_eq!((one("127.0.0.1"), one("::1")), (None, None));
    }
}
