//! Silero's voice activity network, computed here: the published weights, our arithmetic.
//!
//! Why not through the ONNX Runtime: its fixed cost for each of the many small operators is five times the arithmetic
//! (CPU of one thread for a window: 256 us in the runtime, 95 us in batches of 8 or more, 51 us here; the test `costs`
//! prints this machine's). At this price a verdict is given where the audio is,
//! without a queue, a hop between threads or a batch to wait for, and tests under a paused clock see the real detector.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use inference::weights::Tensor;
use realfft::{RealFftPlanner, RealToComplex};

use crate::window::WINDOW;

/// Samples of the window before that the network sees again.
const CONTEXT: usize = 64;
const FFT: usize = 256;
const HOP: usize = 128;
/// Spectra in a window: of its 640 samples, context and reflection included.
const SPECTRA: usize = 4;
const BINS: usize = FFT / 2 + 1;
const HIDDEN: usize = 128;
/// Outputs computed side by side, so that they fill the vector registers: few for a layer with several columns, many
/// for a layer with one.
const NARROW: usize = 8;
const WIDE: usize = 32;

pub(crate) struct Network {
    fft: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    columns_4: Layer<NARROW>,
    columns_2: Layer<NARROW>,
    column: Layer<WIDE>,
    last: Layer<WIDE>,
    gates: Layer<WIDE>,
    output: Vec<f32>,
    output_bias: f32,
}

/// What one caller's detector remembers.
#[derive(Debug, Clone)]
pub(crate) struct State {
    hidden: [f32; HIDDEN],
    cell: [f32; HIDDEN],
    context: [f32; CONTEXT],
}

impl Default for State {
    fn default() -> Self {
        Self { hidden: [0.0; HIDDEN], cell: [0.0; HIDDEN], context: [0.0; CONTEXT] }
    }
}

impl State {
    /// Forgets the speech so far, keeps the last samples: they go on.
    pub(crate) fn forget(&mut self) {
        self.hidden = [0.0; HIDDEN];
        self.cell = [0.0; HIDDEN];
    }

    /// Takes a window as context only.
    pub(crate) fn pass(&mut self, window: &[i16]) {
        for (kept, sample) in self.context.iter_mut().zip(window.iter().skip(WINDOW - CONTEXT)) {
            *kept = scaled(*sample);
        }
    }
}

impl Network {
    /// `tensors` as read from the published file. `None` where they are not of this network.
    pub(crate) fn new(tensors: &BTreeMap<String, Tensor>) -> Option<Self> {
        let of = |name: &str, dims: &[usize]| values(tensors, name, dims);
        let basis = of("stft.forward_basis_buffer", &[2 * BINS, 1, FFT])?;
        let (input, hidden) =
            (of("rnn.weight_ih", &[4 * HIDDEN, HIDDEN])?, of("rnn.weight_hh", &[4 * HIDDEN, HIDDEN])?);
        let bias = of("rnn.bias_ih", &[4 * HIDDEN])?
            .iter()
            .zip(of("rnn.bias_hh", &[4 * HIDDEN])?)
            .map(|(a, b)| a + b)
            .collect();
        let gates = Layer::new(2 * HIDDEN, bias, |o, k| match k.checked_sub(HIDDEN) {
            None => input[o * HIDDEN + k],
            Some(k) => hidden[o * HIDDEN + k],
        });
        Some(Self {
            fft: RealFftPlanner::new().plan_fft_forward(FFT),
            hann: basis[..FFT].to_vec(),
            columns_4: convolution(tensors, 0, [128, BINS], 0..3)?,
            columns_2: convolution(tensors, 1, [64, 128], 0..3)?,
            // With one or two columns left, the outer taps of the last two layers meet only padding.
            column: convolution(tensors, 2, [64, 64], 1..3)?,
            last: convolution(tensors, 3, [128, 64], 1..2)?,
            gates,
            output: of("decoder.decoder.2.weight", &[1, HIDDEN, 1])?.to_vec(),
            output_bias: *of("decoder.decoder.2.bias", &[1])?.first()?,
        })
    }

    /// Probability that somebody speaks in the window, 0 to 1.
    pub(crate) fn probability(&self, state: &mut State, window: &[i16]) -> f32 {
        let spectra = self.spectra(state, window);
        state.pass(window);
        // Columns of three taps with one of padding at either end.
        let mut columns = vec![[0.0; SPECTRA]; BINS * 3];
        for (bin, column) in columns.iter_mut().enumerate() {
            for (t, value) in column.iter_mut().enumerate() {
                *value = (t + bin % 3)
                    .checked_sub(1)
                    .and_then(|at| spectra.get(at))
                    .map_or(0.0, |spectrum| spectrum[bin / 3]);
            }
        }
        let wide = self.columns_4.run(&columns);
        let columns: Vec<[f32; 2]> =
            wide.iter().flat_map(|row| [[0.0, row[1]], [row[0], row[2]], [row[1], row[3]]]).collect();
        let half = self.columns_2.run(&columns);
        let columns: Vec<[f32; 1]> = half.iter().flat_map(|row| [[row[0]], [row[1]]]).collect();
        let mut columns = self.last.run(&self.column.run(&columns));
        columns.extend(state.hidden.iter().map(|hidden| [*hidden]));
        self.remember(state, &self.gates.linear(&columns));
        let spoken: f32 =
            state.hidden.iter().zip(&self.output).map(|(hidden, weight)| hidden.max(0.0) * weight).sum();
        sigmoid(spoken + self.output_bias)
    }

