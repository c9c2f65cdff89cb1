//! Work that no request asks for, against a real database.

use std::time::Duration;

use control_api::recording::Name;
use control_server::jobs;
use control_store::Outcome;
use control_store::pricing::Usage;
use domain::{Encoding, EndReason, Role};
use runtime::Tasks;
use serde_json::{Value, json};

use crate::fake::{ask, get};
use crate::plane::Plane;
use crate::record::{SERVER, asked, begun};

/// What a job has to do is done by then; a test that fails waits so long.
const WITHIN: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(20);

fn start(plane: &Plane, tasks: &Tasks) {
    jobs::start(&plane.db, SERVER, plane.world.clone(), plane.world.clone(), plane.world.clone(), tasks);
}

/// Waits until the statement says so.
pub(crate) async fn until(plane: &Plane, statement: &str, wanted: &str) {
    let look = async {
        while plane.sql(statement).await != wanted {
            tokio::time::sleep(AGAIN).await;
        }
    };
    let in_time = tokio::time::timeout(WITHIN, look).await.is_ok();
    assert!(in_time, "{statement} never said {wanted}");
}

#[tokio::test]
async fn an_ended_call_is_summed_up_by_itself_and_a_running_one_is_not() {
    let plane = Plane::new().await;
    let booked = begun(plane.org, 600)
        .caller(3000, 1, "I would like a haircut")
        .noted(3060, "appointment", json!({"service": "a haircut"}))
        .ended(9000, EndReason::AgentEnded);
    let running = begun(plane.org, 60).caller(10, 1, "Hello?");
    plane.record(&[running.clone(), booked.clone()]).await;
    let tasks = Tasks::new();
    start(&plane, &tasks);
    until(&plane, "select count(*) from app.sessions where summary is not null", "1").await;
    tasks.shutdown().await;
    let call = plane.get(&format!("/v1/sessions/{}", booked.id())).await;
    assert_eq!(
        (&call["outcome"], &call["fields"]["appointment"]["service"]),
        (&json!("appointment"), &json!("a haircut"))
    );
    assert!(
        call["summary"].as_str().is_some_and(|summary| summary.contains("I would like a haircut")),
        "{call}"
    );
    assert_eq!(plane.get("/v1/sessions?outcome=appointment").await["data"][0]["id"], call["id"]);
    let running = plane.get(&format!("/v1/sessions/{}", running.id())).await;
    assert_eq!((&running["outcome"], &running["summary"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn one_call_that_cannot_be_read_does_not_keep_the_others_from_being_summed_up() {
    let plane = Plane::new().await;
    let newer = begun(plane.org, 600).ended(10, EndReason::CallerLeft);
    let after = begun(plane.org, 500).caller(5, 1, "Hello?").ended(10, EndReason::CallerLeft);
    plane.record(&[newer.clone(), after.clone()]).await;
    // As a newer server writes what this one does not know.
    let id = newer.id().as_uuid();
    plane.sql(&format!("update app.session_events set event = '{{\"type\": \"unheard_of\"}}' where session_id = '{id}' and sequence = 0")).await;
    let tasks = Tasks::new();
    start(&plane, &tasks);
    let done = format!("select outcome from app.sessions where id = '{}'", after.id().as_uuid());
    until(&plane, &done, "answered").await;
    tasks.shutdown().await;
}

#[tokio::test]
async fn recordings_are_removed_when_their_organization_keeps_them_no_longer() {
    let plane = Plane::new().await;
    let (other, theirs) = plane.other("other").await;
    let calls =
        [plane.org, plane.org, other].map(|org| begun(org, 60).recorded().ended(900, EndReason::CallerLeft));
    plane.record(&calls).await;
    let [old, young, kept] = calls.map(|call| call.id());
    // The files of another server lie elsewhere: it removes them itself.
    let elsewhere = begun(plane.org, 60).recorded().ended(900, EndReason::CallerLeft);
    plane.record(std::slice::from_ref(&elsewhere)).await;
    let id = elsewhere.id().as_uuid();
    plane.sql(&format!("update app.sessions set server_id = id where id = '{id}'")).await;
    for id in [old, young, kept] {
        let file = (Name::new(Role::Caller, 1, Encoding::Opus), b"0123".to_vec());
        plane.world.recordings.lock().expect("no panic").insert(id, vec![file]);
    }
    plane.sql("update app.sessions set started_at = now() - interval '3 days'").await;
    plane.sql(&format!("update app.sessions set started_at = now() where id = '{}'", young.as_uuid())).await;
    plane.sql("update app.orgs set recordings_keep_days = 2 where name <> 'other'").await;
    let tasks = Tasks::new();
    start(&plane, &tasks);
    until(&plane, "select count(*) from app.sessions where recorded", "3").await;
    tasks.shutdown().await;
    let left: Vec<_> = plane.world.recordings.lock().expect("no panic").keys().copied().collect();
    assert_eq!(left.len(), 2);
    assert!(!left.contains(&old), "the other organization keeps all of its own");
    assert_eq!(plane.get(&format!("/v1/sessions/{old}")).await["recorded"], false);
    assert_eq!(plane.get(&format!("/v1/sessions/{old}/recordings")).await["data"], json!([]));
    assert_eq!(plane.get(&format!("/v1/sessions/{young}")).await["recorded"], true);
    let theirs = get(&format!("/v1/sessions/{kept}/recordings/caller-1.ogg")).key(&theirs);
    assert_eq!(theirs.of(&plane.router).await.text, "0123");
}

#[tokio::test]
async fn calls_go_with_all_that_was_said_when_their_organization_keeps_them_no_longer_and_measures_stay() {
    let plane = Plane::new().await;
    let (other, _) = plane.other("other").await;
    let said =
        |org| begun(org, 60).caller(10, 1, "Hello?").answered(20, 1, 400).ended(900, EndReason::CallerLeft);
    let calls = [said(plane.org).recorded(), said(plane.org), said(plane.org), said(other)];
    // Under way for days, and on another server's disk.
    let (running, elsewhere) = (begun(plane.org, 60).caller(10, 1, "Hello?"), said(plane.org).recorded());
    plane.record(&calls).await;
    plane.record(&[running.clone(), elsewhere.clone()]).await;
    let [old, unrecorded, young, theirs] = calls.map(|call| call.id());
    let file = (Name::new(Role::Caller, 1, Encoding::Opus), b"0123".to_vec());
    plane.world.recordings.lock().expect("no panic").insert(old, vec![file]);
    plane
        .sql(&format!("update app.sessions set server_id = id where id = '{}'", elsewhere.id().as_uuid()))
        .await;
    plane.sql("update app.sessions set started_at = now() - interval '8 days'").await;
    plane.sql(&format!("update app.sessions set started_at = now() where id = '{}'", young.as_uuid())).await;
    let path = format!("/v1/organizations/{}", plane.org);
    let changed = plane.patch(&path, json!({"calls_keep_days": 7})).await.json();
    assert_eq!((&changed["calls_keep_days"], &changed["recordings_keep_days"]), (&json!(7), &Value::Null));
    plane.patch(&path, json!({"calls_keep_days": 0})).await.is_problem(422, "BODY_INVALID");
    let measured = "select sum(count) from app.latency_hist_hour where stage = 'response'";
    let before = plane.sql(measured).await;
    let tasks = Tasks::new();
    start(&plane, &tasks);
    let gone =
        |id: domain::SessionId| format!("select count(*) from app.sessions where id = '{}'", id.as_uuid());
    until(&plane, &gone(unrecorded), "0").await;
    until(&plane, &gone(old), "0").await;
    tasks.shutdown().await;
    assert!(plane.world.recordings.lock().expect("no panic").is_empty(), "the files went with it");
    for id in [young, theirs, running.id(), elsewhere.id()] {
        assert_eq!(plane.sql(&gone(id)).await, "1");
    }
    let events = "select count(distinct session_id) from app.session_events";
    assert_eq!((plane.sql(events).await.as_str(), plane.sql(measured).await), ("4", before));
    plane.send(get(&format!("/v1/sessions/{old}"))).await.is_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn answers_to_repeated_requests_are_forgotten_after_a_day() {
    let plane = Plane::new().await;
    for (name, key) in [("one", "old"), ("two", "young")] {
        let request = ask(axum::http::Method::POST, "/v1/domains").json(&json!({"name": name}));
        plane.send(request.header("idempotency-key", key)).await.json();
    }
    plane
        .sql("update app.idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'")
        .await;
    let tasks = Tasks::new();
    start(&plane, &tasks);
    until(&plane, "select string_agg(key, ',') from app.idempotency_keys", "young").await;
    tasks.shutdown().await;
}

#[tokio::test]
async fn what_was_written_to_the_outbox_is_forgotten_after_a_month_delivered_or_not() {
    let plane = Plane::new().await;
    let write = |topic: &str, delivered: &str, age: &str| {
        format!(
            "insert into app.outbox (id, org_id, topic, payload, delivered_at, created_at)
             values (gen_random_uuid(), '{}', '{topic}', '{{}}', {delivered}, now() - interval '{age}')",
            plane.org.as_uuid()
        )
    };
    plane.sql("delete from app.outbox").await;
    for (topic, delivered, age) in
        [("old", "null", "31 days"), ("told", "now()", "31 days"), ("young", "null", "29 days")]
    {
        plane.sql(&write(topic, delivered, age)).await;
    }
    let tasks = Tasks::new();
    start(&plane, &tasks);
    until(&plane, "select string_agg(topic, ',') from app.outbox", "young").await;
    tasks.shutdown().await;
}

#[tokio::test]
async fn measures_of_minutes_give_way_to_those_of_hours() {
    let plane = Plane::new().await;
    plane.record(&[begun(plane.org, 60).caller(10, 1, "Hello?").ended(900, EndReason::CallerLeft)]).await;
    let minutes = "select count(*) > 0 from app.counts_minute";
    assert_eq!(plane.sql(minutes).await, "t");
    plane.sql("update app.counts_minute set at = at - interval '400 days'").await;
    let tasks = Tasks::new();
    start(&plane, &tasks);
    until(&plane, minutes, "f").await;
    tasks.shutdown().await;
    assert_eq!(plane.sql("select count(*) > 0 from app.counts_hour").await, "t");
}

#[tokio::test]
async fn an_organization_is_told_once_of_its_budget_of_missing_prices_and_of_refused_keys() {
    let plane = Plane::new().await;
    let budget = json!({"monthly_limit_nano_usd": 1_000, "warn_percent": 50, "hard_stop": true});
    let put = ask(axum::http::Method::PUT, "/v1/budget").json(&budget).header("if-match", "\"0\"");
    plane.send(put).await.json();
    let price = json!({"vendor": "own", "model": "m*", "unit": "output_token", "price_nano_usd": 1});
    plane.post("/v1/prices", price).await.json();
    let usage = |input_tokens, output_tokens| Usage { input_tokens, output_tokens, ..Usage::default() };
    let mut requests = [
        asked(plane.org, 0, "own", usage(0, 600)),
        asked(plane.org, 0, "nobody", usage(5, 0)),
        asked(plane.org, 0, "own", usage(0, 0)),
    ];
    // The job lives in the present, not in that of the fake clock.
    requests.iter_mut().for_each(|request| request.at = jiff::Timestamp::now());
    (requests[2].outcome, requests[2].error_code) = (Outcome::Failed, Some("LLM_UNAUTHORIZED".to_owned()));
    plane.record_requests(&requests).await;
    let tasks = Tasks::new();
    jobs::start(&plane.db, SERVER, plane.world.clone(), plane.world.clone(), plane.world.clone(), &tasks);
    until(&plane, "select count(*) from app.alerts", "3").await;
    requests[0].id = domain::ProviderRequestId::generate();
    plane.record_requests(&requests[..1]).await;
    until(&plane, "select count(*) from app.alerts", "4").await;
    tasks.shutdown().await;

    let alerts = plane.get("/v1/alerts").await;
    let alerts = alerts["data"].as_array().expect("a list");
    let of = |kind: &str| {
        alerts.iter().find(|alert| alert["kind"] == kind).unwrap_or_else(|| unreachable!("{kind}"))
    };
    assert_eq!(of("budget_warning")["facts"]["spent_nano_usd"], 600);
    assert_eq!(of("budget_exceeded")["facts"]["spent_nano_usd"], 1_200);
    assert_eq!(
        of("price_unknown")["facts"],
        json!({"vendor": "nobody", "model": "m-1", "unit": "input_token"})
    );
    assert_eq!(of("provider_refused")["facts"]["provider"], "our-own");
    let told = plane
        .sql("select string_agg(topic, ' ' order by topic) from app.outbox where topic !~ 'agent'")
        .await;
    assert_eq!(told, "budget.exceeded budget.warning price.unknown provider.refused");
    let (_, theirs) = plane.other("other").await;
    let seen = get("/v1/alerts").key(&theirs).of(&plane.router).await.json();
    assert_eq!(seen["data"], json!([]));

    // A price settles its own; the others somebody puts aside.
    let price = json!({"vendor": "nobody", "model": "*", "unit": "input_token", "price_nano_usd": 1});
    plane.post("/v1/prices", price).await.json();
    let aside = format!("/v1/alerts/{}", of("budget_warning")["id"].as_str().expect("an id"));
    assert_eq!(plane.delete(&aside).await.status.as_u16(), 204);
    plane.delete(&aside).await.is_problem(404, "NOT_FOUND");
    assert_eq!(plane.get("/v1/alerts").await["data"].as_array().map(Vec::len), Some(2));
    assert!(plane.get("/v1/audit").await.to_string().contains("alert.close"));
}
