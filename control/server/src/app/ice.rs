//! Which STUN and TURN servers a caller is told of, and with which credentials.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control_api::start::IceServer;
use domain::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access;

/// A server as its operator named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceSource {
    /// Such as `stun:stun.example.com:3478` or `turn:turn.example.com:3478?transport=udp`.
    pub urls: Vec<String>,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default, skip_serializing)]
    pub credential: Option<Secret<String>>,
    /// Shared with the TURN server (coturn: `static-auth-secret`): each caller gets credentials of their own, which end.
    #[serde(default, skip_serializing)]
    pub secret: Option<Secret<String>>,
    /// How long they last, at least as long as a call does: TURN asks for them at each refresh of what it allotted.
    #[serde(default = "lasts_seconds")]
    pub lasts_seconds: u64,
}

/// Six hours.
const fn lasts_seconds() -> u64 {
    6 * 3600
}

impl IceSource {
    /// Without credentials.
    #[must_use]
    pub fn plain(url: String) -> Self {
        Self {
            urls: vec![url],
            username: None,
            credential: None,
            secret: None,
            lasts_seconds: lasts_seconds(),
        }
    }

    /// # Errors
    /// What is wrong, for people.
    pub fn validate(&self) -> Result<(), String> {
        for url in &self.urls {
            if !["stun:", "stuns:", "turn:", "turns:"].iter().any(|scheme| url.starts_with(scheme)) {
                return Err(format!("{url:?} must begin with stun:, turn: or turns:"));
            }
        }
        if self.secret.is_some() && (self.username.is_some() || self.credential.is_some()) {
            return Err("give `secret`, or `username` and `credential`, not both".to_owned());
        }
        if self.lasts_seconds < 60 {
            return Err(format!("`lasts_seconds` must be at least 60, not {}", self.lasts_seconds));
        }
        Ok(())
    }

    /// As one caller is told of it. With a shared secret: the TURN REST API (draft-uberti-behave-turn-rest-00, 2.2).
    pub(crate) fn for_caller(&self, now: Timestamp) -> IceServer {
        let Some(secret) = &self.secret else {
            return IceServer {
                urls: self.urls.clone(),
                username: self.username.clone(),
                credential: self.credential.as_ref().map(|given| given.expose().clone()),
            };
        };
        let expires = access::later(now, self.lasts_seconds).as_second();
        // Servers count and end allotments by user: callers have nothing to do with each other's.
        let username = format!("{expires}:{:016x}", rand::random::<u64>());
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose().as_bytes());
        let credential = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
        IceServer { urls: self.urls.clone(), username: Some(username), credential: Some(credential) }
    }
}

/// All of them, as `Link` headers of WHIP say it (RFC 9725, 4.6).
pub(crate) fn links(servers: &[IceServer]) -> Vec<String> {
    let link = |server: &IceServer, url: &String| {
        let mut link = format!("<{url}>; rel=\"ice-server\"");
        if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
            let (username, credential) = (quoted(username), quoted(credential));
            link += &format!(
                "; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\""
            );
        }
        link
    };
    servers.iter().flat_map(|server| server.urls.iter().map(|url| link(server, url))).collect()
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> IceSource {
        serde_json::from_str(text).expect("a source")
    }

    #[test]
    fn a_shared_secret_makes_credentials_for_one_caller_that_end() {
        let turn = source(r#"{"urls": ["turn:t.example"], "secret": "north", "lasts_seconds": 600}"#);
        let now = Timestamp::from_second(1_700_000_000).expect("in range");
        let (one, other) = (turn.for_caller(now), turn.for_caller(now));
        let username = one.username.clone().expect("a user");
        assert!(username.starts_with("1700000600:"), "{username}");
        assert_ne!(one.username, other.username);
        assert_ne!(one.credential, other.credential);
        let shown = serde_json::to_string(&one).expect("JSON");
        assert!(!shown.contains("north"), "{shown}");
    }

    #[test]
    fn what_is_given_as_it_is_stays_so_and_goes_into_links() {
        let stun = source(r#"{"urls": ["stun:s.example:3478"]}"#);
        let turn =
            source(r#"{"urls": ["turn:t.example?transport=udp"], "username": "u", "credential": "p\"q"}"#);
        let servers = [stun.for_caller(Timestamp::now()), turn.for_caller(Timestamp::now())];
        assert_eq!(
            links(&servers),
            [
                "<stun:s.example:3478>; rel=\"ice-server\"",
                "<turn:t.example?transport=udp>; rel=\"ice-server\"; username=\"u\"; credential=\"p\\\"q\"; credential-type=\"password\"",
            ]
        );
    }
}
