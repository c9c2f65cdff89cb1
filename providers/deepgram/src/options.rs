//! What can be chosen at Deepgram.

use std::time::Duration;

use domain::Secret;

#[derive(Debug, Clone)]
pub struct Options {
    pub api_key: Secret<String>,
    /// Such as `wss://api.deepgram.com`, without a path.
    pub base_url: String,
    pub stt_model: String,
    pub tts_model: String,
    /// For the handshake.
    pub connect_timeout: Duration,
    /// Deepgram answers a `Finalize` only when it holds audio without a final; after this long we take the turn as complete.
    pub finalize_timeout: Duration,
}

impl Options {
    #[must_use]
    pub fn new(api_key: Secret<String>) -> Self {
        Self {
            api_key,
            base_url: "wss://api.deepgram.com".to_owned(),
            stt_model: "nova-3".to_owned(),
            tts_model: "aura-2-thalia-en".to_owned(),
            connect_timeout: Duration::from_secs(5),
            finalize_timeout: Duration::from_millis(400),
        }
    }
}
