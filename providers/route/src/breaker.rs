//! Whether a provider is asked at all: closed, open after failures, half-open while one request finds out.
//!
//! Pure: `now` is an argument. Only what the provider did counts; what was cancelled or abandoned is neither.

use std::collections::VecDeque;
use std::time::Duration;

use providers_api::ErrorKind;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Results kept within the window.
const RESULTS: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Opens after this many failures within the window,
    pub failures: u32,
    /// where they are also this share of all results: a busy provider has some failures in any window.
    pub share: f32,
    pub window_ms: u64,
    /// Stays open this long at first, twice as long after each probe that fails, at most so long.
    pub open_ms: u64,
    pub longest_open_ms: u64,
    /// After refused credentials or an exhausted quota, which no request mends.
    pub refused_open_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            failures: 3,
            share: 0.5,
            window_ms: 30_000,
            open_ms: 5_000,
            longest_open_ms: 60_000,
            refused_open_ms: 300_000,
        }
    }
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Ready,
    /// One request may find out whether the provider works again.
    Probe,
    /// Not to be asked while another is ready.
    Open,
}

/// What changed, for observers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Opened { lasts: Duration },
    Closed,
}

#[derive(Debug, Clone)]
pub struct Breaker {
    options: Options,
    state: State,
    results: VecDeque<(Instant, bool)>,
    /// In a row, for the doubling.
    openings: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed,
    Open(Instant),
    HalfOpen,
}

