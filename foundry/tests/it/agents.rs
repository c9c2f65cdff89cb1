//! Agents and keys from the command line, beside the server that serves them.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::process::{self, Ran};
use testkit::{Server, http};

use crate::{calling, house};

const WITHIN: Duration = Duration::from_secs(60);

fn foundry(server: &Server, arguments: &[&str]) -> Ran {
    let mut command = Command::new(house::PROGRAM);
    command.env("FOUNDRY_DATABASE_URL", server.database()).args(arguments);
    command.args(["--data-dir"]).arg(server.data_dir());
    process::run(&mut command, WITHIN)
}

/// With a key of the default organization, or the operator's token.
pub(crate) fn with(server: &Server, key: &str, method: &str, path: &str, body: &Value) -> http::Reply {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    http::request(server.url(), method, path, &headers, body.as_bytes()).expect("the server answers")
}

#[test]
fn a_key_is_printed_once_opens_the_organization_and_ends_when_it_is_revoked() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    let made = foundry(&server, &["key", "create", "--name", "deploy"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let key = made.stdout.trim().to_owned();
    assert!(key.starts_with("fdy_"), "{key}");
    let agents = with(&server, &key, "GET", "/v1/agents", &Value::Null);
    assert_eq!(agents.status, 200, "{}", agents.text());
    let listed = foundry(&server, &["key", "list"]);
    assert!(listed.stdout.contains("deploy") && !listed.stdout.contains(&key), "{}", listed.stdout);
    let id = listed.stdout.split_whitespace().next().expect("an id").to_owned();
    assert_eq!(foundry(&server, &["key", "revoke", &id]).code, Some(0));
    process::wait_for("the end of the key", WITHIN, || {
        (with(&server, &key, "GET", "/v1/agents", &Value::Null).status == 401).then_some(())
    });
    let elsewhere = foundry(&server, &["key", "list", "--organization", "nobody"]);
    assert!(elsewhere.code == Some(1) && elsewhere.stderr.contains("nobody"), "{}", elsewhere.stderr);
}

#[test]
fn agents_go_out_into_files_and_come_back_published() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("plain");
    let out = foundry(&server, &["export", path]);
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    let file = folder.path().join("front-desk.json");
    let mut definition: Value =
        serde_json::from_str(&std::fs::read_to_string(&file).expect("written")).expect("JSON");
    definition["greeting"] = json!(["Welcome to the imported desk."]);
    std::fs::write(&file, definition.to_string()).expect("writable");
    let dry = foundry(&server, &["import", path, "--publish", "prod", "--dry-run"]);
    assert!(dry.stderr.contains("would: front-desk"), "{}", dry.stderr);
    let versions = || {
        let bearer = server.read("/v1/agents/front-desk/versions").json();
        bearer["data"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(versions(), 1);
    let taken = foundry(&server, &["import", path, "--publish", "prod", "--note", "from git"]);
    assert_eq!(taken.code, Some(0), "{}", taken.stderr);
    assert_eq!(versions(), 2);
    // The server follows what others publish.
    process::wait_for("the new greeting", WITHIN, || {
        let call = calling::place(&server, "websocket", &[]);
        call.ran.stdout.contains("imported desk").then_some(())
    });
    definition["nodes"]["desk"] = json!({"kind": "nonsense"});
    std::fs::write(&file, definition.to_string()).expect("writable");
    let refused = foundry(&server, &["import", path]);
    assert!(refused.code == Some(1) && refused.stderr.contains("AGENT_INVALID"), "{}", refused.stderr);
}

#[test]
fn a_greeting_by_the_api_is_what_the_next_caller_hears_and_a_draft_is_not() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    let key = server.token();
    let agent = with(&server, &key, "GET", "/v1/agents/front-desk", &Value::Null).json();
    let greeting = json!({"agent_id": agent["id"], "wordings": ["Hello from the greetings page."]});
    let made = with(&server, &key, "POST", "/v1/greetings", &greeting);
    assert_eq!(made.status, 201, "{}", made.text());
    process::wait_for("the greeting", WITHIN, || {
        let call = calling::place(&server, "websocket", &[]);
        call.ran.stdout.contains("greetings page").then_some(())
    });
    let stranger =
        server.post("/start", &json!({"transport": "websocket", "body": {"agent": "front-desk@draft"}}));
    assert_eq!(stranger.status, 401, "{}", stranger.text());
    let unknown =
        server.post("/start", &json!({"transport": "websocket", "body": {"agent": "front-desk@nowhere"}}));
    assert_eq!(unknown.status, 404, "{}", unknown.text());
}
