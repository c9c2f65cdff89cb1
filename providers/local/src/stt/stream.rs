//! One open recognition: takes audio as it comes, runs passes on the pool, gives transcripts in order.
//!
//! Has no task of its own: it works while its events are polled, and dropping them ends everything, passes that wait or
//! run included.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use domain::{AudioFrame, Language, MediaTime, Transcript, TranscriptKind, Word};
use futures::channel::mpsc;
use futures::{FutureExt as _, Stream, StreamExt as _};
use inference::pool::Ticket;
use inference::{Lane, Rejected};
use providers_api::{Error, ErrorKind, Sink, SttEvent, SttInput, SttStream};
use tokio::sync::OwnedSemaphorePermit;

use super::recognizer::{Heard, RATE_HZ};
use super::segment::{Segment, Utterance};
use super::{LocalStt, PASS_PATIENCE, Shared};

/// Ten seconds of frames, for a session that is busy elsewhere. When full, `push` reports the drop.
const INPUT_CAPACITY: usize = 512;
/// New voice that makes a prepared final void: a syllable, not a click.
const VOID_AFTER_VOICED_CHUNKS: u64 = 3;
/// The length of `Segment`'s chunk.
const CHUNK_MS: u64 = 20;
/// Less pitch than this is no voice.
const PITCHED_MS_MIN: u64 = 80;
/// What the model says of silence and noise.
const MADE_UP: [&str; 3] = ["you", "thank you", "bye"];

pub(super) fn open(shared: Arc<Shared>, permit: OwnedSemaphorePermit) -> SttStream {
    let (input, receiver) = Sink::bounded(INPUT_CAPACITY);
    let events = Listening {
        shared,
        _permit: permit,
        input: Some(receiver),
        segment: Segment::default(),
        finals: VecDeque::new(),
        prepared: None,
        partial: None,
        partial_text: String::new(),
        partial_at_chunk: 0,
        ended: false,
    };
    SttStream { input, events: events.boxed() }
}

struct Listening {
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
    /// None after the session dropped its end.
    input: Option<mpsc::Receiver<SttInput>>,
    segment: Segment,
    /// Asked for and not answered yet, in order.
    finals: VecDeque<Asked>,
    prepared: Option<Prepared>,
    partial: Option<Partial>,
    partial_text: String,
    /// No partial before the stream has this many chunks.
    partial_at_chunk: u64,
    ended: bool,
}

/// A final that is owed.
struct Asked {
    /// None where nothing was said.
    pass: Option<Pass>,
    /// Begun before it was asked for: when that failed, it is tried again.
    prepared: bool,
    /// Where the audio ended.
    at: MediaTime,
}

struct Prepared {
    pass: Pass,
    /// Voice at the time; more of it makes this void.
    voiced_chunks: u64,
}

struct Partial {
    pass: Pass,
    begun_at_chunk: u64,
}

/// A run of the recogniser over one utterance. Dropping it abandons the run.
struct Pass {
    utterance: Utterance,
    ticket: Ticket<Result<Option<Heard>, inference::Error>>,
    deadline: Pin<Box<tokio::time::Sleep>>,
    abandoned: Arc<AtomicBool>,
}

