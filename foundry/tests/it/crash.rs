//! A server that is killed in mid-call: what was on record stays, the caller comes back to the same conversation, and a call to which nobody
//! comes back is closed. A database that is killed and comes back: calls notice nothing, and nothing is lost or written twice.

use std::time::Duration;

use serde_json::Value;
use testkit::postgres::Cluster;
use testkit::socket::{Heard, Socket};
use testkit::{Server, process};

use crate::house;
use crate::typing::Caller;

const WITHIN: Duration = Duration::from_secs(20);
fn running(server: &Server) -> Option<Value> {
    let calls = server.read("/v1/sessions").json();
    calls["data"].as_array()?.iter().find(|call| call["running"] == true).cloned()
}

fn record(server: &Server, id: &str) -> Value {
    let reply = server.read(&format!("/v1/sessions/{id}"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn sequences(server: &Server, id: &str) -> Vec<i64> {
    let events = server.read(&format!("/v1/sessions/{id}/events?limit=1000")).json();
    events["data"].as_array().into_iter().flatten().filter_map(|event| event["sequence"].as_i64()).collect()
}

#[test]
fn a_caller_comes_back_after_a_crash_to_the_same_conversation() {
    let _quiet = house::among_others();
    let mut server = house::timed("", &[]);
    let mut caller = Caller::connect(&server, "/ws?agent=front-desk");
    let ready = caller.until("the session", |message| message.to_string().contains("resume_token"));
    let token = ready.pointer("/data/d/resume_token").and_then(Value::as_str).expect("it is told").to_owned();
    caller.answered();
    caller.say("I would like to book a haircut please");
    caller.answered();
    caller.say("on Tuesday");
    caller.answered();
    let call = process::wait_for("the call on record", WITHIN, || {
        running(&server).filter(|call| call["turns"] == 2)
    });
    let id = call["id"].as_str().expect("an id").to_owned();
    process::signal(server.pid(), "KILL");
    server.restart(house::PROGRAM, &["--providers", "fake"]).expect("started again");

    let mut caller = Caller::connect(&server, &format!("/ws?resume={token}"));
    caller.told("cut off");
    caller.until("the end of the question", |message| message["type"] == "bot-stopped-speaking");
    caller.say("at ten in the morning");
    caller.answered();
    caller.say("goodbye");
    caller.ends();
    process::wait_for("the end", WITHIN, || (record(&server, &id)["running"] == false).then_some(()));
    let record = record(&server, &id);
    assert_ne!(record["end_reason"], "interrupted", "{record}");
    let said = record["transcript"].to_string().to_lowercase();
    for words in ["book a haircut", "on tuesday", "cut off", "at ten in the morning"] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    let sequences = sequences(&server, &id);
    let expected: Vec<i64> = (0..).take(sequences.len()).collect();
    assert_eq!(sequences, expected, "events are missing or there twice");
    assert_eq!(record["turns"], 4, "{record}");
    is_told_on_one_clock(&record);
    let events = server.read(&format!("/v1/sessions/{id}/events?limit=1000")).json();
    let greeted = events["data"].as_array().into_iter().flatten().filter(|event| event["kind"] == "greeted");
    assert_eq!(greeted.count(), 1, "who is back is not greeted: {events}");

    let ways = record["connections"].as_array().expect("a list");
    let [first, second] = &ways[..] else { unreachable!("{record}") };
    assert_eq!(
        (&first["transport"], &first["after_crash"]),
        (&"websocket".into(), &false.into()),
        "{record}"
    );
    assert_eq!(
        (&second["transport"], &second["after_crash"]),
        (&"websocket".into(), &true.into()),
        "{record}"
    );
    let ms = |field: &str| second[field].as_f64().expect("a number");
    let (back, gap) = (ms("at_ms"), ms("gap_ms"));
    assert!(gap > 0.0 && back > gap, "{record}");
    let parts = server.read(&format!("/v1/sessions/{id}/recordings")).json();
    let agent = parts["data"].as_array().into_iter().flatten().filter(|part| part["leg"] == "agent");
    let agent: Vec<_> = agent
        .map(|part| (&part["part"], &part["cut_off"], part["offset_ms"].as_f64() > Some(back - gap)))
        .collect();
    assert_eq!(agent, [(&1.into(), &true.into(), false), (&2.into(), &false.into(), true)], "{parts}");
    let recorded =
        events["data"].as_array().into_iter().flatten().filter(|event| event["kind"] == "recorded");
    let recorded: Vec<_> = recorded.filter_map(|event| event["text"].as_str()).collect();
    assert!(recorded.iter().any(|text| text.starts_with("agent recorded, part 2")), "{recorded:?}");
}

/// No line of the time after a crash has a time of the time before; and what was typed has its waterfall.
fn is_told_on_one_clock(record: &Value) {
    let text = |line: &Value| line["text"].as_str().unwrap_or_default().to_lowercase();
    let lines: Vec<String> = record["transcript"].as_array().into_iter().flatten().map(text).collect();
    let at = |words: &str| lines.iter().position(|line| line.contains(words)).expect("it was said");
    assert!(at("on tuesday") < at("cut off") && at("cut off") < at("at ten in the morning"), "{lines:#?}");
    let turns: Vec<&Value> = record["turns_detail"].as_array().into_iter().flatten().collect();
    let began = turns.iter().filter_map(|turn| turn["marks"][0]["at_ms"].as_f64());
    assert!(began.is_sorted(), "turns lie one after the other: {turns:#?}");
    let typed = turns.iter().filter(|turn| turn["typed"] == true);
    let answered = typed.filter(|turn| {
        let waited = turn["latencies"]["response_ms"].as_f64();
        waited > Some(0.0) && turn["marks"][0]["mark"] == "written"
    });
    assert!(answered.count() >= 3, "{turns:#?}");
}

#[test]
fn a_call_to_which_nobody_comes_back_is_closed_as_interrupted_and_its_page_is_complete() {
    let _quiet = house::among_others();
    let mut server = house::timed("", &[]);
    let mut caller = Caller::connect(&server, "/ws?agent=front-desk");
    caller.answered();
    caller.say("What are your opening hours?");
    caller.answered();
    let call = process::wait_for("the call on record", WITHIN, || {
        running(&server).filter(|call| call["turns"] == 1)
    });
    let id = call["id"].as_str().expect("an id").to_owned();
    process::signal(server.pid(), "KILL");
    let config = server.data_dir().join("impatient.toml");
    std::fs::write(&config, "[providers]\nspeech = \"fake\"\n[session]\nreattach_s = 1\n").expect("writable");
    server.restart(house::PROGRAM, &["--config", config.to_str().expect("plain")]).expect("started again");
    let record = process::wait_for("the end of the call", WITHIN, || {
        let record = record(&server, &id);
        (record["end_reason"] == "interrupted" && record["summary"].is_string()).then_some(record)
    });
    assert_eq!((&record["outcome"], &record["turns"]), (&"failed".into(), &1.into()));
    assert!(record["transcript"].to_string().contains("opening hours"), "{record}");
    let late = Socket::open(server.url(), "/ws?resume=forged").expect("answers").expect("upgraded").receive();
    assert_eq!(late, Heard::Closed(Some(4401)));
}

#[test]
fn a_database_that_is_killed_in_mid_call_is_not_noticed_by_the_caller_and_loses_nothing() {
    let _quiet = house::among_others();
    let cluster = Cluster::start();
    let url = cluster.create(None);
    let server = house::timed("", &["--database-url", &url]);
    let mut caller = Caller::connect(&server, "/ws?agent=front-desk");
    caller.answered();
    caller.say("What are your opening hours?");
    caller.answered();
    let call = process::wait_for("the call on record", WITHIN, || running(&server));
    let id = call["id"].as_str().expect("an id").to_owned();
    cluster.kill();
    caller.say("How much is a haircut?");
    caller.answered();
    assert_eq!(server.read("/v1/sessions").status, 503);
    caller.say("goodbye");
    caller.ends();
    cluster.resume();
    let record = process::wait_for("everything that waited", Duration::from_secs(60), || {
        let reply = server.read(&format!("/v1/sessions/{id}"));
        (reply.status == 200 && reply.json()["end_reason"] == "agent_ended").then(|| reply.json())
    });
    assert_eq!(record["turns"], 3, "{record}");
    let sequences = sequences(&server, &id);
    let expected: Vec<i64> = (0..).take(sequences.len()).collect();
    assert_eq!(sequences, expected, "events are missing or there twice");
    drop(server);
}
