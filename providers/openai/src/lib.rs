//! OpenAI and everything that speaks its protocol: Azure OpenAI, vLLM, Ollama, llama.cpp, Groq, LocalAI, speaches.
//!
//! A language model over chat completions, a voice over `audio/speech`, an ear over `audio/transcriptions` for servers without
//! streaming, and one over the realtime socket. Speech to speech is not here.

mod faults;
mod level;
mod llm;
mod options;
mod realtime;
mod resample;
mod transcribe;
mod tts;
mod wire;

pub use llm::OpenAiLlm;
pub use options::{Flavour, LlmOptions, Options, RealtimeOptions, TokenLimit, TranscribeOptions, TtsOptions};
pub use realtime::{RealtimeProtocol, realtime};
pub use transcribe::OpenAiStt;
pub use tts::{Speech, speech};
