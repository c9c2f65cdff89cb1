//! Connections that wait for the next turn, kept alive, replaced before they are too old. Found by endpoint: vendor, tenant and region.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use runtime::{Kind, Tasks};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::codes::Fault;
use crate::metrics;
use crate::socket::{self, Endpoint, Frame, Manners, Socket};

const IDLE: Kind = Kind::new("link.idle_socket");
const WARM: Kind = Kind::new("link.warm");
const CLOSE: Kind = Kind::new("link.close");
const FAR: Duration = Duration::from_secs(3600);

/// Cheap to clone; all clones share the connections. They are closed when the last clone or the owner of its tasks goes.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// More free connections to one endpoint are closed: about the turns that begin at once.
    pub idle_per_endpoint: usize,
    /// A connection that no turn took for so long is closed.
    pub idle_for: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { idle_per_endpoint: 64, idle_for: Duration::from_secs(180) }
    }
}

struct Inner {
    tasks: Tasks,
    options: Options,
    /// The connection that was free last stands last, and is taken first: those that are too many grow idle.
    idle: Mutex<HashMap<Endpoint, Vec<Idle>>>,
    next_id: AtomicU64,
}

/// A free connection, which a task of its own reads and keeps alive until it is claimed.
struct Idle {
    id: u64,
    /// No turn takes it before.
    rests_until: Option<Instant>,
    claim: oneshot::Sender<oneshot::Sender<Socket>>,
}

/// A connection for a turn.
pub struct Taken {
    pub socket: Socket,
    /// It served before: it may have died meanwhile without anybody noticing.
    pub reused: bool,
}

impl Pool {
    #[must_use]
    pub fn new(tasks: &Tasks) -> Self {
        Self::with_options(tasks, Options::default())
    }

    #[must_use]
    pub fn with_options(tasks: &Tasks, options: Options) -> Self {
        let (idle, next_id) = (Mutex::default(), AtomicU64::new(0));
        Self { inner: Arc::new(Inner { tasks: tasks.child(), options, idle, next_id }) }
    }

    /// A free connection, or a new one.
    ///
    /// # Errors
    /// When a new one was needed and did not come about.
    pub async fn take(&self, endpoint: &Endpoint, manners: &Manners) -> Result<Taken, Fault> {
        while let Some(idle) = self.pop(endpoint) {
            let (reply, claimed) = oneshot::channel();
            if idle.claim.send(reply).is_ok()
                && let Ok(socket) = claimed.await
            {
                metrics::connected(manners.name, true);
                return Ok(Taken { socket, reused: true });
            }
        }
        self.connect(endpoint, manners).await
    }

    /// A new connection, whatever is free.
    ///
    /// # Errors
    /// When it did not come about.
    pub async fn connect(&self, endpoint: &Endpoint, manners: &Manners) -> Result<Taken, Fault> {
        let socket = socket::connect(endpoint, manners).await?;
        metrics::connected(manners.name, false);
        Ok(Taken { socket, reused: false })
    }

    /// Keeps a connection, on which nothing is under way, for the next turn, or for those after `rests_until`. `keep_alive` is what is
    /// sent on it meanwhile; none: pings.
    pub fn give_back(
        &self,
        endpoint: &Endpoint,
        socket: Socket,
        keep_alive: Option<Frame>,
        rests_until: Option<Instant>,
    ) {
        if tokio::runtime::Handle::try_current().is_err() {
            return; // the process ends, and the connection with it
        }
        let old = old_at(&socket).is_some_and(|at| at <= Instant::now());
        if old || self.kept(endpoint) >= self.inner.options.idle_per_endpoint {
            self.inner.tasks.spawn(CLOSE, socket.close());
            return;
        }
        let id = self.inner.next_id.fetch_add(1, Ordering::Relaxed);
        let (claim, claimed) = oneshot::channel();
        let idle_until = Instant::now() + self.inner.options.idle_for;
        let until = old_at(&socket).map_or(idle_until, |at| at.min(idle_until));
        self.inner.lock().entry(endpoint.clone()).or_default().push(Idle { id, rests_until, claim });
        let leaving = Leaving { pool: Arc::downgrade(&self.inner), endpoint: endpoint.clone(), id };
        self.inner.tasks.spawn(IDLE, async move {
            let _leaving = leaving;
            wait(socket, claimed, keep_alive, until).await;
        });
    }

