use control_server::Options;
use domain::Secret;
use serde_json::json;

use crate::fake::{
    Ask, OWN_PAGE, Reply, SDP, SECRET, SHOP, World, embedding, get, offer_body, operated, post,
};
use crate::plane::Plane;

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

fn closed() -> Options {
    Options { open: false, allowed_origins: vec![SHOP.into()], ..operated() }
}

#[tokio::test]
async fn a_closed_server_lets_nobody_in_by_naming_its_own_origin() {
    let router = World::new().router(closed());
    for origin in [None, Some(OWN_PAGE)] {
        let from = |ask: Ask| origin.into_iter().fold(ask, Ask::on_page);
        for path in ["/start", "/api/offer"] {
            from(post(path, offer_body())).of(&router).await.is_problem(401, "TOKEN_REQUIRED");
        }
        for wrong in ["", "Bearer wrong"] {
            let ask = from(post("/v1/widget/token", json!({}))).header("authorization", wrong);
            ask.of(&router).await.is_problem(403, "OPERATOR_ONLY");
        }
    }
}

#[tokio::test]
async fn who_may_not_call_a_closed_server_is_not_told_whom_there_is_to_call() {
    let list = || get("/v1/widget/agents");
    let router = World::new().router(closed());
    for stranger in [list(), list().on_page(OWN_PAGE), list().header("authorization", "Bearer x")] {
        let refused = stranger.of(&router).await.is_problem(403, "OPERATOR_ONLY");
        assert!(!refused.to_string().to_lowercase().contains("desk"), "{refused}");
    }
    list().on_page("https://evil.example").of(&router).await.is_problem(403, "ORIGIN_FORBIDDEN");
    for guest in [list().operator(), list().on_page(SHOP)] {
        assert_eq!(guest.of(&router).await.json()["data"][0]["name"], "front-desk");
    }
    let plane = Plane::on(closed()).await;
    assert_eq!(plane.get("/v1/widget/agents").await["data"][0]["name"], "front-desk", "with a key of theirs");
    let (_, other) = plane.other("other").await;
    let nobody = list().key(&other).of(&plane.router).await.json();
    assert_eq!(nobody["data"], json!([]), "another organization's key lets in to none of them");
}

#[tokio::test]
async fn the_page_of_a_closed_server_calls_with_the_operators_cookie() {
    let router = World::new().router(closed());
    let signed_in =
        post("/v1/operator/session", json!({"token": SECRET})).on_page(OWN_PAGE).of(&router).await;
    let cookie =
        signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    let ask = post("/v1/widget/token", json!({})).on_page(OWN_PAGE).header("cookie", cookie);
    let given = ask.of(&router).await.json()["token"].as_str().expect("a token").to_owned();
    post("/api/offer", with_token(&given)).on_page(OWN_PAGE).of(&router).await.json();
    post("/api/offer", with_token(&given)).on_page(SHOP).of(&router).await.is_problem(401, "TOKEN_INVALID");
}

