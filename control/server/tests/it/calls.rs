//! Calls that we make: once for each key, by trunks and agents that are there, and with what became of them.

use axum::http::Method;
use control_server::ports::Refusal;
use serde_json::{Value, json};

use crate::fake::ask;
use crate::plane::{Plane, text};

fn call(to: &str) -> Value {
    json!({"agent": "front-desk", "trunk": "carrier", "to": to, "ring_s": 20})
}

#[tokio::test]
async fn a_call_is_placed_and_tells_what_became_of_it() {
    let plane = Plane::new().await;
    let placed = plane.post("/v1/calls", call("+4930123456")).await;
    assert_eq!(placed.status.as_u16(), 202, "{}", placed.text);
    let placed = placed.json();
    assert_eq!((&placed["state"], &placed["outcome"]), (&json!("dialling"), &Value::Null));
    let begun = plane.world.dialled.lock().expect("no panic").clone();
    assert_eq!(begun.len(), 1);
    assert_eq!((begun[0].to.0.as_str(), begun[0].ring.as_secs()), ("+4930123456", 20));
    let now = plane.get(&format!("/v1/calls/{}", text(&placed["id"]))).await;
    assert_eq!(
        (&now["state"], &now["outcome"], &now["sip_status"]),
        (&json!("unanswered"), &json!("busy"), &json!(486))
    );
    let audit = plane.get("/v1/audit").await.to_string();
    assert!(audit.contains("call.place") && !audit.contains("4930123456"), "{audit}");
}

#[tokio::test]
async fn nobody_is_called_twice_for_one_key() {
    let plane = Plane::new().await;
    let place = || async {
        let request = ask(Method::POST, "/v1/calls").json(&call("100")).header("idempotency-key", "one");
        request.key(&plane.key).of(&plane.router).await
    };
    let (first, second) = (place().await, place().await);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (202, 202));
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!(plane.world.dialled.lock().expect("no panic").len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_call_is_named_and_nobody_is_called() {
    let plane = Plane::new().await;
    let with = |field: &str, value: Value| {
        let mut body = call("100");
        body[field] = value;
        body
    };
    for (body, code) in [
        (with("trunk", json!("other")), "REFERENCE_UNKNOWN"),
        (with("agent", json!("nobody")), "REFERENCE_UNKNOWN"),
        (with("to", json!("a@b")), "BODY_INVALID"),
        (with("to", json!("")), "BODY_INVALID"),
        (with("ring_s", json!(1)), "BODY_INVALID"),
        (with("speed", json!(1)), "BODY_INVALID"),
    ] {
        plane.post("/v1/calls", body).await.is_problem(422, code);
    }
    plane.world.refuse(Refusal::BudgetSpent);
    plane.post("/v1/calls", call("100")).await.is_problem(402, "BUDGET_SPENT");
    assert!(plane.world.dialled.lock().expect("no panic").is_empty());
}
