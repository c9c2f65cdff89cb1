//! How the providers are: a breaker for each tenant's use of one, what each one's own measures say, in this process.
//!
//! A route asks here on every request and finds all in memory; what other processes found comes and goes in the
//! background (`shared`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use providers_api::{Ability, Error, ErrorKind, ProviderInfo};
use tokio::time::Instant;

use crate::breaker::{Breaker, Change, Options, Standing};
use crate::learned::Learned;
use crate::observe::{Observer, RouteEvent};
use crate::probe::{FORGOTTEN_AFTER, Probe};

/// What a breaker is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub tenant: Arc<str>,
    pub ability: Ability,
    pub provider: String,
    pub model: String,
    pub region: String,
}

impl Key {
    #[must_use]
    pub fn new(tenant: Arc<str>, ability: Ability, info: &ProviderInfo) -> Self {
        let ProviderInfo { name, model, region, .. } = info.clone();
        Self { tenant, ability, provider: name, model, region }
    }
}

/// Shared by all routes of the process.
pub struct Health {
    options: Options,
    observer: Arc<dyn Observer>,
    states: Mutex<HashMap<Arc<Key>, Arc<State>>>,
    /// Of the routes made last, and when.
    probes: Mutex<HashMap<Arc<Key>, (Probe, Instant)>>,
    measures: Mutex<HashMap<(Key, Moment), Measures>>,
}

/// Of one provider, whoever asks.
pub(crate) type Measures = Arc<Mutex<Learned>>;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Moment {
    First,
    /// STT: the final.
    Last,
    /// TTS: audio for a letter.
    Letter,
}

/// One breaker and whom it tells.
pub(crate) struct State {
    key: Arc<Key>,
    observer: Arc<dyn Observer>,
    breaker: Mutex<Breaker>,
}

impl Health {
    #[must_use]
    pub fn new(options: Options, observer: Arc<dyn Observer>) -> Self {
        Self {
            options,
            observer,
            states: Mutex::default(),
            probes: Mutex::default(),
            measures: Mutex::default(),
        }
    }

    /// Whether requests with this key are let through.
    #[must_use]
    pub fn standing(&self, key: &Key, now: Instant) -> Standing {
        let state = lock(&self.states).get(key).cloned();
        state.map_or(Standing::Ready, |state| state.standing(now))
    }

    /// Those that a synthetic request may find well again.
    #[must_use]
    pub fn probes_due(&self, now: Instant) -> Vec<Arc<Key>> {
        let states = lock(&self.states);
        let due = states.values().filter(|state| state.standing(now) == Standing::Probe);
        due.map(|state| Arc::clone(&state.key)).collect()
    }

    /// Those that are not let through, and for how much longer; zero: one request finds out.
    #[must_use]
    pub fn open(&self, now: Instant) -> Vec<(Arc<Key>, Duration)> {
        let states = lock(&self.states);
        let open = states.values().filter(|state| state.standing(now) != Standing::Ready);
        open.map(|state| (Arc::clone(&state.key), state.open_for(now).unwrap_or_default())).collect()
    }

    /// Finds out by `probe` whether the provider works again, unless it is known or another is finding out.
    pub async fn probe(&self, key: &Key, probe: impl Future<Output = Result<(), Error>>) {
        let Some(state) = lock(&self.states).get(key).cloned() else { return };
        if !state.admit(Instant::now()) {
            return;
        }
        let mut permit = Permit { state: Some(state) };
        let result = probe.await;
        // Always there: only the drop takes it otherwise.
        let Some(state) = permit.state.take() else { return };
        match result {
            Ok(()) => state.succeeded(Instant::now()),
            Err(error) => state.failed(error.kind, Instant::now()),
        }
    }

    /// How a provider is asked without a caller.
    pub(crate) fn probe_by(&self, key: &Arc<Key>, probe: Probe, now: Instant) {
        lock(&self.probes).insert(Arc::clone(key), (probe, now));
    }

    /// The probes that are due, of providers that are still in use.
    pub(crate) fn probes_of(&self, now: Instant) -> Vec<Probe> {
        let due = self.probes_due(now);
        let mut probes = lock(&self.probes);
        probes.retain(|_, (_, at)| now.saturating_duration_since(*at) < FORGOTTEN_AFTER);
        due.iter().filter_map(|key| probes.get(key)).map(|(probe, _)| Arc::clone(probe)).collect()
    }

    pub(crate) fn state(&self, key: Key) -> Arc<State> {
        let mut states = lock(&self.states);
        if let Some(state) = states.get(&key) {
            return Arc::clone(state);
        }
        let key = Arc::new(key);
        let breaker = Mutex::new(Breaker::new(self.options));
        let state = State { key: Arc::clone(&key), observer: Arc::clone(&self.observer), breaker };
        Arc::clone(states.entry(key).or_insert(Arc::new(state)))
    }

    /// What is measured is the provider's, whoever pays.
    pub(crate) fn measures(&self, ability: Ability, info: &ProviderInfo, moment: Moment) -> Measures {
        let key = Key::new("".into(), ability, info);
        Arc::clone(lock(&self.measures).entry((key, moment)).or_default())
    }

    pub(crate) fn states(&self) -> Vec<Arc<State>> {
        lock(&self.states).values().cloned().collect()
    }
}

impl State {
    pub(crate) fn key(&self) -> &Arc<Key> {
        &self.key
    }

    pub(crate) fn standing(&self, now: Instant) -> Standing {
        lock(&self.breaker).standing(now)
    }

    /// Whether this request is the one that finds out.
    pub(crate) fn admit(&self, now: Instant) -> bool {
        lock(&self.breaker).admit(now) == Standing::Probe
    }

    pub(crate) fn succeeded(&self, now: Instant) {
        let change = lock(&self.breaker).succeeded(now);
        self.tell(change, ErrorKind::Closed);
    }

    pub(crate) fn failed(&self, kind: ErrorKind, now: Instant) {
        let change = lock(&self.breaker).failed(kind, now);
        self.tell(change, kind);
    }

    pub(crate) fn released(&self, fruitless: bool, now: Instant) {
        lock(&self.breaker).released(fruitless, now);
    }

    pub(crate) fn open_for(&self, now: Instant) -> Option<Duration> {
        lock(&self.breaker).open_for(now)
    }

    pub(crate) fn learn(&self, open_for: Duration, now: Instant) {
        let change = lock(&self.breaker).learn(open_for, now);
        self.tell(change, ErrorKind::Unreachable);
    }

    fn tell(&self, change: Option<Change>, because: ErrorKind) {
        let key = Arc::clone(&self.key);
        match change {
            Some(Change::Opened { lasts }) => {
                self.observer.event(RouteEvent::BreakerOpened { key, because, lasts });
            }
            Some(Change::Closed) => self.observer.event(RouteEvent::BreakerClosed { key }),
            None => {}
        }
    }
}

/// The right to probe, given back where the probe is dropped.
struct Permit {
    state: Option<Arc<State>>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(state) = &self.state {
            state.released(false, Instant::now());
        }
    }
}

/// Held for the microseconds of a step, never across a wait.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
