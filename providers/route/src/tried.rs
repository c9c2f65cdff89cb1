//! One attempt's account: what it gave and took, told to breaker, measures and observer when it is over.
//!
//! Dropped without a verdict it was cancelled: that counts for nobody, and is paid for all the same.

use std::sync::Arc;
use std::time::Duration;

use domain::SessionId;
use providers_api::{Error, ErrorKind, ProviderInfo, Usage};
use tokio::time::Instant;

use crate::health::{Measures, State, lock};
use crate::observe::{Attempt, Observer, Outcome, Why};

pub(crate) struct Tried {
    state: Arc<State>,
    measures: Measures,
    info: Arc<ProviderInfo>,
    observer: Arc<dyn Observer>,
    who: (SessionId, u32, Why),
    began: Instant,
    connect: Option<Duration>,
    /// Since when progress is waited for.
    asked: Option<Instant>,
    first_progress: Option<Duration>,
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
        who: (SessionId, u32, Why),
        now: Instant,
    ) -> Self {
        Self {
            probing: state.admit(now),
            state,
            measures,
            info,
            observer,
            who,
            began: now,
            connect: None,
            asked: None,
            first_progress: None,
            counted: None,
            given: Usage::default(),
            over: false,
        }
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

    /// Another was faster.
    pub(crate) fn abandoned(mut self, now: Instant) {
        self.waited_in_vain(now);
        if std::mem::take(&mut self.probing) {
            self.state.released(true, now);
        }
        self.end(Outcome::Abandoned, now);
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
        let usage = self.usage(matches!(outcome, Outcome::Served));
        let (session, number, why) = self.who;
        let key = self.state.key();
        self.observer.attempt(Attempt {
            session,
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
        if !self.over {
            self.end(Outcome::Cancelled, Instant::now());
        }
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
