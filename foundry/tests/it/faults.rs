//! Bad input and overload, on a cheap server: each refused by code, none felt by a call that runs meanwhile.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use media_rtvi::pipecat::{Audio, Frame};
use serde_json::{Value, json};
use testkit::http::{self, Reply};
use testkit::process;
use testkit::socket::{Heard, Socket};

use crate::calling::{self, line};
use crate::house;
use crate::verdicts::assert_failed;

fn assert_problem(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let kind = reply.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/problem+json"), "{kind}");
    let problem = reply.json();
    assert_eq!(problem["code"], code, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
    assert_eq!(problem["status"], status, "{problem}");
    assert!(problem["docs"].as_str().is_some_and(|docs| docs.ends_with(code)), "{problem}");
    assert_eq!(problem["request_id"].as_str(), reply.header("x-request-id"), "{problem}");
}

/// A minimal offer of a browser with a data channel, and with audio where wanted.
fn offer(audio: bool) -> String {
    let session =
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=extmap-allow-mixed\r\n";
    let transport = "c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
        a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
        a=setup:actpass\r\na=mid:0\r\n";
    if audio {
        format!(
            "{session}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{transport}a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
        )
    } else {
        format!(
            "{session}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{transport}a=sctp-port:5000\r\n"
        )
    }
}

#[test]
fn bad_requests_are_answered_with_a_code_and_what_to_do() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    let with = |sdp: &str, agent: &str| {
        server.post("/api/offer", &json!({"sdp": sdp, "type": "offer", "requestData": {"agent": agent}}))
    };

    assert_problem(&server.post("/start", &json!({"body": {"agent": "nobody"}})), 404, "AGENT_UNKNOWN");
    assert_problem(&with(&offer(true), "nobody"), 404, "AGENT_UNKNOWN");
    assert_problem(&with(&offer(false), "front-desk"), 400, "OFFER_WITHOUT_AUDIO");
    for corrupt in [
        "",
        "hello",
        "v=0",
        "v=0\r\nm=audio\r\n",
        &offer(true)[..200],
        &offer(true).replace("m=audio 9", "m=audio x"),
    ] {
        assert_problem(&with(corrupt, "front-desk"), 400, "OFFER_INVALID");
    }
    assert_problem(&with(&"a=x\r\n".repeat(100_000), "front-desk"), 413, "BODY_TOO_LARGE");
    assert_problem(&server.post("/api/offer", &json!(["no object"])), 400, "BODY_INVALID");
    let socket = Socket::open(server.url(), "/ws?agent=nobody").expect("answers").err().expect("refused");
    assert_problem(&socket, 404, "AGENT_UNKNOWN");
    assert_problem(&server.get("/ws?agent=front-desk"), 426, "UPGRADE_REQUIRED");
    assert_problem(&server.get("/nothing/here"), 404, "PATH_UNKNOWN");
    assert_problem(&server.read("/v1/sessions/ses_00000000000000000000000000"), 404, "NOT_FOUND");
    let mut resumed = Socket::open(server.url(), "/ws?resume=forged").expect("answers").expect("upgraded");
    assert_eq!(resumed.receive(), Heard::Closed(Some(4401)));

    // An offer that was answered and never connected holds its line for a short time only; a call works at once.
    assert_eq!(with(&offer(true), "front-desk").status, 200);
    calling::place(&server, "webrtc", &[line("desk_hours.wav")]).assert_answered(1);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn a_message_of_ten_megabytes_ends_its_socket_and_nothing_else() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    let before = server.holdings().resident_kb;
    for _ in 0..5 {
        let mut socket =
            Socket::open(server.url(), "/ws?agent=front-desk").expect("answers").expect("upgraded");
        // The server may hang up before it has read all of it.
        let _cut = socket.send(&vec![0_u8; 10 << 20]);
        let end = std::iter::repeat_with(|| socket.receive()).find(|heard| matches!(heard, Heard::Closed(_)));
        assert!(end.is_some());
    }
    let grown_kb = server.holdings().resident_kb.saturating_sub(before);
    assert!(grown_kb < 30_000, "{grown_kb} kB are held for messages that were refused");
    calling::place(&server, "websocket", &[line("desk_hours.wav")]).assert_answered(1);
}

