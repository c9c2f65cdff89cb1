//! How `foundry call` ends: what it says and its exit code where no conversation came about.

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::{any, post};
use runtime::{Kind, Tasks};
use serde_json::Value;
use testkit::process::{self, Ran};

use crate::house::{self, PROGRAM};

const WITHIN: Duration = Duration::from_secs(60);

fn call(url: &str, arguments: &[&str]) -> Ran {
    process::run(Command::new(PROGRAM).args(["call", "--url", url, "--json"]).args(arguments), WITHIN)
}

pub(crate) fn assert_failed(ran: &Ran, code: &str, says: &str) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.starts_with(&format!("error: {code}: ")), "{ran:?}");
    assert!(ran.stderr.contains(says), "{ran:?}");
    assert!(house::root().join(format!("docs/errors/{code}.md")).is_file(), "{code} has no page");
}

/// A server that takes every call and says nothing; it ends with the value.
struct Mute {
    url: String,
    _runtime: tokio::runtime::Runtime,
    _tasks: Tasks,
}

impl Mute {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("bound");
        let started = format!("{{\"wsUrl\":\"ws://{address}/ws\"}}");
        let router = Router::new().route("/start", post(move || std::future::ready(started.clone()))).route(
            "/ws",
            any(|upgrade: WebSocketUpgrade| async {
                upgrade.on_upgrade(|mut socket| async move { while let Some(Ok(_)) = socket.recv().await {} })
            }),
        );
        let tasks = Tasks::new();
        let entered = runtime.enter();
        tasks.spawn(Kind::new("test.mute"), async move { axum::serve(listener, router).await });
        drop(entered);
        Self { url: format!("http://{address}"), _runtime: runtime, _tasks: tasks }
    }
}

#[test]
fn an_agent_that_says_nothing_is_a_failure() {
    let _quiet = house::among_others();
    let mute = Mute::start();
    let over = ["--transport", "websocket", "--reply-within", "1"];
    let silent = call(&mute.url, &over);
    assert_failed(&silent, "AGENT_SILENT", "never answered the call");
    let speech = testkit::speech("desk_bye.wav");
    let unanswered = call(&mute.url, &[&over[..], &["--wav", speech.to_str().expect("plain")]].concat());
    assert_failed(&unanswered, "AGENT_SILENT", "at least one of the lines");
    let turns: Vec<Value> =
        unanswered.stdout.lines().map(|turn| serde_json::from_str(turn).expect("JSON")).collect();
    assert_eq!(turns.len(), 2, "{}", unanswered.stdout);
    assert!(turns.iter().all(|turn| turn["answered"] == false), "{}", unanswered.stdout);
}

#[test]
fn a_call_that_never_came_about_names_the_code_and_what_to_do() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    for transport in ["webrtc", "websocket", "mulaw"] {
        let refused = call(server.url(), &["--agent", "nobody", "--transport", transport]);
        assert_failed(&refused, "AGENT_UNKNOWN", "/v1/widget/agents");
    }
    assert_failed(&call(server.url(), &["--wav", "none.wav"]), "RECORDING_UNUSABLE", "none.wav");
    drop(server);

    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("bound").to_string();
    drop(free);
    for transport in ["webrtc", "websocket", "mulaw"] {
        let nobody = call(&format!("http://{address}"), &["--transport", transport]);
        assert_failed(&nobody, "SERVER_UNREACHABLE", &address);
    }
}

/// A proxy, or another program, answers in the server's place.
#[test]
fn an_answer_that_is_not_the_servers_is_told_from_a_refusal() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("a caller");
            let _head = stream.read(&mut [0; 4096]);
            let answer =
                "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<h1>502</h1>\r\n";
            stream.write_all(answer.as_bytes()).expect("it listens");
        });
        assert_failed(&call(&url, &[]), "SERVER_ANSWER_UNKNOWN", "502");
    });
}
