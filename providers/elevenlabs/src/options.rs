//! What can be chosen at ElevenLabs.

use std::time::Duration;

use domain::{Language, Secret};
use providers_api::{ProviderInfo, TtsRequest};
use providers_link::socket::{for_requests, for_sockets};
use serde::Serialize;

use crate::NAME;

const RATES_HZ: [u32; 5] = [8_000, 16_000, 22_050, 24_000, 44_100];
/// The vendor's maximum.
const LONGEST_INACTIVITY: Duration = Duration::from_secs(180);

#[derive(Debug, Clone)]
pub struct Options {
    pub api_key: Secret<String>,
    /// Scheme and host, and for a proxy the path before `/v1`; with or without a slash at its end. `http` and `ws` mean the same, as do
    /// `https` and `wss`: sockets and requests go to the same place. Residency: `https://api.eu.residency.elevenlabs.io`.
    pub base_url: String,
    /// Where the vendor works on requests to `base_url`, for the record; empty where that is not promised.
    pub region: String,
    /// `eleven_v3` has no multi-context socket: over HTTP only.
    pub model: String,
    /// Id of the voice for agents that name none.
    pub voice: String,
    /// Of the audio: 8000, 16000, 22050, 24000 or 44100 (44100 needs a paid plan).
    pub rate_hz: u32,
    pub voice_settings: VoiceSettings,
    pub normalization: TextNormalization,
    /// `false`: nothing is kept at the vendor (an enterprise plan's zero retention mode).
    pub logging: bool,
    /// After so long without text the vendor ends a context; 180 s at most.
    pub inactivity: Duration,
}

/// Absent fields are the voice's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct VoiceSettings {
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stability: Option<f32>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity_boost: Option<f32>,
    /// 0 to 1; costs latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<f32>,
    /// Costs latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_speaker_boost: Option<bool>,
}

/// Whether numbers and signs are spelled out before they are spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TextNormalization {
    #[default]
    Auto,
    /// With Flash and Turbo 2.5: enterprise plans only.
    On,
    Off,
}

impl Options {
    #[must_use]
    pub fn new(api_key: Secret<String>) -> Self {
        Self {
            api_key,
            base_url: "https://api.elevenlabs.io".to_owned(),
            region: String::new(),
            model: "eleven_flash_v2_5".to_owned(),
            voice: "JBFqnCBsd6RMkjVDRZzb".to_owned(),
            rate_hz: 24_000,
            voice_settings: VoiceSettings::default(),
            normalization: TextNormalization::default(),
            logging: true,
            inactivity: LONGEST_INACTIVITY,
        }
    }

    /// # Errors
    /// What is wrong, for whoever configures it.
    pub fn validate(&self) -> Result<(), String> {
        if !RATES_HZ.contains(&self.rate_hz) {
            return Err(format!(
                "ElevenLabs has no audio of {} Hz: set rate_hz to one of {RATES_HZ:?}",
                self.rate_hz
            ));
        }
        if !["http://", "https://", "ws://", "wss://"].iter().any(|scheme| self.base_url.starts_with(scheme))
        {
            return Err(
                "the base URL of ElevenLabs must begin with https:// (or http:// for a server beside us)"
                    .to_owned(),
            );
        }
        if self.inactivity.is_zero() || self.inactivity > LONGEST_INACTIVITY {
            return Err(
                "ElevenLabs keeps a context for 1 to 180 s without text: set inactivity so".to_owned()
            );
        }
        Ok(())
    }

    pub(crate) fn info(&self) -> ProviderInfo {
        ProviderInfo {
            name: NAME.to_owned(),
            model: self.model.clone(),
            region: self.region.clone(),
            rate_hz: self.rate_hz,
            ..ProviderInfo::default()
        }
    }

    pub(crate) fn socket_base(&self) -> String {
        for_sockets(self.base())
    }

    pub(crate) fn http_base(&self) -> String {
        for_requests(self.base())
    }

    pub(crate) fn voice<'a>(&'a self, request: &'a TtsRequest) -> &'a str {
        if request.voice.name.is_empty() { &self.voice } else { &request.voice.name }
    }

    /// The language of the voice, where the model can be told one: others answer a code that they do not know with an error.
    pub(crate) fn language<'a>(&self, request: &'a TtsRequest) -> Option<&'a str> {
        let Language(language) = &request.voice.language;
        let code = language.split(['-', '_']).next().unwrap_or_default();
        let told = matches!(self.model.as_str(), "eleven_flash_v2_5" | "eleven_turbo_v2_5" | "eleven_v3");
        (told && !code.is_empty()).then_some(code)
    }

    /// In whole seconds, as the vendor takes it.
    pub(crate) fn inactivity_seconds(&self) -> u64 {
        self.inactivity.min(LONGEST_INACTIVITY).as_secs().max(1)
    }

    pub(crate) fn output_format(&self) -> String {
        format!("pcm_{}", self.rate_hz)
    }

    fn base(&self) -> &str {
        self.base_url.trim_end_matches('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_base_url_serves_sockets_and_requests() {
        let bases = |base_url: &str| {
            let base_url = base_url.to_owned();
            let options = Options { base_url, ..Options::new(Secret::new(String::new())) };
            (options.socket_base(), options.http_base())
        };
        let both = |socket: &str, http: &str| (socket.to_owned(), http.to_owned());
        assert_eq!(
            bases("https://api.elevenlabs.io/"),
            both("wss://api.elevenlabs.io", "https://api.elevenlabs.io")
        );
        assert_eq!(bases("ws://127.0.0.1:1/e"), both("ws://127.0.0.1:1/e", "http://127.0.0.1:1/e"));
        assert_eq!(bases("wss://ws.example"), both("wss://ws.example", "https://ws.example"));
    }

    #[test]
    fn what_the_vendor_does_not_have_is_told_when_it_is_configured() {
        let good = Options::new(Secret::new("key".to_owned()));
        assert_eq!(good.validate(), Ok(()));
        let bad = [
            Options { rate_hz: 11_025, ..good.clone() },
            Options { base_url: "api.elevenlabs.io".to_owned(), ..good.clone() },
            Options { inactivity: Duration::from_secs(600), ..good },
        ];
        assert!(bad.iter().all(|options| options.validate().is_err()));
    }
}
