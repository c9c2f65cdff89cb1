//! Cuts one ONNX model into two at a value inside it, so that its second half can run in pieces. Works on the wire
//! format: fields it does not know stay as they are. Changes no operator.

use std::collections::{HashMap, HashSet};

use crate::wire::{self, Damaged, Field};

/// Where Piper's flow ends and its vocoder begins: the input of `/dec/conv_pre/Conv`.
pub const PIPER_LATENT: &str = "/Mul_7_output_0";
/// How many latent frames each phoneme takes.
pub const PIPER_DURATIONS: &str = "/Ceil_output_0";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error("the model file holds no graph")]
    NoGraph,
    #[error("the model computes no value named {0}")]
    NoValue(String),
}

/// Cuts a Piper voice into an encoder (phonemes to latent frames and durations) and a decoder (latent frames to
/// samples).
///
/// # Errors
/// Where the bytes are no model or none of Piper's shape.
pub fn cut_piper(onnx: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Error> {
    cut(onnx, PIPER_LATENT, &[PIPER_DURATIONS])
}

/// Cuts at the value `at`. The first model gives `at`, the values in `also`, and whatever else the second needs of it.
///
/// # Errors
/// Where the bytes are no model or a named value is not in it.
pub fn cut(onnx: &[u8], at: &str, also: &[&str]) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut rest_of_model = Vec::new();
    let mut graph = None;
    for field in wire::fields(onnx) {
        let field = field?;
        match field.bytes() {
            Some(bytes) if field.number == MODEL_GRAPH => graph = Some(bytes),
            _ => rest_of_model.extend_from_slice(field.raw),
        }
    }
    let graph = Graph::read(graph.ok_or(Error::NoGraph)?)?;
    for wanted in also.iter().chain(&[at]) {
        if !graph.producer.contains_key(*wanted) {
            return Err(Error::NoValue((*wanted).to_owned()));
        }
    }
    let mut first_outputs: Vec<&str> = also.iter().copied().chain([at]).collect();
    let first = graph.needed(&first_outputs, &HashSet::new());
    let mut given: HashSet<&str> = HashSet::from([at]);
    let outputs: Vec<&str> = graph.outputs.clone();
    given.extend(graph.shared(&outputs, at, &first));
    let second = graph.needed(&outputs, &given);
    given.retain(|name| second.values.contains(name));
    first_outputs.extend(given.iter().copied().filter(|name| *name != at && !also.contains(name)));
    let wrap = |graph: Vec<u8>| {
        let mut model = rest_of_model.clone();
        wire::put_bytes(&mut model, MODEL_GRAPH, &graph);
        model
    };
    Ok((
        wrap(graph.write(&first, &HashSet::new(), &first_outputs)),
        wrap(graph.write(&second, &given, &outputs)),
    ))
}

const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const GRAPH_INITIALIZER: u64 = 5;
const GRAPH_INPUT: u64 = 11;
const GRAPH_OUTPUT: u64 = 12;
const GRAPH_VALUE: u64 = 13;
const NODE_INPUT: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_GRAPH: u64 = 6;
const ATTRIBUTE_GRAPHS: u64 = 11;
const TENSOR_NAME: u64 = 8;
const VALUE_NAME: u64 = 1;
/// Subgraphs within subgraphs deeper than this are damage, not a model.
const DEEPEST: usize = 16;

struct Node<'a> {
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
}

/// A graph's fields in order, and who makes what.
struct Graph<'a> {
    fields: Vec<(Field<'a>, Option<Node<'a>>)>,
    /// Value to the index of the field of the node that makes it.
    producer: HashMap<&'a str, usize>,
    outputs: Vec<&'a str>,
    /// Type and shape as the file states them, by value.
    types: HashMap<&'a str, &'a [u8]>,
}

/// The nodes and values that some outputs need.
#[derive(Default)]
struct Needed<'a> {
    nodes: HashSet<usize>,
    values: HashSet<&'a str>,
}

impl<'a> Graph<'a> {
    fn read(graph: &'a [u8]) -> Result<Self, Error> {
        let mut read =
            Self { fields: Vec::new(), producer: HashMap::new(), outputs: Vec::new(), types: HashMap::new() };
        for field in wire::fields(graph) {
            let field = field?;
            let mut node = None;
            match (field.number, field.bytes()) {
                (GRAPH_NODE, Some(bytes)) => {
                    let found = read_node(bytes)?;
                    for output in &found.outputs {
                        read.producer.insert(output, read.fields.len());
                    }
                    node = Some(found);
                }
                (GRAPH_INPUT | GRAPH_OUTPUT | GRAPH_VALUE, Some(bytes)) => {
                    if let Some(name) = name_in(bytes, VALUE_NAME)? {
                        read.types.insert(name, bytes);
                        if field.number == GRAPH_OUTPUT {
                            read.outputs.push(name);
                        }
                    }
                }
                _ => {}
            }
            read.fields.push((field, node));
        }
        Ok(read)
    }

