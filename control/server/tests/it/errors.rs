use axum::http::Method;
use control_server::Options;
use serde_json::json;

use crate::fake::{World, ask, get, post};
use crate::plane::Plane;

#[tokio::test]
async fn paths_and_methods_that_are_not_ours_are_problems_too() {
    let router = World::new().router(Options::default());
    get("/nothing/here").of(&router).await.is_problem(404, "PATH_UNKNOWN");
    get("/assets/../../Cargo.toml").of(&router).await.is_problem(404, "PATH_UNKNOWN");
    get("/docs/errors/NO_SUCH_CODE").of(&router).await.is_problem(404, "PATH_UNKNOWN");
    ask(Method::DELETE, "/start").of(&router).await.is_problem(405, "METHOD_UNKNOWN");
    for path in ["/assets/%ff", "/docs/errors/%ff"] {
        get(path).of(&router).await.is_problem(400, "PARAMETER_INVALID");
    }
    post("/sessions/%ff/api/offer", json!({"sdp": "v=0", "type": "offer"}))
        .of(&router)
        .await
        .is_problem(400, "PARAMETER_INVALID");
    let plane = Plane::new().await;
    for path in [
        "/v1/sessions/%ff",
        "/v1/sessions/%ff/events",
        "/v1/sessions?limit=many",
        "/v1/sessions?limit=0",
        "/v1/sessions?limit=101",
        "/v1/sessions?cursor=x",
        "/v1/sessions?from=yesterday",
        "/v1/sessions?q=a%00b",
        "/v1/sessions?colour=red",
        "/v1/sessions/ses_1/events?limit=0",
        "/v1/sessions/ses_1/events?limit=1001",
        "/v1/latency?window=2h",
        "/v1/latency?version=-1",
        "/v1/costs?window=1h",
        "/v1/costs?group_by=weather",
        "/v1/prices?limit=0",
        "/v1/activity?version=-1",
        "/v1/activity?agent=%00",
    ] {
        plane.send(get(path)).await.is_problem(400, "PARAMETER_INVALID");
    }
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_announced_or_not() {
    let router = World::new().router(Options::default());
    let large = "x".repeat(256 * 1024 + 1);
    post("/api/offer", json!({"sdp": large, "type": "offer"}))
        .of(&router)
        .await
        .is_problem(413, "BODY_TOO_LARGE");
    let pieces = futures::stream::iter((0..300).map(|_| Ok::<_, std::io::Error>("x".repeat(1024))));
    let streamed = ask(Method::POST, "/start").body(axum::body::Body::from_stream(pieces));
    streamed.of(&router).await.is_problem(413, "BODY_TOO_LARGE");
    let announced = ask(Method::POST, "/start").header("content-length", "10000000");
    announced.of(&router).await.is_problem(413, "BODY_TOO_LARGE");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_given_up() {
    let router = World::new().router(Options::default());
    let pieces = futures::stream::pending::<Result<String, std::io::Error>>();
    let reply = ask(Method::POST, "/start").body(axum::body::Body::from_stream(pieces)).of(&router).await;
    reply.is_problem(400, "BODY_INVALID");
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let router = World::new().router(Options::default());
    for body in ["{", "\u{0}", "{\"transport\":\"pigeon\"}", "{\"body\":3}"] {
        ask(Method::POST, "/start").body(body).of(&router).await.is_problem(400, "BODY_INVALID");
    }
}

#[tokio::test]
async fn a_request_keeps_a_sane_id_and_gets_one_otherwise() {
    let router = World::new().router(Options::default());
    let kept = get("/nothing")
        .header("x-request-id", "trace-17.a:b")
        .of(&router)
        .await
        .is_problem(404, "PATH_UNKNOWN");
    assert_eq!(kept["request_id"], "trace-17.a:b");
    for strange in ["", "a b", "<script>", &"x".repeat(129)] {
        let reply = get("/nothing").header("x-request-id", strange).of(&router).await;
        let problem = reply.is_problem(404, "PATH_UNKNOWN");
        assert!(problem["request_id"].as_str().expect("an id").starts_with("req_"), "{strange:?}: {problem}");
    }
    assert!(get("/healthz").of(&router).await.header("x-request-id").is_some());
}
