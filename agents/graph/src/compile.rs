//! From the definition to what a walk runs on: texts parsed, choices prepared, edges by outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{EndReason, wire_name};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::chat::Function;
use crate::definition::{AgentDefinition, HAS_TO_END};
use crate::expression::{Expression, Scope};
use crate::node::{Collect, DeclaredTool, End, IntentNode, LlmNode, Node, Press, Say, Slot, Tool, Transfer};
use crate::template::{Given, Template};
use crate::understand::Choices;
use crate::validate::{self, Invalid, Problem, RESERVED, Severity};
use crate::walk::TOLD;

/// An agent ready to run. Immutable; a call keeps the one it began with.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub definition: AgentDefinition,
    /// What is questionable and still runs.
    pub warnings: Vec<Problem>,
    pub(crate) nodes: BTreeMap<String, Step>,
    pub(crate) edges: BTreeMap<String, Vec<Way>>,
    pub(crate) choices: BTreeMap<String, Choices>,
    /// The vocabularies as expressions see them.
    pub(crate) vocabularies: Value,
    pub(crate) greeting: Vec<Template>,
    pub(crate) manners: Manners,
    pub(crate) tools: BTreeMap<String, Calling>,
}

impl Compiled {
    /// Whom the agent's nodes of kind `transfer` name outright, by words or by `facts`. Where a call's own state decides, nobody is named.
    #[must_use]
    pub fn destinations(&self) -> Vec<String> {
        let roots = [("facts", &self.definition.facts), ("vocabularies", &self.vocabularies)];
        let scope = Scope { roots: &roots, state: &Map::new() };
        let fixed =
            |to: &Template| to.roots().iter().all(|root| roots.iter().any(|(known, _)| known == root));
        let named = self.nodes.values().filter_map(|step| match step {
            Step::Transfer(leading) if fixed(&leading.to) => Some(leading.to.render(&scope, Date::ZERO)),
            _ => None,
        });
        named.map(|to| to.trim().to_owned()).filter(|to| !to.is_empty()).collect()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) on: String,
    pub(crate) when: Option<Expression>,
    pub(crate) to: String,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Say { text: Vec<Template>, interruptible: bool, set: Vec<(String, Given)> },
    Intent { node: IntentNode, prompt: Vec<Template>, unknown: Vec<Template> },
    Collect(Arc<Collecting>),
    Router,
    Tool { node: Tool, args: Vec<(String, Given)>, text: Vec<Template> },
    Llm(Arc<Talking>),
    Transfer(Arc<Leading>),
    Press(Arc<Pressing>),
    End { node: End, text: Vec<Template> },
}

/// A node that puts the caller through.
#[derive(Debug, Clone)]
pub(crate) struct Leading {
    pub(crate) node: Transfer,
    pub(crate) to: Template,
    pub(crate) from: Option<Template>,
    pub(crate) text: Vec<Template>,
    pub(crate) briefing: Vec<Template>,
    pub(crate) ask: Vec<Template>,
    pub(crate) waiting: Vec<Template>,
}

/// A node that presses keys.
#[derive(Debug, Clone)]
pub(crate) struct Pressing {
    pub(crate) node: Press,
    pub(crate) keys: Template,
    pub(crate) text: Vec<Template>,
}

/// A node of a language model.
#[derive(Debug, Clone)]
pub(crate) struct Talking {
    pub(crate) node: LlmNode,
    pub(crate) instructions: Template,
    pub(crate) prompt: Vec<Template>,
    pub(crate) sorry: Vec<Template>,
    /// Tools and exits.
    pub(crate) functions: Arc<[Function]>,
    pub(crate) output: Option<Arc<Value>>,
}

/// A tool declared for models.
#[derive(Debug, Clone)]
pub(crate) struct Calling {
    pub(crate) tool: String,
    pub(crate) effects: bool,
    pub(crate) args: Vec<(String, Given)>,
    pub(crate) says: Vec<Template>,
}