    /// Everything `outputs` are made from, stopping at the values that are `given`.
    fn needed(&self, outputs: &[&'a str], given: &HashSet<&'a str>) -> Needed<'a> {
        let mut needed = Needed::default();
        let mut open = outputs.to_vec();
        while let Some(value) = open.pop() {
            if !needed.values.insert(value) || given.contains(value) {
                continue;
            }
            let Some(at) = self.producer.get(value) else { continue };
            if needed.nodes.insert(*at)
                && let Some((_, Some(node))) = self.fields.get(*at)
            {
                open.extend(&node.inputs);
                needed.values.extend(&node.outputs);
            }
        }
        needed
    }

    /// Values that `first` computes and the rest needs too. Constants are none: both sides keep their own.
    fn shared(&self, outputs: &[&'a str], at: &'a str, first: &Needed<'a>) -> Vec<&'a str> {
        let mut shared = Vec::new();
        let mut seen = HashSet::from([at]);
        let mut open = outputs.to_vec();
        while let Some(value) = open.pop() {
            let Some(index) = self.producer.get(value).filter(|_| seen.insert(value)) else { continue };
            let Some((_, Some(node))) = self.fields.get(*index) else { continue };
            if first.nodes.contains(index) && !node.inputs.is_empty() {
                shared.push(value);
            } else {
                open.extend(&node.inputs);
            }
        }
        shared
    }

    fn write(&self, needed: &Needed<'a>, given: &HashSet<&'a str>, outputs: &[&'a str]) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, (field, _)) in self.fields.iter().enumerate() {
            let keep = match (field.number, field.bytes()) {
                (GRAPH_NODE, Some(_)) => needed.nodes.contains(&index),
                (GRAPH_OUTPUT, Some(_)) => false,
                (GRAPH_INITIALIZER, Some(bytes)) => {
                    named(bytes, TENSOR_NAME, |name| needed.values.contains(name))
                }
                (GRAPH_INPUT, Some(bytes)) => named(bytes, VALUE_NAME, |name| needed.values.contains(name)),
                (GRAPH_VALUE, Some(bytes)) => named(bytes, VALUE_NAME, |name| {
                    needed.values.contains(name) && !given.contains(name) && !outputs.contains(&name)
                }),
                _ => true,
            };
            if keep {
                out.extend_from_slice(field.raw);
            }
        }
        for name in given {
            wire::put_bytes(&mut out, GRAPH_INPUT, &self.typed(name));
        }
        for name in outputs {
            wire::put_bytes(&mut out, GRAPH_OUTPUT, &self.typed(name));
        }
        out
    }

    /// The declaration of a value as the file has it; without one, a float tensor of any shape.
    fn typed(&self, name: &str) -> Vec<u8> {
        const VALUE_TYPE: u64 = 2;
        const TYPE_TENSOR: u64 = 1;
        const ELEMENT: u64 = 1;
        const FLOAT: u64 = 1;
        if let Some(known) = self.types.get(name) {
            return known.to_vec();
        }
        let (mut tensor, mut kind, mut value) = (Vec::new(), Vec::new(), Vec::new());
        wire::put_number(&mut tensor, ELEMENT, FLOAT);
        wire::put_bytes(&mut kind, TYPE_TENSOR, &tensor);
        wire::put_bytes(&mut value, VALUE_NAME, name.as_bytes());
        wire::put_bytes(&mut value, VALUE_TYPE, &kind);
        value
    }
}

fn read_node(bytes: &[u8]) -> Result<Node<'_>, Error> {
    let mut node = Node { inputs: Vec::new(), outputs: Vec::new() };
    for field in wire::fields(bytes) {
        let field = field?;
        match (field.number, field.text(), field.bytes()) {
            (NODE_INPUT, Some(name), _) if !name.is_empty() => node.inputs.push(name),
            (NODE_OUTPUT, Some(name), _) if !name.is_empty() => node.outputs.push(name),
            (NODE_ATTRIBUTE, _, Some(attribute)) => read_attribute(attribute, &mut node.inputs, 0)?,
            _ => {}
        }
    }
    Ok(node)
}

/// A node's subgraphs use values of the graph around it without naming them as inputs.
fn read_attribute<'a>(attribute: &'a [u8], used: &mut Vec<&'a str>, depth: usize) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(Damaged { at: 0 }.into());
    }
    for field in wire::fields(attribute) {
        let field = field?;
        let (ATTRIBUTE_GRAPH | ATTRIBUTE_GRAPHS, Some(graph)) = (field.number, field.bytes()) else {
            continue;
        };
        for field in wire::fields(graph) {
            let field = field?;
            let (GRAPH_NODE, Some(node)) = (field.number, field.bytes()) else { continue };
            for field in wire::fields(node) {
                let field = field?;
                match (field.number, field.text(), field.bytes()) {
                    (NODE_INPUT, Some(name), _) => used.push(name),
                    (NODE_ATTRIBUTE, _, Some(inner)) => read_attribute(inner, used, depth + 1)?,
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

fn name_in(message: &[u8], number: u64) -> Result<Option<&str>, Damaged> {
    for field in wire::fields(message) {
        let field = field?;
        if field.number == number {
            return Ok(field.text());
        }
    }
    Ok(None)
}

fn named(message: &[u8], number: u64, wanted: impl Fn(&str) -> bool) -> bool {
    name_in(message, number).ok().flatten().is_some_and(wanted)
}

#[cfg(test)]
#[path = "cut/tests.rs"]
pub(crate) mod tests;
