//! How quickly callers were answered and what calls did, over windows of time.

use control_store::{ProviderRequest, pricing};
use domain::EndReason;
use serde_json::{Value, json};

use crate::plane::Plane;
use crate::record::{Record, asked, begun};

/// Percentiles are at most 2 % off.
fn about(value: &Value, wanted: f64) {
    let value = value.as_f64().expect("a number");
    assert!((value - wanted).abs() <= wanted * 0.02, "{value} for {wanted}");
}

/// A call of a hundred turns, answered after 10, 20, ... 1000 ms.
fn hundred(plane: &Plane, seconds_ago: i64) -> Record {
    let turn = |call: Record, n: u32| {
        let call = call.caller(u64::from(n), n, "question");
        call.answered(u64::from(n) * 10, n, u64::from(n) * 10)
    };
    (1..=100).fold(begun(plane.org, seconds_ago), turn).ended(3000, EndReason::CallerLeft)
}

fn counted(series: &Value, name: &str) -> Vec<i64> {
    let points = series.as_array().expect("points").iter();
    points.filter_map(|point| point[name].as_i64()).filter(|count| *count > 0).collect()
}

#[tokio::test]
async fn percentiles_are_those_of_the_turns_of_the_window() {
    let plane = Plane::new().await;
    plane.record(&[hundred(&plane, 200)]).await;
    for (window, points, step) in
        [("5m", 5, 60), ("1h", 60, 60), ("24h", 24, 3600), ("7d", 168, 3600), ("30d", 180, 14_400)]
    {
        let found = plane.get(&format!("/v1/latency?window={window}")).await;
        let response = &found["stages"]["response"];
        assert_eq!((&response["count"], &found["step_seconds"]), (&json!(100), &json!(step)), "{window}");
        about(&response["p50_ms"], 500.0);
        about(&response["p95_ms"], 950.0);
        about(&response["p99_ms"], 990.0);
        about(&found["stages"]["endpointing"]["p50_ms"], 125.0);
        assert_eq!(response["series"].as_array().map(Vec::len), Some(points), "{window}");
        assert_eq!(counted(&response["series"], "count"), [100], "{window}");
        let empty = response["series"].as_array().expect("points").iter().find(|point| point["count"] == 0);
        assert_eq!(empty.expect("most of them")["p50_ms"], Value::Null);
        for stage in ["response", "endpointing", "thinking", "sentence", "synthesis", "playout"] {
            assert!(found["stages"][stage].is_object(), "{stage}");
        }
    }
    let default = plane.get("/v1/latency").await;
    assert_eq!((&default["window"], &default["to"]), (&json!("1h"), &json!("2027-01-15T08:00:00Z")));
}

#[tokio::test]
async fn what_lies_before_the_window_is_not_in_it() {
    let plane = Plane::new().await;
    let call = |ago: i64| begun(plane.org, ago).caller(1, 1, "a").answered(10, 1, 400);
    // In the last minutes, the last hour, the last day, the last week, the last month, and before.
    let ago = [100, 1800, 10 * 3600, 3 * 86_400, 20 * 86_400, 40 * 86_400];
    plane.record(&ago.map(call)).await;
    // The first two are in one hour.
    for (window, wanted, points) in [("5m", 1, 1), ("1h", 2, 2), ("24h", 3, 2), ("7d", 4, 3), ("30d", 5, 4)] {
        let latency = plane.get(&format!("/v1/latency?window={window}")).await;
        assert_eq!(latency["stages"]["response"]["count"], wanted, "{window}");
        let activity = plane.get(&format!("/v1/activity?window={window}")).await;
        assert_eq!(activity["totals"]["calls"], wanted, "{window}");
        let calls = counted(&activity["series"], "calls");
        assert_eq!(calls.iter().sum::<i64>(), wanted, "{window}");
        assert_eq!(calls.len(), points, "{window}: each at its own point");
    }
}

