//! What the caller has said since the last final: audio with a simple judgement of where speech is. Sans-IO.
//!
//! Before speech begins only a short pre-roll is kept, so that silence costs nothing and the recogniser, which makes
//! up words in silence, never hears it alone. The session's own detector decides turns; this one only trims.

use std::collections::VecDeque;
use std::time::Duration;

use domain::{AudioFrame, MediaTime};

use super::recognizer::RATE_HZ;

/// The piece that is judged as a whole: 20 ms.
const CHUNK_SAMPLES: usize = 320;
const CHUNKS_PER_SECOND: usize = RATE_HZ as usize / CHUNK_SAMPLES;
/// Kept from before speech: soft consonants begin below the threshold.
const PREROLL_CHUNKS: usize = CHUNKS_PER_SECOND * 3 / 10;
/// A pause inside an utterance is shortened to this; longer ones only cost time.
const PAUSE_CHUNKS_MAX: usize = CHUNKS_PER_SECOND;
/// Silence kept after the last speech.
const TAIL_CHUNKS: usize = CHUNKS_PER_SECOND / 5;
/// The recogniser works on whole utterances; it was trained on at most 30 s.
const CHUNKS_MAX: usize = CHUNKS_PER_SECOND * 25;
/// So much voice makes it an utterance; less is a click.
const BEGIN_CHUNKS: usize = 3;
/// Less voice than this is not worth recognising.
const WORTH_CHUNKS: usize = 5;
/// Voice this far above the quietest moment of the last `FLOOR_CHUNKS`.
const ABOVE_FLOOR_DB: f32 = 8.0;
const FLOOR_CHUNKS: usize = CHUNKS_PER_SECOND * 3 / 2;
/// Before this much was heard, the floor is taken to be low: a caller may begin to speak at once.
const FLOOR_KNOWN_CHUNKS: usize = CHUNKS_PER_SECOND / 2;
const FLOOR_MIN_DBFS: f32 = -64.0;
/// Nothing as loud as this is background, however steady.
const FLOOR_MAX_DBFS: f32 = -35.0;
const SILENCE_DBFS: f32 = -90.0;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Chunk {
    at: MediaTime,
    level_dbfs: f32,
    voiced: bool,
}

/// The audio of one final or partial.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Utterance {
    pub(super) samples: Vec<i16>,
    chunks: Vec<Chunk>,
}

/// Collects audio and cuts utterances from it.
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// Samples that do not fill a chunk yet, and where they begin.
    rest: Vec<i16>,
    rest_at: MediaTime,
    end: MediaTime,
    heard: Utterance,
    begun: bool,
    floor: Floor,
    voiced_total: u64,
    chunks_total: u64,
}

impl Segment {
    /// Takes the next audio. Gives an utterance when the segment grew too long for one.
    pub(super) fn push(&mut self, frame: &AudioFrame) -> Option<Utterance> {
        if frame.at != self.end && !self.rest.is_empty() {
            self.rest.resize(CHUNK_SAMPLES, 0); // a gap: what is left of the old stretch is its own chunk
            self.take_chunks();
        }
        if self.rest.is_empty() {
            self.rest_at = frame.at;
        }
        self.rest.extend_from_slice(&frame.samples);
        self.end = frame.end();
        self.take_chunks();
        (self.heard.chunks.len() > CHUNKS_MAX).then(|| self.cut())
    }

    /// Whether speech has begun since the last final.
    pub(super) fn has_speech(&self) -> bool {
        self.begun
    }

    /// Grows with each 20 ms of voice, over the whole stream.
    pub(super) fn voiced_chunks(&self) -> u64 {
        self.voiced_total
    }

    /// Grows with each 20 ms of audio, over the whole stream.
    pub(super) fn chunks(&self) -> u64 {
        self.chunks_total
    }

    /// What was said so far, still open.
    pub(super) fn so_far(&self) -> Utterance {
        let mut utterance = self.heard.clone();
        utterance.drop_tail();
        utterance
    }

