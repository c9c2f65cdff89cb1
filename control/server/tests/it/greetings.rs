//! Greetings: which is said, when and to whom; previews that say why; experiments and what came of them.

use std::time::Duration;

use axum::http::Method;
use control_store::greeting::Began;
use domain::{GreetingId, SessionEvent, TurnId};
use serde_json::{Value, json};

use crate::fake::{UNSPEAKABLE, ask};
use crate::plane::{Plane, text};
use crate::record::begun;

/// What would be said to a caller of the front desk.
async fn preview(plane: &Plane, more: Value) -> Value {
    let mut asked = json!({"agent_id": plane.get("/v1/agents/front-desk").await["id"]});
    for (key, value) in more.as_object().expect("an object") {
        asked[key] = value.clone();
    }
    plane.post("/v1/greeting-preview", asked).await.json()
}

#[tokio::test]
async fn the_narrowest_is_said_and_of_two_that_are_said_always_one_is_refused() {
    let plane = Plane::new().await;
    let agent = text(&plane.get("/v1/agents/front-desk").await["id"]);
    let own = preview(&plane, json!({})).await;
    assert_eq!(own["source"], "agent");
    let words = text(&own["text"]);
    assert!(
        words.contains("Maple Street") && !words.contains('{'),
        "the definition's own, as it is said: {own}"
    );
    let wide = plane.post("/v1/greetings", json!({"wordings": ["Hello."]})).await.json();
    plane.post("/v1/greetings", json!({"wordings": ["Hi."]})).await.is_problem(409, "CONFLICT");
    for other in [
        json!({"wordings": ["Hi."], "priority": -1}),
        json!({"wordings": ["Hallo."], "language": "de"}),
        json!({"wordings": ["Closed."], "schedule": {"holidays": "only"}}),
    ] {
        assert_eq!(plane.post("/v1/greetings", other).await.status.as_u16(), 201);
    }
    let narrow = json!({"agent_id": agent, "wordings": ["Front desk."]});
    let narrow = plane.post("/v1/greetings", narrow).await.json();
    let said = preview(&plane, json!({})).await;
    assert_eq!((&said["text"], &said["greeting_id"]), (&json!("Front desk."), &narrow["id"]));
    let one = format!("/v1/greetings/{}", text(&narrow["id"]));
    assert_eq!(plane.patch(&one, json!({"enabled": false})).await.json()["enabled"], false);
    let said = preview(&plane, json!({})).await;
    assert_eq!((&said["text"], &said["greeting_id"]), (&json!("Hello."), &wide["id"]));
    assert_eq!(plane.delete(&one).await.status.as_u16(), 204);
    let told = plane.world.greeted.lock().expect("no panic").len();
    assert_eq!(told, 7, "whoever greets is told of each change and of no refusal");
}

