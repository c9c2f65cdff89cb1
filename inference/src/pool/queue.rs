//! Which job runs next: bounded queues by lane, no threads, no clock of its own.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use futures::channel::oneshot;

use super::{Lane, Rejected};

/// Voice activity windows of 200 calls at once; more means the machine is lost anyway, and the caller's detector
/// treats the refusal as a missing verdict.
const REALTIME_CAPACITY: usize = 256;
/// Finals and first windows: with more than this waiting, the last would be seconds late; the provider reports failure.
const INTERACTIVE_CAPACITY: usize = 64;
/// Partials and later windows: refused partials are skipped, refused windows are asked for again.
const BACKGROUND_CAPACITY: usize = 64;

pub(super) struct Job {
    submitted: Instant,
    work: Box<dyn Work>,
}

/// Erases the job's result type.
trait Work: Send {
    fn cancelled(&self) -> bool;
    fn run(self: Box<Self>);
}

struct Task<T, F> {
    sender: oneshot::Sender<Result<T, Rejected>>,
    job: F,
}

impl<T: Send, F: FnOnce() -> T + Send> Work for Task<T, F> {
    fn cancelled(&self) -> bool {
        self.sender.is_canceled()
    }

    fn run(self: Box<Self>) {
        let Self { sender, job } = *self;
        // The job's own state is dropped with it, so nothing half-changed is seen afterwards.
        let outcome = catch_unwind(AssertUnwindSafe(job)).map_err(|_| Rejected::Panicked);
        // Nobody waits any more: the result is not needed.
        let _ = sender.send(outcome);
    }
}

impl Job {
    pub(super) fn new<T, F>(submitted: Instant, sender: oneshot::Sender<Result<T, Rejected>>, job: F) -> Self
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Self { submitted, work: Box::new(Task { sender, job }) }
    }

    pub(super) fn submitted(&self) -> Instant {
        self.submitted
    }

    pub(super) fn run(self) {
        self.work.run();
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("cancelled", &self.work.cancelled()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) struct Queues {
    realtime: VecDeque<Job>,
    interactive: VecDeque<Job>,
    background: VecDeque<Job>,
    workers: usize,
    interactive_running: usize,
    background_running: usize,
    stopped: bool,
    /// Told when no background job waits or runs.
    quiet: Vec<oneshot::Sender<()>>,
}

impl Queues {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            realtime: VecDeque::new(),
            interactive: VecDeque::new(),
            background: VecDeque::new(),
            workers,
            interactive_running: 0,
            background_running: 0,
            stopped: false,
            quiet: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, lane: Lane, job: Job) -> Result<(), Rejected> {
        if self.stopped {
            return Err(Rejected::Stopped);
        }
        let (queue, capacity) = match lane {
            Lane::Realtime => (&mut self.realtime, REALTIME_CAPACITY),
            Lane::Interactive => (&mut self.interactive, INTERACTIVE_CAPACITY),
            Lane::Background => (&mut self.background, BACKGROUND_CAPACITY),
        };
        if queue.len() >= capacity {
            queue.retain(|job| !job.work.cancelled());
        }
        if queue.len() >= capacity {
            return Err(Rejected::Full(lane));
        }
        queue.push_back(job);
        Ok(())
    }

    pub(super) fn next_realtime(&mut self) -> Option<Job> {
        wanted(&mut self.realtime)
    }

    /// The next job for a worker. Each is followed by `finished`.
    pub(super) fn next(&mut self) -> Option<(Lane, Job)> {
        if let Some(job) = wanted(&mut self.interactive) {
            self.interactive_running += 1;
            return Some((Lane::Interactive, job));
        }
        if self.background_running < self.background_at_once()
            && let Some(job) = wanted(&mut self.background)
        {
            self.background_running += 1;
            return Some((Lane::Background, job));
        }
        None
    }

    /// Whether a waiting job may begin because of it.
    pub(super) fn finished(&mut self, lane: Lane) -> bool {
        match lane {
            Lane::Interactive => self.interactive_running -= 1,
            Lane::Background => self.background_running -= 1,
            Lane::Realtime => {}
        }
        self.tell_when_quiet();
        !self.interactive.is_empty() || !self.background.is_empty()
    }

    pub(super) fn when_quiet(&mut self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.quiet.push(sender);
        self.tell_when_quiet();
        receiver
    }

    fn tell_when_quiet(&mut self) {
        if self.background_running == 0 && self.background.iter().all(|job| job.work.cancelled()) {
            for waiting in self.quiet.drain(..) {
                // Who no longer waits need not know.
                let _ = waiting.send(());
            }
        }
    }

    pub(super) fn would_start_background(&self) -> bool {
        let busy = self.interactive_running + self.background_running;
        self.interactive.is_empty()
            && self.background.is_empty()
            && busy < self.workers
            && self.background_running < self.background_at_once()
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.realtime.clear();
        self.interactive.clear();
        self.background.clear();
        self.quiet.clear();
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    /// One worker stays free for what callers wait for, where there is more than one.
    fn background_at_once(&self) -> usize {
        self.workers.saturating_sub(1).max(1)
    }
}

/// The first job somebody still waits for.
fn wanted(queue: &mut VecDeque<Job>) -> Option<Job> {
    while let Some(job) = queue.pop_front() {
        if !job.work.cancelled() {
            return Some(job);
        }
    }
    None
}
