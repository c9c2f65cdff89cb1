//! Tasks are born here: each has a kind that says what its end means, hangs on its owner's token, and is awaited.
//!
//! A `Tasks` is the owner. Cancelling or dropping it cancels every task in it and in its children; `drain` and
//! `shutdown` wait for all of these. Nothing in the workspace spawns in another way (`clippy.toml` forbids it).

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Instrument;

/// What a task is for, and what it means when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    pub name: &'static str,
    pub on_panic: OnPanic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnPanic {
    /// The owner goes on without the task; the panic is logged.
    Log,
    /// The owner cannot be right without it: cancel everything the owner has.
    CancelOwner,
}

impl Kind {
    /// A task whose panic is logged and ends nothing else.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, on_panic: OnPanic::Log }
    }

    /// A task that its owner cannot live without.
    #[must_use]
    pub const fn vital(name: &'static str) -> Self {
        Self { name, on_panic: OnPanic::CancelOwner }
    }
}

/// An owner of tasks. Dropping it cancels them all.
#[derive(Debug)]
pub struct Tasks {
    token: CancellationToken,
    _guard: DropGuard,
    tracker: TaskTracker,
    /// Of the owners above, who wait for these tasks too.
    above: Vec<TaskTracker>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Tasks {
    #[must_use]
    pub fn new() -> Self {
        Self::on(CancellationToken::new(), Vec::new())
    }

    fn on(token: CancellationToken, above: Vec<TaskTracker>) -> Self {
        Self { _guard: token.clone().drop_guard(), token, tracker: TaskTracker::new(), above }
    }

    /// An owner that ends when this one ends, and may be drained on its own before.
    #[must_use]
    pub fn child(&self) -> Self {
        let above = self.above.iter().chain([&self.tracker]).cloned().collect();
        Self::on(self.token.child_token(), above)
    }

    /// The token that a task selects on where it must end in its own order; cancelled with this owner.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Starts a task. It is dropped at its next await point when the owner is cancelled; a task that must end in
    /// an order of its own uses `spawn_graceful`.
    pub fn spawn<F>(&self, kind: Kind, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let token = self.token.clone();
        self.start(kind, async move { token.run_until_cancelled(task).await })
    }

    /// Starts a task that watches `token()` itself and ends soon after it is cancelled.
    pub fn spawn_graceful<F>(&self, kind: Kind, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.start(kind, task)
    }

    /// Runs what blocks its thread, such as reading a file, where no other task waits behind it. It cannot be interrupted:
    /// a cancelled owner still waits for it. The handle's error is the panic of `work`.
    pub fn spawn_blocking<F, T>(&self, kind: Kind, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mark = self.mark(kind);
        let span = tracing::debug_span!("task", kind = kind.name);
        self.tracker.spawn_blocking(move || {
            let _mark = mark;
            span.in_scope(work)
        })
    }

    fn start<F>(&self, kind: Kind, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mark = self.mark(kind);
        let span = tracing::debug_span!("task", kind = kind.name);
        self.tracker.spawn_on(
            async move {
                let _mark = mark;
                task.await
            }
            .instrument(span),
            &Handle::current(),
        )
    }

    /// What a task carries while it lives.
    fn mark(&self, kind: Kind) -> Mark {
        Mark {
            kind,
            token: self.token.clone(),
            _live: Live::enter(kind),
            _above: self.above.iter().map(TaskTracker::token).collect(),
        }
    }

    /// Asks every task to end; returns at once.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Waits until every task, of its children too, has ended by itself, at most `deadline`, then cancels the rest and waits
    /// for them. Returns whether all ended by themselves.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.tracker.close();
        let in_time = tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok();
        if !in_time {
            self.token.cancel();
            self.tracker.wait().await;
        }
        in_time
    }

    /// Cancels everything, children too, and waits for it.
    pub async fn shutdown(&self) {
        self.token.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Tasks that live, of its children too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }
}

/// How many tasks of each kind live in the process now, of all kinds that ever did; for telemetry and leak tests.
#[must_use]
pub fn live() -> BTreeMap<&'static str, usize> {
    let counts = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    counts.iter().map(|(name, count)| (*name, count.load(Ordering::Relaxed))).collect()
}

static LIVE: Mutex<BTreeMap<&'static str, Arc<AtomicUsize>>> = Mutex::new(BTreeMap::new());

struct Live(Arc<AtomicUsize>);

impl Live {
    fn enter(kind: Kind) -> Self {
        let count =
            Arc::clone(LIVE.lock().unwrap_or_else(PoisonError::into_inner).entry(kind.name).or_default());
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Mark {
    kind: Kind,
    token: CancellationToken,
    _live: Live,
    _above: Vec<TaskTrackerToken>,
}

impl Drop for Mark {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return; // ended or cancelled, not failed
        }
        tracing::error!(kind = self.kind.name, "task panicked");
        if self.kind.on_panic == OnPanic::CancelOwner {
            self.token.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: Kind = Kind::new("test.forever");

    #[tokio::test]
    async fn dropping_the_owner_ends_its_children_too() {
        let owner = Tasks::new();
        let child = owner.child();
        let task = child.spawn(FOREVER, std::future::pending::<()>());
        drop(owner);
        assert_eq!(task.await.expect("no panic"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn drain_waits_and_then_insists() {
        let tasks = Tasks::new();
        tasks.spawn(Kind::new("test.short"), tokio::time::sleep(Duration::from_secs(1)));
        assert!(tasks.drain(Duration::from_secs(2)).await);
        let tasks = Tasks::new();
        tasks.spawn(FOREVER, std::future::pending::<()>());
        assert!(!tasks.drain(Duration::from_secs(2)).await);
        assert!(tasks.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_owner_waits_for_its_childrens_tasks_too() {
        let owner = Tasks::new();
        let child = owner.child().child();
        let (ended, has_ended) = std::sync::mpsc::channel();
        let token = child.token();
        child.spawn_graceful(Kind::new("test.orderly"), async move {
            token.cancelled().await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            let _heard = ended.send(());
        });
        assert_eq!(owner.len(), 1);
        drop(child);
        owner.shutdown().await;
        assert!(
            owner.is_empty() && has_ended.try_recv().is_ok(),
            "its last three seconds were not waited for"
        );
    }

    #[tokio::test]
    async fn what_blocks_is_waited_for_and_its_panic_is_the_owners() {
        let owner = Tasks::new();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let work = owner.child().spawn_blocking(Kind::new("test.blocking"), move || {
            let _gone = wait.recv();
            7
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), owner.shutdown()).await.is_err());
        drop(go);
        owner.shutdown().await;
        assert_eq!(work.await.expect("no panic"), 7);
        let owner = Tasks::new();
        let failed = owner.spawn_blocking(Kind::vital("test.blocking"), || {
            assert!(std::hint::black_box(false), "on purpose")
        });
        assert!(failed.await.is_err() && owner.token().is_cancelled());
    }

    #[tokio::test]
    async fn a_vital_task_takes_its_owner_down() {
        let tasks = Tasks::new();
        let other = tasks.spawn(FOREVER, std::future::pending::<()>());
        let failed = tasks
            .spawn(Kind::vital("test.vital"), async { assert!(std::hint::black_box(false), "on purpose") });
        assert!(failed.await.is_err());
        assert_eq!(other.await.expect("cancelled, not panicked"), None);
    }
}
