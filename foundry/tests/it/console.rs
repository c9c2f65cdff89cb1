//! The console in real Chromium, beside the newcomer's hour of `browser.rs`: how all of it looks, two editors of one draft, keys alone.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::process;

use crate::browser::tell;
use crate::{house, vendors};

/// What the fake recogniser of these servers hears.
const LINES: &str = "[\"How much does it cost?\", \"What are your opening hours?\", \"Thank you, goodbye.\"]";

#[test]
fn every_page_of_the_console_is_accessible_and_fits_the_screen_in_both_schemes() {
    let server = house::hearing(LINES, "", &[]);
    let _quiet = house::quiet();
    let speech = house::root().join("testkit/speech");
    let arguments = [
        ("--token", &*server.token()),
        ("--program", house::PROGRAM),
        ("--speech", speech.to_str().expect("plain")),
    ];
    let story = tell("console-pages.mjs", &server, &arguments);
    let report = &story.report;
    assert_eq!(report["findings"], json!([]), "of accessibility and width");
    assert_eq!(report["breaches"], json!([]), "the pages' policy was broken");
    assert_eq!(report["paged"], json!([50, 53]), "a list is read on to its end");
}

#[test]
fn the_second_of_two_editors_merges_and_nothing_is_lost() {
    let server = house::timed("", &[]);
    let _quiet = house::quiet();
    let story = tell("merge.mjs", &server, &[("--token", &server.token())]);
    let report = &story.report;
    let (first, second) = ("The first editor says hello.", "The second editor says hello.");
    assert_eq!(report["contested"], json!(["/greeting"]), "{report}");
    let sides = report["sides"].to_string();
    assert!(sides.contains(first) && sides.contains(second), "both changes are shown: {sides}");
    assert_eq!(report["kept"], json!(["/options/page/description", "/title"]), "{report}");
    assert_eq!(report["locked"], true, "it could be saved before a side was chosen");
    assert_eq!(report["unchanged"]["greeting"][0], first, "it was saved before it was merged");

    // Both hands, field by field; what neither touched is as it was.
    let merged = with(report["before"].clone(), |draft| {
        draft["greeting"][0] = json!(first);
        draft["options"]["page"]["description"] = json!("What the first editor wrote.");
        draft["title"] = json!("Title of the second");
    });
    assert_eq!(report["definition"], merged);
    assert_eq!(report["fits"], 0, "different fields need no choice");
    assert_eq!(report["last"], with(merged, |draft| draft["language"] = json!("de")));

    let wordings = &report["wordings"];
    assert_eq!(wordings["contested"], 0, "different wordings need no choice: {wordings}");
    assert_eq!(wordings["joined"], json!(["• One of the first.\n• Two.\n• Three of the second."]));
    assert_eq!(wordings["greeting"], json!(["One of the first.", "Two.", "Three of the second."]));
}

fn with(mut draft: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut draft);
    draft
}

#[test]
fn keys_alone_make_publish_and_roll_back_an_agent_and_play_its_call() {
    let server = house::timed("", &[]);
    let _quiet = house::quiet();
    let story = tell("keyboard.mjs", &server, &[("--token", &server.token())]);
    let report = &story.report;
    assert_eq!(report["recorded"], "On, nobody is told", "{report}");
    assert_eq!(report["back"], "v1", "{report}");
    let at = |when: &str| report["sought"][when].as_f64().unwrap_or_default();
    assert!(at("before") > 800.0 && at("after") > at("before") + 1_000.0, "{report}");
}

#[test]
fn days_that_calls_and_recordings_are_kept_are_set_and_set_back_to_for_ever() {
    let server = house::timed("", &[]);
    let _quiet = house::quiet();
    let story = tell("settings.mjs", &server, &[("--token", &server.token())]);
    let report = &story.report;
    let saved = |calls: Value, recordings: Value, shown: [&str; 2]| json!({"status": 200, "server": [calls, recordings], "shown": shown});
    assert_eq!(report["before"], json!([null, null]), "{report}");
    assert_eq!(report["set"], saved(json!(90), json!(14), ["90", "14"]));
    assert_eq!(report["refused"], true, "no days at all can be saved");
    assert_eq!(report["half"], saved(json!(null), json!(14), ["", "14"]), "one is set back alone");
    assert_eq!(report["back"], saved(json!(null), json!(null), ["", ""]));
}

