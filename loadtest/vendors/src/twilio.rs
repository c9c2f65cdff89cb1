//! Twilio's REST API, as far as calls are made by it (`POST /2010-04-01/Accounts/{sid}/Calls.json`), and ended or given other TwiML
//! (`POST …/Calls/{callSid}.json`).

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Stage;

const VENDOR: &str = "twilio";
/// Of Twilio's own test numbers: a number that is none.
const NO_NUMBER: &str = "+15005550001";

/// Numbers to which calls are refused at first, as if too many were asked for: as often as the last digit says.
const LIMITED: &str = "+1500555042";
/// Seconds until calls are taken again.
const RETRY_AFTER: &str = "1";
/// A call that is not ended, whoever asks for it.
const UNENDING: &str = "CA00000000000000000000000000000500";

#[derive(Clone)]
struct Api {
    stage: Stage,
    /// Calls that are over.
    over: Arc<Mutex<HashSet<String>>>,
    made: Arc<AtomicUsize>,
    limited: Arc<AtomicUsize>,
}

#[derive(Deserialize)]
struct Update {
    #[serde(rename = "Status")]
    status: Option<String>,
    #[serde(rename = "Twiml")]
    twiml: Option<String>,
    #[serde(rename = "Url")]
    url: Option<String>,
}

pub(crate) fn router(stage: Stage) -> Router {
    let api = Api { stage, over: Arc::default(), made: Arc::default(), limited: Arc::default() };
    Router::new()
        .route("/2010-04-01/Accounts/{sid}/Calls.json", post(create))
        .route("/2010-04-01/Accounts/{sid}/Calls/{call}", post(update))
        .with_state(api)
}

/// Noted as `dial`, with every value of a field that is there more than once.
async fn create(
    State(api): State<Api>,
    Path(sid): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let of = |name: &str| -> Vec<&str> {
        fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    };
    let call = format!("CA{:032x}", api.made.fetch_add(1, Ordering::Relaxed) + 1);
    let body = json!({
        "account": sid, "call": call, "to": of("To"), "from": of("From"), "timeout": of("Timeout"), "url": of("Url"),
        "status_callback": of("StatusCallback"), "events": of("StatusCallbackEvent"), "time_limit": of("TimeLimit"),
    });
    api.stage.note(VENDOR, "dial", body);
    if !is_authorized(&headers, &sid) {
        return refusal(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    if of("From").is_empty() {
        return refusal(StatusCode::BAD_REQUEST, 21213, "'From' phone number is required");
    }
    if of("To") == [NO_NUMBER] {
        return refusal(StatusCode::BAD_REQUEST, 21211, "Invalid 'To' Phone Number");
    }
    let refusals = of("To").first().and_then(|to| to.strip_prefix(LIMITED)?.parse::<usize>().ok());
    if refusals.is_some_and(|refusals| api.limited.fetch_add(1, Ordering::Relaxed) < refusals) {
        let limited = refusal(StatusCode::TOO_MANY_REQUESTS, 20429, "Too Many Requests");
        return ([("retry-after", RETRY_AFTER)], limited).into_response();
    }
    let made = json!({"sid": call, "account_sid": sid, "status": "queued", "direction": "outbound-api"});
    (StatusCode::CREATED, Json(made)).into_response()
}

async fn update(
    State(api): State<Api>,
    Path((sid, call)): Path<(String, String)>,
    headers: HeaderMap,
    Form(update): Form<Update>,
) -> Response {
    let call = call.trim_end_matches(".json").to_owned();
    let mut body = json!({"account": sid, "call": call, "status": update.status, "twiml": update.twiml});
    if let Some(url) = &update.url {
        body["url"] = json!(url);
    }
    api.stage.note(VENDOR, "request", body);
    if !is_authorized(&headers, &sid) {
        return refusal(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    if call == UNENDING {
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, 20500, "Internal Server Error");
    }
    if update.status.is_none() && update.url.as_ref().is_some_and(|url| url.starts_with("http")) {
        return Json(json!({"sid": call, "account_sid": sid, "status": "in-progress"})).into_response();
    }
    if update.status.is_none() && update.twiml.as_ref().is_some_and(|twiml| twiml.starts_with("<?xml")) {
        return Json(json!({"sid": call, "account_sid": sid, "status": "in-progress"})).into_response();
    }
    if update.status.as_deref() != Some("completed") {
        return refusal(StatusCode::BAD_REQUEST, 21220, "Invalid call state");
    }
    if !api.over.lock().unwrap_or_else(PoisonError::into_inner).insert(call.clone()) {
        return refusal(StatusCode::NOT_FOUND, 20404, "The requested resource was not found");
    }
    Json(json!({"sid": call, "account_sid": sid, "status": "completed"})).into_response()
}

/// The account's name and any token.
fn is_authorized(headers: &HeaderMap, sid: &str) -> bool {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let decoded = given.strip_prefix("Basic ").and_then(|given| STANDARD.decode(given).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    text.split_once(':').is_some_and(|(user, token)| user == sid && !token.is_empty())
}

fn refusal(status: StatusCode, code: u32, message: &str) -> Response {
    let body: Value = json!({"code": code, "message": message, "status": status.as_u16()});
    (status, Json(body)).into_response()
}
