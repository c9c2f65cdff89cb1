//! Which vendor speaks and listens for an agent. The graph of an agent lives in `agents/graph`.

use serde::{Deserialize, Serialize};

use crate::speech::Language;

/// A provider and what to ask of it. A list of them is ordered: the first that works serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderBinding {
    /// Name of the provider as configured, such as `local` or `deepgram`.
    pub provider: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Voice {
    /// The vendor's name of the voice; empty is the provider's default.
    pub name: String,
    pub language: Language,
    /// 1.0 is the voice's own pace.
    pub speed: f32,
}

impl Default for Voice {
    fn default() -> Self {
        Self { name: String::new(), language: Language::default(), speed: 1.0 }
    }
}
