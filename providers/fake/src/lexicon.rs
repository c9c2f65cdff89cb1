//! Words as tone pairs: a voice and an ear that understand each other through any codec, ducking or packet loss.
//!
//! Each word of a text is two steady tones for as long as the word takes, with a short gap behind it. Not speech, and
//! not meant to please: it lets a test know word for word what was heard, from the samples alone.

use std::collections::HashMap;
use std::f32::consts::TAU;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Tones lie on a grid of 50 Hz, where 20 ms windows tell neighbours apart.
const STEP_HZ: usize = 50;
const TONES: usize = 24;
const LOW_HZ: usize = 300;
const HIGH_HZ: usize = 1_600;
const CODES: usize = TONES * TONES;
/// Silence behind each word: two windows, so that a word said twice is heard twice.
const GAP_MS: u64 = 40;
const SHORTEST_WORD_MS: u64 = 140;
const AMPLITUDE: f32 = 5_000.0;
/// Below this peak a window is silence.
const FLOOR: i16 = 60;
/// A word is one that at least this many windows agree on.
const WINDOWS: u32 = 2;

/// Which tone pair stands for which word. Clones share the list; when it is full the oldest word gives way.
#[derive(Debug, Clone, Default)]
pub struct Lexicon(Arc<Mutex<Words>>);

#[derive(Debug, Default)]
struct Words {
    codes: HashMap<String, usize>,
    words: Vec<String>,
    next: usize,
}

/// A word and where it sounds, in samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub word: String,
    pub from: u64,
    pub to: u64,
}

impl Lexicon {
    /// The one of this process, so that any fake voice and any fake ear understand each other.
    #[must_use]
    pub fn shared() -> Self {
        static SHARED: LazyLock<Lexicon> = LazyLock::new(Lexicon::default);
        SHARED.clone()
    }

    /// Speaks the text; the places tell where each word sounds.
    #[must_use]
    pub fn speak(&self, text: &str, rate_hz: u32, ms_per_char: u64) -> (Vec<i16>, Vec<Placed>) {
        let mut samples = Vec::new();
        let mut placed = Vec::new();
        for word in text.split_whitespace() {
            let code = self.code(word);
            let length_ms = (ms_per_char * (word.chars().count() as u64 + 1)).max(SHORTEST_WORD_MS) / 10 * 10;
            let from = samples.len() as u64;
            tones(code, rate_hz, length_ms - GAP_MS, &mut samples);
            placed.push(Placed { word: word.to_owned(), from, to: samples.len() as u64 });
            samples.resize(samples.len() + (u64::from(rate_hz) * GAP_MS / 1000) as usize, 0);
        }
        (samples, placed)
    }

    /// Everything said in the samples, in order.
    #[must_use]
    pub fn understand(&self, samples: &[i16], rate_hz: u32) -> Vec<Placed> {
        let mut ear = Ear::new(self.clone(), rate_hz);
        ear.hear(samples);
        ear.finish();
        ear.words().to_vec()
    }

    fn code(&self, word: &str) -> usize {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = words.codes.get(word) {
            return *code;
        }
        // Neighbours in the list differ in both tones, so that one word never blurs into the next.
        let code = words.next % CODES;
        words.next += 1;
        if code < words.words.len() {
            let old = std::mem::replace(&mut words.words[code], word.to_owned());
            words.codes.remove(&old);
        } else {
            words.words.push(word.to_owned());
        }
        words.codes.insert(word.to_owned(), code);
        code
    }

    fn word(&self, code: usize) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).words.get(code).cloned()
    }
}

/// Spreads consecutive codes over both tones.
const fn pair(code: usize) -> (usize, usize) {
    let low = code % TONES;
    (low, (code / TONES + low) % TONES)
}

const fn unpair(low: usize, high: usize) -> usize {
    (high + TONES - low) % TONES * TONES + low
}

fn tones(code: usize, rate_hz: u32, length_ms: u64, into: &mut Vec<i16>) {
    let (low, high) = pair(code);
    let step = |hz: usize| TAU * hz as f32 / rate_hz as f32;
    let (low, high) = (step(LOW_HZ + low * STEP_HZ), step(HIGH_HZ + high * STEP_HZ));
    let count = u64::from(rate_hz) * length_ms / 1000;
    into.extend((0..count).map(|n| {
        let n = n as f32;
        ((n * low).sin().mul_add(AMPLITUDE, (n * high).sin() * AMPLITUDE)) as i16
    }));
}

/// Listens to a track, window by window.
#[derive(Debug)]
pub struct Ear {
    lexicon: Lexicon,
    rate_hz: u32,
    buffer: Vec<i16>,
    /// Samples in windows already judged.
    position: u64,
    current: Option<Current>,
    words: Vec<Placed>,
    voiced_windows: u64,
    silent_windows: u64,
}

#[derive(Debug)]
struct Current {
    code: usize,
    from: u64,
    to: u64,
    windows: u32,
}

impl Ear {
    #[must_use]
    pub fn new(lexicon: Lexicon, rate_hz: u32) -> Self {
        Self {
            lexicon,
            rate_hz,
            buffer: Vec::new(),
            position: 0,
            current: None,
            words: Vec::new(),
            voiced_windows: 0,
            silent_windows: 0,
        }
    }

