//! What can be chosen: where the server is and how it is told who we are, then each ability on its own.

use std::time::Duration;

use domain::Secret;
use providers_api::ProviderInfo;
use providers_link::Endpoint;
use providers_link::socket::{encoded, for_sockets};
use serde::Deserialize;

const OPENAI: &str = "https://api.openai.com/v1";

/// Where the server is, and whose it is. Shared by all abilities.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Name in metrics, events and errors, such as `openai`, `groq` or `ollama`.
    pub name: String,
    #[serde(default)]
    pub flavour: Flavour,
    /// None where the server asks for none.
    #[serde(default)]
    pub key: Option<Secret<String>>,
    /// Up to and with the version, such as `https://api.openai.com/v1`, `https://NAME.openai.azure.com/openai/v1` or
    /// `http://localhost:11434/v1`; a slash at its end changes nothing. Sockets go to the same place (`https` is `wss`, `http` is `ws`).
    pub base_url: String,
    /// Where the vendor works, for residency and metrics; empty where it does not say.
    #[serde(default)]
    pub region: String,
    /// Longest silence of a server that owes an answer, ms: before its head and between two pieces of its body. A guard against
    /// connections that died unseen; whoever routes between providers gives up much earlier.
    #[serde(default = "silence_ms")]
    pub silence_ms: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Flavour {
    /// `Authorization: Bearer`; what is charged to whom may be named.
    #[default]
    OpenAi,
    /// As `OpenAi`, charged to this organization and project.
    Charged { organization: Option<String>, project: Option<String> },
    /// `api-key`; models are deployments.
    Azure,
    /// Any other server: `Authorization: Bearer` where there is a key, and nothing that only OpenAI knows.
    Compatible,
}

