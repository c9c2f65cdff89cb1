//! Calls that carriers announce by webhook, from scripted carriers that send what the real ones send, at their pace, and take commands as
//! their APIs do.

use std::time::{Duration, Instant};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carriers::twilio;
use domain::Secret;
use serde_json::{Value, json};
use testkit::http::{self, Reply};
use testkit::socket::{Heard, Socket};
use testkit::{Server, process};

use crate::agents::with;
use crate::house;
use crate::phones::{spoken, voiced};
use crate::vendors::{World, account};

pub(crate) const NUMBER: &str = "+41441234567";
pub(crate) const SID: &str = "AC00000000000000000000000000000001";
pub(crate) const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// How several servers are reached.
pub(crate) const SHARED: &str = "https://voice.example.com";
const FRAME: Duration = Duration::from_millis(20);

pub(crate) struct Trunk {
    pub(crate) world: World,
    pub(crate) server: Server,
    pub(crate) id: String,
    /// How the carrier reaches it, where that is not the server's address.
    pub(crate) base: Option<&'static str>,
}

impl Trunk {
    /// A server with an account at a carrier and a route for its number.
    pub(crate) fn at(vendor: &str, key: &str, options: Value) -> Self {
        Self::on(house::timed("", &[]), vendor, key, options)
    }

    /// As `at`, of a server that says how it is reached, as calls out need.
    pub(crate) fn out(vendor: &str, key: &str, options: Value) -> Self {
        // As somebody may write it, and as it is told to carriers and signed by them.
        const WRITTEN: &str = "https://Voice.Example.com:443/";
        const BASE: &str = "https://voice.example.com";
        let settings = format!("[server]\npublic_url = \"{WRITTEN}\"");
        Self { base: Some(BASE), ..Self::on(house::timed(&settings, &[]), vendor, key, options) }
    }

    /// As `out`, of one of several servers behind that name.
    pub(crate) fn one_of_several(vendor: &str, key: &str, options: Value) -> Self {
        let settings =
            format!("[server]\npublic_url = \"{SHARED}\"\nown_url = \"https://One.Voice.Example.com\"");
        let base = Some("https://one.voice.example.com");
        Self { base, ..Self::on(house::timed(&settings, &[]), vendor, key, options) }
    }

    /// As `at`, with an agent that puts callers through by their carrier.
    pub(crate) fn through(vendor: &str, key: &str, options: Value) -> Self {
        Self::putting_through("cold", "", vendor, key, options)
    }

    /// As `out`, with an agent that calls the person itself.
    pub(crate) fn consulting(vendor: &str, key: &str, options: Value) -> Self {
        const BASE: &str = "https://voice.example.com";
        let settings = format!("[server]\npublic_url = \"{BASE}\"\n");
        Self { base: Some(BASE), ..Self::putting_through("warm", &settings, vendor, key, options) }
    }

    fn putting_through(mode: &str, settings: &str, vendor: &str, key: &str, options: Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let agents = folder.path().join("agents");
        std::fs::create_dir(&agents).expect("writable");
        let mut agent = crate::transfers::agent(mode);
        agent["name"] = json!("front-desk");
        std::fs::write(agents.join("front-desk.json"), agent.to_string()).expect("writable");
        let config = folder.path().join("foundry.toml");
        let lines = "[\"Yes, a person please.\", \"Thank you.\"]";
        let text = format!(
            "agents_dir = {agents:?}\n[providers]\nspeech = \"fake\"\n[providers.fake.stt]\nlines = {lines}\n{settings}"
        );
        std::fs::write(&config, text).expect("writable");
        let server = Server::start(house::PROGRAM, &["--config", config.to_str().expect("plain")]);
        Self::on(server, vendor, key, options)
    }

    fn on(server: Server, vendor: &str, key: &str, mut options: Value) -> Self {
        let world = World::start();
        options["base_url"] = json!(format!("http://{}/{vendor}", world.address));
        let made = json!({"name": "main", "vendor": vendor, "key": key, "options": options});
        let id = account(&server, &made)["id"].as_str().expect("an id").to_owned();
        let get = |path: &str| with(&server, &server.token(), "GET", path, &Value::Null).json();
        let environments = get("/v1/environments");
        let prod = environments["data"].as_array().expect("a list").iter().find(|one| one["name"] == "prod");
        let route = json!({
            "number": NUMBER, "trunk": "main", "agent_id": get("/v1/agents/front-desk")["id"],
            "environment_id": prod.expect("prod is there")["id"],
        });
        let made = with(&server, &server.token(), "POST", "/v1/routes", &route);
        assert_eq!(made.status, 201, "{}", made.text());
        Self { world, server, id, base: None }
    }

