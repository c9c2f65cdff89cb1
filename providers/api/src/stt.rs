//! Speech to text.

use std::sync::Arc;

use domain::{AudioFrame, Language, Score, SessionId, Transcript};
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::error::Error;
use crate::info::ProviderInfo;
use crate::sink::Sink;
use crate::usage::Usage;

pub trait Stt: Send + Sync {
    fn info(&self) -> &ProviderInfo;

    /// Opens one stream of recognition. Returns when the provider takes audio.
    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>>;
}

#[derive(Debug, Clone)]
pub struct SttRequest {
    pub session: SessionId,
    /// Rate in Hz of the frames that will be pushed, mono 16 bit.
    pub rate_hz: u32,
    pub language: Option<Language>,
    /// Words to expect, such as names; a hint.
    pub keywords: Vec<String>,
}

/// Both ends of a running recognition. Dropping either hangs up.
pub struct SttStream {
    pub input: Sink<SttInput>,
    /// Ends after the input was dropped and the last final was given.
    pub events: BoxStream<'static, Result<SttEvent, Error>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SttInput {
    /// The next stretch of the caller's track; positions never go back.
    Audio(AudioFrame),
    /// The caller seems to have paused at the end of the audio pushed so far: begin computing the final, but give no
    /// event yet. Free to ignore. More audio with speech makes it void.
    Prepare,
    /// The caller has finished: give the final of everything since the last final, now. Exactly one
    /// final transcript answers each `Finalize`, with empty text where nothing was said.
    Finalize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SttEvent {
    /// Positions are those of the audio pushed. A partial takes the place of the one before; an empty one takes it back.
    Transcript(Transcript),
    /// The recogniser's own judgement of the end of the turn, where it has one.
    EndOfTurn(Score),
    /// What was used since this was last given: once a turn or so, and last.
    Usage(Usage),
    /// Who serves the stream from here on. Given by routes.
    Served(Arc<ProviderInfo>),
}
