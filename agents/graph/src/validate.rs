//! What is wrong with a definition, said so that a person or an editor can mend it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::Failure;
use serde::Serialize;

use crate::definition::AgentDefinition;
use crate::node::{Collect, Entity, IntentNode, Node, Press, Slot, SlotKind, Transfer};

mod models;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The agent cannot run.
    Error,
    Warning,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    /// None where the definition as a whole is meant.
    pub node: Option<String>,
    /// Path of the field inside the node or the definition.
    pub field: String,
    pub reason: String,
}

impl Problem {
    pub(crate) fn error(node: Option<&str>, field: &str, reason: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            node: node.map(str::to_owned),
            field: field.to_owned(),
            reason: reason.into(),
        }
    }

    fn warning(node: Option<&str>, field: &str, reason: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(node, field, reason) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "node \"{node}\", ")?;
        }
        if !self.field.is_empty() {
            write!(f, "field \"{}\": ", self.field)?;
        }
        f.write_str(&self.reason)
    }
}

/// A definition that cannot run, with all its problems.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("agent \"{name}\" is not valid: {}", shown(problems))]
pub struct Invalid {
    pub name: String,
    pub problems: Vec<Problem>,
}

impl Invalid {
    pub(crate) fn of(name: String, problems: Vec<Problem>) -> Self {
        Self { name, problems }
    }

