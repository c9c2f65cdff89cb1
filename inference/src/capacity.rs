//! How many calls the embedded models carry on this machine, from what each kind of work costs. Pure: measures nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// CPU time of one thread for each kind of work, measured at start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// One voice activity verdict, every 32 ms of audio that is not plainly silent.
    pub vad_window: Duration,
    /// The final transcript of `UTTERANCE` of speech.
    pub stt_final: Duration,
    /// One end-of-turn score.
    pub end_of_turn: Duration,
    /// Seconds of CPU for each second of synthesised speech.
    pub tts_realtime_factor: f32,
    /// Finding the intent of one sentence.
    pub embedding: Duration,
}

/// The speech that `stt_final` is measured on.
pub const UTTERANCE: Duration = Duration::from_secs(3);

/// The conversation that capacity is counted in: one caller's turn and the reply, then the next.
const TURN_SECONDS: f64 = 8.0;
const CALLER_SPEAKS_SECONDS: f64 = 3.0;
const AGENT_SPEAKS_SECONDS: f64 = 4.0;
const VAD_WINDOW_SECONDS: f64 = 0.032;
const PARTIAL_EVERY_SECONDS: f64 = 0.5;
/// Pauses inside a turn that are judged too.
const SCORES_PER_TURN: f64 = 2.0;
/// Finals begun at a pause that was no end.
const FINALS_PER_TURN: f64 = 1.5;
/// Transport, codec and the turn machine of one call, of one core.
const MEDIA_CORES_PER_CALL: f64 = 0.03;
/// Above this share of the machine, queueing makes replies late.
const LOAD_MAX: f64 = 0.6;

/// Cores that one average call keeps busy.
#[must_use]
pub fn cores_per_call(costs: &Costs) -> f64 {
    let final_seconds = costs.stt_final.as_secs_f64();
    // A partial in the middle of the utterance costs half a final; they are dropped first when the machine is busy,
    // but a call without them feels deaf.
    let partials = CALLER_SPEAKS_SECONDS / PARTIAL_EVERY_SECONDS * final_seconds / 2.0;
    let per_turn = CALLER_SPEAKS_SECONDS / VAD_WINDOW_SECONDS * costs.vad_window.as_secs_f64()
        + partials
        + FINALS_PER_TURN * final_seconds
        + SCORES_PER_TURN * costs.end_of_turn.as_secs_f64()
        + AGENT_SPEAKS_SECONDS * f64::from(costs.tts_realtime_factor)
        + costs.embedding.as_secs_f64();
    per_turn / TURN_SECONDS + MEDIA_CORES_PER_CALL
}

/// Concurrent calls that `cores` carry without late replies. At least one: a slow machine may still be tried by one person.
#[must_use]
pub fn calls(costs: &Costs, cores: usize) -> usize {
    let room = cores as f64 * LOAD_MAX / cores_per_call(costs);
    // A machine for more than this was measured wrongly.
    (room.floor().clamp(1.0, 10_000.0)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs() -> Costs {
        Costs {
            vad_window: Duration::from_micros(230),
            stt_final: Duration::from_millis(130),
            end_of_turn: Duration::from_millis(85),
            tts_realtime_factor: 0.15,
            embedding: Duration::from_millis(16),
        }
    }

    #[test]
    fn an_ordinary_machine_carries_a_few_calls_per_core() {
        let one = calls(&costs(), 1);
        assert!((2..=6).contains(&one), "{one} calls, {} cores each", cores_per_call(&costs()));
    }

    #[test]
    fn twice_the_cores_carry_twice_the_calls_and_slower_models_fewer() {
        assert!(calls(&costs(), 8) >= 2 * calls(&costs(), 4));
        let slow = Costs { tts_realtime_factor: 0.9, ..costs() };
        assert!(calls(&slow, 8) < calls(&costs(), 8));
    }

    #[test]
    fn a_hopeless_machine_still_takes_one_caller() {
        let hopeless = Costs { stt_final: Duration::from_secs(30), ..costs() };
        assert_eq!(calls(&hopeless, 1), 1);
    }
}
