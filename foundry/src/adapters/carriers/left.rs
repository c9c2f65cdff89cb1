//! Calls at carriers outlive the server that has them: each is on record while it is ours, and what a server leaves behind when it dies is ended
//! by another, or by itself when it starts anew. Calls never wait for the record: which of them are ours is known here, and each beat has the
//! database know it too.

mod shelf;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control_server::Vault;
use control_store::carrier_call::{Abandoned, Call};
use control_store::{Db, Error};
use domain::{OrgId, ServerId};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use runtime::{Kind, Tasks};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Line;
use super::legs::Name;
use crate::adapters::sight::Sight;

const KEEP: Kind = Kind::new("carriers.record");
/// When the server stops, for calls that are still to be ended.
const LAST_WORDS: Duration = Duration::from_secs(25);
const BEAT: Duration = Duration::from_secs(10);
/// A server of which the database hears nothing for so long is gone. One that only cannot reach it loses its calls with that.
const LASTS: Duration = Duration::from_secs(60);
/// Beats that are further apart than this could not see what happened in between.
const UNSEEN: Duration = Duration::from_secs(20);
/// A server that has not seen the database takes nothing of others for so long after: they, who have not seen it either, have a beat in that time.
const HOLDERS_FIRST: Duration = Duration::from_secs(15);
/// So many calls left behind are ended at a time.
const TAKEN: usize = 16;

/// Which calls are ours. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Shared>);

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    changed: Notify,
}

#[derive(Default)]
struct Book {
    /// Calls that run here, wherever their callers are.
    running: usize,
    /// Those that are ended when this server dies.
    held: BTreeMap<Call, OrgId>,
    /// What became of them is not written yet.
    changed: BTreeSet<Call>,
    not_ended: BTreeMap<Call, OrgId>,
}

/// What the database does not know yet.
#[derive(Debug, Default)]
struct Changes {
    held: Vec<(OrgId, Call)>,
    over: Vec<Call>,
    not_ended: Vec<(OrgId, Call)>,
}

/// A call that runs here: on record, but while its caller is somebody else's. Dropping it takes it off.
pub(crate) struct Entry {
    record: Record,
    org: OrgId,
    call: Call,
    ended: bool,
}

/// Where calls are on record, and what ends them.
trait Shelf: Send + Sync + 'static {
    /// Nobody speaks in what an earlier life of this server had; how many those are.
    fn abandon(&self) -> BoxFuture<'_, Result<u64, Error>>;

    /// These are the server's, and no others.
    fn renew(&self, held: Vec<(OrgId, Call)>) -> BoxFuture<'_, Result<(), Error>>;

    fn write<'a>(&'a self, changes: &'a Changes) -> BoxFuture<'a, Result<(), Error>>;

    /// As of `carrier_call::take`.
    fn take(&self, silent: bool, limit: usize) -> BoxFuture<'_, Result<Vec<Abandoned>, Error>>;

    fn end(&self, left: Abandoned) -> BoxFuture<'_, Result<(), Error>>;
}

impl Record {
    /// Keeps it from now on until `tasks` ends.
    pub(crate) fn start(db: Db, server: ServerId, vault: Arc<Vault>, line: Line, tasks: &Tasks) -> Self {
        let record = Self::default();
        let keeper = Keeper::of(shelf::InDatabase { db, server, vault, line }, record.clone());
        tasks.spawn_graceful(KEEP, keeper.run(tasks.token()));
        record
    }

    /// This call is ours.
    pub(crate) fn ours(&self, org: OrgId, name: &Name) -> Entry {
        let call = Call { account: name.0, call: name.1.clone() };
        self.change(|book| book.running += 1);
        let entry = Entry { record: self.clone(), org, call, ended: true };
        entry.hold();
        entry
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Book)) {
        change(&mut self.lock());
        self.0.changed.notify_one();
    }

    fn is_idle(&self) -> bool {
        self.lock().running == 0
    }

    fn held(&self) -> Vec<(OrgId, Call)> {
        self.lock().held.iter().map(|(call, org)| (*org, call.clone())).collect()
    }
}

impl Book {
    fn take_changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        for call in std::mem::take(&mut self.changed) {
            match self.held.get(&call) {
                Some(org) => changes.held.push((*org, call)),
                None => changes.over.push(call),
            }
        }
        changes.not_ended =
            std::mem::take(&mut self.not_ended).into_iter().map(|(call, org)| (org, call)).collect();
        changes
    }

    /// They were not written. What has become of each since is found out when they are.
    fn put_back(&mut self, changes: Changes) {
        self.changed.extend(changes.held.into_iter().map(|(_, call)| call).chain(changes.over));
        self.not_ended.extend(changes.not_ended.into_iter().map(|(org, call)| (call, org)));
    }
}

