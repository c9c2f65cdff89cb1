//! Signed permissions: to start a call, to begin one that was named, to resume one, to read calls. Nothing is stored:
//! HMAC-SHA256 over the text before the last dot, each kind under its own prefix.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use control_api::problem;
use domain::{Secret, SessionId};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::error::Error;

pub(crate) struct Tokens {
    key: [u8; 32],
    /// What is signed for the operator ends with the operator's token, too.
    operator: [u8; 32],
}

const CALL: &str = "c1";
const START: &str = "s1";
const RESUME: &str = "r1";
const OPERATOR: &str = "o1";
const CURSOR: &str = "p1";
const STREAM: &str = "v1";
const LISTEN: &str = "l1";

impl Tokens {
    pub(crate) fn new(key: Option<&Secret<String>>, operator: Option<&Secret<String>>) -> Self {
        use sha2::Digest;
        let key = key.map_or_else(rand::random, |key| Sha256::digest(key.expose().as_bytes()).into());
        let token = operator.map_or("", |token| token.expose().as_str());
        let operator = mac(&key, &format!("{OPERATOR}.{token}")).finalize().into_bytes().into();
        Self { key, operator }
    }

    /// Permission to start a call with `agent` from a page of `origin` (empty: a client that is no browser).
    pub(crate) fn call(&self, origin: &str, agent: &str, expires: Timestamp) -> String {
        self.sign(&format!("{CALL}.{}.{}.{}", expires.as_second(), encode(origin), encode(agent)))
    }

    pub(crate) fn check_call(
        &self,
        token: &str,
        origin: &str,
        agent: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let invalid = |why: &str| {
            Error::new(&problem::TOKEN_INVALID, format!("{why}; ask POST /v1/widget/token for a new one"))
        };
        let fields =
            self.verify(token, CALL).ok_or_else(|| invalid("the token was not made by this server"))?;
        let [expires, of_origin, of_agent] = fields[..] else {
            return Err(invalid("the token is incomplete"));
        };
        if decode(of_origin).is_none_or(|of| !of.eq_ignore_ascii_case(origin)) {
            return Err(invalid("the token was made for another page"));
        }
        if decode(of_agent).is_none_or(|of| of != agent) {
            return Err(invalid("the token was made for another agent"));
        }
        if lasts(expires, now) {
            return Ok(());
        }
        Err(Error::new(
            &problem::TOKEN_EXPIRED,
            "a call must begin within the token's life; ask POST /v1/widget/token for a new one",
        ))
    }

    /// The agent that a token of ours was made for, whatever else may be wrong with it.
    pub(crate) fn agent_of(&self, token: &str) -> Option<String> {
        let fields = self.verify(token, CALL)?;
        let [_, _, agent] = fields[..] else { return None };
        decode(agent)
    }

    /// Permission to begin this very session: what `/start` names.
    pub(crate) fn start(&self, session: SessionId, agent: &str, expires: Timestamp) -> String {
        self.sign(&format!("{START}.{session}.{}.{}", expires.as_second(), encode(agent)))
    }

    /// Which session, with which agent. Good until it expires, since clients repeat an offer that was lost.
    pub(crate) fn check_start(&self, token: &str, now: Timestamp) -> Option<(SessionId, String)> {
        let fields = self.verify(token, START)?;
        let [session, expires, agent] = fields[..] else { return None };
        lasts(expires, now).then_some(())?;
        Some((session.parse().ok()?, decode(agent)?))
    }

    /// Permission to bring the audio of one call of a carrier: `bound` says which.
    pub(crate) fn stream(&self, session: SessionId, agent: &str, bound: &str, expires: Timestamp) -> String {
        self.sign(&format!("{STREAM}.{session}.{}.{}.{}", expires.as_second(), encode(agent), encode(bound)))
    }

    /// Which session, with which agent. Good once, since a session begins once.
    pub(crate) fn check_stream(
        &self,
        token: &str,
        bound: &str,
        now: Timestamp,
    ) -> Option<(SessionId, String)> {
        let fields = self.verify(token, STREAM)?;
        let [session, expires, agent, of] = fields[..] else { return None };
        (lasts(expires, now) && decode(of)? == bound).then_some(())?;
        Some((session.parse().ok()?, decode(agent)?))
    }

    /// Permission to hear this call.
    pub(crate) fn listen(&self, session: SessionId, expires: Timestamp) -> String {
        self.sign(&format!("{LISTEN}.{session}.{}", expires.as_second()))
    }

    pub(crate) fn check_listen(&self, token: &str, now: Timestamp) -> Option<SessionId> {
        let fields = self.verify(token, LISTEN)?;
        let [session, expires] = fields[..] else { return None };
        lasts(expires, now).then_some(())?;
        session.parse().ok()
    }

    /// Permission to take this call up again. Its end is the call's end, which the session knows.
    pub(crate) fn resume(&self, session: SessionId, agent: &str) -> String {
        self.sign(&format!("{RESUME}.{session}.{}", encode(agent)))
    }

    pub(crate) fn check_resume(&self, token: &str) -> Result<(SessionId, String), Error> {
        let read = || {
            let fields = self.verify(token, RESUME)?;
            let [session, agent] = fields[..] else { return None };
            Some((session.parse().ok()?, decode(agent)?))
        };
        read().ok_or_else(|| {
            Error::new(&problem::TOKEN_INVALID, "the resume token is not of this server; start a new call")
        })
    }

    pub(crate) fn operator(&self, expires: Timestamp) -> String {
        self.sign(&format!("{OPERATOR}.{}", expires.as_second()))
    }

