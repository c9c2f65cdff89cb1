//! Campaigns, from the file of contacts to what came of each. The test is whoever dials.

use axum::http::Method;
use control_server::jobs;
use control_store::outbound::{Call, End, Step};
use domain::EndReason;
use jiff::Timestamp;
use runtime::Tasks;
use serde_json::{Value, json};

use crate::calls::{claimed, step};
use crate::fake::{ask, get};
use crate::jobs::until;
use crate::plane::{Plane, text};
use crate::record::SERVER;

const FILE: &str = "number,name,due\n+4930100,Maria,Monday\n+4930101,Jo,\n+4930102,Ana,Friday\n";

fn wanted() -> Value {
    json!({
        "title": "Reminders", "agent": "front-desk", "trunk": "carrier", "concurrency": 10, "per_minute": 600,
        "retry": {"outcomes": ["busy"], "attempts": 2, "after_s": 1}
    })
}

async fn made(plane: &Plane, wanted: Value) -> String {
    let made = plane.post("/v1/campaigns", wanted).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    text(&made.json()["id"])
}

async fn imported(plane: &Plane, path: &str, file: &str) -> crate::fake::Reply {
    plane.send(ask(Method::POST, path).header("content-type", "text/csv").body(file.to_owned())).await
}

async fn with_contacts(plane: &Plane, wanted: Value) -> String {
    let id = made(plane, wanted).await;
    imported(plane, &format!("/v1/campaigns/{id}/contacts"), FILE).await.json();
    id
}

fn started(plane: &Plane) -> Tasks {
    let tasks = Tasks::new();
    let world = || plane.world.clone();
    jobs::start(&plane.db, SERVER, world(), world(), world(), &tasks);
    tasks
}

async fn go(plane: &Plane, id: &str, what: &str) -> Value {
    let done = plane.send(ask(Method::POST, &format!("/v1/campaigns/{id}/{what}"))).await;
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    done.json()
}

