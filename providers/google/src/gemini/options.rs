//! What can be chosen at Gemini.

use domain::Secret;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeminiOptions {
    /// Of the Generative Language API (AI Studio).
    pub key: Secret<String>,
    /// Without the version, such as `https://generativelanguage.googleapis.com`: `/v1beta/models/...` is added. A slash at its end changes
    /// nothing.
    #[serde(default = "base_url")]
    pub base_url: String,
    /// Without `models/`.
    #[serde(default = "model")]
    pub model: String,
    /// How long it may think before it answers; None is the model's own default, which is long for a conversation.
    #[serde(default)]
    pub thinking: Option<Thinking>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// `minimal`, `low`, `medium` or `high`: Gemini 3 and later.
    Level(String),
    /// Tokens, 0 for none: Gemini 2.5.
    Budget(u32),
}

impl GeminiOptions {
    /// Google's production service with a fast model that thinks as little as it can.
    #[must_use]
    pub fn new(key: Secret<String>) -> Self {
        let thinking = Some(Thinking::Level("minimal".to_owned()));
        Self { key, base_url: base_url(), model: model(), thinking }
    }

    pub(crate) fn url(&self) -> String {
        let (base, model) = (self.base_url.trim_end_matches('/'), &self.model);
        format!("{base}/v1beta/models/{model}:streamGenerateContent?alt=sse")
    }

    /// Models before Gemini 3 take no answer by schema beside tools, and want no signatures of thoughts.
    pub(crate) fn is_of_an_older_family(&self) -> bool {
        self.model.starts_with("gemini-1") || self.model.starts_with("gemini-2")
    }
}

fn base_url() -> String {
    "https://generativelanguage.googleapis.com".to_owned()
}

fn model() -> String {
    "gemini-3.5-flash".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_names_the_model() {
        let mut options = GeminiOptions::new(Secret::new("key".to_owned()));
        options.base_url.push('/');
        let url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.5-flash:streamGenerateContent?alt=sse";
        assert_eq!(options.url(), url);
    }
}
