//! What processes tell each other of providers that fail, so that not every one has to find out by its own callers.
//!
//! Never on the path of a request: a task carries states to and fro, and each process decides by its own copy. A store
//! that cannot be reached costs nothing but the news.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use runtime::{Kind, Tasks};
use tokio::time::Instant;

use crate::health::{Health, Key, lock};

const IN_STEP: Kind = Kind::new("route.shared");

/// A provider that is not to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub key: Key,
    /// From now on: clocks of different machines need not agree.
    pub lasts: Duration,
}

/// Where states are kept for all processes. Entries vanish by themselves when their time is over.
pub trait Shared: Send + Sync {
    /// Keeps each for as long as it lasts; of two for one key the longer.
    fn publish(&self, open: Vec<Open>) -> BoxFuture<'_, Result<(), Unavailable>>;

    /// All that are open now, with the time that is left.
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<Open>, Unavailable>>;
}

/// The store cannot be reached; the states of this process go on to rule here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the shared state of providers is unavailable: {0}")]
pub struct Unavailable(pub String);

/// For the routes of one process, and tests.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<Key, Instant>>);

impl Shared for Memory {
    fn publish(&self, open: Vec<Open>) -> BoxFuture<'_, Result<(), Unavailable>> {
        let now = Instant::now();
        let mut kept = lock(&self.0);
        for Open { key, lasts } in open {
            let until = kept.entry(key).or_insert(now);
            *until = (*until).max(now + lasts);
        }
        futures::future::ready(Ok(())).boxed()
    }

    fn fetch(&self) -> BoxFuture<'_, Result<Vec<Open>, Unavailable>> {
        let now = Instant::now();
        let mut kept = lock(&self.0);
        kept.retain(|_, until| *until > now);
        let open = kept.iter().map(|(key, until)| Open { key: key.clone(), lasts: *until - now }).collect();
        futures::future::ready(Ok(open)).boxed()
    }
}

/// Tells the others and learns from them, until `tasks` ends.
pub fn keep_in_step(health: Arc<Health>, shared: Arc<dyn Shared>, every: Duration, tasks: &Tasks) {
    tasks.spawn(IN_STEP, async move {
        // What was learned is not told again: it would never be over.
        let mut learned: HashMap<Key, Instant> = HashMap::new();
        let mut away = false;
        loop {
            let exchanged = exchange(&health, shared.as_ref(), &mut learned).await;
            match &exchanged {
                Ok(()) if away => tracing::info!("states of providers are shared again"),
                Err(error) if !away => {
                    tracing::warn!(%error, "states of providers are not shared; each process goes by its own");
                }
                Ok(()) | Err(_) => {}
            }
            away = exchanged.is_err();
            tokio::time::sleep(every).await;
        }
    });
}

async fn exchange(
    health: &Health,
    shared: &dyn Shared,
    learned: &mut HashMap<Key, Instant>,
) -> Result<(), Unavailable> {
    let now = Instant::now();
    learned.retain(|_, until| *until > now);
    let own = health.states();
    let own = own.iter().filter(|state| !learned.contains_key(state.key().as_ref()));
    let own =
        own.filter_map(|state| Some(Open { key: state.key().as_ref().clone(), lasts: state.open_for(now)? }));
    let own: Vec<_> = own.collect();
    let known: Vec<Key> = own.iter().map(|open| open.key.clone()).collect();
    if !own.is_empty() {
        shared.publish(own).await?;
    }
    let now = Instant::now();
    for Open { key, lasts } in shared.fetch().await? {
        if !known.contains(&key) && learned.insert(key.clone(), now + lasts).is_none() {
            health.state(key).learn(lasts, now);
        }
    }
    Ok(())
}
