//! Phones whose callers are put through: sent elsewhere by REFER, or connected here with a person who is called by a trunk, told of the
//! call and asked. Those who are not come back to the agent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::phone::{Message, Phone, address_in};
use testkit::{Server, process};

use crate::house;
use crate::phones::{Called, spoken, voiced};

const FRAME: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// What everybody is heard to say, the caller and the person alike.
const LINES: &str = "[\"Yes, a person please.\", \"Thank you.\"]";

pub(crate) fn agent(mode: &str) -> Value {
    let mut through = json!({
        "kind": "transfer", "mode": mode, "to": "{facts.reception}", "text": ["I will put you through to the reception now."],
        "ring_s": 10,
    });
    if mode == "warm" {
        through["briefing"] = json!(["This is the agent. A caller said: {heard.text}"]);
    }
    json!({
        "name": "switch", "title": "Switch", "version": 1, "entry": "desk", "greeting": ["Welcome to the switch board."],
        "facts": {"reception": "+49301"},
        "nodes": {
            "desk": {"kind": "intent", "unknown": ["I did not understand you."],
                     "intents": {"person": {"examples": ["a person please", "yes a person please", "put me through to somebody"]}}},
            "through": through,
            "back": {"kind": "say", "text": ["I am sorry, nobody at the reception can take your call at this time of the day."]},
        },
        "edges": [{"from": "desk", "on": "person", "to": "through"}, {"from": "through", "on": "failed", "to": "back"}],
    })
}

/// A server with that agent alone, and a trunk at the port.
fn server(mode: &str, trunk: u16) -> Server {
    serving(mode, trunk, "")
}

/// As `server`; `more` is said of the trunk.
fn serving(mode: &str, trunk: u16, more: &str) -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let agents = folder.path().join("agents");
    std::fs::create_dir(&agents).expect("writable");
    std::fs::write(agents.join("switch.json"), agent(mode).to_string()).expect("writable");
    let config = folder.path().join("foundry.toml");
    let text = format!(
        "agents_dir = {agents:?}\n[providers]\nspeech = \"fake\"\n[providers.fake.stt]\nlines = {LINES}\n\
         [[sip.trunks]]\nname = \"carrier\"\nhost = \"127.0.0.1\"\nport = {trunk}\n{more}\n"
    );
    std::fs::write(&config, text).expect("writable");
    let config = config.to_str().expect("temporary folders have plain names");
    let arguments = ["--config", config, "--sip-listen", "127.0.0.1:0", "--sip-open"];
    Server::start(house::PROGRAM, &arguments)
}

/// A caller who has asked for a person.
fn asking(server: &Server) -> Phone {
    let mut phone = Phone::new(address_in(&server.log()).expect("the server says where it is called"));
    assert_eq!(phone.call("switch").status(), Some(200));
    let greeting = phone.listen(Duration::from_secs(4));
    assert!(voiced(&greeting) > 25, "{} frames of the greeting", voiced(&greeting));
    phone.play(&[spoken("desk_yes.wav"), vec![0xff; 8_000]].concat());
    phone
}

/// The next request of that method.
fn asked(phone: &Phone, method: &str) -> Message {
    let messages = std::iter::repeat_with(|| phone.receive(PATIENCE).expect("a message"));
    let mut found = messages.skip_while(|message| !message.text.starts_with(method));
    found.next().expect("endless")
}

fn notify(phone: &mut Phone, status: &str) {
    phone.request(
        "NOTIFY",
        "Event: refer\r\nSubscription-State: active\r\n",
        &format!("SIP/2.0 {status}\r\n"),
    );
    assert_eq!(phone.answer().status(), Some(200));
}

/// The caller's call, as it is on record once it is over.
fn record(server: &Server) -> Value {
    process::wait_for("the call on record", PATIENCE, || {
        let listed: Value = server.read("/v1/sessions").json();
        // The one with the person began later.
        let call = listed["data"].as_array()?.last()?.clone();
        let id = call["id"].as_str()?;
        (call["running"] == false && call["outcome"].is_string())
            .then(|| server.read(&format!("/v1/sessions/{id}")).json())
    })
}

pub(crate) fn states(call: &Value) -> Vec<String> {
    let notes = call["notes"].as_array().expect("notes").iter();
    notes
        .filter(|note| note["name"] == "transfer")
        .map(|note| note["value"]["state"].as_str().expect("a state").to_owned())
        .collect()
}

