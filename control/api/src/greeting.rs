//! What is said first in place of what a definition greets with: where, when, in which language and in which words; and what came of it.

use domain::{AgentId, ChannelId, DomainId, EnvironmentId, GreetingId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Greeting {
    #[schema(value_type = String, example = "grt_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: GreetingId,
    /// For people.
    pub title: String,
    #[schema(value_type = Option<String>)]
    pub agent_id: Option<AgentId>,
    #[schema(value_type = Option<String>)]
    pub domain_id: Option<DomainId>,
    #[schema(value_type = Option<String>)]
    pub environment_id: Option<EnvironmentId>,
    #[schema(value_type = Option<String>)]
    pub channel_id: Option<ChannelId>,
    /// BCP 47; null: whatever the caller speaks.
    pub language: Option<String>,
    /// Overrides every scope: the higher is said.
    pub priority: i32,
    /// Null: always.
    pub schedule: Option<Schedule>,
    pub wordings: Vec<String>,
    pub experiment: Option<Experiment>,
    /// Counts up when arms, goal or stickiness are others: outcomes are counted for each round.
    pub experiment_round: i32,
    /// When the round began.
    #[schema(format = DateTime)]
    pub experiment_since: Option<String>,
    pub enabled: bool,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// For an agent or for a domain, not for both; for one environment or for all; for one channel or for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGreeting {
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[schema(value_type = Option<String>, pattern = "^agt_[0-9a-f]{32}$")]
    pub agent_id: Option<AgentId>,
    #[schema(value_type = Option<String>, pattern = "^dom_[0-9a-f]{32}$")]
    pub domain_id: Option<DomainId>,
    #[schema(value_type = Option<String>, pattern = "^env_[0-9a-f]{32}$")]
    pub environment_id: Option<EnvironmentId>,
    #[schema(value_type = Option<String>, pattern = "^chn_[0-9a-f]{32}$")]
    pub channel_id: Option<ChannelId>,
    pub language: Option<String>,
    #[schema(minimum = -100, maximum = 100)]
    pub priority: Option<i32>,
    pub schedule: Option<Schedule>,
    /// One of them is said.
    #[schema(min_items = 1, max_items = 20)]
    pub wordings: Vec<Wording>,
    pub experiment: Option<Experiment>,
    pub enabled: Option<bool>,
}

/// A template of 1 to 1000 characters: `{caller.name|default:"there"}` puts a value in, `{if caller.name}..{else}..{end}` chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(min_length = 1, max_length = 1000)]
pub struct Wording(pub String);

/// What is left out stays as it is; `language`, `schedule` and `experiment` may be set to null. The scope never changes: make another greeting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GreetingChange {
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub language: Option<Option<String>>,
    #[schema(minimum = -100, maximum = 100)]
    pub priority: Option<i32>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Schedule>)]
    pub schedule: Option<Option<Schedule>>,
    #[schema(min_items = 1, max_items = 20)]
    pub wordings: Option<Vec<Wording>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Experiment>)]
    pub experiment: Option<Option<Experiment>>,
    pub enabled: Option<bool>,
}

/// Tells null from what is left out.
fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// When it is said. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = GreetingSchedule)]
pub struct Schedule {
    /// IANA name, such as `Europe/Berlin`; null: the organization's.
    pub time_zone: Option<String>,
    /// One of them must be open. None: at any time of day.
    #[schema(max_items = 50)]
    pub windows: Vec<Window>,
    pub holidays: Holidays,
    /// First day, included.
    #[schema(format = Date)]
    pub from: Option<String>,
    /// Last day, included.
    #[schema(format = Date)]
    pub until: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GreetingWindow)]
pub struct Window {
    /// None: every day.
    #[serde(default)]
    #[schema(max_items = 7)]
    pub days: Vec<Day>,
    #[schema(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", example = "08:00")]
    pub from: String,
    /// Not included; at or before `from` it is on the next day.
    #[schema(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", example = "18:00")]
    pub to: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GreetingDay)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// `only` on holidays of the organization's calendar, `never` on them, or on `any` day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GreetingHolidays)]
