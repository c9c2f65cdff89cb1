//! Whom a dispatch into a LiveKit room reaches: agents of each organization in its own rooms. And telephones in rooms that are put through.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use domain::Secret;
use media_core::{LegCommand, LegEvent};
use media_livekit::{Ended, Grant, Keys, Notice, Options, Said, Ticket, Visit, With};
use media_rtc::link::Credentials;
use runtime::Tasks;
use serde_json::{Value, json};
use testkit::livekit::{KEY, LiveKit, SECRET};
use testkit::{Server, process};

use crate::{house, livekit, transfers};

/// Only to end a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody in a room, who waits for an agent.
struct Guest {
    visit: Visit,
    tasks: Tasks,
}

impl Guest {
    fn enter(url: &str, token: Secret<String>) -> Self {
        let options =
            Options { with: With::Agents, listen: ([127, 0, 0, 1], 0).into(), ..Options::default() };
        let tasks = Tasks::new();
        let ticket = Ticket { url: url.to_owned(), token };
        let visit = media_livekit::enter(ticket, &Arc::new(Credentials::generate()), options, &tasks);
        Self { visit, tasks }
    }

    async fn writes(&self, text: &str) {
        let said = serde_json::to_string(&Said::Text { text: text.to_owned() }).expect("JSON");
        self.visit.peer.commands.send(LegCommand::Message(said)).await.expect("the guest is in the room");
    }

    /// Waits until the agent has said something to its end, with these words.
    async fn hears(&mut self, words: &str) {
        let mut heard = Vec::new();
        let found = async {
            while let Some(event) = self.visit.peer.events.recv().await {
                let LegEvent::Message(text) = event else { continue };
                if let Ok(Notice::AgentDone { heard: text, .. }) = serde_json::from_str(&text) {
                    let is_it = text.contains(words);
                    heard.push(text);
                    if is_it {
                        return true;
                    }
                }
            }
            false
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        assert_eq!(found, Ok(true), "{words:?} of {heard:?}");
    }

    async fn leaves(self) {
        drop(self.visit);
        self.tasks.shutdown().await;
    }
}

fn ask(server: &Server, bearer: &str, org: Option<&str>, path: &str, body: &Value) -> testkit::http::Reply {
    let bearer = format!("Bearer {bearer}");
    let mut headers = vec![
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
        // Whatever the draft's revision is.
        ("if-match", "*"),
    ];
    headers.extend(org.map(|org| ("foundry-organization", org)));
    let reply = testkit::http::request(server.url(), "POST", path, &headers, body.to_string().as_bytes());
    reply.expect("the server answers")
}

fn sessions(server: &Server, key: &str) -> Vec<Value> {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let reply = testkit::http::request(server.url(), "GET", "/v1/sessions", &headers, b"");
    reply.expect("the server answers").json()["data"].as_array().expect("a list").clone()
}

fn registered(server: &Server, agent: &str) {
    process::wait_for("a worker that is registered", PATIENCE, || {
        server.log().contains(&format!("registered with LiveKit agent=\"{agent}\"")).then_some(())
    });
}

#[test]
fn agents_of_another_organization_come_into_its_own_rooms() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let server = house::timed(&livekit::settings(&rooms), &[]);
    livekit::registered(&server);
    let operator = server.token();
    let made = ask(&server, &operator, None, "/v1/organizations", &json!({"name": "acme"}));
    assert_eq!(made.status, 201, "{}", made.text());
    let org = made.json()["id"].as_str().expect("an id").to_owned();
    let key = ask(&server, &operator, Some(&org), "/v1/api-keys", &json!({"name": "test"})).json();
    let key = key["key"].as_str().expect("shown once");
    let agent = json!({"name": "front-desk", "template": "front-desk"});
    let made = ask(&server, key, None, "/v1/agents", &agent);
    assert_eq!(made.status, 201, "{}", made.text());
    let published = ask(&server, key, None, "/v1/agents/front-desk/publish", &json!({}));
    assert!(published.status < 300, "{}", published.text());
    registered(&server, &format!("{org}/front-desk"));
    let wanted = json!({"agent": "front-desk", "room": "desk", "identity": "ann"});
    let given = ask(&server, key, None, "/v1/livekit/token", &wanted);
    assert_eq!(given.status, 200, "{}", given.text());
    let given = given.json();
    assert_eq!(given["room"], format!("{org}/desk"));
    let token = Secret::new(given["token"].as_str().expect("a token").to_owned());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut guest = Guest::enter(&rooms.url(), token);
        guest.hears("").await;
        guest.leaves().await;
    });
    let call = process::wait_for("the call on record", PATIENCE, || {
        sessions(&server, key).into_iter().find(|call| call["running"] == false)
    });
    assert_eq!((&call["transport"], &call["agent"]), (&json!("livekit"), &json!("front-desk")));
    let home = server.read("/v1/sessions").json();
    assert_eq!(home["data"], json!([]), "nobody else's");
    // The room is theirs: the default organization gets no token for it.
    let theirs = json!({"agent": "front-desk", "room": format!("{org}/desk")});
    let refused = ask(&server, &operator, None, "/v1/livekit/token", &theirs);
    assert_eq!((refused.status, refused.json()["code"].clone()), (409, json!("ROUTE_TAKEN")));
    // And nobody waits for an agent that LiveKit is not told of.
    let hidden = ask(&server, &operator, None, "/v1/livekit/token", &json!({"agent": "bench"}));
    assert_eq!((hidden.status, hidden.json()["code"].clone()), (409, json!("LIVEKIT_NOT_DISPATCHED")));
}

