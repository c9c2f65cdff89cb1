//! A phone calls an agent: it hears the greeting, is answered, and the call is on record as any other.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use media_core::g711;
use serde_json::{Value, json};
use testkit::phone::{Phone, address_in};
use testkit::{Server, process};

use crate::browser::tell;
use crate::house;
use crate::livekit::AT_BOOKING;

/// Frames of 20 ms in which somebody speaks.
pub(crate) fn voiced(mulaw: &[u8]) -> usize {
    let loud = |frame: &[u8]| frame.iter().any(|byte| g711::decode_ulaw(*byte).unsigned_abs() > 1_000);
    mulaw.chunks(160).filter(|frame| loud(frame)).count()
}

/// A recording as a phone sends it.
pub(crate) fn spoken(name: &str) -> Vec<u8> {
    let reader = hound::WavReader::open(testkit::speech(name)).expect("a recording");
    let rate_hz = reader.spec().sample_rate;
    let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().expect("whole");
    let mut narrow = Vec::new();
    let mut resampler = media_core::Resampler::new(rate_hz, 8_000).expect("a rate that is known");
    resampler.push(&samples, &mut narrow);
    narrow.into_iter().map(g711::encode_ulaw).collect()
}

/// A phone that is called: rings, is picked up, listens, hangs up.
pub(crate) struct Called {
    sip: UdpSocket,
    pub(crate) rtp: UdpSocket,
}

impl Called {
    pub(crate) fn new() -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            socket.set_read_timeout(Some(Duration::from_secs(20))).expect("settable");
            socket
        };
        Self { sip: socket(), rtp: socket() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.sip.local_addr().expect("bound").port()
    }

    /// The next request of that method, and who sent it.
    pub(crate) fn asked(&self, method: &str) -> (String, SocketAddr) {
        let mut bytes = [0; 8_192];
        loop {
            let (length, from) = self.sip.recv_from(&mut bytes).expect("a request");
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.starts_with(&format!("{method} ")) {
                return (text, from);
            }
        }
    }

    pub(crate) fn answer(&self, request: &str, to: SocketAddr, status: &str, body: &str) {
        let kept = request
            .lines()
            .filter(|line| ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)));
        let head: String = kept.map(|line| format!("{line}\r\n")).collect();
        let to_header = request.lines().find(|line| line.starts_with("To:")).expect("a To");
        let tag = if to_header.contains("tag=") { "" } else { ";tag=called" };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "SIP/2.0 {status}\r\n{head}{to_header}{tag}\r\nContact: <sip:called@127.0.0.1:{}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            self.port(),
            body.len()
        );
        self.sip.send_to(text.as_bytes(), to).expect("sent");
    }

    pub(crate) fn description(&self) -> String {
        let port = self.rtp.local_addr().expect("bound").port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    }

    /// Sends quiet frames to where audio is wanted, and gives what comes meanwhile.
    fn listen(&self, invite: &str, frames: u16) -> Vec<u8> {
        let port = invite.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
        let to: SocketAddr = format!("127.0.0.1:{port}").parse().expect("an address");
        self.rtp.set_read_timeout(Some(Duration::from_millis(20))).expect("settable");
        let (mut heard, mut bytes) = (Vec::new(), [0; 2_048]);
        for n in 0..frames {
            let mut packet = vec![0x80, 0];
            packet.extend(n.to_be_bytes());
            packet.extend((u32::from(n) * 160).to_be_bytes());
            packet.extend([0, 0, 0, 5]);
            packet.extend([0xff; 160]);
            self.rtp.send_to(&packet, to).expect("sent");
            if let Ok(length) = self.rtp.recv(&mut bytes) {
                heard.extend_from_slice(bytes.get(12..length).unwrap_or_default());
            }
        }
        heard
    }
}

