//! What the jobs of a worker are at, and what the server is to be told of them and of us. Without I/O.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::wire::{
    Availability, FromWorker, JobStatus, JobType, MigrateJob, Permissions, Register, UpdateJob, UpdateWorker,
    WorkerStatus,
};

/// How the server stands, as LiveKit chooses workers by it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// From 0 to 1.
    pub load: f32,
    /// Another session may begin.
    pub free: bool,
    /// The server is stopping and takes no new sessions.
    pub draining: bool,
}

/// The server hears of us this often, and at once when we become full or stop being it.
const TELL_EVERY: Duration = Duration::from_millis(2_500);
/// A job that we said yes to is assigned within this, or somebody else has it.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(10);

/// Who comes into the room for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comes {
    pub(crate) identity: String,
    pub(crate) name: String,
    pub(crate) attributes: HashMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Offered,
    Accepted { until: Instant },
    Running,
}

#[derive(Debug)]
pub(crate) struct Jobs {
    agent: String,
    jobs: BTreeMap<String, Phase>,
    told: Option<(UpdateWorker, Instant)>,
}

impl Jobs {
    pub(crate) const fn new(agent: String) -> Self {
        Self { agent, jobs: BTreeMap::new(), told: None }
    }

    /// The first message on a line.
    pub(crate) fn register(&self) -> FromWorker {
        FromWorker::Register(Register {
            r#type: JobType::Room as i32,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ping_interval: 0,
            allowed_permissions: Some(Permissions {
                can_subscribe: true,
                can_publish: true,
                can_publish_data: true,
                can_update_metadata: true,
                agent: true,
            }),
            agent_name: self.agent.clone(),
        })
    }

    /// The server has taken us. It is told of jobs that run since before the line broke; what was only offered is void.
    pub(crate) fn registered(&mut self) -> Option<FromWorker> {
        self.told = None;
        self.jobs.retain(|_, phase| *phase == Phase::Running);
        let job_ids: Vec<_> = self.jobs.keys().cloned().collect();
        (!job_ids.is_empty()).then_some(FromWorker::MigrateJob(MigrateJob { job_ids }))
    }

    /// Whether the offer is a new one.
    pub(crate) fn offered(&mut self, job: &str) -> bool {
        let known = self.jobs.contains_key(job);
        if !known {
            self.jobs.insert(job.to_owned(), Phase::Offered);
        }
        !known
    }

    pub(crate) fn accept(&mut self, job: &str, comes: Comes, now: Instant) -> Option<FromWorker> {
        let phase = self.jobs.get_mut(job).filter(|phase| **phase == Phase::Offered)?;
        *phase = Phase::Accepted { until: now + ASSIGNED_WITHIN };
        Some(FromWorker::Availability(Availability {
            job_id: job.to_owned(),
            available: true,
            participant_name: comes.name,
            participant_identity: comes.identity,
            participant_attributes: comes.attributes,
            terminate: false,
        }))
    }

    /// Others may take it.
    pub(crate) fn refuse(&mut self, job: &str) -> Option<FromWorker> {
        self.decline(job, false)
    }

    /// What it asks for is there: nobody is to take it.
    pub(crate) fn done(&mut self, job: &str) -> Option<FromWorker> {
        self.decline(job, true)
    }

    fn decline(&mut self, job: &str, terminate: bool) -> Option<FromWorker> {
        self.jobs.get(job).filter(|phase| **phase == Phase::Offered)?;
        self.jobs.remove(job);
        let no = Availability { job_id: job.to_owned(), terminate, ..Availability::default() };
        Some(FromWorker::Availability(no))
    }

    /// The job is ours. `None` where we did not ask for it, or no longer want it.
    pub(crate) fn assigned(&mut self, job: &str) -> Option<FromWorker> {
        let phase = self.jobs.get_mut(job).filter(|phase| matches!(phase, Phase::Accepted { .. }))?;
        *phase = Phase::Running;
        Some(status(job, JobStatus::Running, ""))
    }

    /// What was said yes to, and never assigned.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<String> {
        let late = |phase: &Phase| matches!(phase, Phase::Accepted { until } if now >= *until);
        let expired: Vec<_> =
            self.jobs.iter().filter(|(_, phase)| late(phase)).map(|(job, _)| job.clone()).collect();
        self.jobs.retain(|_, phase| !late(phase));
        expired
    }

    pub(crate) fn ended(&mut self, job: &str, failed: Option<&str>) -> Option<FromWorker> {
        self.jobs.remove(job)?;
        Some(match failed {
            None => status(job, JobStatus::Success, ""),
            Some(why) => status(job, JobStatus::Failed, why),
        })
    }

    /// What the server is to know of us, where that is due.
    pub(crate) fn tell(&mut self, load: Load, now: Instant) -> Option<FromWorker> {
        let status = if load.free && !load.draining { WorkerStatus::Available } else { WorkerStatus::Full };
        let update = UpdateWorker {
            status: Some(status as i32),
            load: load.load.clamp(0.0, 1.0),
            job_count: u32::try_from(self.jobs.len()).unwrap_or(u32::MAX),
            draining: load.draining,
        };
        let due = self.told.as_ref().is_none_or(|(before, at)| {
            now >= *at + TELL_EVERY || before.status != update.status || before.draining != update.draining
        });
        due.then(|| {
            self.told = Some((update.clone(), now));
            FromWorker::UpdateWorker(update)
        })
    }

    /// When `tell` or `expire` has something to do next.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        let tell = self.told.as_ref().map_or(now, |(_, at)| *at + TELL_EVERY);
        let expiry = self.jobs.values().filter_map(|phase| match phase {
            Phase::Accepted { until } => Some(*until),
            Phase::Offered | Phase::Running => None,
        });
        expiry.fold(tell, Instant::min)
    }
}

