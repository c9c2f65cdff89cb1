//! Requests made from the document, sensible and otherwise: each must be answered as the document says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use control_api::recording::Name;
use domain::{Encoding, EndReason, Role};
use serde_json::json;

use crate::fake::{KEY_OF_VENDOR, SECRET};
use crate::plane::Plane;
use crate::record::begun;

/// As `scripts/setup.sh test` installs it.
const VERSION: &str = "4.32.5";
const SECONDS: &str = "45";
/// Longer, and with other requests at each run, to look further by hand: seconds.
const LONGER: &str = "SCHEMATHESIS_SECONDS";

fn program() -> PathBuf {
    let cache = std::env::var_os("AGENT_FOUNDRY_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache/agent-foundry")
    });
    let program = cache.join(format!("schemathesis-{VERSION}/bin/st"));
    assert!(program.is_file(), "{} is missing: run scripts/setup.sh test", program.display());
    program
}

fn time() -> Vec<String> {
    match std::env::var(LONGER) {
        Ok(seconds) => vec!["--max-time".into(), seconds],
        Err(_) => vec!["--max-time".into(), SECONDS.into(), "--generation-deterministic".into()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_what_the_document_says() {
    let plane = Plane::new().await;
    for name in ["one", "two"] {
        plane.post("/v1/domains", json!({"name": name})).await.json();
    }
    let account = json!({"name": "voices", "vendor": "elevenlabs", "key": KEY_OF_VENDOR});
    plane.post("/v1/provider-accounts", account).await.json();
    let price = json!({"vendor": "own", "model": "*", "unit": "request", "price_nano_usd": 1});
    plane.post("/v1/prices", price).await.json();
    let agent = plane.get("/v1/agents/front-desk").await;
    let environment = plane.get("/v1/environments").await["data"][0]["id"].clone();
    let route = json!({"number": "+41441234567", "agent_id": agent["id"], "environment_id": environment});
    plane.post("/v1/routes", route).await.json();
    let call = begun(plane.org, 60).caller(10, 1, "Hello?").answered(10, 1, 300).recorded();
    let call = call.ended(900, EndReason::CallerLeft);
    plane.record(std::slice::from_ref(&call)).await;
    plane.world.logs.lock().expect("no panic").insert(call.id());
    let file = (Name::new(Role::Caller, 1, Encoding::Opus), b"0123".to_vec());
    plane.world.recordings.lock().expect("no panic").insert(call.id(), vec![file]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let service = plane.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    // What it remembers from one run to the next does not belong into the sources.
    let folder = tempfile::tempdir().expect("a folder");
    let run = tokio::process::Command::new(program())
        .arg("--config-file")
        .arg(config)
        .args(["run", &format!("http://{address}/openapi.json"), "--checks", "all", "--no-color"])
        // Agents are archived and keys revoked: both stay to be read, since calls and the audit log name them.
        .args(["--exclude-checks", "use_after_free"])
        // The operator: a key might revoke itself.
        .args(["--header", &format!("Authorization: Bearer {SECRET}")])
        .args(time())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::select! {
        ended = axum::serve(listener, service) => panic!("the server ended: {ended:?}"),
        output = run => output.expect("it runs"),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
