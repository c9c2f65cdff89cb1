//! What a language model is told of an ended call, and what is taken of its answer. Pure.
//!
//! The words of a call are the caller's to choose, and may be meant for the model. So a model's answer goes into the summary of its own
//! call and the fields that were asked for, within bounds: never into what the agent noted, the outcome or how the call ended.

use control_store::digest::Digest;
use control_store::session::Session;
use domain::{AgentId, Role};
use serde_json::{Map, Value};

use crate::app::summary;
use crate::ports::{Conversation, Recorded, Spoken, SummedUp};

/// Characters of a transcript that are sent: an hour of talk. Of a longer one the middle is left out.
const BEGINNING: usize = 12_000;
const ENDING: usize = 36_000;
/// Characters of one line.
const LINE: usize = 2_000;
/// Characters of the answer.
const SUMMARY: usize = 1_000;
const TEXT: usize = 500;
const MODEL: usize = 200;
const FIELDS: usize = 30;
const ITEMS: usize = 20;

/// `None`: there is nothing to ask about, since the caller said nothing, or nobody to ask for, since the agent is not known.
pub(crate) fn conversation(found: &Session, recorded: &Recorded) -> Option<Conversation> {
    let agent = found.agent?;
    let lines: Vec<Spoken> = summary::transcript(&recorded.events)
        .into_iter()
        .filter(|line| !line.text.trim().is_empty())
        .map(|line| Spoken { role: line.role, text: summary::opening(&line.text, LINE) })
        .collect();
    if !lines.iter().any(|line| line.role == Role::Caller) {
        return None;
    }
    Some(told(found, agent, lines))
}

fn told(found: &Session, agent: AgentId, lines: Vec<Spoken>) -> Conversation {
    let (beginning, left_out, ending) = bounded(lines);
    Conversation {
        session: found.id,
        org: found.org,
        agent,
        agent_name: found.agent_name.clone(),
        version: found.version,
        environment: found.environment,
        beginning,
        left_out,
        ending,
        noted: found.fields.clone(),
        end_reason: found.end_reason.clone(),
    }
}

/// The first lines and the last, and how many between them are left out.
fn bounded(mut lines: Vec<Spoken>) -> (Vec<Spoken>, usize, Vec<Spoken>) {
    let length = |line: &Spoken| line.text.chars().count();
    if lines.iter().map(length).sum::<usize>() <= BEGINNING + ENDING {
        return (lines, 0, Vec::new());
    }
    let fitting = |lines: &mut dyn Iterator<Item = &Spoken>, most: usize| {
        let sums = lines.scan(0, |sum, line| {
            *sum += length(line);
            Some(*sum)
        });
        sums.take_while(|sum| *sum <= most).count()
    };
    let first = fitting(&mut lines.iter(), BEGINNING);
    let last = fitting(&mut lines.iter().rev(), ENDING);
    let ending = lines.split_off(lines.len() - last);
    let left_out = lines.len() - first;
    lines.truncate(first);
    (lines, left_out, ending)
}

/// What is kept of an answer; `None`: it says nothing.
pub(crate) fn accepted(answer: SummedUp) -> Option<Digest> {
    let summary = text(&answer.summary, SUMMARY)?;
    let fields = answer.fields.into_iter().take(FIELDS);
    let extracted: Map<String, Value> =
        fields.filter_map(|(name, value)| Some((name, kept(value)?))).collect();
    Some(Digest {
        summary,
        model: text(&answer.model, MODEL).unwrap_or_else(|| "unnamed".to_owned()),
        extracted: Value::Object(extracted),
    })
}

/// Words, numbers, truths and lists of them; nothing deeper.
fn kept(value: Value) -> Option<Value> {
    match value {
        Value::String(said) => text(&said, TEXT).map(Value::String),
        Value::Array(items) => {
            let flat = items.into_iter().filter(|item| !item.is_array()).filter_map(kept);
            let items: Vec<Value> = flat.take(ITEMS).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Number(_) | Value::Bool(_) => Some(value),
        Value::Null | Value::Object(_) => None,
    }
}

/// On one line, without what cannot be shown or stored.
fn text(said: &str, most: usize) -> Option<String> {
    let words: String = said.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then(|| summary::opening(&words, most))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(role: Role, text: String) -> Spoken {
        Spoken { role, text }
    }

    #[test]
    fn of_a_long_call_the_beginning_and_the_end_are_told_and_the_middle_is_counted() {
        let lines = |count: usize| -> Vec<Spoken> {
            (0..count).map(|n| line(Role::Caller, format!("{n:03} {}", "x".repeat(996)))).collect()
        };
        let (all, left_out, none) = bounded(lines(48));
        assert_eq!((all.len(), left_out, none.len()), (48, 0, 0));
        let (beginning, left_out, ending) = bounded(lines(100));
        assert_eq!((beginning.len(), left_out, ending.len()), (12, 52, 36));
        assert!(beginning[11].text.starts_with("011") && ending[0].text.starts_with("064"));
    }

    #[test]
    fn an_answer_is_cut_to_what_a_page_can_show_and_a_database_take() {
        let answer = |summary: &str, fields: Value| SummedUp {
            summary: summary.to_owned(),
            fields: fields.as_object().cloned().expect("an object"),
            model: "m-1".to_owned(),
        };
        assert_eq!(accepted(answer(" \n\0", json!({}))), None);
        let fields = json!({
            "wanted": "a\0 haircut\n on Friday", "count": 2, "urgent": false, "nothing": null, "blank": "  ",
            "nested": {"outcome": "refund"}, "list": ["call back", ["deep"], null, {"a": 1}], "long": "y".repeat(5000),
        });
        let kept = accepted(answer("They wanted\na haircut.", fields)).expect("it says something");
        assert_eq!(kept.summary, "They wanted a haircut.");
        let long = kept.extracted["long"].as_str().expect("a text").chars().count();
        assert_eq!(long, TEXT);
        let mut rest = kept.extracted.as_object().cloned().expect("an object");
        rest.remove("long");
        assert_eq!(
            Value::Object(rest),
            json!({"wanted": "a haircut on Friday", "count": 2, "urgent": false, "list": ["call back"]})
        );
        let many: Map<String, Value> = (0..100).map(|n| (format!("f{n}"), json!(n))).collect();
        let kept = accepted(answer("s", Value::Object(many))).expect("it says something");
        assert_eq!(kept.extracted.as_object().map(Map::len), Some(FIELDS));
    }
}
