//! Who may read what was said: who sits at the machine, and from elsewhere who has the operator's token.

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;

use testkit::http;

use crate::house;

/// An address of this machine that is not loopback; where packets to the outside would leave from. Nothing is sent.
fn address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback())
}

#[test]
fn calls_are_closed_to_the_network_and_open_by_the_address_that_was_printed() {
    let _quiet = house::quiet();
    let server = house::timed("", &["--listen", "0.0.0.0:0"]);
    let kept = server.data_dir().join("operator-token");
    let token = std::fs::read_to_string(&kept).expect("a token was made");
    let mode = std::fs::metadata(&kept).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "others may read the token");
    let link = format!("/calls#token={token}");
    assert!(server.log().contains(&link), "the address is not printed: {}", server.log());

    assert_eq!(server.get("/v1/calls").status, 200, "at the machine itself nobody is asked");
    let port = server.url().rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    let ask = |base: &str, headers: &[(&str, &str)]| {
        http::request(base, "GET", "/v1/calls", headers, b"").expect("the server answers")
    };
    let bearer = format!("Bearer {token}");
    let forwarded = ask(server.url(), &[("x-forwarded-for", "203.0.113.9")]);
    assert_eq!((forwarded.status, forwarded.json()["code"].as_str()), (403, Some("OPERATOR_ONLY")));
    assert_eq!(
        ask(server.url(), &[("x-forwarded-for", "203.0.113.9"), ("authorization", &bearer)]).status,
        200
    );
    let Some(address) = address() else {
        eprintln!("this machine has no address but loopback: nobody comes from elsewhere");
        return;
    };
    assert!(server.log().contains(&address.to_string()), "{}", server.log());
    let elsewhere = format!("http://{address}:{port}");
    for path in ["/v1/calls", "/metrics"] {
        let refused = http::request(&elsewhere, "GET", path, &[], b"").expect("the server answers");
        assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("OPERATOR_ONLY")), "{path}");
    }
    assert_eq!(ask(&elsewhere, &[("authorization", &bearer)]).status, 200);
    let body = format!("{{\"token\":\"{token}\"}}");
    let signed_in = http::request(&elsewhere, "POST", "/v1/operator/session", &[], body.as_bytes())
        .expect("the server answers");
    assert_eq!(signed_in.status, 204, "{}", signed_in.text());
    let cookie =
        signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    assert_eq!(ask(&elsewhere, &[("cookie", cookie)]).status, 200);
}

#[test]
fn a_given_token_is_asked_of_everyone_and_is_neither_printed_nor_kept() {
    let _quiet = house::quiet();
    let settings = "[server]\noperator_token = \"given-by-the-operator\"\n";
    let server = house::timed(settings, &[]);
    assert_eq!(server.get("/v1/calls").status, 403);
    let headers = [("authorization", "Bearer given-by-the-operator")];
    let read = http::request(server.url(), "GET", "/v1/calls", &headers, b"").expect("the server answers");
    assert_eq!(read.status, 200);
    assert!(!server.log().contains("given-by-the-operator"), "{}", server.log());
    assert!(!server.data_dir().join("operator-token").exists());
}

#[test]
fn a_server_behind_a_proxy_gives_its_public_name_and_asks_everyone() {
    let _quiet = house::quiet();
    let server = house::timed(
        "",
        &["--public-url", "https://voice.example.com", "--ice-server", "stun:stun.example.com"],
    );
    assert_eq!(server.get("/v1/calls").status, 403, "everyone comes from this machine");
    assert!(server.log().contains("https://voice.example.com/calls#token="), "{}", server.log());
    let start = |transport: &str| server.post("/start", &serde_json::json!({"transport": transport})).json();
    let url = start("websocket")["wsUrl"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with("wss://voice.example.com/ws?"), "{url}");
    let ice = start("webrtc")["iceConfig"]["iceServers"][0]["urls"][0].clone();
    assert_eq!(ice, "stun:stun.example.com");
}

#[test]
fn a_closed_server_asks_programs_for_a_token() {
    let _quiet = house::quiet();
    let server = house::timed("", &["--open", "false"]);
    let refused = server.post("/start", &serde_json::json!({"transport": "websocket"}));
    assert_eq!((refused.status, refused.json()["code"].as_str()), (401, Some("TOKEN_REQUIRED")));
}
