//! Synthesis over the socket: a context for each turn, whole sentences, a flush after each.
//!
//! `max_buffer_delay_ms` 0 is documented for clients that send whole sentences: what comes is spoken at once. The flush after a sentence
//! numbers its audio (`flush_id`) and is answered by `flush_done` when all of it has come, which is what says that a sentence is over.
//!
//! A context expires one second after its last audio, long before a caller has heard it. So a sentence that comes when nothing of the
//! turn is under way begins another context. It costs the melody across that pause, which the caller hears as one anyway.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::MediaTime;
use providers_api::TtsRequest;
use providers_link::pcm::Samples;
use providers_link::socket::Manners;
use providers_link::speaking::{Options as Spoke, SpokenWord};
use providers_link::{Endpoint, Fault, Frame, Pool, Speaking, SpeakingProtocol, Spoken};

use crate::options::{self, Options, VERSION};
use crate::wire::{self, Cancel, Generate, Manner, Message, What, WordTimestamps};
use crate::{NAME, refusal};

/// The vendor closes a socket that generated nothing for five minutes, and counts no ping as use.
const ROTATE_AFTER: Duration = Duration::from_secs(280);
const PING_AFTER: Duration = Duration::from_secs(20);

/// A voice over pooled sockets. One socket serves every voice and model of an account.
#[must_use]
pub fn speaking(
    options: Options,
    pool: Pool,
) -> Speaking<impl Fn(&TtsRequest) -> CartesiaTurn + Send + Sync> {
    let info = options.info();
    let turns = AtomicU64::new(0);
    Speaking::new(info, manners(), pool, move |request: &TtsRequest| {
        CartesiaTurn::new(&options, request, turns.fetch_add(1, Ordering::Relaxed))
    })
}

fn manners() -> Spoke {
    let manners = Manners {
        keep_alive: Some(PING_AFTER),
        rotate_after: Some(ROTATE_AFTER),
        refused: refusal::handshake,
        closed: refusal::closed,
        ..Manners::new(NAME)
    };
    Spoke { manners, keep_alive: None }
}

/// One turn.
pub struct CartesiaTurn {
    endpoint: Endpoint,
    manner: Manner,
    rate_hz: u32,
    turn: u64,
    contexts: u32,
    /// Of the context that is open: its sentences, the n-th with `flush_id` n + 1.
    context: String,
    sentences: Vec<Sentence>,
    /// Of these, so many are over.
    done: usize,
    ended: bool,
    samples: Samples,
    /// Of the turn, in samples.
    given: u64,
    /// Where in the turn the open context begins.
    begins: Duration,
    heard: bool,
}

struct Sentence {
    index: usize,
    /// Where in the turn it begins, known when the one before it is over.
    begins: Duration,
    sounded: bool,
    /// What its times are counted from, once the first is known.
    origin: Option<Duration>,
    words: Vec<SpokenWord>,
}

impl CartesiaTurn {
    fn new(options: &Options, request: &TtsRequest, turn: u64) -> Self {
        let language = options::language(request);
        let voice = options.voice(request);
        Self {
            endpoint: Endpoint::new(format!(
                "{}/tts/websocket?cartesia_version={VERSION}",
                options.socket_base()
            ))
            .header("authorization", options.authorization()),
            manner: Manner::new(&options.model, voice, language, options.rate_hz, request.voice.speed),
            rate_hz: options.rate_hz,
            turn,
            contexts: 0,
            context: String::new(),
            sentences: Vec::new(),
            done: 0,
            ended: false,
            samples: Samples::default(),
            given: 0,
            begins: Duration::ZERO,
            heard: false,
        }
    }

    fn is_under_way(&self) -> bool {
        self.done < self.sentences.len()
    }

    fn position(&self) -> Duration {
        MediaTime::from_samples(self.given, self.rate_hz).as_duration()
    }

    fn open(&mut self) {
        self.context = format!("turn-{}-{}", self.turn, self.contexts);
        self.contexts += 1;
        self.begins = self.position();
        self.sentences.clear();
        self.done = 0;
    }

    /// Where the sentence of this flush stands; without a flush, the one that is under way.
    fn place(&self, flush: Option<usize>) -> Option<usize> {
        let last = self.sentences.len().checked_sub(1)?;
        Some(flush.map_or(self.done, |flush| flush.saturating_sub(1)).min(last))
    }