/// The next call of the queue.
async fn taken(plane: &Plane) -> Call {
    let take = async {
        loop {
            match claimed(plane, "carrier").await {
                Some(call) => return call,
                None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), take).await.expect("a call in the queue")
}

async fn ends(plane: &Plane, call: &Call, outcome: &str) {
    let end = End { outcome: outcome.to_owned(), ..End::default() };
    step(plane, call.id, Step::Ended(end)).await;
}

#[tokio::test]
async fn a_campaign_calls_everybody_again_who_was_busy_and_says_what_came_of_it() {
    let plane = Plane::new().await;
    let id = with_contacts(&plane, wanted()).await;
    let tasks = started(&plane);
    assert!(claimed(&plane, "carrier").await.is_none(), "nobody is called before it is started");
    assert_eq!(go(&plane, &id, "start").await["state"], "running");
    let mut calls = [taken(&plane).await, taken(&plane).await, taken(&plane).await];
    calls.sort_by(|a, b| a.set.number.0.cmp(&b.set.number.0));
    assert_eq!(calls[0].set.variables["caller.name"].0, "Maria");
    assert_eq!((calls[0].attempt, calls[0].set.variables["due"].0.as_str()), (1, "Monday"));
    step(&plane, calls[0].id, Step::Answered { at: Timestamp::now() }).await;
    step(&plane, calls[0].id, Step::Screened { by: "human", beep: None }).await;
    let reason = serde_json::to_value(EndReason::AgentEnded).expect("a name").as_str().map(str::to_owned);
    let end = End { outcome: "completed".to_owned(), sip_status: None, end_reason: reason };
    step(&plane, calls[0].id, Step::Ended(end)).await;
    ends(&plane, &calls[1], "busy").await;
    ends(&plane, &calls[2], "declined").await;
    let again = taken(&plane).await;
    assert_eq!((again.set.number.0.as_str(), again.attempt), ("+4930101", 2));
    ends(&plane, &again, "busy").await;
    until(&plane, "select state from app.campaigns", "completed").await;
    tasks.shutdown().await;
    let campaign = plane.get(&format!("/v1/campaigns/{id}")).await;
    let outcomes = json!({"completed": 1, "busy": 1, "declined": 1});
    assert_eq!((&campaign["progress"]["outcomes"], &campaign["progress"]["done"]), (&outcomes, &json!(3)));
    let of_campaign = plane.get(&format!("/v1/calls?campaign_id={id}")).await;
    assert_eq!(of_campaign["data"].as_array().map(Vec::len), Some(4));
    let file = plane.send(get(&format!("/v1/campaigns/{id}/results"))).await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<&str> = file.text.lines().collect();
    assert!(lines[0].starts_with("number,state,attempts,outcome,answered_by,"), "{}", file.text);
    assert!(lines[1].starts_with("+4930100,done,1,completed,human,") && lines[1].ends_with("Maria,Monday"));
    assert!(
        lines[2].starts_with("+4930101,done,2,busy,,") && lines[3].starts_with("+4930102,done,1,declined,,")
    );
    plane
        .send(ask(Method::POST, &format!("/v1/campaigns/{id}/resume")))
        .await
        .is_problem(409, "CAMPAIGN_STATE");
}

#[tokio::test]
async fn a_pause_lets_nobody_else_be_called_and_ends_no_call() {
    let plane = Plane::new().await;
    let id = with_contacts(&plane, wanted()).await;
    let tasks = started(&plane);
    go(&plane, &id, "start").await;
    let call = taken(&plane).await;
    assert_eq!(go(&plane, &id, "pause").await["state"], "paused");
    // From the answer on, those in the queue too.
    assert!(claimed(&plane, "carrier").await.is_none());
    assert_eq!(plane.get(&format!("/v1/calls/{}", call.id)).await["state"], "dialling");
    ends(&plane, &call, "busy").await;
    until(&plane, "select count(*) from app.outbound_calls where settled", "1").await;
    assert!(claimed(&plane, "carrier").await.is_none(), "who was busy waits, too");
    go(&plane, &id, "resume").await;
    let numbers =
        [taken(&plane).await, taken(&plane).await, taken(&plane).await].map(|call| call.set.number.0);
    assert!(numbers.contains(&call.set.number.0), "{numbers:?}");
    go(&plane, &id, "cancel").await;
    tasks.shutdown().await;
}

#[tokio::test]
async fn a_cancelled_campaign_calls_nobody_and_lets_calls_end() {
    let plane = Plane::new().await;
    let mut one = wanted();
    one["concurrency"] = json!(1);
    let id = with_contacts(&plane, one).await;
    let tasks = started(&plane);
    go(&plane, &id, "start").await;
    let call = taken(&plane).await;
    let cancelled = go(&plane, &id, "cancel").await;
    assert_eq!(
        (&cancelled["progress"]["calling"], &cancelled["progress"]["cancelled"]),
        (&json!(1), &json!(2))
    );
    ends(&plane, &call, "busy").await;
    until(&plane, "select count(*) from app.campaign_contacts where state = 'done'", "1").await;
    assert!(claimed(&plane, "carrier").await.is_none());
    tasks.shutdown().await;
}

#[tokio::test]
async fn no_more_run_at_once_than_the_campaign_may_and_nobody_out_of_hours() {
    let plane = Plane::new().await;
    let mut one = wanted();
    one["concurrency"] = json!(1);
    let id = with_contacts(&plane, one).await;
    // Over since yesterday: no hour of today is open.
    let mut closed = wanted();
    closed["schedule"] = json!({"time_zone": "UTC", "until": "2020-01-01"});
    let night = with_contacts(&plane, closed).await;
    let tasks = started(&plane);
    go(&plane, &night, "start").await;
    go(&plane, &id, "start").await;
    let first = taken(&plane).await;
    until(&plane, "select count(*) from app.outbound_calls", "1").await;
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(plane.sql("select count(*) from app.outbound_calls").await, "1");
    ends(&plane, &first, "declined").await;
    let second = taken(&plane).await;
    assert_ne!(first.set.number, second.set.number);
    assert_eq!((first.campaign.map(|id| id.to_string()), second.campaign), (Some(id), first.campaign));
    tasks.shutdown().await;
}

#[tokio::test]
async fn a_file_is_looked_at_first_and_what_is_wrong_is_said_by_line() {
    let plane = Plane::new().await;
    let id = made(&plane, wanted()).await;
    let path = format!("/v1/campaigns/{id}/contacts");
    let file = "number;name\n+49 30 100;Maria\nsip:a@b;Jo\n+4930100;Ana\n";
    let looked = imported(&plane, &format!("{path}?dry_run=true"), file).await.json();
    assert_eq!(
        (&looked["taken"], &looked["refused"], &looked["dry_run"]),
        (&json!(1), &json!(2), &json!(true))
    );
    let lines: Vec<&Value> =
        looked["errors"].as_array().expect("a list").iter().map(|error| &error["line"]).collect();
    assert_eq!(lines, [&json!(3), &json!(4)]);
    assert_eq!(
        looked["sample"][0],
        json!({"line": 2, "number": "+4930100", "variables": {"caller.name": "Maria"}})
    );
    assert_eq!(plane.get(&path).await["data"], json!([]));
    assert_eq!(imported(&plane, &path, file).await.json()["taken"], 1);
    let again = imported(&plane, &path, file).await.json();
    assert_eq!((&again["taken"], &again["refused"]), (&json!(0), &json!(3)));
    let listed = plane.get(&path).await;
    assert_eq!(
        (&listed["data"][0]["number"], &listed["data"][0]["state"]),
        (&json!("+4930100"), &json!("waiting"))
    );
    imported(&plane, &path, "name\nMaria\n").await.is_problem(422, "CSV_INVALID");
    let audit = plane.get("/v1/audit").await.to_string();
    assert!(audit.contains("campaign.import") && !audit.contains("4930100"), "{audit}");
}

#[tokio::test]
async fn what_is_wrong_with_a_campaign_is_named_and_changes_need_the_revision() {
    let plane = Plane::new().await;
    for (field, value, status, code) in [
        ("trunk", json!("other"), 422, "REFERENCE_UNKNOWN"),
        ("agent", json!("nobody"), 422, "REFERENCE_UNKNOWN"),
        ("title", json!(""), 422, "BODY_INVALID"),
        ("concurrency", json!(0), 422, "BODY_INVALID"),
        ("per_minute", json!(601), 422, "BODY_INVALID"),
        ("retry", json!({"attempts": 11}), 422, "BODY_INVALID"),
        ("retry", json!({"outcomes": ["completed"]}), 422, "BODY_INVALID"),
        ("schedule", json!({"time_zone": "Mars/Phobos"}), 422, "BODY_INVALID"),
        ("machine_detection", json!({"mode": "on", "at_machine": "leave_message"}), 422, "BODY_INVALID"),
    ] {
        let mut body = wanted();
        body[field] = value;
        plane.post("/v1/campaigns", body).await.is_problem(status, code);
    }
    let id = made(&plane, wanted()).await;
    let path = format!("/v1/campaigns/{id}");
    plane.send(ask(Method::POST, &format!("{path}/start"))).await.is_problem(409, "CAMPAIGN_STATE");
    let change =
        |tag: &str| ask(Method::PATCH, &path).json(&json!({"per_minute": 60})).header("if-match", tag);
    assert_eq!(plane.send(change("\"1\"")).await.json()["per_minute"], 60);
    let refused = plane.send(change("\"1\"")).await;
    let said: Value = serde_json::from_str(&refused.text).expect("JSON");
    assert_eq!(said["current"]["revision"], 2);
    refused.is_problem(412, "PRECONDITION_FAILED");
}

async fn contact(plane: &Plane, id: &str, number: &str) -> Value {
    let all = plane.get(&format!("/v1/campaigns/{id}/contacts")).await;
    let found = all["data"].as_array().expect("a list").iter().find(|one| one["number"] == number);
    found.cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_contact_is_changed_or_removed_by_itself_unless_it_is_being_called() {
    let plane = Plane::new().await;
    let id = with_contacts(&plane, wanted()).await;
    let at = |contact: &Value| format!("/v1/campaigns/{id}/contacts/{}", text(&contact["id"]));
    let (maria, jo) = (contact(&plane, &id, "+4930100").await, contact(&plane, &id, "+4930101").await);
    let changed =
        json!({"number": "+49 (30) 199", "variables": {"caller.name": "Maria Lopez", "due": "Friday"}});
    let changed = plane.patch(&at(&maria), changed).await.json();
    assert_eq!(
        (&changed["number"], &changed["variables"], &changed["state"]),
        (&json!("+4930199"), &json!({"caller.name": "Maria Lopez", "due": "Friday"}), &json!("waiting")),
    );
    // What is left out stays.
    let again = plane.patch(&at(&maria), json!({"number": "+4930100"})).await.json();
    assert_eq!(again["variables"]["due"], "Friday");
    for (wanted, pointer, code) in [
        (json!({"number": "+4930101"}), "/number", "taken"),
        (json!({"number": "sip:a@b"}), "/number", "invalid"),
        (json!({"variables": {"a b": "x"}}), "/variables", "invalid"),
        (json!({"variables": {"due": "x".repeat(101)}}), "/variables", "too_long"),
    ] {
        let refused = plane.patch(&at(&maria), wanted).await.is_problem(422, "BODY_INVALID");
        assert_eq!(
            (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
            (&json!(pointer), &json!(code))
        );
    }
    plane.delete(&at(&jo)).await;
    assert_eq!(contact(&plane, &id, "+4930101").await, Value::Null);
    plane.patch(&at(&jo), json!({"number": "+1"})).await.is_problem(404, "NOT_FOUND");
    let tasks = started(&plane);
    go(&plane, &id, "start").await;
    let call = taken(&plane).await;
    let other = taken(&plane).await;
    let (call, other) = if call.set.number.0 == "+4930100" { (call, other) } else { (other, call) };
    assert_eq!(call.set.variables["caller.name"].0, "Maria Lopez");
    plane.patch(&at(&maria), json!({"number": "+1"})).await.is_problem(409, "CONTACT_BUSY");
    plane.send(ask(Method::DELETE, &at(&maria))).await.is_problem(409, "CONTACT_BUSY");
    ends(&plane, &call, "completed").await;
    ends(&plane, &other, "completed").await;
    until(&plane, "select state from app.campaigns", "completed").await;
    tasks.shutdown().await;
    // What came of it stays as it is, and may be forgotten.
    plane.patch(&at(&maria), json!({"number": "+1"})).await.is_problem(409, "CAMPAIGN_STATE");
    assert_eq!(plane.send(ask(Method::DELETE, &at(&maria))).await.status.as_u16(), 204);
    let campaign = plane.get(&format!("/v1/campaigns/{id}")).await;
    assert_eq!(campaign["progress"]["contacts"], 1);
    let audit = plane.get("/v1/audit").await.to_string();
    assert!(audit.contains("campaign.contact_change") && audit.contains("campaign.contact_remove"));
    assert!(!audit.contains("Maria Lopez"), "who they are stands in the contact alone");
}
