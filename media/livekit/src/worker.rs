//! A worker: registered with a LiveKit server under an agent's name, it is offered rooms, takes those it has a place for, and reports.

mod jobs;

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use media_rtc::Trust;
use runtime::tasks::{Kind, Tasks};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::metrics::JOBS_OFFERED;
use crate::participant::Ticket;
use crate::signal::Pulse;
use crate::socket::{self, Line};
use crate::token::{Grant, Keys};
use crate::wire::{Assignment, FromServer, FromWorker, Job, ServerMessage, WorkerMessage, WorkerPing};

use jobs::{Comes, Jobs};

pub use jobs::Load;

const WORKER: Kind = Kind::new("livekit.worker");
const LINE: Kind = Kind::new("livekit.worker.line");

/// Offers that nobody looked at. When full, more are refused.
const OFFERS: usize = 32;
/// Answers and reports that the worker has not passed on. When full whoever answers waits.
const CONTROLS: usize = 64;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The token is read once, when the line is opened.
const TOKEN_LASTS: Duration = Duration::from_secs(600);
/// As long as those that LiveKit makes for a job; it sends new ones while the agent is in the room.
const STAY_LASTS: Duration = Duration::from_secs(3_600);
/// Between two attempts to reach the server, growing up to the last.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];
/// In seconds: so often the line is tried, and so long nothing may come back.
const PING_S: i32 = 10;
const SILENT_S: i32 = 30;

/// Where and as whom to work.
#[derive(Debug, Clone)]
pub struct Worker {
    /// As `LIVEKIT_URL` has it.
    pub url: String,
    pub keys: Keys,
    /// Whom a server behind TLS is verified by.
    pub trust: Trust,
    /// The name that rooms ask for.
    pub agent: String,
    /// As people see the agent in a room.
    pub title: String,
}

/// A room that wants the agent. Dropping it refuses.
#[derive(Debug)]
pub struct Offer {
    pub room: String,
    /// What whoever asked for the agent gave it along.
    pub metadata: String,
    pub agent: String,
    /// As whom the agent comes into the room.
    pub identity: String,
    job: String,
    controls: mpsc::Sender<Control>,
    answered: bool,
}

/// A room that is to be entered now. Dropping it without `ended` reports the job as failed.
#[derive(Debug)]
pub struct Assigned {
    pub ticket: Ticket,
    /// Cancelled when the server wants the agent gone.
    pub terminated: CancellationToken,
    job: String,
    controls: mpsc::Sender<Control>,
    failed: Option<String>,
}

#[derive(Debug)]
enum Control {
    Accept { job: String, identity: String, assigned: oneshot::Sender<Assigned> },
    Refuse { job: String },
    Done { job: String },
    Ended { job: String, failed: Option<String> },
}

impl Worker {
    /// Works until `tasks` ends. `load` is looked at all the time.
    ///
    /// # Errors
    /// Where the address is none.
    pub fn start(self, load: watch::Receiver<Load>, tasks: &Tasks) -> Result<mpsc::Receiver<Offer>, Error> {
        let base = socket::base(&self.url)?;
        let (offers, offered) = mpsc::channel(OFFERS);
        let (controls, controlled) = mpsc::channel(CONTROLS);
        let own = tasks.child();
        let shell = Shell {
            jobs: Jobs::new(self.agent.clone()),
            url: format!("{base}/agent?protocol=1"),
            worker: self,
            load,
            offers,
            controls,
            waiting: HashMap::new(),
            running: HashMap::new(),
            tasks: own,
        };
        tasks.spawn(WORKER, shell.run(controlled));
        Ok(offered)
    }

    /// The way into a room that this server was not offered, in the place of an agent who was in it as `identity`. One who still is is sent
    /// away: LiveKit lets nobody be in a room twice.
    ///
    /// # Errors
    /// Where the secret cannot sign.
    pub fn replaces(&self, room: &str, identity: &str) -> Result<Ticket, Error> {
        let grant = Grant {
            room: room.to_owned(),
            identity: identity.to_owned(),
            name: self.title.clone(),
            attributes: attributes(&self.agent).into(),
            kind: "agent",
            ..Grant::default()
        };
        let token = self.keys.join(&grant, SystemTime::now(), STAY_LASTS)?;
        Ok(Ticket { url: self.url.clone(), token })
    }
}

