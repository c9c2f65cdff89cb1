//! Piper in two halves: phonemes to latent frames in one run, latent frames to samples in windows. A window is decoded
//! with its neighbours as context, so that the windows together are, sample for sample, what one run would give.

use std::collections::HashMap;
use std::ops::Range;

use inference::engine::Use;
use inference::{Engine, Error, Input, Member, Model, Store, cut};
use serde::Deserialize;

/// Samples that one latent frame becomes: 11.6 ms.
pub(crate) const FRAME_SAMPLES: usize = 256;
/// What the decoder must see left and right of a window; fewer frames change its samples.
const CONTEXT: usize = 10;
/// Window lengths in frames. Small at first (0.24 s), because the caller waits; large later, because context costs.
const FIRST: usize = 21;
const SECOND: usize = 40;
const LATER: usize = 80;

/// How much a voice varies what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Variation {
    /// As much as it was made to: it says nothing twice alike.
    #[default]
    Natural,
    /// Not at all: flatter to the ear, and on one machine the same to the sample each time. For tests and comparisons.
    None,
}

pub(crate) struct Voice {
    front: Model,
    back: Model,
    noise: f32,
    duration_noise: f32,
    pace: f32,
}

/// A sentence between the halves.
pub(crate) struct Latent {
    /// `channels` rows of `frames` values.
    values: Vec<f32>,
    channels: usize,
    pub(crate) frames: usize,
    /// Frames that each phoneme id takes.
    pub(crate) durations: Vec<usize>,
}

/// The voice's own file, as far as it matters here.
#[derive(Deserialize)]
struct Config {
    phoneme_id_map: HashMap<String, Vec<i64>>,
    inference: Scales,
    audio: Audio,
}

#[derive(Deserialize)]
struct Scales {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

#[derive(Deserialize)]
struct Audio {
    sample_rate: u32,
}

impl Voice {
    /// The voice and the ids of its signs.
    pub(crate) fn load(
        engine: &Engine,
        store: &Store,
        variation: Variation,
    ) -> Result<(Self, HashMap<char, i64>), Error> {
        let path = store.path(Member::PiperConfig)?;
        let failed = |reason: String| Error::Load { path: path.clone(), reason };
        let text = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let config: Config = serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        if config.audio.sample_rate != super::resample::IN_HZ {
            return Err(failed(format!(
                "a voice of {} Hz; expected {}",
                config.audio.sample_rate,
                super::resample::IN_HZ
            )));
        }
        let ids = config
            .phoneme_id_map
            .iter()
            .filter_map(|(sign, ids)| Some((sign.chars().next()?, *ids.first()?)));
        // The model draws its random numbers itself, without a seed; only their scale is ours.
        let scale = match variation {
            Variation::Natural => 1.0,
            Variation::None => 0.0,
        };
        let voice = Self {
            front: engine.load(store, Member::PiperFront, Use::Workers)?,
            back: engine.load(store, Member::PiperBack, Use::Workers)?,
            noise: scale * config.inference.noise_scale,
            duration_noise: scale * config.inference.noise_w,
            pace: config.inference.length_scale,
        };
        Ok((voice, ids.collect()))
    }

    /// Phoneme ids to latent frames. `speed` 1.0 is the voice's own pace.
    pub(crate) fn encode(&self, ids: &[i64], speed: f32) -> Result<Latent, Error> {
        let scales = [self.noise, self.pace / speed, self.duration_noise];
        let outputs = self.front.run(&[
            ("input", Input::I64(&[1, ids.len()], ids)),
            ("input_lengths", Input::I64(&[1], &[ids.len() as i64])),
            ("scales", Input::F32(&[3], &scales)),
        ])?;
        let (shape, values) = outputs.f32(cut::PIPER_LATENT)?;
        let &[1, channels, frames] = shape else {
            return Err(Error::Run(format!("latent frames of shape {shape:?}")));
        };
        let (_, durations) = outputs.f32(cut::PIPER_DURATIONS)?;
        Ok(Latent {
            values: values.to_vec(),
            channels: channels as usize,
            frames: frames as usize,
            durations: durations.iter().map(|frames| *frames as usize).collect(),
        })
    }

