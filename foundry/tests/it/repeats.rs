//! What clients send twice: an offer whose answer was lost, a socket that opened and said nothing. One call comes of it.

use std::time::Duration;

use media_core::LegEvent;
use media_rtc::Client;
use media_rtvi::pipecat::Frame;
use runtime::Tasks;
use serde_json::{Value, json};
use testkit::socket::{Heard, Socket};
use testkit::{Server, process};

use crate::house;

pub(crate) const READY: &str =
    r#"{"label":"rtvi-ai","type":"client-ready","id":"1","data":{"version":"2.1.0","about":{}}}"#;

pub(crate) fn start(server: &Server, transport: &str) -> Value {
    let started = server.post("/start", &json!({"transport": transport, "body": {"agent": "front-desk"}}));
    assert_eq!(started.status, 200, "{}", started.text());
    started.json()
}

pub(crate) fn assert_one_call(server: &Server) {
    let readiness = server.get("/readyz").json();
    assert_eq!(readiness["calls_active"], 1, "{readiness}");
}

#[test]
fn an_offer_that_is_repeated_comes_back_to_its_call() {
    let _quiet = house::among_others();
    // One line: a repetition that took another would be refused.
    let server = house::timed("", &["--max-calls", "1"]);
    let session = start(&server, "webrtc")["sessionId"].as_str().expect("an id").to_owned();
    let path = format!("/sessions/{session}/api/offer");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let tasks = Tasks::new();
        let offer = || Client::offer(&media_rtc::client::Options::default(), &tasks).expect("an offer");
        let ((_lost, _silent, first), (client, mut peer, second)) = (offer(), offer());
        let answer = |sdp: &str| {
            let reply = server.post(&path, &json!({"sdp": sdp, "type": "offer"}));
            assert_eq!(reply.status, 200, "{}", reply.text());
            reply.json()
        };
        let (first, second) = (answer(&first), answer(&second));
        assert_eq!(first["session_id"], second["session_id"]);
        assert_ne!(first["pc_id"], second["pc_id"]);
        client.accept(second["sdp"].as_str().expect("an answer")).await.expect("accepted");
        let heard = async {
            while let Some(event) = peer.events.recv().await {
                if matches!(event, LegEvent::Packet(_)) {
                    return true;
                }
            }
            false
        };
        let heard = tokio::time::timeout(Duration::from_secs(20), heard).await;
        assert_eq!(heard, Ok(true), "the call of the repeated offer carries nothing");
        assert_one_call(&server);
    });
}

#[test]
fn a_second_socket_for_a_session_takes_over_and_a_finished_one_cannot_be_begun_again() {
    let _quiet = house::among_others();
    let server = house::timed("", &["--max-calls", "1"]);
    let url = start(&server, "websocket")["wsUrl"].as_str().expect("a URL").to_owned();
    let path = &url[url.find("/ws").expect("the path")..];
    let open = || Socket::open(server.url(), path).expect("answers");
    let mut first = open().expect("upgraded");
    // The call begins behind the upgrade: until then the one place is taken and nobody's.
    process::wait_for("the call", Duration::from_secs(20), || {
        (server.get("/readyz").json()["calls_active"] == 1).then_some(())
    });
    let mut second = open().expect("the session's own line is not taken from it");
    let ended = std::iter::repeat_with(|| first.receive()).find(|heard| matches!(heard, Heard::Closed(_)));
    assert!(ended.is_some());
    second.send(&Frame::Message(READY.to_owned()).encode()).expect("the second socket is open");
    let voice = std::iter::repeat_with(|| second.receive()).take(500).find_map(|heard| match heard {
        Heard::Message(bytes) => matches!(Frame::decode(bytes.into()), Ok(Frame::Audio(_))).then_some(true),
        Heard::Closed(code) => unreachable!("the call was ended: {code:?}"),
        Heard::Control(_) => None,
    });
    assert_eq!(voice, Some(true), "the greeting is not heard");
    assert_one_call(&server);

    let bye = Frame::Message(r#"{"label":"rtvi-ai","type":"disconnect-bot","id":"2"}"#.to_owned());
    second.send(&bye.encode()).expect("the second socket is open");
    process::wait_for("the end of the call", Duration::from_secs(20), || {
        (server.get("/readyz").json()["calls_active"] == 0).then_some(())
    });
    let again = open().err().expect("its id is used up");
    assert_eq!(
        (again.status, again.json()["code"].as_str()),
        (404, Some("SESSION_UNKNOWN")),
        "{}",
        again.text()
    );
}
