//! Tokens for LiveKit rooms: whose agents come along, and what is refused.

use axum::http::Method;
use serde_json::json;

use crate::fake::ask;
use crate::plane::{Plane, text};

#[tokio::test]
async fn a_token_names_a_room_nobody_can_guess_unless_it_is_given_one() {
    let plane = Plane::new().await;
    let answer = plane.post("/v1/livekit/token", json!({"agent": "front-desk"})).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let token = answer.json();
    assert_eq!((&token["url"], &token["agent"]), (&json!("wss://livekit.test"), &json!("front-desk")));
    assert!(text(&token["room"]).len() > 30 && text(&token["identity"]).len() > 30, "{token}");
    assert_eq!(token["expires_at"], "2027-01-15T08:15:00Z");
    let other = plane.post("/v1/livekit/token", json!({"agent": "front-desk"})).await.json();
    assert_ne!(token["room"], other["room"]);
    let wanted =
        json!({"agent": "front-desk", "room": "desk", "identity": "ann", "metadata": "vip", "ttl_s": 60});
    let given = plane.post("/v1/livekit/token", wanted).await.json();
    assert_eq!((&given["room"], &given["identity"]), (&json!("desk"), &json!("ann")));
    assert_eq!(given["token"], "ann may enter desk with front-desk (vip)");
    assert_eq!(given["expires_at"], "2027-01-15T08:01:00Z");
}

#[tokio::test]
async fn rooms_are_the_default_organizations_and_no_other_enters_them() {
    let plane = Plane::new().await;
    let (_, key) = plane.other("rivals").await;
    let made = ask(Method::POST, "/v1/agents").key(&key).json(&json!({"name": "front-desk"}));
    assert_eq!(made.of(&plane.router).await.status.as_u16(), 201);
    let wanted = json!({"agent": "front-desk", "room": "desk"});
    let refused = ask(Method::POST, "/v1/livekit/token").key(&key).json(&wanted);
    refused.of(&plane.router).await.is_problem(409, "LIVEKIT_ABSENT");
}

#[tokio::test]
async fn agents_of_others_unknown_ones_and_nonsense_are_refused() {
    let plane = Plane::new().await;
    plane.post("/v1/livekit/token", json!({"agent": "nobody-here"})).await.is_problem(404, "NOT_FOUND");
    for wrong in [
        json!({"agent": "front-desk", "room": ""}),
        json!({"agent": "front-desk", "ttl_s": 0}),
        json!({"agent": "front-desk", "ttl_s": 100_000}),
        json!({"agent": "front-desk", "metadata": "x".repeat(5_000)}),
    ] {
        plane.post("/v1/livekit/token", wrong).await.is_problem(422, "BODY_INVALID");
    }
}
