use axum::http::Method;
use serde_json::json;

use crate::fake::{SHOP, World, ask, embedding, get, offer_body, post};

fn preflight(path: &str, origin: &str, method: &str) -> crate::fake::Ask {
    ask(Method::OPTIONS, path)
        .on_page(origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "content-type")
}

#[tokio::test]
async fn preflights_of_listed_pages_pass_and_others_do_not() {
    let router = World::new().router(embedding());
    for (path, method) in [
        ("/start", "POST"),
        ("/api/offer", "POST"),
        ("/api/offer", "PATCH"),
        ("/sessions/ses_1/api/offer", "PATCH"),
        ("/v1/widget/agents", "GET"),
    ] {
        let reply = preflight(path, SHOP, method).of(&router).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.status);
        assert_eq!(reply.header("access-control-allow-origin"), Some(SHOP), "{path}");
        assert!(reply.header("access-control-allow-methods").expect("methods").contains(method), "{path}");
        assert!(
            reply.header("access-control-allow-headers").expect("headers").contains("content-type"),
            "{path}"
        );
        let stranger = preflight(path, "https://evil.example", method).of(&router).await;
        assert_eq!(stranger.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test]
async fn a_listed_page_can_read_answers_and_errors() {
    let router = World::new().router(embedding());
    let refused = post("/api/offer", offer_body()).on_page(SHOP).of(&router).await;
    refused.is_problem(401, "TOKEN_REQUIRED");
    assert_eq!(refused.header("access-control-allow-origin"), Some(SHOP));
    assert!(refused.header("access-control-expose-headers").expect("exposed").contains("retry-after"));
}

#[tokio::test]
async fn a_page_that_is_not_listed_can_read_why_it_gets_no_token_and_nothing_more() {
    let router = World::new().router(embedding());
    let refused = post("/v1/widget/token", json!({})).on_page("https://evil.example").of(&router).await;
    let problem = refused.is_problem(403, "ORIGIN_FORBIDDEN");
    assert!(problem["detail"].as_str().expect("text").contains("https://evil.example"));
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://evil.example"));
    let calls = get("/v1/sessions").on_page(SHOP).of(&router).await;
    assert_eq!(calls.header("access-control-allow-origin"), None, "calls are never for other origins");
}
