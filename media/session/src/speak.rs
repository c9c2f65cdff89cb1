//! The voice of one turn: sentences go to synthesis, audio comes back in order, and a voice that fails is replaced once.
//!
//! Gives audio, plays none. Every wait for audio has a deadline; a sentence that is "done" without a sample is a failure.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{AudioFrame, MediaTime, SessionId, TurnId, Voice as VoiceChoice};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use media_core::level::is_audible;
use providers_api::{Ability, Error, ErrorKind, Sink, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::clip::{Clip, Clips};
use crate::history::History;
use crate::options::{Waits, ms};

/// Failures of the voice that one turn gets over.
const RETRIES: u32 = 1;

/// Who speaks for this session.
#[derive(Clone)]
pub(crate) struct Speaker {
    pub tts: Arc<dyn Tts>,
    pub voice: VoiceChoice,
    pub session: SessionId,
    pub clips: Arc<Clips>,
}

type Opening = BoxFuture<'static, Result<TtsStream, Error>>;
type Events = BoxStream<'static, Result<TtsEvent, Error>>;

enum Stream {
    Closed,
    Opening(Opening),
    Open { input: Option<Sink<TtsInput>>, events: Events },
}

/// What came of the voice.
pub(crate) enum Came {
    Opened(Result<TtsStream, Error>),
    Event(Option<Result<TtsEvent, Error>>),
}

pub(crate) enum Gave {
    Nothing,
    Audio(AudioFrame),
    SentenceDone,
}

/// What another stream goes on with.
pub(crate) struct Again {
    /// Where sentences came up for what is left of those that broke off, in ascending order: what follows has moved.
    pub inserted: Vec<usize>,
}

pub(crate) struct Voice {
    speaker: Speaker,
    turn: TurnId,
    stream: Stream,
    history: History,
    /// Sentences (by index in the history) that wait for room in the stream.
    backlog: VecDeque<(usize, String)>,
    /// Sentences the stream was given and has not finished, oldest first.
    given: VecDeque<usize>,
    /// Sentences this stream finished, and audio it gave: its own positions start at zero.
    finished: usize,
    streamed: MediaTime,
    /// Whether the oldest given sentence has had a sample.
    sounded: bool,
    openings: u32,
    failures: u32,
    /// Of the present stream, from its opening on.
    attempt: Span,
    /// Since when audio is waited for, whoever is to give it; `None` while nothing is asked.
    waiting: Option<Instant>,
    /// When another stream was asked.
    again: Option<Instant>,
    first_sentence: Option<Instant>,
    first_audible: Option<Instant>,
    muted: bool,
    /// The dialogue speaks itself: since it last gave words or sound of a passage that goes on.
    passage: Option<Instant>,
}

impl Voice {
    pub(crate) fn new(speaker: Speaker, turn: TurnId) -> Self {
        Self {
            speaker,
            turn,
            stream: Stream::Closed,
            history: History::default(),
            backlog: VecDeque::new(),
            given: VecDeque::new(),
            finished: 0,
            streamed: MediaTime::ZERO,
            sounded: false,
            openings: 0,
            failures: 0,
            attempt: Span::none(),
            waiting: None,
            again: None,
            first_sentence: None,
            first_audible: None,
            muted: false,
            passage: None,
        }
    }

    /// Says nothing, ever: for guesses whose audio is not wanted.
    pub(crate) fn mute(&mut self) {
        self.muted = true;
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    pub(crate) fn first_sentence(&self) -> Option<Instant> {
        self.first_sentence
    }

    pub(crate) fn first_audible(&self) -> Option<Instant> {
        self.first_audible
    }

    /// Whether everything said so far has its audio.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.backlog.is_empty() && self.given.is_empty()
    }

    /// Sentences that the stream had no room for.
    pub(crate) fn backlog(&self) -> usize {
        self.backlog.len()
    }

    /// Opens the stream before there is text, which hides the time it takes.
    pub(crate) fn warm(&mut self) {
        if matches!(self.stream, Stream::Closed) {
            self.stream = Stream::Opening(self.open());
        }
    }

    /// Speaks a sentence. Where it is at hand already, its audio comes back at once.
    pub(crate) fn say(&mut self, text: &str, now: Instant) -> Option<AudioFrame> {
        if self.muted {
            return None;
        }
        self.first_sentence.get_or_insert(now);
        let index = self.history.sentence(text);
        if self.is_caught_up()
            && let Some(clip) = self.speaker.clips.get(text)
        {
            let clip = clip.clone();
            return Some(self.place(index, &clip, now));
        }
        self.backlog.push_back((index, text.to_owned()));
        self.waiting.get_or_insert(now);
        self.warm();
        self.feed();
        None
    }

    /// Speaks a clip, whatever has not been spoken yet.
    pub(crate) fn clip(&mut self, clip: &Clip, now: Instant) -> AudioFrame {
        let index = self.history.sentence(&clip.text);
        self.place(index, clip, now)
    }

    /// The dialogue speaks itself: words of it have come, if no whole sentence.
    pub(crate) fn in_passage(&mut self, now: Instant) {
        self.passage = Some(now);
    }

    /// The dialogue speaks itself, and says this.
    pub(crate) fn passage_sentence(&mut self, text: &str, now: Instant) {
        self.first_sentence.get_or_insert(now);
        self.history.passage_sentence(text);
        self.in_passage(now);
    }

    /// The dialogue speaks itself, and sounds so; gives it to play.
    pub(crate) fn passage_audio(&mut self, mut frame: AudioFrame, now: Instant) -> Option<AudioFrame> {
        if frame.samples.is_empty() {
            return None;
        }
        self.first_sentence.get_or_insert(now);
        frame.at = self.history.received();
        self.history.passage_audio(frame.duration());
        self.hear(&frame, now);
        self.in_passage(now);
        Some(frame)
    }

    pub(crate) fn passage_done(&mut self) {
        self.passage = None;
        self.history.passage_done();
    }

    /// Words without sound were never said.
    pub(crate) fn passage_broken(&mut self) {
        self.passage = None;
        self.history.passage_broken();
    }

    pub(crate) fn is_in_passage(&self) -> bool {
        self.passage.is_some()
    }

    /// When the dialogue, which speaks itself, must have gone on.
    pub(crate) fn passage_deadline(&self, waits: &Waits, dry: Instant) -> Option<Instant> {
        self.passage.map(|since| since.max(dry) + ms(waits.next_audio_ms))
    }

    /// The same speaker with nothing said.
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.speaker.clone(), self.turn)
    }

    fn place(&mut self, index: usize, clip: &Clip, now: Instant) -> AudioFrame {
        let at = self.history.received();
        let frame = AudioFrame { samples: clip.samples.to_vec(), rate_hz: clip.rate_hz, at };
        self.history.audio(index, frame.duration());
        self.history.done(index);
        self.hear(&frame, now);
        frame
    }

    /// No more sentences come: the provider may finish.
    pub(crate) fn finish(&mut self) {
        if self.backlog.is_empty()
            && let Stream::Open { input, .. } = &mut self.stream
        {
            *input = None;
        }
    }

    /// Hangs up; what has no audio yet gets none.
    pub(crate) fn stop(&mut self) {
        self.passage = None;
        self.history.give_up();
        self.close();
        self.backlog.clear();
        self.given.clear();
        self.waiting = None;
    }

    /// The stream is gone, and with it what was counted on it.
    fn close(&mut self) {
        self.stream = Stream::Closed;
        self.finished = 0;
        self.streamed = MediaTime::ZERO;
        self.sounded = false;
    }

    /// Hangs up and tries the rest on a new stream. `None` when this turn has used up its retries.
    pub(crate) fn retry(&mut self, now: Instant) -> Option<Again> {
        if self.failures >= RETRIES {
            return None;
        }
        self.failures += 1;
        self.close();
        // Of a sentence that broke off, only the words that are not there yet are spoken again.
        let played_all = self.history.received();
        let mut backlog: VecDeque<(usize, String)> = VecDeque::new();
        let mut inserted = Vec::new();
        for index in std::mem::take(&mut self.given) {
            let index = index + inserted.len();
            if let Some((rest, text)) = self.history.split(index, played_all) {
                inserted.extend((rest > index).then_some(rest));
                backlog.push_back((rest, text));
            }
        }
        let shift = inserted.len();
        backlog.extend(self.backlog.drain(..).map(|(index, text)| (index + shift, text)));
        self.backlog = backlog;
        self.waiting = if self.backlog.is_empty() { None } else { self.waiting.or(Some(now)) };
        self.again = Some(now);
        self.warm();
        Some(Again { inserted })
    }

    /// When audio must have come; until `dry` there is some to play.
    pub(crate) fn deadline(&self, waits: &Waits, dry: Instant) -> Option<Instant> {
        let since = self.waiting?;
        let asked = self.again.map_or(since, |again| again.max(since));
        let first = self.history.received() == MediaTime::ZERO;
        let each =
            if first { asked + ms(waits.first_audio_ms) } else { asked.max(dry) + ms(waits.next_audio_ms) };
        // Whoever waits longer for one stream waits as long for all.
        Some(each.min(since.max(dry) + ms(waits.silence_ms.max(waits.next_audio_ms))))
    }

    /// Whether a stream failed and another took its place.
    pub(crate) fn was_retried(&self) -> bool {
        self.failures > 0
    }

    pub(crate) fn timed_out(&self) -> Error {
        let name = self.speaker.tts.info().name.clone();
        Error::new(Ability::Tts, ErrorKind::TimedOut, name, "no audio within the deadline")
    }

    /// What comes next from the provider; pends while nothing is asked. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Came {
        let attempt = self.attempt.clone();
        match &mut self.stream {
            Stream::Closed => std::future::pending().await,
            Stream::Opening(opening) => Came::Opened(opening.instrument(attempt).await),
            Stream::Open { events, .. } => Came::Event(events.next().instrument(attempt).await),
        }
    }

    /// Takes what came; gives audio to play. An error asks for `retry`.
    pub(crate) fn take(&mut self, came: Came, now: Instant) -> Result<Gave, Error> {
        let event = match came {
            Came::Opened(opened) => {
                let stream = opened.inspect_err(|_| self.close())?;
                self.stream = Stream::Open { input: Some(stream.input), events: stream.events };
                self.feed();
                return Ok(Gave::Nothing);
            }
            Came::Event(None) if self.is_even() => {
                self.close();
                if !self.backlog.is_empty() {
                    self.warm();
                }
                return Ok(Gave::Nothing);
            }
            Came::Event(None) => return Err(self.failed(ErrorKind::Closed, "ended before all was spoken")),
            Came::Event(Some(event)) => event.inspect_err(|_| self.close())?,
        };
        match event {
            TtsEvent::Audio(frame) => Ok(self.audio(frame, now).map_or(Gave::Nothing, Gave::Audio)),
            TtsEvent::Words { sentence, words } => {
                let index = sentence.checked_sub(self.finished).and_then(|n| self.given.get(n));
                if let Some(index) = index.copied() {
                    let base = self.history.received() - self.streamed;
                    let placed = words.into_iter().map(|mut word| {
                        word.from += base;
                        word.to += base;
                        word
                    });
                    self.history.words(index, placed.collect());
                }
                Ok(Gave::Nothing)
            }
            TtsEvent::SentenceDone { .. } => self.sentence_done(now).map(|()| Gave::SentenceDone),
            TtsEvent::Served(info) => {
                self.attempt.record("served", info.name.as_str());
                Ok(Gave::Nothing)
            }
            TtsEvent::Usage(_) => Ok(Gave::Nothing),
        }
    }

    /// Whether the stream owes nothing: it may end. One that ends before it gave anything has failed where something
    /// waits for it.
    fn is_even(&self) -> bool {
        self.given.is_empty() && (self.backlog.is_empty() || self.finished > 0)
    }

    fn audio(&mut self, mut frame: AudioFrame, now: Instant) -> Option<AudioFrame> {
        if frame.samples.is_empty() {
            return None;
        }
        let index = *self.given.front()?; // audio that belongs to no sentence is not played
        let length = frame.duration();
        frame.at = self.history.received();
        self.history.audio(index, length);
        self.streamed += length;
        self.hear(&frame, now);
        self.sounded |= is_audible(&frame.samples);
        if self.sounded {
            self.waiting = Some(now);
        }
        Some(frame)
    }

    fn hear(&mut self, frame: &AudioFrame, now: Instant) {
        if self.first_audible.is_none() && is_audible(&frame.samples) {
            self.first_audible = Some(now);
        }
    }

    fn sentence_done(&mut self, now: Instant) -> Result<(), Error> {
        let Some(index) = self.given.pop_front() else { return Ok(()) };
        self.finished += 1;
        if !self.sounded {
            self.given.push_front(index); // so that a retry speaks it
            return Err(self.failed(ErrorKind::Protocol, "a sentence was done without any audio"));
        }
        self.history.done(index);
        self.sounded = false;
        self.feed();
        self.waiting = (!self.is_caught_up()).then_some(now);
        Ok(())
    }

    /// Gives the stream what it has room for.
    fn feed(&mut self) {
        let Stream::Open { input: Some(input), .. } = &mut self.stream else { return };
        while let Some((index, text)) = self.backlog.front() {
            match input.push(TtsInput::Sentence(text.clone())) {
                Ok(true) => {
                    self.given.push_back(*index);
                    self.backlog.pop_front();
                }
                // Full: fed again with the next sentence that is done. Closed: the events say so.
                Ok(false) | Err(_) => return,
            }
        }
    }

    fn open(&mut self) -> Opening {
        self.openings += 1;
        let request = TtsRequest {
            session: self.speaker.session,
            turn: Some(self.turn),
            voice: self.speaker.voice.clone(),
        };
        let tts = Arc::clone(&self.speaker.tts);
        let provider = tts.info().name.as_str();
        self.attempt = tracing::info_span!("tts.attempt", provider, served = Empty, number = self.openings);
        Box::pin(async move { tts.open(request).await })
    }

    fn failed(&self, kind: ErrorKind, reason: &str) -> Error {
        Error::new(Ability::Tts, kind, self.speaker.tts.info().name.clone(), reason)
    }
}

#[cfg(test)]
mod tests;
