//! Telnyx's commands to calls: `POST /v2/calls/{call_control_id}/actions/{action}`.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::Stage;

const VENDOR: &str = "telnyx";

pub(crate) fn router(stage: Stage) -> Router {
    Router::new().route("/v2/calls/{call}/actions/{action}", post(command)).with_state(stage)
}

/// Noted under the name of the action.
async fn command(
    State(stage): State<Stage>,
    Path((call, action)): Path<(String, String)>,
    headers: HeaderMap,
    Json(mut body): Json<Value>,
) -> Response {
    body["call"] = json!(call);
    stage.note(VENDOR, action.clone(), body);
    let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if given.strip_prefix("Bearer ").is_none_or(str::is_empty) {
        return refusal(StatusCode::UNAUTHORIZED, "10009", "Authentication failed");
    }
    if !["answer", "reject", "streaming_start", "transfer", "hangup"].contains(&action.as_str()) {
        return refusal(StatusCode::NOT_FOUND, "10005", "Resource not found");
    }
    Json(json!({"data": {"result": "ok"}})).into_response()
}

fn refusal(status: StatusCode, code: &str, title: &str) -> Response {
    (status, Json(json!({"errors": [{"code": code, "title": title, "detail": title}]}))).into_response()
}
