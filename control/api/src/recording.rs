//! The recording of a call: its parts, and how their files are named.

use std::fmt;
use std::str::FromStr;

use domain::{Encoding, Role, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::paths;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recordings {
    /// The caller's parts in order, then the agent's. Empty where the call was not recorded or is no longer kept.
    pub data: Vec<Recording>,
}

/// One file. The parts of both legs lie on the call's clock, which the times of the transcript count on, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recording {
    /// `caller` or `agent`.
    #[schema(value_type = String)]
    pub leg: Role,
    /// From 1. Another begins where the caller came back over another transport or with another codec.
    pub part: u32,
    /// `opus`, `pcmu`, `pcma` or `pcm16`.
    #[schema(value_type = String)]
    pub codec: Encoding,
    pub content_type: String,
    /// From the call's beginning to the first sample.
    pub offset_ms: f64,
    pub length_ms: f64,
    /// So far, where the call still runs.
    pub bytes: u64,
    /// `false` while the call runs, and where not all of it could be written.
    pub complete: bool,
    /// The server died while it was written: its last moments may be missing.
    pub cut_off: bool,
    /// Relative to the server; takes range requests.
    pub url: String,
}

/// Names a part's file: `caller-1.ogg`, `agent-2.wav`. A text that is no such name does not parse, so that a name never
/// leads out of its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    pub leg: Role,
    pub part: u32,
    pub container: Container,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// Holds Opus.
    Ogg,
    /// Holds samples or G.711.
    Wav,
}

impl Container {
    #[must_use]
    pub const fn of(codec: Encoding) -> Self {
        match codec {
            Encoding::Opus => Self::Ogg,
            Encoding::Pcmu | Encoding::Pcma | Encoding::Pcm16 => Self::Wav,
        }
    }

    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Ogg => "audio/ogg",
            Self::Wav => "audio/wav",
        }
    }
}

impl Name {
    #[must_use]
    pub const fn new(leg: Role, part: u32, codec: Encoding) -> Self {
        Self { leg, part, container: Container::of(codec) }
    }

    /// Where it is answered.
    #[must_use]
    pub fn url(&self, session: SessionId) -> String {
        paths::SESSION_RECORDING.replace("{id}", &session.to_string()).replace("{file}", &self.to_string())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leg = match self.leg {
            Role::Caller => "caller",
            Role::Agent => "agent",
        };
        let ending = match self.container {
            Container::Ogg => "ogg",
            Container::Wav => "wav",
        };
        write!(f, "{leg}-{}.{ending}", self.part)
    }
}

/// The text names no part of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAName;

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let (leg, rest) = text.split_once('-').ok_or(NotAName)?;
        let (part, ending) = rest.split_once('.').ok_or(NotAName)?;
        let leg = match leg {
            "caller" => Role::Caller,
            "agent" => Role::Agent,
            _ => return Err(NotAName),
        };
        let container = match ending {
            "ogg" => Container::Ogg,
            "wav" => Container::Wav,
            _ => return Err(NotAName),
        };
        let part = part.parse().ok().filter(|part| *part > 0).ok_or(NotAName)?;
        // One name for each file: neither `+1` nor `01`.
        let name = Self { leg, part, container };
        if name.to_string() == text { Ok(name) } else { Err(NotAName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_ours_or_none() {
        for text in ["caller-1.ogg", "agent-2.wav", "caller-4294967295.ogg"] {
            assert_eq!(text.parse::<Name>().map(|name| name.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            "caller",
            "caller.ogg",
            "caller-.ogg",
            "caller-0.ogg",
            "caller-01.ogg",
            "caller-+1.ogg",
            "caller--1.ogg",
            "caller-4294967296.ogg",
            "caller-1.mp3",
            "caller-1.ogg/",
            "../caller-1.ogg",
            "caller-1.ogg\0",
            "Caller-1.ogg",
            "caller-1/../../secret.ogg",
            "caller-1.json",
            "/etc/passwd",
            "caller-١.ogg",
        ] {
            assert_eq!(text.parse::<Name>(), Err(NotAName), "{text:?}");
        }
    }
}
