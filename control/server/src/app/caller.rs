//! What a page says of its caller, as greetings may use it. Whatever it says is a claim: it decides which words are said, and nothing else. It is
//! not put on record as who called.

use std::collections::BTreeMap;

use domain::Language;
use greetings::{Caller, language};
use serde_json::Value;

#[derive(Default)]
pub(crate) struct Said {
    pub(crate) language: Option<String>,
    pub(crate) variables: BTreeMap<String, Value>,
}

/// What cannot be used is left out: a call is not refused for its greeting.
pub(crate) fn of(accepts: Option<&str>, said: Said) -> Caller {
    let language = said.language.filter(|tag| language::is_tag(tag)).map(Language);
    let mut caller = Caller { language, accepts: accepts.map(str::to_owned), ..Caller::default() };
    for (name, value) in said.variables {
        match value {
            Value::String(text) => caller.tell(&name, text),
            Value::Number(number) => caller.tell(&name, number.to_string()),
            _ => {}
        }
    }
    caller
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_said_is_left_out() {
        let variables = serde_json::from_value(json!({
            "caller.number": "+4930123", "order": 12, "caller.name": "Anna", "list": [1], "x".repeat(80): "long",
        }));
        let said = Said { language: Some("no language".to_owned()), variables: variables.expect("a map") };
        let caller = of(Some("de, en;q=0.5"), said);
        assert_eq!((caller.number.as_deref(), caller.language), (Some("+4930123"), None));
        let names: Vec<&str> = caller.variables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["caller.name", "caller.number", "session.order"]);
    }
}
