//! What carriers say of calls by webhook, whether it is really they, and what they are told in return.
//!
//! Bytes and text in, bytes and text out: no socket, no clock. Whoever has a connection sends the `Command`s and says how they were answered.

pub mod leg;
pub mod pace;
pub mod telnyx;
pub mod twilio;

use domain::{Secret, SipFailure};

/// A request to the carrier's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// `POST`ed there.
    pub url: String,
    pub authorization: Secret<String>,
    pub content_type: &'static str,
    pub body: String,
}

/// What a call brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ringing {
    /// The carrier's name of the call.
    pub call: String,
    pub from: String,
    pub to: String,
    /// Of the SIP message, where the call came to the carrier by SIP.
    pub headers: Vec<(String, String)>,
}

/// A call that we make.
#[derive(Debug, Clone, Copy)]
pub struct Dial<'a> {
    pub to: &'a str,
    /// A number of the account's.
    pub from: &'a str,
    /// Where what becomes of it is to be said.
    pub webhook: &'a str,
    /// So long it may ring.
    pub ring_s: u32,
    /// After so long the carrier ends it by itself.
    pub limit_s: Option<u32>,
}

/// A number as carriers take it, of E.164: a plus and up to 15 digits. What people write between them is left out, and so is the `(0)` that is
/// dialled within the country alone.
#[must_use]
pub fn e164(number: &str) -> Option<String> {
    const BETWEEN: &[char] = &[' ', '-', '.', '(', ')', '/'];
    /// Italy's, where the 0 is part of the number.
    const KEEPS_ZERO: &str = "39";
    let number = number.trim().strip_prefix('+')?;
    let abroad = match number.split_once("(0)") {
        Some((code, rest)) if code.trim() != KEEPS_ZERO => format!("{code}{rest}"),
        _ => number.to_owned(),
    };
    let digits: String = abroad.split(BETWEEN).collect();
    let fine = (5..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    (fine && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

/// The number of a refusal, in which either carrier says what is wrong: Twilio as `code`, Telnyx in each of its `errors`.
#[must_use]
pub fn code(refusal: &str) -> Option<String> {
    let refusal: serde_json::Value = serde_json::from_str(refusal).ok()?;
    let code = match refusal.pointer("/errors/0/code").or_else(|| refusal.get("code"))? {
        serde_json::Value::String(code) => code.clone(),
        code => code.as_u64()?.to_string(),
    };
    // Anything longer would be no code, but somebody's number.
    ((1..=6).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit())).then_some(code)
}

/// What becomes of a call that we made, or that somebody was put through to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Ringing,
    Answered,
    Ended(End),
}

/// How a call is over, as the carrier says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub why: Unanswered,
    /// The final status of SIP that its own network had, where it says that.
    pub status: Option<u16>,
}

impl End {
    /// As the carrier's own word has it, unless the status says more: carriers have one word for many reasons.
    #[must_use]
    pub fn of(word: Unanswered, status: Option<u16>) -> Self {
        let status = status.filter(|status| (300..700).contains(status));
        let why = match (word, status.map(|status| SipFailure::of(status).into())) {
            (Unanswered::Failed | Unanswered::Busy | Unanswered::NoAnswer, Some(why))
                if why != Unanswered::Failed =>
            {
                why
            }
            _ => word,
        };
        Self { why, status }
    }
}

impl From<Unanswered> for End {
    fn from(why: Unanswered) -> Self {
        Self { why, status: None }
    }
}

/// Why nobody is on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    Busy,
    NoAnswer,
    /// They declined it.
    Declined,
    /// It was let go before.
    Cancelled,
    /// There is no such number.
    UnknownNumber,
    /// The carrier does not let the account call so.
    Forbidden,
    /// The two phones have no way to speak in common.
    Unspeakable,
    /// The carrier cannot be reached, or has too many calls.
    Unreachable,
    Failed,
    /// It was answered, and is over.
    Over,
}

impl Unanswered {
    /// As calls by SIP name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::UnknownNumber => "unknown_number",
            Self::Forbidden => "forbidden",
            Self::Unspeakable => "unspeakable",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::Over => "completed",
        }
    }
}

/// As of calls by trunks.
impl From<SipFailure> for Unanswered {
    fn from(failure: SipFailure) -> Self {
        match failure {
            SipFailure::Busy => Self::Busy,
            SipFailure::Declined => Self::Declined,
            SipFailure::NoAnswer => Self::NoAnswer,
            SipFailure::UnknownNumber => Self::UnknownNumber,
            SipFailure::Forbidden => Self::Forbidden,
            SipFailure::Unspeakable => Self::Unspeakable,
            SipFailure::Failed => Self::Failed,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// Somebody else, or the key that was entered is another.
    #[error("the request is not signed with the account's key")]
    Unsigned,
    #[error("the request was signed too long ago")]
    Stale,
    #[error("the request is not what the carrier sends")]
    Unreadable,
    /// Nobody can tell who sent it.
    #[error("the account lacks {0}")]
    Lacking(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_world() {
        for written in ["+4930123456", "+49 30 123-456", " +49 (30) 123.456"] {
            assert_eq!(e164(written).as_deref(), Some("+4930123456"), "{written}");
        }
        for none in
            ["4930123456", "+", "+49x", "+0301234567", "+1234", "+1234567890123456", "sip:a@b", "+49+30123"]
        {
            assert_eq!(e164(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_dialled_within_a_country_alone_is_no_part_of_a_number() {
        for (written, number) in [
            ("+49 (0)30 123456", "+4930123456"),
            ("+49(0) 30/123456", "+4930123456"),
            ("+44 (0) 20 7946 0000", "+442079460000"),
            ("+39 (0)6 1234567", "+39061234567"),
            ("+49 (030) 123456", "+49030123456"),
        ] {
            assert_eq!(e164(written).as_deref(), Some(number), "{written}");
        }
        assert_eq!(e164("(0) 30 123456"), None);
    }

    #[test]
    fn a_status_says_more_than_a_word() {
        let of = |word, status| End::of(word, Some(status)).why;
        assert_eq!(of(Unanswered::Failed, 404), Unanswered::UnknownNumber);
        assert_eq!(of(Unanswered::Busy, 603), Unanswered::Declined);
        assert_eq!(of(Unanswered::NoAnswer, 487), Unanswered::NoAnswer);
        assert_eq!(of(Unanswered::Busy, 500), Unanswered::Busy, "nothing more");
        assert_eq!(of(Unanswered::Cancelled, 487), Unanswered::Cancelled, "we did");
        assert_eq!(of(Unanswered::Over, 404), Unanswered::Over);
        assert_eq!(End::of(Unanswered::Failed, Some(200)).status, None, "no refusal");
        assert_eq!(End::of(Unanswered::Failed, Some(488)).why, Unanswered::Unspeakable);
        assert_eq!(End::of(Unanswered::Failed, None), End::from(Unanswered::Failed));
    }

    #[test]
    fn a_refusal_has_a_code_and_nothing_else_of_it_is_repeated() {
        assert_eq!(code(r#"{"code": 20003, "message": "no"}"#).as_deref(), Some("20003"));
        assert_eq!(
            code(r#"{"errors": [{"code": "90018", "title": "+4930123456"}]}"#).as_deref(),
            Some("90018")
        );
        for none in
            ["no JSON", "{}", r#"{"code": "+4930123456"}"#, r#"{"code": 4930123456}"#, r#"{"code": ""}"#]
        {
            assert_eq!(code(none), None, "{none}");
        }
    }
}