    /// Ends the utterance here; silence after its last voice is left for the next.
    pub(super) fn take(&mut self) -> Utterance {
        let mut utterance = std::mem::take(&mut self.heard);
        let quiet = utterance.chunks.iter().rev().take_while(|chunk| !chunk.voiced).count();
        self.begun = false;
        self.heard = utterance.copy_from(utterance.chunks.len() - quiet.min(PREROLL_CHUNKS));
        utterance.drop_tail();
        utterance
    }

    /// Where the audio pushed so far ends.
    pub(super) fn end(&self) -> MediaTime {
        self.end
    }

    fn take_chunks(&mut self) {
        let whole = self.rest.len() / CHUNK_SAMPLES * CHUNK_SAMPLES;
        let rest = self.rest.split_off(whole);
        let ready = std::mem::replace(&mut self.rest, rest);
        for samples in ready.chunks_exact(CHUNK_SAMPLES) {
            self.add(samples, self.rest_at);
            self.rest_at += MediaTime::from_samples(CHUNK_SAMPLES as u64, RATE_HZ);
        }
    }

    fn add(&mut self, samples: &[i16], at: MediaTime) {
        let level_dbfs = level_dbfs(samples);
        let voiced = self.floor.is_voice(level_dbfs);
        self.chunks_total += 1;
        self.voiced_total += u64::from(voiced);
        self.heard.samples.extend_from_slice(samples);
        self.heard.chunks.push(Chunk { at, level_dbfs, voiced });
        if !self.begun {
            self.begun = self.heard.voiced() >= BEGIN_CHUNKS;
            if !self.begun && self.heard.chunks.len() > PREROLL_CHUNKS {
                self.heard.remove(0);
            }
            return;
        }
        let quiet = self.heard.chunks.iter().rev().take_while(|chunk| !chunk.voiced).count();
        if quiet > PAUSE_CHUNKS_MAX {
            self.heard.remove(self.heard.chunks.len() - PREROLL_CHUNKS);
        }
    }

    /// Cuts at the quietest moment of the second half; the rest stays.
    fn cut(&mut self) -> Utterance {
        const WINDOW: usize = 5;
        let from = self.heard.chunks.len() / 2;
        let loudness = |window: &[Chunk]| window.iter().map(|chunk| chunk.level_dbfs).sum::<f32>();
        let windows = self.heard.chunks[from..].windows(WINDOW).enumerate();
        let quietest = windows.min_by(|(_, a), (_, b)| loudness(a).total_cmp(&loudness(b)));
        let at = from + quietest.map_or(0, |(at, _)| at) + WINDOW / 2;
        let rest = self.heard.copy_from(at);
        self.heard.truncate(at);
        self.begun = rest.voiced() >= BEGIN_CHUNKS;
        let mut utterance = std::mem::replace(&mut self.heard, rest);
        utterance.drop_tail();
        utterance
    }
}

impl Utterance {
    /// Whether there is enough voice for a word.
    pub(super) fn is_worth_recognising(&self) -> bool {
        self.voiced() >= WORTH_CHUNKS
    }

    pub(super) fn length(&self) -> Duration {
        MediaTime::from_samples(self.samples.len() as u64, RATE_HZ).as_duration()
    }

    /// From the first to just after the last voice.
    pub(super) fn span(&self) -> Option<(MediaTime, MediaTime)> {
        let first = self.chunks.iter().find(|chunk| chunk.voiced)?;
        let last = self.chunks.iter().rev().find(|chunk| chunk.voiced)?;
        Some((first.at, last.at + CHUNK_TIME))
    }

    /// Where the moment lies at which `share` (0 to 1) of the voice was heard.
    pub(super) fn moment(&self, share: f64) -> Option<MediaTime> {
        let voiced: Vec<MediaTime> = self.chunks.iter().filter(|c| c.voiced).map(|c| c.at).collect();
        let position = share.clamp(0.0, 1.0) * voiced.len() as f64;
        let within = position.fract() * CHUNK_TIME.0 as f64;
        match voiced.get(position as usize) {
            Some(at) => Some(*at + MediaTime(within as u64)),
            None => voiced.last().map(|at| *at + CHUNK_TIME),
        }
    }

