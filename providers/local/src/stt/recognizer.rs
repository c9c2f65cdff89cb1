//! One pass of the recogniser: samples in, text out. Blocking; runs on a thread of the inference pool.

use std::sync::atomic::{AtomicBool, Ordering};

use inference::engine::Use;
use inference::{Engine, Error, Input, Member, Model, Store, Value};

use super::tokens::{END, START, Tokens};

/// What the recogniser was trained on, in Hz.
pub(super) const RATE_HZ: u32 = 16_000;
/// Silence added on each side: words at the very edge are lost less often (measured).
const PADDING_SAMPLES: usize = RATE_HZ as usize * 3 / 10;
/// Nobody says more tokens in a second; a decoder that does is looping.
const TOKENS_PER_SECOND_MAX: f32 = 8.0;
/// Room for the tokens of a very short utterance.
const TOKENS_MIN: usize = 8;
/// A run of tokens as long as this or shorter, said this often in a row, is a loop.
const LOOP_PERIOD_MAX: usize = 8;
const LOOP_REPEATS: usize = 4;
/// The tiny model's decoder.
const LAYERS: usize = 6;
const HEADS: usize = 8;
const HEAD_SIZE: usize = 36;

#[derive(Debug)]
pub(super) struct Recognizer {
    encoder: Model,
    decoder: Model,
    tokens: Tokens,
    /// Names of the decoder's caches: what a step takes and what it gives.
    caches: Vec<CacheName>,
}

#[derive(Debug)]
struct CacheName {
    past: String,
    present: String,
    /// The encoder's caches are computed once.
    of_encoder: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub(super) text: String,
    /// Geometric mean of the tokens' probabilities.
    pub(super) confidence: f32,
}

impl Recognizer {
    pub(super) fn load(engine: &Engine, store: &Store) -> Result<Self, Error> {
        let path = store.path(Member::MoonshineTokenizer)?;
        let damaged = |reason: String| Error::Load { path: path.clone(), reason };
        let file = std::fs::read(&path).map_err(|error| damaged(error.to_string()))?;
        Ok(Self {
            encoder: engine.load(store, Member::MoonshineEncoder, Use::Workers)?,
            decoder: engine.load(store, Member::MoonshineDecoder, Use::Workers)?,
            tokens: Tokens::read(&file).map_err(damaged)?,
            caches: cache_names(),
        })
    }

    /// The words in `samples` (16 kHz, 1.0 is full scale). `None` when `abandoned` became true on the way.
    pub(super) fn recognise(&self, samples: &[i16], abandoned: &AtomicBool) -> Result<Option<Heard>, Error> {
        let audio = padded(samples);
        let mask = vec![1_i64; audio.len()];
        let shape = [1, audio.len()];
        let inputs =
            [("input_values", Input::F32(&shape, &audio)), ("attention_mask", Input::I64(&shape, &mask))];
        let encoded = self.encoder.run(&inputs)?.take("last_hidden_state")?;
        let seconds = samples.len() as f32 / RATE_HZ as f32;
        let tokens_max = TOKENS_MIN + (seconds * TOKENS_PER_SECOND_MAX) as usize;
        self.decode(&encoded, &mask, tokens_max, abandoned)
    }

    fn decode(
        &self,
        encoded: &Value,
        mask: &[i64],
        tokens_max: usize,
        abandoned: &AtomicBool,
    ) -> Result<Option<Heard>, Error> {
        let mut ids = vec![START];
        let mut log_probability = 0.0;
        let mut caches: Vec<Value> = Vec::new();
        while ids.len() <= tokens_max {
            if abandoned.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let last = ids.last().copied().unwrap_or(START);
            let (next, probability) = self.step(encoded, mask, last, &mut caches)?;
            log_probability += probability.ln();
            ids.push(next);
            if next == END || stop_at_loop(&mut ids) {
                break;
            }
        }
        let steps = ids.len().saturating_sub(1).max(1) as f32;
        Ok(Some(Heard { text: self.tokens.text(&ids), confidence: (log_probability / steps).exp() }))
    }

