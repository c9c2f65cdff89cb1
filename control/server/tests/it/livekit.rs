//! Tokens for LiveKit rooms: whose agents come along, and what is refused.

use axum::http::Method;
use serde_json::json;

use crate::fake::{ask, get};
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
async fn an_organization_has_rooms_and_agents_of_its_own_and_enters_no_others() {
    let plane = Plane::new().await;
    let (org, key) = plane.other("rivals").await;
    let made = ask(Method::POST, "/v1/agents").key(&key).json(&json!({"name": "front-desk"}));
    assert_eq!(made.of(&plane.router).await.status.as_u16(), 201);
    let token = async |wanted: serde_json::Value| {
        ask(Method::POST, "/v1/livekit/token").key(&key).json(&wanted).of(&plane.router).await
    };
    let wanted = json!({"agent": "front-desk", "room": "desk", "identity": "ann"});
    let given = token(wanted).await.json();
    assert_eq!((&given["room"], &given["agent"]), (&json!(format!("{org}/desk")), &json!("front-desk")));
    assert_eq!(given["token"], format!("ann may enter {org}/desk with {org}/front-desk ()"));
    let given = token(json!({"agent": "front-desk"})).await.json();
    assert!(text(&given["room"]).starts_with(&format!("{org}/front-desk-")), "{given}");
    // Theirs by its name, which the default organization does not get either.
    let theirs = json!({"agent": "front-desk", "room": format!("{org}/desk")});
    plane.post("/v1/livekit/token", theirs).await.is_problem(409, "ROUTE_TAKEN");
    // And what the default organization's route names is another room than theirs of that name.
    let agent = plane.get("/v1/agents/front-desk").await["id"].clone();
    let environment = plane.get("/v1/environments").await["data"][0]["id"].clone();
    let routed = json!({"room": "support-*", "agent_id": agent, "environment_id": environment});
    let routed = plane.post("/v1/routes", routed).await;
    assert_eq!(routed.status.as_u16(), 201, "{}", routed.text);
    let wanted = json!({"agent": "front-desk", "room": "support-1"});
    assert_eq!(token(wanted.clone()).await.json()["room"], format!("{org}/support-1"));
    assert_eq!(plane.post("/v1/livekit/token", wanted).await.json()["room"], "support-1");
}

#[tokio::test]
async fn no_claim_opens_a_room_of_another_organization_and_none_closes_ones_own() {
    let plane = Plane::new().await;
    let [ours, theirs] = [plane.other("ours").await, plane.other("theirs").await];
    let mut bodies = Vec::new();
    for (_, key) in [&ours, &theirs] {
        let made = ask(Method::POST, "/v1/agents").key(key).json(&json!({"name": "front-desk"}));
        let agent = made.of(&plane.router).await.json()["id"].clone();
        let environments = get("/v1/environments").key(key).of(&plane.router).await.json();
        bodies.push(json!({"agent_id": agent, "environment_id": environments["data"][0]["id"]}));
    }
    let token = async |key: &str, room: &str| {
        let wanted = json!({"agent": "front-desk", "room": room});
        ask(Method::POST, "/v1/livekit/token").key(key).json(&wanted).of(&plane.router).await
    };
    let claim = async |room: &str, operator: bool| {
        let mut body = bodies[1].clone();
        body["room"] = room.into();
        let ask = ask(Method::POST, "/v1/routes").json(&body);
        let ask = if operator {
            ask.operator().header("foundry-organization", &theirs.0.to_string())
        } else {
            ask.key(&theirs.1)
        };
        ask.of(&plane.router).await.status.as_u16()
    };
    let desk = format!("{}/desk", ours.0);
    for room in ["org_*", &format!("{}/*", ours.0), &desk] {
        assert_eq!(claim(room, false).await, 409, "{room}");
    }
    for room in ["desk", "support-*"] {
        assert_eq!(claim(room, false).await, 403, "{room}");
    }
    token(&theirs.1, &desk).await.is_problem(409, "ROUTE_TAKEN");
    assert_eq!(token(&ours.1, &desk).await.json()["room"], desk);
    assert_eq!(token(&theirs.1, "desk").await.json()["room"], format!("{}/desk", theirs.0));
    assert_eq!(
        plane.post("/v1/livekit/token", json!({"agent": "front-desk", "room": "desk"})).await.json()["room"],
        "desk"
    );
    // A claim that came about otherwise changes nothing of that.
    let owner = theirs.0.as_uuid();
    plane
        .sql(&format!(
            "insert into app.route_claims (org_id, places) values ('{owner}', app.places_of('room:org_*'))"
        ))
        .await;
    token(&theirs.1, &desk).await.is_problem(409, "ROUTE_TAKEN");
    assert_eq!(token(&ours.1, &desk).await.json()["room"], desk);
    // What the operator gave is theirs under that name, and nobody else's.
    assert_eq!(claim("hotline-*", true).await, 201);
    assert_eq!(token(&theirs.1, "hotline-1").await.json()["room"], "hotline-1");
    assert_eq!(token(&ours.1, "hotline-1").await.json()["room"], format!("{}/hotline-1", ours.0));
    plane
        .post("/v1/livekit/token", json!({"agent": "front-desk", "room": "hotline-1"}))
        .await
        .is_problem(409, "ROUTE_TAKEN");
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

#[tokio::test]
async fn whom_livekit_is_not_told_of_nobody_waits_for() {
    let plane = Plane::new().await;
    let (org, key) = plane.other("rivals").await;
    let made = ask(Method::POST, "/v1/agents").key(&key).json(&json!({"name": "front-desk"}));
    assert_eq!(made.of(&plane.router).await.status.as_u16(), 201);
    let undispatched = |agent: String| plane.world.undispatched.lock().expect("no panic").insert(agent);
    undispatched(format!("{org}/front-desk"));
    let wanted = json!({"agent": "front-desk"});
    let token = ask(Method::POST, "/v1/livekit/token").key(&key).json(&wanted);
    token.of(&plane.router).await.is_problem(409, "LIVEKIT_NOT_DISPATCHED");
    // Another organization's agent of the same name is another.
    assert_eq!(plane.post("/v1/livekit/token", wanted.clone()).await.status.as_u16(), 200);
    undispatched("front-desk".to_owned());
    plane.post("/v1/livekit/token", wanted).await.is_problem(409, "LIVEKIT_NOT_DISPATCHED");
}
