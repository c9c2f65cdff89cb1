//! An agent is dispatched into a LiveKit room, and talks there with LiveKit's own client.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::livekit::{self, KEY, LiveKit, SECRET};
use testkit::words::error_rate;
use testkit::{Server, process};

use crate::browser::{Story, tell};
use crate::newcomer::mentions_saturday_hours;
use crate::{ears, house};

/// With which a server's agents come into these rooms.
pub(crate) fn settings(rooms: &LiveKit) -> String {
    format!("[livekit]\nurl = \"{}\"\napi_key = \"{KEY}\"\napi_secret = \"{SECRET}\"\n", rooms.url())
}

/// Waits until LiveKit knows that the server has the agent.
pub(crate) fn registered(server: &Server) {
    process::wait_for("a worker that is registered", Duration::from_secs(30), || {
        server.log().contains("registered with LiveKit agent=\"front-desk\"").then_some(())
    });
}

/// What a web app is given for somebody who wants to talk to the agent.
pub(crate) fn admission(server: &Server) -> Value {
    let bearer = format!("Bearer {}", server.token());
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let wanted = json!({ "agent": "front-desk", "metadata": "vip" }).to_string();
    let given =
        testkit::http::request(server.url(), "POST", "/v1/livekit/token", &headers, wanted.as_bytes());
    let given = given.expect("the server answers");
    assert_eq!(given.status, 200, "{given:?}");
    given.json()
}

/// A server with the embedded models, once rooms are offered to it.
pub(crate) fn speaking(config: &Path) -> Server {
    let config = config.to_str().expect("a plain path");
    let server = Server::start(house::PROGRAM, &["--providers", "local", "--config", config]);
    registered(&server);
    // LiveKit offers no room to a server that is as busy as one that renders.
    process::wait_for("greetings that are rendered", Duration::from_secs(120), || {
        server.log().contains("greetings are rendered ahead").then_some(())
    });
    server
}

/// A page that enters a room with the agent and asks about opening hours.
pub(crate) fn joins(script: &str, server: &Server) -> Story {
    let given = admission(server);
    let speech = testkit::speech("desk_hours.wav");
    let given = |name: &str| given[name].as_str().expect("it is given");
    let arguments = [
        ("--room", given("url")),
        ("--token", given("token")),
        ("--speech", speech.to_str().expect("a plain path")),
    ];
    tell(script, server, &arguments)
}

fn caller(url: &str, token: &str) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/livekit/caller.py");
    let wav = testkit::speech("desk_hours.wav");
    let wav = wav.to_str().expect("a plain path");
    let mut python = livekit::python(&script, &[url, token, wav, "What are your opening hours?"]);
    let ran = process::run(&mut python, Duration::from_secs(150));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("the script prints JSON")
}

fn texts(seen: &Value, caller: bool, last: bool) -> Vec<&Value> {
    let list = seen["texts"].as_array().expect("a list").iter();
    list.filter(|text| (text["who"] == seen["identity"]) == caller)
        .filter(|text| (text["attributes"]["lk.transcription_final"] == "true") == last)
        .collect()
}