#[tokio::test]
async fn what_is_wrong_with_a_greeting_is_named_by_its_field() {
    let plane = Plane::new().await;
    let unknown = json!({"agent_id": "agt_00000000000070008000000000000000", "wordings": ["x"]});
    plane.post("/v1/greetings", unknown).await.is_problem(422, "REFERENCE_UNKNOWN");
    let arms = |second: Value| json!({"wordings": ["x"], "experiment": {"arms": [{"key": "a", "weight": 1, "text": "A."}, second]}});
    for (body, pointer) in [
        (json!({"wordings": []}), "/wordings"),
        (json!({"wordings": ["ok", ""]}), "/wordings/1"),
        (json!({"wordings": "x"}), "/wordings"),
        (json!({"wordings": ["x"], "enable": true}), "/enable"),
        (json!({}), "/wordings"),
        (json!([null, null, null, ["x"], null]), ""),
        (json!({"wordings": ["a\u{0}"]}), "/wordings/0"),
        (json!({"agent_id": "agt_1", "wordings": ["x"]}), "/agent_id"),
        (json!({"wordings": ["Hello {caller.name}."]}), "/wordings/0"),
        (json!({"wordings": ["x"], "language": "german"}), "/language"),
        (json!({"wordings": ["x"], "priority": 101}), "/priority"),
        (json!({"wordings": ["x"], "schedule": {"time_zone": "Mars/Base"}}), "/schedule/time_zone"),
        (
            json!({"wordings": ["x"], "schedule": {"windows": [{"from": "8:00", "to": "12:00"}]}}),
            "/schedule/windows/0/from",
        ),
        (json!({"wordings": ["x"], "schedule": {"from": "2026-13-01"}}), "/schedule/from"),
        (
            json!({"wordings": ["x"], "schedule": {"from": "2026-12-02", "until": "2026-12-01"}}),
            "/schedule/until",
        ),
        (json!({"wordings": ["x"], "schedule": {"until": "20261201"}}), "/schedule/until"),
        (arms(json!({"key": "a", "weight": 1, "text": "B."})), "/experiment/arms/1/key"),
        (arms(json!({"key": "b", "weight": 1001, "text": "B."})), "/experiment/arms/1/weight"),
        (arms(json!({"key": "b", "weight": 1, "text": "{B"})), "/experiment/arms/1/text"),
        (json!({"wordings": ["x"], "experiment": {"arms": []}}), "/experiment/arms"),
    ] {
        let refused = plane.post("/v1/greetings", body.clone()).await.is_problem(422, "BODY_INVALID");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}: {refused}");
    }
    let long = preview_refused(&plane, json!({"variables": {"name": "x"}})).await;
    assert_eq!(long["errors"][0]["pointer"], "/variables/name");
    let draft = preview_refused(&plane, json!({"draft": {"wordings": ["{x}"]}})).await;
    assert_eq!(draft["errors"][0]["pointer"], "/draft/wordings/0");
}

async fn preview_refused(plane: &Plane, mut asked: Value) -> Value {
    asked["agent_id"] = plane.get("/v1/agents/front-desk").await["id"].clone();
    plane.post("/v1/greeting-preview", asked).await.is_problem(422, "BODY_INVALID")
}

#[tokio::test]
async fn a_preview_says_what_would_be_said_then_and_why() {
    let plane = Plane::new().await;
    let calendar = json!({
        "time_zone": "Europe/Berlin",
        "holidays": [{"date": "2026-12-25", "name": "Christmas"}],
        "languages": [{"prefix": "+49", "language": "de"}],
    });
    let set = ask(Method::PUT, "/v1/greeting-calendar").json(&calendar).header("if-match", "\"0\"");
    let set = plane.send(set).await;
    assert_eq!((set.status.as_u16(), set.header("etag")), (200, Some("\"1\"")), "{}", set.text);
    let stale = ask(Method::PUT, "/v1/greeting-calendar").json(&calendar).header("if-match", "\"0\"");
    plane.send(stale).await.is_problem(412, "PRECONDITION_FAILED");
    for greeting in [
        json!({"title": "Always", "wordings": ["Hello{if caller.name}, {caller.name}{end}."]}),
        json!({"title": "Closed", "wordings": ["We are closed on {weekday}s."], "schedule": {"windows": [{"days": ["sat", "sun"], "from": "00:00", "to": "24:00"}]}}),
        json!({"title": "Feast", "wordings": ["Happy {holiday|default:\"day\"}!"], "priority": 5, "schedule": {"holidays": "only"}}),
        json!({"title": "German", "wordings": ["Guten {part_of_day}."], "language": "de"}),
    ] {
        assert_eq!(plane.post("/v1/greetings", greeting).await.status.as_u16(), 201);
    }
    let friday = "2026-11-27T10:00:00Z";
    let said = preview(&plane, json!({"at": friday, "variables": {"caller.name": "Anna"}})).await;
    assert_eq!(
        (&said["text"], &said["local_time"]),
        (&json!("Hello, Anna."), &json!("Friday 2026-11-27 11:00 CET"))
    );
    let why = |said: &Value, title: &str| {
        let all = said["considered"].as_array().expect("a list").clone();
        text(&all.into_iter().find(|one| one["title"] == title).expect("considered")["why"])
    };
    assert_eq!(why(&said, "Closed"), "Friday 11:00 is not within its hours");
    assert_eq!(why(&said, "Feast"), "it is for holidays alone");
    assert_eq!(why(&said, "German"), "the caller does not ask for de");
    assert_eq!(why(&said, "Always"), "it is said");
    // It is Saturday in Berlin already.
    assert_eq!(
        preview(&plane, json!({"at": "2026-11-27T23:30:00Z"})).await["text"],
        "We are closed on Saturdays."
    );
    let feast = preview(&plane, json!({"at": "2026-12-25T12:00:00Z", "language": "de"})).await;
    assert_eq!((&feast["text"], &feast["holiday"]), (&json!("Happy Christmas!"), &json!("Christmas")));
    assert_eq!(why(&feast, "German"), "it fits, but the one that is said has a higher priority");
    for german in [
        json!({"caller_number": "+49 30 1"}),
        json!({"language": "de-AT"}),
        json!({"accept_language": "fr;q=0.3, de"}),
    ] {
        let mut asked = german.clone();
        asked["at"] = json!("2026-11-27T19:00:00Z");
        assert_eq!(preview(&plane, asked).await["text"], "Guten Abend.", "{german}");
    }
    let draft = json!({"at": friday, "draft": {"wordings": ["Draft."], "priority": 9}});
    let said = preview(&plane, draft).await;
    assert_eq!((&said["text"], &said["source"]), (&json!("Draft."), &json!("draft")));
    assert_eq!(
        plane.get("/v1/greetings").await["data"].as_array().map(Vec::len),
        Some(4),
        "nothing is stored"
    );
}