#[test]
fn what_is_wrong_with_a_form_stands_at_its_fields_and_newcomers_find_their_way() {
    let server = house::timed("", &[]);
    let _quiet = house::quiet();
    let mut made = Command::new(house::PROGRAM);
    // On the server's directory nobody has to say at which port it listens.
    made.env("FOUNDRY_DATABASE_URL", server.database()).arg("admin-link");
    made.arg("--data-dir").arg(server.data_dir());
    let made = process::run(&mut made, Duration::from_secs(60));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let link = made.stdout.lines().next().expect("a link");
    assert!(link.starts_with(&format!("{}/#admin=", server.url())), "{link}");
    let story = tell("forms.mjs", &server, &[("--token", &*server.token()), ("--link", link)]);
    let report = &story.report;
    assert_eq!(report["entered"], true, "{report}");
    let again = report["again"].as_str().unwrap_or_default();
    assert!(
        again.contains("This link was used already, 20")
            && again.contains("foundry admin-link on the server"),
        "{again}"
    );

    let said = |form: &Value, field: &str| form["fields"][field].as_str().unwrap_or_default().to_owned();
    let routes = &report["routes"];
    assert!(said(routes, "/number").contains("stands at the end alone"), "{routes}");
    assert!(said(routes, "/trunk").contains("lower-case letters"), "{routes}");
    assert_eq!((&routes["focus"], &routes["pointers"]), (&json!("/number"), &json!(false)), "{routes}");
    assert_eq!(routes["end"], "2 fields need another look.", "{routes}");

    let (first, second) = (&report["campaigns"]["first"], &report["campaigns"]["second"]);
    assert!(said(first, "/title").contains("Fill this in."), "{first}");
    assert_eq!(said(first, "/concurrency"), "From 1 to 100.", "{first}");
    assert_eq!(said(first, "/retry/after_s"), "Up to 10,080 minutes, and not none.", "{first}");
    assert_eq!(first["focus"], "/title", "{first}");
    assert!(said(second, "/trunk").contains("Fill this in."), "there is none to choose: {second}");
    assert_eq!(second["focus"], "/trunk", "{second}");

    let greetings = &report["greetings"];
    assert!(
        !said(greetings, "/wordings/1").is_empty(),
        "the one that was sent is the form's second: {greetings}"
    );
    assert_eq!(greetings["focus"], "/wordings/1", "{greetings}");
    for form in ["routes", "campaigns", "greetings"] {
        assert_eq!(report[form]["agent"], "Twice", "one that callers reach: {report}");
    }
    assert_eq!(report["rollBack"], json!({"once": [], "twice": ["prod"]}), "{report}");
    assert_eq!(report["wide"], json!([]), "pages are wider than a telephone");
    assert_eq!(report["part"], "routes", "{report}");
}

/// How soon is printed, not asserted: on a machine that is also at other work no such limit holds.
#[test]
fn an_open_page_of_latencies_shows_a_call_and_its_turn_as_they_happen() {
    // No farewell among the lines: the caller hangs up once all is shown, however long that takes.
    let lines = "[\"What are your opening hours?\", \"How much does it cost?\", \"Where are you?\"]";
    let server = house::hearing(lines, "", &[]);
    let _quiet = house::quiet();
    let speech = testkit::speech("desk_hours.wav");
    let arguments = [("--token", &*server.token()), ("--speech", speech.to_str().expect("plain"))];
    let story = tell("live.mjs", &server, &arguments);
    let report = &story.report;
    let before = &report["before"];
    assert_eq!((&before["Active calls"], &before["Response, p50"]), (&json!("0"), &json!("–")), "{report}");
    let lags = report["lags"].as_object().expect("by what was waited for");
    for stage in ["Endpointing", "Thinking", "Sentence", "Synthesis", "Playout", "Response"] {
        assert!(lags.keys().any(|name| name.contains(stage)), "nothing of {stage}: {report}");
    }
    let slowest = lags.iter().max_by_key(|(_, lag)| lag.as_i64());
    eprintln!("what was shown last came after {slowest:?} ms");
}

#[test]
fn the_order_of_providers_is_chosen_tried_published_and_there_again() {
    let _quiet = house::quiet();
    let world = vendors::World::start();
    let server = house::timed("", &[]);
    vendors::model(&server, "first", &world);
    vendors::model(&server, "second", &world);
    vendors::voices(&server, &world);
    let story = tell("providers.mjs", &server, &[("--token", &server.token())]);
    let report = &story.report;
    for (tried, model) in [
        (&report["thinks"][0], "compat-small"),
        (&report["thinks"][1], "compat-large"),
        (&report["speaks"], ""),
    ] {
        let tried = tried.as_str().unwrap_or_default();
        let (ms, rest) = tried.split_once("ms to the first answer").expect("how fast it was");
        assert!(ms.trim().parse::<u32>().is_ok_and(|ms| ms > 0) && rest.contains(model), "{report}");
    }
    let speaks = json!([{"provider": "voices", "voice": "river"}, {"provider": "built-in"}]);
    let thinks = json!([{"provider": "second", "model": "compat-large"}, {"provider": "first"}]);
    assert_eq!(report["published"], json!({"llm": thinks, "tts": speaks}), "{report}");
    let again = json!({
        "llm": {"providers": ["second", "first"], "models": ["compat-large", ""]},
        "tts": {"providers": ["voices", "built-in"], "models": [""]},
    });
    assert_eq!(report["again"], again, "{report}");
    assert_eq!(report["draft"], json!({"llm": [thinks[0]], "tts": speaks}), "{report}");
}
