//! Calls under way: seen, heard, whispered into and ended by their organization alone, and written down.

use axum::http::Method;
use control_api::call::Direction;
use control_api::live::LiveCall;
use domain::{EndReason, ServerId, SessionId};
use serde_json::{Value, json};

use crate::fake::{ask, get};
use crate::plane::{Plane, text};
use crate::record::{SERVER, begun};

/// Not the one of the records.
pub(crate) const HERE: ServerId = ServerId::from_uuid(uuid::Uuid::from_u128(8));

pub(crate) fn live(id: SessionId) -> LiveCall {
    LiveCall {
        id,
        agent: "assistant".to_owned(),
        transport: "sip".to_owned(),
        direction: Some(Direction::Outbound),
        party: Some("+49301234".to_owned()),
        started_at: "2027-01-15T08:00:00Z".to_owned(),
        server_id: HERE,
        here: true,
        state: "listening".to_owned(),
        connected: true,
        turns: 2,
        listeners: 0,
    }
}

/// A call of the default organization under way.
async fn running(plane: &Plane) -> SessionId {
    let id = SessionId::generate();
    plane.world.live.lock().expect("no panic").push((plane.org, live(id)));
    id
}

fn done(plane: &Plane) -> Vec<String> {
    plane.world.done.lock().expect("no panic").iter().map(|(_, what)| what.clone()).collect()
}

#[tokio::test]
async fn a_call_under_way_is_seen_whispered_into_and_ended_and_all_of_it_is_written_down() {
    let plane = Plane::new().await;
    let id = running(&plane).await;
    let calls = plane.get("/v1/live").await;
    assert_eq!(calls["data"][0]["id"], json!(id.to_string()));
    assert_eq!((&calls["data"][0]["state"], &calls["data"][0]["turns"]), (&json!("listening"), &json!(2)));
    let path = |what: &str| format!("/v1/sessions/{id}/{what}");
    let told = plane.post(&path("whisper"), json!({"text": " Offer the red one. "})).await;
    assert_eq!((told.status.as_u16(), told.json()), (200, json!({"heeded": true})));
    let said = plane.post(&path("whisper"), json!({"text": "One moment.", "mode": "say"})).await;
    assert_eq!(said.json(), json!({"heeded": true}));
    assert_eq!(plane.post(&path("end"), json!({})).await.status.as_u16(), 202);
    assert_eq!(done(&plane), ["whisper Offer the red one.", "say One moment.", "end"]);
    let audit = plane.get("/v1/audit").await;
    let actions: Vec<String> =
        audit["data"].as_array().expect("a list").iter().map(|row| text(&row["action"])).collect();
    assert_eq!(actions.iter().filter(|action| *action == "call.whisper").count(), 2, "{actions:?}");
    assert!(actions.contains(&"call.end".to_owned()), "{actions:?}");
    assert!(!audit.to_string().contains("red one"), "the words stand in the call's own record");
}

#[tokio::test]
async fn an_agent_that_says_what_is_written_for_it_heeds_nothing_and_says_so() {
    let plane = Plane::new().await;
    let id = running(&plane).await;
    plane.world.live.lock().expect("no panic")[0].1.agent = "front-desk".to_owned();
    let told = plane.post(&format!("/v1/sessions/{id}/whisper"), json!({"text": "Be brief."})).await;
    assert_eq!(told.json(), json!({"heeded": false}));
    for (body, code) in [
        (json!({"text": " "}), "BODY_INVALID"),
        (json!({"text": "x".repeat(501)}), "BODY_INVALID"),
        (json!({"text": "x", "mode": "shout"}), "BODY_INVALID"),
        (json!({}), "BODY_INVALID"),
    ] {
        plane.post(&format!("/v1/sessions/{id}/whisper"), body).await.is_problem(422, code);
    }
}

