//! One attempt's account: what it gave and took, told to breaker, measures and observer when it is over.
//!
//! Dropped without a verdict it was cancelled: that counts for nobody, and is paid for all the same. Only where it had been
//! waited for longer than is usual for it, whoever dropped it had lost patience: then it failed.

use std::sync::Arc;
use std::time::Duration;

use domain::{SessionId, TurnId};
use providers_api::{Error, ErrorKind, ProviderInfo, Usage};
use tokio::time::Instant;

use crate::breaker::Standing;
use crate::health::{Measures, State, lock};
use crate::observe::{Attempt, Observer, Outcome, Why};

/// What an attempt is made for, and the how many-th it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause {
    pub session: SessionId,
    pub turn: Option<TurnId>,
    pub number: u32,
    pub why: Why,
}

pub(crate) struct Tried {
    state: Arc<State>,
    measures: Measures,
    info: Arc<ProviderInfo>,
    observer: Arc<dyn Observer>,
    cause: Cause,
    began: Instant,
    connect: Option<Duration>,
    /// Since when progress is waited for.
    asked: Option<Instant>,
    first_progress: Option<Duration>,
    /// Since when something else is waited for, and how long that may take without a word.
    owes: Option<(Instant, Duration)>,
    /// How long its first progress takes where it is slow and well. `None`: what is waited for may never come.
    usual: Option<Duration>,
    /// By the provider, where it has said anything.
    counted: Option<Usage>,
    /// By us.
    pub given: Usage,
    /// The breaker lets this one find out.
    probing: bool,
    over: bool,
}

impl Tried {
    pub(crate) fn new(
        state: Arc<State>,
        measures: Measures,
        info: Arc<ProviderInfo>,
        observer: Arc<dyn Observer>,
        cause: Cause,
        usual: Option<Duration>,
        now: Instant,
    ) -> Self {
        Self {
            usual,
            owes: None,
            probing: state.admit(now),
            state,
            measures,
            info,
            observer,
            cause,
            began: now,
            connect: None,
            asked: None,
            first_progress: None,
            counted: None,
            given: Usage::default(),
            over: false,
        }
    }

    /// The one that finds out, where its breaker allows that now.
    pub(crate) fn probe(
        state: Arc<State>,
        measures: Measures,
        info: Arc<ProviderInfo>,
        observer: Arc<dyn Observer>,
        cause: Cause,
        now: Instant,
    ) -> Option<Self> {
        if state.standing(now) != Standing::Probe {
            return None;
        }
        let mut tried = Self::new(state, measures, info, observer, cause, None, now);
        // Somebody was faster by a hair: nothing was asked, and nobody is told.
        tried.over = !tried.probing;
        tried.probing.then_some(tried)
    }