#[test]
fn an_agent_is_dispatched_into_a_room_where_it_greets_answers_follows_the_caller_and_leaves() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let server = house::timed(&settings(&rooms), &[]);
    registered(&server);
    let given = admission(&server);
    let (url, token) = (given["url"].as_str(), given["token"].as_str());
    let seen = caller(url.expect("a URL"), token.expect("a token"));

    let agent = &seen["agent"];
    assert_eq!(
        (&agent["kind"], &agent["track"], &agent["source"]),
        (&json!(4), &json!("roomio_audio"), &json!(2))
    );
    assert_eq!(agent["attributes"]["lk.agent.name"], "front-desk", "{agent}");
    let states: Vec<_> =
        seen["states"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    for state in ["speaking", "listening"] {
        assert!(states.contains(&state), "{states:?}");
    }

    let heard = texts(&seen, true, true);
    assert!(heard.iter().any(|text| text["text"] == "What are your opening hours?"), "{seen}");
    let tracks = seen["tracks"].as_array().expect("a list");
    let last = heard.iter().find(|text| text["text"] == "Thank you, goodbye.").expect("the other microphone");
    assert_eq!(last["attributes"]["lk.transcribed_track_id"], tracks[1], "{seen}");
    for text in &heard {
        assert!(tracks.contains(&text["attributes"]["lk.transcribed_track_id"]), "{text}");
        assert!(
            text["attributes"]["lk.segment_id"].as_str().is_some_and(|id| id.starts_with("SG_")),
            "{text}"
        );
    }
    let replies =
        seen["texts"].as_array().expect("a list").iter().filter(|text| text["who"] != seen["identity"]);
    assert!(replies.clone().count() >= 3, "the greeting and two answers: {seen}");
    assert!(replies.clone().all(|text| text["text"].as_str().is_some_and(|text| text.len() > 5)), "{seen}");
    let older = seen["older"].as_array().expect("a list");
    assert!(
        older.iter().any(|segment| segment["who"] == seen["identity"] && segment["final"] == true),
        "{seen}"
    );
    assert!(
        older.iter().any(|segment| segment["who"] != seen["identity"] && segment["final"] == true),
        "{seen}"
    );

    let call = process::wait_for("the call on record", Duration::from_secs(15), || {
        let listed: Value = server.read("/v1/sessions").json();
        let call = listed["data"].as_array()?.first()?.clone();
        (call["transport"] == "livekit" && call["running"] == false).then_some(call)
    });
    assert_eq!(
        (&call["agent"], &call["end_reason"]),
        (&json!("front-desk"), &json!("agent_ended")),
        "{call}"
    );
    assert!(call["turns"].as_u64() >= Some(3), "{call}");
    let events = server.read(&format!("/v1/sessions/{}/events", call["id"].as_str().expect("an id")));
    assert!(String::from_utf8_lossy(&events.body).contains("\"pressed\""), "the key was heard");
    let log = server.log();
    assert!(
        !log.contains(SECRET) && !log.contains(token.expect("a token")),
        "no key and no token is in the log"
    );
}

/// The browser's own WebRTC and LiveKit's own code on the one side, the embedded models on the other.
#[test]
fn a_page_with_the_published_client_talks_to_an_agent_hears_it_and_reads_what_is_said() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("foundry.toml");
    std::fs::write(&config, settings(&rooms)).expect("writable");
    let server = speaking(&config);
    let story = joins("livekit.mjs", &server);
    let report = &story.report;

    let agent = &report["agents"][0];
    assert_eq!(
        (&agent["isAgent"], &agent["attributes"]["lk.agent.name"]),
        (&json!(true), &json!("front-desk"))
    );
    assert_eq!(
        report["tracks"],
        json!([{ "kind": "audio", "name": "roomio_audio", "source": "microphone" }])
    );
    let states: Vec<_> =
        report["states"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for state in ["speaking", "listening", "thinking"] {
        assert!(states.contains(&state), "never {state}: {states:?}");
    }
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let finals: Vec<String> = list("texts")
        .iter()
        .filter(|text| text["identity"] == report["identity"])
        .filter(|text| text["attributes"]["lk.transcription_final"] == "true")
        .filter_map(|text| text["text"].as_str().map(str::to_owned))
        .collect();
    let rate = error_rate(&testkit::transcript("desk_hours.wav"), &finals.join(" "));
    assert!(rate <= 0.35, "understood {finals:?}");
    let agents: Vec<Value> =
        list("texts").into_iter().filter(|text| text["identity"] == agent["identity"]).collect();
    assert!(agents.len() >= 3, "the greeting and two answers: {report}");
    assert!(agents.iter().all(|text| text["attributes"]["lk.segment_id"].is_string()), "{report}");
    assert!(list("older").iter().any(|segment| segment["final"] == true), "{report}");
    let heard = ears::words(&story.file("reply.wav"));
    assert!(mentions_saturday_hours(&heard), "played: {heard}");
}

/// As `foundry call` is run, with `more` arguments and this environment.
fn calls(rooms: &LiveKit, more: &[&str], environment: &[(&str, &str)]) -> process::Ran {
    let mut command = Command::new(house::PROGRAM);
    command
        .args(["call", "--livekit", &rooms.url(), "--json", "--wav"])
        .arg(testkit::speech("desk_hours.wav"));
    command.args(more).envs(environment.iter().copied());
    process::run(&mut command, Duration::from_secs(120))
}

