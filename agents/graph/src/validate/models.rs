//! What is wrong with nodes of language models and with the tools declared for them.

use serde_json::Value;

use super::{Problem, channel_exists};
use crate::definition::AgentDefinition;
use crate::node::{LlmNode, Node};

/// Longest name of a function that all vendors take.
const LONGEST_NAME: usize = 64;
/// Most rounds of tools in one turn: nobody waits longer on the telephone.
const MOST_ROUNDS: u32 = 16;

pub(super) fn node(definition: &AgentDefinition, id: &str, node: &LlmNode, problems: &mut Vec<Problem>) {
    let mut wrong = |field: &str, reason: &str| problems.push(Problem::error(Some(id), field, reason));
    if node.instructions.trim().is_empty() {
        wrong("instructions", "tell the model who it is and what to do");
    }
    if node.timeout_ms == 0 {
        wrong("timeout_ms", "must be above 0");
    }
    if node.max_tokens == Some(0) {
        wrong("max_tokens", "must be above 0");
    }
    if node.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        wrong("temperature", "must lie between 0 and 2");
    }
    if !(1..=MOST_ROUNDS).contains(&node.rounds) {
        wrong("rounds", "must lie between 1 and 16");
    }
    if node.history == 0 {
        wrong("history", "at least the turn that is answered is needed");
    }
    match (&node.output, &node.into) {
        (Some(schema), Some(_)) if !is_schema(schema) => {
            wrong("output", "must be a JSON Schema: an object with a \"type\"")
        }
        (Some(_), None) => wrong("into", "name the channel that receives the value"),
        (None, Some(_)) => wrong("output", "without a schema nothing is written into the channel"),
        _ => {}
    }
    if node.output.is_some() && !node.tools.is_empty() {
        wrong("tools", "a node with an output calls no tools");
    }
    if node.output.is_some() && !node.exits.is_empty() {
        wrong("exits", "a node with an output has the outcomes \"next\" and \"error\"");
    }
    if let Some(into) = &node.into {
        channel_exists(definition, id, "into", into, problems);
    }
    for (index, tool) in node.tools.iter().enumerate() {
        if !definition.tools.contains_key(tool) {
            let reason = format!("\"{tool}\" is not declared under \"tools\" of the definition");
            problems.push(Problem::error(Some(id), &format!("tools[{index}]"), reason));
        }
    }
    exits(definition, id, node, problems);
}

fn exits(definition: &AgentDefinition, id: &str, node: &LlmNode, problems: &mut Vec<Problem>) {
    for (name, exit) in &node.exits {
        let field = format!("exits.{name}");
        let mut wrong = |field: &str, reason: String| problems.push(Problem::error(Some(id), field, reason));
        if let Some(reason) = unfit(name) {
            wrong(&field, reason.to_owned());
        } else if name == "next" || name == "error" {
            wrong(&field, "this name is taken by the system".to_owned());
        } else if node.tools.contains(name) {
            wrong(&field, format!("\"{name}\" is a tool of this node, too"));
        }
        if exit.description.trim().is_empty() {
            wrong(&format!("{field}.description"), "tell the model when to take it".to_owned());
        }
        if !definition.edges.iter().any(|edge| edge.from == id && edge.on == *name) {
            wrong(&field, format!("no edge leads on from \"{name}\""));
        }
    }
}

/// The tools of the definition, whoever uses them.
pub(super) fn declarations(definition: &AgentDefinition, problems: &mut Vec<Problem>) {
    for (name, tool) in &definition.tools {
        let field = format!("tools.{name}");
        let mut wrong = |field: &str, reason: &str| problems.push(Problem::error(None, field, reason));
        if let Some(reason) = unfit(name) {
            wrong(&field, reason);
        }
        if tool.tool.as_ref().is_some_and(String::is_empty) {
            wrong(&format!("{field}.tool"), "the name of the tool is empty");
        }
        if tool.description.trim().is_empty() {
            wrong(&format!("{field}.description"), "tell the model what it does and when to use it");
        }
        if tool.parameters.get("type").and_then(Value::as_str) != Some("object") {
            wrong(&format!("{field}.parameters"), "must be a JSON Schema of an object");
        }
        let used = definition
            .nodes
            .values()
            .any(|node| matches!(node, Node::Llm(node) if node.tools.contains(name)));
        if !used {
            problems.push(Problem::warning(None, &field, "no node uses this tool"));
        }
    }
    let share = definition.speculation.max_wasted;
    if !(0.0..=1.0).contains(&share) {
        problems.push(Problem::error(None, "speculation.max_wasted", "must lie between 0 and 1"));
    }
    if definition.speculation.window == 0 {
        problems.push(Problem::error(None, "speculation.window", "must be above 0"));
    }
}

fn unfit(name: &str) -> Option<&'static str> {
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    (!fits).then_some("a name that models may call has letters, digits, \"_\" and \"-\", at most 64")
}

fn is_schema(schema: &Value) -> bool {
    schema.get("type").is_some_and(Value::is_string)
}
