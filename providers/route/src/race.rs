//! Which alternative is asked when, until one makes progress: deadlines, the hedge, the end of patience.
//!
//! Pure: the shell tells what happened and does what `poll` says. At most two attempts run at once.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::observe::Why;

/// An alternative that may be asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entry {
    pub index: usize,
    pub limits: Limits,
    pub standing: Rank,
}

/// How willingly it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Ready,
    /// Half-open: asked, with another close behind.
    Probe,
    /// Open: asked when nothing else is left, never as a hedge.
    LastResort,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub connect: Duration,
    pub first: Duration,
    pub hedge: Option<Duration>,
}

impl Limits {
    /// Where whoever asks waits for less: so that another can still be asked and answer.
    pub(crate) fn within(self, whole: Duration) -> Self {
        let (most, half) = (whole * 2 / 3, whole / 2);
        Self {
            connect: self.connect.min(most),
            first: self.first.min(most),
            hedge: self.hedge.map(|hedge| hedge.min(half)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Act {
    /// Ask this alternative.
    Start { number: u32, index: usize, why: Why },
    /// It made no progress in time.
    Stop { number: u32, stage: Stage },
    /// Nothing is left to try, or no time. What still runs is to be stopped.
    GiveUp,
    /// Nothing to do before this.
    Wait(Option<Instant>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Connect,
    First,
}

impl Stage {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Connect => "did not take the request within the deadline",
            Self::First => "nothing useful came within the deadline",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Race {
    entries: VecDeque<Entry>,
    running: Vec<Running>,
    /// Numbers begin above what was tried before.
    started: u32,
    failed: bool,
    asked: Option<Instant>,
    give_up_after: Duration,
}

#[derive(Debug)]
struct Running {
    number: u32,
    began: Instant,
    open: bool,
    limits: Limits,
    hedged: bool,
}

impl Race {
    /// `failed`: another alternative was tried before this race.
    pub(crate) fn new(entries: VecDeque<Entry>, started: u32, failed: bool, give_up_after: Duration) -> Self {
        Self { entries, running: Vec::new(), started, failed, asked: None, give_up_after }
    }

    /// From now on progress is waited for; before, streams are only opened.
    pub(crate) fn asked(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    pub(crate) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Attempts so far, those before this race among them.
    pub(crate) const fn started(&self) -> u32 {
        self.started
    }

    pub(crate) fn opened(&mut self, number: u32) {
        if let Some(running) = self.running.iter_mut().find(|running| running.number == number) {
            running.open = true;
        }
    }

    pub(crate) fn failed(&mut self, number: u32) {
        self.running.retain(|running| running.number != number);
        self.failed = true;
        // Whoever else runs needs another beside it again.
        self.running.iter_mut().for_each(|running| running.hedged = false);
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Act {
        if self.gives_up_at().is_some_and(|at| at <= now) {
            return Act::GiveUp;
        }
        let late = self.running.iter().find_map(|running| {
            let (at, stage) = self.deadline(running)?;
            (at <= now).then_some((running.number, stage))
        });
        if let Some((number, stage)) = late {
            self.failed(number);
            return Act::Stop { number, stage };
        }
        if self.running.is_empty() {
            let why = if self.failed { Why::Fallback } else { Why::First };
            return self.start(why, now).unwrap_or(Act::GiveUp);
        }
        if self.hedges_at().is_some_and(|at| at <= now) {
            self.running.iter_mut().for_each(|running| running.hedged = true);
            if let Some(start) = self.start(Why::Hedge, now) {
                return start;
            }
        }
        let deadlines = self.running.iter().filter_map(|running| self.deadline(running)).map(|(at, _)| at);
        Act::Wait(deadlines.chain(self.hedges_at()).chain(self.gives_up_at()).min())
    }

    fn start(&mut self, why: Why, now: Instant) -> Option<Act> {
        let Entry { index, limits, standing } = self.entries.pop_front()?;
        self.started += 1;
        let number = self.started;
        self.running.push(Running { number, began: now, open: false, limits, hedged: false });
        let why = if standing == Rank::Probe { Why::Probe } else { why };
        Some(Act::Start { number, index, why })
    }

    fn gives_up_at(&self) -> Option<Instant> {
        self.asked.map(|asked| asked + self.give_up_after)
    }

    fn deadline(&self, running: &Running) -> Option<(Instant, Stage)> {
        let connect = (!running.open).then_some((running.began + running.limits.connect, Stage::Connect));
        let first = self.asked.map(|asked| (asked.max(running.began) + running.limits.first, Stage::First));
        connect.into_iter().chain(first).min_by_key(|(at, _)| *at)
    }

    fn hedges_at(&self) -> Option<Instant> {
        let [running] = self.running.as_slice() else { return None };
        let another = self.entries.front().is_some_and(|entry| entry.standing != Rank::LastResort);
        if running.hedged || !another {
            return None;
        }
        Some(self.asked?.max(running.began) + running.limits.hedge?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn entry(index: usize) -> Entry {
        let limits = Limits { connect: ms(200), first: ms(500), hedge: Some(ms(100)) };
        Entry { index, limits, standing: Rank::Ready }
    }

    fn race(entries: Vec<Entry>) -> Race {
        Race::new(entries.into(), 0, false, ms(2_000))
    }

    fn start(number: u32, index: usize, why: Why) -> Act {
        Act::Start { number, index, why }
    }

    #[tokio::test]
    async fn a_slow_one_gets_a_second_beside_it_and_never_a_third() {
        let now = Instant::now();
        let mut race = race(vec![entry(0), entry(1), entry(2)]);
        race.asked(now);
        assert_eq!(race.poll(now), start(1, 0, Why::First));
        race.opened(1);
        assert_eq!(race.poll(now), Act::Wait(Some(now + ms(100))));
        assert_eq!(race.poll(now + ms(100)), start(2, 1, Why::Hedge));
        race.opened(2);
        assert_eq!(race.poll(now + ms(250)), Act::Wait(Some(now + ms(500))));
        assert_eq!(race.poll(now + ms(500)), Act::Stop { number: 1, stage: Stage::First });
        assert_eq!(race.poll(now + ms(500)), start(3, 2, Why::Hedge));
    }

    #[tokio::test]
    async fn one_that_fails_is_followed_at_once() {
        let now = Instant::now();
        let mut race = race(vec![entry(0), entry(1)]);
        race.asked(now);
        race.poll(now);
        race.failed(1);
        assert_eq!(race.poll(now), start(2, 1, Why::Fallback));
        race.failed(2);
        assert_eq!(race.poll(now), Act::GiveUp);
    }

    #[tokio::test]
    async fn nothing_hurries_until_something_is_asked() {
        let now = Instant::now();
        let mut race = race(vec![entry(0), entry(1)]);
        race.poll(now);
        race.opened(1);
        assert_eq!(race.poll(now + ms(60_000)), Act::Wait(None));
        race.asked(now + ms(60_000));
        assert_eq!(race.poll(now + ms(60_000)), Act::Wait(Some(now + ms(60_100))));
    }

    #[tokio::test]
    async fn a_connection_has_a_deadline_of_its_own() {
        let now = Instant::now();
        let mut race = race(vec![entry(0)]);
        race.poll(now);
        assert_eq!(race.poll(now + ms(200)), Act::Stop { number: 1, stage: Stage::Connect });
        assert_eq!(race.poll(now + ms(200)), Act::GiveUp);
    }

    #[tokio::test]
    async fn the_last_resort_is_no_hedge_and_patience_ends() {
        let now = Instant::now();
        let last = Entry { standing: Rank::LastResort, ..entry(1) };
        let mut race = race(vec![entry(0), last]);
        race.asked(now);
        race.poll(now);
        race.opened(1);
        assert_eq!(race.poll(now + ms(300)), Act::Wait(Some(now + ms(500))));
        race.failed(1);
        assert_eq!(race.poll(now + ms(500)), start(2, 1, Why::Fallback));
        assert_eq!(race.poll(now + ms(2_000)), Act::GiveUp);
    }
}
