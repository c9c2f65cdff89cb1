//! Azure Speech, under `/azure`: recognition over a socket (USP), synthesis and the list of voices over HTTP.

mod listen;
mod speak;
mod ssml;
mod usp;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use providers_api::conformance::Adversity;
use serde::Deserialize;
use serde_json::json;

use crate::Stage;

const VENDOR: &str = "azure";

pub(crate) fn router(stage: Stage) -> Router {
    Router::new()
        .route("/speech/recognition/{mode}/cognitiveservices/v1", get(listening))
        .route("/cognitiveservices/v1", post(speak::speaking))
        .route("/cognitiveservices/voices/list", get(speak::voices))
        .with_state(stage)
}

#[derive(Deserialize)]
struct Recognition {
    language: Option<String>,
    #[serde(default)]
    format: String,
}

async fn listening(
    State(stage): State<Stage>,
    Path(mode): Path<String>,
    Query(query): Query<Recognition>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let fate = stage.fate();
    if let Some(refusal) = refused(&headers, fate) {
        return refusal;
    }
    if fate == Some(Adversity::Hang) {
        return std::future::pending().await;
    }
    let connection = headers.get("x-connectionid").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let is_known = ["interactive", "conversation", "dictation"].contains(&mode.as_str());
    if !usp::is_id(connection) || query.language.is_none_or(|tag| !tag.contains('-')) || !is_known {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let is_detailed = query.format == "detailed";
    upgrade.on_upgrade(move |socket| listen::run(socket, stage, fate, is_detailed))
}

/// Refusals that both services have in common.
fn refused(headers: &HeaderMap, fate: Option<Adversity>) -> Option<Response> {
    let has = |name: &str| headers.get(name).is_some_and(|value| !value.is_empty());
    if !has("ocp-apim-subscription-key") && !has("authorization") {
        return Some(denied());
    }
    Some(match fate? {
        Adversity::Unauthorized => denied(),
        Adversity::Exhausted => {
            let body = "Out of call volume quota for SpeechServices F0 pricing tier.";
            (StatusCode::FORBIDDEN, body).into_response()
        }
        Adversity::Limited => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3")]).into_response(),
        Adversity::Overloaded => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Adversity::Rejected => StatusCode::BAD_REQUEST.into_response(),
        _ => return None,
    })
}

fn denied() -> Response {
    let message = "Access denied due to invalid subscription key or wrong API endpoint.";
    let body = json!({ "error": { "code": "401", "message": message } });
    (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
}