#[test]
fn somebody_is_called_by_a_trunk_and_greeted_once_they_are_heard() {
    let _quiet = house::among_others();
    let phone = Called::new();
    let trunk = format!(
        "[[sip.trunks]]\nname = \"carrier\"\nhost = \"127.0.0.1\"\nport = {}\ncaller = \"+4930555\"\n",
        phone.port()
    );
    let server = house::timed(&trunk, &["--sip-listen", "127.0.0.1:0"]);
    let mut dial = Command::new(house::PROGRAM);
    dial.env("FOUNDRY_TOKEN", server.token()).args(["dial", "+4930123456", "--trunk", "carrier"]);
    dial.args(["--url", server.url()]);
    let dial = std::thread::spawn(move || process::run(&mut dial, Duration::from_secs(30)));
    let (invite, server_sip) = phone.asked("INVITE");
    assert!(invite.contains("sip:+4930123456@127.0.0.1") && invite.contains("sip:+4930555@"), "{invite}");
    phone.answer(&invite, server_sip, "180 Ringing", "");
    phone.answer(&invite, server_sip, "200 OK", &phone.description());
    phone.asked("ACK");
    let greeting = phone.listen(&invite, 400);
    assert!(voiced(&greeting) > 25, "{} frames of the greeting", voiced(&greeting));
    let dialled = dial.join().expect("no panic");
    assert_eq!(dialled.code, Some(0), "{}{}", dialled.stdout, dialled.stderr);
    assert!(dialled.stdout.contains("answered: the session is ses_"), "{}", dialled.stdout);
}

#[test]
fn a_phone_reaches_the_agent_that_it_names_and_the_call_is_on_record() {
    let _quiet = house::among_others();
    let server = house::timed("", &["--sip-listen", "127.0.0.1:0", "--sip-open"]);
    let address = address_in(&server.log()).expect("the server says where it is called");
    let mut stranger = Phone::new(address);
    assert_eq!(stranger.call("nobody-here").status(), Some(404));
    assert_eq!(stranger.progress(), [100], "nothing rings for who is refused");
    let mut phone = Phone::new(address);
    assert_eq!(phone.call("front-desk").status(), Some(200));
    assert_eq!(phone.progress(), [100, 180]);
    let greeting = phone.listen(Duration::from_secs(6));
    assert!(voiced(&greeting) > 25, "{} frames of the greeting", voiced(&greeting));
    phone.play(&spoken("desk_hours.wav"));
    let answer = phone.listen(Duration::from_secs(5));
    assert!(voiced(&answer) > 25, "{} frames of the answer", voiced(&answer));
    assert_eq!(phone.hang_up(), Some(200));
    let call = process::wait_for("the call on record", Duration::from_secs(15), || {
        let listed: Value = server.read("/v1/sessions").json();
        let call = listed["data"].as_array()?.first()?.clone();
        (call["transport"] == "sip" && call["running"] == false).then_some(call)
    });
    assert_eq!(
        (&call["agent"], &call["end_reason"]),
        (&"front-desk".into(), &"caller_left".into()),
        "{call}"
    );
    assert!(call["turns"].as_u64() >= Some(1), "{call}");
    assert_eq!((&call["direction"], &call["party"]), (&"inbound".into(), &"caller".into()), "{call}");
    assert!(!server.log().contains("tag="), "no message of a call is in the log");
}