impl Changes {
    const fn is_empty(&self) -> bool {
        self.held.is_empty() && self.over.is_empty() && self.not_ended.is_empty()
    }
}

impl Entry {
    /// Nobody else has the caller, or is called for them.
    pub(crate) fn hold(&self) {
        if self.record.lock().held.contains_key(&self.call) {
            return;
        }
        self.record.change(|book| {
            book.held.insert(self.call.clone(), self.org);
            book.changed.insert(self.call.clone());
        });
    }

    /// Somebody else may have the caller from now on: nobody hangs up on them, whatever becomes of this server.
    pub(crate) fn let_go(&self) {
        self.record.change(|book| {
            book.held.remove(&self.call);
            book.changed.insert(self.call.clone());
        });
    }

    /// The carrier did not end it: it is tried again later, whatever becomes of this server.
    pub(crate) fn not_ended(mut self) {
        self.ended = false;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.record.change(|book| {
            book.running = book.running.saturating_sub(1);
            book.held.remove(&self.call);
            if self.ended {
                book.changed.insert(self.call.clone());
            } else {
                book.changed.remove(&self.call);
                book.not_ended.insert(self.call.clone(), self.org);
            }
        });
    }
}

struct Keeper<S> {
    shelf: Arc<S>,
    record: Record,
    /// What an earlier life of this server left is told from what this one has.
    has_looked: bool,
    sight: Sight,
    /// Whether servers that are not heard of may be taken for gone.
    sees: bool,
    /// Whether there may be calls left behind that nobody has taken.
    more: bool,
    ending: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl<S: Shelf> Keeper<S> {
    fn of(shelf: S, record: Record) -> Self {
        Self {
            shelf: Arc::new(shelf),
            record,
            has_looked: false,
            sight: Sight::new(UNSEEN, HOLDERS_FIRST),
            sees: false,
            more: false,
            ending: FuturesUnordered::new(),
        }
    }

    /// Ends with `stopping`, when no call is ours any more.
    async fn run(mut self, stopping: CancellationToken) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let last = async {
            stopping.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::pin!(last);
        loop {
            let is_idle = self.record.is_idle();
            tokio::select! {
                () = self.record.0.changed.notified() => {}
                now = beat.tick() => self.beat(now).await,
                // What runs is renewed meanwhile.
                Some(()) = self.ending.next() => {}
                () = stopping.cancelled(), if is_idle => {}
                () = &mut last => return,
            }
            if let Err(error) = self.write().await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "calls at carriers could not be put on record; again in a moment");
            }
            if stopping.is_cancelled() {
                if self.record.is_idle() {
                    return;
                }
            } else if let Err(error) = self.take().await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "calls that were left at carriers are not known; again in a moment");
            }
        }
    }

    async fn beat(&mut self, now: Instant) {
        match self.renew().await {
            Ok(()) => {
                self.sees = self.sight.seen(now);
                self.more = true;
            }
            Err(error) => {
                self.sight.lost();
                (self.sees, self.more) = (false, false);
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "calls at carriers could not be renewed; again in a moment");
            }
        }
    }

    async fn renew(&mut self) -> Result<(), Error> {
        if !self.has_looked {
            let calls = self.shelf.abandon().await?;
            if calls > 0 {
                tracing::warn!(
                    calls,
                    "calls at carriers were left behind when the server died; they are ended"
                );
            }
            self.has_looked = true;
        }
        self.shelf.renew(self.record.held()).await
    }

    async fn write(&mut self) -> Result<(), Error> {
        if !self.has_looked {
            return Ok(());
        }
        let changes = self.record.lock().take_changes();
        if changes.is_empty() {
            return Ok(());
        }
        let written = self.shelf.write(&changes).await;
        if written.is_err() {
            self.record.lock().put_back(changes);
        }
        written
    }

    /// Has what was left behind ended, so many at a time, until there is nothing more.
    async fn take(&mut self) -> Result<(), Error> {
        if !self.more || !self.ending.is_empty() {
            return Ok(());
        }
        self.more = false;
        let taken = self.shelf.take(self.sees, TAKEN).await?;
        self.more = taken.len() == TAKEN;
        for left in taken {
            let shelf = Arc::clone(&self.shelf);
            let ended = async move {
                if let Err(error) = shelf.end(left).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "a call that was left at its carrier is ended later");
                }
            };
            self.ending.push(ended.boxed());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
