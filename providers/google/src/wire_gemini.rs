//! The Generative Language API as it is documented. The only place that knows its JSON; what it does not know it passes over.

mod request;

use std::time::Duration;

use providers_api::if_readable;
use serde::Deserialize;
use serde_json::Value;

pub(crate) use request::body;

/// The data of one event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Chunk {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) prompt_feedback: Option<Feedback>,
    /// Of everything so far, in every event.
    #[serde(deserialize_with = "if_readable")]
    pub(crate) usage_metadata: Option<Counted>,
    /// Instead of the others.
    pub(crate) error: Option<Problem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Candidate {
    pub(crate) content: Content,
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Content {
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Part {
    pub(crate) text: String,
    /// A summary of thoughts and no part of the answer.
    pub(crate) thought: bool,
    pub(crate) thought_signature: Option<String>,
    pub(crate) function_call: Option<FunctionCall>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FunctionCall {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) args: Value,
}

/// The prompt was not answered.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Feedback {
    pub(crate) block_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Counted {
    /// With those of the cache.
    pub(crate) prompt_token_count: u64,
    pub(crate) cached_content_token_count: u64,
    /// What the vendor's own tools gave to the model.
    pub(crate) tool_use_prompt_token_count: u64,
    /// Without those of thoughts.
    pub(crate) candidates_token_count: u64,
    pub(crate) thoughts_token_count: u64,
}

/// The body of a refusal. With some, in a list of one.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    error: Problem,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) message: String,
    /// Such as `RESOURCE_EXHAUSTED`.
    pub(crate) status: String,
    details: Vec<Detail>,
}

/// `ErrorInfo`, `QuotaFailure` and `RetryInfo` in one; what else comes has none of these fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    reason: String,
    violations: Vec<Violation>,
    /// Such as `3.5s`.
    retry_delay: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Violation {
    quota_id: String,
}

impl Refusal {
    pub(crate) fn parse(body: &str) -> Option<Problem> {
        let single = serde_json::from_str::<Self>(body).ok();
        let first = || serde_json::from_str::<Vec<Self>>(body).ok()?.into_iter().next();
        single.or_else(first).map(|refusal| refusal.error)
    }
}

impl Problem {
    pub(crate) fn reasons(&self) -> impl Iterator<Item = &str> {
        self.details.iter().map(|detail| &*detail.reason)
    }

    pub(crate) fn quotas(&self) -> impl Iterator<Item = &str> {
        self.details.iter().flat_map(|detail| &detail.violations).map(|violation| &*violation.quota_id)
    }

    pub(crate) fn retry_delay(&self) -> Option<Duration> {
        let seconds = |detail: &Detail| detail.retry_delay.strip_suffix('s')?.parse::<f64>().ok();
        self.details.iter().find_map(seconds).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }
}