    fn path(&self) -> String {
        format!("/carriers/{}/voice", self.id)
    }

    pub(crate) fn url(&self) -> String {
        let base = self.base.unwrap_or(self.server.url());
        format!("{}{}", base.trim_end_matches('/'), self.path())
    }

    /// Commands that the carrier was given.
    pub(crate) fn commands(&self, what: &str) -> Vec<Value> {
        let seen = self.world.stage.seen().into_iter();
        seen.filter(|seen| seen.what == what).map(|seen| seen.body).collect()
    }

    /// Calls of this server that no route fitted.
    fn unknown(&self) -> u64 {
        self.counted("phone_calls_refused_total{reason=\"unknown\"}")
    }

    pub(crate) fn counted(&self, metric: &str) -> u64 {
        let metrics = self.server.read("/metrics").text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        line.map_or(0, |count| count.parse().expect("a number"))
    }
}

/// Twilio's webhook of a call.
pub(crate) fn rings(trunk: &Trunk, call: &str, to: &str, token: &str) -> Reply {
    posts(trunk, call, to, token, &[("CallStatus", "ringing"), ("Direction", "inbound")])
}

/// A webhook of Twilio's with `more` in it.
pub(crate) fn posts(trunk: &Trunk, call: &str, to: &str, token: &str, more: &[(&str, &str)]) -> Reply {
    posts_to(trunk, "", (call, to), token, more)
}

/// As `posts`, to an address with this behind it.
pub(crate) fn posts_to(
    trunk: &Trunk,
    query: &str,
    (call, to): (&str, &str),
    token: &str,
    more: &[(&str, &str)],
) -> Reply {
    let all = [
        ("AccountSid", SID),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", call),
        ("From", "+41791112233"),
        ("To", to),
    ];
    let fields: Vec<(String, String)> =
        all.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let url = format!("{}{query}", trunk.url());
    let signature = twilio::signature(&Secret::new(token.to_owned()), &url, &fields);
    let body: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", signature.as_str())];
    let path = format!("{}{query}", trunk.path());
    http::request(trunk.server.url(), "POST", &path, &headers, body.join("&").as_bytes()).expect("an answer")
}

/// What TwiML says between two texts.
pub(crate) fn between<'a>(twiml: &'a str, before: &str, after: &str) -> &'a str {
    let rest = twiml.split_once(before).unwrap_or_else(|| unreachable!("{before} in {twiml}")).1;
    rest.split_once(after).unwrap_or_else(|| unreachable!("{after} in {twiml}")).0
}

pub(crate) fn opened(trunk: &Trunk, stream: &str) -> Socket {
    let path = stream.split_once("//").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
    Socket::open(trunk.server.url(), &path.expect("a path")).expect("an answer").expect("it is let in")
}

/// A scripted stream of either carrier.
pub(crate) struct Stream {
    pub(crate) socket: Socket,
    chunk: u64,
    telnyx: bool,
}

impl Stream {
    pub(crate) fn begin(mut socket: Socket, call: &str, parameters: &Value, telnyx: bool) -> Self {
        let start = if telnyx {
            json!({"event": "start", "sequence_number": "1", "stream_id": "s-1", "start": {
                "user_id": "u", "call_control_id": call, "from": "+41791112233", "to": NUMBER, "custom_parameters": parameters,
                "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}}})
        } else {
            json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
                "accountSid": SID, "streamSid": "MZ1", "callSid": call, "tracks": ["inbound"], "customParameters": parameters,
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}})
        };
        let connected = json!({"event": "connected", "protocol": "Call", "version": "1.0.0"});
        for event in [connected, start] {
            socket.say(&event.to_string()).expect("it is read");
        }
        Self { socket, chunk: 0, telnyx }
    }

