//! Speech to text, text to speech and embeddings in this process, without key or network.

pub mod tts;
