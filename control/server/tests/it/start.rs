use control_server::Options;
use control_server::ports::Refusal;
use serde_json::json;

use crate::fake::{RETRY, World, ask, get, offer_body, operated, post};

#[tokio::test]
async fn a_webrtc_client_is_given_a_session_whose_offer_reaches_its_agent() {
    let world = World::new();
    let router = world.router(Options::default());
    let start = post(
        "/start",
        json!({"transport": "webrtc", "body": {"agent": "front-desk"}, "enableDefaultIceServers": true}),
    );
    let started = start.of(&router).await.json();
    assert_eq!(started.as_object().expect("object").len(), 1, "no iceConfig without servers: {started}");
    let session = started["sessionId"].as_str().expect("an id");
    let answer = post(&format!("/sessions/{session}/api/offer"), offer_body()).of(&router).await.json();
    assert!(answer["session_id"].as_str().is_some_and(|id| session.contains(id)), "{answer}");
    let seen = world.seen.lock().expect("no panic");
    assert_eq!((seen.offers[0].call.agent.as_str(), seen.offers[0].call.resumes), ("front-desk", false));
}

#[tokio::test]
async fn ice_servers_are_passed_on() {
    let servers = serde_json::from_value(json!([{"urls": ["stun:stun.example:3478"]}])).expect("servers");
    let router = World::new().router(Options { ice_servers: servers, ..Options::default() });
    let started = post("/start", json!({})).of(&router).await.json();
    assert_eq!(started["iceConfig"]["iceServers"][0]["urls"][0], "stun:stun.example:3478");
}

#[tokio::test]
async fn a_websocket_client_is_given_its_url_and_nothing_else() {
    let world = World::new();
    let router = world.router(Options::default());
    let started = post("/start", json!({"transport": "websocket"})).of(&router).await.json();
    assert_eq!(started.as_object().expect("object").keys().collect::<Vec<_>>(), ["wsUrl"]);
    assert!(
        started["wsUrl"].as_str().expect("a URL").starts_with("ws://127.0.0.1:8080/ws?session=s1.ses_"),
        "{started}"
    );
    let proxied = post("/start", json!({"transport": "websocket"}))
        .header("x-forwarded-proto", "https")
        .of(&router)
        .await
        .json();
    assert!(proxied["wsUrl"].as_str().expect("a URL").starts_with("wss://"));
    let named =
        world.router(Options { public_url: Some("https://voice.example.com".into()), ..Options::default() });
    let started = post("/start", json!({"transport": "websocket"})).of(&named).await.json();
    assert!(started["wsUrl"].as_str().expect("a URL").starts_with("wss://voice.example.com/ws?"));
}

#[tokio::test]
async fn a_session_that_waited_too_long_is_unknown() {
    let world = World::new();
    let router = world.router(Options::default());
    let started = post("/start", json!({})).of(&router).await.json();
    world.pass(121);
    let path = format!("/sessions/{}/api/offer", started["sessionId"].as_str().expect("an id"));
    post(&path, offer_body()).of(&router).await.is_problem(404, "SESSION_UNKNOWN");
    post("/sessions/ses_nonsense/api/offer", offer_body())
        .of(&router)
        .await
        .is_problem(404, "SESSION_UNKNOWN");
}

#[tokio::test]
async fn those_who_only_start_take_nothing_from_those_who_call() {
    let world = World::new();
    let router = world.router(Options::default());
    let started = post("/start", json!({})).of(&router).await.json();
    for _ in 0..5000 {
        post("/start", json!({})).of(&router).await.json();
    }
    let path = format!("/sessions/{}/api/offer", started["sessionId"].as_str().expect("an id"));
    let answer = post(&path, offer_body()).of(&router).await.json();
    let again = post(&path, offer_body()).of(&router).await.json();
    assert_eq!(answer["session_id"], again["session_id"], "a lost offer is repeated for the same session");
    let tampered = path.replace("s1.ses_", "s1.ses_0");
    post(&tampered, offer_body()).of(&router).await.is_problem(404, "SESSION_UNKNOWN");
}

