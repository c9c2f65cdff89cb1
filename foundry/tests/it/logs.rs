//! What the process writes of a call: which one, and nothing that was said in it.

use std::time::Duration;

use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use testkit::process;

use crate::agents::with;
use crate::calling::{self, line};
use crate::house;
use crate::typing::Caller;
use crate::vendors::{World, model, save, voices};

#[test]
fn a_call_at_debug_level_leaves_its_session_in_the_log_and_no_word_of_it() {
    let _quiet = house::among_others();
    let server = house::timed("", &["--log", "debug", "--log-format", "json"]);
    let call = calling::place(&server, "websocket", &[line("desk_hours.wav"), line("desk_bye.wav")]);
    call.assert_answered(2);
    let log = server.log();
    let ended = log.lines().find(|line| line.contains("call ended")).expect("an operator sees its end");
    assert!(ended.contains("\"name\":\"session\"") && ended.contains("\"agent\":\"front-desk\""), "{ended}");
    let agent = call.all_agent();
    let said = ["opening hours", "goodbye"].into_iter().chain(agent.split(['.', '?', ',']).map(str::trim));
    for words in said.filter(|words| words.len() > 8) {
        assert!(!log.to_lowercase().contains(&words.to_lowercase()), "{words:?} is in the log:\n{log}");
    }
}

#[test]
fn no_key_token_or_word_is_in_the_log_at_trace_level_though_a_vendor_quotes_the_key_it_refuses() {
    const KEYS: [&str; 3] = ["key-of-one-0123456789", "key-of-two-0123456789", "key-of-voices-0123456789"];
    let _quiet = house::among_others();
    let (first, second) = (World::start(), World::start());
    let server = house::timed("", &["--log", "trace,tungstenite=trace,hyper=trace", "--log-format", "json"]);
    let operator = server.token();
    model(&server, "one", &first);
    model(&server, "two", &second);
    voices(&server, &first);
    let key = with(&server, &operator, "POST", "/v1/api-keys", &json!({"name": "reader"})).json();
    let key = key["key"].as_str().expect("shown once").to_owned();
    assert_eq!(with(&server, &key, "GET", "/v1/sessions", &Value::Null).status, 200);
    let draft = with(&server, &operator, "GET", "/v1/agents/assistant/draft", &Value::Null).json();
    let mut definition = draft["definition"].clone();
    definition["options"]["providers"] = json!({"tts": [{"provider": "voices"}, {"provider": "built-in"}]});
    save(&server, "assistant", &definition, &draft["revision"]);
    let permit =
        with(&server, &operator, "POST", "/v1/widget/token", &json!({"agent": "assistant@draft"})).json();
    let permit = permit["token"].as_str().expect("a token").to_owned();

    let mut caller = Caller::connect(&server, &format!("/ws?agent=assistant@draft&token={permit}"));
    caller.answered();
    caller.say("My basil is Genovese");
    caller.told("you said my basil is genovese");
    caller.until("the end of the reply", |message| message["type"] == "bot-stopped-speaking");
    for outage in [Adversity::Unauthorized, Adversity::Garbage] {
        first.stage.always(Some(outage));
        caller.say("Does Genovese like shade");
        caller.told("you said does genovese like shade");
        caller.until("the end of the reply", |message| message["type"] == "bot-stopped-speaking");
    }
    process::wait_for("the call on record", Duration::from_secs(20), || {
        let found = with(&server, &operator, "GET", "/v1/sessions?q=genovese", &Value::Null).json();
        (!found["data"].as_array()?.is_empty()).then_some(())
    });

    let log = server.log();
    assert!(log.contains("\"level\":\"DEBUG\""), "the log has its lower levels");
    assert!(log.contains("a provider failed"), "the failing vendor is in the log");
    let lower = log.to_lowercase();
    for word in ["genovese", "basil"] {
        assert!(!lower.contains(word), "{word:?} is in the log: {}", around(&lower, word));
    }
    for secret in KEYS.into_iter().chain([operator.as_str(), key.as_str(), permit.as_str()]) {
        assert!(!log.contains(secret), "a secret is in the log: {}", around(&log, secret));
    }
}

/// The lines that hold it.
fn around(log: &str, what: &str) -> String {
    log.lines().filter(|line| line.contains(what)).take(5).collect::<Vec<_>>().join("\n")
}