    /// Magnitudes of the window's four spectra.
    fn spectra(&self, state: &State, window: &[i16]) -> [[f32; BINS]; SPECTRA] {
        let mut samples: Vec<f32> = state.context.to_vec();
        samples.extend(window.iter().take(WINDOW).map(|sample| scaled(*sample)));
        samples.resize(CONTEXT + WINDOW, 0.0);
        for back in 0..CONTEXT {
            samples.push(samples[CONTEXT + WINDOW - 2 - back]);
        }
        let mut spectra = [[0.0; BINS]; SPECTRA];
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        for (t, magnitudes) in spectra.iter_mut().enumerate() {
            let mut piece: Vec<f32> = samples[t * HOP..t * HOP + FFT]
                .iter()
                .zip(&self.hann)
                .map(|(sample, weight)| sample * weight)
                .collect();
            self.fft
                .process_with_scratch(&mut piece, &mut spectrum, &mut scratch)
                .expect("buffers come from the plan");
            for (magnitude, bin) in magnitudes.iter_mut().zip(&spectrum) {
                *magnitude = bin.norm_sqr().sqrt();
            }
        }
        spectra
    }

    /// One step of the recurrent layer; gates in the order input, forget, cell, output.
    fn remember(&self, state: &mut State, gates: &[[f32; 1]]) {
        let gate = |which: usize, n: usize| gates[which * HIDDEN + n][0];
        for n in 0..HIDDEN {
            state.cell[n] = sigmoid(gate(1, n)) * state.cell[n] + sigmoid(gate(0, n)) * gate(2, n).tanh();
            state.hidden[n] = sigmoid(gate(3, n)) * state.cell[n].tanh();
        }
    }
}

/// A tensor of the network at 16 kHz: the file holds two, and the branch taken at this rate is the first.
fn values<'a>(tensors: &'a BTreeMap<String, Tensor>, name: &str, dims: &[usize]) -> Option<&'a [f32]> {
    let (_, tensor) = tensors.iter().find(|(key, _)| key.contains("then_branch") && key.ends_with(name))?;
    (tensor.dims == dims).then_some(tensor.values.as_slice())
}

/// The convolution with the number `n`; of its three taps those that ever meet more than padding.
fn convolution<const LANES: usize>(
    tensors: &BTreeMap<String, Tensor>,
    n: usize,
    [outputs, inputs]: [usize; 2],
    taps: Range<usize>,
) -> Option<Layer<LANES>> {
    let weights = values(tensors, &format!("encoder.{n}.reparam_conv.weight"), &[outputs, inputs, 3])?;
    let bias = values(tensors, &format!("encoder.{n}.reparam_conv.bias"), &[outputs])?;
    let kept = taps.len();
    let weight = |o: usize, k: usize| weights[o * inputs * 3 + k / kept * 3 + taps.start + k % kept];
    Some(Layer::new(inputs * kept, bias.to_vec(), weight))
}

/// A matrix laid out so that `LANES` outputs are computed together, and a bias.
struct Layer<const LANES: usize> {
    inputs: usize,
    /// For each block of outputs, for each input, the block's weights.
    weights: Vec<[f32; LANES]>,
    bias: Vec<f32>,
}

impl<const LANES: usize> Layer<LANES> {
    /// `weight` of an output and an input; the number of outputs is a multiple of `LANES`.
    fn new(inputs: usize, bias: Vec<f32>, weight: impl Fn(usize, usize) -> f32) -> Self {
        let blocks = bias.len() / LANES;
        let weights = (0..blocks * inputs)
            .map(|at| std::array::from_fn(|lane| weight(at / inputs * LANES + lane, at % inputs)));
        Self { inputs, weights: weights.collect(), bias }
    }

    /// The layer on `T` columns at once, negative results as zero.
    fn run<const T: usize>(&self, columns: &[[f32; T]]) -> Vec<[f32; T]> {
        let mut rows = self.linear(columns);
        rows.iter_mut().flatten().for_each(|value| *value = value.max(0.0));
        rows
    }

    fn linear<const T: usize>(&self, columns: &[[f32; T]]) -> Vec<[f32; T]> {
        let mut rows = vec![[0.0; T]; self.bias.len()];
        let blocks = self.weights.chunks_exact(self.inputs).zip(self.bias.chunks_exact(LANES));
        for ((block, bias), rows) in blocks.zip(rows.chunks_exact_mut(LANES)) {
            let sums = products(block, columns);
            for (lane, (row, bias)) in rows.iter_mut().zip(bias).enumerate() {
                *row = std::array::from_fn(|t| sums[t][lane] + bias);
            }
        }
        rows
    }
}

/// One block of outputs. Plain loops over arrays of known length in a function of its own: in this shape, and not as
/// iterators inlined into more, the compiler keeps the sums in vector registers (a factor of four).
#[inline(never)]
fn products<const LANES: usize, const T: usize>(
    block: &[[f32; LANES]],
    columns: &[[f32; T]],
) -> [[f32; LANES]; T] {
    let mut sums = [[0.0_f32; LANES]; T];
    for (weights, inputs) in block.iter().zip(columns) {
        for t in 0..T {
            for lane in 0..LANES {
                sums[t][lane] += weights[lane] * inputs[t];
            }
        }
    }
    sums
}

fn scaled(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
