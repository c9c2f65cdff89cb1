//! One turn of speech: sentences come in, audio with word times goes out. Driven by whoever polls it: dropping it ends
//! the work at once, what is queued included.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{AudioFrame, MediaTime, Word};
use futures::StreamExt as _;
use futures::channel::mpsc;
use inference::{Lane, Rejected};
use providers_api::{Ability, Error, ErrorKind, TtsEvent, TtsInput};
use tokio::time::Instant;

use super::Shared;
use super::cache::{Key, Spoken};
use super::normalise::{self, Piece};
use super::resample::{IN_HZ, OUT_HZ, Resampler};
use super::shape::Shaper;
use super::voice::{FRAME_SAMPLES, Latent};

/// Silence after a sentence, and after the part of a long one.
const PAUSE: Duration = Duration::from_millis(200);
const SHORT_PAUSE: Duration = Duration::from_millis(90);
/// With this much audio ahead of the caller's ear, the work may wait for a quiet moment.
const LEAD_ENOUGH: Duration = Duration::from_millis(900);
/// Work that waited for a quiet moment is pushed to the front when only this much is left.
const LEAD_LEAST: Duration = Duration::from_millis(500);
/// A sentence of more pieces is spoken in parts: the encoder's cost grows with the square of the length.
const PIECES_MAX: usize = 28;
/// Audio from the cache is given in frames of this many samples (0.4 s).
const CACHED_FRAME: usize = 9_600;

pub(crate) struct Turn {
    shared: Arc<Shared>,
    input: mpsc::Receiver<TtsInput>,
    speed: f32,
    ready: VecDeque<TtsEvent>,
    sentence: Option<Sentence>,
    sentences: usize,
    /// Samples given in this turn.
    given: usize,
    /// When the caller can have begun to hear the turn.
    began: Option<Instant>,
}

struct Sentence {
    index: usize,
    /// Samples of the turn before it.
    start: usize,
    key: Key,
    written: Vec<String>,
    parts: VecDeque<Vec<Piece>>,
    part: Option<Part>,
    spoken: Spoken,
}

/// The part of a sentence that is being decoded.
struct Part {
    latent: Latent,
    /// Written word, first frame, frame after its last.
    spans: Vec<(usize, usize, usize)>,
    done_frames: usize,
    resampler: Resampler,
    shaper: Shaper,
    /// Its words got their places, which are known with the first voice.
    words_placed: bool,
    pause: Duration,
}

impl Turn {
    pub(crate) fn new(shared: Arc<Shared>, input: mpsc::Receiver<TtsInput>, speed: f32) -> Self {
        const SPEEDS: std::ops::RangeInclusive<f32> = 0.5..=2.0;
        let speed = if speed.is_finite() { speed.clamp(*SPEEDS.start(), *SPEEDS.end()) } else { 1.0 };
        let (ready, sentence) = (VecDeque::new(), None);
        Self { shared, input, speed, ready, sentence, sentences: 0, given: 0, began: None }
    }