impl Offer {
    /// Takes the room. What comes of it is `Assigned`, or nothing where another worker was quicker.
    pub async fn accept(mut self) -> Option<Assigned> {
        self.answered = true;
        let (assigned, comes) = oneshot::channel();
        let (job, identity) = (self.job.clone(), self.identity.clone());
        self.controls.send(Control::Accept { job, identity, assigned }).await.ok()?;
        comes.await.ok()
    }

    /// What the room asks for is there. Nobody comes, and it is offered to nobody else: to LiveKit the job is one that went well.
    pub fn done(mut self) {
        self.answered = true;
        // A worker that is so far behind has lost the offer already.
        let _late = self.controls.try_send(Control::Done { job: self.job.clone() });
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if !self.answered {
            // A worker that is so far behind has lost the offer already.
            let _late = self.controls.try_send(Control::Refuse { job: self.job.clone() });
        }
    }
}

impl Assigned {
    /// The visit is over; `failed` says why it was none.
    pub fn ended(mut self, failed: Option<String>) {
        self.failed = failed;
    }
}

impl Drop for Assigned {
    fn drop(&mut self) {
        let ended = Control::Ended { job: self.job.clone(), failed: self.failed.take() };
        // A worker that is so far behind is told by the room, which the agent has left.
        let _late = self.controls.try_send(ended);
    }
}

struct Shell {
    jobs: Jobs,
    url: String,
    worker: Worker,
    load: watch::Receiver<Load>,
    offers: mpsc::Sender<Offer>,
    controls: mpsc::Sender<Control>,
    /// For their assignment.
    waiting: HashMap<String, oneshot::Sender<Assigned>>,
    running: HashMap<String, CancellationToken>,
    tasks: Tasks,
}

type Wire = Line<WorkerMessage, ServerMessage>;

