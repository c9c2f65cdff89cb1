//! The alternatives of one route and the order in which a request asks them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::{Retry, SessionId, Voice};
use futures::FutureExt;
use providers_api::{Ability, Error, ErrorKind, ProviderInfo};
use tokio::time::Instant;

use crate::breaker::Standing;
use crate::budget::{Pace, Reaction};
use crate::health::{Health, Key, Measures, Moment, State, lock};
use crate::observe::{Observer, RouteEvent, Why};
use crate::options::{Invalid, Options};
use crate::probe::{self, Ask, Probe};
use crate::race::{Entry, Limits, Rank};
use crate::tried::{Cause, Tried};

/// A pause in a reply that every network makes now and then.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// Faster than this, for a letter or digit, nobody speaks: twice as fast as voices do.
const FASTEST_LETTER: Duration = Duration::from_millis(30);
/// Of what was measured of a voice, the fastest twentieth.
const FASTEST: f64 = 0.05;

/// When a probe made of a caller's request gets another beside it.
const PROBE_HEDGE: Duration = Duration::from_millis(150);

/// One provider of a route.
pub struct Alternative<P: ?Sized> {
    pub provider: Arc<P>,
    /// Whose key it uses: breakers are apart for each.
    pub tenant: Arc<str>,
    /// TTS: the voice of this provider that is nearest to the agent's; where the request's would be unknown to it.
    pub voice: Option<Voice>,
    /// Configured instead of the learned deadline of the first progress.
    pub first_ms: Option<u64>,
    /// STT: gives words while they are said. Where it does not, only the final is waited for.
    pub partials: bool,
    /// Smaller and faster: comes first while the budget says so.
    pub cheap: bool,
}

/// Keeps the error that leaves the most hope; of equals the latest.
pub(crate) fn keep(kept: &mut Option<Error>, error: Error) {
    let hope = |error: &Error| match error.failure().retry {
        Retry::Now => 2,
        Retry::After(_) => 1,
        Retry::Never => 0,
    };
    if kept.as_ref().is_none_or(|kept| hope(&error) >= hope(kept)) {
        *kept = Some(error);
    }
}

impl<P: ?Sized> Alternative<P> {
    #[must_use]
    pub fn new(provider: Arc<P>, tenant: impl Into<Arc<str>>) -> Self {
        Self { provider, tenant: tenant.into(), voice: None, first_ms: None, partials: true, cheap: false }
    }
}

/// What the routes of an agent have in common.
#[derive(Clone)]
pub struct Setting {
    pub options: Options,
    pub health: Arc<Health>,
    pub observer: Arc<dyn Observer>,
    /// Of the agent, where it has a latency budget.
    pub pace: Option<Pace>,
}

pub(crate) struct Way<P: ?Sized> {
    pub provider: Arc<P>,
    pub info: Arc<ProviderInfo>,
    pub voice: Option<Voice>,
    pub partials: bool,
    state: Arc<State>,
    first: Measures,
    last: Measures,
    /// TTS: audio for a letter, at speed 1.
    letter: Measures,
    first_ms: Option<u64>,
    cheap: bool,
}

impl<P: ?Sized + Send + Sync + 'static> Way<P> {
    /// Lets the health find out without a caller whether it works again.
    fn can_be_probed(&self, setting: &Setting, ask: Ask<P>) {
        let (provider, voice, info) =
            (Arc::clone(&self.provider), self.voice.clone(), Arc::clone(&self.info));
        let (state, first, observer) =
            (Arc::clone(&self.state), Arc::clone(&self.first), Arc::clone(&setting.observer));
        let probe: Probe = Arc::new(move || {
            let cause = Cause { session: SessionId::generate(), turn: None, number: 1, why: Why::Check };
            let (state, first, observer) = (Arc::clone(&state), Arc::clone(&first), Arc::clone(&observer));
            let tried = Tried::probe(state, first, Arc::clone(&info), observer, cause, Instant::now())?;
            Some(probe::run(tried, info.name.clone(), ask(Arc::clone(&provider), voice.clone())).boxed())
        });
        setting.health.probe_by(self.state.key(), probe, Instant::now());
    }
}

