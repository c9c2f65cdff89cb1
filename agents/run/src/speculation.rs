//! How much asking ahead wastes, for all calls of an agent, and when it is better left alone for a while.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::{self, Outcome};

/// Fewer outcomes than this say nothing about the share that is wasted.
const ENOUGH: usize = 8;
/// In which tokens in vain are counted,
const HOUR: Duration = Duration::from_secs(3_600);
/// in parts that leave it one by one.
const PART: Duration = Duration::from_secs(60);

/// Since the agent was made ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpeculationCounts {
    pub started: u64,
    pub adopted: u64,
    pub discarded: u64,
    /// Tokens, in and out, of what was discarded.
    pub wasted_tokens: u64,
    /// How often the budget was used up.
    pub pauses: u64,
}

/// The last outcomes, and whether they allow another attempt. Pure: `now` is given.
#[derive(Debug)]
pub(crate) struct Budget {
    options: agents_graph::Speculation,
    /// `true`: in vain. The newest last, at most `options.window`.
    recent: VecDeque<bool>,
    paused_until: Option<Instant>,
    /// Tokens in vain by the minute that begins then; the newest last.
    spent: VecDeque<(Instant, u64)>,
}

impl Budget {
    pub(crate) fn new(options: agents_graph::Speculation) -> Self {
        Self { options, recent: VecDeque::new(), paused_until: None, spent: VecDeque::new() }
    }

    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        if self.paused_until.is_some_and(|until| now >= until) {
            self.paused_until = None;
        }
        self.options.max_wasted > 0.0 && self.paused_until.is_none() && self.has_tokens(now)
    }

    fn has_tokens(&mut self, now: Instant) -> bool {
        while self.spent.front().is_some_and(|(begun, _)| now.saturating_duration_since(*begun) >= HOUR) {
            self.spent.pop_front();
        }
        self.spent.iter().map(|(_, tokens)| tokens).sum::<u64>() < self.options.max_wasted_tokens
    }

    /// Takes an outcome, with the tokens that were in vain. `true`: the budget is used up by it, and a pause begins.
    pub(crate) fn ended(&mut self, wasted: Option<u64>, now: Instant) -> bool {
        let had_tokens = self.has_tokens(now);
        if let Some(tokens) = wasted {
            match self.spent.back_mut() {
                Some((begun, spent)) if now.saturating_duration_since(*begun) < PART => *spent += tokens,
                _ => self.spent.push_back((now, tokens)),
            }
        }
        let out_of_tokens = had_tokens && !self.has_tokens(now);
        self.counted(wasted.is_some(), now) || out_of_tokens
    }

    fn counted(&mut self, wasted: bool, now: Instant) -> bool {
        if self.paused_until.is_some() {
            // Begun before the pause; afterwards the window begins anew.
            return false;
        }
        let window = (self.options.window as usize).max(1);
        while self.recent.len() >= window {
            self.recent.pop_front();
        }
        self.recent.push_back(wasted);
        let vain = self.recent.iter().filter(|wasted| **wasted).count();
        let share = vain as f32 / self.recent.len() as f32;
        if self.recent.len() < ENOUGH.min(window) || share <= self.options.max_wasted {
            return false;
        }
        self.recent.clear();
        self.paused_until = Some(now + Duration::from_millis(self.options.pause_ms));
        true
    }
}

/// The budget of an agent, shared by its calls.
#[derive(Debug)]
pub(crate) struct Speculations(Mutex<Shared>);

#[derive(Debug)]
struct Shared {
    budget: Budget,
    counts: SpeculationCounts,
}

impl Speculations {
    pub(crate) fn new(options: agents_graph::Speculation) -> Self {
        Self(Mutex::new(Shared { budget: Budget::new(options), counts: SpeculationCounts::default() }))
    }

    pub(crate) fn counts(&self) -> SpeculationCounts {
        self.lock().counts
    }

    pub(crate) fn allows(&self, now: Instant) -> bool {
        self.lock().budget.allows(now)
    }

    pub(crate) fn started(&self) {
        self.lock().counts.started += 1;
        metrics::speculation(Outcome::Started);
    }

    pub(crate) fn adopted(&self, now: Instant) {
        let mut shared = self.lock();
        shared.counts.adopted += 1;
        shared.budget.ended(None, now);
        metrics::speculation(Outcome::Adopted);
    }

    pub(crate) fn discarded(&self, tokens: u64, now: Instant) {
        let mut shared = self.lock();
        shared.counts.discarded += 1;
        shared.counts.wasted_tokens += tokens;
        shared.counts.pauses += u64::from(shared.budget.ended(Some(tokens), now));
        metrics::speculation(Outcome::Discarded);
        metrics::wasted(tokens);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In vain, with few tokens.
    const VAIN: Option<u64> = Some(100);

    #[test]
    fn tokens_in_vain_are_bounded_though_the_share_allows_more() {
        let now = Instant::now();
        let minutes = |n: u64| now + Duration::from_secs(60 * n);
        let options =
            agents_graph::Speculation { max_wasted: 1.0, max_wasted_tokens: 10_000, ..Default::default() };
        let mut budget = Budget::new(options);
        for minute in 0..9 {
            assert!(!budget.ended(Some(1_000), minutes(minute)));
            assert!(!budget.ended(None, minutes(minute)), "what was adopted costs nothing");
        }
        assert!(budget.ended(Some(1_000), minutes(9)) && !budget.allows(minutes(9)), "used up once");
        assert!(!budget.ended(Some(1_000), minutes(9)), "it was used up before");
        assert!(!budget.allows(minutes(60)), "one of eleven thousand is older");
        assert!(budget.allows(minutes(61)), "two are");
    }

    fn budget(max_wasted: f32, window: u32) -> Budget {
        let options =
            agents_graph::Speculation { max_wasted, window, pause_ms: 10_000, ..Default::default() };
        Budget::new(options)
    }

    #[test]
    fn too_much_in_vain_begins_a_pause_and_the_window_anew() {
        let (mut budget, now) = (budget(0.5, 10), Instant::now());
        for _ in 0..ENOUGH - 1 {
            assert!(!budget.ended(VAIN, now), "too few to judge");
        }
        assert!(budget.allows(now));
        assert!(budget.ended(VAIN, now));
        assert!(!budget.allows(now + Duration::from_millis(9_999)));
        assert!(!budget.ended(VAIN, now), "what was begun before the pause does not lengthen it");
        assert!(budget.allows(now + Duration::from_secs(10)));
        assert!(!budget.ended(VAIN, now + Duration::from_secs(10)), "the old outcomes are forgotten");
    }

    #[test]
    fn a_share_within_the_budget_goes_on_and_old_outcomes_leave_the_window() {
        let (mut budget, now) = (budget(0.5, 8), Instant::now());
        for round in 0..100 {
            assert!(!budget.ended(VAIN.filter(|_| round % 2 == 0), now), "{round}");
        }
        assert!(budget.allows(now));
        // Half of the window is in vain. Each of these pushes out one that was, then one that was not.
        assert!(!budget.ended(VAIN, now));
        assert!(budget.ended(VAIN, now) && !budget.allows(now));
    }

    #[test]
    fn without_a_budget_nothing_is_asked_ahead_and_with_all_of_it_everything() {
        let now = Instant::now();
        assert!(!budget(0.0, 10).allows(now));
        let mut all = budget(1.0, 10);
        assert!((0..100).all(|_| !all.ended(VAIN, now)) && all.allows(now));
    }
}
