//! What came of a call, by rule: who called for what, what the agent noted, how it ended. Pure.

use std::collections::HashSet;

use control_store::session::Afterwards;
use domain::{DeadAir, EndReason, Role, SessionEvent, TurnId};
use serde_json::{Map, Value};

use crate::app::summary;
use crate::ports::Recorded;

/// Of the caller's first words, the summary quotes as many characters.
const QUOTED: usize = 80;

/// Outcomes where nothing was noted.
const FAILED: &str = "failed";
const SILENT: &str = "silent";
const ANSWERED: &str = "answered";
const TRANSFERRED: &str = "transferred";

pub(crate) fn of(recorded: &Recorded) -> Afterwards {
    let fields = noted(recorded);
    let end = recorded.events.iter().rev().find_map(|(_, event)| match event {
        SessionEvent::Ended { reason } => Some(*reason),
        _ => None,
    });
    let words = caller_words(recorded);
    let outcome = outcome(&fields, &words, end, in_vain(recorded));
    Afterwards { summary: sentence(&words, &fields, end), outcome, fields: Value::Object(fields) }
}

/// What the graph and the session note of every turn, beside the agent; it is in the events.
const NOT_THE_AGENTS: [&str; 10] = [
    "intent",
    "latency_reaction",
    "caller_too_long",
    "caller_input_dropped",
    "transfer",
    "transfer_failed",
    "chat_failed",
    "whisper",
    "prompted",
    "sip",
];

/// The last value of everything that the agent noted.
fn noted(recorded: &Recorded) -> Map<String, Value> {
    let mut fields = Map::new();
    for (_, event) in &recorded.events {
        if let SessionEvent::Noted { name, value } = event
            && !NOT_THE_AGENTS.contains(&name.as_str())
        {
            fields.insert(name.clone(), value.clone());
        }
    }
    fields
}

fn caller_words(recorded: &Recorded) -> Vec<String> {
    let lines = summary::transcript(&recorded.events);
    lines.into_iter().filter(|line| line.role == Role::Caller).map(|line| line.text).collect()
}

/// Of the codes with which language models fail.
const MODELS: &str = "LLM_";

/// Whether the caller asked for something and an apology was all they ever got.
fn in_vain(recorded: &Recorded) -> bool {
    let (mut asked, mut apologised) = (HashSet::<TurnId>::new(), HashSet::new());
    let mut led_on = false;
    for (_, event) in &recorded.events {
        match event {
            SessionEvent::CallerTurn { turn, .. } => {
                asked.insert(*turn);
            }
            // Told just before the failure itself. Where the graph has a way for it, another node may have answered.
            SessionEvent::Noted { name, value } if name == "chat_failed" => led_on = value["way"].is_string(),
            // It had words of its own for it, and no answer.
            SessionEvent::Failed { turn: Some(turn), code, .. } if code.starts_with(MODELS) && !led_on => {
                apologised.insert(*turn);
            }
            // Nobody waits so long for a thought or for words without being told that it went wrong.
            SessionEvent::DeadAir {
                turn: Some(turn),
                cause: DeadAir::Thinking | DeadAir::Recognition,
                ..
            } => {
                apologised.insert(*turn);
            }
            _ => {}
        }
    }
    !asked.is_empty() && asked.is_subset(&apologised)
}

/// What the agent noted names the outcome, such as `appointment`; otherwise whether anything was said and how it ended.
fn outcome(fields: &Map<String, Value>, words: &[String], end: Option<EndReason>, in_vain: bool) -> String {
    if let Some(noted) = fields.keys().next_back() {
        return noted.clone();
    }
    let broken =
        matches!(end, Some(EndReason::ProviderFailed | EndReason::Interrupted | EndReason::ServerStopping));
    if end == Some(EndReason::Transferred) {
        TRANSFERRED.to_owned()
    } else if broken || in_vain {
        FAILED.to_owned()
    } else if words.is_empty() {
        SILENT.to_owned()
    } else {
        ANSWERED.to_owned()
    }
}

