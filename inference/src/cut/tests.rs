use std::collections::BTreeSet;

use super::*;

/// `in -> A -> mid -> C -> out`, with `in -> B -> side` used on both sides, `k` an initializer of the second half and
/// a field that no schema knows.
fn model() -> Vec<u8> {
    model_of("side", "mid")
}

/// A voice to cut, as far as its shape goes.
pub(crate) fn voice() -> Vec<u8> {
    model_of(PIPER_DURATIONS, PIPER_LATENT)
}

fn model_of(side: &str, mid: &str) -> Vec<u8> {
    let node = |inputs: &[&str], output: &str| {
        let mut node = Vec::new();
        for input in inputs {
            wire::put_bytes(&mut node, NODE_INPUT, input.as_bytes());
        }
        wire::put_bytes(&mut node, NODE_OUTPUT, output.as_bytes());
        node
    };
    let named = |number: u64, name: &str| {
        let mut message = Vec::new();
        wire::put_bytes(&mut message, number, name.as_bytes());
        message
    };
    let mut graph = Vec::new();
    for bytes in [
        node(&["in"], side),
        node(&[], "constant"),
        node(&["in", side, "constant"], mid),
        node(&[mid, side, "k", "constant"], "out"),
    ] {
        wire::put_bytes(&mut graph, GRAPH_NODE, &bytes);
    }
    wire::put_bytes(&mut graph, GRAPH_INITIALIZER, &named(TENSOR_NAME, "k"));
    wire::put_bytes(&mut graph, GRAPH_INPUT, &named(VALUE_NAME, "in"));
    wire::put_bytes(&mut graph, GRAPH_OUTPUT, &named(VALUE_NAME, "out"));
    wire::put_bytes(&mut graph, 99, b"unknown of the graph");
    let mut model = Vec::new();
    wire::put_number(&mut model, 1, 8);
    wire::put_bytes(&mut model, MODEL_GRAPH, &graph);
    wire::put_bytes(&mut model, 98, b"unknown of the model");
    model
}

fn graph_of(model: &[u8]) -> &[u8] {
    wire::fields(model).flatten().find(|f| f.number == MODEL_GRAPH).and_then(|f| f.bytes()).expect("a graph")
}

fn names(model: &[u8], field: u64, name: u64) -> BTreeSet<String> {
    let graph = wire::fields(graph_of(model)).flatten();
    graph
        .filter(|f| f.number == field)
        .filter_map(|f| name_in(f.bytes()?, name).ok()?.map(str::to_owned))
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn each_half_gets_what_it_needs_and_what_crosses_is_handed_over() {
    let (first, second) = cut(&model(), "mid", &[]).expect("a model");
    assert_eq!(names(&first, GRAPH_INPUT, VALUE_NAME), set(&["in"]));
    assert_eq!(names(&first, GRAPH_OUTPUT, VALUE_NAME), set(&["mid", "side"]));
    assert_eq!(names(&first, GRAPH_INITIALIZER, TENSOR_NAME), set(&[]));
    assert_eq!(names(&first, GRAPH_NODE, NODE_OUTPUT), set(&["side", "constant", "mid"]));
    assert_eq!(names(&second, GRAPH_INPUT, VALUE_NAME), set(&["mid", "side"]));
    assert_eq!(names(&second, GRAPH_OUTPUT, VALUE_NAME), set(&["out"]));
    assert_eq!(names(&second, GRAPH_INITIALIZER, TENSOR_NAME), set(&["k"]));
    assert_eq!(names(&second, GRAPH_NODE, NODE_OUTPUT), set(&["constant", "out"]));
}

#[test]
fn fields_that_no_schema_knows_stay_byte_for_byte() {
    let (first, second) = cut(&model(), "mid", &[]).expect("a model");
    for half in [first, second] {
        assert!(half.windows(20).any(|w| w == b"unknown of the model"));
        assert!(half.windows(20).any(|w| w == b"unknown of the graph"));
        assert!(half.starts_with(&[8, 8]));
    }
}

#[test]
fn a_value_that_is_not_there_is_named() {
    assert_eq!(cut(&model(), "latent", &[]), Err(Error::NoValue("latent".to_owned())));
    assert_eq!(cut_piper(&model()), Err(Error::NoValue(PIPER_DURATIONS.to_owned())));
    assert_eq!(cut(b"", "mid", &[]), Err(Error::NoGraph));
}

#[test]
fn damage_is_never_a_panic_and_a_short_file_never_a_model() {
    let whole = model();
    for at in 0..whole.len() {
        let short = cut(&whole[..at], "mid", &[]);
        assert!(at > whole.len() - 25 || short.is_err(), "cut off at {at}");
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            let _ = cut(&flipped, "mid", &[]);
        }
    }
}

#[test]
fn a_model_that_feeds_on_itself_ends() {
    let mut graph = Vec::new();
    let mut node = Vec::new();
    wire::put_bytes(&mut node, NODE_INPUT, b"loop");
    wire::put_bytes(&mut node, NODE_OUTPUT, b"loop");
    wire::put_bytes(&mut graph, GRAPH_NODE, &node);
    let mut model = Vec::new();
    wire::put_bytes(&mut model, MODEL_GRAPH, &graph);
    assert!(cut(&model, "loop", &[]).is_ok());
}
