//! Every fault at every kind of provider on a running server, each in a test environment and a call of its own, all at once: what the callers
//! hear, and what the reports say of it.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Server, process};

use crate::agents::with;
use crate::house;
use crate::realtime::speak;
use crate::typing::Caller;
use crate::vendors::{World, account, model, save};

/// A call's record is written while it goes on.
const WITHIN: Duration = Duration::from_secs(30);

const FAULTS: [(&str, &str); 7] = [
    ("refuse", "connect"),
    ("hang", "before_output"),
    ("slow", "before_output"),
    ("garbage", "before_output"),
    ("close", "mid_sentence"),
    ("silence", "before_output"),
    ("quota", "connect"),
];

/// The answer of the timed models, by whomever, or what callers are told in place of one.
const ANSWERS: [&str; 4] =
    ["you said", "technical problem", "lost my train of thought", "went wrong on my side"];

/// Hangs up, so that nobody waits for the caller to come back.
const LEAVES: &str = r#"{"label":"rtvi-ai","type":"disconnect-bot","id":"10","data":{}}"#;

struct Cell {
    environment: String,
    kind: &'static str,
    fault: &'static str,
    drill: String,
}

/// Of each kind the account that is asked first, which the drills strike.
const FIRST: [(&str, &str); 3] = [("stt", "ears"), ("llm", "one"), ("tts", "voices")];

fn made(server: &Server, method: &str, path: &str, body: &Value) -> Value {
    let reply = with(server, &server.token(), method, path, body);
    assert!(matches!(reply.status, 200 | 201), "{path}: {}", reply.text());
    reply.json()
}

/// A version of the assistant that has one account and one that stands in for it, of each kind.
fn published(server: &Server, world: &World) -> Value {
    let place = |vendor: &str| format!("http://{}{vendor}", world.address);
    for (name, vendor, options) in [
        ("ears", "deepgram", json!({"base_url": place("")})),
        ("voices", "elevenlabs", json!({"base_url": place("/elevenlabs")})),
    ] {
        let key = "key-0123456789-0123456789";
        account(server, &json!({"name": name, "vendor": vendor, "key": key, "options": options}));
    }
    model(server, "one", world);
    model(server, "two", world);
    let path = "/v1/agents/assistant/draft";
    let draft = made(server, "GET", path, &Value::Null);
    let mut definition = draft["definition"].clone();
    definition["greeting"] = json!(["Hello."]);
    definition["options"]["providers"] = json!({
        "stt": [{"provider": "ears"}, {"provider": "built-in"}],
        "llm": [{"provider": "one"}, {"provider": "two"}],
        "tts": [{"provider": "voices"}, {"provider": "built-in"}],
    });
    save(server, "assistant", &definition, &draft["revision"]);
    let revision = format!("\"{}\"", made(server, "GET", path, &Value::Null)["revision"]);
    let bearer = format!("Bearer {}", server.token());
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("if-match", revision.as_str()),
    ];
    let publish = "/v1/agents/assistant/publish";
    let published = testkit::http::request(server.url(), "POST", publish, &headers, b"{}");
    let published = published.expect("the server answers");
    assert!(published.status < 300, "{}", published.text());
    published.json()["number"].clone()
}

fn started(server: &Server, version: &Value) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (kind, _) in FIRST {
        for (fault, moment) in FAULTS {
            let environment = format!("{kind}-{fault}");
            made(server, "POST", "/v1/environments", &json!({"name": environment}));
            let alias = format!("/v1/agents/assistant/aliases/{environment}");
            made(server, "PUT", &alias, &json!({"version": version}));
            let drill = json!({"environment": environment, "kind": kind, "fault": fault, "moment": moment});
            let drill = made(server, "POST", "/v1/drills", &drill);
            let drill = drill["id"].as_str().expect("an id").to_owned();
            cells.push(Cell { environment, kind, fault, drill });
        }
    }
    cells
}

