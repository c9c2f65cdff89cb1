//! What a provider is and can do.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderInfo {
    /// Name in metrics, events and configuration, such as `local` or `deepgram`.
    pub name: String,
    pub model: String,
    /// Rate in Hz of the audio that an STT wants or a TTS gives; 0 where neither applies.
    pub rate_hz: u32,
}