impl Breaker {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, state: State::Closed, results: VecDeque::new(), openings: 0 }
    }

    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        match self.state {
            State::Closed => Standing::Ready,
            State::Open(until) if until <= now => Standing::Probe,
            State::Open(_) | State::HalfOpen => Standing::Open,
        }
    }

    /// A request starts. Whoever is answered `Probe` is the one that finds out, and tells by `succeeded`, `failed` or
    /// `released`.
    pub fn admit(&mut self, now: Instant) -> Standing {
        let standing = self.standing(now);
        if standing == Standing::Probe {
            self.state = State::HalfOpen;
        }
        standing
    }

    /// It made progress.
    pub fn succeeded(&mut self, now: Instant) -> Option<Change> {
        if self.state == State::Closed {
            self.note(now, true);
            return None;
        }
        self.state = State::Closed;
        self.results.clear();
        self.openings = 0;
        Some(Change::Closed)
    }

    pub fn failed(&mut self, kind: ErrorKind, now: Instant) -> Option<Change> {
        let refused = Duration::from_millis(self.options.refused_open_ms);
        match (kind, self.state) {
            // Our own house is full, or the request is wrong: says nothing about the provider.
            (ErrorKind::Full | ErrorKind::Rejected, _) => {
                self.released(true, now);
                None
            }
            (ErrorKind::Unauthorized | ErrorKind::Exhausted, State::Closed | State::HalfOpen) => {
                Some(self.open(refused, now))
            }
            (ErrorKind::Limited(Some(after)), State::Closed | State::HalfOpen) => {
                Some(self.open(after.min(refused), now))
            }
            (_, State::HalfOpen) => Some(self.open(self.longer(), now)),
            // Asked as the last resort: known already.
            (_, State::Open(_)) => None,
            (_, State::Closed) => {
                self.note(now, false);
                self.is_over_limit().then(|| self.open(self.longer(), now))
            }
        }
    }

    /// The probe ended without a result. Where it was `fruitless` (another was faster), the next one waits.
    pub fn released(&mut self, fruitless: bool, now: Instant) {
        if self.state == State::HalfOpen {
            let pause = if fruitless { self.options.open_ms } else { 0 };
            self.state = State::Open(now + Duration::from_millis(pause));
        }
    }

    /// How much longer it is open; `None` where it is not.
    #[must_use]
    pub fn open_for(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Open(until) => Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero()),
            State::Closed | State::HalfOpen => None,
        }
    }

    /// Another process found it failing: open for as long as it says, unless it is open here.
    pub fn learn(&mut self, open_for: Duration, now: Instant) -> Option<Change> {
        if self.state != State::Closed || open_for.is_zero() {
            return None;
        }
        Some(self.open(open_for, now))
    }

    fn open(&mut self, lasts: Duration, now: Instant) -> Change {
        self.state = State::Open(now + lasts);
        self.openings += 1;
        self.results.clear();
        Change::Opened { lasts }
    }

    fn longer(&self) -> Duration {
        let doubled = self.options.open_ms.saturating_mul(1 << self.openings.min(16));
        Duration::from_millis(doubled.min(self.options.longest_open_ms))
    }

    fn note(&mut self, now: Instant, good: bool) {
        let window = Duration::from_millis(self.options.window_ms);
        while self.results.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > window)
            || self.results.len() >= RESULTS
        {
            self.results.pop_front();
        }
        self.results.push_back((now, good));
    }

    fn is_over_limit(&self) -> bool {
        let bad = self.results.iter().filter(|(_, good)| !good).count();
        bad >= self.options.failures.max(1) as usize
            && bad as f32 >= self.options.share * self.results.len() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn opened(seconds: u32) -> Option<Change> {
        Some(Change::Opened { lasts: S * seconds })
    }

    /// A breaker that failures have just opened.
    fn broken(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(Options::default());
        let changes: Vec<_> = (0..3).map(|_| breaker.failed(ErrorKind::TimedOut, now)).collect();
        assert_eq!(changes, [None, None, opened(5)]);
        breaker
    }

    #[tokio::test]
    async fn failures_within_the_window_open_it_and_older_ones_do_not() {
        let now = Instant::now();
        let mut breaker = Breaker::new(Options::default());
        for n in 0..10 {
            assert_eq!(breaker.failed(ErrorKind::Closed, now + S * 16 * n), None, "failure {n}");
        }
        assert_eq!(broken(now).standing(now), Standing::Open);
    }

    #[tokio::test]
    async fn a_busy_provider_with_few_failures_stays_closed() {
        let now = Instant::now();
        let mut breaker = Breaker::new(Options::default());
        for n in 0..1_000 {
            let change = match n % 5 {
                0 => breaker.failed(ErrorKind::Closed, now),
                _ => breaker.succeeded(now),
            };
            assert_eq!(change, None);
        }
    }

    #[tokio::test]
    async fn one_probe_at_a_time_and_each_that_fails_doubles_the_wait() {
        let now = Instant::now();
        let mut breaker = broken(now);
        let later = now + S * 5;
        assert_eq!(breaker.admit(later), Standing::Probe);
        assert_eq!(breaker.admit(later), Standing::Open);
        assert_eq!(breaker.failed(ErrorKind::TimedOut, later), opened(10));
        assert_eq!(breaker.admit(later + S * 9), Standing::Open);
        assert_eq!(breaker.admit(later + S * 10), Standing::Probe);
        assert_eq!(breaker.succeeded(later + S * 10), Some(Change::Closed));
        assert_eq!(breaker.standing(later + S * 10), Standing::Ready);
    }

    #[tokio::test]
    async fn a_probe_without_result_leaves_room_for_another() {
        let now = Instant::now();
        let mut breaker = broken(now);
        let later = now + S * 5;
        assert_eq!(breaker.admit(later), Standing::Probe);
        breaker.released(false, later);
        assert_eq!(breaker.admit(later), Standing::Probe);
        breaker.released(true, later);
        assert_eq!((breaker.standing(later), breaker.open_for(later)), (Standing::Open, Some(S * 5)));
    }

    #[tokio::test]
    async fn refused_credentials_open_it_at_once_and_long_and_a_limit_as_long_as_it_says() {
        let now = Instant::now();
        for kind in [ErrorKind::Unauthorized, ErrorKind::Exhausted] {
            assert_eq!(Breaker::new(Options::default()).failed(kind, now), opened(300));
        }
        let mut limited = Breaker::new(Options::default());
        assert_eq!(limited.failed(ErrorKind::Limited(Some(S * 3)), now), opened(3));
    }

    #[tokio::test]
    async fn a_full_house_and_a_wrong_request_say_nothing_of_the_provider() {
        let now = Instant::now();
        for kind in [ErrorKind::Full, ErrorKind::Rejected] {
            let mut breaker = Breaker::new(Options::default());
            assert!((0..20).all(|_| breaker.failed(kind, now).is_none()));
            assert_eq!(breaker.standing(now), Standing::Ready);
            let (mut breaker, later) = (broken(now), now + S * 5);
            assert_eq!(breaker.admit(later), Standing::Probe);
            assert_eq!(breaker.failed(kind, later), None);
            assert_eq!(breaker.standing(later + S * 5), Standing::Probe, "another may find out");
        }
    }

    #[tokio::test]
    async fn an_open_one_that_serves_as_the_last_resort_is_closed_again() {
        let now = Instant::now();
        let mut breaker = broken(now);
        assert_eq!(breaker.failed(ErrorKind::Closed, now), None);
        assert_eq!(breaker.succeeded(now), Some(Change::Closed));
    }

    #[tokio::test]
    async fn what_another_process_found_opens_it_here() {
        let now = Instant::now();
        let mut breaker = Breaker::new(Options::default());
        assert_eq!(breaker.learn(S * 4, now), opened(4));
        assert_eq!(breaker.learn(S * 400, now), None);
        assert_eq!(breaker.open_for(now + S), Some(S * 3));
    }
}
