//! The OpenAPI document: what it says of the whole, and the same to read. The operations say the rest themselves.

use std::fmt::Write as _;
use std::sync::OnceLock;

use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, SecurityRequirement};
use utoipa::{Modify, OpenApi};

use crate::{http, manual, router};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Agent Foundry",
        description = "The control plane of a real-time voice agent server: agents, their versions and where they are served, keys, channels, greetings, and what was changed by whom.\n\nJSON in snake_case; times are RFC 3339 in UTC; durations end in `_ms`. Lists are newest first. A resource that is configured has its revision as `ETag`, and changes take `If-Match`. The operator acts in the organization `default`, or in the one that the header `foundry-organization` names. Every authenticated answer says how many requests are left (`ratelimit`). Errors are `application/problem+json`, and each `code` has a page at `/docs/errors/CODE`."
    ),
    components(schemas(control_api::Problem)),
    modifiers(&Security),
    tags(
        (name = "agents", description = "Agents, drafts, versions, releases"),
        (name = "sessions", description = "Calls on record, what they took and what came of them"),
        (name = "calls", description = "Calls that the server makes, by a SIP trunk or an account at a carrier"),
        (name = "campaigns", description = "Calls to many people"),
        (name = "providers", description = "Accounts at vendors of speech and language"),
        (name = "costs", description = "What requests to vendors come to, prices and budgets. Money is in nano-dollars: 1000000000 are one US dollar"),
        (name = "alerts", description = "What happened and wants attention: budgets, prices that are missing, vendors that refuse"),
        (name = "drills", description = "Outages put on for a share of a test environment's calls"),
        (name = "greetings", description = "What is said first"),
        (name = "livekit", description = "Rooms of LiveKit"),
        (name = "channels", description = "Where callers come in"),
        (name = "routes", description = "Whom calls reach, by what they bring"),
        (name = "organizations", description = "Tenants"),
        (name = "domains", description = "Business areas"),
        (name = "environments", description = "Where versions are served"),
        (name = "api-keys", description = "Access for programs"),
        (name = "audit", description = "Who changed what"),
        (name = "server", description = "What is running"),
        (name = "widget", description = "For pages that call"),
        (name = "operator", description = "The operator's sign-in"),
    )
)]
pub(crate) struct Whole;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let bearer = |about: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about));
            SecurityScheme::Http(scheme.build())
        };
        let cookie = ApiKeyValue::with_description(
            http::OPERATOR_COOKIE,
            "Made by `POST /v1/operator/session`. What changes anything must come from the server's own pages.",
        );
        let components = document.components.get_or_insert_default();
        for (name, scheme) in [
            ("key", bearer("An API key of an organization: `fdy_…`")),
            ("operator", bearer("The operator's token")),
            ("operator_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
        ] {
            components.add_security_scheme(name, scheme);
        }
        let either = ["key", "operator", "operator_cookie"];
        document.security =
            Some(either.map(|name| SecurityRequirement::new(name, Vec::<String>::new())).to_vec());
    }
}

/// The document as JSON, stable from build to build.
#[must_use]
pub fn json() -> String {
    static JSON: OnceLock<String> = OnceLock::new();
    let made = || {
        let document = router::documented().into_openapi();
        let value = serde_json::to_value(document).unwrap_or_default();
        serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
    };
    JSON.get_or_init(made).clone()
}

/// The document to read, in the order of its tags.
pub(crate) fn markdown() -> String {
    let document: Value = serde_json::from_str(&json()).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut page = format!(
        "# API\n\n{}\n\nThe whole of it, for programs: [/openapi.json](/openapi.json).\n",
        text(&document["info"]["description"])
    );
    page.push_str("\n## Parts\n\n");
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(&tag["name"]);
        let _ = writeln!(page, "- [{name}](#{}): {}", manual::place(&name), text(&tag["description"]));
    }
    page.push_str("- [Shapes](#shapes): what bodies and answers are made of\n");
    for tag in document["tags"].as_array().into_iter().flatten() {
        let _ = write!(page, "\n## {}\n\n{}.\n", text(&tag["name"]), text(&tag["description"]));
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    operation_to_read(&mut page, &method.to_uppercase(), path, operation);
                }
            }
        }
    }
    page.push_str("\n## Shapes\n");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        schema_to_read(&mut page, name, schema);
    }
    page
}

fn operation_to_read(page: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(page, "\n### `{method} {path}`\n\n");
    for part in ["summary", "description"] {
        if let Some(text) = operation[part].as_str() {
            let _ = write!(page, "{text}\n\n");
        }
    }
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let needed = if parameter["required"] == true { "" } else { ", may be left out" };
        let (name, place) = (&parameter["name"], &parameter["in"]);
        let about = parameter["description"].as_str().unwrap_or_default();
        let _ = writeln!(page, "- `{}` ({}{needed}): {about}", plain(name), plain(place));
    }
    if let Some(body) = shape(&operation["requestBody"]["content"]) {
        let _ = writeln!(page, "- body: `{body}`");
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let about = response["description"].as_str().unwrap_or_default();
        let body = shape(&response["content"]).filter(|body| body != "Problem");
        let body = body.map_or_else(String::new, |body| format!(": `{body}`"));
        let _ = writeln!(page, "- {status} {about}{body}");
    }
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The name of the shape that a content has.
fn shape(content: &Value) -> Option<String> {
    let schema = &content.as_object()?.values().next()?["schema"];
    let name = schema["$ref"].as_str()?.rsplit('/').next()?;
    Some(name.to_owned())
}

fn schema_to_read(page: &mut String, name: &str, schema: &Value) {
    let _ = write!(page, "\n### {name}\n\n");
    if let Some(about) = schema["description"].as_str() {
        let _ = write!(page, "{about}\n\n");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(Value::to_string).collect();
        let _ = writeln!(page, "One of {}.", values.join(", "));
    }
    for (field, of) in schema["properties"].as_object().into_iter().flatten() {
        let kind = match (&of["type"], of["$ref"].as_str()) {
            (Value::String(kind), _) => kind.clone(),
            (Value::Array(kinds), _) => kinds.iter().map(plain).collect::<Vec<_>>().join(" or "),
            (_, Some(name)) => name.rsplit('/').next().unwrap_or_default().to_owned(),
            _ => "any".to_owned(),
        };
        let _ = writeln!(page, "- `{field}` ({kind}): {}", of["description"].as_str().unwrap_or_default());
    }
}
