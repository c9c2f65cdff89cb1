//! A target for how long callers wait, and what is done inside calls while it is missed.
//!
//! Pure: measures go in, decisions come out as data. One reaction at a time, the mildest first; each is judged by the
//! measures that come after it, so that what it won is known. They end in reverse order when there is room again.
//! The route acts on `HedgeEarlier` and `PreferCheap`; the others are for whoever speaks.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::health::lock;

/// Measures that the running p95 is made of.
const RECENT: usize = 64;

/// Mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// The second request goes out earlier than at the p95.
    HedgeEarlier,
    /// Replies begin with a short sentence, which is spoken sooner.
    ShorterFirstSentence,
    /// A cached opener sounds while the reply is thought.
    Opener,
    /// The alternatives marked as cheap come first.
    PreferCheap,
    /// A filler sounds when even that is late.
    Filler,
}

pub const REACTIONS: [Reaction; 5] = [
    Reaction::HedgeEarlier,
    Reaction::ShorterFirstSentence,
    Reaction::Opener,
    Reaction::PreferCheap,
    Reaction::Filler,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// For the p95 of the response: from the end of what the caller says to the first sample of the answer.
    pub target_ms: u64,
    /// Measures needed for a decision, all taken after the one before.
    pub least: usize,
    /// A reaction ends when the p95 stays below this share of the target,
    pub relax_percent: u64,
    /// for so long.
    pub relax_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { target_ms: 800, least: 10, relax_percent: 75, relax_ms: 60_000 }
    }
}

/// What was decided, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Began {
        reaction: Reaction,
        p95: Duration,
    },
    /// Measured after it began: by how much the p95 fell (rose, where negative).
    Won {
        reaction: Reaction,
        ms: i64,
    },
    Ended {
        reaction: Reaction,
        p95: Duration,
    },
}

#[derive(Debug)]
pub struct Budget {
    options: Options,
    recent: VecDeque<Duration>,
    /// How many of `REACTIONS` are on.
    on: usize,
    /// The p95 before the last reaction, until it is judged.
    before: Option<Duration>,
    /// Since when there is room.
    relaxed: Option<Instant>,
}

impl Budget {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, recent: VecDeque::new(), on: 0, before: None, relaxed: None }
    }

    /// What is done now.
    #[must_use]
    pub fn reactions(&self) -> &'static [Reaction] {
        &REACTIONS[..self.on]
    }

    /// The response of one turn was measured.
    pub fn measured(&mut self, response: Duration, now: Instant) -> Vec<Decision> {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(response);
        let mut decisions = Vec::new();
        if self.recent.len() < self.options.least.max(1) {
            return decisions;
        }
        let p95 = self.p95();
        if let Some(before) = self.before.take() {
            let ms = before.as_millis() as i64 - p95.as_millis() as i64;
            decisions.push(Decision::Won { reaction: REACTIONS[self.on - 1], ms }); // set with `on` above 0
        }
        let target = Duration::from_millis(self.options.target_ms);
        if p95 > target {
            self.relaxed = None;
            decisions.extend(self.react(p95));
        } else if p95 * 100 < target * self.options.relax_percent as u32 {
            let since = *self.relaxed.get_or_insert(now);
            if now.saturating_duration_since(since) >= Duration::from_millis(self.options.relax_ms) {
                decisions.extend(self.relax(p95));
            }
        } else {
            self.relaxed = None;
        }
        decisions
    }

    fn react(&mut self, p95: Duration) -> Option<Decision> {
        let reaction = *REACTIONS.get(self.on)?;
        self.on += 1;
        self.before = Some(p95);
        self.recent.clear();
        Some(Decision::Began { reaction, p95 })
    }

    fn relax(&mut self, p95: Duration) -> Option<Decision> {
        self.relaxed = None;
        self.on = self.on.checked_sub(1)?;
        self.recent.clear();
        Some(Decision::Ended { reaction: REACTIONS[self.on], p95 })
    }

    fn p95(&self) -> Duration {
        let mut sorted: Vec<_> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let nth = (sorted.len() * 95).div_ceil(100).saturating_sub(1);
        sorted.get(nth).copied().unwrap_or_default()
    }
}

/// The budget of one agent, for all its calls. Clones share it; asking costs one load.
#[derive(Debug, Clone)]
pub struct Pace(Arc<(Mutex<Budget>, AtomicU8)>);

impl Pace {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self(Arc::new((Mutex::new(Budget::new(options)), AtomicU8::new(0))))
    }

    pub fn measured(&self, response: Duration, now: Instant) -> Vec<Decision> {
        let mut budget = lock(&self.0.0);
        let decisions = budget.measured(response, now);
        self.0.1.store(budget.on as u8, Ordering::Relaxed);
        decisions
    }

    /// Whether anybody else has it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    #[must_use]
    pub fn reacts(&self, reaction: Reaction) -> bool {
        (reaction as u8) < self.0.1.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn feed(budget: &mut Budget, each: u64, count: usize, now: Instant) -> Vec<Decision> {
        (0..count).flat_map(|_| budget.measured(ms(each), now)).collect()
    }

    #[tokio::test]
    async fn reactions_come_one_by_one_and_each_is_judged_by_what_follows() {
        let now = Instant::now();
        let mut budget = Budget::new(Options::default());
        assert_eq!(feed(&mut budget, 1_000, 9, now), []);
        let began = |reaction, p95| Decision::Began { reaction, p95: ms(p95) };
        assert_eq!(feed(&mut budget, 1_000, 1, now), [began(Reaction::HedgeEarlier, 1_000)]);
        let won = Decision::Won { reaction: Reaction::HedgeEarlier, ms: 100 };
        let next = began(Reaction::ShorterFirstSentence, 900);
        assert_eq!(feed(&mut budget, 900, 10, now), [won, next]);
        let won = Decision::Won { reaction: Reaction::ShorterFirstSentence, ms: 150 };
        assert_eq!(feed(&mut budget, 750, 30, now), [won]);
        assert_eq!(budget.reactions(), [Reaction::HedgeEarlier, Reaction::ShorterFirstSentence]);
    }

    #[tokio::test]
    async fn they_end_when_there_has_been_room_for_a_while() {
        let now = Instant::now();
        let mut budget = Budget::new(Options::default());
        feed(&mut budget, 1_000, 10, now);
        feed(&mut budget, 300, 20, now);
        assert_eq!(budget.reactions().len(), 1);
        let ended = Decision::Ended { reaction: Reaction::HedgeEarlier, p95: ms(300) };
        assert_eq!(feed(&mut budget, 300, 1, now + ms(60_000)), [ended]);
        assert_eq!(feed(&mut budget, 300, 50, now + ms(600_000)), []);
    }

    #[tokio::test]
    async fn what_is_never_enough_stops_at_the_last_reaction() {
        let now = Instant::now();
        let mut budget = Budget::new(Options::default());
        feed(&mut budget, 5_000, 500, now);
        assert_eq!(budget.reactions(), REACTIONS);
    }

    #[tokio::test]
    async fn all_calls_of_an_agent_see_the_reaction_at_once() {
        let pace = Pace::new(Options { least: 1, ..Options::default() });
        let other = pace.clone();
        pace.measured(ms(2_000), Instant::now());
        assert!(other.reacts(Reaction::HedgeEarlier) && !other.reacts(Reaction::PreferCheap));
    }
}
