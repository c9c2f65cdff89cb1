//! Telnyx's way to make calls, `POST /v2/calls`, and its commands to them, `POST /v2/calls/{call_control_id}/actions/{action}`.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::Stage;

const VENDOR: &str = "telnyx";

pub(crate) fn router(stage: Stage) -> Router {
    Router::new()
        .route("/v2/calls", post(dial))
        .route("/v2/calls/{call}/actions/{action}", post(command))
        .with_state(stage)
}

/// Noted as `dial`. A call is named after the command that it was made by.
async fn dial(State(stage): State<Stage>, headers: HeaderMap, Json(mut body): Json<Value>) -> Response {
    let call = format!("v3:{}", body["command_id"].as_str().unwrap_or("call"));
    body["call"] = json!(call);
    stage.note(VENDOR, "dial", body.clone());
    if !is_authorized(&headers) {
        return refusal(StatusCode::UNAUTHORIZED, "10009", "Authentication failed");
    }
    for (field, pointer) in [("to", "/to"), ("from", "/from")] {
        if !body[field].as_str().is_some_and(|number| number.starts_with('+')) {
            let wrong = json!({"code": "10016", "title": "Phone number must be in +E164 format", "source": {"pointer": pointer}});
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"errors": [wrong]}))).into_response();
        }
    }
    if body["connection_id"].as_str().is_none_or(str::is_empty) {
        let wrong = json!({"code": "10015", "title": "Invalid value for connection_id (Call Control App ID)", "source": {"pointer": "/connection_id"}});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"errors": [wrong]}))).into_response();
    }
    let made = json!({"record_type": "call", "call_control_id": call, "call_leg_id": "l-1", "call_session_id": "s-1", "is_alive": false});
    Json(json!({ "data": made })).into_response()
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
    if !is_authorized(&headers) {
        return refusal(StatusCode::UNAUTHORIZED, "10009", "Authentication failed");
    }
    if !["answer", "reject", "streaming_start", "transfer", "hangup"].contains(&action.as_str()) {
        return refusal(StatusCode::NOT_FOUND, "10005", "Resource not found");
    }
    Json(json!({"data": {"result": "ok"}})).into_response()
}

/// With any key.
fn is_authorized(headers: &HeaderMap) -> bool {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.strip_prefix("Bearer ").is_some_and(|key| !key.is_empty())
}

fn refusal(status: StatusCode, code: &str, title: &str) -> Response {
    (status, Json(json!({"errors": [{"code": code, "title": title, "detail": title}]}))).into_response()
}
