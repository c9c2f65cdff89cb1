//! The embedding model's arithmetic: six transformer layers over a short sentence, the mean over its pieces, length one.

use ndarray::{Array1, Array2, Axis, s};

use super::safetensors::Tensors;

const LAYERS: usize = 6;
const WIDTH: usize = 384;
const INNER: usize = 1_536;
const HEADS: usize = 12;
const HEAD: usize = WIDTH / HEADS;
const POSITIONS: usize = 512;
const EPSILON: f32 = 1e-12;

#[derive(Debug)]
pub(super) struct Bert {
    words: Array2<f32>,
    /// Position and sentence kind together: there is only one kind.
    positions: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention: Linear,
    attention_norm: Norm,
    widen: Linear,
    narrow: Linear,
    norm: Norm,
}

#[derive(Debug)]
struct Linear {
    /// One column for each output: this way round the product reads memory in order and takes a third of the time.
    weight: Array2<f32>,
    bias: Array1<f32>,
}

#[derive(Debug)]
struct Norm {
    weight: Array1<f32>,
    bias: Array1<f32>,
}

impl Bert {
    pub(super) fn read(tensors: &Tensors<'_>, vocabulary: usize) -> Result<Self, String> {
        let kind = tensors.matrix("embeddings.token_type_embeddings.weight", (2, WIDTH))?;
        let positions = tensors.matrix("embeddings.position_embeddings.weight", (POSITIONS, WIDTH))?;
        Ok(Self {
            words: tensors.matrix("embeddings.word_embeddings.weight", (vocabulary, WIDTH))?,
            positions: positions + kind.row(0),
            norm: Norm::read(tensors, "embeddings.LayerNorm")?,
            layers: (0..LAYERS).map(|layer| Layer::read(tensors, layer)).collect::<Result<_, _>>()?,
        })
    }

    /// The vector of the sentence with these pieces; ids outside the vocabulary are skipped.
    pub(super) fn embed(&self, ids: &[usize]) -> Vec<f32> {
        let known: Vec<usize> =
            ids.iter().copied().filter(|id| *id < self.words.nrows()).take(POSITIONS).collect();
        let mut x = self.words.select(Axis(0), &known) + self.positions.slice(s![..known.len(), ..]);
        self.norm.apply(&mut x);
        for layer in &self.layers {
            x = layer.apply(x);
        }
        let mean = x.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(WIDTH));
        let length = mean.dot(&mean).sqrt().max(f32::MIN_POSITIVE);
        (mean / length).to_vec()
    }
}

impl Layer {
    fn read(tensors: &Tensors<'_>, layer: usize) -> Result<Self, String> {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let square = |part: &str| Linear::read(tensors, &name(part), WIDTH, WIDTH);
        Ok(Self {
            query: square("attention.self.query")?,
            key: square("attention.self.key")?,
            value: square("attention.self.value")?,
            attention: square("attention.output.dense")?,
            attention_norm: Norm::read(tensors, &name("attention.output.LayerNorm"))?,
            widen: Linear::read(tensors, &name("intermediate.dense"), WIDTH, INNER)?,
            narrow: Linear::read(tensors, &name("output.dense"), INNER, WIDTH)?,
            norm: Norm::read(tensors, &name("output.LayerNorm"))?,
        })
    }

    fn apply(&self, x: Array2<f32>) -> Array2<f32> {
        let mut attended = self.attention.apply(&self.attend(&x)) + &x;
        self.attention_norm.apply(&mut attended);
        let mut inner = self.widen.apply(&attended);
        inner.mapv_inplace(gelu);
        let mut out = self.narrow.apply(&inner) + &attended;
        self.norm.apply(&mut out);
        out
    }

    fn attend(&self, x: &Array2<f32>) -> Array2<f32> {
        let scale = 1.0 / (HEAD as f32).sqrt();
        let (query, key, value) = (self.query.apply(x), self.key.apply(x), self.value.apply(x));
        let mut out = Array2::zeros(x.raw_dim());
        for head in 0..HEADS {
            let part = s![.., head * HEAD..(head + 1) * HEAD];
            let mut weights = query.slice(part).dot(&key.slice(part).t()) * scale;
            for mut row in weights.rows_mut() {
                let top = row.fold(f32::NEG_INFINITY, |top, value| top.max(*value));
                row.mapv_inplace(|value| (value - top).exp());
                let sum = row.sum();
                row /= sum;
            }
            out.slice_mut(part).assign(&weights.dot(&value.slice(part)));
        }
        out
    }
}

impl Linear {
    fn read(tensors: &Tensors<'_>, name: &str, from: usize, to: usize) -> Result<Self, String> {
        let weight = tensors.matrix(&format!("{name}.weight"), (to, from))?;
        let weight = weight.t().as_standard_layout().into_owned();
        Ok(Self { weight, bias: tensors.vector(&format!("{name}.bias"), to)? })
    }

    fn apply(&self, x: &Array2<f32>) -> Array2<f32> {
        x.dot(&self.weight) + &self.bias
    }
}

impl Norm {
    fn read(tensors: &Tensors<'_>, name: &str) -> Result<Self, String> {
        let part = |part: &str| tensors.vector(&format!("{name}.{part}"), WIDTH);
        Ok(Self { weight: part("weight")?, bias: part("bias")? })
    }

    fn apply(&self, x: &mut Array2<f32>) {
        for mut row in x.rows_mut() {
            let mean = row.sum() / WIDTH as f32;
            row -= mean;
            let deviation = (row.dot(&row) / WIDTH as f32 + EPSILON).sqrt();
            row /= deviation;
            row *= &self.weight;
            row += &self.bias;
        }
    }
}

fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// Abramowitz and Stegun 7.1.26: within 1.5e-7.
fn erf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let tail = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_8) * t - 0.284_496_74) * t + 0.254_829_6) * t;
    (1.0 - tail * (-x * x).exp()).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_close_enough() {
        for (x, expected) in [(0.0, 0.0), (0.5, 0.520_499_9), (-1.0, -0.842_700_8), (3.0, 0.999_977_9)] {
            assert!((erf(x) - expected).abs() < 1e-6, "erf({x}) = {}", erf(x));
        }
    }
}
