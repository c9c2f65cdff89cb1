//! Definitions of agents as JSON: what is wrong with one and where, one text for one content, and what new agents begin as.

use agents_graph::LIBRARY;
use control_api::agents::{DefinitionProblem, Severity, Template, TemplateName};
use serde_json::{Value, json};

use super::line;

/// What the graph says of a definition: its mistakes, or its warnings where it has none.
#[must_use]
pub fn problems(definition: &Value) -> Vec<DefinitionProblem> {
    let found = match agents_graph::parse(&text(definition)).and_then(agents_graph::compile) {
        Ok(compiled) => compiled.warnings,
        Err(invalid) => invalid.problems,
    };
    let mut problems: Vec<_> = found.into_iter().map(|problem| located(definition, problem)).collect();
    problems.extend(unreadable_title(definition));
    problems
}

/// Nobody publishes one; a version that was published with it is served as ever.
fn unreadable_title(definition: &Value) -> Option<DefinitionProblem> {
    let mark = line::unreadable(definition["title"].as_str()?)?;
    Some(DefinitionProblem {
        pointer: "/title".to_owned(),
        node: None,
        field: "title".to_owned(),
        detail: line::said(mark),
        severity: Severity::Error,
    })
}

fn located(definition: &Value, problem: agents_graph::Problem) -> DefinitionProblem {
    DefinitionProblem {
        pointer: pointer(definition, problem.node.as_deref(), &problem.field),
        node: problem.node,
        field: problem.field,
        detail: problem.reason,
        severity: match problem.severity {
            agents_graph::Severity::Error => Severity::Error,
            agents_graph::Severity::Warning => Severity::Warning,
        },
    }
}

/// JSON pointer of a field that is named by a path with dots and indices, `slots[1].ask`, inside a node or the definition.
/// Names may have dots themselves: the longest key that fits is taken. Goes one step past what is there, to what is missing.
#[must_use]
pub fn pointer(definition: &Value, node: Option<&str>, field: &str) -> String {
    let mut pointer = String::new();
    let mut value = Some(definition);
    // Edges are the definition's, even where a node is said to lack one.
    let of_node = node.filter(|_| field != "edges" && !field.starts_with("edges["));
    if let Some(node) = of_node {
        value = definition.get("nodes").and_then(|nodes| nodes.get(node));
        step(&mut pointer, "nodes");
        step(&mut pointer, node);
    }
    let mut rest = field;
    while !rest.is_empty() {
        let Some((key, after)) = next(value, rest) else { break };
        step(&mut pointer, key);
        value = match value {
            Some(Value::Array(items)) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
            Some(Value::Object(fields)) => fields.get(key),
            _ => None,
        };
        rest = after;
        if value.is_none() {
            break;
        }
    }
    pointer
}

