//! What all vendors of one server share: delays, what goes wrong next, what was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use providers_api::conformance::Adversity;
use serde_json::Value;
use tokio::time::Instant;

use crate::Delays;

/// Cheap to clone; all clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stage(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    delays: Delays,
    script: Mutex<Script>,
    connections: AtomicUsize,
}

#[derive(Debug, Default)]
struct Script {
    next: VecDeque<Adversity>,
    then: Option<Adversity>,
    seen: Vec<Seen>,
}

/// Something that a client did.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Instant,
    pub vendor: &'static str,
    /// `request`, `open`, a control message by its name, `cancelled` (the client left before the answer was complete), `closed`.
    pub what: String,
    /// The request's body or the message, where it is JSON.
    pub body: Value,
}

impl Stage {
    #[must_use]
    pub fn new(delays: Delays) -> Self {
        Self(Arc::new(Inner { delays, ..Inner::default() }))
    }

    #[must_use]
    pub fn delays(&self) -> Delays {
        self.0.delays
    }

    /// The next request or connection after those already scripted meets this.
    pub fn push(&self, adversity: Adversity) {
        self.lock().next.push_back(adversity);
    }

    /// Every request and connection without a scripted fate meets this from now on.
    pub fn always(&self, adversity: Option<Adversity>) {
        self.lock().then = adversity;
    }

    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// How many connections clients have opened.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn connected(&self) {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// The fate of a request or connection that begins.
    pub(crate) fn fate(&self) -> Option<Adversity> {
        let mut script = self.lock();
        script.next.pop_front().or(script.then)
    }

    pub(crate) fn note(&self, vendor: &'static str, what: impl Into<String>, body: Value) {
        let seen = Seen { at: Instant::now(), vendor, what: what.into(), body };
        self.lock().seen.push(seen);
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.0.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes `cancelled` when it is dropped before `done`: an answer that the client did not wait for.
pub(crate) struct Watch {
    stage: Stage,
    vendor: &'static str,
    done: bool,
}

impl Watch {
    pub(crate) fn new(stage: &Stage, vendor: &'static str) -> Self {
        Self { stage: stage.clone(), vendor, done: false }
    }

    pub(crate) fn done(&mut self) {
        self.done = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.done {
            self.stage.note(self.vendor, "cancelled", Value::Null);
        }
    }
}
