//! LiveKit's server API (Twirp, in JSON): requests and answers as data. Whoever has a client sends them.

use std::time::Duration;

use domain::Secret;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::socket;

/// A token is read once.
pub(crate) const TOKEN_LASTS: Duration = Duration::from_secs(60);
/// Longest text of a refusal that is kept, in characters.
const LONGEST_MESSAGE: usize = 300;

/// A request to be posted.
#[derive(Debug, Clone)]
pub struct Command {
    pub url: String,
    pub authorization: Secret<String>,
    pub content_type: &'static str,
    pub body: String,
}

impl Command {
    /// # Errors
    /// Where the address is none.
    pub(crate) fn new(
        url: &str,
        method: &str,
        token: &Secret<String>,
        body: &impl Serialize,
    ) -> Result<Self, Error> {
        let base = socket::base(url)?;
        Ok(Self {
            // As WebSockets have it: `ws` and `wss`.
            url: format!("http{}/twirp/{method}", base.trim_start_matches("ws")),
            authorization: Secret::new(format!("Bearer {}", token.expose())),
            content_type: "application/json",
            body: serde_json::to_string(body).expect("texts and numbers are JSON"),
        })
    }
}

/// Why the server did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Of Twirp: `not_found`, `invalid_argument`, `permission_denied`...
    pub code: String,
    pub message: String,
    /// What whoever was called answered by SIP.
    pub sip_status: Option<u16>,
}

/// What an answer that is not 2xx says.
#[must_use]
pub fn refusal(status: u16, body: &str) -> Refusal {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Said {
        code: String,
        msg: String,
        meta: std::collections::BTreeMap<String, serde_json::Value>,
    }
    let said: Said = serde_json::from_str(body).unwrap_or_default();
    let number = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| u16::try_from(number).ok()),
    };
    Refusal {
        code: if said.code.is_empty() { format!("http_{status}") } else { said.code },
        message: said.msg.chars().take(LONGEST_MESSAGE).collect(),
        sip_status: said.meta.get("sip_status_code").and_then(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_callee_answered_is_read_of_a_refusal_and_nonsense_is_told_by_its_status() {
        let body = r#"{"code":"unavailable","msg":"declined","meta":{"sip_status_code":"603","sip_status":"Decline"}}"#;
        let wanted =
            Refusal { code: "unavailable".to_owned(), message: "declined".to_owned(), sip_status: Some(603) };
        assert_eq!(refusal(503, body), wanted);
        assert_eq!(refusal(502, "<html>").code, "http_502");
    }
}
