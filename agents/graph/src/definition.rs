//! The JSON of an agent. Unknown fields are refused everywhere, and every mistake is reported with its node and field.

use std::collections::BTreeMap;

use domain::{Language, Voice};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::node::{DeclaredTool, Node};
use crate::state::Channel;
use crate::validate::{Invalid, Problem};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentDefinition {
    /// Lower case with hyphens; the name in URLs.
    pub name: String,
    pub version: u32,
    /// Name for people.
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub language: Language,
    #[serde(default)]
    pub voice: Voice,
    /// IANA name of the zone that "today" is meant in; without it the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Wordings of the greeting; none lets the caller speak first.
    #[serde(default)]
    pub greeting: Vec<String>,
    /// Settings of turn-taking, idle time and providers for this agent; the graph does not read them.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub options: Value,
    /// What does not change during a call: opening hours, prices. Read as `facts`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub facts: Value,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state: BTreeMap<String, Channel>,
    /// Choices by name: each option with how it is said and by what names callers know it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vocabularies: BTreeMap<String, Vocabulary>,
    /// What language models may call, by the name they see.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, DeclaredTool>,
    #[serde(default, skip_serializing_if = "Speculation::is_default")]
    pub speculation: Speculation,
    #[serde(default)]
    pub manners: Manners,
    /// Node where the first turn of the caller arrives.
    pub entry: String,
    pub nodes: BTreeMap<String, Node>,
    #[serde(default)]
    pub edges: Vec<Edge>,
    /// Positions in the editor.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub layout: Value,
}

pub type Vocabulary = BTreeMap<String, Term>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// How the agent says it: "a haircut".
    pub say: String,
    #[serde(default)]
    pub synonyms: Vec<String>,
}

/// How much asking a model ahead of the end of a turn may waste.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Speculation {
    /// Largest share, 0 to 1, of the last questions asked ahead that may have been in vain; 0 asks nothing ahead.
    pub max_wasted: f32,
    /// How many of the last are counted.
    pub window: u32,
    /// How long nothing is asked ahead once the share was exceeded, in milliseconds.
    pub pause_ms: u64,
    /// Most tokens, in and out, that may have been in vain within an hour; beyond it nothing is asked ahead until some of them are older.
    pub max_wasted_tokens: u64,
}

impl Default for Speculation {
    fn default() -> Self {
        Self { max_wasted: 0.7, window: 40, pause_ms: 60_000, max_wasted_tokens: 1_000_000 }
    }
}

impl Speculation {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Of the edges of a node's outcome the first with a true condition is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    pub from: String,
    /// Outcome of the node: an intent, `done`, `cancelled`, `failed`, `error`, `unknown`, an exit; `next` where it has one way on.
    #[serde(default = "next", skip_serializing_if = "is_next")]
    pub on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    pub to: String,
}

fn next() -> String {
    "next".to_owned()
}

fn is_next(on: &String) -> bool {
    on == "next"
}

/// How the agent behaves wherever the talk is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manners {
    /// Said before the last reply is said again.
    pub repeat: Vec<String>,
    /// Said when the caller needs a moment.
    pub wait: Vec<String>,
    /// How long the caller then gets, in milliseconds.
    pub wait_ms: u64,
    /// Said while an answer with tools takes long and nothing was said in the turn; none: nothing is.
    pub working: Vec<String>,
    /// How long, in milliseconds from the end of the caller's turn. Less than the session waits before it apologises.
    pub working_ms: u64,
    /// Said to a silent caller: the first entry at the first nudge, and so on. `question` is what was last asked.
    pub nudges: Vec<Vec<String>>,
    /// Said when the caller stayed silent through all nudges, by `EndReason`; see there for the names.
    pub farewells: BTreeMap<String, Vec<String>>,
    /// Said when nothing was understood.
    pub unclear: Vec<String>,
    /// Where "never mind" leads when there is nothing to cancel; said and waited.
    pub never_mind: Vec<String>,
    /// Said to a caller whose call was cut off by a failure of ours and who is back, before what was last asked or said.
    pub returned: Vec<String>,
    /// Node (of kind `end`, or one that leads there) that says goodbye.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodbye: Option<String>,
}

/// That the call has to end is all that its caller need know of a budget or an operator.
pub(crate) const HAS_TO_END: &str = "I'm sorry, I have to end the call here. Goodbye.";

impl Default for Manners {
    fn default() -> Self {
        let one = |text: &str| vec![text.to_owned()];
        Self {
            repeat: Vec::new(),
            wait: one("Sure, take your time."),
            wait_ms: 30_000,
            working: vec!["One moment.".to_owned(), "Let me see.".to_owned()],
            working_ms: 1_200,
            nudges: vec![one("Are you still there?"), one("I'm still here if you need me.")],
            farewells: BTreeMap::from([
                ("caller_silent".to_owned(), one("I can't hear you, so I'll hang up now. Goodbye.")),
                ("budget_spent".to_owned(), one(HAS_TO_END)),
                ("operator_ended".to_owned(), one(HAS_TO_END)),
            ]),
            unclear: one("Sorry, I didn't catch that."),
            never_mind: one("No problem."),
            returned: one("Sorry, we were cut off."),
            goodbye: None,
        }
    }
}

/// Reads a definition. Reports what is wrong in all nodes at once, not only in the first.
pub fn parse(json: &str) -> Result<AgentDefinition, Invalid> {
    let mut whole: Value = serde_json::from_str(json).map_err(|error| {
        let reason = format!("this is not JSON: {error}");
        Invalid::of(String::new(), vec![Problem::error(None, "", reason)])
    })?;
    let name = whole.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut problems = Vec::new();
    let mut nodes = BTreeMap::new();
    match whole.get_mut("nodes").map(|nodes| std::mem::replace(nodes, json!({}))) {
        Some(Value::Object(given)) => {
            for (id, value) in given {
                match serde_json::from_value::<Node>(value) {
                    Ok(node) => {
                        nodes.insert(id, node);
                    }
                    Err(error) => problems.push(from_serde(Some(&id), &error)),
                }
            }
        }
        Some(_) => problems.push(Problem::error(None, "nodes", "must be an object: each node by its name")),
        None => {}
    }
    match serde_json::from_value::<AgentDefinition>(whole) {
        Ok(mut definition) if problems.is_empty() => {
            definition.nodes = nodes;
            Ok(definition)
        }
        Ok(_) => Err(Invalid::of(name, problems)),
        Err(error) => {
            problems.insert(0, from_serde(None, &error));
            Err(Invalid::of(name, problems))
        }
    }
}

/// serde names the field between the first backticks.
fn from_serde(node: Option<&str>, error: &serde_json::Error) -> Problem {
    let reason = error.to_string();
    let field = reason.split('`').nth(1).unwrap_or_default().to_owned();
    Problem::error(node, &field, reason)
}
