//! The Generative Language API: `models/MODEL:streamGenerateContent` as server-sent events. Refuses what the vendor documents as wrong.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use providers_api::conformance::Adversity;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Stage;
use crate::paced::{self, Pace};
use crate::script;

const VENDOR: &str = "gemini";
/// Documented to be taken in place of a signature where the call is not the model's own.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";
const SIGNATURE: &str = "dGltZWQgdGhvdWdodHM=";

pub(super) fn router(stage: Stage) -> Router {
    Router::new().route("/v1beta/models/{call}", post(generate)).with_state(stage)
}

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    alt: String,
}

/// An error by its documented status, with details.
struct Refused(u16, &'static str, String, Value);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(code, status, message, details) = self;
        let error = json!({ "code": code, "message": message, "status": status, "details": details });
        let code = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
        (code, axum::Json(json!({ "error": error }))).into_response()
    }
}

async fn generate(
    State(stage): State<Stage>,
    Path(call): Path<String>,
    Query(form): Query<Form>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    stage.note(VENDOR, "request", asked.clone());
    let fate = stage.fate();
    if fate == Some(Adversity::Hang) {
        match paced::hang(&stage, VENDOR).await {}
    }
    let Some(model) = call.strip_suffix(":streamGenerateContent").filter(|_| form.alt == "sse") else {
        return wrong("this stand-in streams events alone").into_response();
    };
    match refusal(fate, &headers).and_then(|()| check(model, &asked)) {
        Err(refused) => refused.into_response(),
        Ok(()) => streamed(&stage, fate, model, &asked),
    }
}

fn refusal(fate: Option<Adversity>, headers: &HeaderMap) -> Result<(), Refused> {
    let typed = |name: &str, field: &str, value: Value| json!({ "@type": format!("type.googleapis.com/google.rpc.{name}"), field: value });
    let unknown_key = || {
        let details = json!([typed("ErrorInfo", "reason", json!("API_KEY_INVALID"))]);
        let message = "API key not valid. Please pass a valid API key.";
        Refused(400, "INVALID_ARGUMENT", message.to_owned(), details)
    };
    let over = |quota: &str, wait: &str| {
        let details = json!([
            typed("QuotaFailure", "violations", json!([{ "quotaId": quota, "quotaValue": "20" }])),
            typed("RetryInfo", "retryDelay", json!(wait)),
        ]);
        let message = "You exceeded your current quota, please check your plan and billing details.";
        Refused(429, "RESOURCE_EXHAUSTED", message.to_owned(), details)
    };
    Err(match fate {
        Some(Adversity::Unauthorized) => unknown_key(),
        Some(Adversity::Exhausted) => over("GenerateRequestsPerDayPerProjectPerModel", "40s"),
        Some(Adversity::Limited) => over("GenerateRequestsPerMinutePerProjectPerModel", "3s"),
        Some(Adversity::Overloaded) => {
            Refused(503, "UNAVAILABLE", "The model is overloaded.".to_owned(), json!([]))
        }
        Some(Adversity::Rejected) => wrong("refused on demand"),
        _ if headers.get("x-goog-api-key").is_none_or(|key| key.is_empty()) => unknown_key(),
        _ => return Ok(()),
    })
}

fn wrong(message: &str) -> Refused {
    Refused(400, "INVALID_ARGUMENT", message.to_owned(), json!([]))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What the vendor refuses in a request.
fn check(model: &str, asked: &Value) -> Result<(), Refused> {
    const FIELDS: [&str; 7] = [
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
        "safetySettings",
        "cachedContent",
    ];
    let Some(fields) = asked.as_object() else { return Err(wrong("Invalid JSON payload received.")) };
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(wrong(&format!(
            "Invalid JSON payload received. Unknown name {unknown:?}: Cannot find field."
        )));
    }
    for tool in list(&asked["tools"][0]["functionDeclarations"]) {
        let name = tool["name"].as_str().unwrap_or_default();
        let known = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(known) {
            return Err(wrong("Invalid function name."));
        }
    }
    let contents = list(&asked["contents"]);
    if contents.is_empty() {
        return Err(wrong("contents is not specified"));
    }
    if contents.last().is_some_and(|last| last["role"] != "user") {
        return Err(wrong("Please ensure that multiturn requests end with a user role."));
    }
    let mut open = 0;
    for content in contents {
        open = turn(model, content, open)?;
    }
    Ok(())
}

