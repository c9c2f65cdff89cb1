//! Channels: the typed state of a walk. Nodes of one step write, reducers fold the writes in when the step ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    #[serde(default)]
    pub reducer: Reducer,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub initial: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    Text,
    Number,
    Boolean,
    Object,
    List,
    Any,
}

/// How a write changes a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reducer {
    /// The write replaces the value.
    #[default]
    Last,
    /// The write is added at the end of a list.
    Append,
    /// The fields of the write replace those of an object; null removes a field.
    Merge,
    /// Each write counts one.
    Count,
    /// The first write stays.
    SetOnce,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("there is no channel \"{0}\"")]
    Unknown(String),
    #[error("channel \"{channel}\" holds {expected:?}, and {found} was written")]
    Type { channel: String, expected: ChannelKind, found: &'static str },
    #[error(
        "two nodes of one step write to channel \"{0}\", which keeps only the last: give it another reducer"
    )]
    Conflict(String),
}

impl Channel {
    /// What the channel holds before anything was written.
    #[must_use]
    pub fn start(&self) -> Value {
        if !self.initial.is_null() {
            return self.initial.clone();
        }
        match (self.reducer, self.kind) {
            (Reducer::Append, _) | (_, ChannelKind::List) => Value::Array(Vec::new()),
            (Reducer::Merge, _) | (_, ChannelKind::Object) => Value::Object(Map::new()),
            (Reducer::Count, _) => Value::from(0),
            _ => Value::Null,
        }
    }

    /// Why the declaration itself cannot be, if so.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        match (self.reducer, self.kind) {
            (Reducer::Append, kind) if !matches!(kind, ChannelKind::List | ChannelKind::Any) => {
                Some("reducer \"append\" needs type \"list\"")
            }
            (Reducer::Merge, kind) if !matches!(kind, ChannelKind::Object | ChannelKind::Any) => {
                Some("reducer \"merge\" needs type \"object\"")
            }
            (Reducer::Count, kind) if !matches!(kind, ChannelKind::Number | ChannelKind::Any) => {
                Some("reducer \"count\" needs type \"number\"")
            }
            _ if !self.initial.is_null() && !self.kind.holds(&self.initial) => {
                Some("the initial value is not of the type")
            }
            _ => None,
        }
    }
}

impl ChannelKind {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
        }
    }
}

/// One write of one node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    pub(crate) channel: String,
    pub(crate) value: Value,
}

pub(crate) fn start(channels: &BTreeMap<String, Channel>) -> Map<String, Value> {
    channels.iter().map(|(name, channel)| (name.clone(), channel.start())).collect()
}

/// Folds the writes of one step into the state, all or none.
pub(crate) fn apply(
    channels: &BTreeMap<String, Channel>,
    state: &mut Map<String, Value>,
    writes: Vec<Write>,
) -> Result<(), StateError> {
    let mut next = state.clone();
    let mut written: BTreeMap<String, u32> = BTreeMap::new();
    for Write { channel: name, value } in writes {
        let channel = channels.get(&name).ok_or_else(|| StateError::Unknown(name.clone()))?;
        let times = written.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 && channel.reducer == Reducer::Last {
            return Err(StateError::Conflict(name));
        }
        let slot = next.entry(name.clone()).or_insert_with(|| channel.start());
        reduce(channel, &name, slot, value)?;
    }
    *state = next;
    Ok(())
}

fn reduce(channel: &Channel, name: &str, slot: &mut Value, value: Value) -> Result<(), StateError> {
    let wrong = |value: &Value| StateError::Type {
        channel: name.to_owned(),
        expected: channel.kind,
        found: type_of(value),
    };
    match channel.reducer {
        Reducer::Last => {
            if !value.is_null() && !channel.kind.holds(&value) {
                return Err(wrong(&value));
            }
            *slot = value;
        }
        Reducer::SetOnce => {
            if !channel.kind.holds(&value) {
                return Err(wrong(&value));
            }
            if slot.is_null() || *slot == channel.start() {
                *slot = value;
            }
        }
        Reducer::Count => *slot = Value::from(slot.as_u64().unwrap_or(0) + 1),
        Reducer::Append => match slot {
            Value::Array(list) => list.push(value),
            other => *other = Value::Array(vec![value]),
        },
        Reducer::Merge => {
            let Value::Object(fields) = value else { return Err(wrong(&value)) };
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            let held = slot.as_object_mut().expect("made an object above");
            for (key, value) in fields {
                if value.is_null() {
                    held.remove(&key);
                } else {
                    held.insert(key, value);
                }
            }
        }
    }
    Ok(())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn channels() -> BTreeMap<String, Channel> {
        serde_json::from_value(json!({
            "name": {"type": "text"},
            "log": {"type": "list", "reducer": "append"},
            "booking": {"type": "object", "reducer": "merge"},
            "tries": {"type": "number", "reducer": "count"},
            "language": {"type": "text", "reducer": "set_once"},
        }))
        .unwrap()
    }

    fn write(channel: &str, value: Value) -> Write {
        Write { channel: channel.to_owned(), value }
    }

    #[test]
    fn each_reducer_folds_its_own_way() {
        let channels = channels();
        let mut state = start(&channels);
        for round in 0..2 {
            let writes = vec![
                write("name", json!(format!("n{round}"))),
                write("log", json!(round)),
                write("booking", json!({"a": round, format!("b{round}"): 1})),
                write("tries", json!("whatever")),
                write("language", json!(format!("l{round}"))),
            ];
            apply(&channels, &mut state, writes).unwrap();
        }
        apply(&channels, &mut state, vec![write("booking", json!({"b0": null}))]).unwrap();
        assert_eq!(
            Value::Object(state),
            json!({"name": "n1", "log": [0, 1], "booking": {"a": 1, "b1": 1}, "tries": 2, "language": "l0"})
        );
    }

    #[test]
    fn a_step_that_cannot_be_folded_changes_nothing() {
        let channels = channels();
        let mut state = start(&channels);
        let before = state.clone();
        let conflict = vec![write("log", json!(1)), write("name", json!("a")), write("name", json!("b"))];
        assert_eq!(apply(&channels, &mut state, conflict), Err(StateError::Conflict("name".into())));
        assert!(matches!(
            apply(&channels, &mut state, vec![write("name", json!(1))]),
            Err(StateError::Type { .. })
        ));
        assert_eq!(
            apply(&channels, &mut state, vec![write("x", json!(1))]),
            Err(StateError::Unknown("x".into()))
        );
        assert_eq!(state, before);
    }
}