    /// The next event; `None` when the input was dropped and everything was spoken. After an error the turn is over.
    pub(crate) async fn next(&mut self) -> Option<Result<TtsEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if matches!(event, TtsEvent::Audio(_)) {
                    self.began.get_or_insert_with(Instant::now);
                }
                return Some(Ok(event));
            }
            let step = match self.sentence.take() {
                Some(sentence) => self.advance(sentence).await,
                None => {
                    let TtsInput::Sentence(text) = self.input.next().await?;
                    self.begin(&text);
                    Ok(())
                }
            };
            if let Err(error) = step {
                self.input.close();
                while self.input.try_recv().is_ok() {}
                return Some(Err(error));
            }
        }
    }

    fn begin(&mut self, text: &str) {
        let index = self.sentences;
        self.sentences += 1;
        let key = Key { text: text.trim().to_owned(), pace: (self.speed * 1000.0) as u32 };
        if let Some(spoken) = self.shared.cache.find(&key) {
            self.replay(index, &spoken);
            return;
        }
        let (written, pieces) = normalise::pieces(text);
        let written = written.into_iter().map(str::to_owned).collect();
        let spoken = Spoken { samples: Vec::new(), words: Vec::new() };
        self.sentence = Some(Sentence {
            index,
            start: self.given,
            key,
            written,
            parts: parts(pieces),
            part: None,
            spoken,
        });
    }

    fn replay(&mut self, index: usize, spoken: &Spoken) {
        if !spoken.words.is_empty() {
            self.give_words(index, self.given, spoken);
        }
        for samples in spoken.samples.chunks(CACHED_FRAME) {
            self.give_audio(samples.to_vec());
        }
        self.ready.push_back(TtsEvent::SentenceDone { sentence: index });
    }

    /// One run of the model: the next part's frames, or the next window's samples.
    async fn advance(&mut self, mut sentence: Sentence) -> Result<(), Error> {
        if let Some(part) = sentence.part.take() {
            let part = self.decode(&mut sentence, part).await?;
            sentence.part = part;
        } else if let Some(pieces) = sentence.parts.pop_front() {
            let last = sentence.parts.is_empty();
            sentence.part = self.encode(pieces, last).await?;
        } else {
            let Sentence { index, key, spoken, .. } = sentence;
            if !spoken.samples.is_empty() {
                self.shared.cache.keep(key, spoken);
            }
            self.ready.push_back(TtsEvent::SentenceDone { sentence: index });
            return Ok(());
        }
        self.sentence = Some(sentence);
        Ok(())
    }

    async fn encode(&self, pieces: Vec<Piece>, last: bool) -> Result<Option<Part>, Error> {
        let (shared, speed) = (Arc::clone(&self.shared), self.speed);
        let encoded = self.in_time(move || {
            let utterance = shared.phonemiser().utterance(&pieces);
            if utterance.ids.is_empty() {
                return Ok(None);
            }
            shared.voice.encode(&utterance.ids, speed).map(|latent| Some((utterance, latent)))
        });
        let Some((utterance, latent)) = encoded.await?.map_err(failed)? else { return Ok(None) };
        let mut starts = vec![0];
        for frames in &latent.durations {
            starts.push(starts.last().copied().unwrap_or_default() + frames);
        }
        let frame = |id: usize| starts.get(id).copied().unwrap_or(latent.frames);
        let spans =
            utterance.spans.iter().map(|(word, ids)| (*word, frame(ids.start), frame(ids.end))).collect();
        Ok(Some(Part {
            latent,
            spans,
            done_frames: 0,
            resampler: Resampler::new(Arc::clone(&self.shared.filter)),
            shaper: Shaper::default(),
            words_placed: false,
            pause: if last { PAUSE } else { SHORT_PAUSE },
        }))
    }

    /// The next window. `None` when the part is spoken.
    async fn decode(&mut self, sentence: &mut Sentence, mut part: Part) -> Result<Option<Part>, Error> {
        let shared = Arc::clone(&self.shared);
        let decoded = self.in_time(move || {
            let window = part.latent.window_after(part.done_frames);
            let samples = shared.voice.decode(&part.latent, window.clone())?;
            part.done_frames = window.end;
            let mut shaped = part.shaper.push(&part.resampler.push(&samples));
            let end = part.done_frames >= part.latent.frames;
            let mut voiced = None;
            if end {
                shaped.extend(part.shaper.push(&part.resampler.finish()));
                voiced = Some(shaped.len());
                shaped.extend(part.shaper.finish((part.pause.as_secs_f64() * f64::from(OUT_HZ)) as usize));
            }
            Ok((part, shaped, voiced))
        });
        let (mut part, samples, voiced) = decoded.await?.map_err(failed)?;
        if !samples.is_empty() {
            let mut placed = false;
            if !part.words_placed {
                (part.words_placed, placed) = (true, true);
                place(&mut sentence.spoken, &sentence.written, &part);
                if sentence.parts.is_empty() {
                    fill(&mut sentence.spoken, &sentence.written, sentence.written.len());
                }
            }
            if let Some(voiced) = voiced {
                let end = sentence.spoken.samples.len() + voiced;
                placed |= settle(&mut sentence.spoken, end);
            }
            if placed {
                self.give_words(sentence.index, sentence.start, &sentence.spoken);
            }
            sentence.spoken.samples.extend_from_slice(&samples);
            self.give_audio(samples);
        }
        Ok(voiced.is_none().then_some(part))
    }

    fn give_words(&mut self, sentence: usize, start: usize, spoken: &Spoken) {
        let at = |samples: usize| MediaTime::from_samples((start + samples) as u64, OUT_HZ);
        let words = spoken.words.iter().map(|(text, from, to)| Word {
            text: text.clone(),
            from: at(*from),
            to: at(*to),
        });
        let words = words.collect();
        self.ready.push_back(TtsEvent::Words { sentence, words });
    }

    fn give_audio(&mut self, samples: Vec<i16>) {
        let at = MediaTime::from_samples(self.given as u64, OUT_HZ);
        self.given += samples.len();
        self.ready.push_back(TtsEvent::Audio(AudioFrame { samples, rate_hz: OUT_HZ, at }));
    }

    /// Runs a job on the pool so that the caller's ear never waits: at once while little audio lies ahead, otherwise
    /// in a quiet moment, but at the latest when little does. The job runs once, whichever lane comes first.
    async fn in_time<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let pool = &self.shared.pool;
        let job = Arc::new(Mutex::new(Some(job)));
        let once = || {
            let job = Arc::clone(&job);
            move || {
                let job = job.lock().unwrap_or_else(PoisonError::into_inner).take();
                job.map(|job| job())
            }
        };
        let mut patient = None;
        if self.lead() > LEAD_ENOUGH {
            let mut ticket = pool.run(Lane::Background, once());
            match tokio::time::timeout(self.lead().saturating_sub(LEAD_LEAST), &mut ticket).await {
                Ok(Ok(Some(outcome))) => return Ok(outcome),
                Ok(Ok(None) | Err(Rejected::Full(_))) => {}
                Ok(Err(rejected)) => return Err(refused(rejected)),
                Err(_late) => patient = Some(ticket),
            }
        }
        let urgent = pool.run(Lane::Interactive, once()).await;
        match (urgent, patient) {
            (Ok(Some(outcome)), _) => Ok(outcome),
            // The patient one took the job already: it runs now or is done.
            (_, Some(ticket)) => ticket.await.map_err(refused)?.ok_or_else(|| refused(Rejected::Panicked)),
            (Ok(None), None) => Err(refused(Rejected::Panicked)),
            (Err(rejected), None) => Err(refused(rejected)),
        }
    }

    /// Audio that was given and cannot have been heard yet.
    fn lead(&self) -> Duration {
        let given = MediaTime::from_samples(self.given as u64, OUT_HZ).as_duration();
        self.began.map_or(Duration::ZERO, |began| given.saturating_sub(began.elapsed()))
    }
}