/// Asks, and hears the answer or what is said in its place, with sound.
fn call(server: &Server, cell: &Cell) {
    let mut caller = Caller::connect(server, &format!("/ws?agent=assistant@{}", cell.environment));
    caller.answered();
    let heard_before = caller.sounding;
    if cell.kind == "stt" {
        speak(&mut caller);
    } else {
        caller.say("I grow basil indoors");
    }
    caller.until("an answer or the last resort", |message| {
        let text = message["data"]["text"].as_str().unwrap_or_default().to_lowercase();
        message["type"] == "bot-transcription" && ANSWERS.iter().any(|answer| text.contains(answer))
    });
    caller.until("its end", |message| message["type"] == "bot-stopped-speaking");
    let heard = caller.sounding - heard_before;
    assert!(heard > 10, "{}: {heard} frames of sound for {:?}", cell.environment, caller.said());
    caller.send(LEAVES);
    caller.ends();
}

fn check_report(server: &Server, cell: &Cell) {
    let (_, first) = FIRST.iter().find(|(kind, _)| *kind == cell.kind).expect("of each kind");
    let path = format!("/v1/drills/{}/report", cell.drill);
    let answered = |report: &Value, wanted: &dyn Fn(&Value) -> bool| -> i64 {
        let of_kind = report["answered"].as_array().into_iter().flatten();
        let of_kind = of_kind.filter(|one| one["kind"] == cell.kind && wanted(&one["provider"]));
        of_kind.map(|one| one["completed"].as_i64().unwrap_or(0)).sum()
    };
    let struck = |report: &Value| -> i64 {
        let of_kind = report["answered"].as_array().into_iter().flatten();
        let of_first = of_kind.filter(|one| one["kind"] == cell.kind && one["provider"] == *first);
        of_first.map(|one| one["failed"].as_i64().unwrap_or(0) + one["cancelled"].as_i64().unwrap_or(0)).sum()
    };
    let whole = |report: &Value| {
        let rescued = answered(report, &|name| name != first) > 0;
        report["calls_ended"] == 1 && struck(report) > 0 && (rescued || report["last_resorts"] != 0)
    };
    let mut last = Value::Null;
    let mut looks = 0;
    let report = process::wait_for(&format!("the report of {}", cell.environment), WITHIN, || {
        last = made(server, "GET", &path, &Value::Null);
        looks += 1;
        // One that lacks something to the end is shown.
        (whole(&last) || looks > 400).then(|| last.clone())
    });
    assert!(whole(&report), "{}: {report}", cell.environment);
    assert_eq!(
        (&report["drill"]["kind"], &report["drill"]["fault"]),
        (&json!(cell.kind), &json!(cell.fault))
    );
    let counts = (&report["calls"], &report["calls_lost"], &report["words_doubled"]);
    assert_eq!(counts, (&json!(1), &json!(0), &json!(0)), "{report}");
}

#[test]
fn whichever_provider_fails_and_however_every_caller_hears_an_answer_and_every_report_tells_of_it() {
    let _quiet = house::quiet();
    let world = World::start();
    // All call from one address, and each cell is a few requests.
    let server = house::timed("[server]\nconnecting_per_address = 64\nrequests_per_minute = 10000", &[]);
    let version = published(&server, &world);
    let struck = json!({"environment": "prod", "kind": "llm", "fault": "hang"});
    let refused = with(&server, &server.token(), "POST", "/v1/drills", &struck);
    assert!(refused.status == 422 && refused.text().contains("never struck"), "{}", refused.text());
    let cells = started(&server, &version);
    process::wait_for("every drill to begin, and the assistant everywhere", WITHIN, || {
        let log = server.log();
        let begun = log.lines().filter(|line| line.contains("a fault drill begins")).count();
        let last = json!({"transport": "websocket", "body": {"agent": format!("assistant@{}", cells.last()?.environment)}});
        (begun == cells.len() && server.post("/start", &last).status == 200).then_some(())
    });
    std::thread::scope(|scope| {
        let calls: Vec<_> = cells.iter().map(|cell| (cell, scope.spawn(|| call(&server, cell)))).collect();
        let failed =
            calls.into_iter().filter_map(|(cell, call)| call.join().is_err().then_some(&cell.environment));
        let failed: Vec<&String> = failed.collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
    for cell in &cells {
        check_report(&server, cell);
    }
}
