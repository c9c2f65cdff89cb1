//! Which sessions live here, and whether another may. A slot is reserved before anything is built for a call.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{EndReason, Failure, Retry, SessionId};
use runtime::Tasks;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::DropGuard;

use crate::handle::{COMMANDS, Command, Handle, Status};

mod kept;

pub use kept::Kept;

/// When a full house is worth another try.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Sessions that are remembered to have ended, so that a late repetition of what began one begins no other under its id.
/// Past this many the oldest are forgotten; a permission to begin a call lives for minutes, thousands of calls do not.
const ENDED: usize = 4096;

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

/// An id names one session and no second one.
#[derive(Debug, Clone)]
pub enum Taken {
    /// The session runs: whoever comes for it attaches a leg.
    Running(Handle),
    /// The session was here and is over.
    Ended,
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
    /// By id, which is by age.
    ended: BTreeSet<SessionId>,
    /// Of the entry made last; an entry is known by it, since another may come under its id.
    serial: u64,
}

#[derive(Debug)]
struct Entry {
    serial: u64,
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
        self.reserve_where(|counts| counts.taken < counts.capacity)
    }

    /// The same for a call of ours, which leaves the places that are `kept` to people who call us. Never waits.
    ///
    /// # Errors
    /// `Full` when no other place may be taken for a call out or the server is stopping.
    pub fn reserve_leaving(&self, kept: Kept) -> Result<Slot, Full> {
        self.reserve_where(|counts| kept.leaves(counts))
    }

    fn reserve_where(&self, may: impl FnOnce(Counts) -> bool) -> Result<Slot, Full> {
        let mut state = self.0.lock();
        if state.draining {
            return Err(Full::Draining { retry_after: RETRY_AFTER });
        }
        if !may(state.counts()) {
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

    /// Whether the id is that of a session that runs or has ended here.
    #[must_use]
    pub fn taken(&self, id: SessionId) -> Option<Taken> {
        self.0.lock().taken_by(id)
    }

    /// Waits until the session is here no longer, and forgets that it was: it goes on elsewhere, and may come back. Cancel-safe.
    pub async fn hand_over(&self, id: SessionId) {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut state = self.0.lock();
                if !state.sessions.contains_key(&id) {
                    state.ended.remove(&id);
                    return;
                }
            }
            changed.await;
        }
    }

    #[must_use]
    pub fn handles(&self) -> Vec<Handle> {
        self.0.lock().sessions.values().map(|entry| entry.handle.clone()).collect()
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.lock().counts()
    }

    /// Takes no new calls, lets the running ones finish until `deadline`, then ends them with `ServerStopping`, and cuts off
    /// what has not ended `grace` later. Returns whether all finished by themselves.
    pub async fn drain(&self, deadline: Duration, grace: Duration) -> bool {
        self.0.lock().draining = true;
        if tokio::time::timeout(deadline, self.empty()).await.is_ok() {
            return true;
        }
        let stop = async {
            // All at once: one that is behind with its commands keeps no other from saying goodbye.
            let told = self.handles().into_iter().map(|handle| async move {
                // A session that is gone by now has ended; that is what is wanted.
                let _gone = handle.end(EndReason::ServerStopping).await;
            });
            futures::future::join_all(told).await;
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

impl State {
    fn counts(&self) -> Counts {
        Counts {
            capacity: self.capacity,
            taken: self.taken,
            running: self.sessions.len(),
            draining: self.draining,
        }
    }

    fn taken_by(&self, id: SessionId) -> Option<Taken> {
        match self.sessions.get(&id) {
            Some(entry) => Some(Taken::Running(entry.handle.clone())),
            None => self.ended.contains(&id).then_some(Taken::Ended),
        }
    }
}

impl Slot {
    /// Makes the slot the place of the session `id`, which may be attached to from now on and is run by `start`.
    ///
    /// # Errors
    /// When the id is taken, by whoever was quicker; the slot goes to the next caller.
    pub fn enter(self, id: SessionId, tasks: &Tasks) -> Result<Place, Taken> {
        let own = tasks.child();
        let (sender, commands) = mpsc::channel(COMMANDS);
        let (status, watched) = watch::channel(Status::default());
        let handle = Handle::new(id, sender, watched);
        let mut state = self.0.lock();
        if let Some(taken) = state.taken_by(id) {
            drop(state); // the slot locks, too, when it goes
            return Err(taken);
        }
        state.serial += 1;
        let serial = state.serial;
        let entry = Entry { serial, handle: handle.clone(), _life: own.token().drop_guard() };
        state.sessions.insert(id, entry);
        drop(state);
        Ok(Place { handle, own, commands, status, seat: Seat { id, serial, slot: self } })
    }
}

/// Where a session is about to run. Dropped without `start`, it is free again.
pub struct Place {
    pub(crate) handle: Handle,
    pub(crate) own: Tasks,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) seat: Seat,
}

impl Place {
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.seat.id
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
    serial: u64,
    slot: Slot,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let entry = {
            let mut state = self.slot.0.lock();
            state.ended.insert(self.id);
            if state.ended.len() > ENDED {
                state.ended.pop_first();
            }
            let own = state.sessions.get(&self.id).is_some_and(|entry| entry.serial == self.serial);
            if own { state.sessions.remove(&self.id) } else { None }
        };
        drop(entry); // outside the lock: it cancels a token, which wakes others
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
