//! Prices, what requests to vendors come to, and budgets.

use axum::http::Method;
use control_store::pricing::Usage;
use control_store::{Outcome, ProviderRequest};
use domain::EndReason;
use serde_json::{Value, json};

use crate::fake::ask;
use crate::plane::{Plane, text};
use crate::record::{asked, begun};

fn tokens(input: u64, output: u64) -> Usage {
    Usage { input_tokens: input, output_tokens: output, ..Usage::default() }
}

fn price(unit: &str, nano: i64) -> Value {
    json!({"vendor": "own", "model": "m*", "unit": unit, "price_nano_usd": nano, "per": 1000})
}

#[tokio::test]
async fn own_prices_are_made_changed_and_removed_and_two_of_the_same_are_refused() {
    let plane = Plane::new().await;
    let made = plane.post("/v1/prices", price("output_token", 10_000)).await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (201, Some("\"1\"")), "{}", made.text);
    plane.post("/v1/prices", price("output_token", 9)).await.is_problem(409, "CONFLICT");
    let one = format!("/v1/prices/{}", text(&made.json()["id"]));
    let changed = plane.patch(&one, json!({"price_nano_usd": 20_000})).await.json();
    assert_eq!(
        (&changed["price_nano_usd"], &changed["per"], &changed["revision"]),
        (&json!(20_000), &json!(1000), &json!(2))
    );
    let stale = ask(Method::PATCH, &one).json(&json!({"note": "n"})).header("if-match", "\"1\"");
    plane.send(stale).await.is_problem(412, "PRECONDITION_FAILED");
    assert_eq!(plane.get("/v1/prices").await["data"][0], changed);
    assert_eq!(plane.delete(&one).await.status.as_u16(), 204);
    plane.send(crate::fake::get(&one)).await.is_problem(404, "NOT_FOUND");
    let actions = plane.get("/v1/audit").await.to_string();
    for action in ["price.create", "price.update", "price.delete"] {
        assert!(actions.contains(action), "{action}");
    }
    assert!(plane.get("/v1/price-list").await["data"].as_array().expect("a list").len() > 20);
}

