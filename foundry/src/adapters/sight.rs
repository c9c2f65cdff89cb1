//! How long the database was seen without a break, for whoever takes over what others do not renew: they may not have seen it either.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Sight {
    /// A look that comes so long after the one before could not see what happened in between.
    unseen: Duration,
    /// What holders need to find the database again.
    holders_first: Duration,
    since: Option<Instant>,
    last: Option<Instant>,
}

impl Sight {
    pub(crate) const fn new(unseen: Duration, holders_first: Duration) -> Self {
        Self { unseen, holders_first, since: None, last: None }
    }

    /// It answers now. Whether it has for as long as holders need to find it.
    pub(crate) fn seen(&mut self, now: Instant) -> bool {
        let unbroken = self.last.replace(now).is_some_and(|last| now < last + self.unseen);
        let since = *self.since.insert(self.since.filter(|_| unbroken).unwrap_or(now));
        now >= since + self.holders_first
    }

    /// It does not answer.
    pub(crate) const fn lost(&mut self) {
        (self.since, self.last) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_has_not_seen_the_database_lets_holders_find_it_first() {
        let begun = Instant::now();
        let at = |s| begun + Duration::from_secs(s);
        let mut sight = Sight::new(Duration::from_secs(20), Duration::from_secs(15));
        assert!(!sight.seen(at(0)), "it has just begun to look");
        assert!(!sight.seen(at(10)) && sight.seen(at(20)) && sight.seen(at(39)));
        assert!(!sight.seen(at(59)), "twenty seconds in which nothing was seen");
        assert!(!sight.seen(at(70)) && sight.seen(at(80)));
        sight.lost();
        assert!(!sight.seen(at(81)) && !sight.seen(at(90)) && sight.seen(at(96)));
    }
}
