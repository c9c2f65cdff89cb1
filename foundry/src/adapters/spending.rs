//! The hard stop of budgets, where calls begin and while they run: an organization that has spent its month gets no new calls, and its
//! running ones end after the reply that is being given. Follows the database.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control_store::{Db, Reason, budget};
use domain::{EndReason, OrgId, SessionId};
use media_session::Directory;
use runtime::{Kind, Tasks};

use crate::adapters::follow::follow;

const FOLLOW: Kind = Kind::new("spending.follow");
/// So late is a stop seen, counted from when the request that spent the rest is on record.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct Spending {
    directory: Directory,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stopped: BTreeSet<OrgId>,
    /// Whose call runs here, and whether it was told to end.
    calls: HashMap<SessionId, (OrgId, bool)>,
}

impl Spending {
    /// Knows who is stopped already when it returns: a restart must not open what a budget has closed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn follow(
        db: Db,
        directory: Directory,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, control_store::Error> {
        let spending = Arc::new(Self { directory, state: Mutex::default() });
        spending.look(&db).await?;
        let following = Arc::clone(&spending);
        // While the database is away who was stopped stays so, and nobody else is: calls must not be refused for that.
        follow(tasks, FOLLOW, FOLLOW_EVERY, "budgets", move || {
            let (spending, db) = (Arc::clone(&following), db.clone());
            async move { spending.look(&db).await }
        });
        Ok(spending)
    }

    pub(crate) fn is_stopped(&self, org: OrgId) -> bool {
        self.state().stopped.contains(&org)
    }

    /// A call of the organization is about to run.
    pub(crate) fn begins(&self, session: SessionId, org: OrgId) {
        self.state().calls.insert(session, (org, false));
    }

    async fn look(&self, db: &Db) -> Result<(), control_store::Error> {
        let mut tx = db.system_tx(Reason::Spending).await?;
        let limited = budget::limited(&mut tx, jiff::Timestamp::now()).await?;
        tx.commit().await?;
        let stopped = limited.iter().filter(|limited| limited.is_stopped()).map(|limited| limited.org);
        let leaving = self.state().stop(stopped.collect(), |session| self.directory.get(session).is_some());
        // All at once: one that is behind with its commands keeps no other from saying goodbye.
        let told =
            leaving.into_iter().filter_map(|session| self.directory.get(session)).map(async |handle| {
                tracing::info!(session = %handle.id(), "the call ends after this reply: the budget is spent");
                // One that is gone by now has ended, which is what is wanted.
                let _gone = handle.take_leave(EndReason::BudgetSpent).await;
            });
        futures::future::join_all(told).await;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Calls that are to end now, each once.
    fn stop(&mut self, stopped: BTreeSet<OrgId>, runs: impl Fn(SessionId) -> bool) -> Vec<SessionId> {
        for org in stopped.difference(&self.stopped) {
            tracing::warn!(%org, "the organization has spent its budget: new calls are refused");
        }
        for org in self.stopped.difference(&stopped) {
            tracing::info!(%org, "the organization may spend again: new calls are taken");
        }
        self.calls.retain(|session, _| runs(*session));
        let mut leaving = Vec::new();
        for (session, (org, told)) in &mut self.calls {
            if !*told && stopped.contains(org) {
                *told = true;
                leaving.push(*session);
            }
        }
        self.stopped = stopped;
        leaving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_who_has_spent_their_budget_are_told_once_and_others_go_on() {
        let (spent, thrifty) = (OrgId::generate(), OrgId::generate());
        let (ours, gone, theirs) = (SessionId::generate(), SessionId::generate(), SessionId::generate());
        let mut state = State::default();
        for (session, org) in [(ours, spent), (gone, spent), (theirs, thrifty)] {
            state.calls.insert(session, (org, false));
        }
        let runs = |session| session != gone;
        assert_eq!(state.stop(BTreeSet::new(), runs), []);
        assert_eq!(state.stop(BTreeSet::from([spent]), runs), [ours]);
        assert_eq!(state.stop(BTreeSet::from([spent]), runs), []);
        assert!(state.stopped.contains(&spent) && !state.calls.contains_key(&gone));
    }
}