/// Calls are answered in the turn after theirs, as many as there were. Gives how many are open after this turn.
fn turn(model: &str, content: &Value, open: usize) -> Result<usize, Refused> {
    let parts = list(&content["parts"]);
    if parts.is_empty() || !matches!(content["role"].as_str(), Some("user" | "model")) {
        return Err(wrong("contents.parts must not be empty, and its role is user or model."));
    }
    if parts.iter().any(|part| part["text"].as_str().is_some_and(str::is_empty)) {
        return Err(wrong("contents.parts: data must have one initialized field."));
    }
    let calls: Vec<&Value> = parts.iter().filter(|part| part["functionCall"].is_object()).collect();
    let answers = parts.iter().filter(|part| part["functionResponse"]["response"].is_object()).count();
    if answers != open {
        return Err(wrong(
            "Please ensure that the number of function response parts is equal to the number of \
             function call parts of the function call turn.",
        ));
    }
    let is_signed =
        |part: &Value| matches!(part["thoughtSignature"].as_str(), Some(SIGNATURE | NO_SIGNATURE));
    if model.starts_with("gemini-3") && calls.first().is_some_and(|first| !is_signed(first)) {
        return Err(wrong("Function call is missing a thought_signature in functionCall parts."));
    }
    Ok(calls.len())
}

fn streamed(stage: &Stage, fate: Option<Adversity>, model: &str, asked: &Value) -> Response {
    let pieces = match fate {
        Some(Adversity::Garbage) => vec![Bytes::from_static(b"data: <html>\r\n\r\n")],
        Some(Adversity::Oversized) => vec![event(&json!({ "padding": "x".repeat(paced::OVERSIZED) }))],
        Some(Adversity::Empty) => vec![chunk(model, &json!([{ "text": "" }]), Some("STOP"), 1, 0)],
        _ => reply(model, asked),
    };
    let delays = stage.delays();
    let pace = Pace { first: delays.llm_first_token(), each: delays.llm_token() };
    let body = paced::body(stage, VENDOR, fate, pace, pieces);
    ([("content-type", "text/event-stream")], body).into_response()
}

fn event(data: &Value) -> Bytes {
    format!("data: {data}\r\n\r\n").into()
}

/// The count grows with every event.
fn chunk(model: &str, parts: &Value, finish: Option<&str>, input: u64, output: u64) -> Bytes {
    let mut candidate = json!({ "content": { "parts": parts, "role": "model" }, "index": 0 });
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    event(&json!({
        "candidates": [candidate], "modelVersion": model, "responseId": "timed",
        "usageMetadata": {
            "promptTokenCount": input, "candidatesTokenCount": output, "thoughtsTokenCount": 2,
            "cachedContentTokenCount": input / 2, "totalTokenCount": input + output + 2,
        },
    }))
}

fn reply(model: &str, asked: &Value) -> Vec<Bytes> {
    let answer = answer(asked);
    let input = answer.input_tokens;
    if let Some((name, arguments)) = answer.call {
        let call =
            json!({ "functionCall": { "name": name, "args": arguments }, "thoughtSignature": SIGNATURE });
        return vec![chunk(model, &json!([call]), Some("STOP"), input, answer.output_tokens)];
    }
    let counted = answer.tokens.iter().zip(1..);
    let texts = counted.map(|(token, count)| chunk(model, &json!([{ "text": token }]), None, input, count));
    let end = chunk(
        model,
        &json!([{ "text": "", "thoughtSignature": SIGNATURE }]),
        Some("STOP"),
        input,
        answer.output_tokens,
    );
    texts.chain([end]).collect()
}

/// What the script says to the last turn; system instruction and contents are the prompt.
fn answer(asked: &Value) -> script::Answer {
    let parts = list(&asked["contents"]).last().map(|content| list(&content["parts"])).unwrap_or_default();
    let text = parts.iter().rev().find_map(|part| part["text"].as_str());
    let response = parts.iter().rev().find_map(|part| part["functionResponse"]["response"].as_object());
    let told = response.and_then(|fields| fields.values().next()).and_then(Value::as_str);
    let choice = &asked["toolConfig"]["functionCallingConfig"]["mode"];
    let tools: Vec<String> = list(&asked["tools"][0]["functionDeclarations"])
        .iter()
        .filter(|_| choice != "NONE")
        .filter_map(|tool| tool["name"].as_str())
        .map(str::to_owned)
        .collect();
    let prompt = format!("{}{}", asked["systemInstruction"], asked["contents"]);
    let json_wanted = asked["generationConfig"]["responseMimeType"] == "application/json";
    script::answer(text.unwrap_or_default(), told.filter(|_| text.is_none()), &tools, json_wanted, &prompt)
}
