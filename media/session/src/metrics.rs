//! Names of what a session measures. Labels are closed sets, named beside each.

use std::time::Duration;

/// Seconds a media tick came late: the headroom of the machine, and what admission may look at.
pub const TICK_LATENESS_SECONDS: &str = "session_tick_lateness_seconds";
/// Sessions running now.
pub const ACTIVE: &str = "session_active";
/// Sessions started. `transport`: as the leg says.
pub const STARTED_TOTAL: &str = "session_started_total";
/// Sessions ended. `reason`: `EndReason` in snake case.
pub const ENDED_TOTAL: &str = "session_ended_total";
/// Seconds from the caller's last voiced sample to the reply's first audible one.
pub const RESPONSE_SECONDS: &str = "session_response_seconds";
/// Seconds from media flowing both ways to the greeting's first audible sample.
pub const GREETING_SECONDS: &str = "session_greeting_seconds";
/// Greetings that are over. `outcome`: `whole`, `clipped`, `talked_over`, `unheard`.
pub const GREETINGS_TOTAL: &str = "session_greetings_total";
/// Seconds of silence that had a cause. `cause`: `DeadAir` in snake case.
pub const DEAD_AIR_SECONDS: &str = "session_dead_air_seconds";
/// What a bounded queue refused. `queue`: `stt`, `leg`, `flight`, `recording`.
pub const DROPPED_TOTAL: &str = "session_dropped_total";
/// Interruptions, and ducks that were none. `outcome`: `taken`, `resumed`.
pub const BARGE_IN_TOTAL: &str = "session_barge_in_total";
/// Streams of providers that failed. `ability`: `stt`, `tts`, `dialogue`.
pub const PROVIDER_FAILURES_TOTAL: &str = "session_provider_failures_total";

/// Share of packets lost in a turn, before repair, 0 to 1. `transport`: as the leg says; `direction`: `in`, from the caller; `out`, to them.
pub const LOSS_RATIO: &str = "session_loss_ratio";
/// Seconds by which packets of a turn came unevenly. Labels as of `LOSS_RATIO`.
pub const JITTER_SECONDS: &str = "session_jitter_seconds";
/// Mean opinion score of a turn, 1 to 4.5. Labels as of `LOSS_RATIO`.
pub const OPINION_SCORE: &str = "session_opinion_score";
/// Seconds to the caller and back, once a turn. `transport`: as the leg says.
pub const ROUND_TRIP_SECONDS: &str = "session_round_trip_seconds";

/// Handles of what is counted on the frame path, looked up once for each session.
pub(crate) struct Hot {
    lateness: metrics::Histogram,
    stt_dropped: metrics::Counter,
    leg_dropped: metrics::Counter,
}

impl Hot {
    pub(crate) fn new() -> Self {
        Self {
            lateness: metrics::histogram!(TICK_LATENESS_SECONDS),
            stt_dropped: metrics::counter!(DROPPED_TOTAL, "queue" => "stt"),
            leg_dropped: metrics::counter!(DROPPED_TOTAL, "queue" => "leg"),
        }
    }

    pub(crate) fn tick(&self, late: Duration) {
        self.lateness.record(late.as_secs_f64());
    }

    pub(crate) fn stt_dropped(&self) {
        self.stt_dropped.increment(1);
    }

    pub(crate) fn leg_dropped(&self) {
        self.leg_dropped.increment(1);
    }
}

/// Counts a session while it lives.
pub(crate) struct Active;

impl Active {
    pub(crate) fn enter(transport: &'static str) -> Self {
        metrics::gauge!(ACTIVE).increment(1.0);
        metrics::counter!(STARTED_TOTAL, "transport" => transport).increment(1);
        Self
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        metrics::gauge!(ACTIVE).decrement(1.0);
    }
}
