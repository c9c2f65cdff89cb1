//! What routes report: each attempt as metrics, on record with what it used, and as a line in the debug log; what somebody must act on as a
//! warning.

use std::sync::Arc;
use std::time::Duration;

use control_store::entry::{self, ProviderRequest};
use control_store::{Entry, Recorder, pricing};
use domain::{AgentId, EnvironmentId, OrgId, ProviderRequestId};
use providers_api::{Error, ErrorKind, ProviderInfo};
use providers_route::{Attempt, Observer, Outcome, Pace, RouteEvent, Why};

use crate::adapters::drills::Drill;

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

/// Whose call it is.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) org: OrgId,
    pub(crate) agent: AgentId,
    pub(crate) agent_name: String,
    pub(crate) environment: Option<EnvironmentId>,
    /// The drill that strikes the call.
    pub(crate) drill: Option<Arc<Drill>>,
    /// Where the agent has a target for how long its callers wait.
    pub(crate) pace: Option<Pace>,
}

/// Puts every attempt of one call on record, with what it used: cost follows from that.
pub(crate) struct Books {
    pub(crate) recorder: Recorder,
    pub(crate) client: Client,
    /// Names of the account and its vendor, by what its provider says of itself.
    pub(crate) accounts: Vec<(ProviderInfo, String, &'static str)>,
    pub(crate) attempts: Arc<Attempts>,
}

impl Observer for Books {
    fn attempt(&self, attempt: Attempt) {
        let known = self.accounts.iter().find(|(info, ..)| *info == *attempt.provider);
        let (provider, vendor) = match known {
            Some((_, account, vendor)) => (account.clone(), *vendor),
            None => (attempt.provider.name.clone(), "unknown"),
        };
        let (outcome, error) = match &attempt.outcome {
            Outcome::Served => (entry::Outcome::Completed, None),
            Outcome::Failed(error) => (entry::Outcome::Failed, Some(error.failure().code.0.to_owned())),
            Outcome::TimedOut => {
                let late = Error::new(attempt.ability, ErrorKind::TimedOut, provider.clone(), "");
                (entry::Outcome::Failed, Some(late.failure().code.0.to_owned()))
            }
            Outcome::Abandoned | Outcome::Cancelled => (entry::Outcome::Cancelled, None),
        };
        let why = match attempt.why {
            Why::First => "first",
            Why::Fallback => "fallback",
            Why::Hedge => "hedge",
            Why::Probe | Why::Check => "probe",
        };
        let us = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        self.recorder.put(Entry::Request(Box::new(ProviderRequest {
            id: ProviderRequestId::generate(),
            org: self.client.org,
            session: (attempt.why != Why::Check).then_some(attempt.session),
            turn: None,
            at: jiff::Timestamp::now(),
            agent: Some(self.client.agent),
            agent_name: self.client.agent_name.clone(),
            environment: self.client.environment,
            ability: ability(attempt.ability).to_owned(),
            provider,
            vendor: vendor.to_owned(),
            model: attempt.provider.model.clone(),
            region: attempt.provider.region.clone(),
            why: why.to_owned(),
            outcome,
            error_code: error,
            connect_us: attempt.connect.map(us),
            first_us: attempt.first_progress.map(us),
            took_us: Some(us(attempt.took)),
            usage: used(&attempt.usage),
        })));
        // What a drill does is no measure of a vendor, and nothing that anybody must act on.
        if self.client.drill.is_none() {
            self.attempts.attempt(attempt);
        }
    }

    fn event(&self, event: RouteEvent) {
        if self.client.drill.is_none() {
            self.attempts.event(event);
        }
    }
}

fn used(usage: &providers_api::Usage) -> pricing::Usage {
    let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    pricing::Usage {
        input_tokens: usage.input_tokens,
        cached_tokens: usage.cached_tokens,
        cache_written_tokens: usage.cache_written_tokens,
        output_tokens: usage.output_tokens,
        audio_input_tokens: usage.audio_input_tokens,
        audio_output_tokens: usage.audio_output_tokens,
        characters: usage.characters,
        audio_in_us: us(usage.audio_in),
        audio_out_us: us(usage.audio_out),
        estimated: usage.estimated,
    }
}
