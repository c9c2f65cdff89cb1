//! Accounts at vendors: keys go in and never come out.

use axum::http::Method;
use serde_json::json;

use crate::fake::{KEY_OF_VENDOR, REFUSED_KEY, ask};
use crate::plane::{Plane, text};

fn new(name: &str) -> serde_json::Value {
    json!({"name": name, "vendor": "elevenlabs", "key": KEY_OF_VENDOR})
}

#[tokio::test]
async fn a_key_is_kept_sealed_reaches_the_vendor_and_is_never_shown() {
    let plane = Plane::new().await;
    let made = plane.post("/v1/provider-accounts", new("voices")).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let account = made.json();
    assert_eq!(account["key_hint"], "…6789");
    let one = format!("/v1/provider-accounts/{}", text(&account["id"]));
    let shown = [
        plane.get(&one).await,
        plane.get("/v1/provider-accounts").await,
        plane.get("/v1/audit").await,
        account.clone(),
    ];
    for shown in shown {
        assert!(!shown.to_string().contains(KEY_OF_VENDOR), "{shown}");
    }
    let stored =
        plane.sql("select encode(sealed, 'escape') || encode(wrapped_key, 'escape') from app.secrets").await;
    assert!(!stored.contains(KEY_OF_VENDOR) && stored.len() > 40);

    let tried = plane.post(&format!("{one}/test"), json!({"ability": "tts"})).await.json();
    assert_eq!((&tried["ok"], &tried["first_ms"]), (&json!(true), &json!(2.0)));
    assert_eq!(plane.get(&format!("{one}/voices")).await["data"][0]["id"], "v1");

    let changed = plane.patch(&one, json!({"key": REFUSED_KEY})).await.json();
    assert_eq!((&changed["key_hint"], &changed["revision"]), (&json!("…rely"), &json!(2)));
    let tried = plane.post(&format!("{one}/test"), json!({"ability": "tts"})).await.json();
    assert_eq!((&tried["ok"], &tried["code"]), (&json!(false), &json!("TTS_UNAUTHORIZED")));
    plane.send(crate::fake::get(&format!("{one}/voices"))).await.is_problem(502, "VENDOR_FAILED");
    assert_eq!(plane.sql("select count(*) from app.secrets").await, "1", "the former key is gone");
    assert_eq!(plane.delete(&one).await.status.as_u16(), 204);
    assert_eq!(plane.sql("select count(*) from app.secrets").await, "0");
    let told = plane.world.published.lock().expect("no panic").len();
    assert_eq!(told, 3, "whoever calls vendors is told of each change");
}

#[tokio::test]
async fn what_an_account_lacks_is_named_and_addresses_are_the_operators_to_choose() {
    let plane = Plane::new().await;
    let refused = [
        (json!({"name": "a", "vendor": "deepgram"}), "/key"),
        (json!({"name": "a", "vendor": "azure", "key": "k"}), "/options/region"),
        (json!({"name": "a", "vendor": "openai_compatible"}), "/options/base_url"),
        (json!({"name": "A b", "vendor": "deepgram", "key": "k"}), "/name"),
        (json!({"name": "a", "vendor": "deepgram", "key": "a\u{1}b"}), "/key"),
        (json!({"name": "a", "vendor": "deepgram", "key": "k", "options": {"modle": "x"}}), "/options/modle"),
        (
            json!({"name": "a", "vendor": "openai_compatible", "options": {"base_url": "ftp://x.example"}}),
            "/options/base_url",
        ),
    ];
    for (body, pointer) in refused {
        let reply = plane.post("/v1/provider-accounts", body.clone()).await;
        let problem = reply.is_problem(422, "BODY_INVALID");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {}", reply.text);
    }
    let own = json!({"name": "own", "vendor": "openai_compatible", "options": {"base_url": "http://127.0.0.1:8000/v1"}});
    // It means the server's own models wherever an agent names whom it asks.
    let reserved = plane.post("/v1/provider-accounts", new("built-in")).await.is_problem(422, "BODY_INVALID");
    assert_eq!(reserved["errors"][0]["code"], "reserved", "{reserved}");
    plane.post("/v1/provider-accounts", own.clone()).await.is_problem(403, "OPERATOR_ONLY");
    let by_operator =
        ask(Method::POST, "/v1/provider-accounts").json(&own).operator().of(&plane.router).await;
    assert_eq!(by_operator.status.as_u16(), 201, "{}", by_operator.text);

    plane.post("/v1/provider-accounts", new("voices")).await.json();
    plane.post("/v1/provider-accounts", new("voices")).await.is_problem(409, "CONFLICT");
}

