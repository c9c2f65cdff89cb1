//! A campaign on a running server calls people by SIP: one is busy, one does not answer, one answers and is not heard, one is a person
//! and one a machine with a beep. sipp
//! is all of them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use media_core::g711;
use serde_json::{Value, json};
use testkit::{Server, http, process};

use crate::agents::with;
use crate::browser::tell;
use crate::house;
use crate::phones::spoken;

const SOON: Duration = Duration::from_secs(20);
const MESSAGE: &str = "Hello Jo. This is the front desk. Please call us back.";

/// Everybody who can be called.
struct Town {
    sipp: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Town {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        write(&folder.path().join("person.raw"), &[silence(200), spoken("desk_yes.wav")]);
        let greeting = [spoken("desk_book.wav"), spoken("desk_address.wav"), spoken("desk_phone.wav")];
        let after = [silence(600), beep(1_000, 500), silence(500)];
        write(&folder.path().join("machine.raw"), &[greeting.concat(), after.concat()]);
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp/everybody.xml");
        let (port, media) = (free(), free());
        let log = std::fs::File::create(folder.path().join("log")).expect("writable");
        let sipp = Command::new("sipp")
            .current_dir(folder.path())
            .arg("-sf")
            .arg(scenario)
            .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-mp", &media.to_string()])
            .args(["-nostdin", "-trace_err", "-error_file", "errors.log", "-timeout", "180"])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("sipp is installed by scripts/setup.sh test");
        Self { sipp, folder, port }
    }

    /// What went wrong there, if anything.
    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("errors.log")).unwrap_or_default()
    }

    fn trunk(&self) -> String {
        let port = self.port;
        format!(
            "[[sip.trunks]]\nname = \"carrier\"\nhost = \"127.0.0.1\"\nport = {port}\ncaller = \"+4930555\"\n"
        )
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        let _gone = self.sipp.kill();
        let _gone = self.sipp.wait();
    }
}

fn free() -> u16 {
    let port =
        || std::net::UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    std::iter::repeat_with(port).find(|port| port % 2 == 0).expect("endless")
}

fn silence(ms: usize) -> Vec<u8> {
    vec![g711::encode_ulaw(0); ms * 8]
}

fn beep(hz: u32, ms: u32) -> Vec<u8> {
    let step = std::f32::consts::TAU * hz as f32 / 8_000.0;
    (0..ms * 8).map(|n| g711::encode_ulaw((9_000.0 * (step * n as f32).sin()) as i16)).collect()
}

fn write(path: &Path, parts: &[Vec<u8>]) {
    std::fs::write(path, parts.concat()).expect("writable");
}

pub(crate) fn post(server: &Server, path: &str, body: &Value) -> Value {
    let answer = with(server, &server.token(), "POST", path, body);
    assert!(answer.status < 300, "{path}: {}", answer.text());
    answer.json()
}

pub(crate) fn imported(server: &Server, id: &str, file: &str) -> Value {
    let bearer = format!("Bearer {}", server.token());
    let headers = [("content-type", "text/csv"), ("authorization", bearer.as_str())];
    let path = format!("/v1/campaigns/{id}/contacts");
    let answer = http::request(server.url(), "POST", &path, &headers, file.as_bytes());
    answer.expect("the server answers").json()
}

fn contact(contacts: &Value, number: &str) -> Value {
    let all = contacts["data"].as_array().expect("a list");
    all.iter().find(|one| one["number"] == number).expect("imported").clone()
}

