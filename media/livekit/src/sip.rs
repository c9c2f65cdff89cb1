//! Telephones in rooms that are sent elsewhere: what LiveKit's server API is asked.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::api::{Command, TOKEN_LASTS};
use crate::error::Error;
use crate::token::Keys;

const TRANSFER: &str = "livekit.SIP/TransferSIPParticipant";

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
        let body = Body {
            participant_identity: self.identity,
            room_name: self.room,
            transfer_to: self.to,
            play_dialtone: true,
            ringing_timeout: format!("{}s", self.ring.as_secs()),
        };
        let token = keys.manage_phones(self.room, now, TOKEN_LASTS)?;
        Command::new(url, TRANSFER, &token, &body)
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

#[cfg(test)]
mod tests {
    use domain::Secret;

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
}
