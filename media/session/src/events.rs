//! What observers see: every event in order, finished timelines, and the flight log, which is written off the frame path.

use std::io::{self, Write};
use std::time::Duration;

use domain::{DeadAir, Mark, SessionEvent, SessionId, TurnId, TurnTimeline};
use media_core::LegCommand;
use media_flight::{Header, Record, Writer};
use runtime::tasks::{Kind, Tasks};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::metrics as names;
use crate::ports::SessionSink;
use crate::session::Session;

/// Timelines of turns that are not over. More than the agent's turn, a guess and a few marks of turns to come is a
/// fault; the oldest goes.
const TIMELINES: usize = 8;

/// Records on their way to the log: ten seconds of a lively call. When full, records are lost and counted; the call
/// does not wait for a disk.
const RECORDS: usize = 1_024;
/// Records written at once, so that half of the room is left for those that come meanwhile.
const PIECE: usize = RECORDS / 2;
/// What a crash may take from the log.
const FLUSH: Duration = Duration::from_secs(1);
/// A session does not wait longer for a disk that stalls at its end; the log is completed after it.
const LAST_FLUSH: Duration = Duration::from_secs(2);

const FLIGHT: Kind = Kind::new("session.flight");

/// What is done because callers waited for longer than the agent's target, and what it won, as a note of the call.
const LATENCY_REACTION: &str = "latency_reaction";

pub(crate) struct Observers {
    sink: Box<dyn SessionSink>,
    flight: Option<mpsc::Sender<Record>>,
    lost: metrics::Counter,
    timelines: Vec<TurnTimeline>,
    over: Vec<TurnId>,
}

impl Observers {
    pub(crate) fn new(
        sink: Box<dyn SessionSink>,
        flight: Option<(Box<dyn Write + Send>, Header)>,
        own: &Tasks,
    ) -> Self {
        let flight = flight.map(|(file, header)| {
            let (sender, records) = mpsc::channel(RECORDS);
            own.spawn_graceful(FLIGHT, write(file, header, records, own.child()));
            sender
        });
        let lost = metrics::counter!(names::DROPPED_TOTAL, "queue" => "flight");
        Self { sink, flight, lost, timelines: Vec::new(), over: Vec::new() }
    }

    /// Whether what the machine is told and decides is kept.
    pub(crate) fn records(&self) -> bool {
        self.flight.is_some()
    }

    pub(crate) fn record(&mut self, record: Record) {
        if let Some(flight) = &self.flight
            && flight.try_send(record).is_err()
        {
            self.lost.increment(1);
        }
    }

    fn event(&mut self, session: SessionId, at: Duration, event: &SessionEvent) {
        self.sink.event(session, at, event);
    }

    pub(crate) fn mark(&mut self, turn: TurnId, mark: Mark, at: Duration) {
        let timeline = match self.timelines.iter().position(|timeline| timeline.turn == turn) {
            Some(index) => &mut self.timelines[index],
            None => {
                if self.timelines.len() == TIMELINES {
                    self.timelines.remove(0);
                }
                self.timelines.push(TurnTimeline::new(turn));
                let last = self.timelines.len() - 1;
                &mut self.timelines[last]
            }
        };
        timeline.mark(mark, at);
    }

    /// No more marks come after this step.
    pub(crate) fn over(&mut self, turn: TurnId) {
        self.over.push(turn);
    }

    /// The turn never was.
    pub(crate) fn forget(&mut self, turn: TurnId) {
        self.timelines.retain(|timeline| timeline.turn != turn);
    }

    fn take_finished(&mut self) -> Option<TurnTimeline> {
        let turn = (!self.over.is_empty()).then(|| self.over.remove(0))?;
        let index = self.timelines.iter().position(|timeline| timeline.turn == turn);
        Some(index.map_or_else(|| TurnTimeline::new(turn), |index| self.timelines.remove(index)))
    }

    /// The log is complete, or will be when its disk goes on.
    pub(crate) async fn finish(&mut self, own: &Tasks) {
        self.flight = None;
        let _stalled = tokio::time::timeout(LAST_FLUSH, own.drain(LAST_FLUSH)).await;
    }
}

