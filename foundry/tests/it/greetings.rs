//! What a whole call hears first: by the calendar and in an experiment, rendered before it called, and on record afterwards.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use loadtest_vendors::Delays;
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use testkit::{Server, process};

use crate::agents::with;
use crate::vendors::{World, account, save};
use crate::{calling, house};

const WITHIN: Duration = Duration::from_secs(90);

fn made(server: &Server, method: &str, path: &str, body: &Value) -> Value {
    let reply = with(server, &server.token(), method, path, body);
    assert!(matches!(reply.status, 200 | 201), "{path}: {}", reply.text());
    reply.json()
}

/// Yesterday, today and tomorrow are feasts: the test may run at midnight.
fn feasts() -> Value {
    let now = Timestamp::now();
    let day = |hours: i64| {
        let at = now + SignedDuration::from_hours(hours);
        json!({"date": at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string(), "name": "the feast"})
    };
    json!({"time_zone": "UTC", "holidays": [day(-24), day(0), day(24)]})
}

#[test]
fn a_call_on_a_holiday_hears_its_greeting_rendered_ahead_and_leaves_an_outcome() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    made(&server, "PUT", "/v1/greeting-calendar", &feasts());
    let never =
        json!({"wordings": ["Nobody hears this."], "priority": 9, "schedule": {"until": "2020-01-01"}});
    made(&server, "POST", "/v1/greetings", &never);
    made(&server, "POST", "/v1/greetings", &json!({"wordings": ["An ordinary day."]}));
    let feast = json!({
        "wordings": ["Closed."],
        "schedule": {"holidays": "only"},
        "experiment": {
            "arms": [
                {"key": "none", "weight": 0, "text": "Arm without weight."},
                {"key": "all", "weight": 1, "text": "We celebrate today. What can I do for you?"},
            ],
            "sticky": "session",
        },
    });
    let feast = made(&server, "POST", "/v1/greetings", &feast);
    let results = format!("/v1/greetings/{}/results", feast["id"].as_str().expect("an id"));
    // The server follows within a second, and renders what is new after that.
    process::wait_for("a call that began with what was rendered ahead", WITHIN, || {
        let call = calling::place(&server, "websocket", &[]);
        assert!(!call.ran.stdout.contains("Nobody hears") && !call.ran.stdout.contains("without weight"));
        let celebrated = call.agent(0).starts_with("We celebrate today.");
        let arm = &made(&server, "GET", &results, &Value::Null)["arms"][1]["outcomes"];
        (celebrated && arm["rendered_ahead"].as_i64() > Some(0)).then_some(())
    });
    let arms = process::wait_for("the outcome", WITHIN, || {
        let arms = made(&server, "GET", &results, &Value::Null)["arms"].clone();
        (arms[1]["outcomes"]["measured"].as_i64() > Some(0)).then_some(arms)
    });
    let (none, all) = (&arms[0]["outcomes"], &arms[1]["outcomes"]);
    assert_eq!(none["calls"], 0, "{arms}");
    assert!(all["first_audible_median_ms"].as_f64().is_some_and(|ms| ms >= 0.0), "{arms}");
    assert_eq!(all["talked_over"], 0, "nobody spoke: {arms}");
    let call =
        server.read("/v1/sessions?limit=1").json()["data"][0]["id"].as_str().expect("a call").to_owned();
    let events = server.read(&format!("/v1/sessions/{call}")).json()["events"].to_string();
    assert!(events.contains("\"greeted\""), "the call shows how its greeting was heard: {events}");
}