    /// The most likely token after `last`, with its probability.
    fn step(
        &self,
        encoded: &Value,
        mask: &[i64],
        last: i64,
        caches: &mut Vec<Value>,
    ) -> Result<(i64, f32), Error> {
        const NO_CACHE_SHAPE: [usize; 4] = [1, HEADS, 1, HEAD_SIZE];
        const NO_CACHE: [f32; HEADS * HEAD_SIZE] = [0.0; HEADS * HEAD_SIZE];
        let first = caches.is_empty();
        let mask_shape = [1, mask.len()];
        let (last, cached) = ([last], [!first]);
        let mut inputs = vec![
            ("encoder_attention_mask", Input::I64(&mask_shape, mask)),
            ("input_ids", Input::I64(&[1, 1], &last)),
            ("encoder_hidden_states", Input::Value(encoded)),
            ("use_cache_branch", Input::Bool(&[1], &cached)),
        ];
        for (at, name) in self.caches.iter().enumerate() {
            // The branch of the first step does not read them, but they must have a shape.
            let cache = caches.get(at).map_or(Input::F32(&NO_CACHE_SHAPE, &NO_CACHE), Input::Value);
            inputs.push((&name.past, cache));
        }
        let mut outputs = self.decoder.run(&inputs)?;
        let best = most_likely(outputs.f32("logits")?.1, self.tokens.len())?;
        drop(inputs);
        for (at, name) in self.caches.iter().enumerate() {
            if first {
                caches.push(outputs.take(&name.present)?);
            } else if !name.of_encoder {
                caches[at] = outputs.take(&name.present)?;
            }
        }
        Ok(best)
    }
}

fn cache_names() -> Vec<CacheName> {
    let mut names = Vec::with_capacity(LAYERS * 4);
    for layer in 0..LAYERS {
        for side in ["decoder", "encoder"] {
            for part in ["key", "value"] {
                names.push(CacheName {
                    past: format!("past_key_values.{layer}.{side}.{part}"),
                    present: format!("present.{layer}.{side}.{part}"),
                    of_encoder: side == "encoder",
                });
            }
        }
    }
    names
}

fn padded(samples: &[i16]) -> Vec<f32> {
    let mut audio = vec![0.0; PADDING_SAMPLES];
    audio.extend(samples.iter().map(|sample| f32::from(*sample) / 32_768.0));
    audio.resize(audio.len() + PADDING_SAMPLES, 0.0);
    audio
}

/// The best of the last position's `vocabulary` logits, with its probability.
fn most_likely(logits: &[f32], vocabulary: usize) -> Result<(i64, f32), Error> {
    let last = logits.len().checked_sub(vocabulary).map(|from| &logits[from..]);
    let last = last.filter(|last| !last.is_empty());
    let last =
        last.ok_or_else(|| Error::Run("the decoder's vocabulary is not the tokenizer's".to_owned()))?;
    let (best, top) = last
        .iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (at, l)| if *l > best.1 { (at, *l) } else { best });
    let sum: f32 = last.iter().map(|logit| (logit - top).exp()).sum();
    Ok((best as i64, 1.0 / sum))
}

/// When the tokens end in a loop, cuts them after its first round and says so.
fn stop_at_loop(ids: &mut Vec<i64>) -> bool {
    for period in 1..=LOOP_PERIOD_MAX {
        // Digits are often really repeated, as in "five five five five": single tokens get twice the patience.
        let repeats = if period == 1 { 2 * LOOP_REPEATS } else { LOOP_REPEATS };
        let Some(from) = ids.len().checked_sub(period * repeats) else { continue };
        let tail = &ids[from..];
        if tail.iter().zip(&tail[period..]).all(|(a, b)| a == b) {
            ids.truncate(from + period);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_cut_after_its_first_round() {
        let mut ids = vec![1, 9, 4, 5, 6, 4, 5, 6, 4, 5, 6, 4, 5, 6];
        assert!(stop_at_loop(&mut ids));
        assert_eq!(ids, [1, 9, 4, 5, 6]);
    }

    #[test]
    fn a_number_said_digit_by_digit_is_no_loop() {
        let mut ids = vec![1, 5, 5, 5, 0, 1, 4, 2, 5, 5, 5, 5];
        assert!(!stop_at_loop(&mut ids));
        let mut endless = vec![7; 9];
        assert!(stop_at_loop(&mut endless));
    }

    #[test]
    fn the_best_token_comes_with_its_share() {
        let (best, probability) = most_likely(&[9.0, 9.0, 0.0, 2.0, 0.0], 3).unwrap();
        assert_eq!(best, 1);
        assert!((probability - 0.787).abs() < 0.001, "{probability}");
        assert!(most_likely(&[1.0], 3).is_err());
    }
}
