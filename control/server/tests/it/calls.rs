//! Calls that we make: once for each key, by trunks and agents that are there, and with what became of them.

use std::sync::atomic::Ordering;

use axum::http::Method;
use control_server::ports::Refusal;
use control_store::Reason;
use control_store::outbound::{self, End, Step};
use domain::SessionId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::fake::{ask, get};
use crate::plane::{Plane, text};
use crate::record::SERVER;

fn call(to: &str) -> Value {
    json!({"agent": "front-desk", "trunk": "carrier", "to": to, "ring_s": 20, "variables": {"due": "Monday"}})
}

async fn listed(plane: &Plane) -> Vec<Value> {
    plane.get("/v1/calls").await["data"].as_array().expect("a list").clone()
}

/// As whoever dials takes a call.
pub(crate) async fn claimed(plane: &Plane, trunk: &str) -> Option<outbound::Call> {
    let mut tx = plane.db.org_tx(plane.org).await.expect("a transaction");
    let call = outbound::claim(&mut tx, SERVER, &[trunk.to_owned()]).await.expect("asked");
    tx.commit().await.expect("committed");
    call
}

pub(crate) async fn step(plane: &Plane, id: SessionId, step: Step) {
    let mut tx = plane.db.org_tx(plane.org).await.expect("a transaction");
    outbound::step(&mut tx, id, &step).await.expect("written");
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn a_call_is_placed_and_tells_what_became_of_it() {
    let plane = Plane::new().await;
    let placed = plane.post("/v1/calls", call("+4930123456")).await;
    assert_eq!(placed.status.as_u16(), 202, "{}", placed.text);
    let placed = placed.json();
    assert_eq!((&placed["state"], &placed["outcome"]), (&json!("queued"), &Value::Null));
    assert_eq!(plane.world.queued.load(Ordering::Relaxed), 1, "whoever dials is told");
    let taken = claimed(&plane, "carrier").await.expect("it is in the queue");
    assert_eq!((taken.set.number.0.as_str(), taken.set.ring_s), ("+4930123456", 20));
    assert_eq!(taken.set.variables["due"].0, "Monday");
    assert!(claimed(&plane, "carrier").await.is_none(), "once");
    let path = format!("/v1/calls/{}", text(&placed["id"]));
    assert_eq!(plane.get(&path).await["state"], "dialling");
    let end = End { outcome: "busy".to_owned(), sip_status: Some(486), end_reason: None };
    step(&plane, taken.id, Step::Rings).await;
    assert_eq!(plane.get(&path).await["state"], "ringing");
    step(&plane, taken.id, Step::Ended(end)).await;
    let now = plane.get(&path).await;
    assert_eq!(
        (&now["state"], &now["outcome"], &now["sip_status"], &now["session_id"]),
        (&json!("ended"), &json!("busy"), &json!(486), &Value::Null)
    );
    // What is over stays as it ended.
    step(&plane, taken.id, Step::Answered { at: Timestamp::now() }).await;
    assert_eq!(plane.get(&path).await, now);
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
    assert_eq!(listed(&plane).await.len(), 1);
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
        (with("variables", json!({"a b": "x"})), "BODY_INVALID"),
        (with("machine_detection", json!({"mode": "on", "at_machine": "leave_message"})), "BODY_INVALID"),
        (with("machine_detection", json!({"mode": "on", "message": "Hello {session.x}"})), "BODY_INVALID"),
    ] {
        plane.post("/v1/calls", body).await.is_problem(422, code);
    }
    plane.world.refuse(Refusal::BudgetSpent);
    plane.post("/v1/calls", call("100")).await.is_problem(402, "BUDGET_SPENT");
    assert!(listed(&plane).await.is_empty());
}

#[tokio::test]
async fn calls_are_listed_newest_first_page_by_page() {
    let plane = Plane::new().await;
    for to in ["101", "102", "103"] {
        plane.post("/v1/calls", call(to)).await.json();
    }
    let first = plane.get("/v1/calls?limit=2").await;
    let numbers = |page: &Value| -> Vec<String> {
        page["data"].as_array().expect("a list").iter().map(|call| text(&call["to"])).collect()
    };
    assert_eq!(
        (numbers(&first), &first["has_more"]),
        (vec!["103".to_owned(), "102".to_owned()], &json!(true))
    );
    let next = plane.get(&format!("/v1/calls?limit=2&cursor={}", text(&first["next_cursor"]))).await;
    assert_eq!((numbers(&next), &next["has_more"]), (vec!["101".to_owned()], &json!(false)));
    plane.send(get("/v1/calls?campaign_id=x")).await.is_problem(400, "PARAMETER_INVALID");
}

#[tokio::test]
async fn what_a_server_left_under_way_is_closed_as_interrupted_and_the_queue_goes_on() {
    let plane = Plane::new().await;
    for to in ["101", "102", "103"] {
        plane.post("/v1/calls", call(to)).await.json();
    }
    let (dialled, answered) = (claimed(&plane, "carrier").await, claimed(&plane, "carrier").await);
    step(&plane, answered.expect("a call").id, Step::Answered { at: Timestamp::now() }).await;
    let mut tx = plane.db.system_tx(Reason::Outbound).await.expect("a transaction");
    assert_eq!(outbound::interrupted(&mut tx, SERVER).await.expect("closed"), 2);
    assert_eq!(outbound::waiting(&mut tx).await.expect("asked"), [plane.org]);
    tx.commit().await.expect("committed");
    let path = format!("/v1/calls/{}", dialled.expect("a call").id);
    assert_eq!(plane.get(&path).await["outcome"], "interrupted");
    assert_eq!(claimed(&plane, "carrier").await.expect("it waits still").set.number.0, "103");
}

#[tokio::test]
async fn what_nobody_looks_after_any_more_is_closed() {
    let plane = Plane::new().await;
    for to in ["101", "102"] {
        plane.post("/v1/calls", call(to)).await.json();
    }
    let rings = claimed(&plane, "carrier").await.expect("a call").id;
    let swept = async |after: SignedDuration| {
        let mut tx = plane.db.system_tx(Reason::Outbound).await.expect("a transaction");
        let closed = outbound::sweep(&mut tx, Timestamp::now() + after).await.expect("swept");
        tx.commit().await.expect("committed");
        closed
    };
    // It may ring for 20 s, and has two minutes to say so.
    assert_eq!(swept(SignedDuration::from_secs(100)).await, 0);
    assert_eq!(swept(SignedDuration::from_secs(180)).await, 1);
    assert_eq!(plane.get(&format!("/v1/calls/{rings}")).await["outcome"], "interrupted");
    assert_eq!(swept(SignedDuration::from_mins(11)).await, 1);
    let outcomes: Vec<String> = listed(&plane).await.iter().map(|call| text(&call["outcome"])).collect();
    assert_eq!(outcomes, ["expired", "interrupted"]);
}

#[tokio::test]
async fn trunks_are_shown_to_those_alone_who_may_call_by_them() {
    let plane = Plane::new().await;
    let trunks = plane.get("/v1/trunks").await;
    assert_eq!(
        trunks["data"],
        json!([{"name": "carrier", "kind": "sip", "account_id": null, "caller": "+4930555", "state": "registered", "detail": null}])
    );
    *plane.world.home.lock().expect("no panic") = None;
    assert_eq!(plane.get("/v1/trunks").await["data"], json!([]));
}
