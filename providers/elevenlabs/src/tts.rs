//! Synthesis over the multi-context socket: a context for each turn, whole sentences, each flushed.
//!
//! `auto_mode` switches the vendor's buffers off, which is documented for whole sentences, and `flush` with each says that it is whole:
//! the vendor starts on the first sentence when it arrives, and lets flushed text sound to its end when the context is closed.
//!
//! A sentence is over when its characters are aligned and their sound has come, when a character of the next one comes, when the vendor
//! says `flush_done`, or when the context ends: whichever is first. The vendor marks no sentences, `flush_done` is not documented, and a
//! turn may pause for minutes before its context ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::MediaTime;
use providers_api::{ErrorKind, TtsRequest};
use providers_link::pcm::Samples;
use providers_link::socket::{Manners, encoded};
use providers_link::speaking::Options as Spoke;
use providers_link::{Endpoint, Fault, Frame, Pool, Speaking, SpeakingProtocol, Spoken};

use crate::alignment::{Found, Sentences};
use crate::options::Options;
use crate::wire::{self, Close, KEEP_ALIVE, Message, Open, Say, Settings};
use crate::{NAME, refusal};

/// Without text for so long, an idle socket is kept open; sooner where it would be closed sooner.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(15);
/// No maximum is documented. A socket is replaced before restarts on their side (1012) find it by chance.
const ROTATE_AFTER: Duration = Duration::from_secs(30 * 60);

/// A voice over pooled sockets. One socket serves one voice, model and language.
#[must_use]
pub fn speaking(
    options: Options,
    pool: Pool,
) -> Speaking<impl Fn(&TtsRequest) -> ElevenLabsTurn + Send + Sync> {
    let info = options.info();
    let turns = AtomicU64::new(0);
    Speaking::new(info, manners(&options), pool, move |request: &TtsRequest| {
        ElevenLabsTurn::new(&options, request, turns.fetch_add(1, Ordering::Relaxed))
    })
}

fn manners(options: &Options) -> Spoke {
    let manners = Manners {
        keep_alive: Some(KEEP_ALIVE_AFTER.min(Duration::from_secs(options.inactivity_seconds()) / 3)),
        rotate_after: Some(ROTATE_AFTER),
        refused: refusal::handshake,
        closed: refusal::closed,
        ..Manners::new(NAME)
    };
    Spoke { manners, keep_alive: Some(Frame::Text(KEEP_ALIVE.to_owned())) }
}

/// One turn.
pub struct ElevenLabsTurn {
    endpoint: Endpoint,
    settings: Option<Settings>,
    rate_hz: u32,
    turn: u64,
    /// Contexts that this turn opened. The vendor may end one that waited for too long; the turn goes on in another.
    contexts: u32,
    context: String,
    open: bool,
    /// Text went into the context that is open.
    spoken_to: bool,
    /// Of the open context: its audio so far, in samples.
    sounded: u64,
    ended: bool,
    sentences: Sentences,
    /// Sentences that a `flush_done` is due for, oldest first.
    flushed: std::collections::VecDeque<usize>,
    samples: Samples,
    /// Of the turn.
    given: u64,
    heard: bool,
}

impl ElevenLabsTurn {
    fn new(options: &Options, request: &TtsRequest, turn: u64) -> Self {
        Self {
            endpoint: endpoint(options, request),
            settings: Settings::new(options.voice_settings, request.voice.speed),
            rate_hz: options.rate_hz,
            turn,
            contexts: 0,
            context: String::new(),
            open: false,
            spoken_to: false,
            sounded: 0,
            ended: false,
            sentences: Sentences::default(),
            flushed: std::collections::VecDeque::new(),
            samples: Samples::default(),
            given: 0,
            heard: false,
        }
    }

    fn open(&mut self, out: &mut Vec<Frame>) {
        if self.open {
            return;
        }
        self.context = format!("turn-{}-{}", self.turn, self.contexts);
        self.contexts += 1;
        (self.open, self.spoken_to, self.sounded) = (true, false, 0);
        self.flushed.clear();
        let open = Open { text: " ", context_id: &self.context, voice_settings: self.settings };
        out.push(Frame::Text(wire::json(&open)));
    }

    fn close(&self, out: &mut Vec<Frame>) {
        out.push(Frame::Text(wire::json(&Close { context_id: &self.context, close_context: true })));
    }

    fn at(&self, samples: u64) -> Duration {
        MediaTime::from_samples(samples, self.rate_hz).as_duration()
    }

    /// Audio and its characters: cut where a new sentence begins inside of it.
    fn sound(&mut self, message: &Message, spoken: &mut Vec<Spoken>) -> Result<(), Fault> {
        let begins = self.given;
        let mut audio = self.samples.push(&message.audio()?);
        let (timed, counted) = message.timed()?;
        self.given += audio.len() as u64;
        self.sounded += audio.len() as u64;
        for found in self.sentences.align(&timed, self.at(begins), counted) {
            if let Found::Over { at, .. } = &found {
                let here = self.given - audio.len() as u64;
                let cut = MediaTime::from_duration(*at).as_samples(self.rate_hz).saturating_sub(here);
                let rest = audio.split_off(audio.len().min(usize::try_from(cut).unwrap_or(usize::MAX)));
                let before = std::mem::replace(&mut audio, rest);
                give(before, spoken);
            }
            tell(found, spoken);
        }
        give(audio, spoken);
        if let Some(sentence) = self.sentences.over(self.at(self.given)) {
            spoken.push(Spoken::SentencesDone(sentence));
        }
        Ok(())
    }

