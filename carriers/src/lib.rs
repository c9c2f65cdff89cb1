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
