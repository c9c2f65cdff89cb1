//! How long a route waits, for each ability.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a route cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route: {0}")]
pub struct Invalid(pub &'static str);

/// A wait that is learned from the provider's own measures, within limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    pub floor_ms: u64,
    pub ceiling_ms: u64,
    /// Until enough was measured.
    pub default_ms: u64,
}

/// The waits of one ability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Until an alternative has taken the request or opened its stream.
    pub connect_ms: u64,
    /// From the request (speech that begins, for STT) to its first progress. Learned: twice the p95.
    pub first: Bounds,
    /// When a second request goes to the next alternative while the first has made no progress. Learned: the p95.
    /// `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Bounds>,
    /// TTS and LLM: longest pause in a reply under way. For TTS counted from when what was given can have been played.
    pub next_ms: u64,
    /// STT: from `Finalize` to the final. Learned: twice the p95.
    pub last: Bounds,
    /// The last error goes up after this much, whatever has not been tried.
    pub give_up_after_ms: u64,
}

impl Options {
    #[must_use]
    pub const fn stt() -> Self {
        Self {
            connect_ms: 2_000,
            first: Bounds { floor_ms: 800, ceiling_ms: 3_000, default_ms: 1_500 },
            hedge: None,
            next_ms: 0,
            last: Bounds { floor_ms: 400, ceiling_ms: 4_000, default_ms: 1_000 },
            give_up_after_ms: 5_000,
        }
    }

    #[must_use]
    pub const fn tts() -> Self {
        Self {
            connect_ms: 2_000,
            first: Bounds { floor_ms: 300, ceiling_ms: 2_500, default_ms: 1_200 },
            hedge: Some(Bounds { floor_ms: 100, ceiling_ms: 1_200, default_ms: 600 }),
            next_ms: 800,
            last: Bounds { floor_ms: 0, ceiling_ms: 0, default_ms: 0 },
            give_up_after_ms: 4_000,
        }
    }

    #[must_use]
    pub const fn llm() -> Self {
        Self {
            connect_ms: 2_000,
            first: Bounds { floor_ms: 500, ceiling_ms: 5_000, default_ms: 2_500 },
            hedge: Some(Bounds { floor_ms: 150, ceiling_ms: 2_500, default_ms: 1_200 }),
            next_ms: 4_000,
            last: Bounds { floor_ms: 0, ceiling_ms: 0, default_ms: 0 },
            give_up_after_ms: 6_000,
        }
    }

    /// # Errors
    /// When a wait could never be kept.
    pub fn validate(&self) -> Result<(), Invalid> {
        let bounds = [Some(self.first), self.hedge, Some(self.last)];
        if bounds.into_iter().flatten().any(|b| b.floor_ms > b.ceiling_ms) {
            return Err(Invalid("a floor is above its ceiling: lower floor_ms or raise ceiling_ms"));
        }
        if self.connect_ms == 0 || self.first.floor_ms == 0 || self.give_up_after_ms == 0 {
            return Err(Invalid(
                "connect_ms, first.floor_ms and give_up_after_ms must be above 0, or nothing could succeed",
            ));
        }
        Ok(())
    }

    pub(crate) const fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    pub(crate) const fn next(&self) -> Duration {
        Duration::from_millis(self.next_ms)
    }

    pub(crate) const fn give_up_after(&self) -> Duration {
        Duration::from_millis(self.give_up_after_ms)
    }
}

impl Bounds {
    /// Within the limits, or the default where nothing is known.
    #[must_use]
    pub fn apply(&self, learned: Option<Duration>) -> Duration {
        match learned {
            Some(wait) => {
                let floor = Duration::from_millis(self.floor_ms);
                wait.clamp(floor, Duration::from_millis(self.ceiling_ms).max(floor))
            }
            None => Duration::from_millis(self.default_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learned_stays_within_its_limits() {
        let bounds = Bounds { floor_ms: 100, ceiling_ms: 500, default_ms: 300 };
        let waits = [None, Some(20), Some(200), Some(9_000)];
        let applied = waits.map(|ms| bounds.apply(ms.map(Duration::from_millis)).as_millis());
        assert_eq!(applied, [300, 100, 200, 500]);
    }

    #[test]
    fn the_shipped_waits_are_possible() {
        for options in [Options::stt(), Options::tts(), Options::llm()] {
            assert_eq!(options.validate(), Ok(()));
        }
        let never = Options { connect_ms: 0, ..Options::llm() };
        assert!(never.validate().is_err());
    }
}
