//! What can be chosen at Google Cloud's Speech-to-Text and Text-to-Speech.

use std::time::Duration;

use domain::Language;

use crate::auth::Credentials;

#[derive(Debug, Clone)]
pub struct Options {
    pub credentials: Credentials,
    /// The project that recognisers belong to; a service account names its own.
    pub project: String,
    /// The project that is billed for the quota, where it is not the credentials' own.
    pub quota_project: Option<String>,
    /// Where Google works on the audio and the text: `global`, `eu`, `us`, `europe-west4`, ... Models are offered by location
    /// (`chirp_2` and `chirp_3` not at `global`).
    pub location: String,
    /// Replaces the address of Speech-to-Text that follows from the location; a path is kept as a prefix. `http://` speaks HTTP/2
    /// without TLS.
    pub stt_base_url: Option<String>,
    /// Replaces the address of Text-to-Speech that follows from the location; a path is kept as a prefix.
    pub tts_base_url: Option<String>,
    /// Where assertions are exchanged for tokens. The address in a service account's file is not followed: whoever brings the file would
    /// choose where this process sends requests.
    pub token_url: String,
    pub stt_model: String,
    /// Heard where the request names no language; with more than one, Google says which it was. Tags as Google lists them (`en-US`).
    pub stt_languages: Vec<String>,
    /// How strongly the request's keywords are favoured, above 0 to 20.
    pub keyword_boost: f32,
    /// Of Text-to-Speech, such as `en-US-Chirp3-HD-Achernar`.
    pub voice: String,
    /// Rate in Hz of the synthesis. Chirp 3 HD voices speak at 24,000.
    pub tts_rate_hz: u32,
    pub connect_within: Duration,
}

impl Options {
    /// Google's production service. With an API key the project has to be set for Speech-to-Text.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self {
            project: credentials.project().unwrap_or_default().to_owned(),
            credentials,
            quota_project: None,
            location: "global".to_owned(),
            stt_base_url: None,
            tts_base_url: None,
            token_url: "https://oauth2.googleapis.com/token".to_owned(),
            stt_model: "latest_long".to_owned(),
            stt_languages: vec!["en-US".to_owned()],
            keyword_boost: 10.0,
            voice: "en-US-Chirp3-HD-Achernar".to_owned(),
            tts_rate_hz: 24_000,
            connect_within: Duration::from_secs(5),
        }
    }

    pub(crate) fn stt_url(&self) -> String {
        self.stt_base_url.clone().unwrap_or_else(|| regional(&self.location, "speech"))
    }

    pub(crate) fn tts_url(&self) -> String {
        self.tts_base_url.clone().unwrap_or_else(|| regional(&self.location, "texttospeech"))
    }

    pub(crate) fn recognizer(&self) -> String {
        format!("projects/{}/locations/{}/recognizers/_", self.project, self.location)
    }

    /// Tags for a request. One without a region is what the options say of that language, since most models list only full tags.
    pub(crate) fn languages(&self, asked: Option<&Language>) -> Vec<String> {
        let Some(asked) = asked else { return self.stt_languages.clone() };
        let known = self.stt_languages.iter().find(|known| primary(known) == asked.0);
        vec![known.unwrap_or(&asked.0).clone()]
    }
}

/// The address of a service at a location.
fn regional(location: &str, service: &str) -> String {
    match location {
        "" | "global" => format!("https://{service}.googleapis.com"),
        location => format!("https://{location}-{service}.googleapis.com"),
    }
}

fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use domain::Secret;

    use super::*;

    #[test]
    fn addresses_and_recognisers_follow_the_location() {
        let mut options = Options::new(Credentials::api_key(Secret::new("key".to_owned())));
        options.project = "acme".to_owned();
        assert_eq!(options.stt_url(), "https://speech.googleapis.com");
        options.location = "europe-west4".to_owned();
        assert_eq!(options.stt_url(), "https://europe-west4-speech.googleapis.com");
        assert_eq!(options.tts_url(), "https://europe-west4-texttospeech.googleapis.com");
        assert_eq!(options.recognizer(), "projects/acme/locations/europe-west4/recognizers/_");
    }

    #[test]
    fn a_language_without_a_region_is_the_configured_one() {
        let mut options = Options::new(Credentials::api_key(Secret::new("key".to_owned())));
        options.stt_languages = vec!["de-DE".to_owned(), "en-GB".to_owned()];
        let asked = |tag: &str| options.languages(Some(&Language(tag.to_owned())));
        assert_eq!(asked("en"), ["en-GB"]);
        assert_eq!(asked("en-US"), ["en-US"]);
        assert_eq!(asked("fr"), ["fr"]);
        assert_eq!(options.languages(None), ["de-DE", "en-GB"]);
    }
}