/// In front of a LiveKit server: what asks for a telephone to be sent elsewhere is told of and answered here, all else goes through.
struct Bridge {
    url: String,
    asked: mpsc::Receiver<String>,
    answers: mpsc::Sender<(u16, &'static str)>,
}

impl Bridge {
    fn before(rooms: &LiveKit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("ws://{}", listener.local_addr().expect("bound"));
        let behind = rooms.port();
        let (told, asked) = mpsc::channel();
        let (answers, given) = mpsc::channel();
        let given = Arc::new(std::sync::Mutex::new(given));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (told, given) = (told.clone(), Arc::clone(&given));
                std::thread::spawn(move || pass(client, behind, &told, &given));
            }
        });
        Self { url, asked, answers }
    }
}

type Answers = Arc<std::sync::Mutex<mpsc::Receiver<(u16, &'static str)>>>;

fn pass(mut client: TcpStream, behind: u16, told: &mpsc::Sender<String>, given: &Answers) -> Option<()> {
    let mut request = Vec::new();
    let mut piece = [0; 4_096];
    let head = loop {
        let length = client.read(&mut piece).ok().filter(|length| *length > 0)?;
        request.extend_from_slice(&piece[..length]);
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    if text.starts_with("post /twirp/livekit.sip/transfersipparticipant") {
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let mut body = request.split_off(head);
        while body.len() < length.unwrap_or(0) {
            let length = client.read(&mut piece).ok().filter(|length| *length > 0)?;
            body.extend_from_slice(&piece[..length]);
        }
        let answer = given.lock().expect("no panic").try_recv();
        if let Ok((status, answer)) = answer {
            told.send(format!("{text}{}", String::from_utf8_lossy(&body))).ok()?;
            let length = answer.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            return client.write_all(format!("{head}{answer}").as_bytes()).ok();
        }
        // Nothing is prepared: the real server answers, this request alone.
        request.splice(head - 2.., *b"connection: close\r\n\r\n");
        request.extend(body);
    }
    if text.starts_with("post") && !text.contains("transfersipparticipant") {
        // What else the server API is asked: one connection each, that none carries what is to be answered here.
        request.splice(head - 2..head, *b"connection: close\r\n\r\n");
    }
    let mut server = TcpStream::connect(("127.0.0.1", behind)).ok()?;
    server.write_all(&request).ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _over = std::io::copy(&mut from, &mut to);
        let _closed = to.shutdown(Shutdown::Both);
    });
    let _over = std::io::copy(&mut server, &mut client);
    let _closed = client.shutdown(Shutdown::Both);
    Some(())
}

