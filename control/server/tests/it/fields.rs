//! What is wrong with a body is said of the field that it is wrong in.

use axum::http::Method;
use serde_json::{Value, json};

use crate::fake::{Reply, ask, get};
use crate::plane::{Plane, text};

/// `POINTER CODE` of each.
fn faults(reply: &Reply, status: u16, code: &str) -> Vec<String> {
    let problem = reply.is_problem(status, code);
    let errors = problem["errors"].as_array().expect("fields are named").clone();
    errors.iter().map(|one| format!("{} {}", text(&one["pointer"]), text(&one["code"]))).collect()
}

async fn ids(plane: &Plane) -> (Value, Value) {
    let agent = plane.get("/v1/agents/front-desk").await["id"].clone();
    (agent, plane.get("/v1/environments").await["data"][0]["id"].clone())
}

#[tokio::test]
async fn what_is_not_there_and_what_others_have_is_named_by_its_field() {
    let plane = Plane::new().await;
    let (agent, environment) = ids(&plane).await;
    let (no_agent, no_environment) = (format!("agt_{}", "0".repeat(32)), format!("env_{}", "0".repeat(32)));
    let made = async |path: &str, body: Value| plane.post(path, body).await;
    for path in ["/v1/routes", "/v1/channels"] {
        let body = |agent: &Value, environment: &Value| match path {
            "/v1/routes" => json!({"number": "+15550100", "agent_id": agent, "environment_id": environment}),
            _ => json!({"kind": "widget", "address": "a", "agent_id": agent, "environment_id": environment}),
        };
        let lost = made(path, body(&json!(no_agent), &environment)).await;
        assert_eq!(faults(&lost, 422, "REFERENCE_UNKNOWN"), ["/agent_id unknown"], "{path}");
        let lost = made(path, body(&agent, &json!(no_environment))).await;
        assert_eq!(faults(&lost, 422, "REFERENCE_UNKNOWN"), ["/environment_id unknown"], "{path}");
    }
    let lost = made("/v1/greetings", json!({"wordings": ["Hi."], "agent_id": no_agent})).await;
    assert_eq!(faults(&lost, 422, "REFERENCE_UNKNOWN"), ["/agent_id unknown"]);

    let (_, other) = plane.other("other").await;
    let theirs = json!({"name": "theirs", "template": "front-desk"});
    let theirs = ask(Method::POST, "/v1/agents").json(&theirs).key(&other).of(&plane.router).await.json();
    let place = get("/v1/environments").key(&other).of(&plane.router).await.json()["data"][0]["id"].clone();
    made("/v1/routes", json!({"number": "+15550100", "agent_id": agent, "environment_id": environment}))
        .await
        .json();
    let same = json!({"number": "+15550100", "agent_id": theirs["id"], "environment_id": place});
    let taken = ask(Method::POST, "/v1/routes").json(&same).key(&other).of(&plane.router).await;
    assert_eq!(faults(&taken, 409, "ROUTE_TAKEN"), ["/number taken"]);

    let campaign = |agent: &str, trunk: &str| json!({"title": "T", "agent": agent, "trunk": trunk});
    let lost = made("/v1/campaigns", campaign("nobody", "carrier")).await;
    assert_eq!(faults(&lost, 422, "REFERENCE_UNKNOWN"), ["/agent unknown"]);
    let lost = made("/v1/campaigns", campaign("front-desk", "none")).await;
    assert_eq!(faults(&lost, 422, "REFERENCE_UNKNOWN"), ["/trunk unknown"]);
}