type Log = Writer<Box<dyn Write + Send>>;

/// Brings the log to its file, piece by piece, on threads that may block: a disk that stalls keeps no call waiting.
async fn write(file: Box<dyn Write + Send>, header: Header, mut records: mpsc::Receiver<Record>, own: Tasks) {
    let mut log = Some(Writer::new(file, &header));
    let mut flushes = tokio::time::interval(FLUSH);
    flushes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(writer) = log.take() {
        let (piece, last) = piece(&mut records, &mut flushes, PIECE).await;
        match own.spawn_blocking(FLIGHT, move || put(writer, piece, last)).await {
            Ok(Ok(goes_on)) => log = goes_on,
            Ok(Err(error)) => {
                tracing::error!(%error, session = %header.session, "the event log of the call cannot be written");
            }
            Err(_panicked) => {} // told where it happened
        }
    }
}

/// What came until the next flush is due, at most so many, and whether nothing more comes. Cancel-safe: no.
pub(crate) async fn piece<T>(
    records: &mut mpsc::Receiver<T>,
    flushes: &mut Interval,
    most: usize,
) -> (Vec<T>, bool) {
    let mut piece = Vec::new();
    while piece.len() < most {
        tokio::select! {
            biased;
            record = records.recv() => match record {
                Some(record) => piece.push(record),
                None => return (piece, true),
            },
            _ = flushes.tick() => break,
        }
    }
    (piece, false)
}

/// Writes a piece. Gives the log back unless it was the last; it must not be dropped elsewhere, which closes the file.
fn put(mut log: Log, piece: Vec<Record>, last: bool) -> io::Result<Option<Log>> {
    for record in piece {
        match record {
            Record::Input(at, input) => log.record_input(at, &input),
            Record::Output(at, output) => log.record_output(at, &output),
            Record::Event(at, event) => log.record_event(at, &event),
        }
    }
    log.flush()?;
    Ok((!last).then_some(log))
}

impl Session {
    /// Tells observers of something the session itself saw.
    pub(crate) fn emit(&mut self, event: SessionEvent) {
        if self.observers.records() {
            self.observers.record(Record::Event(Instant::now() - self.started, event.clone()));
        }
        self.tell(event);
    }

    /// Tells observers of what is in the log already, as an output of the turn machine.
    pub(crate) fn tell(&mut self, event: SessionEvent) {
        let at = Instant::now() - self.started;
        match event {
            SessionEvent::StateChanged { state } => self.show(state),
            SessionEvent::CallerSpeaking { speaking } => self.greeting.caller(speaking),
            _ => {}
        }
        self.observers.event(self.id, at, &event);
        for message in self.protocol.event(&event) {
            self.send(LegCommand::Message(message));
        }
    }

    /// Timelines of turns that ended in this step, after every mark of the step was set.
    pub(crate) fn finish_timelines(&mut self) {
        while let Some(timeline) = self.observers.take_finished() {
            if timeline.marks().is_empty() {
                continue;
            }
            let response = timeline.latencies().map(|latencies| latencies.response);
            if let Some(response) = response {
                metrics::histogram!(names::RESPONSE_SECONDS).record(response.as_secs_f64());
            }
            let turn = timeline.turn;
            self.emit(SessionEvent::TurnFinished { timeline });
            self.measured_turn(turn);
            if let (Some(hurry), Some(response)) = (&mut self.hurry, response) {
                for value in hurry.measured(response) {
                    self.emit(SessionEvent::Noted { name: LATENCY_REACTION.to_owned(), value });
                }
            }
        }
    }

    pub(crate) fn dead_air(&mut self, turn: Option<TurnId>, cause: DeadAir, length: Duration) {
        let name = match cause {
            DeadAir::Recognition => "recognition",
            DeadAir::Thinking => "thinking",
            DeadAir::Synthesis => "synthesis",
            DeadAir::Underrun => "underrun",
            DeadAir::Connection => "connection",
        };
        metrics::histogram!(names::DEAD_AIR_SECONDS, "cause" => name).record(length.as_secs_f64());
        self.emit(SessionEvent::DeadAir { turn, cause, length });
    }
}
