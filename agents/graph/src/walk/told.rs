//! What was told of the call before it began: by whoever placed it, by the page, or by the headers of the phone call. A claim, and text alone.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Names under which texts and expressions find it. A channel of the same name goes first.
pub(crate) const TOLD: [&str; 2] = ["caller", "session"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    caller: Value,
    session: Value,
}

impl Default for Told {
    fn default() -> Self {
        Self { caller: Value::Object(Map::new()), session: Value::Object(Map::new()) }
    }
}

impl Told {
    /// `caller.name` is the caller's; what has neither name before it is the session's. The last of one name counts.
    pub(crate) fn tell(&mut self, name: &str, text: String) {
        let (whose, name) = match name.split_once('.') {
            Some(("caller", name)) => (&mut self.caller, name),
            Some(("session", name)) => (&mut self.session, name),
            _ => (&mut self.session, name),
        };
        if let Value::Object(fields) = whose {
            fields.insert(name.to_owned(), Value::String(text));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As roots of a scope, without those that are channels.
    pub(crate) fn roots<'a>(&'a self, channels: &Map<String, Value>) -> Vec<(&'static str, &'a Value)> {
        let roots = TOLD.into_iter().zip([&self.caller, &self.session]);
        roots.filter(|(name, _)| !channels.contains_key(*name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_told_stands_under_the_caller_or_the_session() {
        let mut told = Told::default();
        assert!(told.is_empty());
        for (name, text) in [
            ("caller.name", "Maria"),
            ("session.header_x_line", "3"),
            ("due", "Monday"),
            ("due", "Tuesday"),
            ("another.name", "kept as it is"),
        ] {
            told.tell(name, text.to_owned());
        }
        let session = json!({"header_x_line": "3", "due": "Tuesday", "another.name": "kept as it is"});
        assert_eq!(told.roots(&Map::new()), [("caller", &json!({"name": "Maria"})), ("session", &session)]);
        let kept: Told = serde_json::from_value(json!(told)).expect("as it was written");
        assert_eq!(kept, told);
    }

    #[test]
    fn a_channel_of_that_name_goes_first() {
        let channels = Map::from_iter([("session".to_owned(), json!("a channel"))]);
        let told = Told::default();
        assert_eq!(told.roots(&channels).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["caller"]);
    }
}
