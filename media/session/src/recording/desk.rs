//! Where packets become files. Blocks: runs on threads that may.

use std::io::BufWriter;
use std::time::{Duration, Instant};

use domain::Role;
use media_core::recording::{self, Error, Placement, Stamp, Step, Track};
use media_core::{Codec, Packet};

use super::{Report, Taken};
use crate::ports::{RecordedPart, RecordingFile, Recordings};

/// Packets of the caller are held this long, so that late ones find their place.
const HOLD: Duration = Duration::from_millis(500);
/// A second of Opus fits several times; of 16-bit samples a part of it.
const BUFFER_BYTES: usize = 16 * 1024;

pub(super) struct Desk {
    store: Box<dyn Recordings>,
    zero: Instant,
    transport: Option<&'static str>,
    caller: Leg,
    agent: Leg,
    /// The session hears of one failure, not of each.
    failed: bool,
}

struct Leg {
    role: Role,
    stamp: Stamp,
    hold: Duration,
    /// Parts begun.
    parts: u32,
    open: Option<Open>,
    /// Nothing more is written of it.
    dead: bool,
}

/// A part that is being written.
struct Open {
    part: RecordedPart,
    codec: Codec,
    placement: Placement,
    track: Track<BufWriter<Box<dyn RecordingFile>>>,
}

impl Desk {
    pub(super) fn new(store: Box<dyn Recordings>, zero: Instant) -> Self {
        Self {
            store,
            zero,
            transport: None,
            // What the caller sends comes as its network lets it; what the agent says is due at an exact instant.
            caller: Leg::new(Role::Caller, Stamp::End, HOLD),
            agent: Leg::new(Role::Agent, Stamp::Begin, Duration::ZERO),
            failed: false,
        }
    }

    /// Whether nothing is held that only time brings to its file.
    pub(super) fn is_idle(&self) -> bool {
        [&self.caller, &self.agent]
            .iter()
            .all(|leg| leg.open.as_ref().is_none_or(|open| open.placement.is_empty()))
    }

    /// Writes a piece; `now` counts from the session's zero, and is `None` where nothing more comes.
    pub(super) fn put(&mut self, piece: Vec<Taken>, now: Option<Duration>) -> Vec<Report> {
        let mut reports = Vec::new();
        for taken in piece {
            match taken {
                Taken::Packet { leg, packet, after_gap } => {
                    let at = packet.at.saturating_duration_since(self.zero);
                    self.on(leg, &mut reports, |leg, store, reports| {
                        leg.packet(store, packet, at, after_gap, reports)
                    });
                }
                Taken::Leg(transport) => {
                    let moved = self.transport.replace(transport).is_some_and(|before| before != transport);
                    for leg in [Role::Caller, Role::Agent] {
                        self.on(leg, &mut reports, |leg, store, reports| {
                            leg.carried_anew(store, moved, reports)
                        });
                    }
                }
            }
        }
        for leg in [Role::Caller, Role::Agent] {
            self.on(leg, &mut reports, |leg, store, reports| match now {
                Some(now) => leg.bring_up_to(now),
                None => leg.end(store, reports),
            });
        }
        reports
    }

    /// Does the work on a leg, which ends where it fails.
    fn on(
        &mut self,
        role: Role,
        reports: &mut Vec<Report>,
        work: impl FnOnce(&mut Leg, &mut dyn Recordings, &mut Vec<Report>) -> Result<(), Error>,
    ) {
        let leg = match role {
            Role::Caller => &mut self.caller,
            Role::Agent => &mut self.agent,
        };
        if leg.dead {
            return;
        }
        let Err(error) = work(leg, self.store.as_mut(), reports) else { return };
        leg.dead = true;
        let name = leg.name();
        tracing::error!(
            error = &error as &dyn std::error::Error,
            leg = name,
            "a leg of the call is no longer recorded"
        );
        if let Some(open) = leg.open.take() {
            reports.push(Report::Ended(open.broken_off(self.store.as_mut())));
        }
        if !std::mem::replace(&mut self.failed, true) {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            reports.push(Report::Failed(format!("the {name}'s leg is no longer recorded: {error}{cause}")));
        }
    }
}