    pub(crate) fn info(&self) -> &Arc<ProviderInfo> {
        &self.info
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    pub(crate) fn opened(&mut self, now: Instant) {
        self.connect = Some(now - self.began);
    }

    pub(crate) fn asked(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    /// Progress was made, not necessarily the first.
    pub(crate) fn progressed(&mut self, now: Instant) {
        if self.first_progress.is_some() {
            return;
        }
        let took = self.waited(now);
        self.first_progress = Some(took);
        lock(&self.measures).record(took);
        self.probing = false;
        self.state.succeeded(now);
    }

    /// It did what was demanded, which says nothing of how long its first words take.
    pub(crate) fn answered(&mut self, now: Instant) {
        self.probing = false;
        self.state.succeeded(now);
    }

    pub(crate) fn used(&mut self, usage: Usage) {
        *self.counted.get_or_insert_default() += usage;
    }

    pub(crate) fn failed(mut self, error: Error, now: Instant) {
        self.state.failed(error.kind, now);
        self.end(Outcome::Failed(error), now);
    }

    pub(crate) fn timed_out(mut self, now: Instant) {
        self.waited_in_vain(now);
        self.state.failed(ErrorKind::TimedOut, now);
        self.end(Outcome::TimedOut, now);
    }

    /// Another was faster. `slow`: it began after this one, which had its time.
    pub(crate) fn abandoned(mut self, slow: bool, now: Instant) {
        let in_vain = self.first_progress.is_none() && self.asked.is_some();
        if slow && in_vain {
            // No more than was waited for before the other was asked: else each would make the next wait longer.
            let waited = self.waited(now);
            lock(&self.measures).record(self.usual.map_or(waited, |usual| usual.min(waited)));
        }
        if std::mem::take(&mut self.probing) {
            self.state.released(true, now);
        } else if slow && in_vain {
            self.state.failed(ErrorKind::TimedOut, now);
        }
        self.end(Outcome::Abandoned, now);
    }

    /// From now on something is waited for that takes no longer than this.
    pub(crate) fn owes(&mut self, since: Instant, usual: Duration) {
        self.owes = Some((since, usual));
    }

    /// What was waited for has come.
    pub(crate) fn paid(&mut self) {
        self.owes = None;
    }

    /// Whether whoever drops it now has waited for longer than is usual.
    fn is_late(&self, now: Instant) -> bool {
        let first = self.first_progress.is_none().then_some(self.asked).flatten();
        let first = first.map(|asked| asked.max(self.began)).zip(self.usual);
        self.owes.or(first).is_some_and(|(since, usual)| now.saturating_duration_since(since) >= usual)
    }

    pub(crate) fn served(mut self, now: Instant) {
        self.end(Outcome::Served, now);
    }

    fn waited(&self, now: Instant) -> Duration {
        now - self.asked.unwrap_or(self.began).max(self.began)
    }

    fn waited_in_vain(&self, now: Instant) {
        if self.first_progress.is_none() && self.asked.is_some() {
            lock(&self.measures).record(self.waited(now));
        }
    }

    fn end(&mut self, outcome: Outcome, now: Instant) {
        self.over = true;
        if std::mem::take(&mut self.probing) {
            self.state.released(false, now);
        }
        // Whoever refused before it had taken the request has used nothing.
        if matches!(outcome, Outcome::Failed(_)) && self.connect.is_none() {
            self.given = Usage::default();
        }
        let usage = self.usage(matches!(outcome, Outcome::Served));
        let Cause { session, turn, number, why } = self.cause;
        let key = self.state.key();
        self.observer.attempt(Attempt {
            session,
            turn,
            tenant: Arc::clone(&key.tenant),
            ability: key.ability,
            provider: Arc::clone(&self.info),
            number,
            why,
            connect: self.connect,
            first_progress: self.first_progress,
            took: now - self.began,
            outcome,
            usage,
        });
    }

    /// The provider's count where it has finished counting. One that was cut off may have counted a part: then ours,
    /// where it is more.
    fn usage(&self, complete: bool) -> Usage {
        let ours = Usage { estimated: self.given != Usage::default(), ..self.given };
        match self.counted {
            Some(counted) if complete => counted,
            Some(counted) => more(counted, ours),
            None => ours,
        }
    }
}

impl Drop for Tried {
    fn drop(&mut self) {
        let now = Instant::now();
        if self.over {
            return;
        }
        if self.is_late(now) {
            self.waited_in_vain(now);
            self.state.failed(ErrorKind::TimedOut, now);
            return self.end(Outcome::TimedOut, now);
        }
        self.end(Outcome::Cancelled, now);
    }
}

/// Of each unit the higher count; marked where ours is the higher.
fn more(counted: Usage, ours: Usage) -> Usage {
    let mut usage = counted;
    usage.input_tokens = usage.input_tokens.max(ours.input_tokens);
    usage.output_tokens = usage.output_tokens.max(ours.output_tokens);
    usage.characters = usage.characters.max(ours.characters);
    usage.audio_in = usage.audio_in.max(ours.audio_in);
    usage.audio_out = usage.audio_out.max(ours.audio_out);
    usage.estimated |= usage != counted;
    usage
}