    /// How much of it has the pitch of a voice. Noise has none, however loud.
    pub(super) fn pitched_millis(&self) -> u64 {
        /// Enough to decide; a long utterance is not judged to its end.
        const JUDGED_CHUNKS_MAX: usize = 250;
        let voiced = self.chunks.iter().enumerate().filter(|(_, chunk)| chunk.voiced).map(|(at, _)| at);
        let windows = voiced.take(JUDGED_CHUNKS_MAX).filter_map(|at| {
            let from = at * CHUNK_SAMPLES;
            self.samples.get(from..from + 2 * CHUNK_SAMPLES)
        });
        (windows.filter(|window| has_pitch(window)).count() * 1000 / CHUNKS_PER_SECOND) as u64
    }

    fn voiced(&self) -> usize {
        self.chunks.iter().filter(|chunk| chunk.voiced).count()
    }

    fn drop_tail(&mut self) {
        let last = self.chunks.iter().rposition(|chunk| chunk.voiced).map_or(0, |at| at + 1);
        self.truncate((last + TAIL_CHUNKS).min(self.chunks.len()));
    }

    fn truncate(&mut self, chunks: usize) {
        self.chunks.truncate(chunks);
        self.samples.truncate(chunks * CHUNK_SAMPLES);
    }

    fn remove(&mut self, at: usize) {
        self.chunks.remove(at);
        self.samples.drain(at * CHUNK_SAMPLES..(at + 1) * CHUNK_SAMPLES);
    }

    fn copy_from(&self, at: usize) -> Self {
        Self { samples: self.samples[at * CHUNK_SAMPLES..].to_vec(), chunks: self.chunks[at..].to_vec() }
    }
}

const CHUNK_TIME: MediaTime = MediaTime::from_millis(20);

/// The quietest moment of late.
#[derive(Debug, Default)]
struct Floor {
    recent: VecDeque<f32>,
    heard: usize,
}

impl Floor {
    fn is_voice(&mut self, level_dbfs: f32) -> bool {
        self.recent.push_back(level_dbfs);
        if self.recent.len() > FLOOR_CHUNKS {
            self.recent.pop_front();
        }
        self.heard += 1;
        let known = self.heard > FLOOR_KNOWN_CHUNKS;
        let quietest = self.recent.iter().copied().fold(f32::INFINITY, f32::min);
        let floor = if known { quietest.clamp(FLOOR_MIN_DBFS, FLOOR_MAX_DBFS) } else { FLOOR_MIN_DBFS };
        level_dbfs > floor + ABOVE_FLOOR_DB
    }
}

fn level_dbfs(samples: &[i16]) -> f32 {
    let square: f32 = samples.iter().map(|sample| (f32::from(*sample) / 32_768.0).powi(2)).sum();
    let mean = square / samples.len().max(1) as f32;
    if mean > 0.0 { (10.0 * mean.log10()).max(SILENCE_DBFS) } else { SILENCE_DBFS }
}

/// Whether 40 ms repeat themselves after a period of a human voice, 60 to 400 Hz.
fn has_pitch(window: &[i16]) -> bool {
    const SHORTEST: usize = RATE_HZ as usize / 400;
    const LONGEST: usize = RATE_HZ as usize / 60;
    const ALIKE: f32 = 0.5;
    let samples: Vec<f32> = window.iter().map(|sample| f32::from(*sample)).collect();
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    (SHORTEST..=LONGEST.min(samples.len() / 2)).any(|lag| {
        let (early, late) = (&samples[..samples.len() - lag], &samples[lag..]);
        let energy = (product(early, early) * product(late, late)).sqrt();
        energy > 0.0 && product(early, late) > ALIKE * energy
    })
}

#[cfg(test)]
mod tests;
