use control_server::Options;
use domain::Secret;
use serde_json::json;

use crate::fake::{Ask, OWN_PAGE, Reply, SDP, SHOP, World, embedding, get, offer_body, post};

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

const READS: [&str; 4] = ["/v1/calls", "/v1/calls/ses_1", "/v1/calls/ses_1/events", "/metrics"];
const SECRET: &str = "correct horse battery";

fn operated() -> Options {
    Options { operator_token: Some(Secret::new(SECRET.into())), ..Options::default() }
}

#[tokio::test]
async fn calls_are_read_without_a_token_at_the_machine_itself_alone() {
    for options in [embedding(), operated()] {
        let router = World::new().router(options);
        get("/v1/calls").of(&router).await.json();
        get("/v1/calls").on_page(OWN_PAGE).of(&router).await.json();
        get("/v1/calls")
            .from("[::ffff:127.0.0.1]:9")
            .header("host", "localhost:8080")
            .of(&router)
            .await
            .json();
        for path in READS {
            let refused = |ask: Ask| {
                let router = router.clone();
                async move { ask.of(&router).await.is_problem(403, "OPERATOR_ONLY") }
            };
            refused(get(path).from("192.168.1.7:50000").header("host", "192.168.1.9:8080")).await;
            // Who knows our name for ourselves is not here because of that.
            refused(get(path).from("192.168.1.7:50000")).await;
            refused(get(path).header("host", "voice.example.com")).await;
            refused(get(path).header("host", "192.168.1.9:8080")).await;
            // A page that pointed its own name at this machine, and one that is only listed.
            let evil = get(path).header("host", "evil.example:8080").on_page("http://evil.example:8080");
            refused(evil).await;
            refused(get(path).on_page(SHOP)).await;
            // A proxy on this machine passes on what strangers ask.
            for header in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
                refused(get(path).header(header, "203.0.113.9")).await;
            }
        }
    }
}

#[tokio::test]
async fn a_public_name_opens_no_calls() {
    let options = Options { public_url: Some("https://voice.example.com".into()), ..Options::default() };
    let router = World::new().router(options);
    let ask = get("/v1/calls").from("192.168.1.7:50000").header("host", "voice.example.com");
    ask.of(&router).await.is_problem(403, "OPERATOR_ONLY");
}

#[tokio::test]
async fn a_server_that_is_closed_or_proxied_asks_everyone_for_the_token() {
    for options in [
        Options { open: false, ..operated() },
        Options { local_reads: false, ..operated() },
        Options { open: false, ..Options::default() },
    ] {
        let router = World::new().router(options);
        for path in READS {
            get(path).of(&router).await.is_problem(403, "OPERATOR_ONLY");
        }
    }
}

#[tokio::test]
async fn the_operator_signs_in_once_from_anywhere() {
    let world = World::new();
    let router = world.router(operated());
    let elsewhere = |ask: Ask| ask.from("192.168.1.7:50000").header("host", "192.168.1.9:8080");
    let read = || elsewhere(get("/v1/calls"));
    read().of(&router).await.is_problem(403, "OPERATOR_ONLY");
    read().header("authorization", &format!("Bearer {SECRET}")).of(&router).await.json();
    read().header("authorization", "Bearer correct horse").of(&router).await.is_problem(403, "OPERATOR_ONLY");
    let sign_in = |token: &str| elsewhere(post("/v1/operator/session", json!({"token": token})));
    sign_in("wrong").of(&router).await.is_problem(403, "OPERATOR_ONLY");
    // At the machine itself nobody needs to, and a wrong token is wrong there, too.
    post("/v1/operator/session", json!({"token": "wrong"}))
        .of(&router)
        .await
        .is_problem(403, "OPERATOR_ONLY");
    sign_in(SECRET).on_page("https://evil.example").of(&router).await.is_problem(403, "OPERATOR_ONLY");
    let signed_in = sign_in(SECRET).on_page("http://192.168.1.9:8080").of(&router).await;
    assert_eq!(signed_in.status, 204);
    let cookie = signed_in.header("set-cookie").expect("a cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(SECRET),
        "{cookie}"
    );
    let pair = cookie.split(';').next().expect("a pair").to_owned();
    read().header("cookie", &format!("theme=dark; {pair}")).of(&router).await.json();
    world.pass(12 * 3600 + 1);
    read().header("cookie", &pair).of(&router).await.is_problem(403, "OPERATOR_ONLY");
}
