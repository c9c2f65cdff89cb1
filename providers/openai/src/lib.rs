//! OpenAI and everything that speaks its protocol: Azure OpenAI, vLLM, Ollama, llama.cpp, Groq, LocalAI, speaches.
//!
//! A language model over chat completions, a voice over `audio/speech`, an ear over `audio/transcriptions` for servers without
//! streaming, and one over the realtime socket; a model that hears and speaks, over the same socket.

mod conversation;
mod faults;
mod level;
mod llm;
mod options;
mod realtime;
mod resample;
mod transcribe;
mod tts;
mod wire;

pub use conversation::{ConversationProtocol, conversation};
pub use llm::OpenAiLlm;
pub use options::{
    ConversationOptions, Flavour, LlmOptions, Options, RealtimeOptions, TokenLimit, TranscribeOptions,
    TtsOptions,
};
pub use realtime::{RealtimeProtocol, realtime};
pub use transcribe::OpenAiStt;
pub use tts::{Speech, speech};