#[tokio::test]
async fn both_are_narrowed_to_one_agent_version_transport_or_provider() {
    let plane = Plane::new().await;
    let ours = |call: Record, ms: u64| call.caller(1, 1, "a").answered(10, 1, ms);
    plane
        .record(&[
            ours(begun(plane.org, 100), 200),
            ours(begun(plane.org, 100).agent_named("front-desk", 2), 400),
            ours(begun(plane.org, 100).agent_named("sales", 2), 600),
            ours(begun(plane.org, 100).over("twilio", "deepgram"), 800),
        ])
        .await;
    for (query, count, median) in [
        ("", 4, 400.0),
        ("&agent=sales", 1, 600.0),
        ("&agent=front-desk&version=2", 1, 400.0),
        ("&version=2", 2, 400.0),
        ("&transport=twilio", 1, 800.0),
        ("&provider=built-in", 3, 400.0),
        ("&provider=deepgram&version=1", 1, 800.0),
    ] {
        for window in ["5m", "24h"] {
            let latency = plane.get(&format!("/v1/latency?window={window}{query}")).await;
            let response = &latency["stages"]["response"];
            assert_eq!(response["count"], count, "{window}{query}");
            about(&response["p50_ms"], median);
            let activity = plane.get(&format!("/v1/activity?window={window}{query}")).await;
            assert_eq!(activity["totals"]["turns"], count, "{window}{query}");
            assert_eq!(activity["agents"], json!(["front-desk", "sales"]), "all that can be chosen");
        }
    }
    let none = plane.get("/v1/latency?agent=nobody").await;
    assert_eq!(
        (&none["stages"]["response"]["count"], &none["stages"]["response"]["p50_ms"]),
        (&json!(0), &Value::Null)
    );
    let activity = plane.get("/v1/activity").await;
    assert_eq!(
        (&activity["versions"], &activity["transports"]),
        (&json!([1, 2]), &json!(["twilio", "webrtc"]))
    );
    assert_eq!(activity["providers"], json!(["built-in", "deepgram"]));
}

#[tokio::test]
async fn activity_counts_calls_turns_silences_failures_and_ends() {
    use domain::{SessionEvent, Source, TurnId};
    let plane = Plane::new().await;
    let failed = |code: &str| SessionEvent::Failed {
        turn: None,
        source: Source::Provider,
        code: code.to_owned(),
        message: "m".to_owned(),
    };
    let one = begun(plane.org, 280)
        .caller(10, 1, "a")
        .caller(20, 2, "b")
        .event(30, SessionEvent::Interrupted { turn: TurnId(2) })
        .silence(40, 2500)
        .event(50, failed("TTS_TIMED_OUT"))
        .ended(60, EndReason::CallerLeft);
    let two = begun(plane.org, 100)
        .caller(10, 1, "c")
        .silence(20, 500)
        .event(30, failed("TTS_TIMED_OUT"))
        .event(40, failed("STT_CLOSED"))
        .ended(50, EndReason::ProviderFailed);
    let running = begun(plane.org, 30).caller(10, 1, "d");
    // Its server died: it has said nothing for longer than any caller is left alone.
    let dead = begun(plane.org, 290);
    let thought = |call: &Record, account: &str, input_tokens| {
        let usage = pricing::Usage { input_tokens, output_tokens: 5, ..pricing::Usage::default() };
        ProviderRequest { session: Some(call.id()), ..asked(plane.org, 90, account, usage) }
    };
    let requests = [thought(&one, "one", 100), thought(&two, "one", 20), thought(&two, "two", 3)];
    plane.record(&[one, two, running, dead]).await;
    plane.record_requests(&requests).await;
    let found = plane.get("/v1/activity?window=5m").await;
    assert_eq!(
        found["totals"],
        json!({"calls": 4, "turns": 4, "interruptions": 1, "dead_air_ms": 3000, "failures": 3, "tokens_in": 123, "tokens_out": 15})
    );
    assert_eq!(counted(&found["series"], "tokens_in"), [123]);
    for (account, tokens) in [("our-one", 120), ("our-two", 3), ("built-in", 0)] {
        let of_one = plane.get(&format!("/v1/activity?window=24h&provider={account}")).await;
        assert_eq!(of_one["totals"]["tokens_in"], tokens, "{account}");
    }
    assert_eq!(found["active_calls"], 1);
    assert_eq!(found["dead_air_by_cause"], json!({"thinking": 3000}));
    assert_eq!(found["failures_by_code"], json!({"STT_CLOSED": 1, "TTS_TIMED_OUT": 2}));
    assert_eq!(found["ended_by_reason"], json!({"caller_left": 1, "provider_failed": 1}));
    assert_eq!(counted(&found["series"], "calls"), [2, 1, 1]);
    assert_eq!(counted(&found["series"], "dead_air_ms"), [2500, 500]);
}

