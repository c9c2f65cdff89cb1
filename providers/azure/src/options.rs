//! What can be chosen at Azure Speech.

use std::time::Duration;

use domain::{Language, Secret};
use providers_link::socket::{for_requests, for_sockets};

#[derive(Debug, Clone)]
pub struct Options {
    /// Of the Speech resource; sent as `Ocp-Apim-Subscription-Key`.
    pub key: Secret<String>,
    /// The resource's, such as `westeurope`.
    pub region: String,
    /// `wss://…`, to which `/speech/recognition/…` is added.
    pub stt_url: String,
    /// `https://…`, to which `/cognitiveservices/…` is added.
    pub tts_url: String,
    pub mode: Mode,
    pub profanity: Profanity,
    /// A custom speech model: the id of its endpoint (`cid`).
    pub endpoint_id: Option<String>,
    /// Of requests without a language.
    pub language: Language,
    /// Silence within speech after which a phrase is settled, 100 to 5000 ms. None: as the service does.
    pub segmentation_silence_ms: Option<u32>,
    /// Of requests without a voice. The default speaks every language of the service.
    pub voice: String,
    /// How it speaks, such as `cheerful` or `customerservice`, where the voice has styles.
    pub style: Option<String>,
    /// A custom voice's deployment.
    pub deployment_id: Option<String>,
    pub connect_within: Duration,
    /// After the end of a turn's audio, how long its last phrase is waited for. The service needs up to 1.8 s in one of a hundred turns.
    pub finalize_within: Duration,
}

/// What the recogniser expects: it decides where phrases end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Commands and short answers; one phrase to a request.
    Interactive,
    #[default]
    Conversation,
    /// Longer sentences, with what was said about punctuation.
    Dictation,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profanity {
    /// As it was said: what is left out or starred cannot be understood by whoever answers.
    #[default]
    Raw,
    Masked,
    Removed,
}

impl Options {
    #[must_use]
    pub fn new(key: Secret<String>, region: &str) -> Self {
        Self {
            key,
            region: region.to_owned(),
            stt_url: format!("wss://{region}.stt.speech.microsoft.com"),
            tts_url: format!("https://{region}.tts.speech.microsoft.com"),
            mode: Mode::default(),
            profanity: Profanity::default(),
            endpoint_id: None,
            language: Language("en-US".to_owned()),
            segmentation_silence_ms: None,
            voice: "en-US-AvaMultilingualNeural".to_owned(),
            style: None,
            deployment_id: None,
            connect_within: Duration::from_secs(5),
            finalize_within: Duration::from_millis(1_900),
        }
    }

    /// Both services at one address, whichever of their schemes it has: a proxy, a container, a server beside us. A slash at its end is
    /// ignored.
    #[must_use]
    pub fn at(mut self, base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/');
        self.tts_url = for_requests(base_url);
        self.stt_url = for_sockets(base_url);
        self
    }
}

impl Mode {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Conversation => "conversation",
            Self::Dictation => "dictation",
        }
    }
}

impl Profanity {
    pub(crate) const fn value(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Masked => "masked",
            Self::Removed => "removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_serves_both_in_their_own_schemes() {
        let options = Options::new(Secret::new(String::new()), "westeurope");
        assert_eq!(options.stt_url, "wss://westeurope.stt.speech.microsoft.com");
        let near = options.at("http://127.0.0.1:1/azure/");
        assert_eq!([near.stt_url, near.tts_url], ["ws://127.0.0.1:1/azure", "http://127.0.0.1:1/azure"]);
    }
}