#[derive(Debug, Clone)]
pub(crate) struct Collecting {
    pub(crate) node: Collect,
    pub(crate) slots: Vec<Asking>,
    pub(crate) opening_hours: Option<Expression>,
    pub(crate) filled: Vec<Template>,
    pub(crate) corrected: Vec<Template>,
    pub(crate) back: Vec<Template>,
    pub(crate) unclear: Vec<Template>,
    pub(crate) refusals: BTreeMap<String, Vec<Template>>,
    pub(crate) confirm: Option<(Vec<Template>, Vec<Template>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub(crate) slot: Slot,
    pub(crate) ask: Vec<Template>,
    pub(crate) again: Vec<Template>,
    pub(crate) partial: Vec<Template>,
    pub(crate) when: Option<Expression>,
}

#[derive(Debug, Clone)]
pub(crate) struct Manners {
    pub(crate) repeat: Vec<Template>,
    pub(crate) wait: Vec<Template>,
    pub(crate) working: Vec<Template>,
    pub(crate) nudges: Vec<Vec<Template>>,
    pub(crate) farewells: BTreeMap<String, Vec<Template>>,
    pub(crate) unclear: Vec<Template>,
    pub(crate) never_mind: Vec<Template>,
    pub(crate) returned: Vec<Template>,
}

/// Checks and prepares a definition; all problems are reported at once.
pub fn compile(definition: AgentDefinition) -> Result<Compiled, Invalid> {
    let problems = validate::structure(&definition);
    let mut compiler =
        Compiler { problems, channels: definition.state.keys().cloned().collect(), node: None };
    let manners = compiler.manners(&definition);
    let greeting = compiler.texts("greeting", &definition.greeting);
    let tools =
        definition.tools.iter().map(|(name, tool)| (name.clone(), compiler.tool(name, tool))).collect();
    let declared = &definition.tools;
    let nodes = definition.nodes.iter();
    let nodes = nodes.map(|(id, node)| (id.clone(), compiler.node(id, node, declared))).collect();
    let edges = compiler.edges(&definition);
    let (errors, warnings): (Vec<Problem>, Vec<Problem>) =
        compiler.problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(Invalid::of(definition.name, errors));
    }
    let choices = choices(&definition);
    let vocabularies = vocabularies(&definition);
    Ok(Compiled { warnings, nodes, edges, choices, vocabularies, greeting, manners, tools, definition })
}

impl Compiled {
    /// The texts of an utterance that are compared with the examples: itself, and its sentences.
    #[must_use]
    pub fn texts(&self, utterance: &str) -> Vec<String> {
        crate::walk::candidates(utterance)
    }

    /// What an intent node makes of an utterance without a conversation around it: requests about the talk first, as in a walk.
    #[must_use]
    pub fn decide(
        &self,
        node: &str,
        utterance: &str,
        scores: &crate::walk::Scores,
        today: jiff::civil::Date,
    ) -> Option<String> {
        let Step::Intent { node, .. } = self.nodes.get(node)? else { return None };
        let act = crate::understand::request(&crate::understand::Words::new(utterance));
        let asked = act.and_then(|act| node.intents.iter().find(|(_, intent)| intent.act == Some(act)));
        match asked {
            Some((name, _)) => Some(name.clone()),
            None => crate::walk::decide(self, node, utterance, scores, today).map(|(intent, _)| intent),
        }
    }
}

fn choices(definition: &AgentDefinition) -> BTreeMap<String, Choices> {
    let names = |vocabulary: &crate::definition::Vocabulary| {
        let pairs: Vec<(&str, &str)> = vocabulary
            .iter()
            .flat_map(|(key, term)| {
                std::iter::once((key.as_str(), key.as_str()))
                    .chain(term.synonyms.iter().map(move |name| (key.as_str(), name.as_str())))
            })
            .collect();
        Choices::new(pairs)
    };
    definition.vocabularies.iter().map(|(name, vocabulary)| (name.clone(), names(vocabulary))).collect()
}

