//! What a speech or language vendor must be able to do: one trait each, its requests, events and errors, and
//! the suite every implementation passes.
//!
//! Audio or text goes in through a bounded sink, events come out as a stream, dropping either hangs up.
//! Success is progress (a word, a voiced sample), never a status code.

pub mod conformance;
pub mod embed;
pub mod error;
pub mod info;
pub mod llm;
pub mod sink;
pub mod speech;
pub mod stt;
pub mod tts;
pub mod usage;
pub mod voices;

pub use embed::Embedder;
pub use error::{Ability, Error, ErrorKind};
pub use info::ProviderInfo;
pub use llm::{
    Finish, Llm, LlmEvent, LlmRequest, LlmStream, Message, OutputSchema, ToolCall, ToolChoice, ToolSpec,
};
pub use sink::{Closed, Sink};
pub use speech::{
    SpeechAsk, SpeechEvent, SpeechGiven, SpeechInput, SpeechModel, SpeechRequest, SpeechStream,
};
pub use stt::{Stt, SttEvent, SttInput, SttRequest, SttStream};
pub use tts::{Tts, TtsEvent, TtsInput, TtsRequest, TtsStream};
pub use usage::{Usage, if_readable};
pub use voices::VoiceListing;