    /// 20 ms of sound, when they are due.
    #[expect(clippy::disallowed_methods, reason = "a carrier keeps real time, on a thread of its own")]
    pub(crate) fn play(&mut self, mulaw: &[u8]) {
        let begun = Instant::now();
        for (number, frame) in mulaw.chunks(160).enumerate() {
            let due = begun + FRAME * u32::try_from(number).expect("a short recording");
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.chunk += 1;
            let media = json!({"track": "inbound", "chunk": self.chunk.to_string(), "timestamp": (self.chunk * 20).to_string(), "payload": STANDARD.encode(frame)});
            let name = if self.telnyx { "stream_id" } else { "streamSid" };
            let event = json!({"event": "media", name: "MZ1", "media": media});
            if self.socket.say(&event.to_string()).is_err() {
                return;
            }
        }
    }

    /// What is heard until so many frames of somebody speaking, or until the socket ends.
    pub(crate) fn listen(&mut self, frames: usize) -> usize {
        let mut heard = Vec::new();
        while voiced(&heard) < frames {
            match self.socket.receive() {
                Heard::Message(text) => {
                    let event: Value = serde_json::from_slice(&text).expect("JSON");
                    if let Some(payload) = event["media"]["payload"].as_str() {
                        heard.extend(STANDARD.decode(payload).expect("base64"));
                    }
                }
                Heard::Control(_) => {}
                Heard::Closed(_) => break,
            }
        }
        voiced(&heard)
    }

    /// Reads what has come already: from now on the socket brings what is said now.
    #[expect(clippy::disallowed_methods, reason = "what waits for the other side has come in real time")]
    pub(crate) fn catch_up(&mut self) {
        loop {
            let asked = Instant::now();
            if matches!(self.socket.receive(), Heard::Closed(_)) || asked.elapsed() > FRAME / 2 {
                return;
            }
        }
    }

    /// Reads what comes until the server closes.
    pub(crate) fn is_closed(&mut self) -> bool {
        for _ in 0..5_000 {
            if matches!(self.socket.receive(), Heard::Closed(_)) {
                return true;
            }
        }
        false
    }
}

pub(crate) fn silence(seconds: usize) -> Vec<u8> {
    vec![0xff; 8_000 * seconds]
}

