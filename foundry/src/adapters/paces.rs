//! The target of each agent for how long its callers wait, shared by its calls: what the routes, the session and the dialogue do while it
//! is missed, and what that won.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{AgentId, Language, OrgId};
use providers_route::Pace;
use providers_route::budget::{self, Decision, Reaction};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Agents of which the target is kept; beyond, those without a call are forgotten.
const KEPT: usize = 1_024;

/// What an agent's definition says under `options.latency`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Latency {
    /// For the p95 of the response, in ms: from the caller's last voiced sample to the first of the answer.
    target_ms: u64,
    /// Words that an answer may begin with while it is thought of; none: no answer does. Where it is left out, those that are shipped
    /// for the agent's language.
    openers: Option<Vec<String>>,
}

/// By language; in another, no answer begins with a word that was not given.
const OPENERS: [(&str, [&str; 3]); 4] = [
    ("en", ["Let me see.", "One second.", "Okay, let me see."]),
    ("de", ["Mal sehen.", "Einen Moment.", "Okay, ich schaue nach."]),
    ("es", ["A ver.", "Un segundo.", "De acuerdo, déjeme ver."]),
    ("fr", ["Voyons.", "Une seconde.", "D'accord, je regarde."]),
];

impl Latency {
    /// Of an agent that names none of its own.
    pub(crate) fn of(target_ms: u64) -> Self {
        Self { target_ms, openers: None }
    }

    pub(crate) fn said_in(mut self, language: &Language) -> Self {
        let primary = language.0.split(['-', '_']).next().unwrap_or_default();
        let shipped = OPENERS.iter().find(|(language, _)| primary.eq_ignore_ascii_case(language));
        let shipped = || shipped.map(|(_, words)| words.map(str::to_owned).into()).unwrap_or_default();
        self.openers.get_or_insert_with(shipped);
        self
    }

    pub(crate) fn openers(&self) -> &[String] {
        self.openers.as_deref().unwrap_or_default()
    }

    /// # Errors
    /// What could never be kept, in words.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.target_ms == 0 {
            return Err("target_ms must be above 0".to_owned());
        }
        Ok(())
    }
}

/// By organization and agent: what one does is no matter of another.
#[derive(Default)]
pub(crate) struct Paces(Mutex<HashMap<(OrgId, AgentId), (u64, Pace)>>);

impl Paces {
    /// The measures begin anew where the target has changed.
    pub(crate) fn of(&self, org: OrgId, agent: AgentId, latency: &Latency) -> Pace {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= KEPT {
            paces.retain(|_, (_, pace)| pace.is_shared());
        }
        let new = || {
            let options = budget::Options { target_ms: latency.target_ms, ..budget::Options::default() };
            (latency.target_ms, Pace::new(options))
        };
        let kept = paces.entry((org, agent)).or_insert_with(new);
        if kept.0 != latency.target_ms {
            *kept = new();
        }
        kept.1.clone()
    }
}

/// Of one call.
pub(crate) struct Hurry {
    pace: Pace,
    openers: Vec<String>,
    next: usize,
}

impl Hurry {
    pub(crate) fn new(pace: Pace, latency: &Latency) -> Self {
        Self { pace, openers: latency.openers().to_vec(), next: 0 }
    }
}

/// Whether a word bridges every long wait of the agent now.
pub(crate) fn bridges(pace: Pace) -> Arc<dyn Fn() -> bool + Send + Sync> {
    Arc::new(move || pace.reacts(Reaction::Filler))
}

impl media_session::Hurry for Hurry {
    fn measured(&mut self, response: Duration) -> Vec<Value> {
        self.pace.measured(response, Instant::now()).into_iter().map(told).collect()
    }

    fn shortens(&self) -> bool {
        self.pace.reacts(Reaction::ShorterFirstSentence)
    }

    fn opener(&mut self) -> Option<String> {
        if !self.pace.reacts(Reaction::Opener) || self.openers.is_empty() {
            return None;
        }
        let opener = self.openers[self.next % self.openers.len()].clone();
        self.next += 1;
        Some(opener)
    }
}

/// As it stands among the call's events.
fn told(decision: Decision) -> Value {
    match decision {
        Decision::Began { reaction, p95 } => {
            json!({"decision": "began", "reaction": reaction, "p95_ms": p95.as_millis() as u64})
        }
        Decision::Won { reaction, ms } => json!({"decision": "won", "reaction": reaction, "won_ms": ms}),
        Decision::Ended { reaction, p95 } => {
            json!({"decision": "ended", "reaction": reaction, "p95_ms": p95.as_millis() as u64})
        }
    }
}

#[cfg(test)]
mod tests {
    use media_session::Hurry as _;

    use super::*;

    fn latency(target_ms: u64) -> Latency {
        Latency { target_ms, openers: Some(vec!["Okay.".to_owned()]) }
    }

    fn slow(hurry: &mut Hurry, turns: usize, ms: u64) -> Vec<Value> {
        (0..turns).flat_map(|_| hurry.measured(Duration::from_millis(ms))).collect()
    }

    #[test]
    fn openers_are_the_agents_own_or_those_of_its_language_and_none_in_another() {
        let first = |latency: Latency, language: &str| {
            latency.said_in(&Language(language.to_owned())).openers().first().cloned()
        };
        assert_eq!(first(Latency::of(500), "de-AT").as_deref(), Some("Mal sehen."));
        assert_eq!(first(Latency::of(500), "en").as_deref(), Some("Let me see."));
        assert_eq!(first(Latency::of(500), "pl"), None);
        assert_eq!(first(latency(500), "pl").as_deref(), Some("Okay."));
        let silent = Latency { target_ms: 500, openers: Some(Vec::new()) };
        assert_eq!(first(silent, "en"), None);
    }

    #[tokio::test]
    async fn each_reaction_is_told_with_what_it_won_and_holds_for_all_calls_of_the_agent_and_no_other() {
        let (paces, org, agent) = (Paces::default(), OrgId::generate(), AgentId::generate());
        let of = |org, agent| Hurry::new(paces.of(org, agent, &latency(500)), &latency(500));
        let mut call = of(org, agent);
        let told = slow(&mut call, 10, 900);
        assert_eq!(told, [json!({"decision": "began", "reaction": "hedge_earlier", "p95_ms": 900})]);
        let told = slow(&mut call, 10, 800);
        assert_eq!(told[0], json!({"decision": "won", "reaction": "hedge_earlier", "won_ms": 100}));
        assert_eq!(told[1]["reaction"], "shorter_first_sentence");
        slow(&mut call, 10, 800);
        let mut other_call = of(org, agent);
        assert!(other_call.shortens() && other_call.opener().as_deref() == Some("Okay."));
        let mut elsewhere = of(OrgId::generate(), agent);
        assert!(!elsewhere.shortens() && elsewhere.opener().is_none());
        let pace = paces.of(org, agent, &latency(500));
        assert!(!bridges(pace.clone())());
        slow(&mut call, 20, 800);
        assert!(bridges(pace)());
    }

    #[tokio::test]
    async fn another_target_begins_anew() {
        let (paces, org, agent) = (Paces::default(), OrgId::generate(), AgentId::generate());
        let mut call = Hurry::new(paces.of(org, agent, &latency(500)), &latency(500));
        slow(&mut call, 20, 900);
        assert!(call.shortens());
        assert!(!Hurry::new(paces.of(org, agent, &latency(2_000)), &latency(2_000)).shortens());
    }
}
