//! HTTPS: a certificate made at start and one that was given, calls over both transports, and what is said of those that
//! cannot be used.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::process::{self, Ran};
use testkit::{Server, http};

use crate::calling::{self, line};
use crate::house::{self, PROGRAM};

/// A certificate and its key as files.
struct Pair {
    cert: PathBuf,
    key: PathBuf,
}

fn pair(folder: &Path, name: &str) -> Pair {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let pair = Pair { cert: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) };
    std::fs::write(&pair.cert, made.cert.pem()).expect("writable");
    std::fs::write(&pair.key, made.signing_key.serialize_pem()).expect("writable");
    pair
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// One question and its answer; `prepare` adds to the command line.
fn ask(server: &Server, transport: &str, prepare: impl FnOnce(&mut Command)) -> Ran {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let recording = folder.path().join("reply.wav");
    let mut command = calling::command(server, transport, &[line("desk_hours.wav")], &recording);
    prepare(&mut command);
    process::run(&mut command, Duration::from_secs(60))
}

fn assert_answered(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stdout.matches("\"answered\":true").count(), 2, "the greeting and the answer: {ran:?}");
}

#[test]
fn calls_are_made_over_https_with_a_certificate_made_at_start() {
    let _quiet = house::among_others();
    let server = house::timed("", &["--tls-self-signed"]);
    assert!(server.url().starts_with("https://"), "{}", server.url());
    for transport in ["webrtc", "websocket"] {
        assert_answered(&ask(&server, transport, |call| _ = call.arg("--insecure")));
    }
    for transport in ["webrtc", "mulaw"] {
        let distrustful = ask(&server, transport, |_| {});
        assert_eq!(distrustful.code, Some(1));
        assert!(distrustful.stderr.starts_with("error: CERTIFICATE_UNTRUSTED: "), "{distrustful:?}");
        assert!(distrustful.stderr.contains("--insecure"), "{distrustful:?}");
    }
}

#[test]
fn a_given_certificate_is_shown_and_who_trusts_it_needs_no_flag() {
    let _quiet = house::among_others();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let Pair { cert, key } = pair(folder.path(), "given");
    let server = house::timed("", &["--tls-cert", text(&cert), "--tls-key", text(&key)]);
    assert!(server.url().starts_with("https://"), "{}", server.url());
    for transport in ["webrtc", "websocket"] {
        assert_answered(&ask(&server, transport, |call| _ = call.env("SSL_CERT_FILE", &cert)));
    }
    assert!(!server.log().contains("PRIVATE KEY"), "{}", server.log());
    // Plain HTTP on the same port gets no page.
    let plain = server.url().replacen("https", "http", 1);
    assert!(!http::request(&plain, "GET", "/healthz", &[], b"").is_ok_and(|reply| reply.status == 200));
}

#[test]
fn a_certificate_or_key_that_cannot_be_used_is_named_with_its_code() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (one, other) = (pair(folder.path(), "one"), pair(folder.path(), "other"));
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("writable");
        path
    };
    let none = folder.path().join("none.pem");
    let garbage = file("garbage.pem", "no certificate at all\n");
    let pem = |kind: &str| format!("-----BEGIN {kind}-----\nZ2FyYmFnZSBpbnNpZGU=\n-----END {kind}-----\n");
    let damaged_cert = file("damaged.pem", &pem("CERTIFICATE"));
    let damaged_key = file("damaged.key", &pem("PRIVATE KEY"));
    for (cert, key, code, named) in [
        (&none, &one.key, "TLS_CERT_UNREADABLE", &none),
        (&garbage, &one.key, "TLS_CERT_UNREADABLE", &garbage),
        (&damaged_cert, &one.key, "TLS_CERT_UNREADABLE", &damaged_cert),
        (&one.cert, &none, "TLS_KEY_UNREADABLE", &none),
        (&one.cert, &garbage, "TLS_KEY_UNREADABLE", &garbage),
        (&one.cert, &one.cert, "TLS_KEY_UNREADABLE", &one.cert),
        (&one.cert, &damaged_key, "TLS_KEY_UNREADABLE", &damaged_key),
        (&one.cert, &other.key, "TLS_MISMATCH", &other.key),
    ] {
        let arguments = ["--providers", "fake", "--tls-cert", text(cert), "--tls-key", text(key)];
        let Err((status, log)) = Server::launch(PROGRAM, &arguments) else {
            unreachable!("served with {} and {}", cert.display(), key.display());
        };
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains(&format!("error: {code}: ")), "not {code}: {log}");
        assert!(log.contains(text(named)), "{} is not named: {log}", named.display());
        assert!(!log.contains("panicked"), "{log}");
        assert!(house::root().join(format!("docs/errors/{code}.md")).is_file(), "{code} has no page");
    }
}