pub enum Holidays {
    #[default]
    Any,
    Only,
    Never,
}

/// Arms that callers are assigned to by weight. The first is what the others are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GreetingExperiment)]
pub struct Experiment {
    #[schema(min_items = 2, max_items = 8)]
    pub arms: Vec<Arm>,
    #[serde(default)]
    pub sticky: Sticky,
    /// What a call is to come to.
    #[serde(default)]
    pub goal: Option<Goal>,
    /// One that does not run says the greeting's own wordings.
    #[serde(default = "yes")]
    pub running: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GreetingArm)]
pub struct Arm {
    /// Names it in results: lower-case letters, digits and hyphens.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub key: String,
    #[schema(maximum = 1000)]
    pub weight: u32,
    /// A template, as wordings are.
    #[schema(min_length = 1, max_length = 1000)]
    pub text: String,
}

/// Whether one caller always hears the same arm, or each call draws anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GreetingSticky)]
pub enum Sticky {
    #[default]
    Caller,
    Session,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GreetingGoal)]
pub struct Goal {
    pub kind: GoalKind,
    /// Of the note, such as `appointment`, or of the node.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GreetingGoalKind)]
pub enum GoalKind {
    /// The agent notes it.
    Note,
    /// The conversation comes to it.
    Node,
}

/// An organization's time, its holidays, and what its callers speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GreetingCalendar {
    pub time_zone: String,
    pub holidays: Vec<Holiday>,
    pub languages: Vec<NumberLanguage>,
    /// 0: nobody has set it.
    pub revision: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GreetingCalendarSetting {
    /// IANA name.
    pub time_zone: String,
    #[serde(default)]
    #[schema(max_items = 400)]
    pub holidays: Vec<Holiday>,
    #[serde(default)]
    #[schema(max_items = 200)]
    pub languages: Vec<NumberLanguage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GreetingHoliday)]
pub struct Holiday {
    #[schema(format = Date)]
    pub date: String,
    /// As `{holiday}` says it.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub name: String,
}

/// Callers whose number begins so speak this language; the longest beginning wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GreetingNumberLanguage)]
pub struct NumberLanguage {
    #[schema(pattern = "^\\+[0-9]{1,15}$")]
    pub prefix: String,
    pub language: String,
}

