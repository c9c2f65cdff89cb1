//! Calls that we make by a trunk. Once they are answered they are sessions as any other.

use std::collections::BTreeMap;

use domain::{CampaignId, ContactId, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCall {
    /// Name of the agent that speaks to whoever answers, as callers name it.
    #[schema(example = "front-desk", max_length = 200)]
    pub agent: String,
    /// Name of one of the server's SIP trunks, or of an account of the organization's at a carrier.
    #[schema(example = "carrier", max_length = 200)]
    pub trunk: String,
    /// Whom to call: up to 64 digits, letters and any of `+-._*#`; by a carrier `+`, the country's code and the number.
    #[schema(example = "+4930123456", min_length = 1, max_length = 64)]
    pub to: String,
    /// What the callee sees, where it is not the trunk's own; by a carrier a number of the account's, which has to be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub from: Option<String>,
    /// How long it may ring, in seconds; 45 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 5, maximum = 180)]
    pub ring_s: Option<u32>,
    /// Off unless given.
    #[serde(default)]
    pub machine_detection: MachineDetection,
    /// What greetings and the message may say of the callee, by name: `session.NAME`, or as it is where it begins with `caller.`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// Whether it is found out, before the agent speaks, that a machine answered; and what is done then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineDetection {
    pub mode: Detection,
    /// `hang_up` unless given.
    #[serde(default)]
    pub at_machine: AtMachine,
    /// What is left after the beep, for `leave_message`: written as greetings are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1000, example = "This is the front desk. Please call us back.")]
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detection {
    /// The agent greets as soon as the callee is heard.
    #[default]
    Off,
    On,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtMachine {
    #[default]
    HangUp,
    LeaveMessage,
}

/// A call of ours, from its place in the queue to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutboundCall {
    #[schema(value_type = String, example = "ses_0190d2f0c0de7000800000000000abcd")]
    pub id: SessionId,
    /// The session, once it is answered: the same id.
    #[schema(value_type = Option<String>)]
    pub session_id: Option<SessionId>,
    #[schema(value_type = Option<String>)]
    pub campaign_id: Option<CampaignId>,
    #[schema(value_type = Option<String>)]
    pub contact_id: Option<ContactId>,
    /// Which call to the contact it is, from 1.
    pub attempt: i32,
    pub agent: String,
    pub trunk: String,
    /// Whom it is to.
    pub to: String,
    pub state: OutboundState,
    /// Why it is over. Answered: `completed`, `machine` (hung up on), `message_left`, `no_audio`
    /// (nothing came from whoever took it, not even silence or a key). Not answered: `busy`, `declined`, `no_answer` (the time to
    /// ring was over, or the trunk said so), `unknown_number`, `forbidden`, `unspeakable`, `unreachable`, `untrusted`, `cancelled`, `agent_unknown` (or nothing of
    /// it is served any more), `expired` (it waited too long in the queue), `failed`. `interrupted`: the server died.
    pub outcome: Option<String>,
    /// The status of SIP with which the trunk said so.
    pub sip_status: Option<u16>,
    /// Who took it, where that was to be found out.
    pub answered_by: Option<AnsweredBy>,
    /// A message was begun: after a beep (true), or in the machine's silence.
    pub beep: Option<bool>,
    /// How the session ended.
    pub end_reason: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub dialled_at: Option<String>,
    #[schema(format = DateTime)]
    pub answered_at: Option<String>,
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutboundState {
    /// It waits for a line.
    Queued,
    /// Nothing came back yet.
    Dialling,
    Ringing,
    /// The call is a session now, which says how it goes on.
    Answered,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    Human,
    Machine,
    /// Nothing told within the time there was; the agent spoke as to a person.
    Unknown,
}

/// Which calls, and which page of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CallsAsked {
    /// Of this campaign alone.
    #[param(pattern = "^cmp_[0-9a-f]{32}$")]
    pub campaign_id: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^p1\\.[0-9a-zA-Z._-]+$")]
    pub cursor: Option<String>,
}