    #[must_use]
    pub const fn failure(&self) -> Failure {
        Failure::caller("AGENT_INVALID")
    }
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Everything that can be said without parsing texts: references, outcomes, reachability, loops.
pub(crate) fn structure(definition: &AgentDefinition) -> Vec<Problem> {
    let mut problems = Vec::new();
    whole(definition, &mut problems);
    for (id, node) in &definition.nodes {
        match node {
            Node::Collect(collect) => collecting(definition, id, collect, &mut problems),
            Node::Intent(intent) => intents(definition, id, intent, &mut problems),
            Node::Say(say) => {
                for channel in say.set.keys() {
                    channel_exists(definition, id, &format!("set.{channel}"), channel, &mut problems);
                }
            }
            Node::Tool(tool) => {
                if let Some(into) = &tool.into {
                    channel_exists(definition, id, "into", into, &mut problems);
                }
                if tool.tool.is_empty() {
                    problems.push(Problem::error(Some(id), "tool", "the name of the tool is empty"));
                }
            }
            Node::Llm(node) => models::node(definition, id, node, &mut problems),
            Node::Transfer(node) => transfers(id, node, &mut problems),
            Node::Press(node) => presses(id, node, &mut problems),
            Node::Router(_) | Node::End(_) => {}
        }
    }
    models::declarations(definition, &mut problems);
    edges(definition, &mut problems);
    reach(definition, &mut problems);
    loops(definition, &mut problems);
    problems
}

fn whole(definition: &AgentDefinition, problems: &mut Vec<Problem>) {
    let name_fits = !definition.name.is_empty()
        && definition.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !name_fits {
        problems.push(Problem::error(None, "name", "a name has lower-case letters, digits and hyphens"));
    }
    match definition.nodes.get(&definition.entry) {
        None => {
            problems.push(Problem::error(None, "entry", format!("there is no node \"{}\"", definition.entry)))
        }
        Some(node) if !node.waits() => {
            problems.push(Problem::error(
                None,
                "entry",
                format!(
                    "\"{}\" is of kind {}; the entry must wait for the caller (intent, collect, or llm without output)",
                    definition.entry,
                    node.kind()
                ),
            ));
        }
        Some(_) => {}
    }
    if let Some(goodbye) = &definition.manners.goodbye
        && !definition.nodes.contains_key(goodbye)
    {
        problems.push(Problem::error(None, "manners.goodbye", format!("there is no node \"{goodbye}\"")));
    }
    for (name, channel) in &definition.state {
        if let Some(reason) = channel.contradiction() {
            problems.push(Problem::error(None, &format!("state.{name}"), reason));
        }
        if RESERVED.contains(&name.as_str()) {
            problems.push(Problem::error(None, &format!("state.{name}"), "this name is taken by the system"));
        }
    }
    for (name, vocabulary) in &definition.vocabularies {
        if vocabulary.is_empty() {
            problems.push(Problem::error(
                None,
                &format!("vocabularies.{name}"),
                "there is nothing to choose",
            ));
        }
    }
}

/// First parts of paths that are not channels.
pub(crate) const RESERVED: [&str; 7] = ["facts", "heard", "now", "question", "slot", "vocabularies", "error"];

fn channel_exists(
    definition: &AgentDefinition,
    id: &str,
    field: &str,
    channel: &str,
    problems: &mut Vec<Problem>,
) {
    if !definition.state.contains_key(channel) {
        problems.push(Problem::error(Some(id), field, format!("there is no channel \"{channel}\" in state")));
    }
}

fn vocabulary(
    definition: &AgentDefinition,
    id: &str,
    field: &str,
    kind: SlotKind,
    name: Option<&String>,
    problems: &mut Vec<Problem>,
) {
    match (kind, name) {
        (SlotKind::Choice, None) => {
            problems.push(Problem::error(Some(id), field, "a choice needs a vocabulary"))
        }
        (SlotKind::Choice, Some(name)) if !definition.vocabularies.contains_key(name) => {
            problems.push(Problem::error(Some(id), field, format!("there is no vocabulary \"{name}\"")));
        }
        (SlotKind::Choice, Some(_)) | (_, None) => {}
        (_, Some(_)) => problems.push(Problem::error(Some(id), field, "only a choice has a vocabulary")),
    }
}

fn collecting(definition: &AgentDefinition, id: &str, collect: &Collect, problems: &mut Vec<Problem>) {
    channel_exists(definition, id, "into", &collect.into, problems);
    let channel = definition.state.get(&collect.into);
    if channel.is_some_and(|channel| channel.reducer != crate::state::Reducer::Merge) {
        problems.push(Problem::error(
            Some(id),
            "into",
            "the channel must be an object with the reducer \"merge\"",
        ));
    }
    if collect.slots.is_empty() {
        problems.push(Problem::error(Some(id), "slots", "there is nothing to collect"));
    }
    let mut names = BTreeSet::new();
    for (index, slot) in collect.slots.iter().enumerate() {
        if !names.insert(&slot.name) {
            problems.push(Problem::error(
                Some(id),
                &format!("slots[{index}].name"),
                format!("\"{}\" is there twice", slot.name),
            ));
        }
        slot_fits(definition, id, index, slot, problems);
    }
    if let Some(asides) = &collect.asides
        && !matches!(definition.nodes.get(asides), Some(Node::Intent(_)))
    {
        problems.push(Problem::error(Some(id), "asides", format!("\"{asides}\" is no intent node")));
    }
    if collect.attempts == 0 {
        problems.push(Problem::error(Some(id), "attempts", "at least one attempt is needed"));
    }
    for reason in collect.refusals.keys() {
        if !REFUSALS.contains(&reason.as_str()) {
            problems.push(Problem::error(
                Some(id),
                &format!("refusals.{reason}"),
                format!("there is no such reason; there are {}", REFUSALS.join(", ")),
            ));
        }
    }
}

pub(crate) const REFUSALS: [&str; 12] = [
    "no_such_day",
    "past",
    "too_far",
    "closed",
    "outside_hours",
    "vague",
    "too_early",
    "too_short",
    "too_long",
    "too_small",
    "too_large",
    "step",
];

fn slot_fits(definition: &AgentDefinition, id: &str, index: usize, slot: &Slot, problems: &mut Vec<Problem>) {
    vocabulary(
        definition,
        id,
        &format!("slots[{index}].vocabulary"),
        slot.kind,
        slot.vocabulary.as_ref(),
        problems,
    );
    if slot.ask.is_empty() {
        problems.push(Problem::error(
            Some(id),
            &format!("slots[{index}].ask"),
            "without a question the slot is never filled",
        ));
    }
    if let (Some(min), Some(max)) = (slot.min, slot.max)
        && min > max
    {
        problems.push(Problem::error(
            Some(id),
            &format!("slots[{index}].min"),
            "the minimum is above the maximum",
        ));
    }
}

fn intents(definition: &AgentDefinition, id: &str, node: &IntentNode, problems: &mut Vec<Problem>) {
    if node.intents.is_empty() {
        problems.push(Problem::error(Some(id), "intents", "there is no intent"));
    }
    for (field, value) in [
        ("threshold", node.threshold),
        ("lexical_threshold", node.lexical_threshold),
        ("margin", node.margin),
    ] {
        if !(0.0..=1.0).contains(&value) {
            problems.push(Problem::error(Some(id), field, "must lie between 0 and 1"));
        }
    }
    for (name, intent) in &node.intents {
        let field = format!("intents.{name}");
        if name == "next" || name == "unknown" || name.starts_with('_') {
            problems.push(Problem::error(Some(id), &field, "this name is taken by the system"));
        }
        if intent.examples.len() < 2 {
            problems.push(Problem::warning(
                Some(id),
                &format!("{field}.examples"),
                "give several examples: one does not show what may vary",
            ));
        }
        for (entity, Entity { kind, vocabulary: name }) in &intent.extract {
            vocabulary(definition, id, &format!("{field}.extract.{entity}"), *kind, name.as_ref(), problems);
        }
        if let Some(collect) = &intent.implied_by
            && !matches!(definition.nodes.get(collect), Some(Node::Collect(_)))
        {
            problems.push(Problem::error(
                Some(id),
                &format!("{field}.implied_by"),
                format!("\"{collect}\" is no collect node"),
            ));
        }
        let led = definition.edges.iter().any(|edge| edge.from == *id && edge.on == *name);
        if !led && intent.act.is_none() {
            problems.push(Problem::error(Some(id), &field, format!("no edge leads on from \"{name}\"")));
        }
    }
}

fn transfers(id: &str, node: &Transfer, problems: &mut Vec<Problem>) {
    if node.to.trim().is_empty() {
        problems.push(Problem::error(Some(id), "to", "nobody is named: give a number or a SIP address"));
    }
    if !(5..=120).contains(&node.ring_s) {
        problems.push(Problem::error(Some(id), "ring_s", "must lie between 5 and 120"));
    }
    let warm = node.mode == domain::TransferMode::Warm;
    if warm && node.briefing.is_empty() {
        problems.push(Problem::error(
            Some(id),
            "briefing",
            "whoever is called is told of the call first: say how",
        ));
    }
    if !warm && !node.briefing.is_empty() {
        problems.push(Problem::warning(Some(id), "briefing", "nobody is told it where mode is \"cold\""));
    }
    for (field, given) in [("by", &node.by), ("from", &node.from)] {
        if !warm && given.is_some() {
            let warm_alone = "only where mode is \"warm\" does this server call the person";
            problems.push(Problem::warning(Some(id), field, warm_alone));
        }
    }
}

fn presses(id: &str, node: &Press, problems: &mut Vec<Problem>) {
    // What a template makes of it is known in the call alone.
    if !node.keys.contains(['{', '}'])
        && let Err(wrong) = node.keys.parse::<domain::Keys>()
    {
        problems.push(Problem::error(Some(id), "keys", wrong.to_string()));
    }
    if node.patience_s > 600 {
        problems.push(Problem::error(Some(id), "patience_s", "must lie between 0 and 600"));
    }
}

/// What can come out of a node.
fn outcomes(node: &Node) -> Vec<&str> {
    match node {
        Node::Say(_) | Node::Router(_) => vec!["next"],
        Node::Tool(_) => vec!["next", "error"],
        Node::Llm(node) if node.converses() => {
            node.exits.keys().map(String::as_str).chain(["error"]).collect()
        }
        Node::Llm(_) => vec!["next", "error"],
        Node::Collect(_) => vec!["done", "cancelled", "failed"],
        Node::Intent(intent) => intent.intents.keys().map(String::as_str).chain(["unknown"]).collect(),
        Node::Transfer(_) => vec!["failed"],
        Node::Press(_) => vec!["next", "failed"],
        Node::End(_) => Vec::new(),
    }
}

fn edges(definition: &AgentDefinition, problems: &mut Vec<Problem>) {
    let mut open: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for (index, edge) in definition.edges.iter().enumerate() {
        let field = format!("edges[{index}]");
        if !definition.nodes.contains_key(&edge.to) {
            problems.push(Problem::error(
                Some(&edge.from),
                &format!("{field}.to"),
                format!("there is no node \"{}\"", edge.to),
            ));
        }
        let Some(node) = definition.nodes.get(&edge.from) else {
            problems.push(Problem::error(
                None,
                &format!("{field}.from"),
                format!("there is no node \"{}\"", edge.from),
            ));
            continue;
        };
        if !outcomes(node).contains(&edge.on.as_str()) {
            let known = outcomes(node).join(", ");
            problems.push(Problem::error(
                Some(&edge.from),
                &format!("{field}.on"),
                format!("a node of kind {} has no outcome \"{}\"; it has: {known}", node.kind(), edge.on),
            ));
        }
        let closed = open.entry((&edge.from, &edge.on)).or_default();
        if *closed {
            problems.push(Problem::warning(
                Some(&edge.from),
                &field,
                "never taken: an edge without a condition stands before it",
            ));
        }
        *closed |= edge.when.is_none();
    }
    for (id, node) in &definition.nodes {
        let needed: &[&str] = match node {
            Node::Collect(_) => &["done"],
            Node::Router(_) => &["next"],
            Node::Tool(_) => &["error"],
            Node::Transfer(_) | Node::Press(_) => &["failed"],
            Node::Llm(node) if !node.converses() => &["error"],
            _ => &[],
        };
        for outcome in needed {
            if !open.contains_key(&(id.as_str(), *outcome)) {
                problems.push(Problem::error(
                    Some(id),
                    "edges",
                    format!("no edge leads on from \"{outcome}\""),
                ));
            }
        }
    }
}

fn reach(definition: &AgentDefinition, problems: &mut Vec<Problem>) {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut next: Vec<&str> = vec![&definition.entry];
    next.extend(definition.manners.goodbye.as_deref());
    while let Some(id) = next.pop() {
        if !reached.insert(id) {
            continue;
        }
        next.extend(definition.edges.iter().filter(|edge| edge.from == id).map(|edge| edge.to.as_str()));
        if let Some(Node::Collect(Collect { asides: Some(asides), .. })) = definition.nodes.get(id) {
            next.push(asides);
        }
    }
    for id in definition.nodes.keys().filter(|id| !reached.contains(id.as_str())) {
        problems.push(Problem::warning(Some(id), "", "no path leads here"));
    }
}

/// Cycles in which no node waits for the caller; the walk cuts them after a number of steps.
fn loops(definition: &AgentDefinition, problems: &mut Vec<Problem>) {
    let hasty = |id: &str| definition.nodes.get(id).is_some_and(|node| !node.waits());
    for start in definition.nodes.keys().filter(|id| hasty(id)) {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut next = vec![(start.as_str(), true)];
        while let Some((id, sure)) = next.pop() {
            for edge in definition.edges.iter().filter(|edge| edge.from == id && hasty(&edge.to)) {
                let sure = sure && edge.when.is_none() && outgoing(definition, id) == 1;
                if edge.to == *start {
                    let reason = "a loop comes back here without waiting for the caller";
                    problems.push(if sure {
                        Problem::error(Some(start), "edges", reason)
                    } else {
                        Problem::warning(Some(start), "edges", reason)
                    });
                    next.clear();
                    break;
                }
                if seen.insert(&edge.to) {
                    next.push((&edge.to, sure));
                }
            }
        }
    }
}

fn outgoing(definition: &AgentDefinition, id: &str) -> usize {
    definition.edges.iter().filter(|edge| edge.from == id).count()
}
