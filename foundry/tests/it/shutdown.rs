//! SIGTERM: nobody new is let in, who talks may finish.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use testkit::{http, process};

use crate::calling::{self, line};
use crate::house;

#[test]
fn a_call_that_runs_is_finished_and_no_other_begins() {
    let _quiet = house::among_others();
    let mut server = house::timed("", &[]);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let script = [line("desk_hours.wav"), line("desk_bye.wav")];
    let mut caller = calling::command(&server, "webrtc", &script, &folder.path().join("reply.wav"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program was built with these tests");
    process::wait_for("a call", Duration::from_secs(30), || {
        (server.get("/readyz").json()["calls_active"] == 1).then_some(())
    });

    server.terminate();
    let draining = || server.get("/readyz").status == 503;
    process::wait_for("draining", Duration::from_secs(10), || draining().then_some(()));
    let refused = server.post("/start", &json!({"transport": "websocket", "body": {"agent": "front-desk"}}));
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (503, Some("SERVER_DRAINING")),
        "{}",
        refused.text()
    );
    assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);

    let call = process::ended(&mut caller, Duration::from_secs(60)).expect("the call ends by itself");
    assert!(call.success(), "the call that ran was cut off");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut caller.stdout.take().expect("piped"), &mut said).expect("text");
    assert_eq!(said.lines().filter(|line| line.contains("\"answered\":true")).count(), 3, "{said}");
    let ended = server.ended(Duration::from_secs(30)).expect("the server ends once its last call has");
    assert!(ended.success(), "{ended}: {}", server.log());
    assert!(http::request(server.url(), "GET", "/healthz", &[], b"").is_err(), "somebody still answers");
    assert!(!server.log().contains("ended early"), "{}", server.log());
}

#[test]
fn calls_past_the_deadline_are_ended_with_a_goodbye() {
    let _quiet = house::among_others();
    let mut server = house::timed("[server]\ndrain_seconds = 1\n", &[]);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let script: Vec<_> = (0..20).map(|_| line("desk_address.wav")).collect();
    let mut caller = calling::command(&server, "websocket", &script, &folder.path().join("reply.wav"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program was built with these tests");
    process::wait_for("a call", Duration::from_secs(30), || {
        (server.get("/readyz").json()["calls_active"] == 1).then_some(())
    });
    server.terminate();
    let ended = server.ended(Duration::from_secs(40)).expect("the deadline holds");
    assert!(ended.success(), "{ended}");
    assert!(process::ended(&mut caller, Duration::from_secs(40)).is_some(), "the caller was told nothing");
}

#[test]
fn an_idle_server_ends_at_once_on_ctrl_c() {
    let _quiet = house::among_others();
    let mut server = house::timed("", &[]);
    process::signal(server.pid(), "INT");
    assert!(server.ended(Duration::from_secs(10)).is_some_and(|status| status.success()), "{}", server.log());
}