#[test]
fn a_phone_for_which_there_is_no_place_hears_nothing_ring() {
    let _quiet = house::among_others();
    let arguments = ["--sip-listen", "127.0.0.1:0", "--sip-open", "--max-calls", "1"];
    let mut server = house::timed("", &arguments);
    let address = address_in(&server.log()).expect("the server says where it is called");
    let mut phone = Phone::new(address);
    assert_eq!(phone.call("front-desk").status(), Some(200));
    process::wait_for("a call", Duration::from_secs(10), || {
        (server.get("/readyz").json()["calls_active"] == 1).then_some(())
    });
    let is_busy = || {
        let mut other = Phone::new(address);
        assert_eq!(other.call("front-desk").status(), Some(486));
        assert_eq!(other.progress(), [100], "nothing rings for who is refused");
    };
    is_busy();
    server.terminate();
    let start = json!({"transport": "websocket", "body": {"agent": "front-desk"}});
    process::wait_for("draining", Duration::from_secs(10), || {
        (server.post("/start", &start).json()["code"] == "SERVER_DRAINING").then_some(())
    });
    is_busy();
    assert_eq!(phone.hang_up(), Some(200));
    assert!(server.ended(Duration::from_secs(30)).is_some_and(|status| status.success()), "{}", server.log());
}

/// A call over a way that loses so much, as it is on record.
fn over(server: &Server, lost_per_mille: u32, jitter: Duration) -> Value {
    let before = server.read("/v1/sessions").json()["data"].as_array().map_or(0, Vec::len);
    let mut phone = Phone::new(address_in(&server.log()).expect("the server says where it is called"));
    phone.through(lost_per_mille, jitter, 0x5eed);
    assert_eq!(phone.call("front-desk").status(), Some(200));
    phone.listen(Duration::from_secs(6));
    phone.play(&spoken("desk_hours.wav"));
    phone.listen(Duration::from_secs(6));
    assert_eq!(phone.hang_up(), Some(200));
    let id = process::wait_for("the call on record", Duration::from_secs(15), || {
        let listed: Value = server.read("/v1/sessions").json();
        let calls = listed["data"].as_array().filter(|calls| calls.len() > before)?;
        (calls[0]["running"] == false).then(|| calls[0]["id"].clone())
    });
    server.read(&format!("/v1/sessions/{}", id.as_str().expect("an id"))).json()
}

#[test]
fn what_the_network_does_to_a_phone_stands_with_its_turns_and_the_call_and_a_clean_way_shows_nothing() {
    let _quiet = house::quiet();
    let server = house::timed("", &["--sip-listen", "127.0.0.1:0", "--sip-open"]);
    let clean = over(&server, 0, Duration::ZERO);
    let lossy = over(&server, 50, Duration::from_millis(15));
    let of = |call: &Value, what: &str| {
        call["quality"]["inbound"]["network"][what].as_f64().unwrap_or_else(|| unreachable!("{what}: {call}"))
    };
    assert_eq!((of(&clean, "lost"), of(&clean, "loss_percent")), (0.0, 0.0), "{}", clean["quality"]);
    assert!(clean["quality"]["inbound"]["mos"].as_f64() > Some(4.3), "{}", clean["quality"]);
    // Of some 700 packets: three deviations around 5 %.
    let loss = of(&lossy, "loss_percent");
    assert!((2.5..7.5).contains(&loss), "{loss} % of 5 %: {}", lossy["quality"]);
    // Both of two packets are late by up to 15 ms: a third of that, on the mean, and more on a busy machine.
    assert!(of(&lossy, "jitter_ms") > 3.0, "{}", lossy["quality"]);
    let mos = lossy["quality"]["inbound"]["mos"].as_f64().expect("judged");
    assert!((3.4..4.25).contains(&mos), "{mos}");
    assert!(lossy["quality"]["flaws"].to_string().contains("loss_in"), "{}", lossy["quality"]);
    // This phone sends no reports: nobody knows how it hears the agent.
    assert_eq!(
        (&lossy["quality"]["outbound"]["reported"], &lossy["quality"]["outbound"]["mos"]),
        (&Value::Null, &Value::Null)
    );
    let turns = |call: &Value, lost: bool| {
        let turns = call["turns_detail"].as_array().expect("a list").clone();
        let measured = turns.iter().filter_map(|turn| turn["quality"]["inbound"]["network"]["lost"].as_u64());
        measured.filter(|count| (*count > 0) == lost).count()
    };
    assert!(turns(&lossy, true) >= 2 && turns(&clean, true) == 0, "{}", lossy["turns_detail"]);
    assert!(turns(&clean, false) >= 2, "{}", clean["turns_detail"]);
    let metrics = server.read("/metrics").text();
    let labels = r#"session_loss_ratio_count{transport="sip",direction="in"}"#;
    assert!(metrics.contains(labels), "{metrics}");
    // A way that nobody would bear.
    let bad = over(&server, 250, Duration::ZERO);
    assert_eq!(bad["poor_audio"], true, "{}", bad["quality"]);
    let listed: Value = server.read("/v1/sessions?poor_audio=true").json();
    let ids: Vec<&Value> =
        listed["data"].as_array().expect("a list").iter().map(|call| &call["id"]).collect();
    assert!(ids.contains(&&bad["id"]) && !ids.contains(&&clean["id"]), "{listed}");
}