#[test]
fn noise_on_a_socket_and_odd_audio_never_end_the_server() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    let audio = |pcm: Vec<u8>, rate_hz, channels| {
        Frame::Audio(Audio { pcm: pcm.into(), rate_hz, channels }).encode().to_vec()
    };
    let messages = [
        vec![0xff; 64],
        Vec::new(),
        audio(vec![1; 639], 16_000, 1),
        audio(vec![1; 640], 0, 1),
        audio(vec![1; 640], u32::MAX, 1),
        audio(vec![1; 640], 11_025, 7),
        audio(Vec::new(), 8_000, 0),
        Frame::Message("{\"label\":\"rtvi-ai\"".to_owned()).encode().to_vec(),
        Frame::Message("[]".to_owned()).encode().to_vec(),
        Frame::Message(format!(
            "{{\"label\":\"rtvi-ai\",\"type\":\"send-text\",\"data\":{}}}",
            "[".repeat(5_000)
        ))
        .encode()
        .to_vec(),
    ];
    for message in &messages {
        let mut socket =
            Socket::open(server.url(), "/ws?agent=front-desk").expect("answers").expect("upgraded");
        for _ in 0..3 {
            let _closed = socket.send(message);
        }
    }
    calling::place(&server, "websocket", &[line("desk_hours.wav")]).assert_answered(1);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn a_full_server_says_when_to_come_back_and_takes_the_next_call_after_the_first() {
    let _quiet = house::among_others();
    let server = house::timed("", &["--max-calls", "1"]);
    let first = Socket::open(server.url(), "/ws?agent=front-desk").expect("answers").expect("upgraded");
    let full = [
        server.post("/start", &json!({"transport": "websocket", "body": {"agent": "front-desk"}})),
        server.post(
            "/api/offer",
            &json!({"sdp": offer(true), "type": "offer", "requestData": {"agent": "front-desk"}}),
        ),
        Socket::open(server.url(), "/ws?agent=front-desk").expect("answers").err().expect("refused"),
    ];
    for reply in full {
        assert_problem(&reply, 503, "SERVER_FULL");
        let seconds = reply.header("retry-after").and_then(|value| value.parse::<u32>().ok());
        assert!(seconds.is_some_and(|seconds| seconds >= 1), "{:?}", reply.headers);
    }
    assert_eq!(server.get("/readyz").status, 503);
    drop(first);
    // A socket that vanished without a word is a call that may come back: its line is free when it did not.
    process::wait_for("a free line", Duration::from_secs(60), || {
        (server.get("/readyz").status == 200).then_some(())
    });
    calling::place(&server, "webrtc", &[line("desk_hours.wav")]).assert_answered(1);
}

/// What is said then was rendered at start: the voice works for that long, for the apology and two sentences.
#[test]
fn a_caller_is_asked_to_say_it_again_though_neither_ear_nor_voice_answers() {
    let _quiet = house::among_others();
    let settings = "always = { kind = \"mute\" }\n[providers.fake.tts]\nms_per_char = 20\nalways = { kind = \"mute\" }\n\
                    faults = [{ kind = \"none\" }, { kind = \"none\" }, { kind = \"none\" }]\n";
    let server = house::timed(settings, &[]);
    let call = calling::place(&server, "websocket", &[line("desk_yes.wav")]);
    assert_eq!(call.agent(1), "Sorry, I did not catch that. Could you say it again?");
}

#[test]
fn a_thousand_silent_sockets_are_bounded_and_calls_go_on() {
    let _quiet = house::among_others();
    let server = house::timed("", &["--max-calls", "50"]);
    let before = server.holdings();
    let mut sockets = Vec::new();
    let mut refused = 0;
    for _ in 0..1000 {
        match Socket::open(server.url(), "/ws?agent=front-desk").expect("answers") {
            Ok(socket) => sockets.push(socket),
            Err(reply) => {
                assert_problem(&reply, 503, "SERVER_FULL");
                refused += 1;
            }
        }
    }
    assert!(sockets.len() <= 50 + 50 && refused >= 900, "{} sockets were let in", sockets.len());
    let during = server.holdings();
    eprintln!("silent sockets: {} in, {refused} refused, {during:?}", sockets.len());
    assert!(during.resident_kb < before.resident_kb + 300_000, "{before:?} {during:?}");
    assert!(during.threads <= before.threads + 8, "{before:?} {during:?}");
    // Those who say nothing lose their line; whoever speaks gets one.
    process::wait_for("a free line", Duration::from_secs(60), || {
        (server.get("/readyz").status == 200).then_some(())
    });
    calling::place(&server, "websocket", &[line("desk_hours.wav")]).assert_answered(1);
    drop(sockets);
}

#[test]
fn idle_tcp_connections_do_not_keep_callers_out() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    let connect = || TcpStream::connect(http::authority(server.url())).expect("accepted");
    let idle: Vec<_> = (0..500).map(|_| connect()).collect();
    calling::place(&server, "webrtc", &[line("desk_hours.wav")]).assert_answered(1);
    drop(idle);
}

