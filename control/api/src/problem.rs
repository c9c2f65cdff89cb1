//! The one shape of an error (RFC 9457), and every code that the HTTP surface answers with.

use domain::{Code, Failure, Retry, Source};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub const CONTENT_TYPE: &str = "application/problem+json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// What is wrong in the body, field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The resource as it is now, where it is not as the request took it to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub current: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body (RFC 6901); empty for the whole.
    pub pointer: String,
    /// `unknown`, `missing`, `invalid`, `too_long`, …
    pub code: String,
    pub detail: String,
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
            errors: Vec::new(),
            current: None,
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
    /// The organization has spent its budget of the month, which has a hard stop.
    BUDGET_SPENT = Caller, 402, Retry::Never, "The budget is spent";
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
    /// A link signs one browser in, once: `foundry admin-link` prints another one.
    ADMIN_LINK_SPENT = Caller, 403, Retry::Never, "This link signs nobody in any more";
    BODY_TOO_LARGE = Caller, 413, Retry::Never, "The request is too large";
    /// The body is not the JSON that the path expects.
    BODY_INVALID = Caller, 400, Retry::Never, "The request body cannot be read";
    /// A parameter of the path or query cannot be read.
    PARAMETER_INVALID = Caller, 400, Retry::Never, "A parameter cannot be read";
    /// The body is of another media type than the path takes.
    MEDIA_TYPE_UNKNOWN = Caller, 415, Retry::Never, "The body has another media type";
    /// The path is for WebSocket clients.
    UPGRADE_REQUIRED = Caller, 426, Retry::Never, "This path expects a WebSocket";
    /// No flight log of the call lies in this server's data directory.
    LOG_MISSING = Caller, 404, Retry::Never, "The call's log is not here";
    /// The call was not recorded, or has no such part.
    RECORDING_UNKNOWN = Caller, 404, Retry::Never, "No such recording";
    /// The range lies beyond the end of the file.
    RANGE_UNSATISFIABLE = Caller, 416, Retry::Never, "The range asks for what there is not";
    /// A file of the recording could not be read.
    RECORDING_UNREADABLE = Platform, 500, Retry::Now, "The call's recording cannot be read";
    /// The session has ended, was never started, or waited too long to be resumed.
    SESSION_UNKNOWN = Caller, 404, Retry::Never, "No such session";
    PATH_UNKNOWN = Caller, 404, Retry::Never, "Nothing here";
    METHOD_UNKNOWN = Caller, 405, Retry::Never, "The path does not know this method";
    /// The log of the call could not be read.
    LOG_UNREADABLE = Platform, 500, Retry::Now, "The call's log cannot be read";
    /// The path is the control plane's: send an API key or the operator's token.
    CREDENTIAL_REQUIRED = Caller, 401, Retry::Never, "A key is needed";
    /// The key is not one of ours, has expired or was revoked.
    CREDENTIAL_INVALID = Caller, 401, Retry::Never, "The key is not valid";
    /// Nothing of that id in the organization of the key.
    NOT_FOUND = Caller, 404, Retry::Never, "No such thing";
    /// Something else has what must be unique.
    CONFLICT = Caller, 409, Retry::Never, "There is one already";
    /// Another organization has a route for the number, room or hostname, or for one that begins so.
    ROUTE_TAKEN = Caller, 409, Retry::Never, "Another organization has this number, room or hostname";
    /// The version of the agent that the environment serves has no such node, or it serves none.
    ROUTE_NODE_UNKNOWN = Caller, 422, Retry::Never, "The agent has no such node to begin at";
    /// The server is connected to no LiveKit server.
    LIVEKIT_ABSENT = Caller, 409, Retry::Never, "There is no LiveKit server";
    /// LiveKit is not told of the agent, which would come into no room: it is hidden, or its organization has more agents than LiveKit is told of.
    LIVEKIT_NOT_DISPATCHED = Caller, 409, Retry::Never, "LiveKit is not told of the agent";
    /// The campaign is not in a state that this can be done in.
    CAMPAIGN_STATE = Caller, 409, Retry::Never, "The campaign cannot do that now";
    /// Somebody is being called, or has been: whoever is in a call, or waits for a line, stays as they are until that is over.
    CONTACT_BUSY = Caller, 409, Retry::Never, "The contact is being called, or was called";
    /// The file has no header with a column `number`, or is no CSV.
    CSV_INVALID = Caller, 422, Retry::Never, "The file cannot be read as CSV";
    /// Others refer to it.
    IN_USE = Caller, 409, Retry::Never, "It is in use";
    /// The body refers to something that is not there.
    REFERENCE_UNKNOWN = Caller, 422, Retry::Never, "The body refers to nothing";
    /// The draft has problems of severity `error`.
    AGENT_INVALID = Caller, 422, Retry::Never, "The agent's definition cannot be used";
    /// The vendor refused or did not answer; the detail says what it said.
    VENDOR_FAILED = Provider, 502, Retry::Now, "The vendor did not answer as it should";
    /// It is not signed with the key of the account that it names, or was sent long ago.
    WEBHOOK_UNSIGNED = Caller, 403, Retry::Never, "The webhook is not the carrier's";
    /// A carrier speaks of a call that another server has made, or this one before it was started anew.
    CALL_ELSEWHERE = Caller, 421, Retry::Now, "Another server has this call";
    /// Sealed with another master key, or damaged.
    SECRET_UNREADABLE = Platform, 503, Retry::Never, "A stored secret cannot be opened";
    /// No release of this environment came before the one that is served.
    NOTHING_TO_ROLL_BACK = Caller, 409, Retry::Never, "There is nothing to go back to";
    /// The resource has another revision than `If-Match` says: `current` is it.
    PRECONDITION_FAILED = Caller, 412, Retry::Never, "Somebody else was faster";
    /// This change needs `If-Match` with the revision that it was made from.
    PRECONDITION_REQUIRED = Caller, 428, Retry::Never, "The revision is missing";
    /// The same `Idempotency-Key` came with another body.
    IDEMPOTENCY_KEY_REUSED = Caller, 422, Retry::Never, "The idempotency key was used for something else";
    /// The first request with this `Idempotency-Key` is being answered.
    IDEMPOTENCY_KEY_IN_USE = Caller, 409, Retry::Now, "The first request is still being answered";
    /// The key has used up its requests of this minute, or the address has sent too many keys that are none.
    RATE_LIMITED = Caller, 429, Retry::Now, "Too many requests";
    /// Too many heavy queries of the organization run or wait already.
    TOO_MANY_QUERIES = Caller, 429, Retry::Now, "Too many heavy queries at once";
    /// The database does not answer.
    STORE_UNAVAILABLE = Platform, 503, Retry::Now, "The database does not answer";
    /// A fault of ours; the request id finds it in the log.
    INTERNAL = Platform, 500, Retry::Now, "The server failed";
}

/// The JSON can be read and is not what the path expects: `errors` says where. The code of `BODY_INVALID`, another status.
pub const BODY_UNFIT: Definition = Definition { status: 422, ..BODY_INVALID };

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