    /// The samples of some frames.
    pub(crate) fn decode(&self, latent: &Latent, frames: Range<usize>) -> Result<Vec<f32>, Error> {
        let seen = frames.start.saturating_sub(CONTEXT)..(frames.end + CONTEXT).min(latent.frames);
        let mut window = Vec::with_capacity(latent.channels * seen.len());
        for row in latent.values.chunks_exact(latent.frames.max(1)) {
            window.extend_from_slice(row.get(seen.clone()).unwrap_or_default());
        }
        let outputs =
            self.back.run(&[(cut::PIPER_LATENT, Input::F32(&[1, latent.channels, seen.len()], &window))])?;
        let (_, samples) = outputs.f32("output")?;
        let from = (frames.start - seen.start) * FRAME_SAMPLES;
        let wanted = samples.get(from..from + frames.len() * FRAME_SAMPLES);
        wanted
            .map(<[f32]>::to_vec)
            .ok_or_else(|| Error::Run(format!("{} samples for {} frames", samples.len(), seen.len())))
    }
}

impl Latent {
    /// The window that follows `done` frames; empty at the end. What would be left over joins the last window.
    pub(crate) fn window_after(&self, done: usize) -> Range<usize> {
        let length = match done {
            0 => FIRST,
            FIRST => SECOND,
            _ => LATER,
        };
        let end = done + length;
        done..if end + CONTEXT >= self.frames { self.frames } else { end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_a_sentence_once_and_grow() {
        for frames in [0, 1, 20, 31, 32, 200, 1_000] {
            let latent = Latent { values: Vec::new(), channels: 0, frames, durations: Vec::new() };
            let mut done = 0;
            let mut lengths = Vec::new();
            while done < frames {
                let window = latent.window_after(done);
                assert!(window.start == done && window.end > done && window.end <= frames);
                lengths.push(window.len());
                done = window.end;
            }
            assert!(lengths.len() < 2 || lengths[0] == FIRST, "{lengths:?}");
            assert!(latent.window_after(frames).is_empty());
        }
    }

    #[test]
    fn windows_together_are_sample_for_sample_the_whole() {
        let store = Store::open(inference::store::default_directory(|name| std::env::var_os(name)).unwrap());
        let engine = Engine::start(&inference::Options::default(), &store).unwrap();
        let (voice, signs) = Voice::load(&engine, &store, Variation::None).unwrap();
        let signs: Vec<i64> = "həlˈoʊ, ðɪs ɪz ɐ tˈɛst ʌv ðə vˈɔɪs ɪn pˈiːsᵻz, wɪtʃ mˈʌst nˈɑːt bi hˈɜːd."
            .chars()
            .map(|c| signs[&c])
            .collect();
        let ids: Vec<i64> =
            [1, 0].into_iter().chain(signs.into_iter().flat_map(|id| [id, 0])).chain([2]).collect();
        let cpu = cpu_ns();
        let latent = voice.encode(&ids, 1.0).unwrap();
        let encoded = cpu_ns();
        let whole = voice.decode(&latent, 0..latent.frames).unwrap();
        let decoded = cpu_ns();
        let mut windows = Vec::new();
        let mut first = 0;
        let mut done = 0;
        while done < latent.frames {
            let window = latent.window_after(done);
            done = window.end;
            windows.extend(voice.decode(&latent, window).unwrap());
            first = if first == 0 { cpu_ns() - decoded } else { first };
        }
        let windowed = cpu_ns() - decoded;
        assert_eq!(latent.durations.iter().sum::<usize>(), latent.frames, "each frame belongs to a phoneme");
        let worst = windows.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert_eq!(windows.len(), whole.len());
        assert!(worst < 1e-3, "differs by {worst}");
        let seconds = whole.len() as f64 / 22_050.0;
        let ms = |ns: u64| ns as f64 / 1e6;
        println!(
            "CPU of one thread for {seconds:.2} s: encoder {:.0} ms, decoder whole {:.0} ms, in windows {:.0} ms (first {:.0} ms), real-time factor {:.3}, worst difference {worst:e}",
            ms(encoded - cpu),
            ms(decoded - encoded),
            ms(windowed),
            ms(first),
            (ms(encoded - cpu) + ms(windowed)) / seconds / 1e3,
        );
    }

    /// CPU time of this thread.
    fn cpu_ns() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        stat.split_whitespace().next().unwrap().parse().unwrap()
    }
}
