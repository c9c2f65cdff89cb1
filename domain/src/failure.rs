//! Whose fault it is, whether to try again, and the stable code a user can look up in docs/errors.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The request was wrong; the same request fails again.
    Caller,
    /// A vendor or peer failed.
    Provider,
    /// We failed, or our machine did.
    Platform,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    Never,
    /// At once, elsewhere or on a new connection.
    Now,
    After(Duration),
}

/// A stable, upper-snake-case name such as `AGENT_UNKNOWN`; its page is docs/errors/AGENT_UNKNOWN.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What an outward error answers about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub source: Source,
    pub retry: Retry,
    pub code: Code,
}

impl Failure {
    #[must_use]
    pub const fn caller(code: &'static str) -> Self {
        Self { source: Source::Caller, retry: Retry::Never, code: Code(code) }
    }

    #[must_use]
    pub const fn provider(code: &'static str, retry: Retry) -> Self {
        Self { source: Source::Provider, retry, code: Code(code) }
    }

    #[must_use]
    pub const fn platform(code: &'static str, retry: Retry) -> Self {
        Self { source: Source::Platform, retry, code: Code(code) }
    }
}
