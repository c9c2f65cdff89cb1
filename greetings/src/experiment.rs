//! Which wording of an experiment a caller hears: by weight, and the same one for the same caller.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub const ARMS_LEAST: usize = 2;
pub const ARMS_MOST: usize = 8;
pub const WEIGHT_MOST: u32 = 1000;

/// As it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The first is what the others are compared with.
    pub arms: Vec<Arm>,
    #[serde(default)]
    pub sticky: Sticky,
    /// What a call is to come to.
    #[serde(default)]
    pub goal: Option<Goal>,
    /// One that does not run assigns nobody; the greeting's own wordings are said.
    #[serde(default = "yes")]
    pub running: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Stays with its outcomes.
    pub key: String,
    pub weight: u32,
    pub text: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sticky {
    /// One caller always hears the same arm, as far as callers can be told apart; each call counts for itself otherwise.
    #[default]
    Caller,
    Session,
}

/// Something that the agent does in a call that went well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Goal {
    /// Notes this, such as `appointment`.
    Note(String),
    /// Comes to this node.
    Node(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExperimentError {
    #[error("an experiment has {ARMS_LEAST} to {ARMS_MOST} arms, not {0}")]
    Arms(usize),
    #[error("two arms are called {0:?}")]
    Twice(String),
    #[error("a weight is 0 to {WEIGHT_MOST}, not {0}")]
    Weight(u32),
    #[error("no arm has a weight: nobody could hear one")]
    Weightless,
}

impl Experiment {
    /// # Errors
    /// What is wrong with the arms, and with which (by its place).
    pub fn check(&self) -> Result<(), (Option<usize>, ExperimentError)> {
        if !(ARMS_LEAST..=ARMS_MOST).contains(&self.arms.len()) {
            return Err((None, ExperimentError::Arms(self.arms.len())));
        }
        for (place, arm) in self.arms.iter().enumerate() {
            if self.arms[..place].iter().any(|other| other.key == arm.key) {
                return Err((Some(place), ExperimentError::Twice(arm.key.clone())));
            }
            if arm.weight > WEIGHT_MOST {
                return Err((Some(place), ExperimentError::Weight(arm.weight)));
            }
        }
        if self.arms.iter().all(|arm| arm.weight == 0) {
            return Err((None, ExperimentError::Weightless));
        }
        Ok(())
    }

    /// Whether outcomes of `before` may be counted together with those of `self`: the same arms say the same to the same shares.
    #[must_use]
    pub fn goes_on(&self, before: &Self) -> bool {
        self.arms == before.arms && self.goal == before.goal && self.sticky == before.sticky
    }

    /// The arm of whoever `subject` names, in this round of this experiment (`name`): the same whenever and wherever it is asked.
    #[must_use]
    pub fn assign(&self, name: &str, round: i32, subject: &str) -> Option<&Arm> {
        let total: u64 = self.arms.iter().map(|arm| u64::from(arm.weight)).sum();
        let mut at = drawn(name, round, subject).checked_rem(total)?;
        self.arms.iter().find(|arm| match at.checked_sub(arm.weight.into()) {
            Some(left) => {
                at = left;
                false
            }
            None => true,
        })
    }
}

impl Goal {
    /// `note:appointment`, as it is counted.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Note(name) => format!("note:{name}"),
            Self::Node(name) => format!("node:{name}"),
        }
    }
}

/// Of so many wordings, which one this subject hears.
#[must_use]
pub fn turn(name: &str, subject: &str, wordings: usize) -> usize {
    let wordings = u64::try_from(wordings).unwrap_or(u64::MAX);
    usize::try_from(drawn(name, 0, subject).checked_rem(wordings).unwrap_or_default()).unwrap_or_default()
}

/// Evenly spread, and independent from one experiment and round to the next.
fn drawn(name: &str, round: i32, subject: &str) -> u64 {
    let mut hash = Sha256::new();
    for part in [name.as_bytes(), &round.to_be_bytes(), subject.as_bytes()] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn experiment(weights: &[u32]) -> Experiment {
        let arms = weights.iter().enumerate().map(|(n, weight)| Arm {
            key: n.to_string(),
            weight: *weight,
            text: "Hello.".to_owned(),
        });
        Experiment { arms: arms.collect(), sticky: Sticky::Caller, goal: None, running: true }
    }

    #[test]
    fn callers_are_spread_by_weight() {
        let experiment = experiment(&[1, 0, 3]);
        let mut heard = [0_u32; 3];
        for caller in 0..20_000 {
            let arm = experiment.assign("grt_1", 1, &format!("+4930{caller}")).expect("an arm");
            heard[arm.key.parse::<usize>().expect("a number")] += 1;
        }
        // Four standard deviations of 20000 draws with p = 1/4 are 245.
        assert!(heard[1] == 0 && heard[0].abs_diff(5_000) < 245, "{heard:?}");
    }

    #[test]
    fn rounds_and_experiments_are_independent() {
        let experiment = experiment(&[1, 1]);
        let arm = |name: &str, round, caller: u32| {
            experiment.assign(name, round, &caller.to_string()).expect("an arm").key.clone()
        };
        let again = (0..2_000).filter(|caller| arm("a", 1, *caller) == arm("a", 2, *caller)).count();
        let other = (0..2_000).filter(|caller| arm("a", 1, *caller) == arm("b", 1, *caller)).count();
        assert!(again.abs_diff(1_000) < 90 && other.abs_diff(1_000) < 90, "{again} {other}");
    }

    #[test]
    fn what_cannot_be_an_experiment_says_why() {
        let checked = |weights: &[u32]| experiment(weights).check().expect_err("refused").1;
        assert_eq!(checked(&[1]), ExperimentError::Arms(1));
        assert_eq!(checked(&[0, 0]), ExperimentError::Weightless);
        assert_eq!(checked(&[1, 1001]), ExperimentError::Weight(1001));
        let mut twice = experiment(&[1, 1]);
        twice.arms[1].key = "0".to_owned();
        assert_eq!(twice.check(), Err((Some(1), ExperimentError::Twice("0".to_owned()))));
    }

    proptest! {
        #[test]
        fn one_caller_hears_one_arm_and_none_without_weight(weights in prop::collection::vec(0..5u32, 2..8), caller in any::<String>(), round in any::<i32>()) {
            let experiment = experiment(&weights);
            let arm = experiment.assign("x", round, &caller);
            let same = experiment.clone();
            prop_assert_eq!(arm, same.assign("x", round, &caller));
            prop_assert_eq!(arm.is_none(), experiment.check().is_err());
            prop_assert!(arm.is_none_or(|arm| arm.weight > 0));
        }
    }
}
