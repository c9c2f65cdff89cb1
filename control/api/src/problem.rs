//! The one shape of an error (RFC 9457), and every code that the HTTP surface answers with.

use domain::{Code, Failure, Retry, Source};
use serde::{Deserialize, Serialize};

pub const CONTENT_TYPE: &str = "application/problem+json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Page that explains the code, relative to the server.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// What happened this time and what to do about it.
    pub detail: String,
    pub code: String,
    /// The same page as `type`, for people who look for a link.
    pub docs: String,
    /// Also in the `x-request-id` header and in the server's log.
    pub request_id: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

/// A code with its fixed answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    pub failure: Failure,
    pub status: u16,
    pub title: &'static str,
}

impl Definition {
    #[must_use]
    pub const fn code(&self) -> Code {
        self.failure.code
    }

    #[must_use]
    pub fn problem(&self, detail: String, request_id: String) -> Problem {
        let docs = format!("/docs/errors/{}", self.code());
        Problem {
            kind: docs.clone(),
            title: self.title.to_owned(),
            status: self.status,
            detail,
            code: self.code().to_string(),
            docs,
            request_id,
            retryable: self.failure.retry != Retry::Never,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $source:ident, $status:literal, $retry:expr, $title:literal;)*) => {
        $($(#[$doc])* pub const $name: Definition = Definition {
            failure: Failure { source: Source::$source, retry: $retry, code: Code(stringify!($name)) },
            status: $status,
            title: $title,
        };)*

        /// All of them; docs/errors has a page for each.
        pub const ALL: &[Definition] = &[$($name),*];
    };
}

codes! {
    /// No agent of that name: `/v1/agents` lists those there are.
    AGENT_UNKNOWN = Caller, 404, Retry::Never, "No agent of that name";
    /// The offer is no SDP that we can answer.
    OFFER_INVALID = Caller, 400, Retry::Never, "The offer cannot be answered";
    /// The offer has no audio that flows both ways.
    OFFER_WITHOUT_AUDIO = Caller, 400, Retry::Never, "The offer has no audio";
    /// Every reserved slot is taken: try again after `Retry-After`.
    SERVER_FULL = Platform, 503, Retry::Now, "All lines are busy";
    /// Too many calls of one address were answered and have not connected yet.
    TOO_MANY_CONNECTING = Caller, 429, Retry::Now, "Too many calls are connecting";
    /// The server is about to stop and takes no new calls.
    SERVER_DRAINING = Platform, 503, Retry::Now, "The server takes no new calls";
    /// The peer did not answer within the time an offer may take.
    SERVER_SLOW = Platform, 503, Retry::Now, "The server did not answer in time";
    /// The embedding page's origin is not among `allowed_origins`.
    ORIGIN_FORBIDDEN = Caller, 403, Retry::Never, "This page may not use the agent";
    /// The server is not open: ask `/v1/widget/token` first.
    TOKEN_REQUIRED = Caller, 401, Retry::Never, "A token is needed";
    /// The token is not ours, or was made for another page or agent.
    TOKEN_INVALID = Caller, 401, Retry::Never, "The token is not valid here";
    /// A call must begin within the token's life: ask for a new one.
    TOKEN_EXPIRED = Caller, 401, Retry::Now, "The token has expired";
    /// Transcripts are for the operator.
    OPERATOR_ONLY = Caller, 403, Retry::Never, "Only for the operator of this server";
    BODY_TOO_LARGE = Caller, 413, Retry::Never, "The request is too large";
    /// The body is not the JSON that the path expects.
    BODY_INVALID = Caller, 400, Retry::Never, "The request body cannot be read";
    /// A parameter of the path or query cannot be read.
    PARAMETER_INVALID = Caller, 400, Retry::Never, "A parameter cannot be read";
    /// The path is for WebSocket clients.
    UPGRADE_REQUIRED = Caller, 426, Retry::Never, "This path expects a WebSocket";
    /// No finished call of that id is on record.
    CALL_UNKNOWN = Caller, 404, Retry::Never, "No such call";
    /// The call runs, or its log is being completed: ask again.
    CALL_UNFINISHED = Caller, 404, Retry::Now, "The call is not on record yet";
    /// The session has ended, was never started, or waited too long to be resumed.
    SESSION_UNKNOWN = Caller, 404, Retry::Never, "No such session";
    PATH_UNKNOWN = Caller, 404, Retry::Never, "Nothing here";
    METHOD_UNKNOWN = Caller, 405, Retry::Never, "The path does not know this method";
    /// The log of the call could not be read.
    LOG_UNREADABLE = Platform, 500, Retry::Now, "The call's log cannot be read";
    /// A fault of ours; the request id finds it in the log.
    INTERNAL = Platform, 500, Retry::Now, "The server failed";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_blame_whom_their_status_blames() {
        let mut seen = std::collections::BTreeSet::new();
        for definition in ALL {
            assert!(seen.insert(definition.code()), "{} twice", definition.code());
            assert_eq!(
                definition.status >= 500,
                definition.failure.source != Source::Caller,
                "{}",
                definition.code()
            );
        }
    }
}