fn turns(ran: &process::Ran) -> Vec<Value> {
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

#[test]
fn foundry_call_talks_to_an_agent_in_a_room_with_keys_of_its_own_or_through_a_server() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let server = house::timed(&settings(&rooms), &[]);
    registered(&server);
    let keys = [("LIVEKIT_API_KEY", KEY), ("LIVEKIT_API_SECRET", SECRET)];
    let token = server.token();
    let by_server = ["--url", server.url()];
    for ran in [
        calls(&rooms, &["--room", "desk"], &keys),
        calls(&rooms, &by_server, &[("FOUNDRY_TOKEN", token.as_str())]),
    ] {
        let turns = turns(&ran);
        assert_eq!(turns.len(), 2, "the greeting and an answer: {}", ran.stdout);
        assert_eq!((&turns[0]["answered"], &turns[1]["answered"]), (&json!(true), &json!(true)));
        assert_eq!(turns[1]["user_text"], "What are your opening hours?");
        for turn in &turns {
            assert!(turn["agent_text"].as_str().is_some_and(|text| text.len() > 5), "{turn}");
        }
    }
    process::wait_for("both calls' end", Duration::from_secs(15), || {
        let listed: Value = server.read("/v1/sessions").json();
        let calls = listed["data"].as_array()?;
        let left = |call: &Value| call["transport"] == "livekit" && call["end_reason"] == "caller_left";
        (calls.len() == 2 && calls.iter().all(left)).then_some(())
    });

    let ran = calls(&rooms, &["--agent", "nobody-we-know"], &keys);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stderr.contains("LIVEKIT_NO_AGENT"), "{}", ran.stderr);
    let wrong =
        [("LIVEKIT_API_KEY", KEY), ("LIVEKIT_API_SECRET", "another secret, which is long enough too")];
    let ran = calls(&rooms, &[], &wrong);
    assert!(ran.stderr.contains("LIVEKIT_REFUSED"), "{}", ran.stderr);
}

/// In the events of a call: its first turn came to the node.
pub(crate) const AT_BOOKING: &str = r#""kind":"node","turn":0,"text":"booking""#;

#[test]
fn a_room_reaches_whom_its_route_names_and_begins_there() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let server = house::timed(&settings(&rooms), &[]);
    registered(&server);
    let agent = server.read("/v1/agents/front-desk").json()["id"].clone();
    let environments: Value = server.read("/v1/environments").json();
    let prod = environments["data"].as_array().expect("a list").iter().find(|one| one["name"] == "prod");
    let environment = prod.expect("prod is there")["id"].clone();
    let route = json!({"room": "vip-*", "agent_id": agent, "environment_id": environment, "node": "booking"});
    assert_eq!(crate::agents::with(&server, &server.token(), "POST", "/v1/routes", &route).status, 201);
    process::wait_for("a worker for rooms that routes lead", Duration::from_secs(30), || {
        server.log().contains("registered with LiveKit agent=\"@routes\"").then_some(())
    });
    let keys = [("LIVEKIT_API_KEY", KEY), ("LIVEKIT_API_SECRET", SECRET)];
    for (room, agent, begins) in
        [("vip-1", "front-desk", true), ("vip-2", "@routes", true), ("lobby", "front-desk", false)]
    {
        let ran = calls(&rooms, &["--room", room, "--agent", agent], &keys);
        assert_eq!(turns(&ran).len(), 2, "the greeting and an answer: {}", ran.stdout);
        let events = process::wait_for("the call on record", Duration::from_secs(15), || {
            let listed: Value = server.read("/v1/sessions").json();
            let call = listed["data"].as_array()?.first()?.clone();
            let events = server.read(&format!("/v1/sessions/{}/events", call["id"].as_str()?));
            (call["running"] == false).then(|| String::from_utf8_lossy(&events.body).into_owned())
        });
        assert_eq!(events.contains(AT_BOOKING), begins, "{room}: {events}");
    }
    let ran = calls(&rooms, &["--room", "lobby-2", "--agent", "@routes"], &keys);
    assert!(ran.stderr.contains("LIVEKIT_NO_AGENT"), "no route leads that room: {}", ran.stderr);
}
