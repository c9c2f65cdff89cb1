//! The vendor's JSON, and no other file's. Reading is forgiving: what real servers leave out, name otherwise or add is no reason to end a
//! call; what cannot be understood at all is.

pub(crate) mod chat;
pub(crate) mod conversation;
pub(crate) mod heard;
pub(crate) mod socket;
pub(crate) mod speech;

use serde_json::Value;

/// What a server says is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// Such as `insufficient_quota`.
    pub(crate) code: String,
    /// The `type`, such as `invalid_request_error`.
    pub(crate) class: String,
    pub(crate) message: String,
    /// Where a compatible server puts a status of HTTP into its JSON.
    pub(crate) status: Option<u16>,
}

impl Complaint {
    /// Of JSON that is one; every known shape.
    pub(crate) fn of(json: &Value) -> Option<Self> {
        let error = match &json["error"] {
            Value::Null if json["object"] == "error" => json, // older vLLM
            Value::Null => {
                let message = json["detail"].as_str()?.to_owned(); // FastAPI
                return Some(Self { message, ..Self::default() });
            }
            Value::String(message) => return Some(Self { message: message.clone(), ..Self::default() }), // Ollama
            error => error,
        };
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| error[name].as_u64().and_then(|number| u16::try_from(number).ok());
        Some(Self {
            code: text("code"),
            class: text("type"),
            message: text("message"),
            status: number("code").or_else(|| number("status_code")).or_else(|| number("status")),
        })
    }

    pub(crate) fn in_text(text: &str) -> Option<Self> {
        Self::of(&serde_json::from_str(text).ok()?)
    }

    /// Nothing helps but a payment or another plan.
    pub(crate) fn is_about_money(&self) -> bool {
        [&self.code, &self.class].into_iter().any(|word| {
            matches!(
                word.as_str(),
                "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" | "quota_exceeded"
            )
        })
    }
}
