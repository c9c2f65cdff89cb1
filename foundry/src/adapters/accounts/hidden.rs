//! Vendors that refuse a key may quote it, or its ends. Whatever way a message comes by (an answer, an event of a socket, a close code's reason,
//! the middle of a stream), what it has of the account's own key is taken out before anybody sees it.

use domain::Secret;
use providers_api::Error;

const INSTEAD: &str = "[hidden]";
/// So much of a key, and not less, is a part of it: shorter ones are in any text.
const PART: usize = 4;

/// The secrets of one account.
#[derive(Debug, Clone, Default)]
pub(super) struct Hidden(Vec<Secret<String>>);

impl Hidden {
    pub(super) fn of(key: Option<&Secret<String>>) -> Self {
        let Some(key) = key else { return Self::default() };
        // Of Google's file of a service account, what is secret; the rest is names that messages are made of.
        let file = serde_json::from_str::<serde_json::Value>(key.expose()).ok();
        let Some(fields) = file.as_ref().and_then(serde_json::Value::as_object) else {
            return Self(vec![key.clone()]);
        };
        let secret =
            ["private_key", "private_key_id"].into_iter().filter_map(|name| fields.get(name)?.as_str());
        Self(secret.map(|text| Secret::new(text.to_owned())).collect())
    }

    pub(super) fn error(&self, mut error: Error) -> Error {
        error.reason = self.text(&error.reason);
        error
    }

    pub(super) fn text(&self, text: &str) -> String {
        // Pieces with what parts them, so that all the rest stays as it is.
        let apart = |letter: char| letter.is_whitespace() || "\"'`,;:()[]{}<>".contains(letter);
        text.split_inclusive(apart)
            .map(|piece| {
                let word = piece.trim_end_matches(apart);
                if self.is_of_key(word) { piece.replacen(word, INSTEAD, 1) } else { piece.to_owned() }
            })
            .collect()
    }

    fn is_of_key(&self, word: &str) -> bool {
        let word = word.trim_matches(['.', '!', '?']);
        if self.0.is_empty() || word.len() < PART {
            return false;
        }
        // The ends of a key, with what a vendor puts between them.
        if word.contains("**") || word.contains("...") || word.contains('…') || word.contains("xxx") {
            return true;
        }
        self.0.iter().any(|key| key.expose().contains(word) || word.contains(key.expose().trim()))
    }
}

#[cfg(test)]
mod tests {
    use providers_api::{Ability, ErrorKind};

    use super::*;

    fn shown(key: &str, reason: &str) -> String {
        let hidden = Hidden::of(Some(&Secret::new(key.to_owned())));
        hidden.error(Error::new(Ability::Llm, ErrorKind::Unauthorized, "acme", reason)).reason
    }

    #[test]
    fn nothing_of_a_key_is_shown_however_it_is_quoted() {
        let key = "sk-proj-AbCd1234efgh5678WxYz";
        for (said, shown_as) in [
            (
                "Incorrect API key provided: sk-pr***WxYz. You can",
                "Incorrect API key provided: [hidden] You can",
            ),
            ("key \"sk-proj-AbCd1234efgh5678WxYz\" is unknown", "key \"[hidden]\" is unknown"),
            ("close code 1008: key=sk-proj-AbCd1234efgh5678WxYz", "close code 1008: [hidden]"),
            ("the key ending in WxYz.", "the key ending in [hidden]"),
            ("invalid x-api-key (sk-p…WxYz)", "invalid x-api-key ([hidden])"),
            ("HTTP 401 invalid_api_key", "HTTP 401 invalid_api_key"),
        ] {
            assert_eq!(shown(key, said), shown_as);
        }
    }

    #[test]
    fn of_a_service_account_the_key_is_secret_and_the_names_are_not() {
        let file = r#"{"type": "service_account", "project_id": "shop-1", "private_key_id": "ab12cd34", "private_key": "MIIEvQIBADAN"}"#;
        let said = "service account of shop-1: key ab12cd34 was refused";
        assert_eq!(shown(file, said), "service account of shop-1: key [hidden] was refused");
    }

    #[test]
    fn a_server_without_a_key_is_quoted_as_it_speaks() {
        let said = Error::new(Ability::Llm, ErrorKind::Closed, "acme", "gone... **away**");
        assert_eq!(Hidden::of(None).error(said.clone()), said);
    }
}