#[tokio::test]
async fn an_experiment_is_counted_anew_when_it_is_another_and_goes_on_when_it_is_not() {
    let plane = Plane::new().await;
    let arms =
        |b: &str| json!([{"key": "a", "weight": 1, "text": "A."}, {"key": "b", "weight": 1, "text": b}]);
    let made = json!({"wordings": ["W."], "experiment": {"arms": arms("B."), "goal": {"kind": "note", "name": "appointment"}}});
    let made = plane.post("/v1/greetings", made).await.json();
    assert_eq!(made["experiment_round"], 1);
    let one = format!("/v1/greetings/{}", text(&made["id"]));
    let heard = preview(&plane, json!({"arm": "b"})).await;
    assert_eq!((&heard["text"], &heard["arm"]), (&json!("B."), &json!("b")));
    let round = async |change: Value| plane.patch(&one, change).await.json()["experiment_round"].clone();
    let mut experiment = made["experiment"].clone();
    experiment["running"] = json!(false);
    assert_eq!(round(json!({"experiment": experiment})).await, 1, "a pause is no other experiment");
    assert_eq!(preview(&plane, json!({})).await["text"], "W.");
    experiment["arms"] = arms("C.");
    assert_eq!(round(json!({"experiment": experiment})).await, 2);
    assert_eq!(round(json!({"title": "New"})).await, 2);
    let ended = plane.patch(&one, json!({"experiment": null})).await.json();
    assert_eq!((&ended["experiment"], &ended["title"]), (&Value::Null, &json!("New")));
}

