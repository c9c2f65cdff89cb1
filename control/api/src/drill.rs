//! Fault drills: a provider's outage, put on for a share of the calls of a test environment, and what came of it.

use domain::DrillId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the provider seems to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nobody answers at its address.
    Refuse,
    /// Says nothing more, and does not hang up.
    Hang,
    /// Everything comes three seconds later.
    Slow,
    /// Sends what its protocol does not allow.
    Garbage,
    /// Hangs up.
    Close,
    /// Claims success and gives nothing: sentences without audio, replies without words, empty transcripts.
    Silence,
    /// Has no credit left.
    Quota,
}

impl Fault {
    /// As the command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Hang => "hang",
            Self::Slow => "slow",
            Self::Garbage => "garbage",
            Self::Close => "close",
            Self::Silence => "silence",
            Self::Quota => "quota",
        }
    }
}

/// When in a turn it strikes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A stream or reply is asked for.
    #[default]
    Connect,
    /// It was opened, and the first words or sound are due.
    BeforeOutput,
    /// Some words or sound of it were given.
    MidSentence,
    /// One turn was served whole.
    BetweenTurns,
}

impl Moment {
    /// As the command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::BeforeOutput => "before-output",
            Self::MidSentence => "mid-sentence",
            Self::BetweenTurns => "between-turns",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Stt,
    Llm,
    Tts,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drill {
    #[schema(value_type = String, example = "drl_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: DrillId,
    /// By name.
    pub environment: String,
    pub kind: Kind,
    pub fault: Fault,
    pub moment: Moment,
    /// The account that it strikes, or `built-in`. Null: whichever is asked first.
    pub provider: Option<String>,
    /// Of the calls that begin while it runs, 0.001 to 1.
    pub share: f64,
    pub started_by: String,
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    pub ends_at: String,
    /// When somebody ended it before.
    #[schema(format = DateTime)]
    pub stopped_at: Option<String>,
    pub running: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDrill {
    /// By name; never `prod`.
    pub environment: String,
    pub kind: Kind,
    pub fault: Fault,
    /// `connect` where it is left out.
    #[serde(default)]
    pub moment: Moment,
    /// The account that it strikes, or `built-in`. Left out: whichever an agent's calls ask first.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub provider: Option<String>,
    /// Of the calls that begin while it runs. All of them where it is left out.
    #[schema(minimum = 0.001, maximum = 1)]
    pub share: Option<f64>,
    /// After so many it ends by itself. 10 where it is left out.
    #[schema(minimum = 1, maximum = 240)]
    pub minutes: Option<u32>,
}

/// What came of a drill, as the calls on record tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrillReport {
    pub drill: Drill,
    /// Calls that it struck.
    pub calls: i64,
    /// Of them, those that are over.
    pub calls_ended: i64,
    /// Ended since no provider was left.
    pub calls_lost: i64,
    /// Failures that the calls' events name.
    pub failures: i64,
    /// From the caller's last word to the answer's first, in the struck calls.
    pub waits: DrillWaits,
    /// The same in calls of the environment that no drill struck, from a day before the drill began to its end.
    pub usual_waits: DrillWaits,
    /// What the drill added to the wait: the difference, where both are known.
    pub added: DrillAdded,
    /// Who was asked in the struck calls, and what became of it; providers that no route stood before are not on record.
    pub answered: Vec<DrillAnswered>,
    /// Turns of the agent that were looked at: the last thousand.
    pub turns: i64,
    /// Of them, those in which the caller was told in place of an answer that something went wrong.
    pub last_resorts: i64,
    /// Words that were about to be said, and were not heard though nobody interrupted.
    pub words_lost: i64,
    /// Words that were heard oftener than they were to be said.
    pub words_doubled: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrillWaits {
    pub turns: i64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrillAdded {
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    /// The longest wait, less the usual median.
    pub max_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillAnswered {
    pub kind: Kind,
    /// Name of the account, or `built-in`.
    pub provider: String,
    pub completed: i64,
    pub failed: i64,
    /// Given up by us: another was faster, or the caller spoke.
    pub cancelled: i64,
}

impl Kind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
        }
    }
}
