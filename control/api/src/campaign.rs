//! Campaigns: calls to many people, with what is done where nobody answers.

use std::collections::BTreeMap;

use domain::{CampaignId, ContactId, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::given;
use crate::greeting::Schedule;
use crate::outbound::MachineDetection;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Campaign {
    #[schema(value_type = String, example = "cmp_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: CampaignId,
    /// For people.
    pub title: String,
    pub agent: String,
    pub trunk: String,
    /// What callees see; null: the trunk's own. A carrier wants one of the account's numbers.
    pub from: Option<String>,
    pub ring_s: u32,
    pub machine_detection: MachineDetection,
    /// Calls at once, at most.
    pub concurrency: u32,
    /// Calls begun in a minute, at most.
    pub per_minute: u32,
    pub retry: RetryRules,
    /// When people may be called; null: always. Calls that run go on.
    pub schedule: Option<Schedule>,
    pub state: CampaignState,
    pub progress: Progress,
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// Who is called again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryRules {
    /// Outcomes of a call after which there is another.
    #[schema(max_items = 12)]
    pub outcomes: Vec<RetryOn>,
    /// Calls to one contact, the first included.
    #[schema(minimum = 1, maximum = 10)]
    pub attempts: u32,
    /// From the end of one to the next, in seconds.
    #[schema(minimum = 1, maximum = 604800)]
    pub after_s: u32,
}

impl Default for RetryRules {
    fn default() -> Self {
        let outcomes =
            vec![RetryOn::Busy, RetryOn::NoAnswer, RetryOn::NoAudio, RetryOn::Unreachable, RetryOn::Failed];
        Self { outcomes, attempts: 3, after_s: 3_600 }
    }
}

/// Outcomes that another call may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    Busy,
    NoAnswer,
    /// Somebody took it, and nothing was heard of them.
    NoAudio,
    Declined,
    Unreachable,
    Failed,
    /// The server died; the contact may have been spoken to.
    Interrupted,
    /// A machine answered, and was hung up on.
    Machine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// It was never started.
    Draft,
    Running,
    /// Nobody is called; calls that run go on.
    Paused,
    /// Nobody is left to be called.
    Completed,
    Cancelled,
}

impl CampaignState {
    /// As it is written and stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where its contacts stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    pub contacts: i64,
    /// Not called yet, or to be called again.
    pub waiting: i64,
    pub calling: i64,
    pub done: i64,
    pub cancelled: i64,
    /// Of those that are done, by the outcome of the last call.
    pub outcomes: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCampaign {
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// Name of the agent that speaks to whoever answers, as callers name it.
    #[schema(example = "front-desk", max_length = 200)]
    pub agent: String,
    /// Name of one of the server's SIP trunks, or of an account of the organization's at a carrier.
    #[schema(example = "carrier", max_length = 200)]
    pub trunk: String,
    #[schema(min_length = 1, max_length = 64)]
    pub from: Option<String>,
    /// 45 unless given.
    #[schema(minimum = 5, maximum = 180)]
    pub ring_s: Option<u32>,
    #[serde(default)]
    pub machine_detection: MachineDetection,
    /// 1 unless given.
    #[schema(minimum = 1, maximum = 100)]
    pub concurrency: Option<u32>,
    /// 10 unless given.
    #[schema(minimum = 1, maximum = 600)]
    pub per_minute: Option<u32>,
    #[serde(default)]
    pub retry: RetryRules,
    pub schedule: Option<Schedule>,
}

/// What is left out stays as it is. Counts from the next call on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignChange {
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    #[schema(max_length = 200)]
    pub agent: Option<String>,
    #[schema(max_length = 200)]
    pub trunk: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    pub from: Option<Option<String>>,
    #[schema(minimum = 5, maximum = 180)]
    pub ring_s: Option<u32>,
    pub machine_detection: Option<MachineDetection>,
    #[schema(minimum = 1, maximum = 100)]
    pub concurrency: Option<u32>,
    #[schema(minimum = 1, maximum = 600)]
    pub per_minute: Option<u32>,
    pub retry: Option<RetryRules>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Schedule>)]
    pub schedule: Option<Option<Schedule>>,
}

/// Somebody who is to be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Contact {
    #[schema(value_type = String)]
    pub id: ContactId,
    pub number: String,
    pub variables: BTreeMap<String, String>,
    pub state: ContactState,
    pub attempts: i32,
    /// Called no earlier, while `waiting`.
    #[schema(format = DateTime)]
    pub due_at: String,
    /// Of the last call that is over.
    pub outcome: Option<String>,
    /// That call.
    #[schema(value_type = Option<String>)]
    pub call_id: Option<SessionId>,
}

/// What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactChange {
    /// What people write between the digits is left out.
    #[schema(min_length = 1, max_length = 64)]
    pub number: Option<String>,
    /// In place of all that was told before. A name of neither `caller.` nor `session.` is the session's.
    pub variables: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    Waiting,
    Calling,
    Done,
    Cancelled,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportAsked {
    /// Looks only, and takes nobody in.
    #[param(default = false)]
    #[serde(default)]
    pub dry_run: bool,
}

/// What became of a file of contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// Rows that were taken, or would be.
    pub taken: u32,
    /// Rows that were left out.
    pub refused: u32,
    /// Nothing was stored.
    pub dry_run: bool,
    /// Names of the columns that greetings may say.
    pub variables: Vec<String>,
    /// Why rows were left out; at most 200 of them.
    pub errors: Vec<RowError>,
    /// The first rows that are taken.
    pub sample: Vec<SampleRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowError {
    /// Of the file, from 1, the header included.
    pub line: u64,
    /// For people.
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SampleRow {
    pub line: u64,
    pub number: String,
    pub variables: BTreeMap<String, String>,
}
