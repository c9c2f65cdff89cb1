//! Heavy requests of one organization run few at once, so that another's are not slowed: those beyond wait in line, and beyond the line are
//! refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::OrgId;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Of all organizations: half of the connections that requests have, so that light ones never wait for heavy ones.
const ALL: usize = 5;
/// Of one.
const OF_ONE: usize = 2;
/// Of one, waiting in line. One more is refused: a client that sends faster than it is answered learns of it.
const IN_LINE: usize = 8;
/// A statement may take fifteen seconds; who waits longer than this gives the place up.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Heavy {
    all: Semaphore,
    lanes: Mutex<HashMap<OrgId, Arc<Lane>>>,
}

struct Lane {
    running: Arc<Semaphore>,
    /// Running ones and those in line.
    there: AtomicUsize,
}

/// The line is full, or did not move for too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Given back when it is dropped.
pub(crate) struct Permit<'a> {
    // Fields are dropped in order: the lane is left last.
    _of_all: SemaphorePermit<'a>,
    _of_one: tokio::sync::OwnedSemaphorePermit,
    _there: There<'a>,
}

struct There<'a> {
    heavy: &'a Heavy,
    org: OrgId,
    lane: Arc<Lane>,
}

impl Heavy {
    pub(crate) fn new() -> Self {
        Self { all: Semaphore::new(ALL), lanes: Mutex::default() }
    }

    /// Waits for a place, first among the organization's own. Cancel-safe.
    pub(crate) async fn enter(&self, org: OrgId) -> Result<Permit<'_>, Full> {
        let there = self.come(org).ok_or(Full)?;
        let places = async {
            // Neither is ever closed.
            let of_one = Arc::clone(&there.lane.running).acquire_owned().await.map_err(|_| Full)?;
            let of_all = self.all.acquire().await.map_err(|_| Full)?;
            Ok((of_one, of_all))
        };
        let (of_one, of_all) = tokio::time::timeout(PATIENCE, places).await.unwrap_or(Err(Full))?;
        Ok(Permit { _of_all: of_all, _of_one: of_one, _there: there })
    }

    fn come(&self, org: OrgId) -> Option<There<'_>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(org).or_insert_with(|| {
            Arc::new(Lane { running: Arc::new(Semaphore::new(OF_ONE)), there: AtomicUsize::new(0) })
        });
        if lane.there.load(Ordering::Relaxed) >= OF_ONE + IN_LINE {
            return None;
        }
        lane.there.fetch_add(1, Ordering::Relaxed);
        Some(There { heavy: self, org, lane: Arc::clone(lane) })
    }
}

impl Drop for There<'_> {
    /// Counts are changed under the lock alone, so that a lane that somebody comes to is never forgotten.
    fn drop(&mut self) {
        let mut lanes = self.heavy.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lane.there.fetch_sub(1, Ordering::Relaxed) == 1 {
            lanes.remove(&self.org);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_organization_waits_for_itself_and_another_is_let_in() {
        let heavy = Heavy::new();
        let (one, other) = (OrgId::generate(), OrgId::generate());
        let first = heavy.enter(one).await.expect("room");
        let _second = heavy.enter(one).await.expect("room");
        let mut third = Box::pin(heavy.enter(one));
        assert!((&mut third).now_or_never().is_none(), "in line");
        assert!(heavy.enter(other).now_or_never().is_some_and(|entered| entered.is_ok()));
        drop(first);
        assert!(third.now_or_never().is_some_and(|entered| entered.is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_has_an_end_and_who_leaves_it_makes_room() {
        let heavy = Heavy::new();
        let org = OrgId::generate();
        let _running = [heavy.enter(org).await.expect("room"), heavy.enter(org).await.expect("room")];
        let mut line: Vec<_> = (0..IN_LINE).map(|_| Box::pin(heavy.enter(org))).collect();
        for waiting in &mut line {
            assert!(waiting.now_or_never().is_none());
        }
        assert_eq!(heavy.enter(org).await.err(), Some(Full));
        drop(line.pop());
        let mut last = Box::pin(heavy.enter(org));
        assert!((&mut last).now_or_never().is_none(), "there is room in the line again");
        assert_eq!(last.await.err(), Some(Full), "and nobody waits for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_kept_of_who_has_left() {
        let heavy = Heavy::new();
        for _ in 0..100 {
            drop(heavy.enter(OrgId::generate()).await.expect("room"));
        }
        assert!(heavy.lanes.lock().expect("no panic").is_empty());
        assert_eq!(heavy.all.available_permits(), ALL);
    }
}