/// A long sentence in parts that end where it breathes, or where they must.
fn parts(pieces: Vec<Piece>) -> VecDeque<Vec<Piece>> {
    let mut parts = VecDeque::new();
    let mut part: Vec<Piece> = Vec::new();
    let total = pieces.len();
    for piece in pieces {
        let breath = piece.say.ends_with([',', ';', ':', '.', '!', '?']);
        part.push(piece);
        let enough = part.len() >= PIECES_MAX || breath && part.len() >= PIECES_MAX / 2;
        if total > PIECES_MAX && enough {
            parts.push_back(std::mem::take(&mut part));
        }
    }
    if !part.is_empty() {
        parts.push_back(part);
    }
    parts
}

/// Adds the part's words behind what the sentence has. Frames count from before the silence that was cut.
fn place(spoken: &mut Spoken, written: &[String], part: &Part) {
    let start = spoken.samples.len();
    let sample = |frame: usize| {
        let at = (frame * FRAME_SAMPLES) as u64 * u64::from(OUT_HZ) / u64::from(IN_HZ);
        start + (at as usize).saturating_sub(part.shaper.dropped())
    };
    let mut last_word = None;
    for (word, from, to) in &part.spans {
        if last_word == Some(*word) {
            if let Some((.., end)) = spoken.words.last_mut() {
                *end = sample(*to);
            }
            continue;
        }
        fill(spoken, written, *word);
        let text = written.get(*word).cloned().unwrap_or_default();
        spoken.words.push((text, sample(*from), sample(*to)));
        last_word = Some(*word);
    }
}