#[tokio::test]
async fn calls_under_way_are_told_of_now_and_of_every_point() {
    let plane = Plane::new().await;
    // The present is a full minute, and a full hour.
    let long = begun(plane.org, 230).caller(10, 1, "a").ended(110_000, EndReason::CallerLeft);
    let short = begun(plane.org, 170).caller(10, 1, "b").ended(20_000, EndReason::CallerLeft);
    let running = begun(plane.org, 30).agent_named("sales", 2).caller(10, 1, "c");
    let yesterday = begun(plane.org, 30 * 3600).caller(10, 1, "d").ended(20_000, EndReason::CallerLeft);
    plane.record(&[long, short, running, yesterday]).await;
    let series = |found: &Value| -> Vec<i64> {
        let points = found["series"].as_array().expect("points").iter();
        points.map(|point| point["active_calls"].as_i64().expect("a number")).collect()
    };
    let found = plane.get("/v1/activity?window=5m").await;
    assert_eq!((series(&found), &found["active_calls"]), (vec![0, 1, 2, 1, 1], &json!(1)));
    for (query, wanted, now) in [
        ("agent=sales", vec![0, 0, 0, 0, 1], 1),
        ("agent=front-desk&version=1", vec![0, 1, 2, 1, 0], 0),
        ("transport=twilio", vec![0; 5], 0),
        ("provider=built-in", vec![0, 1, 2, 1, 1], 1),
    ] {
        let found = plane.get(&format!("/v1/activity?window=5m&{query}")).await;
        assert_eq!((series(&found), &found["active_calls"]), (wanted, &json!(now)), "{query}");
    }
    let day = series(&plane.get("/v1/activity?window=24h").await);
    assert_eq!((day.len(), day.last(), day.iter().sum::<i64>()), (24, Some(&2), 2), "the busiest minute");
    let week = series(&plane.get("/v1/activity?window=7d").await);
    assert_eq!((week.last(), week.iter().sum::<i64>()), (Some(&1), 1), "at full hours");
}

#[tokio::test]
async fn what_asking_ahead_came_to_is_told_by_agent() {
    let plane = Plane::new().await;
    plane
        .record(&[
            begun(plane.org, 100).guessed(3, 1, 250),
            begun(plane.org, 100).guessed(0, 1, 50),
            begun(plane.org, 100).agent_named("sales", 2).over("twilio", "deepgram").guessed(0, 2, 900),
            begun(plane.org, 100).agent_named("quiet", 1),
            begun(plane.org, 40 * 86_400).guessed(100, 0, 0),
        ])
        .await;
    let desk =
        json!({"agent": "front-desk", "adopted": 3, "discarded": 2, "hit_rate": 0.6, "wasted_tokens": 300});
    let sales =
        json!({"agent": "sales", "adopted": 0, "discarded": 2, "hit_rate": 0.0, "wasted_tokens": 900});
    for (query, wanted) in [
        ("", json!([desk, sales])),
        ("&agent=sales", json!([sales])),
        ("&provider=deepgram", json!([sales])),
        ("&agent=quiet", json!([])),
    ] {
        for window in ["5m", "24h", "30d"] {
            let activity = plane.get(&format!("/v1/activity?window={window}{query}")).await;
            assert_eq!(activity["speculation"], wanted, "{window}{query}");
        }
    }
}
