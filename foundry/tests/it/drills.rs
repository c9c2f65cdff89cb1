//! Fault drills on a running server: started from the command line, heard by callers of a test environment alone, told of in a report.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Server;
use testkit::process::{self, Ran};

use crate::agents::with;
use crate::house;
use crate::typing::Caller;
use crate::vendors::{World, model};

const WITHIN: Duration = Duration::from_secs(30);

fn drill(server: &Server, arguments: &[&str]) -> Ran {
    let mut command = Command::new(house::PROGRAM);
    command.env("FOUNDRY_TOKEN", server.token()).arg("drill").args(arguments);
    command.args(["--url", server.url()]);
    process::run(&mut command, WITHIN)
}

fn call(server: &Server, agent: &str, question: &str) {
    let mut caller = Caller::connect(server, &format!("/ws?agent={agent}"));
    caller.answered();
    caller.say(question);
    caller.told(&format!("you said {}", question.to_lowercase()));
    caller.until("the end of the reply", |message| message["type"] == "bot-stopped-speaking");
}

#[test]
fn a_drill_strikes_callers_of_its_environment_until_it_is_stopped_and_is_told_of_in_a_report() {
    let _quiet = house::among_others();
    let (first, second) = (World::start(), World::start());
    let server = house::timed("", &[]);
    model(&server, "one", &first);
    model(&server, "two", &second);
    let served = json!({"version": 1});
    let served = with(&server, &server.token(), "PUT", "/v1/agents/assistant/aliases/dev", &served);
    assert!(served.status < 300, "{}", served.text());
    process::wait_for("the assistant in dev", WITHIN, || {
        let asked = json!({"agent": "assistant@dev"});
        (with(&server, &server.token(), "POST", "/start", &asked).status == 200).then_some(())
    });

    let refused = drill(&server, &["start", "--fault", "quota", "--kind", "llm", "--environment", "prod"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("never struck"), "{}", refused.stderr);
    let started = drill(
        &server,
        &[
            "start",
            "--fault",
            "hang",
            "--moment",
            "before-output",
            "--kind",
            "llm",
            "--environment",
            "dev",
            "--minutes",
            "5",
        ],
    );
    assert_eq!(started.code, Some(0), "{}", started.stderr);
    let id = started.stdout.split_whitespace().next().expect("an id").to_owned();
    assert!(drill(&server, &["list"]).stdout.contains(&id));
    process::wait_for("the drill to begin", WITHIN, || {
        server.log().contains("a fault drill begins").then_some(())
    });

    let before = second.asked();
    call(&server, "assistant@dev", "I grow basil indoors");
    assert!(second.asked() > before, "the second account answered for the first, which a drill struck");
    let (asked_first, asked_second) = (first.asked(), second.asked());
    call(&server, "assistant", "It likes the window");
    assert!(first.asked() > asked_first, "callers of prod are served by the first account");
    assert_eq!(second.asked(), asked_second, "what the drill broke is whole for everybody else");

    let report = || -> Value {
        let told = drill(&server, &["report", &id, "--json"]);
        serde_json::from_str(&told.stdout).unwrap_or_else(|_| unreachable!("{}", told.stderr))
    };
    let told = process::wait_for("the call in the report", WITHIN, || {
        let told = report();
        (told["calls"] == 1 && told["answered"].to_string().contains("\"two\"")).then_some(told)
    });
    assert_eq!(
        (&told["calls_lost"], &told["last_resorts"], &told["words_doubled"]),
        (&json!(0), &json!(0), &json!(0))
    );

    let stopped = drill(&server, &["stop", &id]);
    assert!(stopped.stdout.contains("stopped"), "{} {}", stopped.stdout, stopped.stderr);
    process::wait_for("the drill to end", WITHIN, || {
        server.log().contains("a fault drill is over").then_some(())
    });
    let asked_second = second.asked();
    call(&server, "assistant@dev", "It is over now");
    assert_eq!(second.asked(), asked_second, "nobody is struck any more");
}
