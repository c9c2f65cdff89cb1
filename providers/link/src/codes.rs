//! What statuses of HTTP and close codes of sockets mean where a vendor says nothing more precise.

use std::time::Duration;

use providers_api::{Ability, Error, ErrorKind};

/// What went wrong at a vendor, before it is known who asked. The reason is for people; it never holds credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: ErrorKind,
    pub reason: String,
}

impl Fault {
    pub fn new(kind: ErrorKind, reason: impl std::fmt::Display) -> Self {
        Self { kind, reason: reason.to_string() }
    }

    /// The vendor sent what it should not.
    pub fn protocol(reason: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Protocol, reason)
    }

    #[must_use]
    pub fn of(self, ability: Ability, provider: &str) -> Error {
        Error::new(ability, self.kind, provider, self.reason)
    }

    /// Whether a new connection to the same vendor may help.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unreachable | ErrorKind::Closed | ErrorKind::TimedOut | ErrorKind::Limited(_)
        )
    }
}

/// By status of an answer or of a refused handshake.
#[must_use]
pub const fn status(status: u16, retry_after: Option<Duration>) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Unauthorized,
        402 => ErrorKind::Exhausted,
        408 => ErrorKind::TimedOut,
        // 409: at Google, a stream that was idle for too long. 529: overloaded.
        429 | 503 | 529 => ErrorKind::Limited(retry_after),
        409 | 500.. => ErrorKind::Unreachable,
        _ => ErrorKind::Rejected,
    }
}

/// By close code of a socket that we did not close. 1008 is a policy: credentials, quota or what was sent; vendors say which.
#[must_use]
pub const fn close(code: u16) -> ErrorKind {
    match code {
        1002 | 1003 | 1007 | 1009 | 1010 => ErrorKind::Rejected,
        1008 => ErrorKind::Unauthorized,
        1013 | 4429 => ErrorKind::Limited(None),
        4401 | 4403 => ErrorKind::Unauthorized,
        _ => ErrorKind::Closed,
    }
}
