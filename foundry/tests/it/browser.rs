//! Real Chromium: the page at `/`, the embedded widget, the published Pipecat client. The stories are in `web/e2e`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::process::Ran;
use testkit::words::{error_rate, normal};
use testkit::{Server, process};

use crate::newcomer::mentions_saturday_hours;
use crate::{ears, house};

/// A browser starts, talks or looks at fifty pages, for a minute or two, and ends; the rest is a busy machine.
const STORY_WITHIN: Duration = Duration::from_secs(600);

pub(crate) struct Story {
    pub(crate) report: Value,
    folder: tempfile::TempDir,
}

impl Story {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, key: &str) -> &str {
        self.report[key].as_str().unwrap_or_default()
    }
}

pub(crate) fn tell(script: &str, server: &Server, arguments: &[(&str, &str)]) -> Story {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let ran = act(script, server.url(), &folder, arguments);
    told(script, folder, &ran, &server.log())
}

/// Runs a story to its end.
fn act(script: &str, url: &str, folder: &tempfile::TempDir, arguments: &[(&str, &str)]) -> Ran {
    let mut command = Command::new("node");
    command.arg(house::root().join("web/e2e").join(script)).args(["--url", url]);
    command.arg("--out").arg(folder.path());
    for (name, value) in arguments {
        command.args([name, value]);
    }
    process::run(&mut command, STORY_WITHIN)
}

fn told(script: &str, folder: tempfile::TempDir, ran: &Ran, log: &str) -> Story {
    keep_pictures(&folder);
    assert_eq!(ran.code, Some(0), "{script}\n{}\n{}\nserver:\n{log}", ran.stdout, ran.stderr);
    let report: Value =
        ran.stdout.lines().last().and_then(|line| serde_json::from_str(line).ok()).expect("one line of JSON");
    eprintln!("{script}: {report}");
    assert_eq!(report["uncaught"], Value::Array(Vec::new()), "errors in the page");
    Story { report, folder }
}

/// With `FOUNDRY_E2E_PICTURES=DIR` the screenshots and recordings stay there.
fn keep_pictures(folder: &tempfile::TempDir) {
    let Some(target) = std::env::var_os("FOUNDRY_E2E_PICTURES") else { return };
    let copied = Command::new("cp").arg("-rT").arg(folder.path()).arg(target).status();
    assert!(copied.is_ok_and(|status| status.success()), "the pictures could not be kept");
}