/// A call that might be: what would be said to it, and why. With `draft`, as if that greeting were saved too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GreetingPreviewRequest {
    #[schema(value_type = String, pattern = "^agt_[0-9a-f]{32}$")]
    pub agent_id: AgentId,
    #[schema(value_type = Option<String>, pattern = "^env_[0-9a-f]{32}$")]
    pub environment_id: Option<EnvironmentId>,
    #[schema(value_type = Option<String>, pattern = "^chn_[0-9a-f]{32}$")]
    pub channel_id: Option<ChannelId>,
    /// Now, unless it is given.
    #[schema(format = DateTime)]
    pub at: Option<String>,
    /// What the caller chose.
    pub language: Option<String>,
    pub caller_number: Option<String>,
    /// As a browser sends it.
    pub accept_language: Option<String>,
    /// By name, such as `caller.name`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    pub draft: Option<NewGreeting>,
    /// The greeting that `draft` stands for.
    #[schema(value_type = Option<String>, pattern = "^grt_[0-9a-f]{32}$")]
    pub replaces: Option<GreetingId>,
    /// Which arm is to be heard; drawn where it is left out.
    pub arm: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GreetingPreview {
    /// What is said; null: the agent lets the caller speak first.
    pub text: Option<String>,
    /// The draft is null, too.
    #[schema(value_type = Option<String>)]
    pub greeting_id: Option<GreetingId>,
    pub source: GreetingSource,
    pub arm: Option<String>,
    /// On the wall clock of the organization.
    pub local_time: String,
    pub holiday: Option<String>,
    /// Which were tried, most wanted first.
    pub languages: Vec<WantedLanguage>,
    /// Those that fit in the order in which they are preferred, then those that do not.
    pub considered: Vec<ConsideredGreeting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GreetingSource {
    Greeting,
    Draft,
    /// The definition's own greeting.
    Agent,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WantedLanguage {
    pub language: String,
    /// `caller`, `number`, `detected` or `agent`.
    pub heard: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsideredGreeting {
    /// Null: the draft.
    #[schema(value_type = Option<String>)]
    pub greeting_id: Option<GreetingId>,
    pub title: String,
    pub fits: bool,
    pub chosen: bool,
    /// For people.
    pub why: String,
}

/// Text in the voice of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GreetingAudioRequest {
    #[schema(value_type = String, pattern = "^agt_[0-9a-f]{32}$")]
    pub agent_id: AgentId,
    #[schema(value_type = Option<String>, pattern = "^env_[0-9a-f]{32}$")]
    pub environment_id: Option<EnvironmentId>,
    /// As it is said: values are in it.
    #[schema(min_length = 1, max_length = 1000)]
    pub text: String,
    /// Of the agent's voices, the first and its fallbacks in their order, which one; the first where it is left out.
    #[schema(maximum = 16)]
    pub voice: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GreetingAudio {
    /// WAV, in base64.
    pub audio: String,
    /// Names of the voices that the agent speaks with, in the order in which they are asked.
    pub voices: Vec<String>,
    pub length_ms: f64,
    /// It was there already.
    pub rendered_ahead: bool,
}

/// What came of one greeting: of its running experiment by arm, or of all calls that heard it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GreetingResults {
    #[schema(value_type = String)]
    pub greeting_id: GreetingId,
    pub round: i32,
    #[schema(format = DateTime)]
    pub since: Option<String>,
    pub arms: Vec<ArmResult>,
    /// Of whether the caller said anything, of whether it came to the goal, of whether the greeting was heard to its end.
    pub answered: Judgement,
    pub goal_reached: Option<Judgement>,
    pub heard_whole: Judgement,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GreetingArmResult)]
pub struct ArmResult {
    /// Empty: no experiment.
    pub arm: String,
    pub text: Option<String>,
    pub outcomes: Outcomes,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GreetingOutcomes)]
pub struct Outcomes {
    pub calls: i64,
    /// Whose greeting is over: the base of what was heard.
    pub measured: i64,
    /// Whose greeting was rendered when the call began.
    pub rendered_ahead: i64,
    /// Heard from their beginning to their end.
    pub heard_whole: i64,
    /// Their beginning may not have been heard.
    pub clipped: i64,
    pub talked_over: i64,
    pub answered: i64,
    pub goal_reached: i64,
    /// From media flowing both ways to the first audible sample.
    pub first_audible_median_ms: Option<f64>,
    pub first_audible_p95_ms: Option<f64>,
}

/// Whether arms differ by more than chance. Of all arms by the chi-squared test; of each with the first by a test of two proportions, corrected
/// for their number after Holm; intervals at 95 %.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GreetingJudgement)]
pub struct Judgement {
    pub conclusion: Conclusion,
    /// The arm that differs from the first.
    pub arm: Option<String>,
    pub p: Option<f64>,
    /// In the order of the arms.
    pub arms: Vec<ArmJudgement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GreetingConclusion)]
pub enum Conclusion {
    NotEnoughData,
    NoDifference,
    Differs,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GreetingArmJudgement)]
pub struct ArmJudgement {
    pub rate: Option<RateInterval>,
    /// This rate less the first arm's.
    pub difference: Option<RateInterval>,
    pub p: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GreetingRateInterval)]
pub struct RateInterval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GreetingMeasuresQuery {
    /// Calls that began so many days ago or later: 1 to 90, 30 unless given.
    #[param(minimum = 1, maximum = 90)]
    pub days: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GreetingMeasures {
    pub days: u32,
    pub total: Outcomes,
    /// By greeting, most calls first.
    pub greetings: Vec<GreetingMeasure>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GreetingMeasure {
    /// Null: agents' own.
    #[schema(value_type = Option<String>)]
    pub greeting_id: Option<GreetingId>,
    pub outcomes: Outcomes,
}
