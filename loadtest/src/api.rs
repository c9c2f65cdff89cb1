//! Requests of commands to a server's control plane.

use std::time::Duration;

use domain::Secret;
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(20);

/// Where, and in whose name.
pub struct Plane {
    pub url: String,
    pub token: Option<Secret<String>>,
    /// Take any certificate.
    pub insecure: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no answer from {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// As the server says it.
    #[error("{code}: {detail}")]
    Refused { code: String, detail: String },
}

impl Plane {
    /// # Errors
    /// When nobody answers, or the answer is a refusal.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let unreachable =
            |error: reqwest::Error| Error::Unreachable { url: url.clone(), reason: error.to_string() };
        let http = reqwest::Client::builder()
            .timeout(DEADLINE)
            .danger_accept_invalid_certs(self.insecure)
            .build()
            .map_err(unreachable)?;
        let method = method.parse().unwrap_or(reqwest::Method::GET);
        let mut request = http.request(method, &url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let field = |name: &str| value[name].as_str().map(str::to_owned);
        Err(Error::Refused {
            code: field("code").unwrap_or_else(|| status.to_string()),
            detail: field("detail").unwrap_or(text),
        })
    }
}
