//! LiveKit rooms, the rarer ways: a page whose microphone is on before it is connected and that does what the agent asks, and a LiveKit
//! server behind TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use testkit::livekit::{KEY, LiveKit, SECRET};
use testkit::words::error_rate;
use testkit::{Server, process};
use tokio::net::{TcpListener, TcpStream};

use crate::house;
use crate::livekit::{joins, registered, settings, speaking};

/// Who asks about opening hours is shown them, by a tool that is the page's.
fn shows() -> Value {
    json!({
        "name": "front-desk", "title": "Front desk", "version": 1, "entry": "desk", "greeting": ["Welcome to the front desk."],
        "state": {"shown": {"type": "object"}},
        "nodes": {
            "desk": {"kind": "intent", "unknown": ["I did not understand you."],
                     "intents": {"hours": {"examples": ["what are your opening hours on saturday", "when are you open", "opening hours please"]}}},
            "show": {"kind": "tool", "tool": "client.show_hours", "args": {"day": "Saturday"}, "into": "shown"},
            "read": {"kind": "say", "text": ["As your screen shows, we are open {shown.hours} that day."]},
            "blind": {"kind": "say", "text": ["I could not show it: {error.code}."]},
        },
        "edges": [
            {"from": "desk", "on": "hours", "to": "show"},
            {"from": "show", "to": "read"},
            {"from": "show", "on": "error", "to": "blind"},
        ],
    })
}

/// Chromium's own recorder: all is said before the page connects, and a method of the page is called from the graph. Words on both sides
/// of the connection are tested with the Python client in `media/livekit`.
#[test]
fn what_a_page_says_before_it_is_connected_is_heard_and_it_does_what_the_agent_asks() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let folder = tempfile::tempdir().expect("a folder");
    let agents = folder.path().join("agents");
    std::fs::create_dir(&agents).expect("writable");
    std::fs::write(agents.join("front-desk.json"), shows().to_string()).expect("writable");
    let config = folder.path().join("foundry.toml");
    std::fs::write(&config, format!("agents_dir = {agents:?}\n{}", settings(&rooms))).expect("writable");
    let server = speaking(&config);
    let story = joins("livekit-page.mjs", &server);
    let report = &story.report;
    let shown = &report["shown"];
    assert_eq!(shown["day"], "Saturday", "{report}");
    assert_eq!(shown["by"], report["agents"][0]["identity"], "{report}");
    let texts = report["texts"].as_array().expect("a list").iter();
    let finals: Vec<&str> = texts
        .filter(|text| text["identity"] == report["identity"])
        .filter(|text| text["attributes"]["lk.transcription_final"] == "true")
        .filter_map(|text| text["text"].as_str())
        .collect();
    // They come from its recorder alone, none of them lost and none twice.
    let rate = error_rate(&testkit::transcript("desk_hours.wav"), &finals.join(" "));
    assert!(rate <= 0.35, "understood {finals:?}");
}

/// What a server behind a balancer is: TLS in front, and the server as it was behind.
#[expect(clippy::disallowed_methods, reason = "it ends with the runtime of its test")]
async fn behind_tls(listener: TcpListener, server: SocketAddr, acceptor: tokio_rustls::TlsAcceptor) {
    while let Ok((socket, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut tls) = acceptor.accept(socket).await else { return };
            let Ok(mut plain) = TcpStream::connect(server).await else { return };
            let _over = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
        });
    }
}

fn acceptor(cert: &Path, key: &Path) -> tokio_rustls::TlsAcceptor {
    let certs = CertificateDer::pem_file_iter(cert).expect("a file").collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certs.expect("certificates"), key);
    tokio_rustls::TlsAcceptor::from(Arc::new(config.expect("a pair")))
}

#[test]
fn a_livekit_server_behind_tls_is_worked_for_and_entered_by_those_who_trust_it() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(&cert, made.cert.pem()).expect("writable");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("writable");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let behind = SocketAddr::from(([127, 0, 0, 1], rooms.port()));
    runtime.spawn(behind_tls(listener, behind, acceptor(&cert, &key)));
    let url = format!("wss://localhost:{port}");
    let config = folder.path().join("foundry.toml");
    let text = format!(
        "[providers]\nspeech = \"fake\"\n[providers.fake.stt]\nlines = {}\n\
         [livekit]\nurl = \"{url}\"\napi_key = \"{KEY}\"\napi_secret = \"{SECRET}\"\n",
        house::FAKE_LINES
    );
    std::fs::write(&config, text).expect("writable");
    let (config, cert) = (config.to_str().expect("plain"), cert.to_str().expect("plain"));
    let trusting = [("SSL_CERT_FILE", cert)];
    let server = Server::launch_in(house::PROGRAM, &["--config", config], &trusting).expect("it starts");
    registered(&server);
    let call = |environment: &[(&str, &str)], more: &[&str]| {
        let mut command = std::process::Command::new(house::PROGRAM);
        command.args(["call", "--livekit", &url, "--json", "--wav"]).arg(testkit::speech("desk_hours.wav"));
        command.args(more);
        command.env("LIVEKIT_API_KEY", KEY).env("LIVEKIT_API_SECRET", SECRET);
        process::run(command.envs(environment.iter().copied()), Duration::from_secs(120))
    };
    for ran in [call(&trusting, &[]), call(&[], &["--ca", cert])] {
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
        let answers = ran.stdout.matches("\"answered\":true").count();
        assert_eq!(answers, 2, "the greeting and an answer: {}", ran.stdout);
    }
    for (more, why) in [(&[][..], "LIVEKIT_UNREACHABLE"), (&["--ca", config], "LIVEKIT_OPTIONS: --ca:")] {
        let ran = call(&[], more);
        assert_eq!(ran.code, Some(1), "{}", ran.stdout);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
}
