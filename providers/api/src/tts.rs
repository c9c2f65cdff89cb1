//! Text to speech.

use std::sync::Arc;

use domain::{AudioFrame, SessionId, TurnId, Voice, Word};
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::error::Error;
use crate::info::ProviderInfo;
use crate::sink::Sink;
use crate::usage::Usage;

pub trait Tts: Send + Sync {
    fn info(&self) -> &ProviderInfo;

    /// Opens the synthesis of one turn. Returns when the provider takes text.
    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>>;

    /// Prepares in the background for so many turns like this one, where a connection can be opened ahead. Needs a runtime;
    /// says nothing of success.
    fn warm(&self, request: &TtsRequest, turns: usize) {
        let _ = (request, turns);
    }
}

#[derive(Debug, Clone)]
pub struct TtsRequest {
    pub session: SessionId,
    /// Of the session; `None`: for none, such as what is rendered ahead.
    pub turn: Option<TurnId>,
    pub voice: Voice,
}

/// Both ends of the synthesis of one turn. Dropping `events` stops the synthesis at once; dropping `input` says that
/// no more text comes.
pub struct TtsStream {
    pub input: Sink<TtsInput>,
    /// Ends after the input was dropped and the last sentence was spoken.
    pub events: BoxStream<'static, Result<TtsEvent, Error>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TtsInput {
    /// The next sentence. Sentences are spoken in order; the first has index 0.
    Sentence(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum TtsEvent {
    /// The next stretch of the sentence, at `info().rate_hz` (of a route: at the rate of whoever speaks, which the frame
    /// names), positions counted from the start of the turn. Any length.
    Audio(AudioFrame),
    /// When each word of the sentence sounds, positions from the start of the turn. May come again while the sentence goes
    /// on, with all that is known then: the last counts. Where a provider has none, the session estimates.
    Words { sentence: usize, words: Vec<Word> },
    /// All audio of the sentence was given. A sentence without anything to speak gives this alone and is no failure.
    SentenceDone { sentence: usize },
    /// What was used since this was last given; of the last sentence, before the end.
    Usage(Usage),
    /// Who speaks from here on. Given by routes.
    Served(Arc<ProviderInfo>),
}
