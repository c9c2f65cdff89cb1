//! The HTTP requests that begin a call, as the published Pipecat client makes them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{DialError, Target};

const DEADLINE: Duration = Duration::from_secs(20);

/// What `POST /start` may answer; servers give a subset.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Started {
    pub(super) session_id: Option<String>,
    #[serde(alias = "ws_url")]
    pub(super) ws_url: Option<String>,
    pub(super) token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) sdp: String,
}

pub(super) fn client(target: &Target) -> Result<reqwest::Client, DialError> {
    reqwest::Client::builder()
        .timeout(DEADLINE)
        .danger_accept_invalid_certs(target.insecure)
        .build()
        .map_err(|error| DialError::Local { reason: error.to_string() })
}

pub(super) async fn start(
    http: &reqwest::Client,
    target: &Target,
    transport: &str,
) -> Result<Started, DialError> {
    let url = format!("{}/start", target.url.trim_end_matches('/'));
    let body = json!({ "transport": transport, "body": { "agent": target.agent }, "enableDefaultIceServers": false });
    post(http, target, &url, &body).await
}

pub(super) async fn offer(
    http: &reqwest::Client,
    target: &Target,
    started: &Started,
    sdp: &str,
) -> Result<Answer, DialError> {
    let base = target.url.trim_end_matches('/');
    let url = match &started.session_id {
        Some(id) => format!("{base}/sessions/{id}/api/offer"),
        None => format!("{base}/api/offer"),
    };
    let body = json!({
        "sdp": sdp, "type": "offer", "pc_id": null, "restart_pc": false, "requestData": { "agent": target.agent },
    });
    post(http, target, &url, &body).await
}

async fn post<T: for<'de> Deserialize<'de>>(
    http: &reqwest::Client,
    target: &Target,
    url: &str,
    body: &Value,
) -> Result<T, DialError> {
    let unreachable = |error: reqwest::Error| DialError::unreachable(url.to_owned(), &error);
    let mut request = http.post(url).json(body);
    if let Some(token) = &target.token {
        request = request.bearer_auth(token.expose());
    }
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let text = response.text().await.map_err(unreachable)?;
    if !status.is_success() {
        return Err(DialError::refused(url.to_owned(), status.as_u16(), retry_after, &text));
    }
    serde_json::from_str(&text)
        .map_err(|error| DialError::Protocol { url: url.to_owned(), reason: error.to_string() })
}
