//! Digest authentication of callers (RFC 8760 with RFC 2617's form). Pure: what they sent and the time in, a verdict out.
//!
//! Nothing is kept between challenge and answer: a nonce carries its own proof, and is good for one call and a short while.

use std::collections::BTreeMap;

use domain::Secret;
use hmac::{Hmac, KeyInit, Mac};
use rsipstack::dialog::authenticate::verify_digest;
use rsipstack::sip::Method;
use rsipstack::sip::typed::Authorization;
use sha2::Sha256;

/// Longer than anybody takes to answer a challenge.
const GOOD_FOR_S: u64 = 60;

pub(crate) struct Gate {
    users: BTreeMap<String, Secret<String>>,
    realm: String,
    key: [u8; 32],
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Welcome,
    /// The value of a WWW-Authenticate header.
    Challenge(String),
    Forbidden,
}

impl Gate {
    pub(crate) fn new(users: BTreeMap<String, Secret<String>>, realm: String, key: [u8; 32]) -> Self {
        Self { users, realm, key }
    }

    /// May the sender of this Authorization begin the call? `at_s` counts from any fixed instant.
    pub(crate) fn judge(&self, header: Option<&str>, method: &Method, call_id: &str, at_s: u64) -> Verdict {
        if self.users.is_empty() {
            return Verdict::Welcome;
        }
        let Some(header) = header else { return Verdict::Challenge(self.challenge(call_id, at_s, false)) };
        let Ok(said) = Authorization::parse(header) else {
            return Verdict::Challenge(self.challenge(call_id, at_s, false));
        };
        if said.realm != self.realm {
            return Verdict::Challenge(self.challenge(call_id, at_s, false));
        }
        let Some(password) = self.users.get(&said.username) else { return Verdict::Forbidden };
        if !verify_digest(&said, password.expose(), method, header) {
            return Verdict::Forbidden;
        }
        match self.issued(&said.nonce, call_id) {
            Some(issued_s) if at_s.saturating_sub(issued_s) <= GOOD_FOR_S => Verdict::Welcome,
            _ => Verdict::Challenge(self.challenge(call_id, at_s, true)),
        }
    }

    fn challenge(&self, call_id: &str, at_s: u64, stale: bool) -> String {
        let proof = self.mac(call_id, at_s).finalize().into_bytes();
        let nonce = format!("{at_s:x}.{}", hex::encode(&proof[..16]));
        let stale = if stale { ", stale=true" } else { "" };
        format!(r#"Digest realm="{}", nonce="{nonce}", algorithm=MD5, qop="auth"{stale}"#, self.realm)
    }

    /// When we gave the nonce for this call, if we did.
    fn issued(&self, nonce: &str, call_id: &str) -> Option<u64> {
        let (at_s, proof) = nonce.split_once('.')?;
        let at_s = u64::from_str_radix(at_s, 16).ok()?;
        let proof = hex::decode(proof).ok().filter(|proof| proof.len() == 16)?;
        self.mac(call_id, at_s).verify_truncated_left(&proof).ok()?;
        Some(at_s)
    }

    fn mac(&self, call_id: &str, at_s: u64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(&at_s.to_be_bytes());
        mac.update(call_id.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use rsipstack::sip::Uri;
    use rsipstack::sip::headers::auth::{Algorithm, AuthQop};
    use rsipstack::sip::services::DigestGenerator;

    use super::*;

    fn gate() -> Gate {
        let users = BTreeMap::from([("anna".to_owned(), Secret::new("s3cret".to_owned()))]);
        Gate::new(users, "here".to_owned(), [7; 32])
    }

    fn nonce(challenge: &Verdict) -> String {
        let Verdict::Challenge(text) = challenge else { unreachable!("{challenge:?}") };
        text.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce").to_owned()
    }

    fn answer(user: &str, password: &str, nonce: &str) -> String {
        let uri = Uri::try_from("sip:desk@here").expect("a URI");
        let qop = AuthQop::Auth { cnonce: "abc".to_owned(), nc: 1 };
        let response = DigestGenerator {
            username: user,
            password,
            nonce,
            uri: &uri,
            realm: "here",
            method: &Method::Invite,
            qop: Some(&qop),
            algorithm: Algorithm::Md5,
        }
        .compute();
        format!(
            r#"Digest username="{user}", realm="here", nonce="{nonce}", uri="sip:desk@here", response="{response}", algorithm=MD5, cnonce="abc", qop=auth, nc=00000001"#
        )
    }

    #[test]
    fn who_knows_the_password_is_welcome_for_the_call_that_was_challenged_and_for_a_while() {
        let gate = gate();
        let judge = |header: &str, call: &str, at_s| gate.judge(Some(header), &Method::Invite, call, at_s);
        let nonce = nonce(&gate.judge(None, &Method::Invite, "call-1", 100));
        let right = answer("anna", "s3cret", &nonce);
        assert_eq!(judge(&right, "call-1", 160), Verdict::Welcome);
        assert!(
            matches!(judge(&right, "call-1", 161), Verdict::Challenge(text) if text.contains("stale=true"))
        );
        assert!(matches!(judge(&right, "call-2", 100), Verdict::Challenge(_)), "replayed for another call");
        assert_eq!(judge(&answer("anna", "wrong", &nonce), "call-1", 100), Verdict::Forbidden);
        assert_eq!(judge(&answer("eve", "s3cret", &nonce), "call-1", 100), Verdict::Forbidden);
        assert!(matches!(judge(&answer("anna", "s3cret", "64.00"), "call-1", 100), Verdict::Challenge(_)));
        assert!(matches!(judge("nonsense", "call-1", 100), Verdict::Challenge(_)));
    }

    #[test]
    fn nobody_is_asked_where_nobody_is_configured() {
        let open = Gate::new(BTreeMap::new(), "here".to_owned(), [0; 32]);
        assert_eq!(open.judge(None, &Method::Invite, "call-1", 0), Verdict::Welcome);
    }
}
