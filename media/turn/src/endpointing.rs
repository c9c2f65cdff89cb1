//! How long a pause must be before it is the end of the turn. A function of evidence; keeps no state.

use std::time::Duration;

use crate::options::{Endpointing, Mode, ms};
use crate::rules::{Rule, Rules};
use crate::shape::Shape;

/// What is known about a pause.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    /// The end-of-turn model's answer for this pause.
    pub(crate) score: Option<f32>,
    pub(crate) shape: Shape,
    /// What this caller's own pauses ask for, where they are longer than most.
    pub(crate) patience: Duration,
}

/// The silence after which the turn is over.
pub(crate) fn delay(options: &Endpointing, rules: Rules, evidence: Evidence) -> Duration {
    if let Mode::Fixed { ms: fixed } = options.mode {
        return ms(fixed);
    }
    let patience = if rules.on(Rule::LearnedPauses) { evidence.patience } else { Duration::ZERO };
    let by_score = match evidence.score.filter(|_| rules.on(Rule::Score)) {
        None => ms(options.default_delay_ms),
        Some(score) => slide(options, score),
    };
    let delay = match evidence.shape {
        Shape::Unfinished if rules.on(Rule::Unfinished) => ms(options.hard_timeout_ms),
        Shape::Complete if rules.on(Rule::Complete) => by_score.min(ms(options.complete_delay_ms)),
        _ => by_score.max(patience),
    };
    let longest =
        if evidence.shape == Shape::Unfinished { options.hard_timeout_ms } else { options.max_delay_ms };
    delay.min(ms(longest)).max(ms(options.min_delay_ms))
}

/// Linear between the two thresholds. A score that is no number is an unsure one.
fn slide(options: &Endpointing, score: f32) -> Duration {
    let sureness = (score - options.unsure) / (options.sure - options.unsure);
    let sureness = if sureness.is_finite() { sureness.clamp(0.0, 1.0) } else { 0.0 };
    let range_ms = options.max_delay_ms.saturating_sub(options.min_delay_ms);
    ms(options.max_delay_ms - (range_ms as f32 * sureness).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay_ms(score: Option<f32>, shape: Shape, patience_ms: u32) -> u128 {
        let evidence = Evidence { score, shape, patience: ms(patience_ms) };
        delay(&Endpointing::default(), Rules::default(), evidence).as_millis()
    }

    #[test]
    fn the_delay_follows_the_evidence() {
        assert_eq!(delay_ms(Some(0.95), Shape::Open, 0), 200);
        assert_eq!(delay_ms(Some(0.1), Shape::Open, 0), 1000);
        assert_eq!(delay_ms(Some(0.55), Shape::Open, 0), 600);
        assert_eq!(delay_ms(None, Shape::Open, 0), 500);
        assert_eq!(delay_ms(Some(0.1), Shape::Complete, 0), 350);
        assert_eq!(delay_ms(Some(0.95), Shape::Unfinished, 0), 1400);
        assert_eq!(delay_ms(Some(f32::NAN), Shape::Open, 0), 1000);
    }

    #[test]
    fn a_slow_caller_is_given_time_within_the_limit() {
        assert_eq!(delay_ms(Some(0.95), Shape::Open, 700), 700);
        assert_eq!(delay_ms(None, Shape::Open, 5000), 1000);
    }
}
