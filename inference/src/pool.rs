//! A bounded pool of operating-system threads for inference, with lanes by urgency.
//!
//! The realtime lane has a thread of its own and is never behind anything else. The workers take interactive jobs
//! before background ones, and leave one worker free of background jobs where there are two or more. Workers step back behind
//! the media path by niceness. Nothing here waits without bound: a full lane refuses.

mod queue;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use futures::channel::oneshot;

use crate::error::Error;
use crate::metrics;
use crate::options::Options;
use queue::{Job, Queues};

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Voice activity: short, every 32 ms of every call.
    Realtime,
    /// The caller waits for it: final transcripts, end-of-turn scores, first words of a reply.
    Interactive,
    /// Useful soon: partial transcripts, later windows of speech.
    Background,
}

impl Lane {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Interactive => "interactive",
            Self::Background => "background",
        }
    }
}

/// Why a job gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("the {lane} lane of the inference pool is full", lane = .0.name())]
    Full(Lane),
    #[error("the inference pool has stopped")]
    Stopped,
    #[error("the inference job panicked")]
    Panicked,
}

/// The threads. Dropping it ends them after the jobs that already run.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    workers: usize,
    threads: Vec<JoinHandle<()>>,
}

/// A job on its way. Resolves to its result; dropping it cancels a job that has not begun.
#[derive(Debug)]
pub struct Ticket<T>(State<T>);

#[derive(Debug)]
enum State<T> {
    Refused(Rejected),
    Waiting(oneshot::Receiver<Result<T, Rejected>>),
}

#[derive(Debug)]
struct Shared {
    queues: Mutex<Queues>,
    /// Wakes workers.
    work: Condvar,
    /// Wakes the realtime thread.
    realtime: Condvar,
}

impl Pool {
    /// # Errors
    /// `Threads` when the system gives not all of them: jobs of a lane without a thread would wait for ever.
    pub fn start(options: &Options) -> Result<Self, Error> {
        Self::start_with(options, |name, body| thread::Builder::new().name(name.to_owned()).spawn(body))
    }

    fn start_with(
        options: &Options,
        mut spawn: impl FnMut(&str, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>,
    ) -> Result<Self, Error> {
        let workers = options.thread_count();
        let shared = Arc::new(Shared {
            queues: Mutex::new(Queues::new(workers)),
            work: Condvar::new(),
            realtime: Condvar::new(),
        });
        // Dropped on the way out of an error, which ends the threads that did start.
        let mut pool =
            Self { shared: Arc::clone(&shared), workers, threads: Vec::with_capacity(workers + 1) };
        let realtime = Arc::clone(&shared);
        let thread = spawn("infer-rt", Box::new(move || realtime.serve_realtime()));
        pool.threads.push(thread.map_err(Error::Threads)?);
        let niceness = options.niceness;
        for _ in 0..workers {
            let shared = Arc::clone(&shared);
            let thread = spawn(
                "infer",
                Box::new(move || {
                    step_back(niceness);
                    shared.serve();
                }),
            );
            pool.threads.push(thread.map_err(Error::Threads)?);
        }
        Ok(pool)
    }

    /// How many threads serve the interactive and background lanes.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Queues a job at once, before the result is awaited. The result is `Rejected::Full` when the lane has no room.
    pub fn run<T, F>(&self, lane: Lane, job: F) -> Ticket<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job = Job::new(wall_clock(), sender, job);
        let mut queues = self.shared.lock();
        if let Err(rejected) = queues.push(lane, job) {
            ::metrics::counter!(metrics::REJECTED_TOTAL, "lane" => lane.name()).increment(1);
            return Ticket(State::Refused(rejected));
        }
        drop(queues);
        match lane {
            Lane::Realtime => self.shared.realtime.notify_one(),
            Lane::Interactive | Lane::Background => self.shared.work.notify_one(),
        }
        Ticket(State::Waiting(receiver))
    }

    /// Whether a background job would begin at once: the test for work that is only worth doing when nobody waits.
    #[must_use]
    pub fn has_idle_worker(&self) -> bool {
        self.shared.lock().would_start_background()
    }

    /// Resolves when no background job waits or runs; what was loaded before has then settled.
    pub fn background_done(&self) -> impl Future<Output = ()> + Send + 'static {
        let quiet = self.shared.lock().when_quiet();
        async move {
            // A stopped pool is quiet too.
            let _ = quiet.await;
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().stop();
        self.shared.work.notify_all();
        self.shared.realtime.notify_all();
        let own = thread::current().id();
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != own) {
            // A worker catches what its jobs throw, so it ends normally.
            let _ = thread.join();
        }
    }
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, Rejected>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(rejected) => Poll::Ready(Err(*rejected)),
            State::Waiting(receiver) => Pin::new(receiver).poll(context).map(|result| match result {
                Ok(outcome) => outcome,
                Err(oneshot::Canceled) => Err(Rejected::Stopped),
            }),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        // Jobs run outside the lock, so a poisoned queue is still whole.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve_realtime(&self) {
        let mut queues = self.lock();
        while !queues.stopped() {
            match queues.next_realtime() {
                Some(job) => {
                    drop(queues);
                    execute(Lane::Realtime, job);
                    queues = self.lock();
                }
                None => queues = self.realtime.wait(queues).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn serve(&self) {
        let mut queues = self.lock();
        while !queues.stopped() {
            match queues.next() {
                Some((lane, job)) => {
                    drop(queues);
                    execute(lane, job);
                    queues = self.lock();
                    if queues.finished(lane) {
                        // A background job may have waited for this one to end.
                        self.work.notify_one();
                    }
                }
                None => queues = self.work.wait(queues).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

fn execute(lane: Lane, job: Job) {
    let began = wall_clock();
    ::metrics::histogram!(metrics::QUEUE_WAIT_SECONDS, "lane" => lane.name())
        .record(began.saturating_duration_since(job.submitted()));
    job.run();
    ::metrics::histogram!(metrics::RUN_SECONDS, "lane" => lane.name())
        .record(wall_clock().saturating_duration_since(began));
}

/// Puts the calling thread behind those that move media. Linux counts niceness by thread.
fn step_back(niceness: i32) {
    let this_thread: libc::id_t = 0;
    // SAFETY: takes three numbers and touches no memory of ours; who = 0 is the calling thread.
    #[expect(unsafe_code, reason = "the standard library has no thread priorities")]
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, this_thread, niceness) };
    if result != 0 {
        tracing::warn!(error = %std::io::Error::last_os_error(), "inference threads run at the media path's priority");
    }
}

/// These threads measure what they really waited and ran; no clock of a call takes part.
#[expect(clippy::disallowed_methods, reason = "measures operating-system threads, decides nothing")]
fn wall_clock() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
