//! An agent that hears and speaks through one model, whose place an exactly timed server takes that speaks its protocol: what a caller
//! hears of it, and of its outages.

use std::time::{Duration, Instant};

use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use testkit::{Server, http, process};

use crate::agents::with;
use crate::house;
use crate::typing::Caller;
use crate::vendors::{World, account, model};

/// What the fake recogniser hears, beside the model.
const LINES: &str = "[\"Tell me about your opening hours\", \"Stop please I want something else\", \"And thank you very much\"]";
const FRAME: Duration = Duration::from_millis(20);

/// Speaks as a microphone does, and is silent for a moment after it.
#[expect(clippy::disallowed_methods, reason = "a microphone keeps real time, on a thread of its own")]
pub(crate) fn speak(caller: &mut Caller) {
    let wav = std::fs::read(testkit::speech("desk_hours.wav")).expect("readable");
    let mut samples: Vec<i16> =
        wav[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    samples.extend([0; 16_000]);
    let start = Instant::now();
    for (n, frame) in samples.chunks(320).enumerate() {
        let due = start + FRAME * u32::try_from(n).expect("a short turn");
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        caller.sounds(frame);
    }
}

fn seen(world: &World, what: &str) -> Vec<Value> {
    world.stage.seen().into_iter().filter(|seen| seen.what == what).map(|seen| seen.body).collect()
}

/// The draft of the shipped agent, which thinks with the account `two` where the model fails; returns the path of a call with it.
fn drafted(server: &Server) -> String {
    let token = server.token();
    let path = "/v1/agents/realtime-assistant/draft";
    let draft = with(server, &token, "GET", path, &Value::Null).json();
    let mut definition = draft["definition"].clone();
    definition["options"]["providers"]["llm"] = json!([{"provider": "two"}]);
    let saved = saved(server, path, &definition, &draft["revision"]);
    assert_eq!(saved.status, 200, "{}", saved.text());
    // An account that was made a moment ago is known a moment later.
    process::wait_for("a draft without problems", Duration::from_secs(10), || {
        let draft = with(server, &token, "GET", path, &Value::Null).json();
        (draft["problems"] == json!([])).then_some(())
    });
    let permit = json!({"agent": "realtime-assistant@draft"});
    let permit = with(server, &token, "POST", "/v1/widget/token", &permit).json()["token"].clone();
    format!("/ws?agent=realtime-assistant@draft&token={}", permit.as_str().expect("a token"))
}

fn saved(server: &Server, path: &str, definition: &Value, revision: &Value) -> http::Reply {
    let (bearer, revision) = (format!("Bearer {}", server.token()), format!("\"{revision}\""));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("if-match", revision.as_str()),
    ];
    let body = json!({"definition": definition}).to_string();
    http::request(server.url(), "PUT", path, &headers, body.as_bytes()).expect("the server answers")
}

fn openai(server: &Server, world: &World) {
    account(
        server,
        &json!({
            "name": "openai", "vendor": "openai", "key": "key-of-openai-0123456789",
            "options": {"base_url": format!("http://{}/openai/v1", world.address)},
        }),
    );
}

fn ends(caller: &mut Caller) {
    caller.until("the end of the reply", |message| message["type"] == "bot-stopped-speaking");
}

#[test]
fn the_model_hears_the_caller_answers_aloud_is_interrupted_and_calls_tools() {
    let _quiet = house::among_others();
    let (world, other) = (World::start(), World::start());
    let server = house::hearing(LINES, "", &[]);
    let shown = || with(&server, &server.token(), "GET", "/v1/widget/agents", &Value::Null).text();
    model(&server, "two", &other);
    process::wait_for("the account", Duration::from_secs(10), || {
        shown().contains("\"assistant\"").then_some(())
    });
    assert!(!shown().contains("realtime-assistant"), "no account can hear and speak yet");
    openai(&server, &world);
    process::wait_for("an agent to choose", Duration::from_secs(10), || {
        shown().contains("realtime-assistant").then_some(())
    });

    let mut caller = Caller::connect(&server, &drafted(&server));
    caller.answered();
    let greeting = caller.said().join(" ");
    speak(&mut caller);
    // The ear of the stand-in has a word for every stretch of voice, so that this is what the model heard and no transcript.
    caller.told("you said eggs milk");
    ends(&mut caller);
    let heard = seen(&world, "heard");
    assert!(heard[0]["seconds"].as_f64().is_some_and(|seconds| (1.0..6.0).contains(&seconds)), "{heard:?}");
    let first = &seen(&world, "conversation.item.create")[0]["item"]["content"][0]["text"];
    assert!(first.as_str().is_some_and(|text| greeting.contains(text)), "{first} of {greeting:?}");
    assert_eq!(seen(&other, "request").len() + seen(&world, "request").len(), 0, "no other model was asked");

    // Cut short, it is told how much was heard.
    caller.say("I would rather hear a long story about basil that grows indoors");
    caller.until("its voice", |message| message["type"] == "bot-started-speaking");
    speak(&mut caller);
    caller.told("you said");
    ends(&mut caller);
    let cut = process::wait_for("what was heard", Duration::from_secs(5), || {
        seen(&world, "conversation.item.truncate").into_iter().next()
    });
    let cut = cut["audio_end_ms"].as_u64().expect("a position");
    assert!((100..4_000).contains(&cut), "{cut} ms");

    caller.say("call current_time with nothing");
    caller.told("the tool says");
    ends(&mut caller);
    let results = seen(&world, "conversation.item.create");
    let result = results.iter().find(|item| item["item"]["type"] == "function_call_output");
    assert!(result.is_some_and(|item| item["item"]["output"].is_string()), "{results:?}");
    on_record(&server);
}