fn vocabularies(definition: &AgentDefinition) -> Value {
    let spoken = |vocabulary: &crate::definition::Vocabulary| -> Value {
        vocabulary
            .iter()
            .map(|(key, term)| (key.clone(), json!(term.say)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    definition
        .vocabularies
        .iter()
        .map(|(name, vocabulary)| (name.clone(), spoken(vocabulary)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What the model of a node may call, always in the same order.
fn functions(node: &LlmNode, tools: &BTreeMap<String, DeclaredTool>) -> Arc<[Function]> {
    let tools = node.tools.iter().filter_map(|name| Some((name, tools.get(name)?))).map(|(name, tool)| {
        let (description, parameters) = (tool.description.clone(), tool.parameters.clone());
        Function { name: name.clone(), description, parameters }
    });
    let exits = node.exits.iter().map(|(name, exit)| Function {
        name: name.clone(),
        description: exit.description.clone(),
        parameters: json!({"type": "object", "properties": {}}),
    });
    tools.chain(exits).collect()
}

struct Compiler {
    problems: Vec<Problem>,
    channels: BTreeSet<String>,
    node: Option<String>,
}

impl Compiler {
    fn report(&mut self, field: &str, reason: impl std::fmt::Display) {
        self.problems.push(Problem::error(self.node.as_deref(), field, reason.to_string()));
    }

    fn roots(&mut self, field: &str, roots: &[&str]) {
        for root in roots {
            if !RESERVED.contains(root) && !TOLD.contains(root) && !self.channels.contains(*root) {
                self.report(
                    field,
                    format!(
                        "\"{root}\" is no channel of state; besides channels there are {}",
                        [&RESERVED[..], &TOLD[..]].concat().join(", ")
                    ),
                );
            }
        }
    }

    fn texts(&mut self, field: &str, texts: &[String]) -> Vec<Template> {
        let mut templates = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let field = format!("{field}[{index}]");
            match Template::parse(text) {
                Ok(template) => {
                    self.roots(&field, &template.roots());
                    templates.push(template);
                }
                Err(error) => self.report(&field, error),
            }
        }
        templates
    }

    /// One text; where it is wrong, which is reported, an empty one.
    fn template(&mut self, field: &str, text: &str) -> Template {
        let template = Template::parse(text).unwrap_or_else(|error| {
            self.report(field, error);
            Template::default()
        });
        self.roots(field, &template.roots());
        template
    }

    fn tool(&mut self, name: &str, tool: &DeclaredTool) -> Calling {
        self.node = None;
        Calling {
            tool: tool.tool.clone().unwrap_or_else(|| name.to_owned()),
            effects: tool.effects,
            args: self.given(&format!("tools.{name}.args"), &tool.args),
            says: self.texts(&format!("tools.{name}.says"), &tool.says),
        }
    }

    fn expression(&mut self, field: &str, text: Option<&String>) -> Option<Expression> {
        match Expression::parse(text?) {
            Ok(expression) => {
                self.roots(field, &expression.roots());
                Some(expression)
            }
            Err(error) => {
                self.report(field, error);
                None
            }
        }
    }

    fn given(&mut self, field: &str, values: &BTreeMap<String, Value>) -> Vec<(String, Given)> {
        let mut given = Vec::new();
        for (name, value) in values {
            let field = format!("{field}.{name}");
            match Given::parse(value) {
                Ok(value) => {
                    self.roots(&field, &value.roots());
                    given.push((name.clone(), value));
                }
                Err(error) => self.report(&field, error),
            }
        }
        given
    }

    fn node(&mut self, id: &str, node: &Node, tools: &BTreeMap<String, DeclaredTool>) -> Step {
        self.node = Some(id.to_owned());
        match node {
            Node::Say(Say { text, interruptible, set }) => Step::Say {
                text: self.texts("text", text),
                interruptible: *interruptible,
                set: self.given("set", set),
            },
            Node::Intent(node) => Step::Intent {
                prompt: self.texts("prompt", &node.prompt),
                unknown: self.texts("unknown", &node.unknown),
                node: node.clone(),
            },
            Node::Collect(node) => Step::Collect(Arc::new(self.collect(node))),
            Node::Router(_) => Step::Router,
            Node::Tool(node) => Step::Tool {
                args: self.given("args", &node.args),
                text: self.texts("text", &node.text),
                node: node.clone(),
            },
            Node::Llm(node) => Step::Llm(Arc::new(Talking {
                instructions: self.template("instructions", &node.instructions),
                prompt: self.texts("prompt", &node.prompt),
                sorry: self.texts("sorry", &node.sorry),
                functions: functions(node, tools),
                output: node.output.clone().map(Arc::new),
                node: node.clone(),
            })),
            Node::Transfer(node) => Step::Transfer(Arc::new(Leading {
                to: self.template("to", &node.to),
                from: node.from.as_ref().map(|from| self.template("from", from)),
                text: self.texts("text", &node.text),
                briefing: self.texts("briefing", &node.briefing),
                ask: self.texts("ask", &node.ask),
                waiting: self.texts("waiting", &node.waiting),
                node: node.clone(),
            })),
            Node::Press(node) => Step::Press(Arc::new(Pressing {
                keys: self.template("keys", &node.keys),
                text: self.texts("text", &node.text),
                node: node.clone(),
            })),
            Node::End(node) => Step::End { text: self.texts("text", &node.text), node: node.clone() },
        }
    }

    fn collect(&mut self, node: &Collect) -> Collecting {
        let slots = node.slots.iter().enumerate().map(|(index, slot)| self.slot(index, slot)).collect();
        let refusals = node
            .refusals
            .iter()
            .map(|(reason, texts)| (reason.clone(), self.texts(&format!("refusals.{reason}"), texts)))
            .collect();
        Collecting {
            slots,
            refusals,
            opening_hours: self.expression("opening_hours", node.opening_hours.as_ref()),
            filled: self.texts("filled", &node.filled),
            corrected: self.texts("corrected", &node.corrected),
            back: self.texts("back", &node.back),
            unclear: self.texts("unclear", &node.unclear),
            confirm: node.confirm.as_ref().map(|confirm| {
                (self.texts("confirm.ask", &confirm.ask), self.texts("confirm.change", &confirm.change))
            }),
            node: node.clone(),
        }
    }

    fn slot(&mut self, index: usize, slot: &Slot) -> Asking {
        let field = |name: &str| format!("slots[{index}].{name}");
        Asking {
            ask: self.texts(&field("ask"), &slot.ask),
            again: self.texts(&field("again"), &slot.again),
            partial: self.texts(&field("partial"), &slot.partial),
            when: self.expression(&field("when"), slot.when.as_ref()),
            slot: slot.clone(),
        }
    }

    fn edges(&mut self, definition: &AgentDefinition) -> BTreeMap<String, Vec<Way>> {
        let mut edges: BTreeMap<String, Vec<Way>> = BTreeMap::new();
        for (index, edge) in definition.edges.iter().enumerate() {
            self.node = Some(edge.from.clone());
            let when = self.expression(&format!("edges[{index}].when"), edge.when.as_ref());
            edges.entry(edge.from.clone()).or_default().push(Way {
                on: edge.on.clone(),
                when,
                to: edge.to.clone(),
            });
        }
        edges
    }

    /// Few agents have words for both ends that their callers have no part in: one stands in for the other. Next best are those of a call
    /// that is too long, which are wrong about why, and so they do only where we have no others in the language.
    fn farewells(&mut self, definition: &AgentDefinition) -> BTreeMap<String, Vec<Template>> {
        let written = definition.manners.farewells.iter();
        let mut farewells: BTreeMap<String, Vec<Template>> = written
            .map(|(reason, texts)| {
                (reason.clone(), self.texts(&format!("manners.farewells.{reason}"), texts))
            })
            .collect();
        let [budget, operator] =
            [EndReason::BudgetSpent, EndReason::OperatorEnded].map(|reason| wire_name(&reason));
        let english = definition.language.0.split('-').next() == Some("en");
        for (reason, other) in [(&budget, &operator), (&operator, &budget)] {
            if farewells.contains_key(reason) {
                continue;
            }
            let words = farewells.get(other).cloned().or_else(|| {
                let too_long = farewells.get(&wire_name(&EndReason::TooLong))?.clone();
                Some(if english { self.texts(reason, &[HAS_TO_END.to_owned()]) } else { too_long })
            });
            farewells.extend(words.map(|words| (reason.clone(), words)));
        }
        farewells
    }

    fn manners(&mut self, definition: &AgentDefinition) -> Manners {
        let manners = &definition.manners;
        Manners {
            repeat: self.texts("manners.repeat", &manners.repeat),
            wait: self.texts("manners.wait", &manners.wait),
            working: self.texts("manners.working", &manners.working),
            nudges: manners
                .nudges
                .iter()
                .enumerate()
                .map(|(index, texts)| self.texts(&format!("manners.nudges[{index}]"), texts))
                .collect(),
            farewells: self.farewells(definition),
            unclear: self.texts("manners.unclear", &manners.unclear),
            never_mind: self.texts("manners.never_mind", &manners.never_mind),
            returned: self.texts("manners.returned", &manners.returned),
        }
    }
}