    pub(crate) fn is_operator(&self, token: &str, now: Timestamp) -> bool {
        self.verify(token, OPERATOR)
            .is_some_and(|fields| matches!(fields[..], [expires] if lasts(expires, now)))
    }

    /// Of a place in a list; `fields` are separated by dots.
    pub(crate) fn cursor(&self, fields: &str) -> String {
        self.sign(&format!("{CURSOR}.{fields}"))
    }

    pub(crate) fn check_cursor<'a>(&self, cursor: &'a str) -> Option<Vec<&'a str>> {
        self.verify(cursor, CURSOR)
    }

    fn key(&self, text: &str) -> &[u8; 32] {
        if text.split('.').next() == Some(OPERATOR) { &self.operator } else { &self.key }
    }

    fn sign(&self, text: &str) -> String {
        format!("{text}.{}", BASE64.encode(mac(self.key(text), text).finalize().into_bytes()))
    }

    /// The fields between prefix and signature, when the signature is ours. Compares in constant time.
    fn verify<'a>(&self, token: &'a str, prefix: &str) -> Option<Vec<&'a str>> {
        let (text, signature) = token.rsplit_once('.')?;
        mac(self.key(text), text).verify_slice(&BASE64.decode(signature).ok()?).ok()?;
        let mut fields = text.split('.');
        (fields.next() == Some(prefix)).then(|| fields.collect())
    }
}

fn mac(key: &[u8; 32], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}

/// Whether a token that ends then, in Unix seconds, is still good.
fn lasts(expires: &str, now: Timestamp) -> bool {
    expires.parse().is_ok_and(|expires: i64| now.as_second() <= expires)
}

/// Whether two secrets are the same, without telling by time how much of them is.
pub(crate) fn same_secret(a: &str, b: &str) -> bool {
    use sha2::Digest;
    let (a, b) = (Sha256::digest(a.as_bytes()), Sha256::digest(b.as_bytes()));
    a.iter().zip(b.iter()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn encode(text: &str) -> String {
    BASE64.encode(text)
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn code(result: Result<(), Error>) -> &'static str {
        result.expect_err("refused").definition.code().0
    }

    #[test]
    fn a_token_is_good_for_its_page_its_agent_and_its_time_only() {
        let tokens = Tokens::new(None, None);
        let token = tokens.call("https://shop.example", "front-desk", at(1000));
        assert_eq!(tokens.check_call(&token, "https://shop.example", "front-desk", at(1000)), Ok(()));
        assert_eq!(
            code(tokens.check_call(&token, "https://evil.example", "front-desk", at(1))),
            "TOKEN_INVALID"
        );
        assert_eq!(code(tokens.check_call(&token, "https://shop.example", "sales", at(1))), "TOKEN_INVALID");
        assert_eq!(
            code(tokens.check_call(&token, "https://shop.example", "front-desk", at(1001))),
            "TOKEN_EXPIRED"
        );
    }

    #[test]
    fn no_changed_byte_of_a_token_goes_unnoticed() {
        let tokens = Tokens::new(Some(&Secret::new("0123456789abcdef".into())), None);
        let token = tokens.call("https://shop.example", "front-desk", at(1000));
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(
                tokens.check_call(&changed, "https://shop.example", "front-desk", at(1)).is_err(),
                "byte {index}"
            );
        }
        assert!(
            Tokens::new(None, None).check_call(&token, "https://shop.example", "front-desk", at(1)).is_err(),
            "another key"
        );
    }

    #[test]
    fn one_kind_of_token_is_worth_nothing_as_another() {
        let tokens = Tokens::new(None, None);
        let session = SessionId::generate();
        let resume = tokens.resume(session, "front-desk");
        assert_eq!(tokens.check_resume(&resume), Ok((session, "front-desk".to_owned())));
        assert!(!tokens.is_operator(&resume, at(1)));
        assert!(tokens.is_operator(&tokens.operator(at(5)), at(5)));
        assert!(!tokens.is_operator(&tokens.operator(at(5)), at(6)));
        let start = tokens.start(session, "front-desk", at(9));
        assert_eq!(tokens.check_start(&start, at(9)), Some((session, "front-desk".to_owned())));
        assert_eq!(tokens.check_start(&start, at(10)), None);
        assert_eq!(tokens.check_start(&resume, at(1)), None);
        let stream = tokens.stream(session, "front-desk", "pac_1 CA1", at(9));
        assert_eq!(
            tokens.check_stream(&stream, "pac_1 CA1", at(9)),
            Some((session, "front-desk".to_owned()))
        );
        assert_eq!(tokens.check_stream(&stream, "pac_1 CA2", at(9)), None, "another call");
        assert_eq!(tokens.check_stream(&stream, "pac_1 CA1", at(10)), None);
        assert_eq!(tokens.check_stream(&start, "pac_1 CA1", at(1)), None);
        assert!(tokens.check_resume(&start).is_err());
        assert!(tokens.check_resume(&tokens.call("", "front-desk", at(9))).is_err());
    }

    #[test]
    fn another_operators_token_ends_the_sign_ins_of_the_one_before() {
        let (key, leaked) = (Secret::new("0123456789abcdef".into()), Secret::new("leaked-somewhere".into()));
        let cookie = Tokens::new(Some(&key), Some(&leaked)).operator(at(9));
        assert!(Tokens::new(Some(&key), Some(&leaked)).is_operator(&cookie, at(1)));
        let rotated = Tokens::new(Some(&key), Some(&Secret::new("quite-another-one".into())));
        assert!(!rotated.is_operator(&cookie, at(1)));
    }
}
