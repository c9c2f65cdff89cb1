//! What changed between two versions of an agent: nodes, edges, fields, each by its path.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::definition::{AgentDefinition, Edge};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub kind: ChangeKind,
    /// Dotted: `nodes.booking.slots[1].ask[0]`, `edges.desk/hours -> hours`, `manners.wait_ms`.
    pub path: String,
    pub before: Value,
    pub after: Value,
}

/// All changes, in the order of their paths. Layout and version are not changes.
#[must_use]
pub fn diff(before: &AgentDefinition, after: &AgentDefinition) -> Vec<Change> {
    let mut changes = Vec::new();
    values("", &without_edges(before), &without_edges(after), &mut changes);
    edges(&before.edges, &after.edges, &mut changes);
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

fn without_edges(definition: &AgentDefinition) -> Value {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(definition) else {
        return Value::Object(Map::new());
    };
    for field in ["edges", "layout", "version"] {
        fields.remove(field);
    }
    Value::Object(fields)
}

fn edges(before: &[Edge], after: &[Edge], changes: &mut Vec<Change>) {
    let name = |edge: &Edge| format!("edges.{}/{} -> {}", edge.from, edge.on, edge.to);
    let condition = |edge: &Edge| edge.when.clone().map_or(Value::Null, Value::String);
    for edge in before {
        match after.iter().find(|other| name(other) == name(edge)) {
            None => changes.push(Change {
                kind: ChangeKind::Removed,
                path: name(edge),
                before: condition(edge),
                after: Value::Null,
            }),
            Some(other) if other.when != edge.when => {
                changes.push(Change {
                    kind: ChangeKind::Changed,
                    path: format!("{}.when", name(edge)),
                    before: condition(edge),
                    after: condition(other),
                });
            }
            Some(_) => {}
        }
    }
    for edge in after.iter().filter(|edge| !before.iter().any(|other| name(other) == name(edge))) {
        changes.push(Change {
            kind: ChangeKind::Added,
            path: name(edge),
            before: Value::Null,
            after: condition(edge),
        });
    }
}

fn values(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (before, after) {
        (Value::Object(left), Value::Object(right)) => {
            for (name, value) in left {
                match right.get(name) {
                    Some(other) => values(&join(name), value, other, changes),
                    None => changes.push(Change {
                        kind: ChangeKind::Removed,
                        path: join(name),
                        before: value.clone(),
                        after: Value::Null,
                    }),
                }
            }
            for (name, value) in right.iter().filter(|(name, _)| !left.contains_key(*name)) {
                changes.push(Change {
                    kind: ChangeKind::Added,
                    path: join(name),
                    before: Value::Null,
                    after: value.clone(),
                });
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (value, other)) in left.iter().zip(right).enumerate() {
                values(&format!("{path}[{index}]"), value, other, changes);
            }
        }
        _ if before != after => {
            changes.push(Change {
                kind: ChangeKind::Changed,
                path: path.to_owned(),
                before: before.clone(),
                after: after.clone(),
            });
        }
        _ => {}
    }
}
