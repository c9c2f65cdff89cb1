//! Calls on record: listed, searched, read while they run and after.

use control_store::opposite::Direction;
use domain::{EndReason, SessionEvent, SessionId, Source};
use serde_json::{Value, json};

use crate::fake::get;
use crate::plane::{Plane, text};
use crate::record::{NOW, Record, begun};

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().expect("a list").iter().map(|call| text(&call["id"])).collect()
}

/// A booking, as it was heard.
fn booking(plane: &Plane) -> Record {
    begun(plane.org, 600)
        .agent(100, 0, "Hello.")
        .caller(3000, 1, "I would like a haircut")
        .event(3050, SessionEvent::Node { turn: domain::TurnId(1), node: "booking".into() })
        .noted(3060, "appointment", json!({"service": "a haircut", "name": "Maria"}))
        .agent(3500, 1, "Gladly, Maria.")
        .answered(2800, 1, 600)
        .silence(5000, 2500)
        .ended(9000, EndReason::AgentEnded)
}

#[tokio::test]
async fn calls_are_listed_newest_first_in_pages_that_do_not_shift() {
    let plane = Plane::new().await;
    // Two of them began at the same moment.
    let calls: Vec<Record> = [50, 40, 30, 30, 10].map(|ago| begun(plane.org, ago)).to_vec();
    plane.record(&calls).await;
    let all = ids(&plane.get("/v1/sessions").await);
    assert_eq!((all.len(), &all[0], &all[4]), (5, &calls[4].id().to_string(), &calls[0].id().to_string()));
    let (mut seen, mut path) = (Vec::new(), "/v1/sessions?limit=2".to_owned());
    loop {
        let page = plane.get(&path).await;
        seen.extend(ids(&page));
        // What begins while somebody reads comes before the first page.
        plane.record(&[begun(plane.org, 0)]).await;
        assert_eq!(page["has_more"], !page["next_cursor"].is_null());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/sessions?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn the_cursor_of_another_list_is_refused() {
    let plane = Plane::new().await;
    plane.post("/v1/domains", json!({"name": "one"})).await.json();
    let page = plane.get("/v1/domains?limit=1").await;
    let cursor = text(&page["next_cursor"]);
    let reply = plane.send(get(&format!("/v1/sessions?cursor={cursor}"))).await;
    reply.is_problem(400, "PARAMETER_INVALID");
}

#[tokio::test]
async fn filters_narrow_the_list_alone_and_together() {
    let plane = Plane::new().await;
    let slow = begun(plane.org, 300).caller(900, 1, "one").answered(900, 1, 2000);
    let slow = slow.ended(5000, EndReason::CallerLeft);
    let silent = begun(plane.org, 200).over("twilio", "deepgram").silence(4000, 3000);
    let other = begun(plane.org, 100).agent_named("sales", 4).caller(10, 1, "two").answered(10, 1, 300);
    let other = other.ended(2000, EndReason::AgentEnded);
    let failure = SessionEvent::Failed {
        turn: None,
        source: Source::Provider,
        code: "TTS_TIMED_OUT".into(),
        message: "no audio".into(),
    };
    let failed = begun(plane.org, 50).event(100, failure).ended(200, EndReason::ProviderFailed);
    plane.record(&[slow.clone(), silent.clone(), other.clone(), failed.clone()]).await;
    let staging = plane.sql("select id from app.environments where name = 'staging'").await;
    let at_staging = format!(
        "update app.sessions set environment_id = '{staging}', outcome = 'appointment' where id = '{}'",
        other.id().as_uuid()
    );
    plane.sql(&at_staging).await;
    for (query, wanted) in [
        ("", vec![&failed, &other, &silent, &slow]),
        ("agent=sales", vec![&other]),
        ("agent=nobody", vec![]),
        ("transport=twilio", vec![&silent]),
        ("end_reason=caller_left", vec![&slow]),
        ("outcome=appointment", vec![&other]),
        ("environment=staging", vec![&other]),
        ("environment=prod", vec![]),
        ("environment=nowhere", vec![]),
        ("slower_than_ms=1999", vec![&slow]),
        ("slower_than_ms=2000", vec![]),
        ("problems=true", vec![&failed, &silent]),
        ("problems=false", vec![&failed, &other, &silent, &slow]),
        ("from=2027-01-15T07:57:00Z", vec![&failed, &other]),
        ("to=2027-01-15T07:57:00Z", vec![&silent, &slow]),
        ("from=2027-01-15T07:56:40Z&to=2027-01-15T07:58:20Z", vec![&silent]),
        ("problems=true&agent=front-desk&end_reason=provider_failed", vec![&failed]),
        ("agent=sales&transport=twilio", vec![]),
    ] {
        let found = ids(&plane.get(&format!("/v1/sessions?{query}")).await);
        let wanted: Vec<String> = wanted.into_iter().map(|call| call.id().to_string()).collect();
        assert_eq!(found, wanted, "{query}");
    }
}

#[tokio::test]
async fn a_call_says_who_called_whom_and_the_list_is_narrowed_by_it() {
    let plane = Plane::new().await;
    let out = begun(plane.org, 30).over("sip", "built-in").with(Direction::Outbound, Some("+49301234"));
    let came = begun(plane.org, 20).over("sip", "built-in").with(Direction::Inbound, Some("+41441234567"));
    let page = begun(plane.org, 10).with(Direction::Inbound, None);
    let old = begun(plane.org, 40);
    plane.record(&[out.clone(), came.clone(), page.clone(), old.clone()]).await;
    let named = |records: &[&Record]| records.iter().map(|one| one.id().to_string()).collect::<Vec<_>>();
    let listed = plane.get("/v1/sessions").await;
    assert_eq!(ids(&listed), named(&[&page, &came, &out, &old]));
    let shown: Vec<_> = listed["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|call| (&call["direction"], &call["party"]))
        .collect();
    let null = Value::Null;
    assert_eq!(
        shown,
        [
            (&json!("inbound"), &null),
            (&json!("inbound"), &json!("+41441234567")),
            (&json!("outbound"), &json!("+49301234")),
            (&null, &null)
        ]
    );
    let one = plane.get(&format!("/v1/sessions/{}", out.id())).await;
    assert_eq!((&one["direction"], &one["party"]), (&json!("outbound"), &json!("+49301234")));
    assert_eq!(ids(&plane.get("/v1/sessions?direction=outbound").await), named(&[&out]));
    assert_eq!(ids(&plane.get("/v1/sessions?direction=inbound").await), named(&[&page, &came]));
    plane.send(get("/v1/sessions?direction=sideways")).await.is_problem(400, "PARAMETER_INVALID");
}

#[tokio::test]
async fn what_either_side_said_is_searched() {
    let plane = Plane::new().await;
    let hours = begun(plane.org, 300).caller(10, 1, "When are you open on Sunday?");
    let hours = hours.agent(900, 1, "From nine to five.");
    let haircut = begun(plane.org, 200).caller(10, 1, "I want a haircut on Sunday");
    plane.record(&[hours.clone(), haircut.clone()]).await;
    for (words, wanted) in [
        ("sunday", vec![&haircut, &hours]),
        ("NINE", vec![&hours]),
        ("sunday%20haircut", vec![&haircut]),
        ("sunday%20-haircut", vec![&hours]),
        ("%22open%20on%20sunday%22", vec![&hours]),
        ("%22sunday%20open%22", vec![]),
        ("haircut%20or%20nine", vec![&haircut, &hours]),
        ("nothing", vec![]),
        ("%20", vec![&haircut, &hours]),
        ("sunday&to=2027-01-15T07:56:00Z", vec![&hours]),
        ("sunday&agent=sales", vec![]),
    ] {
        let found = ids(&plane.get(&format!("/v1/sessions?q={words}")).await);
        let wanted: Vec<String> = wanted.into_iter().map(|call| call.id().to_string()).collect();
        assert_eq!(found, wanted, "{words}");
    }
    let first = plane.get("/v1/sessions?q=sunday&limit=1").await;
    let rest =
        plane.get(&format!("/v1/sessions?q=sunday&limit=1&cursor={}", text(&first["next_cursor"]))).await;
    assert_eq!((ids(&first), ids(&rest)), (vec![haircut.id().to_string()], vec![hours.id().to_string()]));
    assert_eq!((&rest["has_more"], &rest["next_cursor"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn a_call_is_there_while_it_runs_and_says_how_long_it_has_lasted() {
    let plane = Plane::new().await;
    let running = begun(plane.org, 60).caller(2000, 1, "Hello?");
    plane.record(std::slice::from_ref(&running)).await;
    let listed = plane.get("/v1/sessions").await["data"][0].clone();
    assert_eq!((&listed["running"], &listed["duration_ms"]), (&json!(true), &json!(60_000.0)));
    assert_eq!((&listed["end_reason"], &listed["summary"]), (&Value::Null, &Value::Null));
    assert_eq!((&listed["turns"], &listed["first_words"]), (&json!(1), &json!("Hello?")));
    plane.world.pass(5);
    let path = format!("/v1/sessions/{}", running.id());
    assert_eq!(plane.get(&path).await["duration_ms"], 65_000.0);
    let ended = running.clone().ended(61_000, EndReason::CallerLeft);
    plane.record(std::slice::from_ref(&ended)).await;
    let call = plane.get(&path).await;
    assert_eq!((&call["running"], &call["duration_ms"]), (&json!(false), &json!(61_000.0)));
    assert_eq!((&call["end_reason"], &call["turns"]), (&json!("caller_left"), &json!(1)));
}

#[tokio::test]
async fn a_call_is_shown_with_what_was_said_what_was_noted_and_what_went_wrong() {
    let plane = Plane::new().await;
    let booked = booking(&plane);
    plane.record(std::slice::from_ref(&booked)).await;
    let noted = format!(
        "update app.sessions set fields = '{{\"appointment\": \"at ten\"}}', outcome = 'appointment', summary = 'S.' where id = '{}'",
        booked.id().as_uuid()
    );
    plane.sql(&noted).await;
    let path = format!("/v1/sessions/{}", booked.id());
    let call = plane.get(&path).await;
    let said: Vec<(String, String)> = call["transcript"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| (text(&line["role"]), text(&line["text"])))
        .collect();
    let line = |role: &str, words: &str| (role.to_owned(), words.to_owned());
    assert_eq!(
        said,
        [line("agent", "Hello."), line("caller", "I would like a haircut"), line("agent", "Gladly, Maria.")]
    );
    let began = (NOW - jiff::SignedDuration::from_secs(600)).to_string();
    assert_eq!((&call["id"], &call["started_at"]), (&json!(booked.id().to_string()), &json!(began)));
    assert_eq!((&call["outcome"], &call["summary"]), (&json!("appointment"), &json!("S.")));
    assert_eq!((&call["version"], &call["providers"]), (&json!(1), &json!(["built-in"])));
    assert_eq!((&call["response_median_ms"], &call["response_max_ms"]), (&json!(600.0), &json!(600.0)));
    assert_eq!((&call["dead_air_ms"], &call["dead_air"][0]["cause"]), (&json!(2500.0), &json!("thinking")));
    assert_eq!(call["fields"], json!({"appointment": "at ten"}));
    assert_eq!(call["notes"][0]["value"]["name"], "Maria");
    assert_eq!((&call["events_truncated"], &call["events"][0]["kind"]), (&json!(false), &json!("started")));
    let turns = plane.get(&format!("{path}/turns")).await;
    assert_eq!(turns["data"], call["turns_detail"]);
    let turn = &turns["data"][1];
    assert_eq!(
        (&turn["caller_text"], &turn["nodes"]),
        (&json!("I would like a haircut"), &json!(["booking"]))
    );
    let parts = &turn["latencies"];
    assert_eq!((&parts["response_ms"], &parts["endpointing_ms"]), (&json!(600.0), &json!(150.0)));
    let name = json!([{"account": "built-in", "model": "m-1"}]);
    assert_eq!(turn["served_by"], json!({"recognition": name, "thinking": [], "voice": name}));
}

#[tokio::test]
async fn events_are_read_from_any_place_on() {
    let plane = Plane::new().await;
    let booked = booking(&plane);
    plane.record(std::slice::from_ref(&booked)).await;
    let path = format!("/v1/sessions/{}/events", booked.id());
    let all = plane.get(&path).await;
    assert_eq!((&all["has_more"], &all["next_after"]), (&json!(false), &Value::Null));
    let all = all["data"].as_array().expect("a list").clone();
    let numbers: Vec<i64> = all.iter().filter_map(|event| event["sequence"].as_i64()).collect();
    assert_eq!(numbers, (0..11).collect::<Vec<i64>>());
    assert_eq!(
        (&all[3]["kind"], &all[3]["turn"], &all[3]["at_ms"]),
        (&json!("caller_turn"), &json!(1), &json!(3000.0))
    );
    let (mut seen, mut after) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page = plane.get(&format!("{path}?limit=4{after}")).await;
        seen.extend(page["data"].as_array().expect("a list").clone());
        let Some(next) = page["next_after"].as_i64() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, all);
    assert_eq!(plane.get(&format!("{path}?after=10")).await["data"], json!([]));
}

#[tokio::test]
async fn the_log_is_downloaded_where_it_lies_here() {
    let plane = Plane::new().await;
    let booked = booking(&plane);
    plane.record(std::slice::from_ref(&booked)).await;
    let (id, path) = (booked.id(), format!("/v1/sessions/{}/log", booked.id()));
    plane.send(get(&path)).await.is_problem(404, "LOG_MISSING");
    plane.world.logs.lock().expect("no panic").insert(id);
    let raw = plane.send(get(&path)).await;
    assert_eq!(raw.text, "{\"a\":1}\n{\"b\":2}\n");
    assert_eq!(raw.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(raw.header("content-length"), Some("16"));
    assert!(raw.header("content-disposition").expect("a name").contains(&format!("{id}.jsonl")));
    *plane.world.broken.lock().expect("no panic") = Some(id);
    plane.send(get(&path)).await.is_problem(500, "LOG_UNREADABLE");
}

#[tokio::test]
async fn a_call_that_is_not_on_record_is_not_found_whatever_lies_on_disk() {
    let plane = Plane::new().await;
    let on_disk = SessionId::generate();
    plane.world.logs.lock().expect("no panic").insert(on_disk);
    for id in [on_disk.to_string(), "nonsense".into()] {
        for part in ["", "/turns", "/events", "/log"] {
            plane.send(get(&format!("/v1/sessions/{id}{part}"))).await.is_problem(404, "NOT_FOUND");
        }
    }
}