impl Shell {
    async fn run(mut self, mut controlled: mpsc::Receiver<Control>) {
        let mut attempt = 0;
        loop {
            match self.open().await {
                Ok(mut line) => {
                    tracing::info!(agent = self.worker.agent, "registered with LiveKit");
                    attempt = 0;
                    // Who was offered a room on the line before is not given it on this one.
                    self.waiting.clear();
                    self.work(&mut line, &mut controlled).await;
                    // Nor does anybody wait for one of the line that broke: their place is free.
                    self.waiting.clear();
                    tracing::warn!(agent = self.worker.agent, "the line to LiveKit broke");
                }
                Err(error) if attempt == 0 => {
                    tracing::warn!(agent = self.worker.agent, %error, "LiveKit does not take us; trying again");
                }
                Err(error) => tracing::debug!(agent = self.worker.agent, %error, "LiveKit does not take us"),
            }
            let pause = tokio::time::sleep(PAUSES[attempt.min(PAUSES.len() - 1)]);
            attempt += 1;
            tokio::pin!(pause);
            // Reports of jobs that end meanwhile are kept from filling the channel; the server sees that the agent left.
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    Some(control) = controlled.recv() => {
                        // An offer of the line that broke cannot be taken any more.
                        if !matches!(control, Control::Accept { .. }) {
                            let _nobody_to_tell = self.control(control);
                        }
                    }
                }
            }
        }
    }

    async fn open(&mut self) -> Result<Wire, Error> {
        let token = self.worker.keys.work(SystemTime::now(), TOKEN_LASTS)?;
        let socket = socket::dial(&self.url, &token, &self.worker.trust, CONNECT_WITHIN).await?;
        let mut line: Wire = socket::carry(socket, LINE, &self.tasks);
        say(&line, self.jobs.register())?;
        let silent = || Error::Protocol("registering was not answered".to_owned());
        let first = tokio::time::timeout(CONNECT_WITHIN, line.receiver.recv()).await;
        match first.map_err(|_elapsed| silent())?.and_then(|message| message.message) {
            Some(FromServer::Registered(_)) => {}
            _ => return Err(silent()),
        }
        if let Some(migrated) = self.jobs.registered() {
            say(&line, migrated)?;
        }
        Ok(line)
    }

    /// Until the line breaks.
    async fn work(&mut self, line: &mut Wire, controlled: &mut mpsc::Receiver<Control>) {
        let mut pulse = Pulse::new(PING_S, SILENT_S, now());
        loop {
            let at = now();
            for job in self.jobs.expire(at) {
                self.waiting.remove(&job);
            }
            let load = *self.load.borrow_and_update();
            let status = self.jobs.tell(load, at);
            let ping = match pulse.beat(at) {
                Some(due) => due.then_some(FromWorker::Ping(WorkerPing { timestamp: 0 })),
                None => return,
            };
            let wake = self.jobs.due(at).min(pulse.due());
            let told = [status, ping].into_iter().flatten().try_for_each(|message| say(line, message));
            if told.is_err() {
                return;
            }
            let answer = tokio::select! {
                message = line.receiver.recv() => match message {
                    Some(message) => {
                        pulse.heard(now());
                        self.message(message)
                    }
                    None => return,
                },
                Some(control) = controlled.recv() => self.control(control),
                Ok(()) = self.load.changed() => None,
                () = tokio::time::sleep_until(wake.into()) => None,
            };
            if answer.is_some_and(|answer| say(line, answer).is_err()) {
                return;
            }
        }
    }

    fn message(&mut self, message: ServerMessage) -> Option<FromWorker> {
        match message.message? {
            FromServer::Availability(request) => self.offer(request.job?),
            FromServer::Assignment(assignment) => self.assign(assignment),
            FromServer::Termination(termination) => {
                if let Some(running) = self.running.get(&termination.job_id) {
                    running.cancel();
                }
                None
            }
            FromServer::Registered(_) | FromServer::Pong(_) => None,
        }
    }

    fn offer(&mut self, job: Job) -> Option<FromWorker> {
        if !self.jobs.offered(&job.id) {
            return None;
        }
        let offer = Offer {
            room: job.room.map(|room| room.name).unwrap_or_default(),
            metadata: job.metadata,
            agent: self.worker.agent.clone(),
            identity: format!("agent-{:012x}", rand::random::<u64>() >> 16),
            job: job.id.clone(),
            controls: self.controls.clone(),
            answered: false,
        };
        if let Err(error) = self.offers.try_send(offer) {
            // Refused below, and not once more when it is dropped.
            let mut offer = error.into_inner();
            offer.answered = true;
            metrics::counter!(JOBS_OFFERED, "answer" => "refused").increment(1);
            return self.jobs.refuse(&job.id);
        }
        None
    }

    fn control(&mut self, control: Control) -> Option<FromWorker> {
        match control {
            Control::Accept { job, identity, assigned } => {
                let accepted = self.jobs.accept(&job, self.comes(identity), now())?;
                metrics::counter!(JOBS_OFFERED, "answer" => "taken").increment(1);
                self.waiting.insert(job, assigned);
                Some(accepted)
            }
            Control::Done { job } => {
                metrics::counter!(JOBS_OFFERED, "answer" => "done").increment(1);
                self.jobs.done(&job)
            }
            Control::Refuse { job } => {
                metrics::counter!(JOBS_OFFERED, "answer" => "refused").increment(1);
                self.jobs.refuse(&job)
            }
            Control::Ended { job, failed } => {
                self.running.remove(&job);
                self.jobs.ended(&job, failed.as_deref())
            }
        }
    }

    fn comes(&self, identity: String) -> Comes {
        Comes { identity, name: self.worker.title.clone(), attributes: attributes(&self.worker.agent).into() }
    }

    fn assign(&mut self, assignment: Assignment) -> Option<FromWorker> {
        let job = assignment.job?.id;
        let running = self.jobs.assigned(&job)?;
        let waiting = self.waiting.remove(&job)?;
        let terminated = CancellationToken::new();
        let url = assignment.url.filter(|url| !url.is_empty()).unwrap_or_else(|| self.worker.url.clone());
        self.running.insert(job.clone(), terminated.clone());
        let assigned = Assigned {
            ticket: Ticket { url, token: domain::Secret::new(assignment.token) },
            terminated,
            job,
            controls: self.controls.clone(),
            failed: Some("the agent was not started".to_owned()),
        };
        // Who no longer waits reports by dropping it.
        let _gone = waiting.send(assigned);
        Some(running)
    }
}

/// With which an agent enters a room.
fn attributes(agent: &str) -> [(String, String); 2] {
    [("lk.agent.name", agent), ("lk.agent.state", "initializing")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn say(line: &Wire, message: FromWorker) -> Result<(), Error> {
    let sent = line.sender.try_send(WorkerMessage { message: Some(message) });
    sent.map_err(|_| Error::Protocol("the line to LiveKit does not move".to_owned()))
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