#[test]
fn a_person_talks_to_the_page_moves_to_another_network_and_reads_the_call() {
    let server = house::speaking();
    let _quiet = house::quiet();
    let speech = testkit::speech("desk_hours.wav");
    let arguments = [("--token", &*server.token()), ("--speech", speech.to_str().expect("plain"))];
    let story = tell("talk.mjs", &server, &arguments);
    let report = &story.report;

    assert_eq!(story.text("transport"), "webrtc");
    let states: Vec<&str> =
        report["states"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for state in ["connecting", "speaking", "listening", "thinking", "reconnecting"] {
        assert!(states.contains(&state), "never {state}: {states:?}");
    }
    let said = |role: &str| -> Vec<&Value> {
        report["lines"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|line| line["role"] == role && line["final"] == true)
            .collect()
    };
    let callers: Vec<&str> = said("caller").iter().filter_map(|line| line["text"].as_str()).collect();
    assert!(
        error_rate(&testkit::transcript("desk_hours.wav"), callers[0]) <= 0.35,
        "understood {:?}",
        callers[0]
    );
    assert_eq!(callers.len(), 3, "{callers:?}");

    let heard = ears::words(&story.file("reply.wav"));
    eprintln!("in the page: {heard}");
    let agents: Vec<&str> = said("agent").iter().filter_map(|line| line["text"].as_str()).take(2).collect();
    let rate = error_rate(&agents.join(" "), &heard);
    assert!(rate <= 0.3, "the page shows {agents:?} and played {heard:?}: {rate:.2}");

    assert_eq!(report["back"]["session"], report["session"], "another call after the network changed");
    assert!(report["back"]["lines"].as_u64() >= report["kept"].as_u64(), "lines were lost: {report}");

    let page = &report["page"];
    assert!(page["lines"].as_array().is_some_and(|lines| lines.len() >= 7), "{page}");
    let waterfalls = page["waterfalls"].as_array().cloned().unwrap_or_default();
    assert!(!waterfalls.is_empty(), "no waterfall: {page}");
    for waterfall in waterfalls {
        adds_up(&waterfall);
    }
}

/// What a newcomer does in the first hour: an agent from a template, a call to its draft, a version, what happened in the call and how it
/// sounded, a greeting changed by a program, and the version before it back again.
#[test]
fn a_newcomer_makes_an_agent_hears_its_call_and_goes_back_a_version() {
    let server = house::speaking();
    let _quiet = house::quiet();
    let speech = testkit::speech("desk_hours.wav");
    let arguments = [("--token", &*server.token()), ("--speech", speech.to_str().expect("plain"))];
    let story = tell("console.mjs", &server, &arguments);
    let report = &story.report;
    assert_eq!(report["breaches"], Value::Array(Vec::new()), "the pages' policy was broken");
    assert!(story.text("greeting").contains("newcomer"), "the draft's own greeting: {report}");
    assert_eq!((&report["first"], &report["second"]), (&1.into(), &2.into()), "{report}");
    assert!(story.text("back").contains("v1"), "{report}");
    let seen = &report["seen"];
    assert!(seen["played_ms"].as_f64().is_some_and(|played| played > 1_500.0), "it was not heard: {seen}");
    let marks = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let marked = marks(&seen["marked"]);
    assert!(!marked.is_empty(), "what was searched for is not marked in the call: {seen}");
    assert!(
        marked.iter().all(|one| one.as_str().is_some_and(|one| one.eq_ignore_ascii_case("haircut"))),
        "{seen}"
    );
    let about = seen["listed"]["about"].as_str().unwrap_or_default().to_lowercase();
    let whole =
        about.split(|letter: char| !letter.is_alphanumeric()).filter(|word| *word == "haircut").count();
    assert_eq!(marks(&seen["listed"]["marked"]).len(), whole, "in the list: {seen}");
    let waterfalls = seen["waterfalls"].as_array().cloned().unwrap_or_default();
    assert!(!waterfalls.is_empty(), "no waterfall: {seen}");
    waterfalls.iter().for_each(adds_up);
}

/// What an operator sees of a vendor without prices: that its cost is not known, then what it is once there is a price.
#[test]
fn an_operator_sets_a_missing_price_and_sees_what_the_next_call_costs() {
    let _quiet = house::quiet();
    let world = crate::vendors::World::start();
    let server = house::timed("", &[]);
    crate::vendors::model(&server, "own-llm", &world);
    crate::vendors::assistant_can_be_called(&server);
    let story = tell("costs.mjs", &server, &[("--token", &*server.token())]);
    let report = &story.report;
    assert_eq!(story.text("unknown"), "unknown", "nothing without a price is shown as nothing: {report}");
    assert_eq!(report["missing"], 3, "input, cached and output: {report}");
    assert!(report["alerts"].to_string().contains("price_unknown"), "{report}");
    let known = story.text("known");
    assert!(
        known.starts_with("$0.0") && known.ends_with("and more"),
        "the first call's stay unknown: {known}"
    );
    assert!(report["parts"][0].as_str().is_some_and(|part| part.contains("own-llm")), "{report}");
    assert!(story.text("spent").contains("of $5.00"), "{report}");
    assert!(story.text("health").contains("own-llm"), "{report}");
}

fn adds_up(waterfall: &Value) {
    let sum: f64 = waterfall["parts"].as_array().into_iter().flatten().filter_map(Value::as_f64).sum();
    let total = waterfall["total"].as_str().unwrap_or_default();
    let (number, unit) =
        total.split_once(|c: char| c.is_whitespace() || c == '\u{a0}').unwrap_or((total, "ms"));
    let number: f64 = number.replace(',', "").parse().expect("a number");
    let (total_ms, slack_ms) = if unit.trim() == "s" { (number * 1000.0, 10.0) } else { (number, 1.0) };
    assert!((sum - total_ms).abs() <= slack_ms, "the parts are {sum} ms, the response {total_ms} ms");
}

#[test]
fn where_udp_is_blocked_the_widget_falls_back_to_a_websocket_and_comes_back_to_its_call() {
    let _quiet = house::quiet();
    // Browsers are told of an address where nobody is.
    let server = house::timed("", &["--advertise", "192.0.2.1"]);
    let story = tell("fallback.mjs", &server, &[]);
    let report = &story.report;
    assert_eq!(story.text("transport"), "websocket");
    assert!(report["heard"]["peak"].as_u64() > Some(1000), "nothing was played: {report}");
    assert_eq!(report["back"]["session"], report["session"]);
    assert!(report["back"]["lines"].as_u64() >= report["kept"].as_u64(), "{report}");
    assert!(normal(story.text("second")).iter().any(|word| word == "forty"), "{report}");
}

/// The page comes back by itself, over WebRTC, to the conversation that the server had when it was killed.
#[test]
fn a_page_comes_back_to_its_call_after_the_server_was_killed_and_started_again() {
    let _quiet = house::quiet();
    let port = free_port();
    let listen = ["--listen", &format!("127.0.0.1:{port}")];
    let mut server = house::timed("", &listen);
    let (url, token) = (server.url().to_owned(), server.token());
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let ran = std::thread::scope(|scope| {
        let acting = scope.spawn(|| act("crash.mjs", &url, &folder, &[("--token", &token)]));
        let talking = folder.path().join("talking");
        process::wait_for("a call that is under way", STORY_WITHIN, || {
            (talking.exists() || acting.is_finished()).then_some(())
        });
        process::signal(server.pid(), "KILL");
        server
            .restart(house::PROGRAM, &[&["--providers", "fake"], &listen[..]].concat())
            .expect("started again");
        acting.join().expect("the story ends")
    });
    let story = told("crash.mjs", folder, &ran, &server.log());
    let report = &story.report;
    assert_eq!(report["back"]["session"], report["session"], "another call");
    assert_eq!(report["back"]["transport"], "webrtc");
    let lines = report["lines"].as_array().map_or(0, Vec::len) as u64;
    assert!(Some(lines) > report["kept"].as_u64(), "lines were lost: {report}");
}

#[test]
fn the_widget_works_on_a_page_that_is_allowed_and_says_why_not_on_another() {
    let _quiet = house::quiet();
    // The page's origin must be known before the server starts.
    let port = free_port();
    let origin = format!("http://shop.localhost:{port}");
    let server = house::timed("", &["--allow-origin", &origin]);
    let story = tell("embed.mjs", &server, &[("--port", &port.to_string())]);
    assert!(story.text("answer").to_lowercase().contains("maple street"), "{}", story.report);
    assert_eq!(story.text("refused"), "ORIGIN_FORBIDDEN");
    assert!(story.text("advice").len() > 20, "{}", story.report);
}

#[test]
fn the_page_of_a_closed_server_says_what_to_do_and_is_let_in_by_the_printed_address() {
    let _quiet = house::quiet();
    let server = house::timed("", &["--open", "false"]);
    let story = tell("closed.mjs", &server, &[("--token", &server.token())]);
    assert_eq!(
        (story.text("code"), story.text("transport")),
        ("OPERATOR_ONLY", "webrtc"),
        "{}",
        story.report
    );
    assert!(story.text("advice").contains("the link that the server printed"), "{}", story.report);
    let listed = |whom: &str| story.report[whom].as_u64().expect("counted");
    assert_eq!(listed("strangers"), 0, "whom there is to talk to: {}", story.report);
    assert_eq!(listed("agents"), 1, "{}", story.report);
}

#[test]
fn an_operator_writes_a_greeting_sees_and_hears_it_and_so_does_a_caller() {
    let _quiet = house::quiet();
    let server = house::timed("", &[]);
    let story = tell("greetings.mjs", &server, &[("--token", &server.token())]);
    let report = &story.report;
    assert!(story.text("problem").contains("caller.name"), "{report}");
    assert!(story.text("shown").ends_with("from the greetings page, Anna."), "{report}");
    assert!(report["seconds"].as_f64().is_some_and(|seconds| seconds > 0.3), "{report}");
    assert!(
        story.text("heard").contains("greetings page") && !story.text("heard").contains("Anna"),
        "{report}"
    );
    assert!(story.text("figures").contains("Clipped"), "{report}");
}

/// A client of RFC 9725 by hand: both ways on one peer, and a voice and an ear apart.
#[test]
fn a_page_calls_by_whip_on_one_peer_or_on_two() {
    let server = house::speaking();
    let _quiet = house::quiet();
    for (way, peers) in [("both", 1), ("apart", 2)] {
        let report = by_whip(&server, &[("--way", way)]);
        assert_eq!(report["routes"].as_array().map_or(0, Vec::len), peers, "{report}");
        assert_eq!(report["call"]["trickled"], 204, "{report}");
    }
}

/// Through a real coturn, with credentials of the caller's own.
#[test]
fn media_goes_by_the_turn_server_that_callers_are_given_credentials_for() {
    let turn = testkit::turn::Server::start("north-of-the-river");
    let settings =
        format!("[[server.ice_servers]]\nurls = [\"{}\"]\nsecret = \"north-of-the-river\"\n", turn.url());
    let _quiet = house::quiet();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = folder.path().join("foundry.toml");
    std::fs::write(&config, settings).expect("writable");
    let config = config.to_str().expect("plain");
    let server = Server::start(house::PROGRAM, &["--providers", "local", "--config", config]);
    let report = by_whip(&server, &[("--way", "both"), ("--relay", "yes")]);
    assert_eq!(report["routes"], serde_json::json!(["relay"]), "{report}");
    let link = report["call"]["link"].as_str().unwrap_or_default();
    assert!(link.contains("rel=\"ice-server\"") && !link.contains("north-of"), "{report}");
}

fn by_whip(server: &Server, arguments: &[(&str, &str)]) -> Value {
    let speech = testkit::speech("desk_hours.wav");
    let token = server.token();
    let mut all = vec![("--token", token.as_str()), ("--speech", speech.to_str().expect("plain"))];
    all.extend(arguments);
    let story = tell("whip.mjs", server, &all);
    let heard = ears::words(&story.file("reply.wav"));
    assert!(mentions_saturday_hours(&heard), "played: {heard}");
    let report = story.report.clone();
    assert_eq!((&report["ended"], &report["again"]), (&200.into(), &404.into()), "{report}");
    assert_eq!(report["session"]["end_reason"], "caller_left", "{report}");
    report
}

fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    free.expect("a free port").port()
}