fn said(server: &Server, session: &Value) -> Vec<String> {
    let call: Value = server.read(&format!("/v1/sessions/{}", session.as_str().expect("an id"))).json();
    let lines = call["transcript"].as_array().expect("a transcript").iter();
    lines
        .filter(|line| line["role"] == "agent")
        .filter_map(|line| line["text"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn a_campaign_ends_with_what_came_of_everybody() {
    let _quiet = house::among_others();
    let town = Town::open();
    let server = house::timed(&town.trunk(), &["--sip-listen", "127.0.0.1:0"]);
    let greeting = json!({"wordings": ["Hello {caller.name|default:\"there\"}, your day is {session.day|default:\"open\"}."]});
    post(&server, "/v1/greetings", &greeting);
    let campaign = json!({
        "title": "Reminders", "agent": "front-desk", "trunk": "carrier", "ring_s": 5, "concurrency": 4, "per_minute": 600,
        "machine_detection": {
            "mode": "on", "at_machine": "leave_message",
            "message": "Hello {caller.name|default:\"there\"}. This is the front desk. Please call us back."
        },
        "retry": {"outcomes": ["busy"], "attempts": 2, "after_s": 1}
    });
    let id = post(&server, "/v1/campaigns", &campaign)["id"].as_str().expect("an id").to_owned();
    let file = "number,name,day\n+4930001,Ana,\n+4930002,Ben,\n+4930003,Maria,Monday\n+4930004,Jo,\n+4930006,Al,\nnobody@home,X,\n";
    let imported = imported(&server, &id, file);
    assert_eq!((&imported["taken"], &imported["errors"][0]["line"]), (&json!(5), &json!(7)), "{imported}");
    post(&server, &format!("/v1/campaigns/{id}/start"), &json!({}));
    let path = format!("/v1/campaigns/{id}");
    let campaign = process::wait_for("the campaign's end", Duration::from_secs(90), || {
        let campaign: Value = server.read(&path).json();
        (campaign["state"] == "completed").then_some(campaign)
    });
    let outcomes = json!({"busy": 1, "no_answer": 1, "no_audio": 1, "completed": 1, "message_left": 1});
    let calls: Value = server.read(&format!("/v1/calls?campaign_id={id}")).json();
    assert_eq!(campaign["progress"]["outcomes"], outcomes, "{calls:#}\n{}\n{}", town.said(), server.log());
    let contacts: Value = server.read(&format!("{path}/contacts")).json();
    let attempts = |number| contact(&contacts, number)["attempts"].as_i64();
    assert_eq!(["+4930001", "+4930002", "+4930003"].map(attempts), [Some(2), Some(1), Some(1)]);
    let of = |number: &str| {
        let all = calls["data"].as_array().expect("a list");
        all.iter().find(|call| call["to"] == number).expect("called").clone()
    };
    let (busy, person, machine) = (of("+4930001"), of("+4930003"), of("+4930004"));
    assert_eq!(
        (&busy["sip_status"], &busy["attempt"], &busy["session_id"]),
        (&json!(486), &json!(2), &Value::Null)
    );
    assert_eq!(
        (&person["answered_by"], &person["end_reason"]),
        (&json!("human"), &json!("caller_left")),
        "{person}"
    );
    assert_eq!(
        (&machine["answered_by"], &machine["beep"], &machine["end_reason"]),
        (&json!("machine"), &json!(true), &json!("answered_by_machine")),
        "{machine}"
    );
    process::wait_for("the words on record", SOON, || {
        let greeted =
            said(&server, &person["session_id"]).concat().contains("Hello Maria, your day is Monday");
        (greeted && said(&server, &machine["session_id"]) == [MESSAGE]).then_some(())
    });
    let heard: Value =
        server.read(&format!("/v1/sessions/{}", person["session_id"].as_str().expect("an id"))).json();
    assert_eq!((&heard["direction"], &heard["party"]), (&json!("outbound"), &json!("+4930003")), "{heard}");
    let results = server.read(&format!("{path}/results")).text();
    assert!(
        results.contains("+4930001,done,2,busy") && results.contains("+4930004,done,1,message_left,machine"),
        "{results}"
    );
}

#[test]
fn the_queue_outlives_the_server_and_a_call_that_was_cut_off_is_closed_as_interrupted() {
    let _quiet = house::among_others();
    let town = Town::open();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = folder.path().join("foundry.toml");
    let text = format!("[providers]\nspeech = \"fake\"\n[calls]\nmax = 1\n{}", town.trunk());
    std::fs::write(&config, text).expect("writable");
    let arguments = ["--config", config.to_str().expect("plain"), "--sip-listen", "127.0.0.1:0"];
    let mut server = Server::start(house::PROGRAM, &arguments);
    // Rings for as long as it may, in the only place there is.
    let placed = |number: &str| {
        let call = json!({"agent": "front-desk", "trunk": "carrier", "to": number, "ring_s": 60});
        post(&server, "/v1/calls", &call)["id"].as_str().expect("an id").to_owned()
    };
    let (rings, waits) = (placed("+4930002"), placed("+4930001"));
    let call = |server: &Server, id: &str| -> Value { server.read(&format!("/v1/calls/{id}")).json() };
    process::wait_for("a call that rings", SOON, || {
        (call(&server, &rings)["state"] == "ringing").then_some(())
    });
    assert_eq!(call(&server, &waits)["state"], "queued");
    // As after a power cut.
    server.restart(house::PROGRAM, &arguments).expect("started again");
    let cut = call(&server, &rings);
    assert_eq!((&cut["state"], &cut["outcome"]), (&json!("ended"), &json!("interrupted")), "{cut}");
    let went_on = process::wait_for("the call that waited", SOON, || {
        let call = call(&server, &waits);
        (call["state"] == "ended").then_some(call)
    });
    assert_eq!(went_on["outcome"], "busy", "{went_on}\n{}", town.said());
}

#[test]
fn a_campaign_is_made_watched_and_paused_in_the_console() {
    let _quiet = house::among_others();
    let town = Town::open();
    let server = house::timed(&town.trunk(), &["--sip-listen", "127.0.0.1:0"]);
    let file = "number,name\\n+4930001,Ana\\nnobody@home,Ben\\n+49 30 001,Ana again\\n+4930005,Cleo\\n+4930009,Dora\\n";
    let story = tell("campaigns.mjs", &server, &[("--token", &*server.token()), ("--file", file)]);
    let report = &story.report;
    assert!(report["refused"].to_string().contains("caller.name"), "{report}");
    assert_eq!(report["kept"], "Reminders", "what was typed outlives a server that is away: {report}");
    assert!(report["noHeader"].to_string().contains("must be number"), "{report}");
    let errors = report["errors"].as_str().expect("shown");
    assert!(
        errors.contains("Line 3:") && errors.contains("Line 4: the number is in line 2 already"),
        "{errors}"
    );
    assert_eq!(
        (&report["imported"], &report["contacts"]),
        (&json!(3), &json!(2)),
        "one was removed: {report}"
    );
    assert_eq!(report["numberTaken"], "The campaign has this number already.", "{report}");
    assert_eq!(report["calls"], 5, "two tries of two people, and one by hand: {report}\n{}", town.said());
    assert_eq!(report["light"], "ready", "the trunk is not registered with: {report}");
    assert_eq!(report["tried"], "+4930001Busy (SIP 486)", "{report}");
    assert_eq!(report["outcomes"], "2 Busy", "{report}");
    assert!(report["file"].as_str().is_some_and(|name| name.starts_with("cmp_") && name.ends_with(".csv")));
    assert_eq!(report["findings"], json!([]), "of accessibility and width");
}