    /// Opens connections ahead, until `count` are free. Failures are left to whoever needs a connection.
    pub fn warm(&self, endpoint: &Endpoint, manners: &Manners, keep_alive: Option<Frame>, count: usize) {
        let count = count.min(self.inner.options.idle_per_endpoint);
        for _ in self.idle_count(endpoint)..count {
            let (weak, endpoint) = (Arc::downgrade(&self.inner), endpoint.clone());
            let (manners, keep_alive) = (manners.clone(), keep_alive.clone());
            self.inner.tasks.spawn(WARM, async move {
                match socket::connect(&endpoint, &manners).await {
                    Ok(socket) => {
                        if let Some(inner) = weak.upgrade() {
                            Self { inner }.give_back(&endpoint, socket, keep_alive, None);
                        }
                    }
                    Err(fault) => {
                        tracing::debug!(provider = manners.name, reason = fault.reason, "not warmed");
                    }
                }
            });
        }
    }

    /// Connections to an endpoint that a turn would find.
    #[must_use]
    pub fn idle_count(&self, endpoint: &Endpoint) -> usize {
        let now = Instant::now();
        self.inner
            .lock()
            .get(endpoint)
            .map_or(0, |kept| kept.iter().filter(|idle| idle.is_rested(now)).count())
    }

    fn kept(&self, endpoint: &Endpoint) -> usize {
        self.inner.lock().get(endpoint).map_or(0, Vec::len)
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    fn pop(&self, endpoint: &Endpoint) -> Option<Idle> {
        let now = Instant::now();
        let mut idle = self.inner.lock();
        let kept = idle.get_mut(endpoint)?;
        let last = kept.iter().rposition(|idle| idle.is_rested(now))?;
        Some(kept.remove(last))
    }
}

impl Idle {
    fn is_rested(&self, now: Instant) -> bool {
        self.rests_until.is_none_or(|until| until <= now)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<Endpoint, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the connection off the list when its task ends, however it ends.
struct Leaving {
    pool: Weak<Inner>,
    endpoint: Endpoint,
    id: u64,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let Some(inner) = self.pool.upgrade() else { return };
        let mut idle = inner.lock();
        if let Some(of_endpoint) = idle.get_mut(&self.endpoint) {
            of_endpoint.retain(|idle| idle.id != self.id);
            if of_endpoint.is_empty() {
                idle.remove(&self.endpoint);
            }
        }
    }
}

fn old_at(socket: &Socket) -> Option<Instant> {
    socket.manners().rotate_after.map(|after| socket.opened_at() + after)
}

/// Until the connection is claimed, closed by the vendor, or `until`.
async fn wait(
    mut socket: Socket,
    mut claimed: oneshot::Receiver<oneshot::Sender<Socket>>,
    keep_alive: Option<Frame>,
    until: Instant,
) {
    loop {
        let every = socket.manners().keep_alive.unwrap_or(FAR);
        let keep_alive_at = socket.sent_at() + every;
        tokio::select! {
            biased;
            claim = &mut claimed => {
                if let Ok(claim) = claim {
                    // A turn that left meanwhile drops its connection.
                    let _left = claim.send(socket);
                }
                return;
            }
            message = socket.next() => match message {
                Ok(Some(_of_no_turn)) => {}
                Ok(None) | Err(_) => return,
            },
            () = sleep_until(until) => return socket.close().await,
            () = sleep_until(keep_alive_at) => {
                let kept = match keep_alive.clone() {
                    Some(frame) => socket.send(frame).await,
                    None => socket.ping().await,
                };
                if kept.is_err() {
                    return;
                }
            }
        }
    }
}
