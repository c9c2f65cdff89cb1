//! What can be chosen at AssemblyAI.

use std::time::Duration;

use domain::Secret;

/// No pause is the end of a turn.
const NEVER_SURE: f32 = 1.0;
/// Longer than a session waits before it demands the end.
const LONGEST_SILENCE_MS: u32 = 2_000;

#[derive(Debug, Clone)]
pub struct Options {
    pub key: Secret<String>,
    /// `wss://streaming.assemblyai.com` or `wss://streaming.eu.assemblyai.com`; `/v3/ws` is added.
    pub base_url: String,
    /// Of requests in English and without a language.
    pub model: String,
    /// Of requests in another language.
    pub multilingual_model: String,
    /// Finals with punctuation and capitals, by a second message that comes later. For models that write so anyway it changes nothing.
    pub format_turns: bool,
    /// The service ends turns by its own judgement, and tells it. Else turns end by demand alone, so that every demand is answered: the
    /// service says nothing where there is no turn to be ended.
    pub service_ends_turns: bool,
    /// Confidence from which a pause ends a turn, 0 to 1. None: what `service_ends_turns` needs. So for `max_turn_silence_ms`.
    pub end_of_turn_confidence: Option<f32>,
    /// Silence that is needed for that, ms. None: as the service does.
    pub min_turn_silence_ms: Option<u32>,
    /// Silence that ends a turn in any case, ms.
    pub max_turn_silence_ms: Option<u32>,
    pub connect_within: Duration,
    /// After a demanded end of turn, how long it is waited for.
    pub finalize_within: Duration,
}

impl Options {
    #[must_use]
    pub fn new(key: Secret<String>) -> Self {
        Self {
            key,
            base_url: "wss://streaming.assemblyai.com".to_owned(),
            model: "universal-streaming-english".to_owned(),
            multilingual_model: "universal-streaming-multilingual".to_owned(),
            format_turns: false,
            service_ends_turns: false,
            end_of_turn_confidence: None,
            min_turn_silence_ms: None,
            max_turn_silence_ms: None,
            connect_within: Duration::from_secs(5),
            finalize_within: Duration::from_millis(900),
        }
    }

    /// What `service_ends_turns` asks for, where it is not set.
    pub(crate) fn confidence(&self) -> Option<f32> {
        self.end_of_turn_confidence.or_else(|| (!self.service_ends_turns).then_some(NEVER_SURE))
    }

    pub(crate) fn longest_silence_ms(&self) -> Option<u32> {
        self.max_turn_silence_ms.or_else(|| (!self.service_ends_turns).then_some(LONGEST_SILENCE_MS))
    }

    /// `eu` where the address says so, else `us`; empty where the address is not the vendor's.
    pub(crate) fn region(&self) -> &'static str {
        match () {
            () if self.base_url.contains("streaming.eu.assemblyai.com") => "eu",
            () if self.base_url.contains("streaming.assemblyai.com") => "us",
            () => "",
        }
    }
}