/// What a limit of tokens is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenLimit {
    MaxCompletionTokens,
    /// The older name, which OpenAI's reasoning models refuse and some servers alone know.
    MaxTokens,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlmOptions {
    /// At Azure, the deployment.
    pub model: String,
    pub token_limit: TokenLimit,
    /// Asks for the count of tokens at the end of the stream (`stream_options`). A server that refuses this is estimated.
    pub asks_usage: bool,
    /// Sends `prompt_cache_key`, by which OpenAI routes requests with the same beginning.
    pub sends_cache_key: bool,
    /// `none`, `minimal`, `low`, ...: of reasoning models. For voice the lowest that the model knows.
    pub reasoning_effort: Option<String>,
    /// `priority` is answered sooner and costs more.
    pub service_tier: Option<String>,
    pub parallel_tool_calls: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TtsOptions {
    pub model: String,
    /// Where a turn names none.
    pub voice: String,
    /// How to speak, in words; `gpt-4o-mini-tts` and its like.
    pub instructions: Option<String>,
    /// Asks for events, which bring the vendor's count of tokens. Servers that do not know them answer with plain audio.
    pub events: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranscribeOptions {
    pub model: String,
    /// Comes before the words to expect and the caller's last words.
    pub prompt: String,
    /// Asks for `verbose_json` with the times of words, and for what tells speech from what was made up. `whisper-1` and most
    /// compatible servers know it, `gpt-4o-transcribe` and its like refuse it.
    pub detail: bool,
    /// From here on a frame is loud enough to be speech, dB below full scale.
    pub loud_dbfs: f32,
    /// Longest wait for one transcription, ms.
    pub within_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealtimeOptions {
    pub model: String,
    pub prompt: String,
    /// `near_field` or `far_field`; for telephones neither.
    pub noise_reduction: Option<String>,
    /// The model in the address too, which gateways want and `api.openai.com` refuses.
    pub model_in_url: bool,
    pub loud_dbfs: f32,
    /// Longest wait for the final, ms. The published 99th percentile is 1,660.
    pub finalize_within_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationOptions {
    /// At Azure, the deployment.
    pub model: String,
    /// Where a conversation names none.
    pub voice: String,
    /// `near_field` or `far_field`; for telephones neither.
    pub noise_reduction: Option<String>,
    /// Longest wait from a connection that stands to a session that is as we asked, ms.
    pub ready_within_ms: u64,
}

impl Options {
    /// OpenAI itself.
    #[must_use]
    pub fn new(key: Secret<String>) -> Self {
        Self::at("openai", Flavour::OpenAi, Some(key), OPENAI)
    }

    /// `https://{resource}.openai.azure.com`, with or without `/openai/v1`.
    #[must_use]
    pub fn azure(key: Secret<String>, resource_url: &str) -> Self {
        let resource = resource_url.trim_end_matches('/').trim_end_matches("/openai/v1");
        Self::at("azure_openai", Flavour::Azure, Some(key), &format!("{resource}/openai/v1"))
    }

    /// Any other server, by the name it shall have here.
    #[must_use]
    pub fn compatible(name: &str, key: Option<Secret<String>>, base_url: &str) -> Self {
        Self::at(name, Flavour::Compatible, key, base_url)
    }

    fn at(name: &str, flavour: Flavour, key: Option<Secret<String>>, base_url: &str) -> Self {
        Self {
            name: name.to_owned(),
            flavour,
            key,
            base_url: base_url.to_owned(),
            region: String::new(),
            silence_ms: silence_ms(),
        }
    }

    /// # Errors
    /// What cannot work, and what to write instead.
    pub fn validate(&self) -> Result<(), String> {
        if !self.base_url.starts_with("https://") && !self.base_url.starts_with("http://") {
            return Err("base_url: expected https://… or http://…, up to and with /v1".to_owned());
        }
        if self.key.is_none() && self.flavour != Flavour::Compatible {
            return Err(format!("key: {} serves nobody without one", self.name));
        }
        Ok(())
    }

    pub(crate) fn info(&self, model: &str, rate_hz: u32) -> ProviderInfo {
        ProviderInfo {
            name: self.name.clone(),
            model: model.to_owned(),
            region: self.region.clone(),
            rate_hz,
            ..ProviderInfo::default()
        }
    }

    pub(crate) const fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }

    /// Of a path such as `chat/completions`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url.trim_end_matches('/'))
    }

    pub(crate) fn authorised(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        self.credentials().into_iter().fold(request, |request, (name, value)| {
            let mut value = reqwest::header::HeaderValue::from_str(value.expose())
                // Nothing that a header can hold is no key either, and is refused as one.
                .unwrap_or_else(|_| reqwest::header::HeaderValue::from_static("unreadable"));
            value.set_sensitive(true);
            request.header(name, value)
        })
    }

    /// Of the realtime transcription.
    pub(crate) fn socket(&self, model: Option<&str>) -> Endpoint {
        let model = model.map(|model| format!("&model={}", encoded(model))).unwrap_or_default();
        self.realtime(&format!("intent=transcription{model}"))
    }

    /// Of a conversation with a model that hears and speaks.
    pub(crate) fn conversation(&self, model: &str) -> Endpoint {
        self.realtime(&format!("model={}", encoded(model)))
    }

    fn realtime(&self, query: &str) -> Endpoint {
        let base = for_sockets(self.base_url.trim_end_matches('/'));
        let mut endpoint = Endpoint::new(format!("{base}/realtime?{query}"));
        for (name, value) in self.credentials() {
            endpoint = endpoint.header(name, value.expose().clone());
        }
        endpoint
    }

    fn credentials(&self) -> Vec<(&'static str, Secret<String>)> {
        let mut headers = Vec::new();
        match (&self.flavour, &self.key) {
            (_, None) => {}
            (Flavour::Azure, Some(key)) => headers.push(("api-key", key.clone())),
            (_, Some(key)) => {
                headers.push(("authorization", Secret::new(format!("Bearer {}", key.expose()))));
            }
        }
        if let Flavour::Charged { organization, project } = &self.flavour {
            let named = [("openai-organization", organization), ("openai-project", project)];
            let named = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
            headers.extend(named.map(|(name, value)| (name, Secret::new(value))));
        }
        headers
    }
}

impl LlmOptions {
    /// What the server of `options` is known to understand.
    #[must_use]
    pub fn new(options: &Options, model: &str) -> Self {
        let compatible = options.flavour == Flavour::Compatible;
        Self {
            model: model.to_owned(),
            token_limit: if compatible { TokenLimit::MaxTokens } else { TokenLimit::MaxCompletionTokens },
            asks_usage: true,
            sends_cache_key: !compatible,
            reasoning_effort: None,
            service_tier: None,
            parallel_tool_calls: None,
        }
    }
}

impl Default for TtsOptions {
    fn default() -> Self {
        Self {
            model: "gpt-4o-mini-tts".to_owned(),
            voice: "alloy".to_owned(),
            instructions: None,
            events: false,
        }
    }
}

impl Default for TranscribeOptions {
    fn default() -> Self {
        Self {
            model: "gpt-4o-mini-transcribe".to_owned(),
            prompt: String::new(),
            detail: false,
            loud_dbfs: crate::level::LOUD_DBFS,
            within_ms: 10_000,
        }
    }
}

impl Default for ConversationOptions {
    fn default() -> Self {
        Self {
            model: "gpt-realtime".to_owned(),
            voice: "marin".to_owned(),
            noise_reduction: None,
            ready_within_ms: 4_000,
        }
    }
}

impl Default for RealtimeOptions {
    fn default() -> Self {
        Self {
            model: "gpt-4o-mini-transcribe".to_owned(),
            prompt: String::new(),
            noise_reduction: None,
            model_in_url: false,
            loud_dbfs: crate::level::LOUD_DBFS,
            finalize_within_ms: 1_900,
        }
    }
}

const fn silence_ms() -> u64 {
    30_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(options: &Options) -> Vec<(String, String)> {
        let client = reqwest::Client::new();
        let request = options.authorised(client.post("http://localhost/")).build().expect("well formed");
        let pairs = request.headers().iter();
        pairs.map(|(name, value)| (name.to_string(), value.to_str().expect("ascii").to_owned())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn each_flavour_says_who_it_is_in_its_own_way() {
        let key = || Secret::new("k".to_owned());
        assert_eq!(headers(&Options::new(key())), [pair("authorization", "Bearer k")]);
        assert_eq!(headers(&Options::azure(key(), "https://r.openai.azure.com/")), [pair("api-key", "k")]);
        assert!(headers(&Options::compatible("ollama", None, "http://localhost:11434/v1")).is_empty());
        let charged =
            Flavour::Charged { organization: Some("org-1".to_owned()), project: Some("proj-1".to_owned()) };
        let charged = Options { flavour: charged, ..Options::new(key()) };
        let named =
            [("authorization", "Bearer k"), ("openai-organization", "org-1"), ("openai-project", "proj-1")];
        assert_eq!(headers(&charged), named.map(|(name, value)| pair(name, value)));
    }

    #[test]
    fn a_slash_too_many_leads_to_the_same_place() {
        let key = || Secret::new("k".to_owned());
        for resource in ["https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/"] {
            let options = Options::azure(key(), resource);
            assert_eq!(
                options.url("chat/completions"),
                "https://r.openai.azure.com/openai/v1/chat/completions"
            );
        }
        let options = Options::compatible("vllm", None, "http://localhost:8000/v1/");
        assert_eq!(options.url("models"), "http://localhost:8000/v1/models");
        assert_eq!(
            options.socket(Some("a/b")).url.expose(),
            "ws://localhost:8000/v1/realtime?intent=transcription&model=a%2Fb"
        );
        assert_eq!(
            Options::new(key()).socket(None).url.expose(),
            "wss://api.openai.com/v1/realtime?intent=transcription"
        );
    }

    #[test]
    fn what_cannot_work_is_told_before_the_first_call() {
        assert!(Options::compatible("ollama", None, "http://localhost:11434/v1").validate().is_ok());
        assert!(Options::compatible("ollama", None, "localhost:11434").validate().is_err());
        let keyless = Options { key: None, ..Options::new(Secret::new(String::new())) };
        assert!(keyless.validate().expect_err("no key").contains("key"));
    }

    #[test]
    fn options_do_not_show_the_key() {
        let shown = format!("{:?}", Options::new(Secret::new("sk-secret".to_owned())));
        assert!(!shown.contains("sk-secret"), "{shown}");
    }
}
