//! What routes report: each attempt as metrics and a line in the debug log, what somebody must act on as a warning.

use providers_api::ErrorKind;
use providers_route::{Attempt, Observer, Outcome, RouteEvent};

/// Attempts by `provider`, `ability` and `outcome`.
const ATTEMPTS: &str = "provider_attempts_total";
/// Until the first useful progress, by `provider` and `ability`.
const FIRST: &str = "provider_first_progress_seconds";
/// Changes of breakers by `provider`, `ability` and `to` (`open`, `closed`).
const BREAKERS: &str = "provider_breaker_changes_total";

pub(crate) struct Attempts;

impl Observer for Attempts {
    fn attempt(&self, attempt: Attempt) {
        let provider = attempt.provider.name.clone();
        let ability = ability(attempt.ability);
        let outcome = match &attempt.outcome {
            Outcome::Served => "served",
            Outcome::Failed(_) => "failed",
            Outcome::TimedOut => "timed_out",
            Outcome::Abandoned => "abandoned",
            Outcome::Cancelled => "cancelled",
        };
        metrics::counter!(ATTEMPTS, "provider" => provider.clone(), "ability" => ability, "outcome" => outcome)
            .increment(1);
        if let Some(first) = attempt.first_progress {
            metrics::histogram!(FIRST, "provider" => provider.clone(), "ability" => ability).record(first);
        }
        if let Outcome::Failed(error) = &attempt.outcome {
            tracing::warn!(session = %attempt.session, %error, number = attempt.number, "a provider failed");
        } else {
            tracing::debug!(session = %attempt.session, provider, ability, outcome, number = attempt.number, "an attempt is over");
        }
    }

    fn event(&self, event: RouteEvent) {
        match event {
            RouteEvent::BreakerOpened { key, because, lasts } => {
                let urgent = matches!(because, ErrorKind::Unauthorized | ErrorKind::Exhausted);
                count(&key, "open");
                if urgent {
                    tracing::error!(?key, %because, ?lasts, "a provider is not asked any more: check its key and its credit");
                } else {
                    tracing::warn!(?key, %because, ?lasts, "a provider is not asked for a while");
                }
            }
            RouteEvent::BreakerClosed { key } => {
                count(&key, "closed");
                tracing::info!(?key, "a provider works again");
            }
            RouteEvent::Switched { session, from, to, .. } => {
                tracing::info!(%session, from = from.name, to = to.name, "another provider serves the call");
            }
            RouteEvent::AllFailed { session, error, .. } => {
                tracing::error!(%session, %error, "no provider is left");
            }
        }
    }
}

fn count(key: &providers_route::Key, to: &'static str) {
    metrics::counter!(BREAKERS, "provider" => key.provider.to_string(), "ability" => ability(key.ability), "to" => to)
        .increment(1);
}

const fn ability(ability: providers_api::Ability) -> &'static str {
    match ability {
        providers_api::Ability::Stt => "stt",
        providers_api::Ability::Tts => "tts",
        providers_api::Ability::Llm => "llm",
        providers_api::Ability::Embed => "embed",
    }
}