#[test]
fn an_agent_of_an_organization_without_greetings_greets_in_its_own_words() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    let call = calling::place(&server, "websocket", &[]);
    let own = server.read("/v1/agents/front-desk/versions/1").json()["definition"]["greeting"].clone();
    let words: Vec<&str> =
        call.agent(0).split_whitespace().filter(|word| word.chars().all(char::is_alphabetic)).collect();
    let said = |text: &str| words.iter().all(|word| text.contains(word));
    let wordings = own.as_array().expect("wordings");
    assert!(wordings.iter().filter_map(Value::as_str).any(said), "{:?} is none of {own}", call.agent(0));
    let measures = process::wait_for("the outcome", WITHIN, || {
        let measures = made(&server, "GET", "/v1/greeting-measures", &Value::Null);
        (measures["total"]["measured"].as_i64() > Some(0)).then_some(measures)
    });
    assert_eq!(measures["greetings"][0]["greeting_id"], Value::Null, "{measures}");
}

/// Its sound is longer than a rendering may take: whoever waited for it to be played would never have it.
const LONG: &str = "You have reached the office of the river ferries between the islands and the town";
/// Half a minute of sound in half a second.
const QUICK: Delays = Delays {
    stt_final_ms: 50,
    llm_first_token_ms: 50,
    llm_tokens_per_second: 100,
    tts_first_byte_ms: 50,
    tts_ms_per_char: 350,
    tts_speed: 60,
};

/// How often a voice was asked for it.
fn asked(world: &World) -> usize {
    world.stage.seen().iter().filter(|seen| seen.what == "request" && seen.body["input"] == LONG).count()
}

#[test]
fn what_callers_hear_first_comes_as_fast_as_each_vendor_gives_it_and_one_that_hangs_holds_up_no_other() {
    let _quiet = house::among_others();
    let (alpha, bravo, charlie) = (World::with(QUICK), World::start(), World::with(QUICK));
    bravo.stage.always(Some(Adversity::Hang));
    let server = house::timed("", &[]);
    for (name, world) in [("alpha", &alpha), ("bravo", &bravo), ("charlie", &charlie)] {
        let options = json!({"base_url": format!("http://{}/openai/v1", world.address), "voice": "alloy"});
        let body =
            json!({"name": name, "vendor": "openai_compatible", "key": "key-0123456789", "options": options});
        account(&server, &body);
    }
    let get = |path: &str| made(&server, "GET", path, &Value::Null);
    let agent = get("/v1/agents/front-desk")["id"].clone();
    let draft = get("/v1/agents/front-desk/draft");
    let mut definition = draft["definition"].clone();
    definition["greeting"] = json!([LONG]);
    definition["options"]["providers"] =
        json!({"tts": [{"provider": "alpha"}, {"provider": "bravo"}, {"provider": "charlie"}]});
    save(&server, "front-desk", &definition, &draft["revision"]);
    let revision = get("/v1/agents/front-desk/draft")["revision"].to_string();
    let (bearer, revision) = (format!("Bearer {}", server.token()), format!("\"{revision}\""));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("if-match", revision.as_str()),
    ];
    let publish = "/v1/agents/front-desk/publish";
    let published = testkit::http::request(server.url(), "POST", publish, &headers, b"{}");
    let published = published.expect("the server answers");
    assert!(published.status < 300, "{}", published.text());

    let told = |account: &str| {
        let log = server.log();
        log.lines().any(|line| line.contains("rendered ahead") && line.contains(account))
    };
    process::wait_for("both voices that are well", WITHIN, || {
        (told("alpha") && told("charlie")).then_some(())
    });
    assert!(!told("bravo"), "they did not wait for the one that hangs");
    for (place, world) in [(0, &alpha), (2, &charlie)] {
        let spoken = json!({"agent_id": agent, "text": LONG, "voice": place});
        let heard = made(&server, "POST", "/v1/greeting-audio", &spoken);
        assert_eq!(heard["rendered_ahead"], true, "{}", heard["voices"]);
        assert!(heard["length_ms"].as_f64().is_some_and(|ms| ms > 20_000.0), "{}", heard["length_ms"]);
        assert_eq!(asked(world), 1, "a sentence is asked for once and kept");
    }
    process::wait_for("the voice that hangs to be given up", WITHIN, || told("bravo").then_some(()));
}
