//! How a provider fails: one shape for every ability, so that routing treats all alike.

use std::fmt;
use std::time::Duration;

use domain::{Code, Failure, Retry, Source};

/// What was asked of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ability {
    Stt,
    Tts,
    Llm,
    Embed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No connection came about.
    Unreachable,
    /// The credentials were refused.
    Unauthorized,
    /// Over a rate limit, or the vendor is overloaded; after this time it may work again.
    Limited(Option<Duration>),
    /// Out of credit or quota: nothing helps but a payment or another plan.
    Exhausted,
    /// The request is wrong for this vendor; the same request fails again.
    Rejected,
    /// The vendor ended a running stream.
    Closed,
    /// The vendor sent what its documentation does not allow.
    Protocol,
    /// A provider in this process has no room for another stream.
    Full,
    /// No progress within the deadline.
    TimedOut,
}

/// Says who failed at what and why; the reason is for people and never holds credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {what} {kind}: {reason}", what = ability.noun())]
pub struct Error {
    pub ability: Ability,
    pub kind: ErrorKind,
    pub provider: String,
    pub reason: String,
}

impl Error {
    pub fn new(
        ability: Ability,
        kind: ErrorKind,
        provider: impl Into<String>,
        reason: impl fmt::Display,
    ) -> Self {
        Self { ability, kind, provider: provider.into(), reason: reason.to_string() }
    }

    #[must_use]
    pub fn failure(&self) -> Failure {
        let retry = match self.kind {
            ErrorKind::Unauthorized | ErrorKind::Exhausted | ErrorKind::Rejected => Retry::Never,
            ErrorKind::Limited(Some(after)) => Retry::After(after),
            ErrorKind::Full => Retry::After(Duration::from_secs(5)),
            _ => Retry::Now,
        };
        let source = if self.kind == ErrorKind::Full { Source::Platform } else { Source::Provider };
        Failure { source, retry, code: Code(self.code()) }
    }

    const fn code(&self) -> &'static str {
        macro_rules! codes {
            ($($ability:ident $prefix:literal),*) => {
                match (self.ability, self.kind) {$(
                    (Ability::$ability, ErrorKind::Unreachable) => concat!($prefix, "_UNREACHABLE"),
                    (Ability::$ability, ErrorKind::Unauthorized) => concat!($prefix, "_UNAUTHORIZED"),
                    (Ability::$ability, ErrorKind::Limited(_)) => concat!($prefix, "_LIMITED"),
                    (Ability::$ability, ErrorKind::Exhausted) => concat!($prefix, "_EXHAUSTED"),
                    (Ability::$ability, ErrorKind::Rejected) => concat!($prefix, "_REJECTED"),
                    (Ability::$ability, ErrorKind::Closed) => concat!($prefix, "_CLOSED"),
                    (Ability::$ability, ErrorKind::Protocol) => concat!($prefix, "_PROTOCOL"),
                    (Ability::$ability, ErrorKind::Full) => concat!($prefix, "_FULL"),
                    (Ability::$ability, ErrorKind::TimedOut) => concat!($prefix, "_TIMED_OUT"),
                )*}
            };
        }
        codes!(Stt "STT", Tts "TTS", Llm "LLM", Embed "EMBED")
    }
}

impl Ability {
    const fn noun(self) -> &'static str {
        match self {
            Self::Stt => "speech to text",
            Self::Tts => "text to speech",
            Self::Llm => "language model",
            Self::Embed => "embedding",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "could not be reached",
            Self::Unauthorized => "refused the credentials",
            Self::Limited(_) => "is over its limit",
            Self::Exhausted => "has no credit or quota left",
            Self::Rejected => "rejected the request",
            Self::Closed => "closed the stream",
            Self::Protocol => "sent what it should not",
            Self::Full => "has no room for another stream",
            Self::TimedOut => "made no progress in time",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_is_not_tried_again_and_a_full_house_is_ours() {
        let refused = Error::new(Ability::Tts, ErrorKind::Unauthorized, "acme", "401");
        assert_eq!(refused.failure(), Failure::provider("TTS_UNAUTHORIZED", Retry::Never));
        assert_eq!(refused.to_string(), "acme: text to speech refused the credentials: 401");
        let full = Error::new(Ability::Stt, ErrorKind::Full, "local", "4 of 4 streams");
        assert_eq!(full.failure().source, Source::Platform);
    }
}