#[tokio::test]
async fn an_import_is_taken_whole_or_not_at_all() {
    let plane = Plane::new().await;
    plane.post("/v1/prices", price("output_token", 1)).await.json();
    let mut wrong =
        json!({"prices": [price("input_token", 5), price("output_token", -1), price("input_token", 6)]});
    wrong["prices"][0]["model"] = "a*b".into();
    wrong["prices"][2]["tiers"] = json!([{"from": 5, "price_nano_usd": 1}, {"from": 5, "price_nano_usd": 1}]);
    let refused = plane.post("/v1/prices/import", wrong).await;
    let pointers: Vec<String> = refused.is_problem(422, "BODY_INVALID")["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| text(&error["pointer"]))
        .collect();
    assert_eq!(pointers, ["/prices/0/model", "/prices/1/price_nano_usd", "/prices/2/tiers/1/from"]);
    let twice = json!({"prices": [price("input_token", 5), price("input_token", 6)]});
    let refused = plane.post("/v1/prices/import", twice).await.is_problem(422, "BODY_INVALID");
    assert_eq!(refused["errors"][0]["pointer"], "/prices/1");
    assert_eq!(
        plane.get("/v1/prices").await["data"].as_array().map(Vec::len),
        Some(1),
        "nothing of them was taken"
    );
    let whole = json!({"prices": [price("input_token", 5), price("output_token", 6)]});
    let done = plane.post("/v1/prices/import", whole).await.json();
    assert_eq!(done, json!({"created": 1, "replaced": 1}));
}

#[tokio::test]
async fn costs_are_summed_by_what_is_asked_for_and_what_has_no_price_is_named() {
    let plane = Plane::new().await;
    let (other, theirs) = plane.other("other").await;
    for (unit, nano) in [("input_token", 2_000_000), ("output_token", 8_000_000)] {
        plane.post("/v1/prices", price(unit, nano)).await.json();
    }
    let call = begun(plane.org, 60);
    let call = call.caller(5, 1, "a").answered(10, 1, 400).caller(900, 2, "b").answered(950, 2, 400);
    plane.record(std::slice::from_ref(&call)).await;
    let mut first = asked(plane.org, 50, "own", tokens(1000, 100));
    (first.session, first.turn) = (Some(call.id()), Some(1));
    let mut unknown = asked(plane.org, 40, "nobody", tokens(7, 0));
    (unknown.session, unknown.usage.estimated) = (Some(call.id()), true);
    let mut sales = asked(plane.org, 3 * 86_400, "own", tokens(500, 0));
    sales.agent_name = "sales".to_owned();
    plane.record_requests(&[first, unknown, sales, asked(other, 10, "own", tokens(9, 9))]).await;

    let day = plane.get("/v1/costs?window=24h").await;
    assert_eq!(
        (&day["total"]["requests"], &day["total"]["cost_nano_usd"], &day["total"]["unpriced"]),
        (&json!(2), &json!(2_800_000), &json!(1))
    );
    assert_eq!(day["estimated_share"], 0.5);
    assert_eq!(
        (&day["missing"][0]["vendor"], &day["missing"][0]["model"], &day["missing"][0]["unit"]),
        (&json!("nobody"), &json!("m-1"), &json!("input_token"))
    );
    for (group, parts) in [
        ("agent", json!([["front-desk", 2_800_000], ["sales", 1_000_000]])),
        ("provider", json!([["our-own", 3_800_000], ["our-nobody", 0]])),
        ("ability", json!([["llm", 3_800_000]])),
        ("model", json!([["m-1", 3_800_000]])),
        ("domain", json!([[null, 3_800_000]])),
        ("environment", json!([[null, 3_800_000]])),
        ("day", json!([["2027-01-12", 1_000_000], ["2027-01-15", 2_800_000]])),
    ] {
        let week = plane.get(&format!("/v1/costs?window=7d&group_by={group}")).await;
        let found: Vec<Value> = week["breakdown"]
            .as_array()
            .expect("parts")
            .iter()
            .map(|part| json!([part["key"], part["cost_nano_usd"]]))
            .collect();
        assert_eq!(Value::from(found), parts, "{group}");
        let series: i64 = week["series"]
            .as_array()
            .expect("points")
            .iter()
            .filter_map(|point| point["cost_nano_usd"].as_i64())
            .sum();
        assert_eq!(series, 3_800_000);
    }
    let turns = plane.get(&format!("/v1/sessions/{}/turns", call.id())).await["data"].clone();
    assert_eq!(turns[0]["cost"], json!({"requests": 1, "cost_nano_usd": 2_800_000, "unpriced": 0}));
    assert_eq!(turns[1]["cost"], Value::Null, "nothing was asked for it, and nobody recognised");
    let of_call = plane.get(&format!("/v1/sessions/{}/costs", call.id())).await;
    assert_eq!(of_call["total"], json!({"requests": 2, "cost_nano_usd": 2_800_000, "unpriced": 1}));
    assert_eq!(
        (&of_call["requests"][0]["turn"], &of_call["requests"][0]["first_ms"]),
        (&json!(1), &json!(200.0))
    );
    assert_eq!(
        (&of_call["requests"][1]["cost_nano_usd"], &of_call["requests"][1]["unpriced"]),
        (&Value::Null, &json!(["input_token"]))
    );
    let seen = ask(Method::GET, "/v1/costs").key(&theirs).of(&plane.router).await.json();
    assert_eq!((&seen["total"]["requests"], &seen["total"]["unpriced"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_budget_says_what_is_spent_of_it_and_when_it_is_exceeded() {
    let plane = Plane::new().await;
    let unset = plane.send(crate::fake::get("/v1/budget")).await;
    assert_eq!(unset.header("etag"), Some("\"0\""));
    assert_eq!(
        (&unset.json()["monthly_limit_nano_usd"], &unset.json()["state"]),
        (&Value::Null, &json!("ok"))
    );
    let put = |body: Value, revision: &str| {
        plane.send(ask(Method::PUT, "/v1/budget").json(&body).header("if-match", revision))
    };
    let wanted = json!({"monthly_limit_nano_usd": 1_000_000, "warn_percent": 50, "hard_stop": true});
    let set = put(wanted.clone(), "\"0\"").await.json();
    assert_eq!(
        (&set["revision"], &set["spent_nano_usd"], &set["share"]),
        (&json!(1), &json!(0), &json!(0.0))
    );
    put(wanted, "\"0\"").await.is_problem(412, "PRECONDITION_FAILED");
    put(json!({"warn_percent": 101}), "*").await.is_problem(422, "BODY_INVALID");
    plane.post("/v1/prices", price("output_token", 1_000_000)).await.json();
    for (output, state) in [(499, "ok"), (1, "warning"), (500, "exceeded")] {
        plane.record_requests(&[asked(plane.org, 5, "own", tokens(0, output))]).await;
        assert_eq!(plane.get("/v1/budget").await["state"], state);
    }
    assert!(plane.get("/v1/audit").await.to_string().contains("budget.update"));
}

#[tokio::test]
async fn how_accounts_did_is_summed_up_with_what_is_passed_over() {
    let plane = Plane::new().await;
    let (other, _) = plane.other("other").await;
    plane.post("/v1/prices", price("output_token", 1_000_000)).await.json();
    let mut requests: Vec<_> = (0..4).map(|n| asked(plane.org, 10 + n, "own", tokens(0, 10))).collect();
    for (request, first) in requests.iter_mut().zip([100_000, 200_000, 300_000]) {
        request.first_us = Some(first);
    }
    (requests[3].outcome, requests[3].first_us) = (Outcome::Failed, None);
    requests[3].error_code = Some("LLM_LIMITED".to_owned());
    requests.extend([asked(plane.org, 30, "nobody", tokens(5, 0)), asked(other, 30, "own", tokens(5, 0))]);
    requests.push(asked(plane.org, 3 * 86_400, "own", tokens(0, 999)));
    plane.record_requests(&requests).await;
    let health = plane.get("/v1/provider-health").await;
    assert_eq!(
        health["data"],
        json!([
            {
                "provider": "our-nobody", "ability": "llm", "requests": 1, "failures": 0, "failure_share": 0.0, "first_median_ms": 200.0,
                "cost_nano_usd": 0, "unpriced": 1, "last_error": null, "breakers": []
            },
            {
                "provider": "our-own", "ability": "llm", "requests": 4, "failures": 1, "failure_share": 0.25, "first_median_ms": 200.0,
                "cost_nano_usd": 40_000, "unpriced": 0, "last_error": "LLM_LIMITED",
                "breakers": [{"model": "m-1", "region": "", "open_ms": 4000}]
            }
        ])
    );
}

#[tokio::test]
async fn recognition_is_shared_by_the_turns_that_it_heard_and_the_sums_stay() {
    let plane = Plane::new().await;
    for (unit, nano, per) in [("audio_in_second", 60_000_007, 60), ("input_token", 1_000, 1)] {
        let price = json!({"vendor": "own", "model": "m*", "unit": unit, "price_nano_usd": nano, "per": per});
        let made = plane.post("/v1/prices", price).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    }
    // Turns that are complete after 10, 30 and 40 s of a call of 60 s.
    let call = begun(plane.org, 100).caller(10_000, 1, "a").answered(10_000, 1, 300);
    let call = call.caller(30_000, 2, "b").answered(30_000, 2, 300);
    let call = call.caller(40_000, 3, "c").answered(40_000, 3, 300).ended(60_000, EndReason::CallerLeft);
    plane.record(std::slice::from_ref(&call)).await;
    let heard = Usage { audio_in_us: 60_000_000, ..Usage::default() };
    let stream = ProviderRequest {
        ability: "stt".to_owned(),
        session: Some(call.id()),
        took_us: Some(60_000_000),
        ..asked(plane.org, 40, "own", heard)
    };
    let model = ProviderRequest {
        session: Some(call.id()),
        turn: Some(2),
        ..asked(plane.org, 69, "own", tokens(5, 0))
    };
    plane.record_requests(&[stream, model]).await;
    let turns = plane.get(&format!("/v1/sessions/{}/turns", call.id())).await["data"].clone();
    let cost =
        |turn: usize| (turns[turn]["cost"]["requests"].clone(), turns[turn]["cost"]["cost_nano_usd"].clone());
    assert_eq!(cost(0), (json!(0), json!(10_000_001)), "{turns}");
    assert_eq!(cost(1), (json!(1), json!(20_000_002 + 5_000)), "{turns}");
    assert_eq!(
        cost(2),
        (json!(0), json!(30_000_004)),
        "what came after it, and the rest of the rounding: {turns}"
    );
    let whole = plane.get(&format!("/v1/sessions/{}/costs", call.id())).await;
    assert_eq!(whole["total"], json!({"requests": 2, "cost_nano_usd": 60_000_007 + 5_000, "unpriced": 0}));
}