#[tokio::test]
async fn the_operator_gives_programs_tokens_of_a_chosen_life() {
    let world = World::new();
    let router = world.router(closed());
    let ask = |ttl_s: u64| post("/v1/widget/token", json!({"ttl_s": ttl_s}));
    for out_of_range in [0, 30 * 24 * 3600 + 1] {
        ask(out_of_range).operator().of(&router).await.is_problem(400, "PARAMETER_INVALID");
    }
    ask(600).on_page(SHOP).of(&router).await.is_problem(403, "OPERATOR_ONLY");
    let given = ask(600).operator().of(&router).await.json();
    assert_eq!(given["expires_at"], "2027-01-15T08:10:00Z");
    let given = given["token"].as_str().expect("a token");
    world.pass(600);
    post("/api/offer", with_token(given)).of(&router).await.json();
    let bearer = format!("Bearer {given}");
    post("/start", json!({})).header("authorization", &bearer).of(&router).await.json();
    get("/metrics").header("authorization", &bearer).of(&router).await.is_problem(403, "OPERATOR_ONLY");
    world.pass(1);
    post("/api/offer", with_token(given)).of(&router).await.is_problem(401, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn the_operators_own_token_calls_too() {
    let router = World::new().router(closed());
    post("/api/offer", offer_body()).operator().of(&router).await.json();
    post("/start", json!({})).operator().of(&router).await.json();
    post("/api/offer", offer_body())
        .operator()
        .on_page("https://evil.example")
        .of(&router)
        .await
        .is_problem(403, "ORIGIN_FORBIDDEN");
}

#[tokio::test]
async fn permission_comes_with_the_servers_that_help_to_connect() {
    let servers = serde_json::from_value(json!([{"urls": ["turn:turn.example"], "credential": "c"}]));
    let options = Options { ice_servers: servers.expect("servers"), ..embedding() };
    let router = World::new().router(options);
    let given = post("/v1/widget/token", json!({})).on_page(SHOP).of(&router).await.json();
    assert_eq!(given["ice_servers"], json!([{"urls": ["turn:turn.example"], "credential": "c"}]));
}

#[tokio::test]
async fn an_origin_is_the_same_in_any_case_and_with_the_schemes_own_port() {
    let options = Options {
        public_url: Some("https://Voice.Example.com:443/".into()),
        allowed_origins: vec!["https://Shop.example:443".into()],
        ..Options::default()
    };
    let router = World::new().router(options);
    let own = post("/api/offer", offer_body()).on_page("https://voice.example.com");
    own.header("host", "10.0.0.7:7860").of(&router).await.json();
    let reply = post("/v1/widget/token", json!({})).on_page(SHOP).of(&router).await;
    reply.json();
    let listed = get("/v1/widget/agents").on_page(SHOP).of(&router).await;
    assert_eq!(listed.header("access-control-allow-origin"), Some(SHOP));
}

#[tokio::test]
async fn a_configured_key_outlives_the_process() {
    let options = Options { token_key: Some(Secret::new("a-key-of-enough-length".into())), ..embedding() };
    let token = token(&World::new().router(options.clone()), SHOP).await;
    post("/api/offer", with_token(&token)).on_page(SHOP).of(&World::new().router(options)).await.json();
    let other = World::new().router(embedding());
    post("/api/offer", with_token(&token)).on_page(SHOP).of(&other).await.is_problem(401, "TOKEN_INVALID");
}

const READS: [&str; 9] = [
    "/v1/sessions",
    "/v1/sessions/ses_1",
    "/v1/sessions/ses_1/turns",
    "/v1/sessions/ses_1/events",
    "/v1/sessions/ses_1/log",
    "/v1/sessions/ses_1/recordings",
    "/v1/sessions/ses_1/recordings/caller-1.ogg",
    "/v1/latency",
    "/v1/activity",
];

/// From everywhere that a stranger may ask from.
fn strangers(path: &str) -> [Ask; 6] {
    [
        get(path),
        // What a proxy on this machine makes of every stranger's request.
        get(path).header("host", "localhost:8080"),
        get(path).from("192.168.1.7:50000").header("host", "192.168.1.9:8080"),
        get(path).on_page(OWN_PAGE),
        get(path).on_page(SHOP),
        get(path).header("host", "evil.example:8080").on_page("http://evil.example:8080"),
    ]
}

#[tokio::test]
async fn what_was_said_is_read_with_a_key_or_by_the_operator_alone() {
    for options in [embedding(), operated(), Options { open: false, ..Options::default() }] {
        let router = World::new().router(options);
        for ask in strangers("/metrics") {
            ask.of(&router).await.is_problem(403, "OPERATOR_ONLY");
        }
        for ask in READS.into_iter().flat_map(strangers) {
            ask.of(&router).await.is_problem(401, "CREDENTIAL_REQUIRED");
        }
    }
    let router = World::new().router(operated());
    get("/metrics").operator().on_page(OWN_PAGE).of(&router).await;
    get("/metrics").operator().on_page(SHOP).of(&router).await.is_problem(403, "OPERATOR_ONLY");
    let plane = Plane::new().await;
    for path in READS {
        let wrong = get(path).header("authorization", "Bearer correct horse");
        wrong.of(&plane.router).await.is_problem(401, "CREDENTIAL_INVALID");
        let call = post("/v1/widget/token", json!({})).of(&plane.router).await.json();
        let call = get(path).key(call["token"].as_str().expect("a token"));
        call.of(&plane.router).await.is_problem(401, "CREDENTIAL_INVALID");
    }
    for path in ["/v1/sessions", "/v1/latency", "/v1/activity"] {
        plane.get(path).await;
        get(path).operator().of(&plane.router).await.json();
        get(path).operator().on_page(OWN_PAGE).of(&plane.router).await.json();
    }
}

#[tokio::test]
async fn the_operator_signs_in_once_from_anywhere() {
    let Plane { world, router, .. } = Plane::new().await;
    let elsewhere = |ask: Ask| ask.from("192.168.1.7:50000").header("host", "192.168.1.9:8080");
    let read = || elsewhere(get("/v1/sessions"));
    read().of(&router).await.is_problem(401, "CREDENTIAL_REQUIRED");
    read().header("authorization", &format!("Bearer {SECRET}")).of(&router).await.json();
    read().key("correct horse").of(&router).await.is_problem(401, "CREDENTIAL_INVALID");
    let sign_in = |token: &str| elsewhere(post("/v1/operator/session", json!({"token": token})));
    sign_in("wrong").of(&router).await.is_problem(403, "OPERATOR_ONLY");
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
    let foreign = read().header("cookie", &pair).on_page("https://evil.example");
    foreign.of(&router).await.is_problem(403, "ORIGIN_FORBIDDEN");
    world.pass(12 * 3600 + 1);
    read().header("cookie", &pair).of(&router).await.is_problem(401, "CREDENTIAL_INVALID");
}
