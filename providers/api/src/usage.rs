//! What a request used, in the units that vendors charge for.

use std::ops::AddAssign;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Reads a vendor's count; one that cannot be read is as none: no answer is lost by it.
///
/// # Errors
/// When the whole is not readable.
pub fn if_readable<'de, D: Deserializer<'de>, T: Default + DeserializeOwned>(
    given: D,
) -> Result<T, D::Error> {
    let given = Value::deserialize(given)?;
    Ok(serde_json::from_value(given).unwrap_or_default())
}

/// Counts of one request or of many; zero where a unit does not apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input_tokens: u64,
    /// Of the input tokens: read from the vendor's cache.
    pub cached_tokens: u64,
    /// Of the input tokens: written to the vendor's cache, where that has a price of its own.
    pub cache_written_tokens: u64,
    pub output_tokens: u64,
    /// Of the input and output tokens: those of audio (speech to speech).
    pub audio_input_tokens: u64,
    pub audio_output_tokens: u64,
    /// Characters given to a synthesis.
    pub characters: u64,
    /// Audio given to a recogniser, or the time its socket was open where the vendor charges for that.
    pub audio_in: Duration,
    /// Audio that a synthesis gave.
    pub audio_out: Duration,
    /// Counted by us, since the vendor has not said.
    pub estimated: bool,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.cached_tokens += other.cached_tokens;
        self.cache_written_tokens += other.cache_written_tokens;
        self.output_tokens += other.output_tokens;
        self.audio_input_tokens += other.audio_input_tokens;
        self.audio_output_tokens += other.audio_output_tokens;
        self.characters += other.characters;
        self.audio_in += other.audio_in;
        self.audio_out += other.audio_out;
        self.estimated |= other.estimated;
    }
}
