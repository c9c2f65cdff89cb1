//! Typed ids: a prefix that names the kind and a UUID v7, so that ids sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Why a text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    #[error("expected an id that starts with \"{expected}_\"")]
    Prefix { expected: &'static str },
    #[error("the part after \"{prefix}_\" is not 32 hexadecimal digits")]
    Body { prefix: &'static str },
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A new id, later in order than every id this process made before.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let body = text
                    .strip_prefix(concat!($prefix, "_"))
                    .ok_or(ParseIdError::Prefix { expected: $prefix })?;
                if body.len() != 32 {
                    return Err(ParseIdError::Body { prefix: $prefix });
                }
                Uuid::try_parse(body).map(Self).map_err(|_| ParseIdError::Body { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A tenant.
    OrgId = "org";
    /// A business area of an organization.
    DomainId = "dom";
    /// dev, staging or prod of an organization.
    EnvironmentId = "env";
    AgentId = "agt";
    /// One published, unchangeable definition of an agent.
    AgentVersionId = "ver";
    GreetingId = "grt";
    /// A way in for callers.
    ChannelId = "chn";
    /// Leads calls to an agent.
    RouteId = "rte";
    ApiKeyId = "key";
    /// An organization's account at a vendor of speech or language.
    ProviderAccountId = "pac";
    SecretId = "sec";
    /// What an organization pays a vendor for a unit.
    PriceId = "prc";
    /// One attempt at a provider.
    ProviderRequestId = "prq";
    /// A data directory, and so whichever server runs on it.
    ServerId = "srv";
    /// One call or room visit.
    SessionId = "ses";
    /// Faults put on a provider for a share of calls.
    DrillId = "drl";
    /// Calls to many people.
    CampaignId = "cmp";
    /// One of them.
    ContactId = "ctc";
}

/// One side's contribution to a session, counted from 0. An ordinal and not a random id, so that a replay of
/// the same inputs names the same turns; unique together with its `SessionId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TurnId(pub u32);

impl TurnId {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "turn_{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_names_its_kind() {
        let id = SessionId::generate();
        assert!(id.to_string().starts_with("ses_"));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().parse::<OrgId>(), Err(ParseIdError::Prefix { expected: "org" }));
        assert_eq!("ses_12".parse::<SessionId>(), Err(ParseIdError::Body { prefix: "ses" }));
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<_> = (0..100).map(|_| SessionId::generate().to_string()).collect();
        assert!(ids.is_sorted());
    }
}