#[test]
fn a_caller_who_vanishes_frees_the_line_when_nobody_comes_back() {
    let _quiet = house::among_others();
    let server = house::timed("[session]\nreattach_s = 2\n", &["--max-calls", "1"]);
    for transport in ["websocket", "webrtc"] {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let script: Vec<_> = (0..20).map(|_| line("desk_hours.wav")).collect();
        let mut caller = calling::command(&server, transport, &script, &folder.path().join("reply.wav"))
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("the program was built with these tests");
        process::wait_for("a call", Duration::from_secs(30), || {
            (server.get("/readyz").json()["calls_active"] == 1).then_some(())
        });
        caller.kill().expect("it runs");
        caller.wait().expect("it was killed");
        process::wait_for("the line of a vanished caller", Duration::from_secs(60), || {
            (server.get("/readyz").status == 200).then_some(())
        });
        calling::place(&server, transport, &[line("desk_hours.wav")]).assert_answered(1);
    }
}

/// A provider takes the stream and never gives anything: the caller hears the apology, soon and from memory.
fn assert_apologises(settings: &str, code: &str) {
    let _quiet = house::among_others();
    let server = house::hearing("[\"What are your opening hours?\"]", settings, &[]);
    let script =
        [line("desk_hours.wav"), line("desk_hours.wav"), line("desk_hours.wav"), line("desk_hours.wav")];
    let call = calling::place(&server, "websocket", &script);
    let answered: Vec<&Value> = call.turns.iter().skip(1).filter(|turn| turn["answered"] == true).collect();
    assert!(!answered.is_empty(), "silence: {}", call.ran.stdout);
    for turn in &answered {
        let waited_ms = turn["timeline_ms"]["caller_response"].as_f64().expect("measured by ear");
        assert!(waited_ms <= 3_000.0, "{waited_ms} ms of silence: {turn}");
    }
    // A voice that only apologises is no agent that works.
    assert_failed(&call.ran, "PROVIDER_FAILED", "provider");
    let record = process::wait_for("the record of the call", Duration::from_secs(10), || {
        let calls = server.read("/v1/sessions").json();
        let id = calls["data"].as_array()?.iter().find(|call| call["running"] == false)?["id"]
            .as_str()?
            .to_owned();
        Some(server.read(&format!("/v1/sessions/{id}")).json())
    });
    assert_eq!(record["end_reason"], "provider_failed", "{record}");
    let problems = record["problems"].as_array().cloned().unwrap_or_default();
    assert!(problems.iter().any(|problem| problem["code"] == code), "{problems:?}");
    assert!(record["transcript"].to_string().contains("technical problem"), "{}", record["transcript"]);
}

#[test]
fn a_recogniser_that_hangs_is_followed_by_the_apology_within_three_seconds() {
    assert_apologises("always = { kind = \"hang\" }\n", "STT_TIMED_OUT");
}

#[test]
fn a_voice_that_hangs_is_followed_by_the_apology_within_three_seconds() {
    // The first stream renders the apology at start, the second greets.
    let settings = "[providers.fake.tts]\nfaults = [{ kind = \"none\" }, { kind = \"none\" }]\nalways = { kind = \"hang\" }\n";
    assert_apologises(settings, "TTS_TIMED_OUT");
}

/// A connection that was answered and stays.
fn kept_open(base: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(http::authority(base))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"HTTP/1.1 200");
    Ok(stream)
}

#[test]
fn one_address_has_its_share_and_the_machine_itself_is_not_counted() {
    let _quiet = house::among_others();
    let settings = "[server]\nconnecting_per_address = 2\nconnections_per_address = 4\n";
    let server = house::timed(settings, &["--listen", "0.0.0.0:0"]);
    let Some(address) = crate::operator::address() else {
        eprintln!("this machine has no address but loopback: nobody comes from elsewhere");
        return;
    };
    let port = server.url().rsplit_once(':').map(|(_, port)| port).expect("a port");
    let (here, elsewhere) = (format!("http://127.0.0.1:{port}"), format!("http://{address}:{port}"));
    let body = json!({"sdp": offer(true), "type": "offer"}).to_string();
    let call = |base: &str| http::request(base, "POST", "/api/offer", &[], body.as_bytes()).expect("answers");
    for _ in 0..2 {
        assert_eq!(call(&elsewhere).status, 200);
    }
    let refused = call(&elsewhere);
    assert_problem(&refused, 429, "TOO_MANY_CONNECTING");
    assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);
    for _ in 0..3 {
        assert_eq!(call(&here).status, 200, "a proxy's callers come from here");
    }
    let health = |base: &str| http::request(base, "GET", "/healthz", &[], b"").map(|reply| reply.status);
    // The earlier ones count until the server has seen them close, so that one of these may be refused at first.
    let open = process::wait_for("four connections that are served", Duration::from_secs(30), || {
        (0..4).map(|_| kept_open(&elsewhere).ok()).collect::<Option<Vec<_>>>()
    });
    assert!(health(&elsewhere).is_err(), "a fifth connection of one address was served");
    assert_eq!(health(&here).ok(), Some(200));
    drop(open);
    process::wait_for("its share is free again", Duration::from_secs(10), || health(&elsewhere).ok());
}