fn pipecat(transport: &str) {
    let server = house::speaking();
    let _quiet = house::quiet();
    let speech = testkit::speech("desk_hours.wav");
    let arguments = [("--transport", transport), ("--speech", speech.to_str().expect("plain"))];
    let story = tell("pipecat.mjs", &server, &arguments);
    let report = &story.report;
    assert!(report["ready"]["version"].as_str().is_some_and(|version| version.starts_with('2')), "{report}");
    assert!(report["errors"].as_array().is_some_and(Vec::is_empty), "{report}");
    assert!(
        report["states"].as_array().is_some_and(|states| states.iter().any(|state| state == "ready")),
        "{report}"
    );
    let finals: Vec<&str> = report["user"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|said| said["final"] == true)
        .filter_map(|said| said["text"].as_str())
        .collect();
    let rate = error_rate(&testkit::transcript("desk_hours.wav"), &finals.join(" "));
    assert!(rate <= 0.35, "understood {finals:?}");
    let heard = ears::words(&story.file("reply.wav"));
    assert!(mentions_saturday_hours(&heard), "played: {heard}");
}

#[test]
fn the_published_pipecat_client_talks_over_webrtc() {
    pipecat("webrtc");
}

#[test]
fn the_published_pipecat_client_talks_over_its_websocket() {
    pipecat("websocket");
}