/// Somebody who asked for a person, in a room of their own, by a telephone or without.
async fn asking(rooms: &LiveKit, room: &str, telephone: bool) -> Guest {
    let keys = Keys { key: KEY.to_owned(), secret: Secret::new(SECRET.to_owned()) };
    let attributes = [("sip.callID", "SCL_1"), ("sip.phoneNumber", "+15550100")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let grant = Grant {
        room: room.to_owned(),
        identity: "phone".to_owned(),
        kind: if telephone { "sip" } else { "" },
        attributes: if telephone { attributes.into() } else { Default::default() },
        agents: vec![("switch".to_owned(), String::new())],
        ..Grant::default()
    };
    let token = keys.join(&grant, SystemTime::now(), Duration::from_secs(600)).expect("a token");
    let mut guest = Guest::enter(&rooms.url(), token);
    guest.hears("Welcome to the switch board").await;
    guest.writes("a person please").await;
    guest
}

/// What the call in this room was told of its transfer, once it is over.
fn transfer(server: &Server, count: usize) -> Value {
    let id = process::wait_for("the call on record", PATIENCE, || {
        let listed = server.read("/v1/sessions").json();
        let calls = listed["data"].as_array()?;
        (calls.len() == count && calls[0]["running"] == false).then(|| calls[0]["id"].clone())
    });
    server.read(&format!("/v1/sessions/{}", id.as_str().expect("an id"))).json()
}

/// The code of why the caller stayed.
fn stayed_for(call: &Value) -> Value {
    let notes = call["notes"].as_array().expect("notes").iter();
    let mut of = notes.filter(|note| note["name"] == "transfer" && note["value"]["state"] == "failed");
    of.next().unwrap_or_else(|| unreachable!("no transfer failed: {call}"))["value"]["code"].clone()
}

#[test]
fn a_telephone_in_a_room_is_sent_elsewhere_and_nobody_else_is() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let bridge = Bridge::before(&rooms);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let agents = folder.path().join("agents");
    std::fs::create_dir(&agents).expect("writable");
    std::fs::write(agents.join("switch.json"), transfers::agent("cold").to_string()).expect("writable");
    let config = folder.path().join("foundry.toml");
    let text = format!(
        "agents_dir = {agents:?}\n[providers]\nspeech = \"fake\"\n[providers.fake.stt]\nlines = {}\n\
         [livekit]\nurl = \"{}\"\napi_key = \"{KEY}\"\napi_secret = \"{SECRET}\"\n",
        house::FAKE_LINES,
        bridge.url
    );
    std::fs::write(&config, text).expect("writable");
    let server = Server::start(house::PROGRAM, &["--config", config.to_str().expect("a plain path")]);
    registered(&server, "switch");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sorry = "nobody at the reception";
    runtime.block_on(async {
        // Without a telephone there is nothing that LiveKit could send elsewhere.
        let mut guest = asking(&rooms, "one", false).await;
        guest.hears(sorry).await;
        guest.leaves().await;
    });
    assert_eq!(stayed_for(&transfer(&server, 1)), "TRANSFER_UNSUPPORTED");
    runtime.block_on(async {
        // The real server, which has no bridge to telephones, refuses.
        let mut guest = asking(&rooms, "two", true).await;
        guest.hears(sorry).await;
        guest.leaves().await;
    });
    let refused = transfer(&server, 2);
    assert!(
        ["TRANSFER_FAILED", "TRANSFER_UNANSWERED"].contains(&stayed_for(&refused).as_str().expect("a code"))
    );
    let decline = r#"{"code":"permission_denied","msg":"declined","meta":{"sip_status_code":"603","sip_status":"Decline"}}"#;
    bridge.answers.send((403, decline)).expect("it listens");
    runtime.block_on(async {
        let mut guest = asking(&rooms, "three", true).await;
        guest.hears(sorry).await;
        guest.leaves().await;
    });
    assert_eq!(stayed_for(&transfer(&server, 3)), "TRANSFER_REFUSED");
    bridge.asked.recv_timeout(PATIENCE).expect("it was asked");
    bridge.answers.send((200, "{}")).expect("it listens");
    runtime.block_on(async {
        let mut guest = asking(&rooms, "four", true).await;
        let ended = tokio::time::timeout(PATIENCE, &mut guest.visit.ended).await.expect("the agent leaves");
        assert!(matches!(ended, Ok(Ended::Left)), "{ended:?}");
        guest.leaves().await;
    });
    let asked = bridge.asked.recv_timeout(PATIENCE).expect("it was asked");
    assert!(asked.contains("authorization: bearer ey"), "{asked}");
    let body: Value = serde_json::from_str(asked.rsplit("\r\n\r\n").next().expect("a body")).expect("JSON");
    let wanted = json!({
        "participant_identity": "phone", "room_name": "four", "transfer_to": "tel:+49301",
        "play_dialtone": true, "ringing_timeout": "10s",
    });
    assert_eq!(body, wanted);
    assert_eq!(transfer(&server, 4)["end_reason"], "transferred");
}
