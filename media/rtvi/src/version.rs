//! The protocol version a client speaks.

use std::fmt;

/// What we speak.
pub(crate) const OURS: Version = Version { major: 2, minor: 2, patch: 0 };

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u16,
    pub minor: u16,
    pub patch: u16,
}

impl Version {
    /// `None` where the text does not begin with a number. Missing parts are 0.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.').map(|part| part.parse().ok());
        let major = parts.next().flatten()?;
        let mut next = || parts.next().flatten().unwrap_or(0);
        Some(Self { major, minor: next(), patch: next() })
    }

    /// 1.x clients know one `bot-output` for each sentence and no progress of speech.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        self.major < 2
    }

    /// The version we answer with: a 1.x client reads our messages by the version we claim, so we claim its own.
    pub(crate) const fn answer(self) -> Self {
        if self.is_legacy() { self } else { OURS }
    }

    /// `user-input` came with 2.2; older clients log an unknown message for it.
    pub(crate) const fn knows_user_input(self) -> bool {
        self.major > 2 || self.major == 2 && self.minor >= 2
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_generously() {
        assert_eq!(Version::parse("2.1.0"), Some(Version { major: 2, minor: 1, patch: 0 }));
        assert_eq!(Version::parse("1"), Some(Version { major: 1, minor: 0, patch: 0 }));
        assert_eq!(Version::parse("2.2.0-beta"), Some(Version { major: 2, minor: 2, patch: 0 }));
        assert_eq!(Version::parse("latest"), None);
        assert_eq!(Version::parse("99999999.1"), None);
    }
}
