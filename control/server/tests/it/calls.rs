use std::time::Duration;

use control_server::ports::Recorded;
use domain::{EndReason, SessionEvent, SessionId, TurnId};

use crate::fake::{World, get, operated};

fn record(world: &World, words: &str) -> SessionId {
    let id = SessionId::generate();
    let events = vec![
        (
            Duration::from_millis(100),
            SessionEvent::CallerTurn { turn: TurnId(1), text: words.into(), typed: false },
        ),
        (Duration::from_millis(900), SessionEvent::Ended { reason: EndReason::AgentEnded }),
    ];
    let started_at = "2026-01-02T03:04:05Z".parse().expect("a time");
    let recorded =
        Recorded { id, agent: "front-desk".into(), transport: "webrtc".into(), started_at, events };
    world.logs.lock().expect("no panic").insert(id, recorded);
    id
}

#[tokio::test]
async fn calls_are_listed_newest_first_in_pages() {
    let world = World::new();
    let router = world.router(operated());
    let ids: Vec<_> = ["one", "two", "three"].map(|words| record(&world, words)).to_vec();
    let first = get("/v1/calls?limit=2").operator().of(&router).await.json();
    let words = |page: &serde_json::Value| -> Vec<String> {
        page["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|call| call["first_words"].as_str().expect("text").to_owned())
            .collect()
    };
    assert_eq!((words(&first), &first["has_more"]), (vec!["three".into(), "two".into()], &true.into()));
    let second =
        get(&format!("/v1/calls?limit=2&cursor={}", first["next_cursor"].as_str().expect("a cursor")))
            .operator()
            .of(&router)
            .await
            .json();
    assert_eq!(
        (words(&second), &second["has_more"], &second["next_cursor"]),
        (vec!["one".into()], &false.into(), &serde_json::Value::Null)
    );
    assert_eq!(first["data"][0]["id"], ids[2].to_string());
}

#[tokio::test]
async fn a_finished_call_is_read_once_for_the_list() {
    let world = World::new();
    let router = world.router(operated());
    record(&world, "one");
    for _ in 0..3 {
        get("/v1/calls").operator().of(&router).await.json();
    }
    assert_eq!(*world.loads.lock().expect("no panic"), 1);
}

#[tokio::test]
async fn one_broken_log_does_not_hide_the_others() {
    let world = World::new();
    let router = world.router(operated());
    let broken = record(&world, "one");
    record(&world, "two");
    *world.broken.lock().expect("no panic") = Some(broken);
    let list = get("/v1/calls").operator().of(&router).await.json();
    assert_eq!(list["data"].as_array().expect("a list").len(), 1);
    get(&format!("/v1/calls/{broken}")).operator().of(&router).await.is_problem(500, "LOG_UNREADABLE");
}

#[tokio::test]
async fn a_call_is_shown_and_its_log_downloaded() {
    let world = World::new();
    let router = world.router(operated());
    let id = record(&world, "When are you open?");
    let call = get(&format!("/v1/calls/{id}")).operator().of(&router).await.json();
    assert_eq!((&call["end_reason"], &call["duration_ms"]), (&"agent_ended".into(), &900.0.into()));
    assert_eq!(call["transcript"][0]["text"], "When are you open?");
    assert_eq!(call["events"][1]["kind"], "ended");
    let raw = get(&format!("/v1/calls/{id}/events")).operator().of(&router).await;
    assert_eq!(raw.text, "{\"a\":1}\n{\"b\":2}\n");
    assert_eq!(raw.header("content-type"), Some("application/x-ndjson"));
    assert!(raw.header("content-disposition").expect("a name").contains(&format!("{id}.jsonl")));
}

#[tokio::test]
async fn a_call_that_is_not_on_record_is_unknown() {
    let router = World::new().router(operated());
    for id in [SessionId::generate().to_string(), "nonsense".into()] {
        get(&format!("/v1/calls/{id}")).operator().of(&router).await.is_problem(404, "CALL_UNKNOWN");
        get(&format!("/v1/calls/{id}/events")).operator().of(&router).await.is_problem(404, "CALL_UNKNOWN");
    }
}

#[tokio::test]
async fn a_call_that_may_still_be_written_is_worth_another_try() {
    let world = World::new();
    let router = world.router(operated());
    let running = SessionId::generate();
    *world.running.lock().expect("no panic") = Some(running);
    for path in [format!("/v1/calls/{running}"), format!("/v1/calls/{running}/events")] {
        let problem = get(&path).operator().of(&router).await.is_problem(404, "CALL_UNFINISHED");
        assert_eq!(problem["retryable"], true);
    }
}
