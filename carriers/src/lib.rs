//! What carriers say of calls by webhook, whether it is really they, and what they are told in return.
//!
//! Bytes and text in, bytes and text out: no socket, no clock. Whoever has a connection sends the `Command`s and says how they were answered.

pub mod telnyx;
pub mod twilio;

use domain::Secret;

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
}

/// A number as carriers take it, of E.164: a plus and up to 15 digits. What people write between them is left out.
#[must_use]
pub fn e164(number: &str) -> Option<String> {
    const BETWEEN: &[char] = &[' ', '-', '.', '(', ')', '/'];
    let digits: String = number.trim().strip_prefix('+')?.split(BETWEEN).collect();
    let fine = (5..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    (fine && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

/// What becomes of a call that we made, or that somebody was put through to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Ringing,
    Answered,
    Ended(Unanswered),
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
            Self::Failed => "failed",
            Self::Over => "completed",
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
}
