//! Who called whom.

use domain::Pii;
use serde::{Deserialize, Serialize};

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// They called.
    Inbound,
    /// We called them.
    Outbound,
}

impl Direction {
    /// As the API and the store write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    /// By `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Inbound, Self::Outbound].into_iter().find(|known| known.name() == name)
    }
}

/// The other side of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opposite {
    pub direction: Direction,
    /// Their number or address, as far as the transport says it: of who calls it is a claim.
    pub party: Option<Pii<String>>,
}

/// Longer than any number, and than most addresses.
const PARTY_CHARS: usize = 128;

impl Opposite {
    /// What no number or address has is left out of it, and what is too long is cut: a call is not lost for it.
    #[must_use]
    pub fn new(direction: Direction, party: Option<&str>) -> Self {
        let plain = |text: &str| -> String {
            text.trim().chars().filter(|one| !one.is_control()).take(PARTY_CHARS).collect()
        };
        let party = party.map(plain).filter(|party| !party.is_empty());
        Self { direction, party: party.map(Pii) }
    }
}

#[cfg(test)]
mod tests {
    use domain::wire_name;

    use super::*;

    #[test]
    fn a_direction_has_one_name_everywhere() {
        for direction in [Direction::Inbound, Direction::Outbound] {
            assert_eq!(direction.name(), wire_name(&direction));
            assert_eq!(Direction::named(direction.name()), Some(direction));
        }
        assert_eq!(Direction::named("sideways"), None);
    }

    #[test]
    fn what_a_caller_claims_to_be_called_can_be_kept() {
        let party = |text| Opposite::new(Direction::Inbound, text).party.map(|party| party.0);
        assert_eq!(party(Some("+49301234")).as_deref(), Some("+49301234"));
        assert_eq!(party(Some(" al\u{0}ice\n")).as_deref(), Some("alice"));
        assert_eq!(party(Some("\u{7} ")), None);
        assert_eq!(party(None), None);
        assert_eq!(party(Some(&"9".repeat(1_000))).map(|party| party.len()), Some(PARTY_CHARS));
    }

    #[test]
    fn who_called_is_not_shown_in_logs() {
        let shown = format!("{:?}", Opposite::new(Direction::Outbound, Some("+49301234")));
        assert!(shown.contains("Outbound") && !shown.contains("1234"), "{shown}");
    }
}
