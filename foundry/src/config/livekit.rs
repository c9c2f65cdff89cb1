//! `[livekit]`: the server whose rooms agents come into.

use std::path::PathBuf;

use domain::Secret;
use serde::{Deserialize, Serialize};

/// A LiveKit server whose rooms may ask for the agents: by the name of an agent, which is the name it is dispatched by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LiveKit {
    /// Such as `wss://livekit.example.com`. No rooms are served unless all three are given.
    pub(crate) url: Option<String>,
    /// As web pages reach it, where that is another address.
    pub(crate) public_url: Option<String>,
    pub(crate) api_key: Option<String>,
    #[serde(skip_serializing)]
    pub(crate) api_secret: Option<Secret<String>>,
    /// Certificates of authorities (PEM) by which the server and the TURN servers that it names are verified, besides the system's.
    pub(crate) ca: Option<PathBuf>,
}

impl LiveKit {
    /// Where it is, and what it knows us by.
    pub(crate) fn server(&self) -> Option<(String, media_livekit::Keys)> {
        let (url, key, secret) = (self.url.clone()?, self.api_key.clone()?, self.api_secret.clone()?);
        Some((url, media_livekit::Keys { key, secret }))
    }

    /// Whom its certificates, and those of TURN servers, are verified by.
    pub(crate) fn trust(&self) -> Result<media_livekit::Trust, media_livekit::trust::Error> {
        self.ca.as_deref().map_or_else(|| Ok(media_livekit::Trust::default()), media_livekit::Trust::with)
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let given = [self.url.is_some(), self.api_key.is_some(), self.api_secret.is_some()];
        if given.contains(&true) && given.contains(&false) {
            let all = "LIVEKIT_URL (url), LIVEKIT_API_KEY (api_key) and LIVEKIT_API_SECRET (api_secret)";
            return Err(format!("{all} go together: give all three, or none"));
        }
        self.trust().map_err(|error| error.to_string())?;
        let mut urls = self.url.iter().chain(&self.public_url);
        urls.try_for_each(|url| media_livekit::check_url(url).map_err(|error| error.to_string()))
    }
}