    /// The first so many sentences are over.
    fn settle(&mut self, upto: usize, spoken: &mut Vec<Spoken>) -> Result<(), Fault> {
        let upto = upto.min(self.sentences.len());
        if upto <= self.done {
            return Ok(());
        }
        if self.sentences[self.done..upto].iter().any(|sentence| !sentence.sounded) {
            return Err(Fault::protocol("a sentence was ended without any sound, though it had text"));
        }
        self.done = upto;
        let here = self.position();
        if let Some(next) = self.sentences.get_mut(upto) {
            next.begins = here;
        }
        spoken.push(Spoken::SentencesDone(self.sentences[upto - 1].index));
        Ok(())
    }

    fn sound(&mut self, flush: Option<usize>, data: &str, spoken: &mut Vec<Spoken>) -> Result<(), Fault> {
        let audio = self.samples.push(&wire::audio(data)?);
        let Some(place) = self.place(flush) else { return Ok(()) };
        // What comes of a later sentence says that those before it are over.
        self.settle(place, spoken)?;
        if audio.is_empty() {
            return Ok(());
        }
        self.given += audio.len() as u64;
        self.sentences[place].sounded = true;
        spoken.push(Spoken::Audio(audio));
        Ok(())
    }

    fn words(
        &mut self,
        flush: Option<usize>,
        words: WordTimestamps,
        spoken: &mut Vec<Spoken>,
    ) -> Result<(), Fault> {
        /// Times are rounded.
        const SLACK: Duration = Duration::from_millis(50);
        let timed = words.timed()?;
        let (Some(place), Some((_, first, _))) = (self.place(flush), timed.first()) else { return Ok(()) };
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let context = self.begins;
        let sentence = &mut self.sentences[place];
        // Documentation does not say whether a flush begins the times anew. No word of a sentence can sound before the sentence does:
        // times that say so are counted from where it begins.
        let first = context + seconds(*first);
        let begins = sentence.begins;
        let origin = *sentence.origin.get_or_insert(if first + SLACK < begins { begins } else { context });
        sentence.words.extend(timed.into_iter().map(|(text, from, to)| SpokenWord {
            text,
            from: origin + seconds(from),
            to: origin + seconds(to.max(from)),
        }));
        spoken.push(Spoken::Words { sentence: sentence.index, words: sentence.words.clone() });
        Ok(())
    }
}

impl SpeakingProtocol for CartesiaTurn {
    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    fn sentence(&mut self, index: usize, text: &str, out: &mut Vec<Frame>) {
        if !self.is_under_way() {
            self.open();
        }
        let begins = self.position();
        self.sentences.push(Sentence { index, begins, sounded: false, origin: None, words: Vec::new() });
        // Transcripts are joined as they are.
        let text = format!("{} ", text.trim());
        out.push(Frame::Text(wire::json(&Generate::new(&self.manner, &self.context, &text))));
        let flush = Generate { flush: true, ..Generate::new(&self.manner, &self.context, "") };
        out.push(Frame::Text(wire::json(&flush)));
    }

    fn end(&mut self, out: &mut Vec<Frame>) {
        self.ended = true;
        if self.is_under_way() {
            let last = Generate { continues: false, ..Generate::new(&self.manner, &self.context, "") };
            out.push(Frame::Text(wire::json(&last)));
        }
    }

    fn is_complete(&self) -> bool {
        // Of a context that expired nothing is told any more, nor need it be.
        !self.is_under_way()
    }

    fn cancel(&mut self, out: &mut Vec<Frame>) -> bool {
        if self.is_under_way() {
            out.push(Frame::Text(wire::json(&Cancel { context_id: &self.context, cancel: true })));
        }
        // What still comes names a context that nobody waits for.
        true
    }

    fn is_settled(&mut self, last: Option<&Frame>) -> bool {
        // A connection that never answered this turn must show that it lives before another turn relies on it.
        self.heard || self.contexts == 0 || last.is_some()
    }

    fn received(&mut self, frame: Frame, spoken: &mut Vec<Spoken>) -> Result<(), Fault> {
        let Frame::Text(text) = frame else { return Err(Fault::protocol("a binary message")) };
        let Message { context_id, flush_id, what } = Message::read(&text)?;
        self.heard = true;
        let ours = context_id.as_deref() == Some(self.context.as_str());
        match what {
            What::Error(wrong) if ours || context_id.is_none() => Err(refusal::message(&wrong)),
            _ if !ours => Ok(()),
            What::Chunk { data } => self.sound(flush_id, &data, spoken),
            What::Timestamps { word_timestamps: Some(words) } => self.words(flush_id, words, spoken),
            What::FlushDone => self.settle(flush_id.unwrap_or(self.done + 1), spoken),
            What::Done => {
                self.settle(self.sentences.len(), spoken)?;
                if self.ended {
                    spoken.push(Spoken::TurnDone);
                }
                Ok(())
            }
            What::Timestamps { .. } | What::Error(_) | What::Other => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
