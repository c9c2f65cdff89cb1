//! Reads the float tensors of an ONNX file by name, for the small models that are computed by our own code. Knows no
//! operator.

use std::collections::BTreeMap;

use crate::wire::{self, Damaged};

#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub dims: Vec<usize>,
    /// Row by row, the last dimension fastest.
    pub values: Vec<f32>,
}

/// Every float tensor of the file: initializers and constants, those inside branches too.
///
/// # Errors
/// Where the bytes are no model.
pub fn floats(onnx: &[u8]) -> Result<BTreeMap<String, Tensor>, Damaged> {
    const MODEL_GRAPH: u64 = 7;
    let mut found = BTreeMap::new();
    for field in wire::fields(onnx) {
        let field = field?;
        if let (MODEL_GRAPH, Some(graph)) = (field.number, field.bytes()) {
            read_graph(graph, &mut found, 0)?;
        }
    }
    Ok(found)
}

fn read_graph(graph: &[u8], found: &mut BTreeMap<String, Tensor>, depth: usize) -> Result<(), Damaged> {
    const NODE: u64 = 1;
    const INITIALIZER: u64 = 5;
    const DEEPEST: usize = 16;
    if depth > DEEPEST {
        return Err(Damaged { at: 0 });
    }
    for field in wire::fields(graph) {
        let field = field?;
        match (field.number, field.bytes()) {
            (NODE, Some(node)) => read_node(node, found, depth)?,
            (INITIALIZER, Some(tensor)) => {
                if let (Some(name), Some(tensor)) = read_tensor(tensor)? {
                    found.insert(name.to_owned(), tensor);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_node(node: &[u8], found: &mut BTreeMap<String, Tensor>, depth: usize) -> Result<(), Damaged> {
    const OUTPUT: u64 = 2;
    const ATTRIBUTE: u64 = 5;
    const TENSOR: u64 = 5;
    const GRAPH: u64 = 6;
    let mut output = None;
    let mut constant = None;
    for field in wire::fields(node) {
        let field = field?;
        match (field.number, field.bytes()) {
            (OUTPUT, Some(_)) if output.is_none() => output = field.text(),
            (ATTRIBUTE, Some(attribute)) => {
                for field in wire::fields(attribute) {
                    let field = field?;
                    match (field.number, field.bytes()) {
                        (TENSOR, Some(tensor)) => constant = read_tensor(tensor)?.1,
                        (GRAPH, Some(graph)) => read_graph(graph, found, depth + 1)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if let (Some(name), Some(tensor)) = (output, constant) {
        found.insert(name.to_owned(), tensor);
    }
    Ok(())
}

/// Name and content; no content where it is not of floats or does not fill its shape.
fn read_tensor(tensor: &[u8]) -> Result<(Option<&str>, Option<Tensor>), Damaged> {
    const DIMS: u64 = 1;
    const DATA_TYPE: u64 = 2;
    const FLOAT_DATA: u64 = 4;
    const NAME: u64 = 8;
    const RAW_DATA: u64 = 9;
    const FLOAT: u64 = 1;
    let (mut dims, mut name, mut data, mut float) = (Vec::new(), None, None, false);
    for field in wire::fields(tensor) {
        let field = field?;
        match (field.number, field.varint(), field.bytes()) {
            (DIMS, Some(dim), _) => dims.push(dim as usize),
            (DIMS, _, Some(packed)) => {
                dims.extend(wire::packed(packed).ok_or(Damaged { at: 0 })?.iter().map(|dim| *dim as usize))
            }
            (DATA_TYPE, Some(kind), _) => float = kind == FLOAT,
            (NAME, _, Some(_)) => name = field.text(),
            (FLOAT_DATA | RAW_DATA, _, Some(bytes)) => data = Some(bytes),
            _ => {}
        }
    }
    let values: Vec<f32> = data
        .unwrap_or_default()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let size = dims.iter().try_fold(1_usize, |size, dim| size.checked_mul(*dim));
    let whole = float && size == Some(values.len());
    Ok((name, whole.then_some(Tensor { dims, values })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Vec<u8> {
        let (mut tensor, mut graph, mut model) = (Vec::new(), Vec::new(), Vec::new());
        wire::put_bytes(&mut tensor, 1, &[2, 1]);
        wire::put_number(&mut tensor, 2, 1);
        wire::put_bytes(&mut tensor, 8, b"w");
        wire::put_bytes(&mut tensor, 9, &[0, 0, 128, 63, 0, 0, 0, 64]);
        wire::put_bytes(&mut graph, 5, &tensor);
        let (mut attribute, mut node) = (Vec::new(), Vec::new());
        wire::put_bytes(&mut attribute, 5, &tensor);
        wire::put_bytes(&mut node, 2, b"constant");
        wire::put_bytes(&mut node, 5, &attribute);
        wire::put_bytes(&mut graph, 1, &node);
        wire::put_bytes(&mut model, 7, &graph);
        model
    }

    #[test]
    fn initializers_and_constants_are_found_by_name() {
        let found = floats(&model()).expect("valid");
        let expected = Tensor { dims: vec![2, 1], values: vec![1.0, 2.0] };
        assert_eq!(
            found,
            BTreeMap::from([("w".to_owned(), expected.clone()), ("constant".to_owned(), expected)])
        );
    }

    #[test]
    fn damage_anywhere_is_an_error_or_less_content_but_no_panic() {
        let whole = model();
        for at in 0..whole.len() {
            let _ = floats(&whole[..at]);
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                let _ = floats(&flipped);
            }
        }
        assert!(floats(&whole[..whole.len() - 1]).is_err());
    }
}
