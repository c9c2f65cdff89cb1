//! An agent is dispatched into a LiveKit room, and talks there with LiveKit's own client.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::livekit::{self, KEY, LiveKit, SECRET};
use testkit::process;

use crate::house;

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
    let settings =
        format!("[livekit]\nurl = \"{}\"\napi_key = \"{KEY}\"\napi_secret = \"{SECRET}\"\n", rooms.url());
    let server = house::timed(&settings, &[]);
    process::wait_for("a worker that is registered", Duration::from_secs(30), || {
        server.log().contains("registered with LiveKit").then_some(())
    });
    let bearer = format!("Bearer {}", server.token());
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let wanted = json!({ "agent": "front-desk", "metadata": "vip" }).to_string();
    let given =
        testkit::http::request(server.url(), "POST", "/v1/livekit/token", &headers, wanted.as_bytes());
    let given = given.expect("the server answers");
    assert_eq!(given.status, 200, "{given:?}");
    let given = given.json();
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