fn sentence(words: &[String], fields: &Map<String, Value>, end: Option<EndReason>) -> String {
    let mut text = match words.first() {
        None => "The caller said nothing.".to_owned(),
        Some(first) => {
            let turns = words.len();
            let more = if turns == 1 { String::new() } else { format!(" and spoke {turns} times in all") };
            format!("The caller began with \u{201c}{}\u{201d}{more}.", summary::opening(first, QUOTED))
        }
    };
    for (name, value) in fields {
        text.push_str(&format!(" Noted {}: {}.", name.replace('_', " "), plain(value)));
    }
    if let Some(end) = end {
        text.push_str(&format!(" It ended because {}.", summary::reason_text(end)));
    }
    text
}

/// A value as a person reads it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let parts = fields.iter().filter(|(_, value)| !value.is_null());
            parts
                .map(|(name, value)| format!("{} {}", name.replace('_', " "), plain(value)))
                .collect::<Vec<_>>()
                .join(", ")
        }
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{SessionId, TurnId};
    use serde_json::json;

    use super::*;

    fn recorded(events: Vec<SessionEvent>) -> Recorded {
        Recorded {
            id: SessionId::generate(),
            agent: "front-desk".to_owned(),
            transport: "webrtc".to_owned(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            events: events.into_iter().map(|event| (Duration::ZERO, event)).collect(),
        }
    }

    fn caller(turn: u32, text: &str) -> SessionEvent {
        SessionEvent::CallerTurn { turn: TurnId(turn), text: text.to_owned(), typed: false }
    }

    #[test]
    fn a_booking_is_its_outcome_with_its_fields() {
        let value = json!({"service": "a haircut", "name": "Maria", "note": null});
        let after = of(&recorded(vec![
            caller(1, "I'd like a haircut"),
            caller(2, "Maria"),
            SessionEvent::Noted { name: "appointment".to_owned(), value: value.clone() },
            SessionEvent::Ended { reason: EndReason::AgentEnded },
        ]));
        assert_eq!((after.outcome.as_str(), &after.fields["appointment"]), ("appointment", &value));
        assert_eq!(
            after.summary,
            "The caller began with \u{201c}I'd like a haircut\u{201d} and spoke 2 times in all. Noted appointment: name Maria, service a haircut. It ended because the agent said goodbye."
        );
    }

    #[test]
    fn calls_without_notes_are_told_apart_by_what_happened() {
        let outcome = |events| of(&recorded(events)).outcome;
        let ended = |reason| SessionEvent::Ended { reason };
        assert_eq!(outcome(vec![ended(EndReason::CallerLeft)]), "silent");
        assert_eq!(outcome(vec![caller(1, "hours?"), ended(EndReason::CallerLeft)]), "answered");
        assert_eq!(outcome(vec![caller(1, "hours?"), ended(EndReason::Interrupted)]), "failed");
        let apology = |turn| SessionEvent::DeadAir {
            turn: Some(TurnId(turn)),
            cause: DeadAir::Thinking,
            length: Duration::from_secs(3),
        };
        let vain = vec![caller(1, "hours?"), apology(1), ended(EndReason::CallerLeft)];
        assert_eq!(outcome(vain), "failed");
        let late = vec![caller(1, "hours?"), apology(1), caller(2, "and now?"), ended(EndReason::CallerLeft)];
        assert_eq!(outcome(late), "answered");
        let sorry = |turn| SessionEvent::Failed {
            turn: Some(TurnId(turn)),
            source: domain::Source::Provider,
            code: "LLM_UNREACHABLE".to_owned(),
            message: String::new(),
        };
        let noted = SessionEvent::Noted { name: "chat_failed".to_owned(), value: json!({}) };
        let ended = || SessionEvent::Ended { reason: EndReason::CallerLeft };
        assert_eq!(outcome(vec![caller(1, "hours?"), noted, sorry(1), ended()]), "failed");
        assert_eq!(outcome(vec![caller(1, "hours?"), sorry(1), caller(2, "now?"), ended()]), "answered");
    }

    #[test]
    fn what_the_session_notes_beside_the_agent_is_no_outcome() {
        let value = json!({"decision": "began"});
        let noted = SessionEvent::Noted { name: "latency_reaction".to_owned(), value };
        let after = of(&recorded(vec![caller(1, "hours?"), noted]));
        assert_eq!((after.outcome.as_str(), after.fields), ("answered", json!({})));
    }
}
