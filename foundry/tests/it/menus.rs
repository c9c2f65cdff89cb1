//! An agent calls a menu and finds its way through it by keys.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use media_core::dtmf::TelephoneEvent;
use serde_json::{Value, json};
use testkit::{Server, process};

use crate::house;
use crate::phones::{Called, spoken, voiced};

const FRAME: Duration = Duration::from_millis(20);
/// What the menu is heard to say.
const LINES: &str = "[\"For sales press one.\", \"Please enter your number.\", \"You are connected now.\"]";

fn agent() -> Value {
    json!({
        "name": "caller", "title": "Caller", "version": 1, "entry": "menu", "greeting": [],
        "facts": {"number": "47-11"},
        "nodes": {
            "menu": {"kind": "intent", "unknown": ["Hello, I am calling about my order, and I would like to speak to somebody."],
                     "intents": {"sales": {"examples": ["for sales press one", "sales press one"]},
                                 "number": {"examples": ["please enter your number", "enter your number"]}}},
            "one": {"kind": "press", "keys": "1", "patience_s": 60},
            "number": {"kind": "press", "keys": "w{facts.number}#", "text": ["I enter my number now."], "patience_s": 60},
            "gone": {"kind": "end", "text": ["This line takes no keys."]},
        },
        "edges": [
            {"from": "menu", "on": "sales", "to": "one"}, {"from": "one", "to": "menu"}, {"from": "one", "on": "failed", "to": "gone"},
            {"from": "menu", "on": "number", "to": "number"}, {"from": "number", "to": "menu"}, {"from": "number", "on": "failed", "to": "gone"},
        ],
    })
}

fn server(trunk: u16) -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let agents = folder.path().join("agents");
    std::fs::create_dir(&agents).expect("writable");
    std::fs::write(agents.join("caller.json"), agent().to_string()).expect("writable");
    let config = folder.path().join("foundry.toml");
    let text = format!(
        "agents_dir = {agents:?}\n[providers]\nspeech = \"fake\"\n[providers.fake.stt]\nlines = {LINES}\n\
         [[sip.trunks]]\nname = \"carrier\"\nhost = \"127.0.0.1\"\nport = {trunk}\n"
    );
    std::fs::write(&config, text).expect("writable");
    let config = config.to_str().expect("temporary folders have plain names");
    Server::start(house::PROGRAM, &["--config", config, "--sip-listen", "127.0.0.1:0"])
}

/// The menu's side of the call: what it plays, and what comes meanwhile.
struct Menu<'a> {
    called: &'a Called,
    to: SocketAddr,
    count: u16,
    /// Of the last key.
    timestamp: Option<u32>,
}

impl Menu<'_> {
    /// Plays at its pace, then waits in silence until enough keys came; those, and how much of a voice was heard before the first.
    #[expect(clippy::disallowed_methods, reason = "a phone keeps real time")]
    fn plays(&mut self, mulaw: &[u8], keys: usize) -> (String, usize) {
        let (mut pressed, mut heard, mut before) = (String::new(), Vec::new(), 0);
        let (began, mut bytes) = (Instant::now(), [0; 2_048]);
        let mut frames = mulaw.chunks(160);
        for n in 1..=1_000_u32 {
            let frame = match frames.next() {
                Some(frame) => frame,
                None if pressed.len() >= keys => break,
                None => &[0xff; 160],
            };
            let mut packet = vec![0x80, 0];
            packet.extend(self.count.to_be_bytes());
            packet.extend((u32::from(self.count) * 160).to_be_bytes());
            packet.extend([0, 0, 0, 5]);
            packet.extend(frame);
            self.count += 1;
            self.called.rtp.send_to(&packet, self.to).expect("sent");
            let due = began + FRAME * n;
            loop {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                self.called.rtp.set_read_timeout(Some(left)).expect("settable");
                let Ok(length @ 13..) = self.called.rtp.recv(&mut bytes) else { continue };
                match bytes[1] & 0x7f {
                    0 => heard.extend_from_slice(&bytes[12..length]),
                    101 => {
                        let timestamp = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
                        let key = TelephoneEvent::parse(&bytes[12..length]).expect("a key").digit;
                        if self.timestamp.replace(timestamp) != Some(timestamp) {
                            if pressed.is_empty() {
                                before = voiced(&heard);
                            }
                            pressed.push(char::from(key));
                        }
                    }
                    other => unreachable!("payload type {other}"),
                }
            }
        }
        (pressed, before)
    }
}

#[test]
fn an_agent_that_calls_a_menu_presses_its_way_through_and_says_no_word_to_it_that_is_not_written() {
    let _quiet = house::quiet();
    let called = Called::new();
    let server = server(called.port());
    let mut dial = Command::new(house::PROGRAM);
    dial.env("FOUNDRY_TOKEN", server.token()).args(["dial", "+4930123456", "--trunk", "carrier"]);
    dial.args(["--agent", "caller", "--url", server.url()]);
    let dial = std::thread::spawn(move || process::run(&mut dial, Duration::from_secs(60)));
    let (invite, from) = called.asked("INVITE");
    called.answer(&invite, from, "200 OK", &called.description());
    called.asked("ACK");
    let port = invite.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
    let to: SocketAddr = format!("127.0.0.1:{port}").parse().expect("an address");
    let mut menu = Menu { called: &called, to, count: 0, timestamp: None };
    let quiet = vec![0xff; 8_000];
    let said = |name: &str| [quiet.clone(), spoken(name)].concat();
    assert_eq!(menu.plays(&said("desk_hours.wav"), 1), ("1".to_owned(), 0), "without a word");
    let (keys, words) = menu.plays(&said("desk_price.wav"), 5);
    assert!(keys == "4711#" && words > 20, "{keys:?} after {words} frames of a voice");
    let dialled = dial.join().expect("no panic");
    assert_eq!(dialled.code, Some(0), "{}{}", dialled.stdout, dialled.stderr);
    // The menu hangs up.
    let listed: Value = server.read("/v1/live").json();
    let id = listed["data"][0]["id"].as_str().expect("a call").to_owned();
    let call: Value = server.read(&format!("/v1/sessions/{id}")).json();
    let notes = call["notes"].as_array().expect("notes").iter().filter(|note| note["name"] == "keys");
    let states: Vec<&str> = notes.clone().filter_map(|note| note["value"]["state"].as_str()).collect();
    assert_eq!(states[..3], ["begun", "done", "begun"], "{call}");
    let pressed: Vec<&str> = notes.filter_map(|note| note["value"]["keys"].as_str()).collect();
    assert_eq!(pressed, ["1", "w4711#"], "{call}");
}