impl Leg {
    fn new(role: Role, stamp: Stamp, hold: Duration) -> Self {
        Self { role, stamp, hold, parts: 0, open: None, dead: false }
    }

    const fn name(&self) -> &'static str {
        match self.role {
            Role::Caller => "caller",
            Role::Agent => "agent",
        }
    }

    fn packet(
        &mut self,
        store: &mut dyn Recordings,
        packet: Packet,
        at: Duration,
        after_gap: bool,
        reports: &mut Vec<Report>,
    ) -> Result<(), Error> {
        if packet.units().is_none() {
            return Ok(());
        }
        if self.open.as_ref().is_some_and(|open| open.codec != packet.codec) {
            self.end(store, reports)?;
        }
        if self.open.is_none() {
            self.begin(store, &packet, at)?;
        }
        if let Some(open) = &mut self.open {
            open.part.complete &= !after_gap;
            open.placement.push(packet, at.saturating_sub(open.part.offset));
            open.write(Some(at))?;
        }
        Ok(())
    }

    fn begin(&mut self, store: &mut dyn Recordings, packet: &Packet, at: Duration) -> Result<(), Error> {
        let codec = packet.codec;
        // The first begins with the call, the others with their first packet.
        let offset = match (self.parts, self.stamp) {
            (0, _) => Duration::ZERO,
            (_, Stamp::Begin) => at,
            (_, Stamp::End) => at.saturating_sub(length(u64::from(packet.units().unwrap_or(0)), codec)),
        };
        self.parts += 1;
        let part = RecordedPart {
            leg: self.role,
            part: self.parts,
            codec: codec.encoding(),
            offset,
            length: Duration::ZERO,
            bytes: 0,
            complete: true,
        };
        let file = BufWriter::with_capacity(BUFFER_BYTES, store.begin(&part)?);
        let track = Track::new(file, codec, rand::random())?;
        self.open =
            Some(Open { part, codec, placement: Placement::new(codec, self.stamp, self.hold), track });
        Ok(())
    }

    /// Another leg brings the packets to come, and may count them anew.
    fn carried_anew(
        &mut self,
        store: &mut dyn Recordings,
        moved: bool,
        reports: &mut Vec<Report>,
    ) -> Result<(), Error> {
        if moved {
            return self.end(store, reports);
        }
        if let Some(open) = &mut self.open {
            open.write(None)?;
            open.placement.restart();
        }
        Ok(())
    }

    fn bring_up_to(&mut self, now: Duration) -> Result<(), Error> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.write(Some(now))?;
        open.track.flush()
    }

    fn end(&mut self, store: &mut dyn Recordings, reports: &mut Vec<Report>) -> Result<(), Error> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.write(None)?;
        open.track.finish()?;
        let part = open.part();
        store.end(&part)?;
        reports.push(Report::Ended(part));
        self.open = None;
        Ok(())
    }
}

impl Open {
    /// What can be placed at this time since the session's zero; everything where it is `None`.
    fn write(&mut self, now: Option<Duration>) -> Result<(), Error> {
        let now = now.map(|now| now.saturating_sub(self.part.offset));
        while let Some(step) = self.placement.poll(now, self.track.units()) {
            match step {
                Step::Silence(units) => {
                    self.track.silence(units)?;
                }
                Step::Packet(packet) => self.track.write(&packet)?,
            }
        }
        Ok(())
    }

    fn part(&self) -> RecordedPart {
        let (length, bytes) = (length(self.track.units(), self.codec), self.track.bytes());
        RecordedPart { length, bytes, ..self.part.clone() }
    }

    /// What there is of it stays, as far as the disk takes it.
    fn broken_off(self, store: &mut dyn Recordings) -> RecordedPart {
        let part = RecordedPart { complete: false, ..self.part() };
        let _told_already = store.end(&part);
        part
    }
}

fn length(units: u64, codec: Codec) -> Duration {
    recording::duration(units, codec.clock_hz())
}