/// The first part of a path, and what follows it.
fn next<'a>(value: Option<&Value>, path: &'a str) -> Option<(&'a str, &'a str)> {
    if let Some(index) = path.strip_prefix('[') {
        let (index, after) = index.split_once(']')?;
        return Some((index, after.strip_prefix('.').unwrap_or(after)));
    }
    if let Some(Value::Object(fields)) = value {
        let fits = |key: &&String| {
            path.strip_prefix(key.as_str())
                .is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
        };
        if let Some(key) = fields.keys().filter(fits).max_by_key(|key| key.len()) {
            let (key, after) = path.split_at(key.len());
            return Some((key, after.strip_prefix('.').unwrap_or(after)));
        }
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (key, after) = path.split_at(end);
    (!key.is_empty()).then(|| (key, after.strip_prefix('.').unwrap_or(after)))
}

pub(crate) fn step(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// One text for one content: no white space, keys in order. What is stored and hashed.
pub(crate) fn text(definition: &Value) -> String {
    definition.to_string()
}

/// Of what was stored; a text that is no JSON shows as null.
pub(crate) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

pub(crate) fn templates() -> Vec<Template> {
    vec![
        Template {
            name: TemplateName::Empty,
            title: "Empty".to_owned(),
            description: "A greeting and one answer, to build on.".to_owned(),
            definition: template(TemplateName::Empty),
        },
        Template {
            name: TemplateName::FrontDesk,
            title: "Front desk".to_owned(),
            description:
                "Answers the phone of a small business: hours, prices, directions, and appointments."
                    .to_owned(),
            definition: template(TemplateName::FrontDesk),
        },
        Template {
            name: TemplateName::Assistant,
            title: "Assistant".to_owned(),
            description: "Free conversation with tools. Thinks with a language model: needs an account at a vendor that has one."
                .to_owned(),
            definition: template(TemplateName::Assistant),
        },
    ]
}

fn shipped(wanted: &str) -> Value {
    LIBRARY.iter().find(|(name, _)| *name == wanted).map_or(Value::Null, |(_, json)| value(json))
}

fn template(name: TemplateName) -> Value {
    match name {
        TemplateName::FrontDesk => shipped("front-desk"),
        TemplateName::Assistant => shipped("assistant"),
        TemplateName::Empty => json!({
            "name": "empty",
            "version": 1,
            "title": "Empty",
            "greeting": ["Hello, how can I help you?"],
            "entry": "desk",
            "nodes": {
                "desk": {
                    "kind": "intent",
                    "intents": {"help": {"examples": ["what can you do", "help", "what is this"]}},
                    "unknown": ["Sorry, I did not get that."]
                },
                "answer": {"kind": "say", "text": ["I am new here. My designer has yet to teach me more."]}
            },
            "edges": [
                {"from": "desk", "on": "help", "to": "answer"},
                {"from": "answer", "to": "desk"}
            ]
        }),
    }
}

/// What a new agent's draft says.
pub(crate) fn begun(template_name: TemplateName, name: &str, title: &str) -> Value {
    let mut definition = template(template_name);
    if let Value::Object(fields) = &mut definition {
        fields.insert("name".to_owned(), name.into());
        fields.insert("title".to_owned(), title.into());
    }
    definition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_has_no_problem_of_severity_error() {
        for template in templates() {
            let errors: Vec<_> = problems(&template.definition)
                .into_iter()
                .filter(|problem| problem.severity == Severity::Error)
                .collect();
            assert!(errors.is_empty(), "{:?}: {errors:?}", template.name);
        }
    }

    #[test]
    fn a_problem_is_found_in_the_definition() {
        let definition = json!({
            "nodes": {"a/b": {"slots": [{"ask": []}, {"ask": ["x"]}], "intents": {"say.hello": {"examples": []}}}},
            "edges": [{"from": "x"}]
        });
        for (node, field, expected) in [
            (Some("a/b"), "slots[1].ask[0]", "/nodes/a~1b/slots/1/ask/0"),
            (Some("a/b"), "intents.say.hello.examples", "/nodes/a~1b/intents/say.hello/examples"),
            (Some("gone"), "into", "/nodes/gone/into"),
            (None, "edges[0].to", "/edges/0/to"),
            (Some("a/b"), "edges[0].from", "/edges/0/from"),
            (Some("a/b"), "edges", "/edges"),
            (None, "entry", "/entry"),
            (None, "manners.goodbye", "/manners"),
            (None, "", ""),
        ] {
            assert_eq!(pointer(&definition, node, field), expected);
        }
    }

    #[test]
    fn a_definition_that_cannot_be_read_is_a_problem_with_a_place() {
        let found =
            problems(&json!({"name": "x", "version": 1, "entry": "a", "nodes": {"a": {"kind": "nothing"}}}));
        assert_eq!(found.first().map(|problem| problem.node.as_deref()), Some(Some("a")), "{found:?}");
        assert!(found.iter().all(|problem| problem.pointer.starts_with("/nodes/a")), "{found:?}");
    }
}