#[test]
fn twilio_announces_a_call_and_is_told_to_hang_up_when_the_agent_does() {
    let _quiet = house::among_others();
    let trunk = Trunk::at("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    let forged = rings(&trunk, "CA1", NUMBER, "another token");
    assert_eq!((forged.status, &forged.json()["code"]), (403, &json!("WEBHOOK_UNSIGNED")));
    // A route is taken up within a second.
    process::wait_for("the route", Duration::from_secs(10), || {
        rings(&trunk, "CA0", NUMBER, AUTH_TOKEN).text().contains("<Connect>").then_some(())
    });
    let before = trunk.unknown();
    let unknown = rings(&trunk, "CA1", "+41440000000", AUTH_TOKEN);
    assert_eq!((unknown.status, unknown.header("content-type")), (200, Some("text/xml")));
    assert!(
        unknown.text().ends_with("<Response><Reject reason=\"rejected\"/></Response>"),
        "{}",
        unknown.text()
    );
    assert_eq!(trunk.unknown(), before + 1);

    let twiml = rings(&trunk, "CA1", NUMBER, AUTH_TOKEN).text();
    let stream = between(&twiml, "<Stream url=\"", "\"");
    assert!(
        stream.starts_with("ws://") && stream.ends_with(&format!("/media/twilio/{}", trunk.id)),
        "{stream}"
    );
    let token = between(&twiml, "name=\"token\" value=\"", "\"");
    for (call, token) in [("CA1", "forged"), ("CA2", token)] {
        let mut other = Stream::begin(opened(&trunk, stream), call, &json!({"token": token}), false);
        assert!(other.is_closed(), "a token is good for its own call alone: {call}");
    }
    let mut phone = Stream::begin(
        opened(&trunk, stream),
        "CA1",
        &json!({"token": token, "from": "+41791112233", "to": NUMBER}),
        false,
    );
    assert_eq!(phone.listen(25), 25, "the greeting");
    phone.play(&[spoken("desk_hours.wav"), silence(1)].concat());
    assert_eq!(phone.listen(25), 25, "the answer");
    phone.play(&[silence(1), spoken("desk_hours.wav"), silence(1)].concat());
    let ended = process::wait_for("the end by REST", Duration::from_secs(30), || {
        trunk.commands("request").first().cloned()
    });
    assert_eq!(ended, json!({"account": SID, "call": "CA1", "status": "completed", "twiml": null}));
    assert!(phone.is_closed());
    let mut again = Stream::begin(opened(&trunk, stream), "CA1", &json!({"token": token}), false);
    assert!(again.is_closed(), "a token is good once");
    assert_eq!(trunk.commands("request").len(), 1, "and whoever brings it again ends nobody's call");
    let call = process::wait_for("the call on record", Duration::from_secs(15), || {
        let listed: Value = trunk.server.read("/v1/sessions").json();
        let call = listed["data"].as_array()?.first()?.clone();
        (call["running"] == false).then_some(call)
    });
    assert_eq!(
        (&call["transport"], &call["end_reason"]),
        (&json!("twilio"), &json!("agent_ended")),
        "{call}"
    );
    assert_eq!((&call["direction"], &call["party"]), (&json!("inbound"), &json!("+41791112233")), "{call}");
    assert!(
        !trunk.server.log().contains(token) && !trunk.server.log().contains(AUTH_TOKEN),
        "a secret is in the log"
    );
}

#[test]
fn telnyx_announces_a_call_which_is_answered_connected_and_ended_by_commands() {
    let _quiet = house::among_others();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
    let public_key = STANDARD.encode(pair.public_key());
    let trunk = Trunk::at("telnyx", "KEY0123456789", json!({"public_key": public_key}));
    let send = |event: &str, payload: Value, sign: bool| {
        let body = json!({"data": {"record_type": "event", "event_type": event, "id": "e-1", "payload": payload}, "meta": {"attempt": 1}}).to_string();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs()
            .to_string();
        let signed = if sign { format!("{now}|{body}") } else { "something else".to_owned() };
        let signature = STANDARD.encode(pair.sign(signed.as_bytes()));
        let headers = [
            ("content-type", "application/json"),
            ("telnyx-timestamp", now.as_str()),
            ("telnyx-signature-ed25519", signature.as_str()),
        ];
        http::request(trunk.server.url(), "POST", &trunk.path(), &headers, body.as_bytes())
            .expect("an answer")
    };
    let call = |to: &str| json!({"call_control_id": "v3:abc", "direction": "incoming", "from": "+41791112233", "to": to, "state": "parked", "client_state": null});
    let forged = send("call.initiated", call(NUMBER), false);
    assert_eq!((forged.status, &forged.json()["code"]), (403, &json!("WEBHOOK_UNSIGNED")));
    assert_eq!(send("call.initiated", call("+41440000000"), true).status, 200);
    assert_eq!(
        trunk.commands("reject").first(),
        Some(&json!({"call": "v3:abc", "cause": "call_rejected".to_ascii_uppercase()}))
    );
    // A route is taken up within a second.
    let answer = process::wait_for("an answer", Duration::from_secs(10), || {
        assert_eq!(send("call.initiated", call(NUMBER), true).status, 200);
        trunk.commands("answer").pop()
    });
    // Whoever owns the account writes what they like into the state of their own calls.
    for state in ["front-desk", "rte_019ab0e61c7a7d53a1d1d8ea5e3a6f10"] {
        let mut other = call(NUMBER);
        other["client_state"] = json!(STANDARD.encode(state));
        assert_eq!(send("call.answered", other, true).status, 200);
    }
    assert_eq!(
        trunk.commands("streaming_start"),
        [] as [Value; 0],
        "what no route led here is no call of ours"
    );
    let mut answered = call(NUMBER);
    answered["client_state"] = answer["client_state"].clone();
    assert_eq!(send("call.answered", answered, true).status, 200);
    let asked = trunk.commands("streaming_start").pop().expect("its audio is asked for");
    let url = asked["stream_url"].as_str().expect("an address").to_owned();
    assert!(url.ends_with(&format!("/media/telnyx/{}", trunk.id)), "{url}");
    let token = asked["custom_parameters"][0]["value"].as_str().expect("a token").to_owned();
    let mut phone = Stream::begin(opened(&trunk, &url), "v3:abc", &json!({"token": token}), true);
    assert_eq!(phone.listen(25), 25, "the greeting");
    phone.play(&[spoken("desk_hours.wav"), silence(1)].concat());
    assert_eq!(phone.listen(25), 25, "the answer");
    phone.play(&[silence(1), spoken("desk_hours.wav"), silence(1)].concat());
    let ended = process::wait_for("the end by a command", Duration::from_secs(30), || {
        trunk.commands("hangup").first().cloned()
    });
    assert_eq!(ended, json!({"call": "v3:abc"}));
    assert!(phone.is_closed());
}

#[test]
fn an_account_that_is_nobodys_or_no_carriers_hears_nothing() {
    let server = house::timed("", &[]);
    let sent = |id: &str| {
        http::request(server.url(), "POST", &format!("/carriers/{id}/voice"), &[], b"").expect("an answer")
    };
    for id in ["pac_019ab0e61c7a7d53a1d1d8ea5e3a6f10", "main"] {
        let refused = sent(id);
        assert_eq!((refused.status, &refused.json()["code"]), (404, &json!("NOT_FOUND")));
    }
    let speech = json!({"name": "voices", "vendor": "deepgram", "key": "k"});
    let id = account(&server, &speech)["id"].as_str().expect("an id").to_owned();
    assert_eq!(sent(&id).status, 404);
    assert!(
        Socket::open(server.url(), &format!("/media/twilio/{id}"))
            .expect("an answer")
            .is_err_and(|reply| reply.status == 404)
    );
}

/// Whoever opens streams and says nothing finds an end to it, and the next is let in when one of them is closed.
#[test]
fn streams_that_say_nothing_are_bounded() {
    let _quiet = house::among_others();
    let trunk = Trunk::at("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    let path = format!("/media/twilio/{}", trunk.id);
    let open = || Socket::open(trunk.server.url(), &path).expect("an answer");
    let mut silent: Vec<Socket> = (0..128).map_while(|_| open().ok()).collect();
    assert_eq!(silent.len(), 128);
    let refused = open().err().expect("no room");
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("TOO_MANY_CONNECTING")));
    silent.pop();
    process::wait_for("a stream that is let in", Duration::from_secs(10), || open().ok());
}

