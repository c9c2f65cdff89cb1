//! The OpenAPI document: complete, and the one that is committed.

use std::path::Path;

use control_server::Options;
use serde_json::Value;

use crate::fake::{World, get};

fn document() -> Value {
    serde_json::from_str(&control_server::openapi()).expect("JSON")
}

/// Set to write the committed document anew.
const UPDATE: &str = "UPDATE_OPENAPI";

#[test]
fn the_committed_document_is_what_the_server_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi/openapi.json");
    let made = control_server::openapi();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(&path, &made).expect("writable");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "docs/openapi/openapi.json is not up to date: run the tests with {UPDATE}=1");
}

#[test]
fn every_path_of_the_control_plane_is_documented() {
    let paths = include_str!("../../../api/src/paths.rs");
    let documented = document();
    let all = paths.lines().filter_map(|line| line.split('"').nth(1)).filter(|path| path.starts_with("/v1/"));
    let mut seen = 0;
    for path in all {
        assert!(documented["paths"][path].is_object(), "{path} is not documented");
        seen += 1;
    }
    assert_eq!(Some(seen), documented["paths"].as_object().map(serde_json::Map::len));
}

#[test]
fn every_operation_declares_its_parameters_and_errors_and_each_code_has_a_page() {
    let document = document();
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let at = format!("{method} {path}");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for name in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                let declared = |one: &Value| one["name"] == name && one["in"] == "path";
                assert!(parameters.iter().any(declared), "{at}: {name} is not declared");
            }
            let responses = operation["responses"].as_object().expect("responses");
            let refusals = responses.iter().filter(|(status, _)| status.starts_with(['4', '5']));
            let mut codes = 0;
            for (status, response) in refusals {
                assert!(response["content"]["application/problem+json"].is_object(), "{at}: {status}");
                let said = response["description"].as_str().expect("a description");
                for code in said.split('`').skip(1).step_by(2) {
                    assert!(pages.join(format!("{code}.md")).is_file(), "{at}: {code} has no page");
                    codes += 1;
                }
            }
            assert!(codes >= 2, "{at}: no errors declared");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{at}: no success declared");
            assert!(operation["operationId"].is_string() && operation["tags"][0].is_string(), "{at}");
        }
    }
}

#[tokio::test]
async fn the_document_is_served_to_programs_and_as_a_page_that_loads_nothing_from_elsewhere() {
    let router = World::new().router(Options::default());
    let served = get("/openapi.json").of(&router).await;
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.json(), document());
    let page = get("/docs").of(&router).await;
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    assert!(page.header("content-security-policy").is_some());
    for part in ["/v1/agents/{id}/publish", "If-Match", "DefinitionProblem"] {
        assert!(page.text.contains(part), "{part}");
    }
    assert!(!page.text.contains("src=\"http"));
    // Each part is found from the page's head.
    let tags = document()["tags"].as_array().expect("a list").clone();
    assert!(tags.len() > 5);
    for name in tags.iter().map(|tag| tag["name"].as_str().expect("a name")) {
        let place = name.replace(' ', "-");
        assert!(page.text.contains(&format!("<a href=\"#{place}\">{name}</a>")), "{name}");
        assert_eq!(page.text.matches(&format!("<h2 id=\"{place}\">")).count(), 1, "{name}");
    }
}
