//! What can be chosen at Deepgram.

use std::time::Duration;

use domain::Secret;
use providers_link::Endpoint;
use providers_link::socket::{encoded, for_requests, for_sockets};

#[derive(Debug, Clone)]
pub struct Options {
    pub api_key: Secret<String>,
    /// Such as `wss://api.deepgram.com`, without a path; a slash at its end does not matter. Requests over HTTP go to the same place
    /// (`https` for `wss`).
    pub base_url: String,
    /// `nova-3`, `nova-2-phonecall`, ... ; `flux-general-en` and other Flux models use the second version of the protocol.
    pub stt_model: String,
    /// The voice of agents that name none.
    pub tts_model: String,
    /// For the handshake.
    pub connect_timeout: Duration,
    /// Deepgram answers a `Finalize` only when it holds audio without a final: where no word is under way, after this long we take the
    /// turn as complete.
    pub finalize_timeout: Duration,
    pub flux: Flux,
    /// Keeps the audio out of the vendor's model improvement.
    pub mip_opt_out: bool,
}

/// When Flux takes a turn as over.
#[derive(Debug, Clone, Copy)]
pub struct Flux {
    /// 0.5 to 1.0.
    pub eot_threshold: f32,
    /// 0.3 to 0.9, at most `eot_threshold`. None: no early notice.
    pub eager_eot_threshold: Option<f32>,
    /// 500 to 60,000 ms.
    pub eot_timeout_ms: u32,
}

impl Default for Flux {
    fn default() -> Self {
        Self { eot_threshold: 0.7, eager_eot_threshold: Some(0.5), eot_timeout_ms: 5_000 }
    }
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
            flux: Flux::default(),
            mip_opt_out: false,
        }
    }

    pub(crate) fn authorization(&self) -> String {
        format!("Token {}", self.api_key.expose())
    }

    pub(crate) fn socket(&self, path_and_query: &str) -> Endpoint {
        let base = for_sockets(self.base_url.trim_end_matches('/'));
        let url = format!("{base}{path_and_query}{}", self.opt_out());
        Endpoint::new(url).header("authorization", self.authorization())
    }

    pub(crate) fn http(&self, path_and_query: &str) -> String {
        let base = for_requests(self.base_url.trim_end_matches('/'));
        format!("{base}{path_and_query}{}", self.opt_out())
    }

    /// A voice is a model at Deepgram.
    pub(crate) fn voice(&self, voice: &domain::Voice) -> String {
        encoded(if voice.name.is_empty() { &self.tts_model } else { &voice.name })
    }

    const fn opt_out(&self) -> &'static str {
        if self.mip_opt_out { "&mip_opt_out=true" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_goes_where_sockets_go() {
        let mut options = Options::new(Secret::new("key".to_owned()));
        assert_eq!(options.http("/v1/speak?a=b"), "https://api.deepgram.com/v1/speak?a=b");
        options.base_url = "ws://127.0.0.1:9/".to_owned();
        options.mip_opt_out = true;
        assert_eq!(options.http("/v1/speak?a=b"), "http://127.0.0.1:9/v1/speak?a=b&mip_opt_out=true");
        let endpoint = options.socket("/v1/listen?c=d");
        assert_eq!(endpoint.url.expose(), "ws://127.0.0.1:9/v1/listen?c=d&mip_opt_out=true");
        assert!(!format!("{endpoint:?}").contains("key"));
        options.base_url = "https://deepgram.example".to_owned();
        let endpoint = options.socket("/v1/listen?c=d");
        assert_eq!(endpoint.url.expose(), "wss://deepgram.example/v1/listen?c=d&mip_opt_out=true");
    }
}