/// What was said and what it cost.
fn on_record(server: &Server) {
    let costs = process::wait_for("the answers on record", Duration::from_secs(20), || {
        let costs = with(server, &server.token(), "GET", "/v1/costs?group_by=model", &Value::Null).json();
        costs.to_string().contains("gpt-realtime").then_some(costs)
    });
    let breakdown = costs["breakdown"].as_array().expect("parts");
    let part = breakdown.iter().find(|part| part["key"] == "gpt-realtime").expect("a part");
    let count = |name: &str| part[name].as_i64().unwrap_or_default();
    assert!(count("output_tokens") > 0 && count("cost_nano_usd") > 0 && count("unpriced") == 0, "{part}");
    let secrets = ["key-of-openai-0123456789", "basil"];
    assert!(secrets.iter().all(|secret| !server.log().contains(secret)), "{}", server.log());
}

#[test]
fn a_model_that_dies_in_mid_answer_or_says_nothing_leaves_no_silence_and_the_call_goes_on() {
    let _quiet = house::among_others();
    let (world, other) = (World::start(), World::start());
    let server = house::hearing(LINES, "", &[]);
    model(&server, "two", &other);
    openai(&server, &world);
    let mut caller = Caller::connect(&server, &drafted(&server));
    caller.answered();
    caller.say("Is this you");
    caller.told("you said is this you");
    ends(&mut caller);

    world.stage.push(Adversity::BreaksAfter(30));
    caller.say("Tell me a long story about the sea and about the people who live beside it");
    caller.told("sorry");
    ends(&mut caller);
    // It is asked again, on another socket, with what was said so far.
    process::wait_for("another conversation", Duration::from_secs(10), || {
        (seen(&world, "open").len() == 2).then_some(())
    });
    process::wait_for("the agent to listen", Duration::from_secs(5), || {
        (seen(&world, "session.update").len() >= 3).then_some(())
    });
    caller.say("Are you back");
    caller.told("you said are you back");
    ends(&mut caller);
    assert_eq!(seen(&other, "request").len(), 0, "nobody else was asked");
    let texts: Vec<String> = seen(&world, "conversation.item.create").iter().map(Value::to_string).collect();
    let told = |text: &&String| text.contains("Is this you") && text.contains("input_text");
    assert_eq!(texts.iter().filter(told).count(), 2, "once when it was typed, once as history: {texts:?}");

    world.stage.always(Some(Adversity::Mute));
    for question in ["And now", "And after that"] {
        let asked = tokio::time::Instant::now();
        caller.say(question);
        caller.told(&format!("you said {}", question.to_lowercase()));
        assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
        ends(&mut caller);
    }
    assert_eq!(other.asked(), 2, "the cascade answered");
    assert!(!caller.said().iter().any(|said| said.contains("technical problem")), "{:?}", caller.said());
}

#[test]
fn a_realtime_model_that_cannot_serve_is_told_when_the_agent_is_saved() {
    let server = house::timed("", &[]);
    let path = "/v1/agents/realtime-assistant/draft";
    let draft = with(&server, &server.token(), "GET", path, &Value::Null).json();
    let mut definition = draft["definition"].clone();
    definition["options"]["providers"]["realtime"] = json!([{"provider": "built-in"}]);
    let refused = saved(&server, path, &definition, &draft["revision"]).text();
    assert!(
        refused.contains("options.providers.realtime") && refused.contains("hears and speaks"),
        "{refused}"
    );
}
