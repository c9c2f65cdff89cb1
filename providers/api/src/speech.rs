//! Models that hear and speak: the caller's voice goes in, the answer's voice comes out, with its words.
//!
//! The model judges no turns: whoever holds the floor says when the caller has finished, asks for an answer, and tells how much of
//! it was heard. One stream is one conversation, whose memory is the model's: it is told of everything that it neither heard nor
//! said itself. A model of this kind is a language model to whoever counts or routes: its errors are of `Ability::Llm`.

use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, SessionId, Voice, Voiced};
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::error::Error;
use crate::info::ProviderInfo;
use crate::llm::{Finish, Message, ToolCall, ToolChoice, ToolSpec};
use crate::sink::Sink;
use crate::usage::Usage;

pub trait SpeechModel: Send + Sync {
    /// `rate_hz` is that of the audio it gives.
    fn info(&self) -> &ProviderInfo;

    /// Begins a conversation. Returns when the model takes audio.
    fn open(&self, request: SpeechRequest) -> BoxFuture<'_, Result<SpeechStream, Error>>;
}

#[derive(Debug, Clone)]
pub struct SpeechRequest {
    pub session: SessionId,
    /// Rate in Hz of the frames that will be pushed, mono 16 bit.
    pub rate_hz: u32,
    /// Its name is the vendor's; empty: the provider's own.
    pub voice: Voice,
}

/// Both ends of a running conversation. Dropping either hangs up.
pub struct SpeechStream {
    pub input: Sink<SpeechInput>,
    /// Must be polled all the time: audio goes out with it.
    pub events: BoxStream<'static, Result<SpeechEvent, Error>>,
    /// The vendor ends conversations that are older; to be replaced before.
    pub good_for: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SpeechInput {
    /// The next stretch of what the caller says. Stretches of a turn are joined, whatever their positions.
    Audio(AudioFrame),
    /// The caller has finished: what was heard since the last turn is what they said. Less than 100 ms is nothing.
    Turn,
    /// What was heard since the last turn was no turn.
    Unheard,
    /// A part of the conversation that the model has neither heard nor said: what came before this stream, what was typed, what the
    /// agent said in another voice, what a tool gave.
    Said(Message),
    /// Answers the conversation as it stands. Answers are numbered from 0, in the order in which they are asked for.
    Answer(SpeechAsk),
    /// Of this answer's voice the caller heard so much, and no more of it is wanted: the rest was never said. What still comes of it
    /// is its usage and its end.
    Heard { answer: u32, heard: Duration },
}

/// What an answer is made with.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeechAsk {
    pub instructions: Arc<str>,
    pub tools: Arc<[ToolSpec]>,
    pub tool_choice: ToolChoice,
    pub max_tokens: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SpeechEvent {
    pub answer: u32,
    pub given: SpeechGiven,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SpeechGiven {
    /// More of the answer; words mostly come ahead of their sound.
    Voiced(Voiced),
    ToolCall(ToolCall),
    /// The vendor's own count (or ours, marked), once, before the end, or before the error that ends the stream.
    Usage(Usage),
    /// Last of the answer.
    Finished(Finish),
}
