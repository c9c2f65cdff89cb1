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
