//! The recording of a call: packets of both legs as they were on the wire, written while the call runs.
//!
//! The session gives each packet to a bounded queue and knows no more of it; a task brings them to their files, piece by
//! piece, on threads that may block. Both legs begin at the session's zero and run on its clock.

mod desk;

use std::time::Duration;

use domain::{Role, Source};
use media_core::Packet;
use runtime::tasks::{Kind, Tasks};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::events;
use crate::metrics as names;
use crate::ports::{RecordedPart, Recordings};
use crate::session::Session;
use desk::Desk;

/// Packets on their way to the disk: ten seconds of both legs. When full, packets are lost and counted, and silence of
/// their length stands in the recording, which is not complete then; the call does not wait for a disk.
const PACKETS: usize = 1_024;
/// Packets written at once, so that half of the room is left for those that come meanwhile.
const PIECE: usize = PACKETS / 2;
/// What a crash may take from the recording, besides what is held to be put in order.
const FLUSH: Duration = Duration::from_millis(500);
/// Reports on their way to the session, which takes them between two inputs. When full, the writer waits.
const REPORTS: usize = 16;
/// A session does not wait longer for a disk that stalls at its end; the recording is completed after it.
const LAST_FLUSH: Duration = Duration::from_secs(2);
/// A notice is a sentence or two: a caller has to sit through it.
const NOTICE_CHARS: usize = 300;

const RECORDING: Kind = Kind::new("session.recording");

/// Whether a call is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    pub mode: Mode,
    /// What a caller is told before the greeting where `mode` is `notice`; it cannot be interrupted.
    pub notice: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Off,
    /// Both legs, and nobody is told: where the caller knows, or need not.
    On,
    /// Both legs, and the caller is told first.
    Notice,
}

impl Default for Options {
    fn default() -> Self {
        Self { mode: Mode::Off, notice: "This call is recorded.".to_owned() }
    }
}

impl Options {
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.mode == Mode::Notice && self.notice.trim().is_empty() {
            return Err(
                "session.recording.notice must say something where recording.mode is \"notice\"".to_owned()
            );
        }
        if self.notice.chars().count() > NOTICE_CHARS {
            return Err(format!("session.recording.notice may have {NOTICE_CHARS} characters"));
        }
        Ok(())
    }
}

/// What a session holds of its recording.
pub(crate) struct Recording {
    queue: mpsc::Sender<Taken>,
    reports: mpsc::Receiver<Report>,
    lost: metrics::Counter,
    /// Packets of either leg were lost since the last that was queued.
    gaps: Gaps,
}

/// For each leg, whether packets are missing.
#[derive(Debug, Default, Clone, Copy)]
struct Gaps {
    caller: bool,
    agent: bool,
}

impl Gaps {
    fn of(&mut self, leg: Role) -> &mut bool {
        match leg {
            Role::Caller => &mut self.caller,
            Role::Agent => &mut self.agent,
        }
    }
}

/// What is written, in order.
enum Taken {
    Packet {
        leg: Role,
        packet: Packet,
        /// Others before it were lost.
        after_gap: bool,
    },
    /// The packets to come are carried by this transport, by another leg than those before.
    Leg(&'static str),
}

/// What became of it.
pub(crate) enum Report {
    Ended(RecordedPart),
    Failed(String),
}

impl Recording {
    pub(crate) fn start(store: Box<dyn Recordings>, zero: Instant, own: &Tasks) -> Self {
        let (queue, taken) = mpsc::channel(PACKETS);
        let (reporter, reports) = mpsc::channel(REPORTS);
        let desk = Desk::new(store, zero.into_std());
        own.spawn_graceful(RECORDING, write(desk, zero, taken, reporter, own.child()));
        let lost = metrics::counter!(names::DROPPED_TOTAL, "queue" => "recording");
        Self { queue, reports, lost, gaps: Gaps::default() }
    }

    /// Never waits. The packet's payload is shared, not copied.
    pub(crate) fn packet(&mut self, leg: Role, packet: Packet) {
        let gap = self.gaps.of(leg);
        let after_gap = std::mem::take(gap);
        if self.queue.try_send(Taken::Packet { leg, packet, after_gap }).is_err() {
            *gap = true;
            self.lost.increment(1);
        }
    }

    /// Another leg carries the call from now on.
    pub(crate) fn leg(&mut self, transport: &'static str) {
        if self.queue.try_send(Taken::Leg(transport)).is_err() {
            self.lost.increment(1);
        }
    }

    /// What became of a part. Pends where nothing is recorded, and once no more comes. Cancel-safe.
    pub(crate) async fn next(recording: &mut Option<Self>) -> Report {
        if let Some(recording) = recording
            && let Some(report) = recording.reports.recv().await
        {
            return report;
        }
        std::future::pending().await
    }

    /// The last reports, once everything has been written or the disk has stalled for too long.
    async fn finish(self) -> Vec<Report> {
        let Self { queue, mut reports, .. } = self;
        drop(queue);
        let mut last = Vec::new();
        let all = async {
            while let Some(report) = reports.recv().await {
                last.push(report);
            }
        };
        if tokio::time::timeout(LAST_FLUSH, all).await.is_err() {
            tracing::warn!("the disk stalls: the recording is completed after its call");
        }
        last
    }
}

/// Brings packets to their files, on threads that may block: a disk that stalls keeps no call waiting.
async fn write(
    mut desk: Desk,
    zero: Instant,
    mut taken: mpsc::Receiver<Taken>,
    reporter: mpsc::Sender<Report>,
    own: Tasks,
) {
    let mut flushes = tokio::time::interval(FLUSH);
    flushes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (piece, last) = events::piece(&mut taken, &mut flushes, PIECE).await;
        if piece.is_empty() && !last && desk.is_idle() {
            continue;
        }
        let now = zero.elapsed();
        let work = own.spawn_blocking(RECORDING, move || {
            let reports = desk.put(piece, (!last).then_some(now));
            (desk, reports)
        });
        let Ok((back, reports)) = work.await else { return }; // a panic, told where it happened
        desk = back;
        for report in reports {
            let _session_is_over = reporter.send(report).await;
        }
        if last {
            return;
        }
    }
}

impl Session {
    /// A part of the recording has ended, or a leg of it.
    pub(crate) fn recorded(&mut self, report: Report) {
        match report {
            Report::Ended(part) => {
                let RecordedPart { leg, part, codec, offset, length, bytes, complete } = part;
                self.emit(domain::SessionEvent::Recorded {
                    leg,
                    part,
                    codec,
                    offset,
                    length,
                    bytes,
                    complete,
                });
            }
            Report::Failed(message) => {
                let (source, code) = (Source::Platform, "RECORDING_FAILED".to_owned());
                self.emit(domain::SessionEvent::Failed { turn: None, source, code, message });
            }
        }
    }

    /// What was recorded is complete, or will be when its disk goes on.
    pub(crate) async fn finish_recording(&mut self) {
        let Some(recording) = self.recording.take() else { return };
        for report in recording.finish().await {
            self.recorded(report);
        }
    }
}

#[cfg(test)]
mod tests;
