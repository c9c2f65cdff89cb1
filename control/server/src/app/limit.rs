//! How many requests each principal may make: a bucket of tokens for each, in memory, refilled all the time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::ApiKeyId;
use tokio::time::Instant;

/// The window that the limit is said for, in seconds.
pub(crate) const WINDOW: u32 = 60;
/// Buckets past this many: the full ones are dropped, which changes nothing for anybody.
const BUCKETS: usize = 10_000;

struct Bucket {
    tokens: f64,
    at: Instant,
}

/// `None` is the operator.
pub(crate) struct Limits {
    per_window: u32,
    buckets: Mutex<HashMap<Option<ApiKeyId>, Bucket>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) allowed: bool,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds until all of it is there again.
    pub(crate) reset: u32,
    /// Seconds until the next request is allowed; 0: now.
    pub(crate) wait: u32,
}

impl Limits {
    pub(crate) fn new(per_window: u32) -> Self {
        Self { per_window, buckets: Mutex::default() }
    }

    pub(crate) fn take(&self, who: Option<ApiKeyId>, now: Instant) -> Allowance {
        let most = f64::from(self.per_window);
        let rate = most / f64::from(WINDOW);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS {
            buckets.retain(|_, bucket| refilled(bucket, rate, most, now) < most);
        }
        let bucket = buckets.entry(who).or_insert(Bucket { tokens: most, at: now });
        let tokens = refilled(bucket, rate, most, now);
        let allowed = tokens >= 1.0;
        let tokens = if allowed { tokens - 1.0 } else { tokens };
        *bucket = Bucket { tokens, at: now };
        let seconds = |missing: f64| (missing / rate).ceil() as u32;
        Allowance {
            allowed,
            limit: self.per_window,
            remaining: tokens as u32,
            reset: seconds(most - tokens),
            wait: if tokens >= 1.0 { 0 } else { seconds(1.0 - tokens) },
        }
    }
}

fn refilled(bucket: &Bucket, rate: f64, most: f64, now: Instant) -> f64 {
    (bucket.tokens + now.saturating_duration_since(bucket.at).as_secs_f64() * rate).min(most)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_used_up_comes_back_bit_by_bit_and_for_each_key_alone() {
        let limits = Limits::new(60);
        let start = Instant::now();
        for left in (0..60).rev() {
            assert_eq!(limits.take(None, start).remaining, left);
        }
        let refused = limits.take(None, start);
        assert_eq!((refused.allowed, refused.remaining, refused.wait, refused.reset), (false, 0, 1, 60));
        assert!(limits.take(Some(ApiKeyId::generate()), start).allowed);
        assert!(limits.take(None, start + Duration::from_secs(1)).allowed);
        assert!(!limits.take(None, start + Duration::from_secs(1)).allowed);
        assert_eq!(limits.take(None, start + Duration::from_secs(3600)).remaining, 59);
    }
}