    fn settle(&mut self, sentence: usize, spoken: &mut Vec<Spoken>) {
        let (found, news) = self.sentences.settle(sentence);
        found.into_iter().for_each(|found| tell(found, spoken));
        if news {
            spoken.push(Spoken::SentencesDone(sentence));
        }
    }

    /// The context is over.
    fn finished(&mut self, message: &Message, spoken: &mut Vec<Spoken>) -> Result<(), Fault> {
        self.open = false;
        if self.spoken_to && self.sounded == 0 {
            // Without quota the socket opens, takes the text, and ends each context at once.
            let kind = refusal::kind(&message.words(), None).unwrap_or(ErrorKind::Protocol);
            return Err(Fault::new(
                kind,
                "the context was ended without any sound, as it is when a quota is used up",
            ));
        }
        if self.ended && self.sentences.is_cut_between(self.at(self.given)) {
            return Err(Fault::protocol("the context was ended before its last sentence sounded"));
        }
        if !self.ended && self.sentences.waiting() {
            return Err(Fault::new(ErrorKind::Closed, "the context was ended in the middle of a turn"));
        }
        if let Some(last) = self.sentences.last() {
            self.settle(last, spoken);
        }
        if self.ended {
            spoken.push(Spoken::TurnDone);
        }
        Ok(())
    }
}

impl SpeakingProtocol for ElevenLabsTurn {
    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    fn begin(&mut self, out: &mut Vec<Frame>) {
        self.open(out);
    }

    fn sentence(&mut self, index: usize, text: &str, out: &mut Vec<Frame>) {
        self.open(out);
        // Text ends with a blank, or the next sentence would be joined to its last word.
        let text = format!("{} ", text.trim());
        out.push(Frame::Text(wire::json(&Say { text: &text, context_id: &self.context, flush: true })));
        self.sentences.push(index, &text);
        self.flushed.push_back(index);
        self.spoken_to = true;
    }

    fn end(&mut self, out: &mut Vec<Frame>) {
        self.ended = true;
        // What was flushed is spoken to its end, and `isFinal` comes after it. Where the vendor ended the context while the turn waited,
        // an empty one tells that the turn is over.
        self.open(out);
        self.close(out);
    }

    fn cancel(&mut self, out: &mut Vec<Frame>) -> bool {
        if std::mem::take(&mut self.open) {
            self.close(out);
        }
        // What still comes names a context that nobody waits for.
        true
    }

    fn is_settled(&mut self, last: Option<&Frame>) -> bool {
        // A connection that never answered this turn must show that it lives before another turn relies on it: the closed context is
        // answered by `isFinal`.
        self.heard || !self.spoken_to || last.is_some()
    }

    fn received(&mut self, frame: Frame, spoken: &mut Vec<Spoken>) -> Result<(), Fault> {
        let Frame::Text(text) = frame else { return Err(Fault::protocol("a binary message")) };
        let message = Message::read(&text)?;
        self.heard = true;
        let ours = message.context() == Some(&self.context);
        if let Some((names, reason)) = message.error()
            && (ours || message.context().is_none())
        {
            return Err(refusal::message(&names, &reason));
        }
        if !ours {
            return Ok(());
        }
        self.sound(&message, spoken)?;
        if message.is_flush_done()
            && let Some(sentence) = self.flushed.pop_front()
        {
            self.settle(sentence, spoken);
        }
        if message.is_final() {
            self.finished(&message, spoken)?;
        }
        Ok(())
    }
}

fn endpoint(options: &Options, request: &TtsRequest) -> Endpoint {
    let mut url = format!(
        "{}/v1/text-to-speech/{}/multi-stream-input?model_id={}&output_format={}&auto_mode=true&sync_alignment=true&inactivity_timeout={}",
        options.socket_base(),
        encoded(options.voice(request)),
        encoded(&options.model),
        options.output_format(),
        options.inactivity_seconds(),
    );
    if let Some(language) = options.language(request) {
        url.push_str(&format!("&language_code={}", encoded(language)));
    }
    match options.normalization {
        crate::TextNormalization::Auto => {}
        crate::TextNormalization::On => url.push_str("&apply_text_normalization=on"),
        crate::TextNormalization::Off => url.push_str("&apply_text_normalization=off"),
    }
    if !options.logging {
        url.push_str("&enable_logging=false");
    }
    Endpoint::new(url).header("xi-api-key", options.api_key.expose().clone())
}

fn give(audio: Vec<i16>, spoken: &mut Vec<Spoken>) {
    if !audio.is_empty() {
        spoken.push(Spoken::Audio(audio));
    }
}

fn tell(found: Found, spoken: &mut Vec<Spoken>) {
    spoken.push(match found {
        Found::Words { sentence, words } => Spoken::Words { sentence, words },
        Found::Over { sentence, .. } => Spoken::SentencesDone(sentence),
    });
}

#[cfg(test)]
mod tests;
