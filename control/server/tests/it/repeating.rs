//! Requests that are sent more than once, and lists that are read page by page.

use std::collections::BTreeSet;

use axum::http::Method;
use control_store::idempotency;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fake::{Ask, ask, get};
use crate::plane::{Plane, text};

fn create(name: &str, key: &str) -> Ask {
    ask(Method::POST, "/v1/domains").json(&json!({"name": name})).header("idempotency-key", key)
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_the_first_was_and_done_once() {
    let plane = Plane::new().await;
    let first = plane.send(create("one", "k1")).await;
    let again = plane.send(create("one", "k1")).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!((first.header("etag"), &first.text), (again.header("etag"), &again.text));
    assert_eq!(
        (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
        (None, Some("true"))
    );
    plane.send(create("two", "k1")).await.is_problem(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(plane.send(create("two", "k2")).await.status.as_u16(), 201);
    // Another organization's key of the same text is another.
    let (_, other) = plane.other("other").await;
    assert_eq!(create("one", "k1").key(&other).of(&plane.router).await.status.as_u16(), 201);
    for bad in ["", &"x".repeat(256)] {
        plane.send(create("three", bad)).await.is_problem(400, "PARAMETER_INVALID");
    }
}

#[tokio::test]
async fn a_request_that_failed_may_be_mended_and_sent_again() {
    let plane = Plane::new().await;
    plane.send(create("Not a name", "k1")).await.is_problem(422, "BODY_INVALID");
    assert_eq!(plane.send(create("a-name", "k1")).await.status.as_u16(), 201);
}

#[tokio::test]
async fn while_the_first_is_being_answered_the_second_waits() {
    let plane = Plane::new().await;
    let body = json!({"name": "slow"}).to_string();
    let mut tx = plane.db.org_tx(plane.org).await.expect("a transaction");
    let hash = Sha256::digest(body.as_bytes()).into();
    idempotency::claim(&mut tx, "k1", "POST /v1/domains", &hash).await.expect("claimed");
    tx.commit().await.expect("kept");
    let reply = plane.send(create("slow", "k1")).await;
    assert_eq!(reply.header("retry-after"), Some("1"));
    reply.is_problem(409, "IDEMPOTENCY_KEY_IN_USE");
}

#[tokio::test]
async fn of_many_at_once_one_is_done() {
    let plane = Plane::new().await;
    let all = futures::future::join_all((0..8).map(|_| plane.send(create("once", "k1")))).await;
    for reply in &all {
        assert!(matches!(reply.status.as_u16(), 201 | 409), "{}", reply.text);
        assert!(
            reply.status.as_u16() == 201 || reply.text.contains("IDEMPOTENCY_KEY_IN_USE"),
            "{}",
            reply.text
        );
    }
    assert!(all.iter().any(|reply| reply.status.as_u16() == 201));
    let domains = plane.get("/v1/domains").await;
    let made = domains["data"].as_array().expect("a list").iter().filter(|one| one["name"] == "once").count();
    assert_eq!(made, 1);
}

#[tokio::test]
async fn the_answer_that_is_kept_for_repetition_does_not_hold_the_key() {
    let plane = Plane::new().await;
    let ask =
        || ask(Method::POST, "/v1/api-keys").json(&json!({"name": "ci"})).header("idempotency-key", "k1");
    let first = plane.send(ask()).await.json();
    let again = plane.send(ask()).await.json();
    assert!(first["key"].is_string() && again.get("key").is_none());
    assert_eq!(first["id"], again["id"]);
}

#[tokio::test]
async fn pages_show_each_row_once_whatever_is_added_meanwhile() {
    let plane = Plane::new().await;
    for n in 0..23 {
        plane.post("/v1/domains", json!({"name": format!("d{n}")})).await.json();
    }
    let whole = plane.get("/v1/domains?limit=100").await;
    assert_eq!((&whole["has_more"], &whole["next_cursor"]), (&json!(false), &Value::Null));
    let expected: Vec<String> =
        whole["data"].as_array().expect("a list").iter().map(|one| text(&one["id"])).collect();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = plane.get(&format!("/v1/domains?limit=5{cursor}")).await;
        seen.extend(page["data"].as_array().expect("a list").iter().map(|one| text(&one["id"])));
        plane.post("/v1/domains", json!({"name": format!("late{}", seen.len())})).await.json();
        if page["has_more"] == false {
            break;
        }
        cursor = format!("&cursor={}", text(&page["next_cursor"]));
    }
    assert_eq!(seen, expected);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 24);
    for bad in ["limit=0", "limit=101", "limit=x", "cursor=x", "offset=3"] {
        plane.send(get(&format!("/v1/domains?{bad}"))).await.is_problem(400, "PARAMETER_INVALID");
    }
    // A cursor of another list is none of this one.
    plane.send(get(&format!("/v1/environments?limit=5{cursor}"))).await.is_problem(400, "PARAMETER_INVALID");
}
