//! Reads float tensors from a safetensors file: a length, a JSON table, the bytes. Refuses anything that does not fit
//! the file; never panics on it.

use std::collections::HashMap;

use ndarray::{Array1, Array2};
use serde::Deserialize;

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

pub(super) struct Tensors<'a> {
    table: HashMap<String, serde_json::Value>,
    data: &'a [u8],
}

impl<'a> Tensors<'a> {
    pub(super) fn read(file: &'a [u8]) -> Result<Self, String> {
        let (length, rest) = file.split_first_chunk::<8>().ok_or("no header")?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| "its header has no end")?;
        let (table, data) = rest.split_at_checked(length).ok_or("its header is cut off")?;
        let table =
            serde_json::from_slice(table).map_err(|error| format!("its header is no JSON: {error}"))?;
        Ok(Self { table, data })
    }

    /// A matrix, row by row.
    pub(super) fn matrix(&self, name: &str, shape: (usize, usize)) -> Result<Array2<f32>, String> {
        let values = self.values(name, &[shape.0, shape.1])?;
        Array2::from_shape_vec(shape, values).map_err(|error| format!("{name}: {error}"))
    }

    pub(super) fn vector(&self, name: &str, length: usize) -> Result<Array1<f32>, String> {
        Ok(Array1::from_vec(self.values(name, &[length])?))
    }

    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let entry = self.table.get(name).ok_or_else(|| format!("it has no tensor {name}"))?;
        let entry = Entry::deserialize(entry).map_err(|error| format!("{name}: {error}"))?;
        if entry.dtype != "F32" || entry.shape != shape {
            return Err(format!("{name} is {} {:?}, expected F32 {shape:?}", entry.dtype, entry.shape));
        }
        let (from, to) = entry.data_offsets;
        let bytes = self.data.get(from..to).ok_or_else(|| format!("{name} lies outside the file"))?;
        if bytes.len() != shape.iter().product::<usize>() * size_of::<f32>() {
            return Err(format!("{name} has {} bytes for {shape:?}", bytes.len()));
        }
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(table: &str, data: &[u8]) -> Vec<u8> {
        [&(table.len() as u64).to_le_bytes()[..], table.as_bytes(), data].concat()
    }

    #[test]
    fn tensors_come_out_as_they_were_written() {
        let data: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let file =
            file(r#"{"__metadata__":{},"m":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#, &data);
        let tensors = Tensors::read(&file).unwrap();
        assert_eq!(tensors.matrix("m", (2, 2)).unwrap()[[1, 0]], 3.0);
        assert!(tensors.matrix("m", (4, 1)).is_err());
        assert!(tensors.vector("absent", 4).is_err());
    }

    #[test]
    fn damage_is_an_error() {
        assert!(Tensors::read(b"short").is_err());
        assert!(Tensors::read(&u64::MAX.to_le_bytes()).is_err());
        assert!(Tensors::read(&file("{", b"")).is_err());
        let outside = file(r#"{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, b"1234");
        assert!(Tensors::read(&outside).unwrap().vector("v", 2).is_err());
        let reversed = file(r#"{"v":{"dtype":"F32","shape":[0],"data_offsets":[8,0]}}"#, b"");
        assert!(Tensors::read(&reversed).unwrap().vector("v", 0).is_err());
    }
}
