//! Google Cloud's formats, as documented. The only place that knows them: JSON here, protocol buffers below.

pub(crate) mod speech;
pub(crate) mod status;

use serde::{Deserialize, Serialize};

/// The key file of a service account. Its other fields are addresses that are not followed.
#[derive(Deserialize)]
pub(crate) struct ServiceAccount {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) project_id: String,
    #[serde(default)]
    pub(crate) private_key_id: String,
    pub(crate) private_key: String,
    pub(crate) client_email: String,
}

/// Claims that are exchanged for a token (RFC 7523).
#[derive(Serialize)]
pub(crate) struct Assertion<'a> {
    pub(crate) iss: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) aud: &'a str,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

#[derive(Deserialize)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    /// Seconds.
    pub(crate) expires_in: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Denied {
    pub(crate) error: String,
    pub(crate) error_description: String,
}

/// `text:synthesize`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Synthesize<'a> {
    pub(crate) input: Input<'a>,
    pub(crate) voice: Voice<'a>,
    pub(crate) audio_config: AudioConfig,
}

#[derive(Serialize)]
pub(crate) struct Input<'a> {
    pub(crate) text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Voice<'a> {
    pub(crate) language_code: &'a str,
    pub(crate) name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AudioConfig {
    pub(crate) audio_encoding: &'static str,
    pub(crate) sample_rate_hertz: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) speaking_rate: Option<f32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Synthesized {
    #[serde(default)]
    pub(crate) audio_content: String,
}

#[derive(Deserialize)]
pub(crate) struct Voices {
    #[serde(default)]
    pub(crate) voices: Vec<ListedVoice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedVoice {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) language_codes: Vec<String>,
    #[serde(default)]
    pub(crate) ssml_gender: String,
    #[serde(default)]
    pub(crate) natural_sample_rate_hertz: u32,
}

/// What REST says of a failure.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refused {
    pub(crate) error: RestStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct RestStatus {
    pub(crate) message: String,
    /// Such as `RESOURCE_EXHAUSTED`.
    pub(crate) status: String,
    pub(crate) details: Vec<RestDetail>,
}

/// `ErrorInfo` and `RetryInfo` in one; what else comes has neither field.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RestDetail {
    pub(crate) reason: String,
    /// Such as `3.5s`.
    pub(crate) retry_delay: String,
}
