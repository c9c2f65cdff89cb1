//! The kinds of nodes as a person writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Node {
    Say(Say),
    Intent(IntentNode),
    Collect(Collect),
    Router(Router),
    Tool(Tool),
    Llm(LlmNode),
    Transfer(Transfer),
    Press(Press),
    End(End),
}

impl Node {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Say(_) => "say",
            Self::Intent(_) => "intent",
            Self::Collect(_) => "collect",
            Self::Router(_) => "router",
            Self::Tool(_) => "tool",
            Self::Llm(_) => "llm",
            Self::Transfer(_) => "transfer",
            Self::Press(_) => "press",
            Self::End(_) => "end",
        }
    }

    /// Whether the walk stops there until the caller speaks.
    #[must_use]
    pub const fn waits(&self) -> bool {
        match self {
            Self::Intent(_) | Self::Collect(_) => true,
            Self::Llm(node) => node.converses(),
            _ => false,
        }
    }
}

fn yes() -> bool {
    true
}

/// Says one of several wordings and goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// Wordings (templates), taken in turn. May be empty in a node that only sets state.
    #[serde(default)]
    pub text: Vec<String>,
    #[serde(default = "yes")]
    pub interruptible: bool,
    /// Channel and value; a text that begins with "=" is an expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, Value>,
}

/// Waits for the caller and routes by what they want.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntentNode {
    /// Said on arrival when nothing else was said in this turn.
    #[serde(default)]
    pub prompt: Vec<String>,
    pub intents: BTreeMap<String, Intent>,
    /// What callers say that this agent cannot help with; being nearest to one of these is being unknown.
    #[serde(default)]
    pub background: Vec<String>,
    /// Least similarity, 0 to 1, to an example.
    #[serde(default = "threshold")]
    pub threshold: f32,
    /// The same where no embedder is there and words are compared.
    #[serde(default = "lexical_threshold")]
    pub lexical_threshold: f32,
    /// How much better than the next intent the best must be.
    #[serde(default)]
    pub margin: f32,
    /// Said when nothing fits and no edge `unknown` leads away.
    #[serde(default)]
    pub unknown: Vec<String>,
}

fn threshold() -> f32 {
    0.5
}

fn lexical_threshold() -> f32 {
    0.34
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    pub examples: Vec<String>,
    /// What to find in the words: name under `heard` and its kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extract: BTreeMap<String, Entity>,
    /// Gives way to any other intent that fits: greetings and thanks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub weak: bool,
    /// A collect node: an utterance that gives a choice and another value it collects means this intent, where no other fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implied_by: Option<String>,
    /// Instead of an edge: a request about the talk itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Say the last reply again.
    Repeat,
    /// The caller needs a moment.
    Wait,
    /// Away from what is being collected.
    Cancel,
    Goodbye,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    #[serde(rename = "type")]
    pub kind: SlotKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    Date,
    Time,
    Name,
    Phone,
    Choice,
    Number,
    YesNo,
    Text,
}

/// Asks until all its slots are filled, in whatever order the caller gives them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// Channel of type `object` that receives the slots.
    pub into: String,
    pub slots: Vec<Slot>,
    /// Intent node that answers questions asked in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asides: Option<String>,
    /// Path of the opening hours: an object of weekdays, each `{"open": "09:00", "close": "18:00"}` or null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening_hours: Option<String>,
    /// Said before the next question after something was understood.
    #[serde(default)]
    pub filled: Vec<String>,
    /// Said when a value was replaced; `slot.label` and `slot.value` are there.
    #[serde(default)]
    pub corrected: Vec<String>,
    /// Said before the question when the walk comes back from an aside.
    #[serde(default)]
    pub back: Vec<String>,
    /// Said before the question when nothing was understood.
    #[serde(default)]
    pub unclear: Vec<String>,
    /// Why a value cannot be: `no_such_day`, `past`, `too_far`, `closed`, `outside_hours`, `vague`, `too_early`, `too_short`, `too_long`, `too_small`, `too_large`, `step`.
    #[serde(default)]
    pub refusals: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
    /// After so many questions in a row without an answer the outcome is `failed`.
    #[serde(default = "attempts")]
    pub attempts: u32,
}

fn attempts() -> u32 {
    4
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: SlotKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
    /// How people name it: "the day".
    pub label: String,
    /// Words by which the caller asks to change it ("day", "date").
    #[serde(default)]
    pub words: Vec<String>,
    pub ask: Vec<String>,
    /// The question when the first one was not answered.
    #[serde(default)]
    pub again: Vec<String>,
    /// Said while a telephone number is incomplete.
    #[serde(default)]
    pub partial: Vec<String>,
    /// Only asked for where this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Numbers: smallest and largest value; telephone numbers: fewest and most digits; text: characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Dates: how many days ahead at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_days_ahead: Option<u32>,
    /// Times: minutes that a value must be a multiple of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_minutes: Option<u32>,
    /// Times: minutes before closing that a value must leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_before_close_minutes: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// Reads everything back and asks whether it is right.
    pub ask: Vec<String>,
    /// Asked after a plain "no".
    pub change: Vec<String>,
}