/// What passed by SIP, in order: `<` to the server, `>` by it.
fn ladder(call: &Value) -> String {
    let notes = call["notes"].as_array().expect("notes").iter().filter(|note| note["name"] == "sip");
    let said = notes.map(|note| {
        let way = if note["value"]["sent"] == true { '>' } else { '<' };
        format!("{way}{}", note["value"]["what"].as_str().expect("what"))
    });
    said.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_caller_who_is_sent_elsewhere_has_gone_and_the_record_says_so() {
    let _quiet = house::among_others();
    let nobody = Called::new();
    let server = server("cold", nobody.port());
    let mut phone = asking(&server);
    let refer = asked(&phone, "REFER");
    assert!(refer.header("Refer-To").is_some_and(|to| to.starts_with("<sip:+49301@")), "{}", refer.text);
    phone.reply(&refer, "202 Accepted");
    notify(&mut phone, "100 Trying");
    notify(&mut phone, "200 OK");
    let bye = asked(&phone, "BYE");
    phone.reply(&bye, "200 OK");
    let call = record(&server);
    assert_eq!(
        (&call["end_reason"], &call["outcome"]),
        (&json!("transferred"), &json!("transferred")),
        "{call}"
    );
    assert_eq!(states(&call), ["begun", "done"], "{call}");
    let ladder = ladder(&call);
    assert!(ladder.starts_with("<INVITE >"), "{ladder}");
    assert!(ladder.ends_with(">BYE <200 OK"), "{ladder}");
    for step in [">200 OK <ACK", ">REFER ", "<202 Accepted", "<NOTIFY >200 OK"] {
        assert!(ladder.contains(step), "{step}: {ladder}");
    }
}

#[test]
fn a_caller_whom_nobody_takes_comes_back_to_the_agent() {
    let _quiet = house::among_others();
    let nobody = Called::new();
    let server = server("cold", nobody.port());
    let mut phone = asking(&server);
    let refer = asked(&phone, "REFER");
    phone.reply(&refer, "202 Accepted");
    notify(&mut phone, "486 Busy Here");
    let back = phone.listen(Duration::from_secs(6));
    assert!(voiced(&back) > 60, "{} frames of an apology", voiced(&back));
    assert_eq!(phone.hang_up(), Some(200));
    let call = record(&server);
    assert_eq!(call["end_reason"], "caller_left", "{call}");
    assert_eq!(states(&call), ["begun", "failed"], "{call}");
    let failed = call["notes"].to_string();
    assert!(failed.contains("TRANSFER_UNANSWERED"), "{failed}");
    let said = call["transcript"].to_string();
    assert!(said.contains("nobody at the reception"), "{said}");
}

/// Audio of a person who picked up, on a thread of its own: what they are to say and press comes in, what they hear is counted.
struct Person {
    say: mpsc::Sender<Vec<u8>>,
    press: mpsc::Sender<u8>,
    heard: mpsc::Receiver<Vec<u8>>,
    over: Arc<AtomicBool>,
}

impl Person {
    /// Picks up when the server calls.
    fn picking_up(called: Called) -> (Self, Called, String, SocketAddr) {
        let (invite, from) = called.asked("INVITE");
        assert!(invite.contains("sip:+49301@127.0.0.1"), "{invite}");
        called.answer(&invite, from, "180 Ringing", "");
        called.answer(&invite, from, "200 OK", &called.description());
        called.asked("ACK");
        let port = invite.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
        let to: SocketAddr = format!("127.0.0.1:{port}").parse().expect("an address");
        let rtp = called.rtp.try_clone().expect("a socket");
        let ((say, saying), (press, pressing), (hears, heard)) =
            (mpsc::channel(), mpsc::channel(), mpsc::channel());
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        std::thread::spawn(move || Self::talk(&rtp, to, &saying, &pressing, &hears, &until));
        (Self { say, press, heard, over }, called, invite, from)
    }

    #[expect(clippy::disallowed_methods, reason = "a phone keeps real time, on a thread of its own")]
    fn talk(
        rtp: &std::net::UdpSocket,
        to: SocketAddr,
        saying: &mpsc::Receiver<Vec<u8>>,
        pressing: &mpsc::Receiver<u8>,
        hears: &mpsc::Sender<Vec<u8>>,
        over: &AtomicBool,
    ) {
        let (mut queue, mut n, began) = (Vec::new(), 0_u16, Instant::now());
        let send = |kind: u8, at: u16, payload: &[u8], n: &mut u16| {
            let mut packet = vec![0x80, kind];
            packet.extend(n.to_be_bytes());
            packet.extend((u32::from(at) * 160).to_be_bytes());
            packet.extend([0, 0, 0, 5]);
            packet.extend(payload);
            *n += 1;
            let _closed = rtp.send_to(&packet, to);
        };
        let mut ticks = 0_u32;
        while !over.load(Ordering::Relaxed) {
            if let Ok(key) = pressing.try_recv() {
                let begun = n;
                for duration in [1_u16, 2, 3, 4, 5, 5, 5] {
                    let [high, low] = (duration * 160).to_be_bytes();
                    let end = if duration == 5 { 0x80 } else { 0 };
                    send(101, begun, &[key, end | 10, high, low], &mut n);
                }
            }
            while let Ok(mulaw) = saying.try_recv() {
                queue.extend(mulaw);
            }
            let mut frame: Vec<u8> = queue.drain(..queue.len().min(160)).collect();
            frame.resize(160, 0xff);
            let at = n;
            send(0, at, &frame, &mut n);
            ticks += 1;
            let due = began + FRAME * ticks;
            let mut bytes = [0; 2_048];
            loop {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                rtp.set_read_timeout(Some(left)).expect("settable");
                if let Ok(length) = rtp.recv(&mut bytes)
                    && length > 12
                    && bytes[1] & 0x7f == 0
                {
                    let _gone = hears.send(bytes[12..length].to_vec());
                }
            }
        }
    }

    /// All that was heard since this was last asked.
    fn hears(&self) -> Vec<u8> {
        self.heard.try_iter().flatten().collect()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Both call and person, once the person has heard of the call.
fn told(server: &Server, called: Called) -> (Phone, Person, Called, String, SocketAddr) {
    let picking_up = std::thread::spawn(move || Person::picking_up(called));
    let mut phone = asking(server);
    // The announcement, and the wait.
    phone.listen(Duration::from_secs(4));
    let (person, called, invite, from) = picking_up.join().expect("called");
    phone.listen(Duration::from_secs(8));
    let briefing = person.hears();
    assert!(voiced(&briefing) > 60, "{} frames of the briefing", voiced(&briefing));
    (phone, person, called, invite, from)
}

#[test]
fn a_person_who_takes_the_call_is_connected_with_the_caller() {
    let _quiet = house::among_others();
    let called = Called::new();
    let server = server("warm", called.port());
    let (mut phone, person, called, _invite, from) = told(&server, called);
    person.say.send(spoken("desk_yes.wav")).expect("listens");
    let id = process::wait_for("two people who talk", PATIENCE, || {
        phone.listen(Duration::from_millis(500));
        let live: Value = server.read("/v1/live").json();
        let call = live["data"].as_array()?.iter().find(|call| call["state"] == "bridged")?.clone();
        call["id"].as_str().map(str::to_owned)
    });
    person.hears();
    let meanwhile = phone.play(&[spoken("desk_hours.wav"), vec![0xff; 8_000]].concat());
    let heard = person.hears();
    assert!(voiced(&heard) > 40, "the person hears the caller: {} frames", voiced(&heard));
    assert!(voiced(&meanwhile) < 10, "the agent has no part in it: {} frames", voiced(&meanwhile));
    person.say.send(spoken("desk_price.wav")).expect("talks");
    let answer = phone.listen(Duration::from_secs(4));
    assert!(voiced(&answer) > 40, "the caller hears the person: {} frames", voiced(&answer));
    assert_eq!(phone.hang_up(), Some(200));
    let (bye, _) = called.asked("BYE");
    called.answer(&bye, from, "200 OK", "");
    let call = record(&server);
    assert_eq!((&call["id"], &call["end_reason"]), (&json!(id), &json!("transferred")), "{call}");
    assert_eq!(states(&call), ["begun", "connected"], "{call}");
    let live: Value = server.read("/v1/live").json();
    assert_eq!(live["data"], json!([]));
}

#[test]
fn a_person_who_presses_no_gets_no_call_and_the_caller_comes_back() {
    let _quiet = house::among_others();
    let called = Called::new();
    let server = server("warm", called.port());
    let (mut phone, person, called, _invite, from) = told(&server, called);
    person.press.send(2).expect("pressed");
    let back = phone.listen(Duration::from_secs(10));
    assert!(voiced(&back) > 60, "{} frames of an apology", voiced(&back));
    let (bye, _) = called.asked("BYE");
    called.answer(&bye, from, "200 OK", "");
    assert_eq!(phone.hang_up(), Some(200));
    let call = record(&server);
    assert_eq!(call["end_reason"], "caller_left", "{call}");
    assert_eq!(states(&call), ["begun", "failed"], "{call}");
    assert!(call["notes"].to_string().contains("TRANSFER_REFUSED"), "{call}");
    let all: Value = server.read("/v1/sessions").json();
    assert_eq!(
        all["data"].as_array().map(Vec::len),
        Some(2),
        "the call with the person is on record, too: {all}"
    );
    let out: Value = server.read("/v1/sessions?direction=outbound").json();
    assert_eq!(out["data"].as_array().map(Vec::len), Some(1), "and went out: {out}");
    assert_ne!(out["data"][0]["id"], call["id"], "{out}");
    assert_eq!(
        (&call["direction"], &out["data"][0]["party"].is_string()),
        (&"inbound".into(), &true),
        "{out}"
    );
}

#[test]
fn caller_and_person_are_joined_by_a_trunk_that_can_do_so() {
    let _quiet = house::among_others();
    let called = Called::new();
    let server = serving("warm", called.port(), "joins = true");
    let (mut phone, person, called, _invite, from) = told(&server, called);
    person.say.send(spoken("desk_yes.wav")).expect("listens");
    let refer = asked(&phone, "REFER");
    let to = refer.header("Refer-To").expect("it names somebody");
    assert!(to.starts_with(&format!("<sip:called@127.0.0.1:{}?Replaces=", called.port())), "{to}");
    assert!(to.contains("%3Bto-tag%3Dcalled%3Bfrom-tag%3D"), "{to}");
    phone.reply(&refer, "202 Accepted");
    notify(&mut phone, "200 OK");
    let bye = asked(&phone, "BYE");
    phone.reply(&bye, "200 OK");
    let (bye, _) = called.asked("BYE");
    called.answer(&bye, from, "200 OK", "");
    let call = record(&server);
    assert_eq!(call["end_reason"], "transferred", "{call}");
    assert_eq!(states(&call), ["begun", "done"], "{call}");
}

#[test]
fn a_caller_has_the_agent_put_through_to_whom_it_might_call_and_to_nobody_else() {
    let _quiet = house::among_others();
    let called = Called::new();
    let server = server("cold", called.port());
    let mut phone = Phone::new(address_in(&server.log()).expect("the server says where it is called"));
    assert_eq!(phone.call("switch").status(), Some(200));
    phone.listen(Duration::from_secs(4));
    phone.request("REFER", "Refer-To: <sip:+35988112233@127.0.0.1>\r\n", "");
    assert_eq!(phone.answer().status(), Some(603), "the agent puts nobody through to that number");
    phone.request("REFER", "Refer-To: <sip:+49301@elsewhere.example>\r\n", "");
    assert_eq!(phone.answer().status(), Some(202));
    let picking_up = std::thread::spawn(move || Person::picking_up(called));
    let mut said = String::new();
    while !said.contains("SIP/2.0 200 OK") {
        let step = asked(&phone, "NOTIFY");
        phone.reply(&step, "200 OK");
        said.push_str(step.body());
    }
    assert!(said.starts_with("SIP/2.0 100 Trying\r\n"), "{said}");
    let bye = asked(&phone, "BYE");
    phone.reply(&bye, "200 OK");
    let (person, _called, _invite, _from) = picking_up.join().expect("called");
    person.say.send([spoken("desk_yes.wav"), vec![0xff; 8_000]].concat()).expect("talks");
    let mut heard = 0;
    process::wait_for("the agent with the person", PATIENCE, || {
        heard += voiced(&person.hears());
        (heard > 25).then_some(())
    });
}