pub(crate) struct Ways<P: ?Sized> {
    ways: Vec<Way<P>>,
    pub(crate) setting: Setting,
    ability: Ability,
}

impl<P: ?Sized> Ways<P> {
    pub(crate) fn new(
        ability: Ability,
        alternatives: Vec<Alternative<P>>,
        setting: Setting,
        info: impl Fn(&P) -> &ProviderInfo,
        ask: Ask<P>,
    ) -> Result<Self, Invalid>
    where
        P: Send + Sync + 'static,
    {
        setting.options.validate()?;
        if alternatives.is_empty() {
            return Err(Invalid("no alternative: name at least one provider"));
        }
        let health = &setting.health;
        let way = |Alternative { provider, tenant, voice, first_ms, partials, cheap }: Alternative<P>| {
            let info = Arc::new(info(&provider).clone());
            let way = Way {
                state: health.state(Key::new(tenant, ability, &info)),
                first: health.measures(ability, &info, Moment::First),
                last: health.measures(ability, &info, Moment::Last),
                letter: health.measures(ability, &info, Moment::Letter),
                provider,
                info,
                voice,
                first_ms,
                partials,
                cheap,
            };
            way.can_be_probed(&setting, ask);
            way
        };
        let ways = alternatives.into_iter().map(way).collect();
        Ok(Self { ways, setting, ability })
    }

    pub(crate) fn len(&self) -> usize {
        self.ways.len()
    }

    pub(crate) fn way(&self, index: usize) -> &Way<P> {
        &self.ways[index]
    }

    /// The alternatives in the order in which a new request would ask them, without those not to be asked.
    pub(crate) fn ready(&self, now: Instant) -> Vec<&Way<P>> {
        let plan = self.plan(now, &[]);
        let ready = plan.iter().filter(|entry| entry.standing != Rank::LastResort);
        ready.map(|entry| self.way(entry.index)).collect()
    }

    /// What a route says of itself: the name of whoever it asks first.
    pub(crate) fn info(&self) -> &ProviderInfo {
        &self.ways[0].info // at least one, checked in `new`
    }

    /// Whom to ask, in order. Those whose breaker is open come last: an open breaker never turns off the only provider.
    pub(crate) fn plan(&self, now: Instant, except: &[usize]) -> VecDeque<Entry> {
        let ranked = self.ranked(now, except);
        let mut plan: Vec<Entry> = ranked
            .into_iter()
            .map(|(index, standing)| Entry { index, limits: self.limits(index, standing), standing })
            .collect();
        let hurry_to_cheap = self.reacts(Reaction::PreferCheap);
        // Stable: the configured order rules within a rank.
        plan.sort_by_key(|entry| {
            let last = entry.standing == Rank::LastResort;
            (last, hurry_to_cheap && !self.ways[entry.index].cheap)
        });
        plan.into()
    }

    /// Whether a new request would rather begin with another than this one.
    pub(crate) fn would_rather(&self, now: Instant, index: usize) -> bool {
        let plan = self.plan(now, &[]);
        plan.front().is_some_and(|best| best.index != index && best.standing != Rank::LastResort)
    }

    pub(crate) fn tried(&self, index: usize, cause: Cause, now: Instant) -> Tried {
        let way = &self.ways[index];
        let (state, first) = (Arc::clone(&way.state), Arc::clone(&way.first));
        let observer = Arc::clone(&self.setting.observer);
        let usual = self.usual(index);
        Tried::new(state, first, Arc::clone(&way.info), observer, cause, usual, now)
    }

    /// How long the first progress takes where it is slow and well: after that another is asked beside it.
    pub(crate) fn usual(&self, index: usize) -> Option<Duration> {
        let learned = lock(&self.ways[index].first).p95();
        self.setting.options.hedge.map(|bounds| bounds.apply(learned))
    }

    /// How long the first progress is waited for.
    pub(crate) fn first_within(&self, index: usize) -> Duration {
        self.limits(index, Rank::Ready).first
    }