#[tokio::test]
async fn results_are_counted_by_arm_and_judged() {
    let plane = Plane::new().await;
    let made = json!({"wordings": ["W."], "experiment": {
        "arms": [{"key": "plain", "weight": 1, "text": "A."}, {"key": "warm", "weight": 1, "text": "B."}],
        "goal": {"kind": "note", "name": "appointment"},
    }});
    let made = plane.post("/v1/greetings", made).await.json();
    let id: GreetingId = text(&made["id"]).parse().expect("an id");
    let path = format!("/v1/greetings/{id}/results");
    let early = plane.get(&path).await;
    assert_eq!(
        (&early["answered"]["conclusion"], &early["arms"][1]["outcomes"]["calls"]),
        (&json!("not_enough_data"), &json!(0))
    );
    let mut calls = Vec::new();
    for n in 0..80 {
        let (arm, goal) = if n % 2 == 0 { ("plain", n % 20 == 0) } else { ("warm", n % 4 == 1) };
        let began = Began {
            greeting: Some(id),
            round: 1,
            arm: Some(arm.to_owned()),
            goal: Some("note:appointment".to_owned()),
            rendered: true,
            ..Began::default()
        };
        let heard = SessionEvent::Greeted {
            turn: TurnId(1),
            first_audible: Some(Duration::from_millis(100 + u64::try_from(n).expect("small"))),
            clipped: n % 40 == 1,
            talked_over: n % 10 == 0,
        };
        let call = begun(plane.org, 600 - n).greeted(began).event(300, heard).caller(900, 2, "hi");
        let call = if goal { call.noted(950, "appointment", json!({})) } else { call };
        calls.push(call);
    }
    plane.record(&calls).await;
    // Written again, as after a crash: nothing is counted twice.
    plane.record(&calls).await;
    let found = plane.get(&path).await;
    let (plain, warm) = (&found["arms"][0]["outcomes"], &found["arms"][1]["outcomes"]);
    assert_eq!(
        (&plain["calls"], &plain["goal_reached"], &plain["talked_over"]),
        (&json!(40), &json!(4), &json!(8))
    );
    assert_eq!(
        (&warm["calls"], &warm["goal_reached"], &warm["clipped"]),
        (&json!(40), &json!(20), &json!(2))
    );
    assert_eq!(
        (&plain["answered"], &plain["rendered_ahead"], &plain["heard_whole"]),
        (&json!(40), &json!(40), &json!(32))
    );
    // 4 of 40 and 20 of 40.
    let goal = &found["goal_reached"];
    assert_eq!((&goal["conclusion"], &goal["arm"]), (&json!("differs"), &json!("warm")));
    assert!(goal["p"].as_f64().is_some_and(|p| (0.000_05..0.000_2).contains(&p)), "{goal}");
    assert_eq!(
        found["answered"]["conclusion"], "not_enough_data",
        "everybody answered: nothing tells them apart"
    );
    let measures = plane.get("/v1/greeting-measures?days=7").await;
    assert_eq!(measures["greetings"][0]["greeting_id"], json!(id.to_string()));
    assert_eq!(measures["total"]["first_audible_median_ms"], 139.5);
    let (_, theirs) = plane.other("other").await;
    let seen = ask(Method::GET, "/v1/greeting-measures").key(&theirs).of(&plane.router).await.json();
    assert_eq!(seen["total"]["calls"], 0);
}

#[tokio::test]
async fn a_greeting_is_heard_in_each_of_the_agents_voices() {
    let plane = Plane::new().await;
    let agent = plane.get("/v1/agents/front-desk").await["id"].clone();
    let said = plane.post("/v1/greeting-audio", json!({"agent_id": agent, "text": "Hello."})).await.json();
    assert_eq!((&said["audio"], &said["voices"][0]), (&json!("Hello."), &json!("front-desk's voice")));
    let second = json!({"agent_id": agent, "text": "Hello.", "voice": 1});
    let refused = plane.post("/v1/greeting-audio", second).await.is_problem(422, "BODY_INVALID");
    assert_eq!(refused["errors"][0]["pointer"], "/voice");
    let mute = json!({"agent_id": agent, "text": UNSPEAKABLE});
    plane.post("/v1/greeting-audio", mute).await.is_problem(502, "VENDOR_FAILED");
    let empty = json!({"agent_id": agent, "text": ""});
    plane.post("/v1/greeting-audio", empty).await.is_problem(422, "BODY_INVALID");
}

#[tokio::test]
async fn greetings_that_go_with_what_they_are_for_are_noted_one_by_one() {
    let plane = Plane::new().await;
    let shop = plane.post("/v1/domains", json!({"name": "shop", "title": "Shop"})).await.json();
    let block = json!({"domain_id": shop["id"], "wordings": ["Welcome to the shop."]});
    let greeting = plane.post("/v1/greetings", block).await.json();
    let told = plane.world.greeted.lock().expect("no panic").len();
    let gone = plane.delete(&format!("/v1/domains/{}", text(&shop["id"]))).await;
    assert_eq!(gone.status.as_u16(), 204, "{}", gone.text);
    let audit = plane.get("/v1/audit").await;
    let noted = audit["data"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|entry| entry["action"] == "greeting.delete" && entry["before"]["id"] == greeting["id"]);
    assert!(noted, "{audit}");
    assert_eq!(plane.world.greeted.lock().expect("no panic").len(), told + 1);
}
