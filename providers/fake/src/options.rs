//! How the fakes behave when nothing goes wrong; what goes wrong is in `fault`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Why a fake cannot be made from its options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fake provider: {0}")]
pub struct Invalid(pub &'static str);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SttOptions {
    /// Until `open` returns.
    pub connect_ms: u64,
    /// From a recognised word to the partial that holds it.
    pub partial_delay_ms: u64,
    /// From `Prepare` or `Finalize` to the final.
    pub final_delay_ms: u64,
    /// Gives a final of its own after this much silence behind words, as some vendors do.
    pub endpoint_ms: Option<u64>,
    /// Real voices are beyond a fake: with lines, each voiced stretch is "recognised" as the next line, over and over.
    pub lines: Vec<String>,
    /// Fate of the first streams, then of all others.
    pub faults: Vec<Fault>,
    pub always: Fault,
}

impl Default for SttOptions {
    fn default() -> Self {
        Self {
            connect_ms: 0,
            partial_delay_ms: 100,
            final_delay_ms: 50,
            endpoint_ms: None,
            lines: Vec::new(),
            faults: Vec::new(),
            always: Fault::None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TtsOptions {
    /// Until `open` returns.
    pub connect_ms: u64,
    /// From a sentence to its first audio.
    pub first_byte_ms: u64,
    /// Length of speech for each character.
    pub ms_per_char: u64,
    /// How many times faster than real time the audio comes.
    pub speed: f32,
    /// Audio comes in pieces of this length.
    pub chunk_ms: u64,
    pub rate_hz: u32,
    /// Gives word times.
    pub words: bool,
    pub faults: Vec<Fault>,
    pub always: Fault,
}

impl Default for TtsOptions {
    fn default() -> Self {
        Self {
            connect_ms: 0,
            first_byte_ms: 50,
            ms_per_char: 60,
            speed: 10.0,
            chunk_ms: 40,
            rate_hz: 24_000,
            words: true,
            faults: Vec::new(),
            always: Fault::None,
        }
    }
}

impl TtsOptions {
    /// # Errors
    /// When a value would make the voice impossible.
    pub fn validate(&self) -> Result<(), Invalid> {
        if !self.speed.is_finite() || self.speed <= 0.0 {
            return Err(Invalid("speed must be above 0"));
        }
        if self.chunk_ms == 0 || self.ms_per_char == 0 {
            return Err(Invalid("chunk_ms and ms_per_char must be above 0"));
        }
        if !(8_000..=48_000).contains(&self.rate_hz) {
            return Err(Invalid("rate_hz must be between 8000 and 48000"));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlmOptions {
    pub first_token_ms: u64,
    pub tokens_per_second: u32,
    /// Answers where the last message (of the caller, or what a tool gave) contains the key, ignoring case; the first that fits wins.
    pub answers: Vec<Answer>,
    /// The answer to everything else, `{}` stands for what was asked.
    pub otherwise: String,
    pub faults: Vec<Fault>,
    pub always: Fault,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub to: String,
    /// `{}` stands for what was asked, or what the tool gave.
    pub text: String,
    /// Tools that it calls after the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub name: String,
    pub arguments: serde_json::Value,
}

impl Default for LlmOptions {
    fn default() -> Self {
        Self {
            first_token_ms: 50,
            tokens_per_second: 100,
            answers: Vec::new(),
            otherwise: "You said: {}.".to_owned(),
            faults: Vec::new(),
            always: Fault::None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbedOptions {
    pub delay_ms: u64,
    pub dimensions: usize,
}

impl Default for EmbedOptions {
    fn default() -> Self {
        Self { delay_ms: 5, dimensions: 64 }
    }
}

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
