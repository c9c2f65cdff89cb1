//! What a provider is and can do.

use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct ProviderInfo {
    /// Name in metrics, events and configuration, such as `local` or `deepgram`.
    pub name: String,
    /// Whose key it uses there: the name of an account, where it works for one.
    pub account: String,
    pub model: String,
    /// Where the vendor works on the request, as the vendor names it (`eu`, `westeurope`); empty where it does not say.
    pub region: String,
    /// Rate in Hz of the audio that an STT wants or a TTS gives; 0 where neither applies.
    pub rate_hz: u32,
}