/// The model counts the silence it ends with as the last word's; most of it is cut. No word ends after the voice does, which
/// is known once it has. Returns whether any did.
fn settle(spoken: &mut Spoken, end: usize) -> bool {
    let mut moved = false;
    for (_, from, to) in spoken.words.iter_mut().rev().take_while(|(.., to)| *to > end) {
        (*from, *to) = ((*from).min(end), end);
        moved = true;
    }
    moved
}

/// Written words without a sound stand, without length, where the word before them ends.
fn fill(spoken: &mut Spoken, written: &[String], until: usize) {
    let end = spoken.words.last().map_or(0, |(.., end)| *end);
    for text in written.iter().take(until).skip(spoken.words.len()) {
        spoken.words.push((text.clone(), end, end));
    }
}

fn failed(error: inference::Error) -> Error {
    Error::new(Ability::Tts, ErrorKind::Closed, super::NAME, error)
}

fn refused(rejected: Rejected) -> Error {
    let kind = match rejected {
        Rejected::Full(_) => ErrorKind::Full,
        Rejected::Stopped | Rejected::Panicked => ErrorKind::Closed,
    };
    Error::new(Ability::Tts, kind, super::NAME, rejected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(count: usize, comma_every: usize) -> Vec<Piece> {
        let say = |n: usize| {
            if n % comma_every == comma_every - 1 { "word,".to_owned() } else { "word".to_owned() }
        };
        (0..count).map(|word| Piece { say: say(word), word }).collect()
    }

    #[test]
    fn a_long_sentence_breaks_where_it_breathes() {
        assert_eq!(parts(pieces(PIECES_MAX, 5)).len(), 1);
        for (count, comma_every) in [(100, 5), (100, 1_000), (29, 3)] {
            let parts = parts(pieces(count, comma_every));
            assert!(parts.iter().all(|part| part.len() <= PIECES_MAX));
            let words: Vec<usize> = parts.iter().flatten().map(|piece| piece.word).collect();
            assert_eq!(words, (0..count).collect::<Vec<_>>());
            let broken_well = parts
                .iter()
                .rev()
                .skip(1)
                .all(|part| part.last().is_some_and(|piece| piece.say.ends_with(',')));
            assert!(broken_well || comma_every > PIECES_MAX);
        }
        assert!(parts(Vec::new()).is_empty());
    }

    #[test]
    fn no_word_ends_after_the_voice() {
        let words = [("Come", 0, 100), ("by", 100, 180), ("today", 180, 400), (".", 400, 400)];
        let words: Vec<_> = words.map(|(text, from, to)| (text.to_owned(), from, to)).to_vec();
        let mut spoken = Spoken { samples: Vec::new(), words };
        assert!(!settle(&mut spoken, 400));
        assert!(settle(&mut spoken, 320));
        let places: Vec<(usize, usize)> = spoken.words.iter().map(|(_, from, to)| (*from, *to)).collect();
        assert_eq!(places, [(0, 100), (100, 180), (180, 320), (320, 320)]);
    }

    #[test]
    fn every_written_word_gets_a_place_in_order() {
        let written: Vec<String> =
            ["(", "Hello", "\u{2014}", "world", "\u{1f600}"].map(str::to_owned).to_vec();
        let mut spoken = Spoken { samples: Vec::new(), words: vec![] };
        fill(&mut spoken, &written, 1);
        spoken.words.push((written[1].clone(), 100, 200));
        fill(&mut spoken, &written, 3);
        spoken.words.push((written[3].clone(), 200, 300));
        fill(&mut spoken, &written, 5);
        let texts: Vec<&str> = spoken.words.iter().map(|(text, ..)| text.as_str()).collect();
        assert_eq!(texts, written);
        assert!(spoken.words.is_sorted_by_key(|(_, from, _)| *from));
        assert_eq!(spoken.words[4], (written[4].clone(), 300, 300));
    }
}
