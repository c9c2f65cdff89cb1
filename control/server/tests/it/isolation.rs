//! No route shows or takes what is another organization's. Generated from the document: a route that is added is tested.

use axum::http::Method;
use serde_json::{Value, json};

use crate::fake::ask;
use crate::plane::{Plane, text};
use crate::record::begun;

/// What the default organization has, by the place in the paths where its id stands.
async fn things(plane: &Plane) -> Vec<(&'static str, String)> {
    let agent = plane.get("/v1/agents/front-desk").await;
    let environment = text(&plane.get("/v1/environments").await["data"][0]["id"]);
    let account = json!({"name": "voices", "vendor": "deepgram", "key": "k"});
    let account = plane.post("/v1/provider-accounts", account).await.json();
    let price = json!({"vendor": "own", "model": "*", "unit": "request", "price_nano_usd": 1});
    let price = plane.post("/v1/prices", price).await.json();
    let greeting = plane.post("/v1/greetings", json!({"wordings": ["Hello."]})).await.json();
    let channel =
        json!({"kind": "widget", "address": "w", "agent_id": agent["id"], "environment_id": environment});
    let channel = plane.post("/v1/channels", channel).await.json();
    let call = begun(plane.org, 60).caller(10, 1, "our words").recorded();
    plane.record(std::slice::from_ref(&call)).await;
    plane.world.live.lock().expect("no panic").push((plane.org, crate::live::live(call.id())));
    let alert = format!(
        "insert into app.alerts (id, org_id, kind, subject, facts, last_at) values (gen_random_uuid(), '{}', 'price_unknown', 's', '{{}}', now())",
        plane.org.as_uuid()
    );
    plane.sql(&alert).await;
    let drill = json!({"environment": "dev", "kind": "tts", "fault": "hang"});
    let drill = plane.post("/v1/drills", drill).await.json();
    let route = json!({"number": "+41441234567", "agent_id": agent["id"], "environment_id": environment});
    let route = plane.post("/v1/routes", route).await.json();
    let placed = json!({"agent": "front-desk", "trunk": "carrier", "to": "+4930"});
    let placed = plane.post("/v1/calls", placed).await.json();
    let campaign = json!({"title": "Reminders", "agent": "front-desk", "trunk": "carrier"});
    let campaign = plane.post("/v1/campaigns", campaign).await.json();
    vec![
        ("/v1/campaigns/", text(&campaign["id"])),
        ("/v1/routes/", text(&route["id"])),
        ("/v1/calls/", text(&placed["id"])),
        ("/v1/drills/", text(&drill["id"])),
        ("/v1/sessions/", call.id().to_string()),
        ("/v1/organizations/", plane.org.to_string()),
        ("/v1/domains/", text(&plane.get("/v1/domains").await["data"][0]["id"])),
        ("/v1/environments/", environment),
        ("/v1/agents/", text(&agent["id"])),
        ("/v1/provider-accounts/", text(&account["id"])),
        ("/v1/prices/", text(&price["id"])),
        ("/v1/alerts/", text(&plane.get("/v1/alerts").await["data"][0]["id"])),
        ("/v1/greetings/", text(&greeting["id"])),
        ("/v1/channels/", text(&channel["id"])),
        ("/v1/api-keys/", text(&plane.get("/v1/api-keys").await["data"][0]["id"])),
    ]
}

/// A body that the operation would take from its own organization.
fn body(path: &str) -> Value {
    match path.rsplit('/').next().expect("a part") {
        "draft" => json!({"definition": {"name": "front-desk"}}),
        "{environment}" => json!({"version": 1}),
        "test" => json!({"ability": "tts"}),
        "whisper" => json!({"text": "x"}),
        _ => json!({}),
    }
}

#[tokio::test]
async fn another_organizations_key_finds_none_of_what_is_ours() {
    let plane = Plane::new().await;
    let (_, theirs) = plane.other("other").await;
    let things = things(&plane).await;
    let document: Value = serde_json::from_str(&control_server::openapi()).expect("JSON");
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        if !path.contains("{id}") {
            continue;
        }
        let id = things.iter().find(|(place, _)| path.starts_with(place));
        let (_, id) = id.unwrap_or_else(|| panic!("{path}: the test has no thing of that kind"));
        let query = if path.ends_with("/compare") { "?from=1&to=draft" } else { "" };
        for named in [id.as_str(), "front-desk"] {
            let filled =
                path.replace("{id}", named).replace("{number}", "1").replace("{environment}", "prod");
            let filled = filled.replace("{file}", "caller-1.ogg");
            for method in methods.as_object().expect("methods").keys() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
                let request =
                    ask(method, &format!("{filled}{query}")).json(&body(path)).header("if-match", "*");
                request.key(&theirs).of(&plane.router).await.is_problem(404, "NOT_FOUND");
                tried += 1;
            }
        }
    }
    assert!(tried > 40, "{tried} requests");
    for list in [
        "agents",
        "greetings",
        "provider-accounts",
        "prices",
        "alerts",
        "costs?group_by=agent",
        "channels",
        "routes",
        "calls",
        "campaigns",
        "audit",
        "api-keys",
        "domains",
        "organizations",
        "sessions",
        "live",
        "sessions?q=words",
    ] {
        let seen =
            ask(Method::GET, &format!("/v1/{list}")).key(&theirs).of(&plane.router).await.json().to_string();
        for (_, id) in &things {
            assert!(!seen.contains(id.as_str()), "{list} shows {id}");
        }
    }
    for window in ["5m", "24h"] {
        let path = format!("/v1/activity?window={window}");
        let activity = ask(Method::GET, &path).key(&theirs).of(&plane.router).await.json();
        let seen = (&activity["active_calls"], &activity["totals"]["calls"], &activity["agents"]);
        assert_eq!(seen, (&json!(0), &json!(0), &json!([])), "{window}");
        assert_eq!(plane.get(&path).await["totals"]["calls"], 1, "{window}");
    }
    // Nothing was changed either.
    assert_eq!(plane.get("/v1/agents/front-desk").await["aliases"], json!({"prod": 1}));
}

#[tokio::test]
async fn what_a_body_names_must_be_of_the_same_organization() {
    let plane = Plane::new().await;
    let (org, theirs) = plane.other("other").await;
    let things = things(&plane).await;
    let of = |place: &str| things.iter().find(|(known, _)| *known == place).expect("there").1.clone();
    let environments = ask(Method::GET, "/v1/environments").key(&theirs).of(&plane.router).await.json();
    let (agent, own) = (of("/v1/agents/"), text(&environments["data"][0]["id"]));
    let room = format!("{org}/r");
    for (path, body) in [
        ("/v1/greetings", json!({"agent_id": agent, "wordings": ["x"]})),
        ("/v1/greetings", json!({"domain_id": of("/v1/domains/"), "wordings": ["x"]})),
        ("/v1/channels", json!({"kind": "room", "address": room, "agent_id": agent, "environment_id": own})),
        ("/v1/routes", json!({"room": room, "agent_id": agent, "environment_id": own})),
        ("/v1/agents", json!({"name": "spy", "domain_id": of("/v1/domains/")})),
    ] {
        let request = ask(Method::POST, path).json(&body).key(&theirs);
        request.of(&plane.router).await.is_problem(422, "REFERENCE_UNKNOWN");
    }
}