#[test]
fn foundry_call_is_a_phone_too_and_says_why_nobody_answered() {
    let _quiet = house::among_others();
    let server = house::timed("", &["--sip-listen", "127.0.0.1:0", "--sip-open"]);
    let address = address_in(&server.log()).expect("the server says where it is called");
    let call = |whom: &str| {
        let mut command = Command::new(house::PROGRAM);
        command.args(["call", "--sip", &format!("sip:{whom}@{address}"), "--json", "--wav"]);
        command.arg(testkit::speech("desk_hours.wav"));
        process::run(&mut command, Duration::from_secs(60))
    };
    let ran = call("front-desk");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let turns: Vec<Value> = ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let answered: Vec<bool> = turns.iter().map(|turn| turn["answered"] == true).collect();
    assert_eq!(answered, [true, true], "the greeting and the answer: {}", ran.stdout);
    let ran = call("nobody-here");
    let says = ran.stderr.contains("CALL_NOT_ANSWERED") && ran.stderr.contains("unknown_number (404)");
    assert!(ran.code == Some(1) && says, "{:?} {}", ran.code, ran.stderr);
}

#[test]
fn a_route_from_the_console_leads_a_phone_to_its_agent_and_all_others_are_refused() {
    const NUMBER: &str = "+41441234567";
    let _quiet = house::among_others();
    let server = house::timed("", &["--sip-listen", "127.0.0.1:0"]);
    let address = address_in(&server.log()).expect("the server says where it is called");
    let refused = |called: &str| {
        let mut phone = Phone::new(address);
        let status = phone.call(called).status();
        assert_eq!(phone.progress(), [100], "nothing rings for who is refused");
        status
    };
    assert_eq!(refused(NUMBER), Some(404), "no route leads anywhere yet");
    let story = tell("routes.mjs", &server, &[("--token", &*server.token()), ("--number", NUMBER)]);
    let report = &story.report;
    assert!(report["fault"].to_string().contains("stands at the end alone"), "{report}");
    assert_eq!(report["other"], "It is refused: no route fits.", "{report}");
    assert_eq!((&report["status"], &report["drafted"]), (&json!(201), &report["reached"]), "{report}");
    assert_eq!(report["reached"], "It reaches front-desk in prod, version 1, at booking.", "{report}");
    assert_eq!(report["closed"], "It is refused: no route fits.", "{report}");
    assert_eq!(report["listed"], format!("The desk{NUMBER}"), "{report}");
    // Followed within a second, and the page took longer than that; the carrier leaves the plus out.
    let mut phone = Phone::new(address);
    assert_eq!(phone.call("41441234567").status(), Some(200));
    let greeting = phone.listen(Duration::from_secs(6));
    assert!(voiced(&greeting) > 25, "{} frames of the greeting", voiced(&greeting));
    assert_eq!(phone.hang_up(), Some(200));
    assert_eq!(refused("+41441234568"), Some(404), "another number");
    assert_eq!(refused("front-desk"), Some(404), "a name, on a server that is not open for trials");
    let metrics = server.read("/metrics").text();
    let counted =
        metrics.lines().find(|line| line.starts_with("phone_calls_refused_total{reason=\"unknown\"}"));
    assert_eq!(counted.and_then(|line| line.rsplit(' ').next()), Some("3"), "{metrics}");
}