    /// Hears the next samples; returns how many words were completed by them.
    pub fn hear(&mut self, samples: &[i16]) -> usize {
        let before = self.words.len();
        let window = (self.rate_hz / 50) as usize;
        self.buffer.extend_from_slice(samples);
        let mut start = 0;
        while self.buffer.len() - start >= window {
            let code = judge(&self.buffer[start..start + window], self.rate_hz);
            self.window(code, window as u64);
            start += window;
        }
        self.buffer.drain(..start);
        self.words.len() - before
    }

    /// Completes the word that is being said.
    pub fn finish(&mut self) {
        if let Some(current) = self.current.take()
            && current.windows >= WINDOWS
            && let Some(word) = self.lexicon.word(current.code)
        {
            self.words.push(Placed { word, from: current.from, to: current.to });
        }
    }

    #[must_use]
    pub fn words(&self) -> &[Placed] {
        &self.words
    }

    /// Takes the words heard so far, leaving none.
    pub fn take(&mut self) -> Vec<Placed> {
        std::mem::take(&mut self.words)
    }

    /// Windows of 20 ms since the last that was not silent.
    #[must_use]
    pub const fn silent_windows(&self) -> u64 {
        self.silent_windows
    }

    /// Whether a word is being said now.
    #[must_use]
    pub fn mid_word(&self) -> bool {
        self.current.as_ref().is_some_and(|word| word.windows >= WINDOWS)
    }

    fn window(&mut self, heard: Heard, length: u64) {
        let from = self.position;
        self.position += length;
        match heard {
            Heard::Silence => self.silent_windows += 1,
            Heard::Noise | Heard::Code(_) => {
                self.silent_windows = 0;
                self.voiced_windows += 1;
            }
        }
        match (heard, &mut self.current) {
            (Heard::Code(code), Some(current)) if current.code == code => {
                current.windows += 1;
                current.to = self.position;
            }
            (Heard::Code(code), _) => {
                self.finish();
                self.current = Some(Current { code, from, to: self.position, windows: 1 });
            }
            (Heard::Silence | Heard::Noise, _) => self.finish(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Silence,
    Noise,
    Code(usize),
}

fn judge(window: &[i16], rate_hz: u32) -> Heard {
    let peak = window.iter().map(|s| s.saturating_abs()).max().unwrap_or(0);
    if peak < FLOOR {
        return Heard::Silence;
    }
    let energy: f32 = window.iter().map(|s| f32::from(*s).powi(2)).sum();
    let (low, low_power) = strongest(window, rate_hz, LOW_HZ);
    let (high, high_power) = strongest(window, rate_hz, HIGH_HZ);
    // A pure pair puts all energy into two tones: |X|^2 * 2 / n each. Less than a quarter in either is no word.
    let share = |power: f32| power * 2.0 / window.len() as f32 / energy;
    if share(low_power) > 0.25 && share(high_power) > 0.25 {
        Heard::Code(unpair(low, high))
    } else {
        Heard::Noise
    }
}

/// The strongest tone from `base_hz` on the grid, by Goertzel's recurrence.
fn strongest(window: &[i16], rate_hz: u32, base_hz: usize) -> (usize, f32) {
    (0..TONES)
        .map(|tone| {
            let coefficient = 2.0 * (TAU * (base_hz + tone * STEP_HZ) as f32 / rate_hz as f32).cos();
            let (mut last, mut before) = (0.0_f32, 0.0_f32);
            for sample in window {
                let next = coefficient.mul_add(last, f32::from(*sample) - before);
                (before, last) = (last, next);
            }
            (tone, coefficient.mul_add(-last * before, last.mul_add(last, before * before)))
        })
        .fold((0, 0.0), |best, this| if this.1 > best.1 { this } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &[Placed]) -> String {
        words.iter().map(|p| p.word.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_ear_understands_a_voice_at_every_rate_level_and_offset() {
        let lexicon = Lexicon::default();
        let said = "Well, no no, we open at 9.30 on Mondays. Do we?";
        for rate in [8_000, 16_000, 24_000, 48_000] {
            for (divisor, offset) in [(1, 0), (10, 77), (3, 201)] {
                let (samples, placed) = lexicon.speak(said, rate, 60);
                let mut track = vec![0; offset];
                track.extend(samples.iter().map(|s| s / divisor));
                let heard = lexicon.understand(&track, rate);
                assert_eq!(text(&heard), said, "at {rate} Hz");
                assert_eq!(placed.len(), heard.len());
            }
        }
    }

    #[test]
    fn noise_is_no_word_and_half_a_word_is_one() {
        let lexicon = Lexicon::default();
        let mut state = 7_u32;
        let noise: Vec<i16> = (0..16_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 18) as i16
            })
            .collect();
        assert_eq!(lexicon.understand(&noise, 16_000), []);
        let (samples, _) = lexicon.speak("interrupted", 16_000, 60);
        assert_eq!(text(&lexicon.understand(&samples[..3_200], 16_000)), "interrupted");
    }

    #[test]
    fn a_full_lexicon_forgets_its_oldest_word() {
        let lexicon = Lexicon::default();
        for n in 0..=CODES {
            let _ = lexicon.code(&format!("w{n}"));
        }
        assert_eq!(lexicon.word(0).as_deref(), Some(&*format!("w{CODES}")));
        assert_ne!(lexicon.code("w0"), 0);
    }
}
