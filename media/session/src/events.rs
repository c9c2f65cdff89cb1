//! What observers see: every event in order, finished timelines, and the flight log, which is written off the frame path.

use std::time::Duration;

use domain::{DeadAir, EndReason, Mark, SessionEvent, SessionId, TurnId, TurnTimeline};
use media_core::LegCommand;
use media_turn::{Input, Output};
use runtime::tasks::Tasks;
use tokio::time::Instant;

use crate::metrics;
use crate::ports::SessionSink;
use crate::session::Session;

/// Timelines of turns that are not over. More than the agent's turn, a guess and a few marks of turns to come is a
/// fault; the oldest goes.
const TIMELINES: usize = 8;

pub(crate) struct Observers {
    sink: Box<dyn SessionSink>,
    timelines: Vec<TurnTimeline>,
    over: Vec<TurnId>,
}

impl Observers {
    pub(crate) fn new(sink: Box<dyn SessionSink>, _own: &Tasks) -> Self {
        Self { sink, timelines: Vec::new(), over: Vec::new() }
    }

    pub(crate) fn input(&mut self, _at: Duration, _input: Input<'static>) {}

    pub(crate) fn output(&mut self, _at: Duration, _output: &Output) {}

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

    pub(crate) async fn finish(self, own: &Tasks, reason: EndReason) {
        let _ = (own, reason);
    }
}

impl Session {
    pub(crate) fn emit(&mut self, event: SessionEvent) {
        let at = Instant::now() - self.started;
        if let SessionEvent::StateChanged { state } = event {
            self.show(state);
        }
        self.observers.event(self.id, at, &event);
        for message in self.protocol.event(&event) {
            self.send(LegCommand::Message(message));
        }
    }

    /// Timelines of turns that ended in this step, after every mark of the step was set.
    pub(crate) fn finish_timelines(&mut self, _now: Instant) {
        while let Some(timeline) = self.observers.take_finished() {
            if timeline.marks().is_empty() {
                continue;
            }
            if let Some(latencies) = timeline.latencies() {
                ::metrics::histogram!(metrics::RESPONSE_SECONDS).record(latencies.response.as_secs_f64());
            }
            self.emit(SessionEvent::TurnFinished { timeline });
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
        ::metrics::histogram!(metrics::DEAD_AIR_SECONDS, "cause" => name).record(length.as_secs_f64());
        self.emit(SessionEvent::DeadAir { turn, cause, length });
    }
}
