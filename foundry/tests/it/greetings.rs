//! What a whole call hears first: by the calendar and in an experiment, rendered before it called, and on record afterwards.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::{Server, process};

use crate::agents::with;
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
    let _quiet = house::quiet();
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
    let _quiet = house::quiet();
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
