//! What can be chosen at Cartesia.

use domain::{Language, Secret};
use providers_api::{ProviderInfo, TtsRequest};
use providers_link::socket::{for_requests, for_sockets};

use crate::NAME;

/// Of the API, as its documentation names it; what is sent and read here was written for this one.
pub(crate) const VERSION: &str = "2026-03-01";

const RATES_HZ: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];

#[derive(Debug, Clone)]
pub struct Options {
    pub api_key: Secret<String>,
    /// Scheme and host, and for a proxy the path before `/tts`; with or without a slash at its end. `http` and `ws` mean the same, as do
    /// `https` and `wss`: sockets and requests go to the same place.
    pub base_url: String,
    /// Where the vendor works on requests to `base_url`, for the record; empty where that is not promised.
    pub region: String,
    /// `sonic-3` and later take a pace; earlier models speak at their own.
    pub model: String,
    /// Id of the voice for agents that name none.
    pub voice: String,
    /// Of the audio: 8000, 16000, 22050, 24000, 44100 or 48000.
    pub rate_hz: u32,
}

impl Options {
    #[must_use]
    pub fn new(api_key: Secret<String>) -> Self {
        Self {
            api_key,
            base_url: "https://api.cartesia.ai".to_owned(),
            region: String::new(),
            model: "sonic-3.5".to_owned(),
            voice: "f786b574-daa5-4673-aa0c-cbe3e8534c02".to_owned(),
            rate_hz: 24_000,
        }
    }

    /// # Errors
    /// What is wrong, for whoever configures it.
    pub fn validate(&self) -> Result<(), String> {
        if !RATES_HZ.contains(&self.rate_hz) {
            return Err(format!(
                "Cartesia has no audio of {} Hz: set rate_hz to one of {RATES_HZ:?}",
                self.rate_hz
            ));
        }
        if !["http://", "https://", "ws://", "wss://"].iter().any(|scheme| self.base_url.starts_with(scheme))
        {
            return Err(
                "the base URL of Cartesia must begin with https:// (or http:// for a server beside us)"
                    .to_owned(),
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

    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.api_key.expose())
    }

    fn base(&self) -> &str {
        self.base_url.trim_end_matches('/')
    }
}

/// The vendor's languages have no regions.
pub(crate) fn language(request: &TtsRequest) -> Option<&str> {
    let Language(language) = &request.voice.language;
    language.split(['-', '_']).next().filter(|code| !code.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_base_url_serves_sockets_and_requests() {
        let options = Options {
            base_url: "http://127.0.0.1:1/cartesia/".to_owned(),
            ..Options::new(Secret::new("key".to_owned()))
        };
        assert_eq!(options.socket_base(), "ws://127.0.0.1:1/cartesia");
        assert_eq!(options.http_base(), "http://127.0.0.1:1/cartesia");
        assert_eq!(options.validate(), Ok(()));
    }

    #[test]
    fn what_the_vendor_does_not_have_is_told_when_it_is_configured() {
        let good = Options::new(Secret::new("key".to_owned()));
        let bad = [
            Options { rate_hz: 11_025, ..good.clone() },
            Options { base_url: "api.cartesia.ai".to_owned(), ..good },
        ];
        assert!(bad.iter().all(|options| options.validate().is_err()));
    }
}
