//! Settings laid over others: what the upper one names wins, everything else stays as the lower one has it.

use serde_json::{Map, Value};

/// Lays `over` on `under`, at any depth. A null changes nothing.
pub(crate) fn lay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) if is_another_choice(under, &over) => *under = over,
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (under, over) => *under = over,
    }
}

/// `{"fixed": {..}}` over `{"adaptive": {..}}`: one of several alternatives replaces the other, whole.
fn is_another_choice(under: &Map<String, Value>, over: &Map<String, Value>) -> bool {
    under.len() == 1 && over.len() == 1 && !over.keys().any(|key| under.contains_key(key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let mut under = json!({"a": 1, "b": {"c": 2, "d": [1, 2]}, "mode": {"adaptive": {"ms": 5}}});
        lay(&mut under, json!({"b": {"d": [3], "e": 4}, "a": null, "mode": {"fixed": {"ms": 200}}}));
        assert_eq!(under, json!({"a": 1, "b": {"c": 2, "d": [3], "e": 4}, "mode": {"fixed": {"ms": 200}}}));
    }
}