    pub(crate) fn final_within(&self, index: usize) -> Duration {
        lock(&self.ways[index].last).deadline(self.setting.options.last)
    }

    pub(crate) fn final_took(&self, index: usize, took: Duration) {
        lock(&self.ways[index].last).record(took);
    }

    /// How long a pause within a reply may be, counted from when nothing is left to play. Where another could go on it is no longer
    /// than the wait for a first sound is before another is asked.
    pub(crate) fn pause_within(&self, index: usize, has_another: bool) -> Duration {
        let next = self.setting.options.next();
        match self.usual(index) {
            Some(usual) if has_another => next.min(usual.max(SHORTEST_PAUSE)),
            _ => next,
        }
    }

    /// Whether so much audio can be a text of so many letters and digits, at this speed.
    pub(crate) fn can_be_spoken(&self, index: usize, letters: u32, audio: Duration, speed: f64) -> bool {
        let learned = lock(&self.ways[index].letter).quantile(FASTEST);
        let least = learned.map_or(FASTEST_LETTER, |letter| letter / 2);
        audio.mul_f64(speed.max(1.0)) >= least * letters
    }

    pub(crate) fn letters_took(&self, index: usize, letters: u32, audio: Duration, speed: f64) {
        if letters > 0 {
            lock(&self.ways[index].letter).record(audio.mul_f64(speed.max(1.0)) / letters);
        }
    }

    pub(crate) fn error(&self, index: usize, kind: ErrorKind, reason: &str) -> Error {
        Error::new(self.ability, kind, self.ways[index].info.name.clone(), reason)
    }

    /// Nothing is left: tells observers, and gives the error to go up: the most hopeful, since whoever asked tries again or
    /// gives up by it.
    pub(crate) fn all_failed(&self, session: SessionId, hopeful: Option<Error>) -> Error {
        let error = hopeful.unwrap_or_else(|| self.error(0, ErrorKind::TimedOut, "no alternative is left"));
        let (ability, told) = (self.ability, error.clone());
        self.setting.observer.event(RouteEvent::AllFailed { session, ability, error: told });
        error
    }

    pub(crate) fn switched(&self, session: SessionId, from: usize, to: usize) {
        if from != to {
            let (from, to) = (Arc::clone(&self.ways[from].info), Arc::clone(&self.ways[to].info));
            let ability = self.ability;
            self.setting.observer.event(RouteEvent::Switched { session, ability, from, to });
        }
    }

    fn ranked(&self, now: Instant, except: &[usize]) -> Vec<(usize, Rank)> {
        let open = self.ways.iter().enumerate().filter(|(index, _)| !except.contains(index));
        let standings: Vec<_> = open.map(|(index, way)| (index, way.state.standing(now))).collect();
        let ready = standings.iter().any(|(_, standing)| *standing == Standing::Ready);
        let rank = |standing| match standing {
            Standing::Ready => Rank::Ready,
            // A caller is only taken for a probe where another is ready beside it.
            Standing::Probe if ready => Rank::Probe,
            Standing::Probe | Standing::Open => Rank::LastResort,
        };
        standings.into_iter().map(|(index, standing)| (index, rank(standing))).collect()
    }

    fn limits(&self, index: usize, rank: Rank) -> Limits {
        let way = &self.ways[index];
        let options = &self.setting.options;
        let learned = lock(&way.first);
        let first = way.first_ms.map_or_else(|| learned.deadline(options.first), Duration::from_millis);
        let hurry = self.reacts(Reaction::HedgeEarlier);
        let hedge = options.hedge.map(|bounds| {
            let share = if hurry { 0.75 } else { 0.95 };
            let usual = bounds.apply(learned.quantile(share));
            match rank {
                Rank::Probe => usual.min(PROBE_HEDGE),
                _ if hurry && learned.p95().is_none() => usual / 2,
                _ => usual,
            }
        });
        Limits { connect: options.connect(), first, hedge }
    }

    fn reacts(&self, reaction: Reaction) -> bool {
        self.setting.pace.as_ref().is_some_and(|pace| pace.reacts(reaction))
    }
}
