//! What LiveKit's server API is asked about the telephones in its rooms (Twirp, in JSON): requests and answers as data. Whoever has a client
//! sends them.

use std::time::{Duration, SystemTime};

use domain::Secret;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::socket;
use crate::token::Keys;

const TRANSFER: &str = "/twirp/livekit.SIP/TransferSIPParticipant";
/// The token is read once.
const TOKEN_LASTS: Duration = Duration::from_secs(60);
/// Longest text of a refusal that is kept, in characters.
const LONGEST_MESSAGE: usize = 300;

/// A telephone that is to be sent elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Transfer<'a> {
    pub room: &'a str,
    /// Whose telephone it is, in the room.
    pub identity: &'a str,
    /// As `address` gives it.
    pub to: &'a str,
    /// So long whoever is called may let it ring.
    pub ring: Duration,
}

/// A request to be posted.
#[derive(Debug, Clone)]
pub struct Command {
    pub url: String,
    pub authorization: Secret<String>,
    pub content_type: &'static str,
    pub body: String,
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

#[derive(Serialize)]
struct Body<'a> {
    participant_identity: &'a str,
    room_name: &'a str,
    transfer_to: &'a str,
    /// The caller hears that somebody is called.
    play_dialtone: bool,
    ringing_timeout: String,
}

impl Transfer<'_> {
    /// The request that sends it there.
    ///
    /// # Errors
    /// Where the address is none, or the secret cannot sign.
    pub fn command(&self, url: &str, keys: &Keys, now: SystemTime) -> Result<Command, Error> {
        let base = socket::base(url)?;
        let body = Body {
            participant_identity: self.identity,
            room_name: self.room,
            transfer_to: self.to,
            play_dialtone: true,
            ringing_timeout: format!("{}s", self.ring.as_secs()),
        };
        let token = keys.manage_phones(self.room, now, TOKEN_LASTS)?;
        Ok(Command {
            // As WebSockets have it: `ws` and `wss`.
            url: format!("http{}{TRANSFER}", base.trim_start_matches("ws")),
            authorization: Secret::new(format!("Bearer {}", token.expose())),
            content_type: "application/json",
            body: serde_json::to_string(&body).expect("texts are JSON"),
        })
    }
}

/// A number or SIP address as LiveKit takes it. `None`: it is neither.
#[must_use]
pub fn address(to: &str) -> Option<String> {
    let to = to.trim();
    let written = !to.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c));
    if ["sip:", "sips:", "tel:"].iter().any(|scheme| to.starts_with(scheme)) {
        return written.then(|| to.to_owned());
    }
    let dialled: String = to.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    let digits = dialled.strip_prefix('+').unwrap_or(&dialled);
    let number =
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || b"*#".contains(&byte));
    number.then(|| format!("tel:{dialled}"))
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
    fn a_transfer_is_a_post_with_a_token_of_its_own() {
        let keys = Keys { key: "key".to_owned(), secret: Secret::new("secret".to_owned()) };
        let (room, identity, ring) = ("desk", "phone", Duration::from_secs(20));
        let transfer = Transfer { room, identity, to: "tel:+49301", ring };
        let command =
            transfer.command("wss://livekit.example.com/", &keys, SystemTime::now()).expect("a request");
        assert_eq!(command.url, "https://livekit.example.com/twirp/livekit.SIP/TransferSIPParticipant");
        assert_eq!(
            command.body,
            r#"{"participant_identity":"phone","room_name":"desk","transfer_to":"tel:+49301","play_dialtone":true,"ringing_timeout":"20s"}"#
        );
        assert!(command.authorization.expose().starts_with("Bearer ey"));
        assert!(transfer.command("nowhere", &keys, SystemTime::now()).is_err());
    }

    #[test]
    fn numbers_and_addresses_are_written_as_livekit_takes_them() {
        for (to, wanted) in [
            ("+49 30 1", Some("tel:+49301")),
            ("(030) 12-34", Some("tel:0301234")),
            ("sip:desk@example.com", Some("sip:desk@example.com")),
            ("tel:+49301", Some("tel:+49301")),
            ("reception", None),
            ("+", None),
            ("sip:a b", None),
            ("sip:x>\r\nEvil: 1", None),
        ] {
            assert_eq!(address(to).as_deref(), wanted, "{to}");
        }
    }

    #[test]
    fn what_the_callee_answered_is_read_of_a_refusal_and_nonsense_is_told_by_its_status() {
        let body = r#"{"code":"unavailable","msg":"declined","meta":{"sip_status_code":"603","sip_status":"Decline"}}"#;
        let wanted =
            Refusal { code: "unavailable".to_owned(), message: "declined".to_owned(), sip_status: Some(603) };
        assert_eq!(refusal(503, body), wanted);
        assert_eq!(refusal(502, "<html>").code, "http_502");
    }
}
