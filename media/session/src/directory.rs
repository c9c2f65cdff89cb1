//! Which sessions live here, and whether another may. A slot is reserved before anything is built for a call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{EndReason, Failure, Retry, SessionId};
use tokio::sync::Notify;
use tokio_util::sync::DropGuard;

use crate::handle::Handle;

/// When a full house is worth another try.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// No call can be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    #[error("all {capacity} sessions that this server may run are taken; try again in {} s", retry_after.as_secs())]
    Capacity { capacity: usize, retry_after: Duration },
    #[error("the server is finishing its calls before it stops and takes no new ones")]
    Draining { retry_after: Duration },
}

impl Full {
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Capacity { retry_after, .. } | Self::Draining { retry_after } => *retry_after,
        }
    }

    #[must_use]
    pub fn failure(&self) -> Failure {
        let code = match self {
            Self::Capacity { .. } => "SESSIONS_FULL",
            Self::Draining { .. } => "SERVER_DRAINING",
        };
        Failure::platform(code, Retry::After(self.retry_after()))
    }
}

/// All sessions of this process. Clones share it.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    capacity: usize,
    /// Slots given out: sessions running and being set up.
    taken: usize,
    draining: bool,
    sessions: HashMap<SessionId, Entry>,
}

#[derive(Debug)]
struct Entry {
    handle: Handle,
    /// Dropping it ends the session and all it owns.
    _life: DropGuard,
}

/// The right to run one session. Dropping it gives the place to the next caller.
#[derive(Debug)]
pub struct Slot(Arc<Inner>);

/// How many slots there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub capacity: usize,
    /// Reserved or running.
    pub taken: usize,
    pub running: usize,
    pub draining: bool,
}

impl Directory {
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let state = State { capacity, ..State::default() };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Takes a place for a session, or tells when to ask again. Never waits.
    ///
    /// # Errors
    /// `Full` when every place is taken or the server is stopping.
    pub fn reserve(&self) -> Result<Slot, Full> {
        let mut state = self.0.lock();
        if state.draining {
            return Err(Full::Draining { retry_after: RETRY_AFTER });
        }
        if state.taken >= state.capacity {
            return Err(Full::Capacity { capacity: state.capacity, retry_after: RETRY_AFTER });
        }
        state.taken += 1;
        drop(state);
        Ok(Slot(Arc::clone(&self.0)))
    }

    #[must_use]
    pub fn get(&self, id: SessionId) -> Option<Handle> {
        self.0.lock().sessions.get(&id).map(|entry| entry.handle.clone())
    }

    #[must_use]
    pub fn handles(&self) -> Vec<Handle> {
        self.0.lock().sessions.values().map(|entry| entry.handle.clone()).collect()
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        let state = self.0.lock();
        Counts {
            capacity: state.capacity,
            taken: state.taken,
            running: state.sessions.len(),
            draining: state.draining,
        }
    }

    /// Takes no new calls, lets the running ones finish until `deadline`, then ends them with `ServerStopping`, and cuts off
    /// what has not ended `grace` later. Returns whether all finished by themselves.
    pub async fn drain(&self, deadline: Duration, grace: Duration) -> bool {
        self.0.lock().draining = true;
        if tokio::time::timeout(deadline, self.empty()).await.is_ok() {
            return true;
        }
        let stop = async {
            for handle in self.handles() {
                // A session that is gone by now has ended; that is what is wanted.
                let _gone = handle.end(EndReason::ServerStopping).await;
            }
            self.empty().await;
        };
        if tokio::time::timeout(grace, stop).await.is_err() {
            let cut = std::mem::take(&mut self.0.lock().sessions);
            drop(cut);
            // Cut sessions give their slots back at their next await point. One that is still being set up ends
            // with its owner.
            let _timeout = tokio::time::timeout(Duration::from_secs(1), self.empty()).await;
        }
        false
    }

    async fn empty(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.0.lock().taken == 0 {
                return;
            }
            changed.await;
        }
    }
}

impl Slot {
    pub(crate) fn enter(self, handle: Handle, life: DropGuard) -> Seat {
        let id = handle.id();
        self.0.lock().sessions.insert(id, Entry { handle, _life: life });
        Seat { id, slot: self }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.lock().taken -= 1;
        self.0.changed.notify_waiters();
    }
}

/// A running session's place; the session holds it to its end.
#[derive(Debug)]
pub(crate) struct Seat {
    id: SessionId,
    slot: Slot,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let entry = self.slot.0.lock().sessions.remove(&self.id);
        drop(entry); // outside the lock: it cancels a token, which wakes others
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_given_once_and_comes_back() {
        let directory = Directory::new(2);
        let first = directory.reserve().expect("free");
        let _second = directory.reserve().expect("free");
        let full = directory.reserve().expect_err("two of two");
        assert_eq!(full.failure().code.0, "SESSIONS_FULL");
        assert_eq!(full.retry_after(), RETRY_AFTER);
        drop(first);
        assert!(directory.reserve().is_ok());
        assert_eq!(directory.counts(), Counts { capacity: 2, taken: 1, running: 0, draining: false });
    }

    #[test]
    fn reserving_from_many_threads_never_gives_more_than_there_is() {
        let directory = Directory::new(10);
        let slots: Vec<Slot> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..5).filter_map(|_| directory.reserve().ok()).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(slots.len(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_draining_house_takes_nobody_and_waits_for_those_inside() {
        let directory = Directory::new(2);
        let slot = directory.reserve().expect("free");
        let (inside, drained) = tokio::join!(
            async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                let refused = directory.reserve().expect_err("draining");
                drop(slot);
                refused
            },
            directory.drain(Duration::from_secs(10), Duration::from_secs(1)),
        );
        assert_eq!(inside.failure().code.0, "SERVER_DRAINING");
        assert!(drained);
    }
}
