//! What can be chosen at Anthropic.

use domain::Secret;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    pub key: Secret<String>,
    /// Without the version, such as `https://api.anthropic.com`: `/v1/messages` is added. A slash at its end changes nothing.
    #[serde(default = "base_url")]
    pub base_url: String,
    #[serde(default = "model")]
    pub model: String,
    /// Limit of a reply in tokens where the request has none: the vendor wants one.
    #[serde(default = "max_tokens")]
    pub max_tokens: u32,
    /// Marks tools, system prompt and conversation for the vendor's cache. Writing to it costs a quarter more than reading without it,
    /// reading from it a tenth.
    #[serde(default = "caching")]
    pub caching: bool,
}

impl Options {
    /// Anthropic's production service and its fastest family of models.
    #[must_use]
    pub fn new(key: Secret<String>) -> Self {
        Self { key, base_url: base_url(), model: model(), max_tokens: max_tokens(), caching: caching() }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/v1/messages", self.base_url.trim_end_matches('/'))
    }
}

fn base_url() -> String {
    "https://api.anthropic.com".to_owned()
}

fn model() -> String {
    "claude-haiku-4-5".to_owned()
}

const fn max_tokens() -> u32 {
    4_096
}

const fn caching() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_of_the_address_changes_nothing() {
        let mut options = Options::new(Secret::new("key".to_owned()));
        assert_eq!(options.url(), "https://api.anthropic.com/v1/messages");
        options.base_url.push('/');
        assert_eq!(options.url(), "https://api.anthropic.com/v1/messages");
    }
}
