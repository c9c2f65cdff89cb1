//! Whether a call could be placed now, and the numbers of the process.

use control_api::health::{Check, Readiness};
use control_server::ports;
use media_session::Directory;

pub(crate) struct Health {
    pub(crate) directory: Directory,
    /// What was started, each with what it is: all of it was needed to get here.
    pub(crate) parts: Vec<(String, String)>,
}

impl ports::Health for Health {
    fn readiness(&self) -> Readiness {
        let counts = self.directory.counts();
        let mut checks: Vec<Check> = self
            .parts
            .iter()
            .map(|(name, detail)| Check { name: name.clone(), ok: true, detail: detail.clone() })
            .collect();
        let room = counts.taken < counts.capacity && !counts.draining;
        let detail = if counts.draining {
            "draining".to_owned()
        } else {
            format!("{} of {} in use", counts.taken, counts.capacity)
        };
        checks.push(Check { name: "lines".to_owned(), ok: room, detail });
        Readiness {
            ready: room,
            checks,
            calls_active: u32::try_from(counts.running).unwrap_or(u32::MAX),
            calls_capacity: u32::try_from(counts.capacity).unwrap_or(u32::MAX),
        }
    }
}

pub(crate) struct Metrics {
    pub(crate) process: runtime::telemetry::Metrics,
    pub(crate) rtc: media_rtc::Server,
}

impl ports::Metrics for Metrics {
    fn render(&self) -> String {
        self.rtc.report();
        self.process.render()
    }
}