impl Stream for Listening {
    type Item = Result<SttEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            if let Poll::Ready(outcome) = this.poll_final(context) {
                return Poll::Ready(Some(this.reported(outcome)));
            }
            if let Poll::Ready(transcript) = this.poll_partial(context) {
                return Poll::Ready(Some(Ok(SttEvent::Transcript(transcript))));
            }
            let Some(input) = &mut this.input else {
                this.ended = this.finals.is_empty();
                return if this.ended { Poll::Ready(None) } else { Poll::Pending };
            };
            match input.poll_next_unpin(context) {
                Poll::Ready(Some(SttInput::Audio(frame))) => match this.hear(&frame) {
                    Ok(()) => {}
                    Err(error) => return Poll::Ready(Some(this.reported(Err(error)))),
                },
                Poll::Ready(Some(SttInput::Prepare)) => this.prepare(),
                Poll::Ready(Some(SttInput::Finalize)) => this.finalize(),
                Poll::Ready(None) => {
                    this.input = None;
                    this.partial = None;
                    if this.segment.has_speech() {
                        this.finalize();
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Listening {
    fn hear(&mut self, frame: &AudioFrame) -> Result<(), Error> {
        if frame.rate_hz != RATE_HZ {
            let reason = format!("a frame at {} Hz in a stream opened at {RATE_HZ} Hz", frame.rate_hz);
            return Err(LocalStt::error(ErrorKind::Rejected, reason));
        }
        if let Some(utterance) = self.segment.push(frame) {
            // Too long for one pass: an extra final, so that the text so far is safe.
            let at = utterance.span().map_or(frame.at, |(_, to)| to);
            self.begin_final(utterance, at);
        }
        let voiced = self.segment.voiced_chunks();
        if self.prepared.as_ref().is_some_and(|p| voiced >= p.voiced_chunks + VOID_AFTER_VOICED_CHUNKS) {
            self.prepared = None;
        }
        self.maybe_begin_partial();
        Ok(())
    }

    fn prepare(&mut self) {
        self.partial = None;
        if self.prepared.is_some() || !self.segment.has_speech() {
            return;
        }
        let utterance = self.segment.so_far();
        if utterance.is_worth_recognising() {
            let pass = Pass::start(&self.shared, Lane::Interactive, utterance);
            self.prepared = Some(Prepared { pass, voiced_chunks: self.segment.voiced_chunks() });
        }
    }

    fn finalize(&mut self) {
        self.partial = None;
        let at = self.segment.end();
        let utterance = self.segment.take();
        match self.prepared.take() {
            Some(Prepared { pass, .. }) => {
                self.finals.push_back(Asked { pass: Some(pass), prepared: true, at });
                self.partial_text.clear();
            }
            None => self.begin_final(utterance, at),
        }
    }

    fn begin_final(&mut self, utterance: Utterance, at: MediaTime) {
        self.partial = None;
        self.prepared = None;
        self.partial_text.clear();
        let worth = utterance.is_worth_recognising();
        let pass = worth.then(|| Pass::start(&self.shared, Lane::Interactive, utterance));
        self.finals.push_back(Asked { pass, prepared: false, at });
    }

    /// A partial is only worth having when nobody waits for anything: never more than one, never behind another job.
    fn maybe_begin_partial(&mut self) {
        let due = self.segment.has_speech() && self.segment.chunks() >= self.partial_at_chunk;
        let quiet = self.partial.is_none() && self.prepared.is_none() && self.finals.is_empty();
        if !due || !quiet || !self.shared.pool.has_idle_worker() {
            return;
        }
        let utterance = self.segment.so_far();
        if utterance.is_worth_recognising() {
            let pass = Pass::start(&self.shared, Lane::Background, utterance);
            self.partial = Some(Partial { pass, begun_at_chunk: self.segment.chunks() });
        }
    }

    fn poll_final(&mut self, context: &mut Context<'_>) -> Poll<Result<Transcript, Error>> {
        loop {
            let Some(asked) = self.finals.front_mut() else { return Poll::Pending };
            let outcome = match &mut asked.pass {
                None => Ok(Transcript::complete("", asked.at, asked.at)),
                Some(pass) => match pass.poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(_)) if asked.prepared => {
                        asked.prepared = false;
                        let utterance = pass.utterance.clone();
                        asked.pass = Some(Pass::start(&self.shared, Lane::Interactive, utterance));
                        continue;
                    }
                    Poll::Ready(heard) => heard.map(|heard| {
                        transcript(TranscriptKind::Final, heard, &pass.utterance, asked.at, &self.shared)
                    }),
                },
            };
            self.finals.pop_front();
            return Poll::Ready(outcome);
        }
    }

    fn poll_partial(&mut self, context: &mut Context<'_>) -> Poll<Transcript> {
        let Some(partial) = &mut self.partial else { return Poll::Pending };
        let Poll::Ready(outcome) = partial.pass.poll(context) else { return Poll::Pending };
        let Some(Partial { pass, begun_at_chunk }) = self.partial.take() else { return Poll::Pending };
        // At least half of the time between partials the machine does something else for this call.
        let took = self.segment.chunks() - begun_at_chunk;
        let every = self.shared.options.partial_every_ms / CHUNK_MS;
        self.partial_at_chunk = begun_at_chunk + every.max(2 * took);
        let end = self.segment.end();
        // A failed or refused partial is skipped: the final will say what is wrong.
        let heard = outcome.unwrap_or_default();
        let transcript = transcript(TranscriptKind::Partial, heard, &pass.utterance, end, &self.shared);
        if transcript.text.is_empty() || transcript.text == self.partial_text {
            return Poll::Pending;
        }
        self.partial_text.clone_from(&transcript.text);
        Poll::Ready(transcript)
    }

    /// A provider without room may have some for the next final; anything else ends the stream.
    fn reported(&mut self, outcome: Result<Transcript, Error>) -> Result<SttEvent, Error> {
        self.ended |=
            outcome.as_ref().is_err_and(|e| !matches!(e.kind, ErrorKind::Full | ErrorKind::TimedOut));
        outcome.map(SttEvent::Transcript)
    }
}

impl Pass {
    fn start(shared: &Arc<Shared>, lane: Lane, utterance: Utterance) -> Self {
        let abandoned = Arc::new(AtomicBool::new(false));
        let (flag, work, samples) = (Arc::clone(&abandoned), Arc::clone(shared), utterance.samples.clone());
        let ticket = shared.pool.run(lane, move || work.recognizer.recognise(&samples, &flag));
        let deadline = Box::pin(tokio::time::sleep(PASS_PATIENCE + utterance.length()));
        Self { utterance, ticket, deadline, abandoned }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Heard>, Error>> {
        if let Poll::Ready(outcome) = self.ticket.poll_unpin(context) {
            return Poll::Ready(match outcome {
                Ok(Ok(heard)) => Ok(heard),
                Ok(Err(error)) => Err(LocalStt::error(ErrorKind::Closed, error)),
                Err(rejected @ Rejected::Full(_)) => Err(LocalStt::error(ErrorKind::Full, rejected)),
                Err(rejected) => Err(LocalStt::error(ErrorKind::Closed, rejected)),
            });
        }
        self.deadline.poll_unpin(context).map(|()| {
            let within = PASS_PATIENCE + self.utterance.length();
            let reason = format!("no transcript within {:.1} s", within.as_secs_f32());
            Err(LocalStt::error(ErrorKind::TimedOut, reason))
        })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

fn transcript(
    kind: TranscriptKind,
    heard: Option<Heard>,
    utterance: &Utterance,
    end: MediaTime,
    shared: &Shared,
) -> Transcript {
    let (from, to) = utterance.span().unwrap_or((end, end));
    let heard = heard.filter(|heard| !is_noise(heard, utterance, shared.options.noise_confidence_percent));
    let Some(Heard { text, confidence }) = heard else {
        return Transcript { kind, ..Transcript::complete("", from, to) };
    };
    Transcript {
        kind,
        words: words(&text, utterance),
        text,
        from,
        to,
        language: Some(Language("en".to_owned())),
        confidence: Some(confidence),
    }
}

/// The recogniser makes up words when it hears noise: what it is fond of, or is unsure of, needs a voice behind it.
fn is_noise(heard: &Heard, utterance: &Utterance, confidence_percent: u8) -> bool {
    let plain = heard.text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let unsure = heard.confidence * 100.0 < f32::from(confidence_percent);
    let suspect = unsure || MADE_UP.contains(&plain.as_str());
    plain.is_empty() || (suspect && utterance.pitched_millis() < PITCHED_MS_MIN)
}

/// Shares the voiced time out to the words by their length: the model gives no times.
fn words(text: &str, utterance: &Utterance) -> Vec<Word> {
    let lengths: Vec<usize> = text.split_whitespace().map(|word| word.chars().count() + 1).collect();
    let total = lengths.iter().sum::<usize>() as f64;
    let mut before = 0;
    let mut words = Vec::with_capacity(lengths.len());
    for (word, length) in text.split_whitespace().zip(lengths) {
        let from = utterance.moment(before as f64 / total);
        before += length;
        let to = utterance.moment(before as f64 / total);
        if let (Some(from), Some(to)) = (from, to) {
            words.push(Word { text: word.to_owned(), from, to });
        }
    }
    words
}
