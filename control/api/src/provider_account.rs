//! An organization's accounts at vendors of speech and language, and at carriers: with whose key, where, and with which models.

use domain::{ProviderAccountId, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    Anthropic,
    Assemblyai,
    /// Azure Speech.
    Azure,
    AzureOpenai,
    Cartesia,
    Deepgram,
    Elevenlabs,
    /// The Gemini API.
    Gemini,
    /// Cloud Speech-to-Text and Text-to-Speech. The key is the JSON of a service account, or an API key.
    Google,
    Openai,
    /// Any server that speaks OpenAI's protocol: vLLM, Ollama, llama.cpp, Groq, LocalAI, speaches.
    OpenaiCompatible,
    /// A carrier of telephone calls.
    Telnyx,
    /// A carrier of telephone calls. The key is the auth token.
    Twilio,
}

impl Vendor {
    pub const ALL: [Self; 13] = [
        Self::Anthropic,
        Self::Assemblyai,
        Self::Azure,
        Self::AzureOpenai,
        Self::Cartesia,
        Self::Deepgram,
        Self::Elevenlabs,
        Self::Gemini,
        Self::Google,
        Self::Openai,
        Self::OpenaiCompatible,
        Self::Telnyx,
        Self::Twilio,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Assemblyai => "assemblyai",
            Self::Azure => "azure",
            Self::AzureOpenai => "azure_openai",
            Self::Cartesia => "cartesia",
            Self::Deepgram => "deepgram",
            Self::Elevenlabs => "elevenlabs",
            Self::Gemini => "gemini",
            Self::Google => "google",
            Self::Openai => "openai",
            Self::OpenaiCompatible => "openai_compatible",
            Self::Telnyx => "telnyx",
            Self::Twilio => "twilio",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.name() == name)
    }
}

/// What a vendor is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Speech to text.
    Stt,
    /// Language model.
    Llm,
    /// Text to speech.
    Tts,
}

impl Ability {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
        }
    }
}

/// What is not the vendor's own default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountOptions {
    /// Address of the API, `https://…` or `wss://…`. Given by the operator alone, since the server connects to it.
    #[schema(min_length = 8, max_length = 300, pattern = "^(https?|wss?)://[^?#@ ]+$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Azure's region, Google's location; of others whatever says where their servers are. An organization or agent whose words may go to
    /// some regions alone uses accounts in these.
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9-]+$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stt_model: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm_model: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tts_model: Option<String>,
    /// Where an agent names none.
    #[schema(min_length = 1, max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
    /// Twilio's name of the account, `AC…`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9]+$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_sid: Option<String>,
    /// With which Telnyx's webhooks are verified: base64, as its portal shows it.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9+/=]+$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Telnyx's id of the Voice API application that makes calls for us. Without one the account makes none.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9-]+$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// So many calls a second the carrier lets the account begin; each server asks for no more. Absent: it is not held back before the carrier
    /// says that these are too many.
    #[schema(minimum = 1, maximum = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderAccount {
    #[schema(value_type = String, example = "pac_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: ProviderAccountId,
    /// What agents' definitions name.
    pub name: String,
    pub vendor: Vendor,
    pub options: AccountOptions,
    /// The key's last characters. The key itself is never shown.
    pub key_hint: Option<String>,
    pub enabled: bool,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProviderAccount {
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub name: String,
    pub vendor: Vendor,
    /// Kept encrypted, never returned.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 8000, pattern = "^[^\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f]+$")]
    pub key: Option<Secret<String>>,
    #[serde(default)]
    pub options: AccountOptions,
    pub enabled: Option<bool>,
}

/// What is left out stays as it is. Name and vendor never change: make another account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderAccountChange {
    /// In place of the former one.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 8000, pattern = "^[^\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f]+$")]
    pub key: Option<Secret<String>>,
    pub options: Option<AccountOptions>,
    pub enabled: Option<bool>,
}

/// A real request, small and paid for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialRequest {
    pub ability: Ability,
    /// The account's, or the vendor's default, unless given.
    #[schema(min_length = 1, max_length = 200)]
    pub model: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    pub voice: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrialAnswer {
    pub ok: bool,
    /// The model that answered.
    pub model: String,
    /// Until the vendor had accepted the request.
    pub open_ms: Option<f64>,
    /// Until the first word, token or voiced sample.
    pub first_ms: Option<f64>,
    pub whole_ms: Option<f64>,
    /// What was recognised or written.
    pub text: Option<String>,
    /// What was spoken: a WAV file in base64.
    pub audio: Option<String>,
    /// Of the failure; its page is at `/docs/errors/CODE`.
    pub code: Option<String>,
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Voices {
    pub data: Vec<VoiceChoice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoiceChoice {
    /// What agents' definitions name.
    pub id: String,
    pub name: String,
    pub language: Option<String>,
    /// A sample to listen to.
    pub preview_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Vendors {
    pub data: Vec<VendorAbout>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VendorAbout {
    pub vendor: Vendor,
    pub title: String,
    /// None: a carrier, which no agent names.
    pub abilities: Vec<Ability>,
    pub needs_key: bool,
    pub needs_region: bool,
    pub needs_base_url: bool,
    /// Name of the environment variable that makes an account of the default organization at the first start.
    pub key_variable: Option<String>,
    pub stt_model: Option<String>,
    pub llm_model: Option<String>,
    pub tts_model: Option<String>,
    pub voice: Option<String>,
}

/// How accounts did in the last 24 hours, and whether this server asks them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProvidersHealth {
    /// Of each account and ability that was asked; `built-in` is the server itself.
    pub data: Vec<ProviderHealth>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderHealth {
    /// The account's name.
    pub provider: String,
    /// `stt`, `llm`, `tts`.
    pub ability: String,
    pub requests: i64,
    pub failures: i64,
    /// Failures of the requests; absent without requests.
    pub failure_share: Option<f64>,
    /// Until the first useful answer, the median of those that gave one.
    pub first_median_ms: Option<f64>,
    /// Of the requests whose cost is known.
    pub cost_nano_usd: i64,
    pub unpriced: i64,
    /// Of the latest request that failed; its page is at `/docs/errors/CODE`.
    pub last_error: Option<String>,
    /// What this server does not ask for now.
    pub breakers: Vec<OpenBreaker>,
}

/// After failures a provider is not asked for a while; then one request finds out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenBreaker {
    pub model: String,
    pub region: String,
    /// Until it may be asked again; 0: the next request finds out, or one is finding out.
    pub open_ms: u64,
}
