//! What routes report: each attempt as metrics, on record with what it used, and as a line in the debug log; what somebody must act on as a
//! warning.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use control_store::entry::{self, ProviderRequest};
use control_store::{Entry, Recorder, pricing};
use domain::{AgentId, EnvironmentId, OrgId, ProviderRequestId};
use providers_api::{Ability, Error, ErrorKind};
use providers_route::{Attempt, Observer, Outcome, Pace, RouteEvent, Why};

use crate::adapters::drills::Drill;

use crate::speech::IN_PROCESS;

/// Attempts by `provider`, `ability` and `outcome`. A provider is a vendor, of whom there are so many as there are adapters, and no account.
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
            let account = attempt.provider.account.as_str();
            tracing::warn!(session = %attempt.session, account, %error, number = attempt.number, "a provider failed");
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
                tracing::info!(%session, from = from.account, to = to.account, "another provider serves the call");
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

const fn ability(ability: Ability) -> &'static str {
    match ability {
        Ability::Stt => "stt",
        Ability::Tts => "tts",
        Ability::Llm => "llm",
        Ability::Embed => "embed",
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

/// Puts every attempt on record, with what it used: cost follows from that.
pub(crate) struct Books {
    pub(crate) recorder: Recorder,
    pub(crate) org: OrgId,
    /// `None`: an account is tried, for no call.
    pub(crate) client: Option<Client>,
    /// As prices name them, by account.
    pub(crate) vendors: HashMap<String, &'static str>,
    pub(crate) attempts: Arc<Attempts>,
}

impl Observer for Books {
    fn attempt(&self, attempt: Attempt) {
        let account = attempt.provider.account.clone();
        let vendor = self.vendors.get(&account).copied().unwrap_or("unknown");
        let (outcome, error) = became(&attempt);
        let why = match attempt.why {
            _ if self.client.is_none() => "trial",
            Why::First => "first",
            Why::Fallback => "fallback",
            Why::Hedge => "hedge",
            Why::Probe | Why::Check => "probe",
        };
        let us = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let client = self.client.as_ref();
        self.recorder.put(Entry::Request(Box::new(ProviderRequest {
            id: ProviderRequestId::generate(),
            org: self.org,
            session: client.filter(|_| attempt.why != Why::Check).map(|_| attempt.session),
            turn: attempt.turn.map(|turn| turn.0),
            at: jiff::Timestamp::now(),
            agent: client.map(|client| client.agent),
            agent_name: client.map(|client| client.agent_name.clone()).unwrap_or_default(),
            environment: client.and_then(|client| client.environment),
            ability: ability(attempt.ability).to_owned(),
            provider: account,
            vendor: vendor.to_owned(),
            model: attempt.provider.model.clone(),
            region: attempt.provider.region.clone(),
            why: why.to_owned(),
            outcome,
            error_code: error,
            connect_us: attempt.connect.map(us),
            first_us: attempt.first_progress.map(us),
            took_us: Some(us(attempt.took)),
            usage: used(attempt.ability, vendor, &attempt.usage),
        })));
        // What a drill does is no measure of a vendor, and nothing that anybody must act on.
        if !self.is_drilled() {
            self.attempts.attempt(attempt);
        }
    }

    fn event(&self, event: RouteEvent) {
        if !self.is_drilled() {
            self.attempts.event(event);
        }
    }
}

impl Books {
    fn is_drilled(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.drill.is_some())
    }
}

/// And the code of what went wrong.
fn became(attempt: &Attempt) -> (entry::Outcome, Option<String>) {
    let code = |error: &Error| Some(error.failure().code.0.to_owned());
    match &attempt.outcome {
        Outcome::Served => (entry::Outcome::Completed, None),
        Outcome::Failed(error) => (entry::Outcome::Failed, code(error)),
        Outcome::TimedOut => {
            let late = Error::new(attempt.ability, ErrorKind::TimedOut, &attempt.provider.name, "");
            (entry::Outcome::Failed, code(&late))
        }
        // A stream of recognition has no other end than being dropped.
        Outcome::Cancelled if attempt.ability == Ability::Stt && attempt.connect.is_some() => {
            (entry::Outcome::Completed, None)
        }
        Outcome::Abandoned | Outcome::Cancelled => (entry::Outcome::Cancelled, None),
    }
}

fn used(ability: Ability, vendor: &str, usage: &providers_api::Usage) -> pricing::Usage {
    // What a recogniser was given is what was sent, to the sample; what it makes of that in tokens only the vendor knows. Of models in this
    // process our count is the only one.
    let exact = ability == Ability::Stt && usage.input_tokens + usage.output_tokens == 0;
    let exact = exact || vendor == IN_PROCESS;
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
        estimated: usage.estimated && !exact,
    }
}

#[cfg(test)]
mod tests {
    use domain::SessionId;
    use providers_api::{ProviderInfo, Usage};

    use super::*;

    fn attempt(ability: Ability, outcome: Outcome, usage: Usage) -> Attempt {
        Attempt {
            session: SessionId::generate(),
            turn: None,
            tenant: "t".into(),
            ability,
            provider: Arc::new(ProviderInfo::default()),
            number: 1,
            why: Why::First,
            connect: Some(Duration::ZERO),
            first_progress: None,
            took: Duration::ZERO,
            outcome,
            usage,
        }
    }

    #[test]
    fn recognition_that_ends_with_the_call_is_complete_and_its_audio_is_known_to_the_sample() {
        let heard = Usage { audio_in: Duration::from_secs(3), estimated: true, ..Usage::default() };
        let stt = attempt(Ability::Stt, Outcome::Cancelled, heard);
        assert_eq!(became(&stt).0, entry::Outcome::Completed);
        let kept = used(Ability::Stt, "acme", &heard);
        assert_eq!((kept.audio_in_us, kept.estimated), (3_000_000, false));
        assert!(
            used(Ability::Stt, "acme", &Usage { input_tokens: 9, ..heard }).estimated,
            "tokens are a guess"
        );
        assert!(
            used(Ability::Tts, "acme", &heard).estimated && !used(Ability::Tts, IN_PROCESS, &heard).estimated
        );
        let unopened = Attempt { connect: None, ..stt };
        assert_eq!(became(&unopened).0, entry::Outcome::Cancelled);
        let late = attempt(Ability::Tts, Outcome::TimedOut, Usage::default());
        assert_eq!(became(&late), (entry::Outcome::Failed, Some("TTS_TIMED_OUT".to_owned())));
        let cut = attempt(Ability::Llm, Outcome::Cancelled, Usage::default());
        assert_eq!(became(&cut).0, entry::Outcome::Cancelled);
    }
}
