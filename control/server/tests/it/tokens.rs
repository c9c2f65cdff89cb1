use control_server::Options;
use domain::Secret;
use serde_json::json;

use crate::fake::{OWN_PAGE, Reply, SDP, SHOP, World, embedding, get, offer_body, post};

fn with_token(token: &str) -> serde_json::Value {
    json!({"sdp": SDP, "type": "offer", "requestData": {"token": token}})
}

async fn token(router: &axum::Router, origin: &str) -> String {
    let reply: Reply =
        post("/v1/widget/token", json!({"agent": "front-desk"})).on_page(origin).of(router).await;
    reply.json()["token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn an_open_server_asks_its_own_pages_and_programs_for_nothing() {
    let router = World::new().router(Options::default());
    post("/api/offer", offer_body()).of(&router).await.json();
    post("/api/offer", offer_body()).on_page(OWN_PAGE).of(&router).await.json();
}

#[tokio::test]
async fn a_page_elsewhere_needs_a_listed_origin_and_a_token() {
    let router = World::new().router(embedding());
    post("/api/offer", offer_body())
        .on_page("https://evil.example")
        .of(&router)
        .await
        .is_problem(403, "ORIGIN_FORBIDDEN");
    post("/api/offer", offer_body()).on_page("null").of(&router).await.is_problem(403, "ORIGIN_FORBIDDEN");
    post("/api/offer", offer_body()).on_page(SHOP).of(&router).await.is_problem(401, "TOKEN_REQUIRED");
    let token = token(&router, SHOP).await;
    post("/api/offer", with_token(&token)).on_page(SHOP).of(&router).await.json();
    post("/start", json!({"body": {"token": token}})).on_page(SHOP).of(&router).await.json();
    let bearer = format!("Bearer {token}");
    post("/api/offer", offer_body()).on_page(SHOP).header("authorization", &bearer).of(&router).await.json();
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_is_worth_nothing_elsewhere() {
    let world = World::new();
    let options =
        Options { allowed_origins: vec![SHOP.into(), "https://other.example".into()], ..Options::default() };
    let router = world.router(options);
    let token = token(&router, SHOP).await;
    post("/api/offer", with_token(&token))
        .on_page("https://other.example")
        .of(&router)
        .await
        .is_problem(401, "TOKEN_INVALID");
    post("/api/offer", with_token(&token)).of(&router).await.is_problem(401, "TOKEN_INVALID");
    post("/api/offer?agent=sales", with_token(&token))
        .on_page(SHOP)
        .of(&router)
        .await
        .is_problem(401, "TOKEN_INVALID");
    let tampered = token.replacen('.', ".9", 1);
    post("/api/offer", with_token(&tampered))
        .on_page(SHOP)
        .of(&router)
        .await
        .is_problem(401, "TOKEN_INVALID");
    world.pass(121);
    let problem = post("/api/offer", with_token(&token))
        .on_page(SHOP)
        .of(&router)
        .await
        .is_problem(401, "TOKEN_EXPIRED");
    assert_eq!(problem["retryable"], true, "a new token mends it");
}

#[tokio::test]
async fn tokens_are_given_to_listed_pages_for_known_agents() {
    let router = World::new().router(embedding());
    let ask = |agent: &str| post("/v1/widget/token", json!({"agent": agent}));
    ask("front-desk").on_page("https://evil.example").of(&router).await.is_problem(403, "ORIGIN_FORBIDDEN");
    ask("nobody").on_page(SHOP).of(&router).await.is_problem(404, "AGENT_UNKNOWN");
    let given = ask("front-desk").on_page(SHOP).of(&router).await.json();
    assert_eq!(
        (&given["agent"], &given["expires_at"]),
        (&json!("front-desk"), &json!("2027-01-15T08:02:00Z"))
    );
}

#[tokio::test]
async fn a_closed_server_lets_nobody_in_without_a_token() {
    let router = World::new().router(Options { open: false, ..embedding() });
    post("/api/offer", offer_body()).of(&router).await.is_problem(401, "TOKEN_REQUIRED");
    post("/api/offer", offer_body()).on_page(OWN_PAGE).of(&router).await.is_problem(401, "TOKEN_REQUIRED");
    post("/v1/widget/token", json!({})).of(&router).await.is_problem(403, "ORIGIN_FORBIDDEN");
    let own = token(&router, OWN_PAGE).await;
    post("/api/offer", with_token(&own)).on_page(OWN_PAGE).of(&router).await.json();
}

#[tokio::test]
async fn a_configured_key_outlives_the_process() {
    let options = Options { token_key: Some(Secret::new("a-key-of-enough-length".into())), ..embedding() };
    let token = token(&World::new().router(options.clone()), SHOP).await;
    post("/api/offer", with_token(&token)).on_page(SHOP).of(&World::new().router(options)).await.json();
    let other = World::new().router(embedding());
    post("/api/offer", with_token(&token)).on_page(SHOP).of(&other).await.is_problem(401, "TOKEN_INVALID");
}

#[tokio::test]
async fn calls_are_read_by_the_operator_only() {
    let open = World::new().router(embedding());
    get("/v1/calls").of(&open).await.json();
    get("/v1/calls").on_page(OWN_PAGE).of(&open).await.json();
    get("/v1/calls").on_page(SHOP).of(&open).await.is_problem(403, "OPERATOR_ONLY");
    // A page that pointed its own name at this machine.
    let rebound = get("/v1/calls").header("host", "evil.example:8080").on_page("http://evil.example:8080");
    rebound.of(&open).await.is_problem(403, "OPERATOR_ONLY");

    let closed = World::new().router(Options { open: false, ..Options::default() });
    for path in ["/v1/calls", "/v1/calls/ses_1", "/v1/calls/ses_1/events", "/metrics"] {
        get(path).of(&closed).await.is_problem(403, "OPERATOR_ONLY");
    }
}

#[tokio::test]
async fn the_operator_signs_in_once() {
    let world = World::new();
    let secret = "correct horse battery";
    let router =
        world.router(Options { operator_token: Some(Secret::new(secret.into())), ..Options::default() });
    get("/v1/calls").of(&router).await.is_problem(403, "OPERATOR_ONLY");
    get("/v1/calls").header("authorization", &format!("Bearer {secret}")).of(&router).await.json();
    post("/v1/operator/session", json!({"token": "wrong"}))
        .of(&router)
        .await
        .is_problem(403, "OPERATOR_ONLY");
    let signed_in =
        post("/v1/operator/session", json!({"token": secret})).on_page(OWN_PAGE).of(&router).await;
    assert_eq!(signed_in.status, 204);
    let cookie = signed_in.header("set-cookie").expect("a cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(secret),
        "{cookie}"
    );
    let pair = cookie.split(';').next().expect("a pair").to_owned();
    get("/v1/calls").header("cookie", &format!("theme=dark; {pair}")).of(&router).await.json();
    world.pass(12 * 3600 + 1);
    get("/v1/calls").header("cookie", &pair).of(&router).await.is_problem(403, "OPERATOR_ONLY");
}