#[test]
fn a_call_under_way_is_heard_told_what_to_do_and_ended_in_the_console() {
    let _quiet = house::among_others();
    // Asked again and again: the caller does not say goodbye.
    let lines = format!("[{}]", ["\"What are your opening hours?\""; 40].join(", "));
    let server = house::hearing(&lines, "", &["--sip-listen", "127.0.0.1:0", "--sip-open"]);
    let mut phone = Phone::new(address_in(&server.log()).expect("the server says where it is called"));
    assert_eq!(phone.call("front-desk").status(), Some(200));
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    let talks = std::thread::spawn(move || {
        let mut heard = Vec::new();
        while !until.load(Ordering::Relaxed) {
            heard.extend(phone.play(&spoken("desk_hours.wav")));
            heard.extend(phone.listen(Duration::from_secs(4)));
        }
        heard
    });
    let story = tell("listening.mjs", &server, &[("--token", &*server.token())]);
    over.store(true, Ordering::Relaxed);
    let heard = talks.join().expect("no panic");
    assert!(voiced(&heard) > 25, "{} frames of the agent", voiced(&heard));
    let report = &story.report;
    assert_eq!(report["agent"], "front-desk", "{report}");
    assert!(report["whispered"].to_string().contains("what is written for it"), "{report}");
    assert_eq!(report["said"], "It says it now, or when the caller has finished.", "{report}");
    assert!(report["sound"]["peak"].as_u64() > Some(2_000), "the call is heard: {report}");
    let rungs: Vec<&str> =
        report["rungs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(rungs.first(), Some(&"received: INVITE"), "{report}");
    assert!(rungs.contains(&"sent: 200 OK") && rungs.contains(&"received: ACK"), "{report}");
    assert!(report["first"].to_string().contains("INVITE sip:front-desk@"), "{report}");
    let call = server.read(&format!("/v1/sessions/{}", report["id"].as_str().expect("an id"))).json();
    assert_eq!(call["end_reason"], "operator_ended", "{call}");
    assert!(call["transcript"].to_string().contains("We close early today."), "{call}");
    let events =
        server.read(&format!("/v1/sessions/{}/events?limit=1000", report["id"].as_str().expect("an id")));
    let goodbye = events.text().to_lowercase();
    assert!(goodbye.contains("have to end the call here") && !goodbye.contains("longest time"), "{goodbye}");
    let audit: Value = server.read("/v1/audit").json();
    for action in ["call.listen", "call.whisper", "call.end"] {
        assert!(audit.to_string().contains(action), "{action}: {audit}");
    }
}

/// What happened in a call whose caller said nothing.
fn begins(server: &Server, number: &str, header: &str) -> String {
    let address = address_in(&server.log()).expect("the server says where it is called");
    // What was stored just now is followed within a second; until then nobody is there.
    let mut phone = process::wait_for("an agent", Duration::from_secs(15), || {
        let mut phone = Phone::new(address);
        phone.ask_for(number);
        let offer = phone.description("sendrecv");
        phone.request("INVITE", header, &offer);
        let status = phone.answer().status();
        phone.request("ACK", "", "");
        (status == Some(200)).then_some(phone)
    });
    let greeting = phone.listen(Duration::from_secs(5));
    assert!(voiced(&greeting) > 25, "{} frames of the greeting", voiced(&greeting));
    assert_eq!(phone.hang_up(), Some(200));
    process::wait_for("the call on record", Duration::from_secs(15), || {
        let listed: Value = server.read("/v1/sessions").json();
        let call = listed["data"].as_array()?.first()?.clone();
        let events = server.read(&format!("/v1/sessions/{}/events", call["id"].as_str()?));
        (call["running"] == false).then(|| String::from_utf8_lossy(&events.body).into_owned())
    })
}

#[test]
fn a_route_leads_a_call_by_its_headers_to_a_node_and_a_channel_leads_the_others() {
    const NUMBER: &str = "+41441234567";
    let _quiet = house::among_others();
    let server = house::timed("", &["--sip-listen", "127.0.0.1:0"]);
    let agent = server.read("/v1/agents/front-desk").json()["id"].clone();
    let environments: Value = server.read("/v1/environments").json();
    let prod = environments["data"].as_array().expect("a list").iter().find(|one| one["name"] == "prod");
    let prod = prod.expect("prod is there")["id"].clone();
    let place = json!({"agent_id": agent, "environment_id": prod});
    let with = |more: Value| {
        let mut body = place.clone();
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    let headers = json!([{"name": "X-Line", "value": "booking"}]);
    let route = with(json!({"number": NUMBER, "headers": headers, "node": "booking"}));
    assert_eq!(crate::agents::with(&server, &server.token(), "POST", "/v1/routes", &route).status, 201);
    let by_route = begins(&server, NUMBER, "X-Line: booking\r\n");
    assert!(by_route.contains(AT_BOOKING), "{by_route}");
    let channel = with(json!({"kind": "number", "address": NUMBER}));
    assert_eq!(crate::agents::with(&server, &server.token(), "POST", "/v1/channels", &channel).status, 201);
    let by_channel = begins(&server, NUMBER, "X-Line: other\r\n");
    let begun = by_channel.contains(r#""kind":"agent_saying","turn":0"#);
    assert!(begun && !by_channel.contains(AT_BOOKING), "it begins at the agent's entry: {by_channel}");
    assert!(!server.log().contains("X-Line"), "no header is in the log");
}

#[test]
fn what_a_phone_call_brings_is_said_by_the_graph() {
    const NUMBER: &str = "+41441234567";
    let _quiet = house::quiet();
    let server = house::timed("", &["--sip-listen", "127.0.0.1:0"]);
    let token = server.token();
    let bearer = format!("Bearer {token}");
    let draft: Value = server.read("/v1/agents/front-desk/draft").json();
    let mut definition = draft["definition"].clone();
    let line = "Line {session.header_x_line}, for {session.called_number}.";
    definition["nodes"]["told"] = json!({"kind": "say", "text": [line]});
    let change = |method: &str, path: &str, revision: &Value, body: &Value| {
        let at = format!("\"{revision}\"");
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("if-match", at.as_str()),
        ];
        let body = body.to_string();
        let answer = testkit::http::request(server.url(), method, path, &headers, body.as_bytes());
        let answer = answer.expect("the server answers");
        assert!(answer.status < 300, "{}", answer.text());
        answer.json()
    };
    let draft = json!({"definition": definition});
    let saved: Value = change(
        "PUT",
        "/v1/agents/front-desk/draft",
        &server.read("/v1/agents/front-desk/draft").json()["revision"],
        &draft,
    );
    change("POST", "/v1/agents/front-desk/publish", &saved["revision"], &json!({"environment": "prod"}));
    let environments: Value = server.read("/v1/environments").json();
    let prod = environments["data"].as_array().expect("a list").iter().find(|one| one["name"] == "prod");
    let route = json!({
        "agent_id": server.read("/v1/agents/front-desk").json()["id"], "environment_id": prod.expect("prod")["id"],
        "number": NUMBER, "headers": [{"name": "X-Line", "value": "7"}], "node": "told"
    });
    assert_eq!(crate::agents::with(&server, &token, "POST", "/v1/routes", &route).status, 201);
    let events = begins(&server, NUMBER, "X-Line: 7\r\n");
    assert!(events.contains("Line 7, for +41441234567."), "{events}");
}