#[tokio::test]
async fn a_call_is_heard_with_a_token_of_its_own_that_does_not_last() {
    let plane = Plane::new().await;
    let id = running(&plane).await;
    let asked = plane.post(&format!("/v1/sessions/{id}/listen"), json!({})).await;
    assert_eq!(asked.status.as_u16(), 201, "{}", asked.text);
    let url = text(&asked.json()["url"]);
    let upgrade = |path: String| {
        let request = get(&path).header("connection", "upgrade").header("upgrade", "websocket");
        request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    // There is no socket behind the router of a test: what is refused is refused before that.
    upgrade(url.clone()).of(&plane.router).await.is_problem(426, "UPGRADE_REQUIRED");
    assert_eq!(done(&plane), ["listen"]);
    upgrade(format!("{url}x")).of(&plane.router).await.is_problem(401, "TOKEN_INVALID");
    upgrade("/live".to_owned()).of(&plane.router).await.is_problem(401, "TOKEN_INVALID");
    plane.world.pass(31);
    upgrade(url).of(&plane.router).await.is_problem(401, "TOKEN_INVALID");
    assert!(plane.get("/v1/audit").await.to_string().contains("call.listen"));
}

#[tokio::test]
async fn a_call_that_is_over_says_so_and_another_organizations_is_not_there() {
    let plane = Plane::new().await;
    let id = running(&plane).await;
    let over = begun(plane.org, 60).caller(10, 1, "hello").recorded();
    plane.record(std::slice::from_ref(&over)).await;
    let (_, theirs) = plane.other("other").await;
    let seen = ask(Method::GET, "/v1/live").key(&theirs).of(&plane.router).await.json();
    assert_eq!(seen, json!({"data": [], "others_known": true}));
    for what in ["listen", "whisper", "end"] {
        let body: Value = if what == "whisper" { json!({"text": "x"}) } else { json!({}) };
        let path = format!("/v1/sessions/{}/{what}", over.id());
        plane.post(&path, body.clone()).await.is_problem(409, "CONFLICT");
        let path = format!("/v1/sessions/{id}/{what}");
        let request = ask(Method::POST, &path).json(&body).key(&theirs);
        request.of(&plane.router).await.is_problem(404, "NOT_FOUND");
        plane
            .post(&format!("/v1/sessions/{}/{what}", SessionId::generate()), body)
            .await
            .is_problem(404, "NOT_FOUND");
    }
    assert!(done(&plane).is_empty());
}

#[tokio::test]
async fn calls_of_other_servers_are_listed_with_where_they_run_and_are_nothing_to_end_here() {
    let plane = Plane::new().await;
    let here = running(&plane).await;
    let there = begun(plane.org, 60).caller(10_000, 1, "hello").agent_named("front-desk", 1);
    let silent = begun(plane.org, 7_200).caller(10_000, 1, "hello");
    let over = begun(plane.org, 90).ended(20_000, EndReason::CallerLeft);
    plane.record(&[there.clone(), silent, over]).await;
    let calls = plane.get("/v1/live").await;
    let shown: Vec<_> = calls["data"].as_array().expect("a list").iter().collect();
    assert_eq!(shown.len(), 2, "nobody knows of the silent one, and one is over: {calls}");
    assert_eq!(
        (&shown[0]["id"], &shown[0]["here"], &shown[0]["server_id"]),
        (&json!(here.to_string()), &json!(true), &json!(HERE.to_string()))
    );
    assert_eq!((&shown[1]["id"], &shown[1]["here"]), (&json!(there.id().to_string()), &json!(false)));
    assert_eq!(
        (&shown[1]["server_id"], &shown[1]["state"], &shown[1]["agent"], &shown[1]["turns"]),
        (&json!(SERVER.to_string()), &json!("elsewhere"), &json!("front-desk"), &json!(1)),
        "{calls}"
    );
    let refused = plane.post(&format!("/v1/sessions/{}/end", there.id()), json!({})).await;
    let refused = refused.is_problem(409, "CONFLICT");
    assert!(refused["detail"].to_string().contains("another server"), "{refused}");
    let (_, theirs) = plane.other("other").await;
    let seen = ask(Method::GET, "/v1/live").key(&theirs).of(&plane.router).await.json();
    assert_eq!(seen, json!({"data": [], "others_known": true}), "another organization's are not there");
}

#[tokio::test]
async fn other_servers_calls_are_looked_up_once_for_all_and_calls_here_are_listed_without_a_database() {
    let plane = Plane::new().await;
    let here = running(&plane).await.to_string();
    let there = begun(plane.org, 60).caller(10_000, 1, "hello");
    plane.record(std::slice::from_ref(&there)).await;
    let there = there.id().to_string();
    let seen = async || {
        let calls = plane.get("/v1/live").await;
        let ids = calls["data"].as_array().expect("a list").iter().map(|call| text(&call["id"]));
        (ids.collect::<Vec<_>>(), calls["others_known"] == true)
    };
    let both = (vec![here.clone(), there], true);
    assert_eq!(seen().await, both);
    plane.sql("alter table app.sessions rename to away").await;
    assert_eq!(seen().await, both, "whoever looks next is told what was heard");
    plane.world.pass(3);
    let alone = (vec![here], false);
    assert_eq!(seen().await, alone);
    plane.sql("alter table app.away rename to sessions").await;
    assert_eq!(seen().await, alone, "it is not asked again with every look");
    plane.world.pass(3);
    assert_eq!(seen().await, both);
}