/// With all that TwiML has Twilio say in it.
pub(crate) fn stream_of(trunk: &Trunk, call: &str, twiml: &str) -> Stream {
    let told = twiml
        .split("<Parameter ")
        .skip(1)
        .map(|one| (between(one, "name=\"", "\"").to_owned(), json!(between(one, "value=\"", "\""))));
    let parameters = Value::Object(told.collect());
    Stream::begin(opened(trunk, between(twiml, "<Stream url=\"", "\"")), call, &parameters, false)
}

/// The one call there is, once it is over.
pub(crate) fn only_call(trunk: &Trunk) -> Value {
    process::wait_for("the call on record", Duration::from_secs(30), || {
        let listed = trunk.server.read("/v1/sessions").json();
        let calls = listed["data"].as_array()?;
        assert!(calls.len() <= 1, "one session: {listed}");
        let id = calls.first().filter(|call| call["running"] == false)?["id"].as_str()?.to_owned();
        Some(trunk.server.read(&format!("/v1/sessions/{id}")).json())
    })
}

/// A webhook that Telnyx signs.
pub(crate) fn signed(trunk: &Trunk, pair: &Ed25519KeyPair, event: &str, payload: &Value) -> Reply {
    let body =
        json!({"data": {"record_type": "event", "event_type": event, "id": "e-1", "payload": payload}});
    let body = body.to_string();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let now = since.as_secs().to_string();
    let signature = STANDARD.encode(pair.sign(format!("{now}|{body}").as_bytes()));
    let headers = [
        ("content-type", "application/json"),
        ("telnyx-timestamp", now.as_str()),
        ("telnyx-signature-ed25519", signature.as_str()),
    ];
    http::request(trunk.server.url(), "POST", &trunk.path(), &headers, body.as_bytes()).expect("an answer")
}

pub(crate) fn telnyx_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed")
}

/// The stream that Telnyx was told to begin last.
pub(crate) fn telnyx_stream(trunk: &Trunk, call: &str) -> Stream {
    let asked = trunk.commands("streaming_start").pop().expect("its audio is asked for");
    assert_eq!(asked["call"], call);
    let told = asked["custom_parameters"].as_array().expect("a list").iter();
    let told: serde_json::Map<String, Value> =
        told.map(|one| (one["name"].as_str().expect("a name").to_owned(), one["value"].clone())).collect();
    let url = asked["stream_url"].as_str().expect("an address");
    Stream::begin(opened(trunk, url), call, &Value::Object(told), true)
}
