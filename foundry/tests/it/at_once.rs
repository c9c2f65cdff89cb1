//! What an agent says at once was rendered in its own voice and words before anybody called.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::process;

use crate::agents::with;
use crate::house;
use crate::typing::Caller;
use crate::vendors::{World, save, voices};

const WITHIN: Duration = Duration::from_secs(30);

#[test]
fn the_last_resort_is_said_in_the_agents_own_voice_and_words_though_no_voice_works_any_more() {
    let _quiet = house::quiet();
    let world = World::start();
    let server = house::timed("", &[]);
    voices(&server, &world);
    let token = server.token();
    let draft = with(&server, &token, "GET", "/v1/agents/front-desk/draft", &Value::Null).json();
    let mut definition = draft["definition"].clone();
    definition["language"] = "de".into();
    definition["voice"] = json!({"name": "anna"});
    let options = &mut definition["options"];
    options["providers"] = json!({"tts": [{"provider": "voices"}]});
    options["session"]["lines"] = json!({"apology": "Einen kleinen Augenblick bitte."});
    save(&server, "front-desk", &definition, &draft["revision"]);
    // The agent names no target; its organization does.
    let organization = with(&server, &token, "GET", "/v1/about", &Value::Null).json()["organization"].clone();
    let path = format!("/v1/organizations/{}", organization["id"].as_str().expect("an id"));
    let changed = with(&server, &token, "PATCH", &path, &json!({"latency_target_ms": 700}));
    assert_eq!(changed.json()["latency_target_ms"], 700, "{}", changed.text());
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("if-match", "*")];
    let published =
        testkit::http::request(server.url(), "POST", "/v1/agents/front-desk/publish", &headers, b"{}");
    let published = published.expect("answers");
    assert!(published.status < 300, "{}", published.text());
    // Its own apology, the request to say it again as it is shipped in its language, and a word to begin with.
    let wanted =
        ["Einen kleinen Augenblick bitte.", "das habe ich nicht verstanden", "wiederholen", "Mal sehen."];
    process::wait_for("all of it at the vendor, before any call", WITHIN, || {
        let seen: Vec<String> = world.stage.seen().iter().map(|seen| seen.body.to_string()).collect();
        wanted.iter().all(|text| seen.iter().any(|body| body.contains(text))).then_some(())
    });
    let voices = world.stage.seen().into_iter().filter(|seen| seen.what == "open");
    assert!(voices.into_iter().all(|seen| seen.body["voice"] == "anna"));

    // Gone with all its connections, those that were opened ahead too.
    drop(world);
    let mut caller = Caller::connect(&server, "/ws?agent=front-desk");
    caller.answered();
    caller.say("Where are you?");
    caller.told("einen kleinen augenblick bitte.");
    assert!(!caller.said().iter().any(|said| said.contains("technical problem")), "{:?}", caller.said());
}