#[tokio::test]
async fn an_address_with_too_many_half_open_calls_is_told_to_wait() {
    let world = World::new();
    let router = world.router(Options::default());
    post("/api/offer", offer_body()).from("[::ffff:192.0.2.7]:9").of(&router).await.json();
    let from = world.seen.lock().expect("no panic").offers[0].call.from;
    assert_eq!(from, Some("192.0.2.7".parse().expect("an address")), "who asks is told to who counts");
    world.refuse(Refusal::Connecting { retry_after: RETRY });
    let reply = post("/api/offer", offer_body()).of(&router).await;
    assert_eq!(reply.is_problem(429, "TOO_MANY_CONNECTING")["retryable"], true);
    assert_eq!(reply.header("retry-after"), Some("7"));
}

#[tokio::test]
async fn a_full_server_says_when_to_come_back() {
    let world = World::new();
    let router = world.router(Options::default());
    world.refuse(Refusal::Full { retry_after: RETRY });
    for (path, body) in [("/start", json!({})), ("/api/offer", offer_body())] {
        let reply = post(path, body).of(&router).await;
        let problem = reply.is_problem(503, "SERVER_FULL");
        assert_eq!(problem["retryable"], true);
        assert_eq!(reply.header("retry-after"), Some("7"));
    }
    world.refuse(Refusal::Draining);
    let reply = post("/start", json!({})).of(&router).await;
    reply.is_problem(503, "SERVER_DRAINING");
    assert!(reply.header("retry-after").is_some());
    world.refuse(Refusal::BudgetSpent);
    for (path, body) in [("/start", json!({})), ("/api/offer", offer_body())] {
        let reply = post(path, body).of(&router).await;
        assert_eq!(reply.is_problem(402, "BUDGET_SPENT")["retryable"], false);
    }
}

#[tokio::test]
async fn an_unknown_agent_is_named() {
    let router = World::new().router(Options::default());
    let problem = post("/start", json!({"body": {"agent": "nobody"}}))
        .of(&router)
        .await
        .is_problem(404, "AGENT_UNKNOWN");
    assert!(problem["detail"].as_str().expect("text").contains("nobody"));
    post("/api/offer?agent=nobody", offer_body()).of(&router).await.is_problem(404, "AGENT_UNKNOWN");
}

#[tokio::test]
async fn callers_of_a_hostname_are_connected_to_its_agent_unless_they_name_one() {
    let world = World::new();
    let router = world.router(Options::default());
    world.hosts.lock().expect("no panic").insert("shop.example".into(), "nobody".into());
    let on_host = |body| post("/start", body).header("host", "shop.example:8080");
    on_host(json!({})).of(&router).await.is_problem(404, "AGENT_UNKNOWN");
    on_host(json!({"body": {"agent": "front-desk"}})).of(&router).await.json();
    post("/start", json!({})).of(&router).await.json();
}

#[tokio::test]
async fn agents_health_and_metrics_answer() {
    let world = World::new();
    let router = world.router(operated());
    let agents = get("/v1/widget/agents").of(&router).await.json();
    assert_eq!(
        (&agents["default"], &agents["data"][0]["title"]),
        (&json!("front-desk"), &json!("Front desk"))
    );
    assert_eq!(get("/healthz").of(&router).await.json()["status"], "ok");
    assert_eq!(get("/readyz").of(&router).await.json()["calls_capacity"], 4);
    *world.ready.lock().expect("no panic") = false;
    assert_eq!(get("/readyz").of(&router).await.status, 503);
    let metrics = get("/metrics").operator().of(&router).await;
    assert!(metrics.text.contains("foundry_calls 1"));
    assert!(metrics.header("content-type").expect("typed").starts_with("text/plain; version=0.0.4"));
    let head = ask(axum::http::Method::HEAD, "/healthz").of(&router).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}
