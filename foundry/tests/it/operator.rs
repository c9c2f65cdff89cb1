//! What the operator's token opens: what was said in calls, and a closed server.

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use testkit::socket::Socket;
use testkit::{http, process};

use crate::calling::{self, line};
use crate::house;

/// An address of this machine that is not loopback; where packets to the outside would leave from. Nothing is sent.
pub(crate) fn address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback())
}

#[test]
fn calls_are_read_by_the_address_that_was_printed() {
    let _quiet = house::among_others();
    let server = house::timed("", &["--listen", "0.0.0.0:0"]);
    let kept = server.data_dir().join("operator-token");
    let token = std::fs::read_to_string(&kept).expect("a token was made");
    let mode = std::fs::metadata(&kept).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "others may read the token");
    let log = server.log();
    let (_, code) = log.split_once("/#admin=").expect("a link is printed");
    let code: String = code.chars().take_while(char::is_ascii_hexdigit).collect();
    let link = |base: &str| format!("{base}/#admin={code}\n");
    assert!(log.contains(&link(server.url())) && !log.contains(&token), "the address is not printed: {log}");
    let redeem = || {
        let body = format!("{{\"code\":\"{code}\"}}");
        http::request(server.url(), "POST", "/v1/operator/session", &[], body.as_bytes())
            .expect("the server answers")
            .status
    };
    assert_eq!((redeem(), redeem()), (204, 403), "the link is good once");

    let port = server.url().rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    let ask = |base: &str, path: &str, headers: &[(&str, &str)]| {
        http::request(base, "GET", path, headers, b"").expect("the server answers")
    };
    let bearer = format!("Bearer {token}");
    // What a proxy on this machine passes on looks like a request of the machine itself.
    let here = format!("http://127.0.0.1:{port}");
    let elsewhere = address().map(|address| format!("http://{address}:{port}"));
    if let Some(elsewhere) = &elsewhere {
        assert!(server.log().contains(&link(elsewhere)), "{}", server.log());
    }
    for base in [Some(here), elsewhere].iter().flatten() {
        for path in ["/v1/sessions", "/metrics"] {
            let refused = ask(base, path, &[]);
            assert!([401, 403].contains(&refused.status), "{}", refused.text());
            assert_eq!(ask(base, path, &[("authorization", &bearer)]).status, 200, "{base}{path}");
        }
        let body = format!("{{\"token\":\"{token}\"}}");
        let signed_in = http::request(base, "POST", "/v1/operator/session", &[], body.as_bytes())
            .expect("the server answers");
        assert_eq!(signed_in.status, 204, "{}", signed_in.text());
        let cookie =
            signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
        assert_eq!(ask(base, "/v1/sessions", &[("cookie", cookie)]).status, 200);
    }
}

#[test]
fn a_given_token_is_asked_of_everyone_and_is_neither_printed_nor_kept() {
    let _quiet = house::among_others();
    let settings = "[server]\noperator_token = \"given-by-the-operator\"\n";
    let server = house::timed(settings, &[]);
    assert_eq!(server.get("/v1/sessions").status, 401);
    let headers = [("authorization", "Bearer given-by-the-operator")];
    let read = http::request(server.url(), "GET", "/v1/sessions", &headers, b"").expect("the server answers");
    assert_eq!(read.status, 200);
    assert!(!server.log().contains("given-by-the-operator"), "{}", server.log());
    assert!(!server.data_dir().join("operator-token").exists());
}

#[test]
fn a_server_behind_a_proxy_gives_its_public_name_and_asks_everyone() {
    let _quiet = house::among_others();
    let server = house::timed(
        "",
        &["--public-url", "https://voice.example.com", "--ice-server", "stun:stun.example.com"],
    );
    assert_eq!(server.get("/v1/sessions").status, 401, "everyone comes from this machine");
    assert!(server.log().contains("https://voice.example.com/#admin="), "{}", server.log());
    let start = |transport: &str| server.post("/start", &serde_json::json!({"transport": transport})).json();
    let url = start("websocket")["wsUrl"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with("wss://voice.example.com/ws?"), "{url}");
    let ice = start("webrtc")["iceConfig"]["iceServers"][0]["urls"][0].clone();
    assert_eq!(ice, "stun:stun.example.com");
}

#[test]
fn a_closed_server_is_called_with_the_operators_permission_alone() {
    let _quiet = house::among_others();
    let server = house::timed("", &["--open", "false"]);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let call = |transport: &str, token: Option<&str>| {
        let recording = folder.path().join("reply.wav");
        let mut command = calling::command(&server, transport, &[line("desk_hours.wav")], &recording);
        command.env_remove("FOUNDRY_TOKEN").envs(token.map(|token| ("FOUNDRY_TOKEN", token)));
        process::run(&mut command, Duration::from_secs(60))
    };
    let refused = call("webrtc", None);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.starts_with("error: TOKEN_REQUIRED: "), "{}", refused.stderr);
    // Any program can name the server's own page.
    let mint = |headers: &[(&str, &str)], body: &str| {
        http::request(server.url(), "POST", "/v1/widget/token", headers, body.as_bytes()).expect("answers")
    };
    let claimed = mint(&[("origin", server.url())], "{}");
    assert_eq!((claimed.status, claimed.json()["code"].as_str()), (403, Some("OPERATOR_ONLY")));

    let bearer = format!("Bearer {}", server.token());
    let minted = mint(&[("authorization", &bearer)], "{\"ttl_s\":3600}").json();
    let minted = minted["token"].as_str().expect("a token");
    for (transport, token) in [("websocket", server.token().as_str()), ("webrtc", minted), ("mulaw", minted)]
    {
        let ran = call(transport, Some(token));
        assert_eq!(ran.code, Some(0), "{transport}: {}", ran.stderr);
        assert!(!ran.stdout.contains(token) && !ran.stderr.contains(token), "the token is shown");
    }
    let carrier = |path: String| Socket::open(server.url(), &path).expect("answers");
    assert_eq!(carrier("/media/twilio/front-desk".into()).err().map(|reply| reply.status), Some(401));
    assert_eq!(
        carrier("/media/twilio/front-desk/c1.forged".into()).err().map(|reply| reply.status),
        Some(401)
    );
    assert!(carrier(format!("/media/twilio/front-desk/{minted}")).is_ok(), "a carrier is not let in");
}
