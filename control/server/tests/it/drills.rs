//! Fault drills: where they may be put, that they end, and what a report makes of the calls on record.

use control_store::pricing::Usage;
use domain::{DrillId, EndReason, EnvironmentId, Failure, Retry, SessionEvent, TurnId};
use serde_json::{Value, json};

use crate::fake::ask;
use crate::plane::{Plane, text};
use crate::record::{Record, asked, begun};

fn drill(environment: &str) -> Value {
    json!({"environment": environment, "kind": "tts", "fault": "hang", "moment": "mid_sentence", "share": 0.2, "minutes": 5})
}

#[tokio::test]
async fn a_drill_is_started_where_nobody_is_served_once_and_ends_when_it_is_stopped() {
    let plane = Plane::new().await;
    let made = plane.post("/v1/drills", drill("staging")).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let made = made.json();
    assert_eq!(
        (&made["running"], &made["share"], &made["started_by"]),
        (&json!(true), &json!(0.2), &json!("key:test"))
    );
    assert_eq!(made["ends_at"], "2027-01-15T08:05:00Z", "five minutes after the present of this world");
    plane.post("/v1/drills", drill("staging")).await.is_problem(409, "CONFLICT");
    assert_eq!(
        plane.post("/v1/drills", drill("dev")).await.status.as_u16(),
        201,
        "elsewhere another may run"
    );

    let stop = format!("/v1/drills/{}/stop", text(&made["id"]));
    let over = plane.post(&stop, json!({})).await.json();
    assert_eq!((&over["running"], &over["stopped_at"]), (&json!(false), &json!("2027-01-15T08:00:00Z")));
    let again = plane.post(&stop, json!({})).await.json();
    assert_eq!(again, over, "one that is over stays as it ended");
    assert_eq!(plane.post("/v1/drills", drill("staging")).await.status.as_u16(), 201);
    let states: Vec<Value> = plane.get("/v1/drills").await["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|drill| drill["running"].clone())
        .collect();
    assert_eq!(states.iter().filter(|running| **running == json!(true)).count(), 2);
    let actions = plane.get("/v1/audit").await.to_string();
    assert!(actions.contains("drill.start") && actions.contains("drill.stop"), "{actions}");
}

#[tokio::test]
async fn nobodys_callers_are_struck_and_what_is_wrong_with_a_drill_is_named() {
    let plane = Plane::new().await;
    let refused = [
        (drill("prod"), "/environment"),
        (json!({"environment": "dev", "kind": "stt", "fault": "hang", "share": 0}), "/share"),
        (json!({"environment": "dev", "kind": "stt", "fault": "hang", "share": 1.5}), "/share"),
        (json!({"environment": "dev", "kind": "stt", "fault": "hang", "minutes": 0}), "/minutes"),
        (json!({"environment": "dev", "kind": "stt", "fault": "hang", "minutes": 500}), "/minutes"),
        (json!({"environment": "dev", "kind": "stt", "fault": "hang", "provider": "A b"}), "/provider"),
    ];
    for (body, pointer) in refused {
        let reply = plane.post("/v1/drills", body.clone()).await;
        let problem = reply.is_problem(422, "BODY_INVALID");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {}", reply.text);
    }
    plane.post("/v1/drills", drill("nowhere")).await.is_problem(422, "REFERENCE_UNKNOWN");
    let (_, theirs) = plane.other("other").await;
    let made = plane.post("/v1/drills", drill("dev")).await.json();
    let report = format!("/v1/drills/{}/report", text(&made["id"]));
    crate::fake::get(&report).key(&theirs).of(&plane.router).await.is_problem(404, "NOT_FOUND");
    let prod = ask(axum::http::Method::POST, "/v1/drills").json(&drill("prod")).operator();
    prod.of(&plane.router).await.is_problem(422, "BODY_INVALID");
}

fn failed(record: Record, at_ms: u64, turn: u32, code: &'static str) -> Record {
    let Failure { source, code, .. } = Failure::provider(code, Retry::Now);
    let event = SessionEvent::Failed {
        turn: Some(TurnId(turn)),
        source,
        code: code.0.to_owned(),
        message: String::new(),
    };
    record.event(at_ms, event)
}

#[tokio::test]
async fn a_report_tells_what_callers_waited_who_answered_and_what_was_lost() {
    let plane = Plane::new().await;
    let made = plane.post("/v1/drills", drill("staging")).await.json();
    let id: DrillId = text(&made["id"]).parse().expect("an id");
    let environments = plane.get("/v1/environments").await;
    let staging =
        environments["data"].as_array().expect("a list").iter().find(|one| one["name"] == "staging");
    let staging: EnvironmentId =
        text(&staging.expect("made with the organization")["id"]).parse().expect("an id");
    let within = |seconds_ago, drill: Option<DrillId>| {
        let mut record = begun(plane.org, seconds_ago);
        (record.opened.environment, record.opened.drill) = (Some(staging), drill);
        record
    };
    let usual = within(600, None).answered(1_000, 1, 500).agent(1_600, 1, "we open at nine");
    let one = within(60, Some(id)).answered(1_000, 1, 900).agent(2_000, 1, "we open at nine");
    let one = one.answered(5_000, 2, 1_300);
    let saying = SessionEvent::AgentSaying { turn: TurnId(2), text: "it costs two euros".to_owned() };
    let turn = SessionEvent::AgentTurn { turn: TurnId(2), text: "it costs".to_owned(), interrupted: false };
    let one = one.event(5_500, saying).event(6_000, turn).ended(9_000, EndReason::CallerLeft);
    let two = failed(within(50, Some(id)).answered(1_000, 1, 700), 1_500, 1, "LLM_CLOSED");
    let two = two.agent(1_600, 1, "Sorry.").agent(3_000, 2, "I'm sorry. I'm sorry.");
    let two = two.ended(4_000, EndReason::ProviderFailed);
    let elsewhere = begun(plane.org, 40).answered(1_000, 1, 9_000);
    let request = |session: &Record, provider: &str, outcome| {
        let mut request = asked(plane.org, 30, provider, Usage::default());
        (request.session, request.provider, request.outcome) =
            (Some(session.id()), provider.to_owned(), outcome);
        request.ability = "tts".to_owned();
        request
    };
    use control_store::Outcome::{Cancelled, Completed, Failed};
    let requests = [
        request(&one, "voices", Failed),
        request(&one, "built-in", Completed),
        request(&one, "built-in", Completed),
        request(&two, "voices", Cancelled),
        request(&usual, "voices", Completed),
    ];
    plane.record(&[usual, one, two, elsewhere]).await;
    plane.record_requests(&requests).await;

    let report = plane.get(&format!("/v1/drills/{id}/report")).await;
    let counts =
        ["calls", "calls_ended", "calls_lost", "turns", "last_resorts", "words_lost", "words_doubled"];
    let counts: Vec<i64> = counts.iter().map(|name| report[*name].as_i64().expect("a number")).collect();
    assert_eq!(counts, [2, 2, 1, 4, 2, 2, 0], "{report}");
    assert_eq!(report["waits"], json!({"turns": 3, "p50_ms": 900.0, "p95_ms": 1_260.0, "max_ms": 1_300.0}));
    assert_eq!(report["usual_waits"]["p50_ms"], 500.0, "of this environment, and of no drill");
    assert_eq!(report["added"], json!({"p50_ms": 400.0, "p95_ms": 760.0, "max_ms": 800.0}));
    let answered = json!([
        {"kind": "tts", "provider": "built-in", "completed": 2, "failed": 0, "cancelled": 0},
        {"kind": "tts", "provider": "voices", "completed": 0, "failed": 1, "cancelled": 1},
    ]);
    assert_eq!(report["answered"], answered);

    // What drills do to calls is no part of what calls usually take.
    let latency = plane.get("/v1/latency?window=1h").await;
    assert_eq!(latency["stages"]["response"]["count"], 2, "{latency}");
}