#[tokio::test]
async fn titles_that_read_as_something_else_are_refused() {
    let plane = Plane::new().await;
    let (agent, environment) = ids(&plane).await;
    let turned = "Front\u{202e}ksed";
    let bodies = [
        ("/v1/agents", json!({"name": "sales", "title": turned})),
        ("/v1/domains", json!({"name": "sales", "title": turned})),
        ("/v1/environments", json!({"name": "canary", "title": turned})),
        ("/v1/greetings", json!({"wordings": ["Hi."], "title": turned})),
        ("/v1/routes", json!({"title": turned, "agent_id": agent, "environment_id": environment})),
        ("/v1/campaigns", json!({"title": turned, "agent": "front-desk", "trunk": "carrier"})),
    ];
    for (path, body) in bodies {
        let refused = plane.post(path, body.clone()).await;
        assert_eq!(faults(&refused, 422, "BODY_INVALID"), ["/title unreadable"], "{path}");
        let detail = text(&refused.is_problem(422, "BODY_INVALID")["errors"][0]["detail"]);
        assert!(detail.starts_with("U+202E is not shown"), "{detail}");
        let mut broken = body;
        broken["title"] = "Two\nlines".into();
        let refused = plane.post(path, broken).await;
        assert_eq!(faults(&refused, 422, "BODY_INVALID"), ["/title unreadable"], "{path}");
    }
    let refused = plane.patch("/v1/agents/front-desk", json!({"title": "\u{2067}x"})).await;
    assert_eq!(faults(&refused, 422, "BODY_INVALID"), ["/title unreadable"]);
    let named = plane.post("/v1/api-keys", json!({"name": turned})).await;
    assert_eq!(faults(&named, 422, "BODY_INVALID"), ["/name unreadable"]);
    for title in ["Empfang für Gäste", "פרחים \u{200f}12"] {
        assert_eq!(
            plane.patch("/v1/agents/front-desk", json!({"title": title})).await.json()["title"],
            title
        );
    }

    // A draft may hold anything; it is not published.
    let path = "/v1/agents/front-desk/draft";
    let draft = plane.get(path).await;
    let mut definition = draft["definition"].clone();
    definition["title"] = turned.into();
    let saved =
        plane.save("front-desk", draft["revision"].as_i64().expect("a number"), &definition).await.json();
    let problems = saved["problems"].as_array().expect("a list").clone();
    let wrong = problems.iter().find(|one| one["pointer"] == "/title").expect("it is named");
    assert_eq!(wrong["severity"], "error", "{wrong}");
    let publish = ask(Method::POST, "/v1/agents/front-desk/publish").json(&json!({})).header("if-match", "*");
    plane.send(publish).await.is_problem(422, "AGENT_INVALID");
}

#[tokio::test]
async fn a_widgets_address_is_a_name_or_its_page() {
    let plane = Plane::new().await;
    let (agent, environment) = ids(&plane).await;
    let made = async |address: &str| {
        let body =
            json!({"kind": "widget", "address": address, "agent_id": agent, "environment_id": environment});
        plane.post("/v1/channels", body).await
    };
    for address in ["shop-window", "https://shop.example", "http://localhost:8000/booking?from=mail"] {
        assert_eq!(made(address).await.status.as_u16(), 201, "{address}");
    }
    let wrong = [
        "Shop",
        "shop window",
        "-shop",
        "javascript:alert(1)",
        "shop.example/booking",
        "//shop.example",
        "https://",
        "https://who:word@shop.example",
        "https://shop.example/#part",
        "https://shop example",
        "ftp://shop.example",
    ];
    for address in wrong {
        assert_eq!(faults(&made(address).await, 422, "BODY_INVALID"), ["/address invalid"], "{address}");
    }
}

#[tokio::test]
async fn instants_that_lie_too_far_are_not_called_none() {
    let plane = Plane::new().await;
    let far = "9999-12-31T23:59:59Z";
    let said = |text: String| {
        assert!(text.contains("instants end with 9999-12-30T22:00:00Z"), "{text}");
    };
    let listed = plane.send(get(&format!("/v1/sessions?from={far}"))).await;
    said(text(&listed.is_problem(400, "PARAMETER_INVALID")["detail"]));
    let (agent, _) = ids(&plane).await;
    let bodies = [
        ("/v1/api-keys", json!({"name": "k", "expires_at": far}), "/expires_at"),
        ("/v1/routes/test", json!({"call": {"number": "+15550100", "at": far}}), "/call/at"),
        ("/v1/greeting-preview", json!({"agent_id": agent, "at": far}), "/at"),
        (
            "/v1/prices",
            json!({"vendor": "openai", "model": "m", "unit": "request", "price_nano_usd": 1, "valid_from": far}),
            "/valid_from",
        ),
    ];
    for (path, body, pointer) in bodies {
        let refused = plane.post(path, body).await;
        assert_eq!(faults(&refused, 422, "BODY_INVALID"), [format!("{pointer} invalid")], "{path}");
        said(text(&refused.is_problem(422, "BODY_INVALID")["errors"][0]["detail"]));
    }
    let last = json!({"name": "k", "expires_at": "9999-12-30T22:00:00Z"});
    assert_eq!(plane.post("/v1/api-keys", last).await.status.as_u16(), 201);
}