/// Goes where the first edge with a true condition leads; says nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {}

/// Calls a tool by name. Outcomes `next` and `error`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub tool: String,
    /// Name and value; a text that begins with "=" is an expression.
    #[serde(default)]
    pub args: BTreeMap<String, Value>,
    /// Channel that receives the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// Said while the tool runs.
    #[serde(default)]
    pub text: Vec<String>,
    /// Report the result to observers of the session under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Lets a language model answer. Without `output` it converses: it waits for the caller and speaks until it leaves by an exit.
/// With `output` it runs once, says nothing of its own, and writes one JSON value into a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlmNode {
    /// The system prompt (a template; its lines are kept).
    pub instructions: String,
    /// Conversing: said on arrival when nothing else was said in this turn; without one the model answers at once what the
    /// caller said last. Otherwise: said while the model works.
    #[serde(default)]
    pub prompt: Vec<String>,
    /// Names of the definition's `tools` that the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Ways out that the model may choose, each an outcome of the node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exits: BTreeMap<String, Exit>,
    /// JSON Schema of the value that is wanted instead of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Channel that receives the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// Said when the model fails and no edge `error` leads away. Without a wording the session apologises.
    #[serde(default)]
    pub sorry: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// 0 to 2; without it the vendor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Longest wait for the next word of the model.
    #[serde(default = "llm_timeout_ms")]
    pub timeout_ms: u64,
    /// How often in one turn the model may call tools; then it must answer with words.
    #[serde(default = "rounds")]
    pub rounds: u32,
    /// How many turns of the caller the model is told of.
    #[serde(default = "history")]
    pub history: u32,
}

impl LlmNode {
    /// Whether it speaks with the caller, or gives one value.
    #[must_use]
    pub const fn converses(&self) -> bool {
        self.output.is_none()
    }
}

/// Less than a session waits for a dialogue, so that the node's own `sorry` is heard and not the session's.
fn llm_timeout_ms() -> u64 {
    2_000
}

fn rounds() -> u32 {
    4
}

fn history() -> u32 {
    20
}

/// A way out of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// Tells the model when to take it.
    pub description: String,
}

/// A tool as a language model sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredTool {
    /// What is called; without it the name under which it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Tells the model what it does and when to use it.
    pub description: String,
    /// JSON Schema of an object.
    #[serde(default = "no_parameters")]
    pub parameters: Value,
    /// Given with every call, whatever the model says: name and value; a text that begins with "=" is an expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, Value>,
    /// Whether it changes something. What only looks something up may run beside others.
    #[serde(default = "yes")]
    pub effects: bool,
    /// Said while it runs, where nothing was said in this turn before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub says: Vec<String>,
}

fn no_parameters() -> Value {
    serde_json::json!({"type": "object", "properties": {}})
}

/// Puts the caller through to a person. Where that succeeds the call ends as `transferred`; the outcome `failed` tells that the caller is
/// still here (`error.code`, `error.message`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// A number or a SIP address (a template).
    pub to: String,
    #[serde(default)]
    pub mode: domain::TransferMode,
    /// Said to the caller before. It cannot be interrupted.
    #[serde(default)]
    pub text: Vec<String>,
    /// What the person is told of the call before they are asked whether they take it (`warm`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub briefing: Vec<String>,
    /// How they are asked. A "yes" or the key 1 takes the call, a "no" or the key 2 does not.
    #[serde(default = "ask")]
    pub ask: Vec<String>,
    /// Said to a caller who speaks meanwhile.
    #[serde(default = "waiting")]
    pub waiting: Vec<String>,
    /// So long the phone may ring, in s (5 to 120).
    #[serde(default = "ring_s")]
    pub ring_s: u32,
    /// The trunk or carrier's account by which they are called (`warm`); the first that can where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The number that they see (`warm`; a template).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

fn ask() -> Vec<String> {
    vec!["Do you take the call? Say yes or press one, or say no or press two.".to_owned()]
}

fn waiting() -> Vec<String> {
    vec!["One moment please, I am still putting you through.".to_owned()]
}

const fn ring_s() -> u32 {
    30
}

/// Presses keys on the line, once everything before was said: what a menu asks for. Outcomes `next` and `failed`, after which
/// `error.code` and `error.message` are there. The other side is not answered before it says something more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Press {
    /// 0 to 9, `*`, `#`, A to D; `w` waits for half a second, `W` for a second (a template).
    pub keys: String,
    /// Said before.
    #[serde(default)]
    pub text: Vec<String>,
    /// So long nobody asks whether somebody is there, in s (0 to 600): menus take their time, and queues.
    #[serde(default)]
    pub patience_s: u32,
}

/// Says goodbye and ends the session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    #[serde(default)]
    pub text: Vec<String>,
    #[serde(default = "agent_ended")]
    pub reason: domain::EndReason,
}

fn agent_ended() -> domain::EndReason {
    domain::EndReason::AgentEnded
}