#[tokio::test]
async fn a_key_is_not_sent_to_another_address_than_it_was_entered_for() {
    let plane = Plane::new().await;
    let account = plane.post("/v1/provider-accounts", new("voices")).await.json();
    let one = format!("/v1/provider-accounts/{}", text(&account["id"]));
    let elsewhere = json!({"options": {"base_url": "https://elsewhere.example"}});
    plane.patch(&one, elsewhere.clone()).await.is_problem(403, "OPERATOR_ONLY");
    let moved = ask(Method::PATCH, &one).json(&elsewhere).operator().of(&plane.router).await;
    moved.is_problem(422, "BODY_INVALID");
    let with_key = json!({"options": {"base_url": "https://elsewhere.example"}, "key": "of-elsewhere-12345"});
    let moved = ask(Method::PATCH, &one).json(&with_key).operator().of(&plane.router).await;
    assert_eq!(moved.status.as_u16(), 200, "{}", moved.text);
}

#[tokio::test]
async fn an_organization_says_in_which_regions_its_accounts_may_be() {
    let plane = Plane::new().await;
    let own = format!("/v1/organizations/{}", plane.org);
    assert_eq!(plane.get(&own).await["residency"], json!([]));
    let changed = plane.patch(&own, json!({"residency": ["eu", "europe-*"]})).await.json();
    assert_eq!(changed["residency"], json!(["eu", "europe-*"]));
    let told = plane.world.published.lock().expect("no panic").clone();
    assert!(told.contains(&(plane.org, "accounts".to_owned())), "routes are made anew: {told:?}");
    assert_eq!(plane.patch(&own, json!({"title": "T"})).await.json()["residency"], changed["residency"]);
    for (wrong, pointer) in [
        (json!(["EU"]), "/residency/0"),
        (json!(["eu", "a*b"]), "/residency/1"),
        (json!([""]), "/residency/0"),
    ] {
        let refused = plane.patch(&own, json!({"residency": wrong})).await.is_problem(422, "BODY_INVALID");
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test]
async fn an_account_that_serves_a_published_agent_stays_until_another_is_named() {
    let plane = Plane::new().await;
    let made = plane.post("/v1/provider-accounts", new("voices")).await.json();
    let one = format!("/v1/provider-accounts/{}", text(&made["id"]));
    let draft = plane.get("/v1/agents/front-desk/draft").await;
    let mut definition = draft["definition"].clone();
    definition["options"]["providers"] = json!({"tts": [{"provider": "voices"}, {"provider": "built-in"}]});
    let revision = draft["revision"].as_i64().expect("a number");
    assert_eq!(plane.save("front-desk", revision, &definition).await.status.as_u16(), 200);
    plane.publish("front-desk", "With voices").await;
    let refused = plane.delete(&one).await.is_problem(409, "IN_USE");
    assert!(text(&refused["detail"]).contains("front-desk in prod"), "{refused}");
    let draft = plane.get("/v1/agents/front-desk/draft").await;
    let mut definition = draft["definition"].clone();
    definition["options"]["providers"] = json!({"tts": [{"provider": "built-in"}]});
    let revision = draft["revision"].as_i64().expect("a number");
    assert_eq!(plane.save("front-desk", revision, &definition).await.status.as_u16(), 200);
    plane.publish("front-desk", "Without").await;
    assert_eq!(plane.delete(&one).await.status.as_u16(), 204);
}
