//! What differs between two definitions, by JSON pointers. Edges are told apart by where they come from and lead, so that one
//! that was put in between does not change all that follow; where nodes lie in the editor is no difference.

use control_api::agents::{Difference, DifferenceKind};
use serde_json::{Map, Value};

use super::definition::step;

pub(crate) fn compare(from: &Value, to: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => {
            fields("", &without(from), &without(to), &mut found);
            edges(from.get("edges"), to.get("edges"), &mut found);
        }
        _ => values("", from, to, &mut found),
    }
    found.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    found
}

fn without(definition: &Map<String, Value>) -> Map<String, Value> {
    let mut rest = definition.clone();
    rest.retain(|key, _| key != "edges" && key != "layout");
    rest
}

fn difference(pointer: String, kind: DifferenceKind, before: &Value, after: &Value) -> Difference {
    Difference { pointer, kind, before: before.clone(), after: after.clone() }
}

fn values(pointer: &str, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => fields(pointer, before, after, found),
        (Value::Array(left), Value::Array(right)) => {
            for index in 0..left.len().max(right.len()) {
                let at = format!("{pointer}/{index}");
                both(at, left.get(index), right.get(index), found);
            }
        }
        _ if before != after => {
            found.push(difference(pointer.to_owned(), DifferenceKind::Changed, before, after));
        }
        _ => {}
    }
}

fn fields(
    pointer: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let added = after.keys().filter(|key| !before.contains_key(*key));
    for key in before.keys().chain(added) {
        let mut at = pointer.to_owned();
        step(&mut at, key);
        both(at, before.get(key), after.get(key), found);
    }
}

fn both(pointer: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    match (before, after) {
        (Some(before), Some(after)) => values(&pointer, before, after, found),
        (Some(before), None) => {
            found.push(difference(pointer, DifferenceKind::Removed, before, &Value::Null))
        }
        (None, Some(after)) => found.push(difference(pointer, DifferenceKind::Added, &Value::Null, after)),
        (None, None) => {}
    }
}

fn edges(before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let (before, mut after) =
        (list(before), list(after).into_iter().map(Some).enumerate().collect::<Vec<_>>());
    let ends = |edge: &Value| ["from", "on", "to"].map(|end| edge.get(end).cloned().unwrap_or_default());
    for (index, edge) in before.iter().enumerate() {
        // The same edge first, one between the same ends otherwise.
        let same = after.iter().position(|(_, other)| other.as_ref() == Some(edge));
        let near = || {
            after.iter().position(|(_, other)| other.as_ref().is_some_and(|other| ends(other) == ends(edge)))
        };
        match same.or_else(near).and_then(|at| after.get_mut(at)) {
            Some((place, other)) => {
                if let Some(other) = other.take() {
                    values(&format!("/edges/{place}"), edge, &other, found);
                }
            }
            None => {
                found.push(difference(
                    format!("/edges/{index}"),
                    DifferenceKind::Removed,
                    edge,
                    &Value::Null,
                ));
            }
        }
    }
    for (place, edge) in after {
        if let Some(edge) = edge {
            found.push(difference(format!("/edges/{place}"), DifferenceKind::Added, &Value::Null, &edge));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_differ_are_named_and_an_edge_put_in_between_is_one_difference() {
        let from = json!({"title": "A", "gone": 1, "greeting": ["x", "y"], "layout": {"a": 1},
            "edges": [{"from": "a", "to": "b"}, {"from": "b", "to": "c", "when": "x"}]});
        let to = json!({"title": "B", "new": {"a/b": 2}, "greeting": ["x"], "layout": {"a": 2},
            "edges": [{"from": "n", "to": "m"}, {"from": "a", "to": "b"}, {"from": "b", "to": "c", "when": "y"}]});
        let found: Vec<_> =
            compare(&from, &to).into_iter().map(|found| (found.pointer, found.kind)).collect();
        use DifferenceKind::{Added, Changed, Removed};
        let expected = [
            ("/edges/0", Added),
            ("/edges/2/when", Changed),
            ("/gone", Removed),
            ("/greeting/1", Removed),
            ("/new", Added),
            ("/title", Changed),
        ];
        assert_eq!(found, expected.map(|(pointer, kind)| (pointer.to_owned(), kind)));
        assert!(compare(&from, &from).is_empty());
    }
}