fn status(job: &str, status: JobStatus, error: &str) -> FromWorker {
    FromWorker::UpdateJob(UpdateJob {
        job_id: job.to_owned(),
        status: status as i32,
        error: error.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn comes() -> Comes {
        Comes { identity: "agent-1".to_owned(), name: "Desk".to_owned(), attributes: HashMap::new() }
    }

    fn running(jobs: &mut Jobs, job: &str) {
        assert!(jobs.offered(job));
        jobs.accept(job, comes(), begun()).expect("offered");
        jobs.assigned(job).expect("accepted");
    }

    #[test]
    fn a_job_is_offered_accepted_assigned_and_reported() {
        let mut jobs = Jobs::new("desk".to_owned());
        assert!(jobs.offered("AJ_1") && !jobs.offered("AJ_1"));
        let Some(FromWorker::Availability(yes)) = jobs.accept("AJ_1", comes(), begun()) else {
            unreachable!("it was offered")
        };
        assert_eq!((yes.available, yes.participant_identity.as_str()), (true, "agent-1"));
        assert_eq!(jobs.assigned("AJ_2"), None, "nobody asked for it");
        assert_eq!(jobs.assigned("AJ_1"), Some(status("AJ_1", JobStatus::Running, "")));
        assert_eq!(jobs.ended("AJ_1", None), Some(status("AJ_1", JobStatus::Success, "")));
        assert_eq!(jobs.ended("AJ_1", None), None, "once");
    }

    #[test]
    fn what_is_refused_or_never_assigned_is_forgotten() {
        let mut jobs = Jobs::new("desk".to_owned());
        jobs.offered("AJ_1");
        let refused = jobs.refuse("AJ_1").expect("it was offered");
        assert!(matches!(refused, FromWorker::Availability(no) if !no.available && !no.terminate));
        assert_eq!(jobs.done("AJ_1"), None, "it was answered");
        jobs.offered("AJ_1");
        let done = jobs.done("AJ_1").expect("it was offered");
        assert!(matches!(done, FromWorker::Availability(no) if !no.available && no.terminate));
        jobs.offered("AJ_2");
        let now = begun();
        jobs.accept("AJ_2", comes(), now).expect("offered");
        assert_eq!(jobs.expire(now), [""; 0]);
        assert_eq!(jobs.expire(now + ASSIGNED_WITHIN), ["AJ_2"]);
        assert_eq!(jobs.assigned("AJ_2"), None, "the place is gone");
    }

    #[test]
    fn a_new_line_is_told_of_the_jobs_that_run_and_of_no_others() {
        let mut jobs = Jobs::new("desk".to_owned());
        assert_eq!(jobs.registered(), None);
        running(&mut jobs, "AJ_1");
        jobs.offered("AJ_2");
        let migrated = MigrateJob { job_ids: vec!["AJ_1".to_owned()] };
        assert_eq!(jobs.registered(), Some(FromWorker::MigrateJob(migrated)));
        assert_eq!(jobs.refuse("AJ_2"), None);
    }

    #[test]
    fn the_server_hears_of_us_in_time_and_at_once_when_we_are_full() {
        let mut jobs = Jobs::new("desk".to_owned());
        let now = begun();
        let free = Load { load: 0.2, free: true, draining: false };
        let told = |message: Option<FromWorker>| match message {
            Some(FromWorker::UpdateWorker(update)) => Some((update.status(), update.draining)),
            _ => None,
        };
        assert_eq!(told(jobs.tell(free, now)), Some((WorkerStatus::Available, false)));
        assert_eq!(told(jobs.tell(free, now)), None);
        let full = Load { free: false, ..free };
        assert_eq!(told(jobs.tell(full, now)), Some((WorkerStatus::Full, false)));
        let stopping = Load { draining: true, ..free };
        assert_eq!(told(jobs.tell(stopping, now)), Some((WorkerStatus::Full, true)));
        assert_eq!(told(jobs.tell(stopping, now + TELL_EVERY)), Some((WorkerStatus::Full, true)));
    }
}
