//! Calls out by accounts at carriers: scripted carriers are asked for them, say what becomes of them as the real ones do, and bring the audio.

use std::process::Command;
use std::time::Duration;

use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::http::Reply;
use testkit::{Server, process};

use crate::agents::with;
use crate::campaigns::{imported, post};
use crate::carriers::{
    AUTH_TOKEN, NUMBER, SID, Stream, Trunk, posts, posts_to, signed, silence, stream_of, telnyx_key,
    telnyx_stream,
};
use crate::house;
use crate::phones::spoken;

const SOON: Duration = Duration::from_secs(20);
const CALLEE: &str = "+4930123456";

fn at_twilio() -> Trunk {
    Trunk::out("twilio", AUTH_TOKEN, json!({"account_sid": SID}))
}

fn place(trunk: &Trunk, call: &Value) -> Reply {
    with(&trunk.server, &trunk.server.token(), "POST", "/v1/calls", call)
}

/// The id of a call that is taken into the queue.
fn placed(trunk: &Trunk, to: &str, ring_s: u32) -> String {
    let call = json!({"agent": "front-desk", "trunk": "main", "to": to, "from": NUMBER, "ring_s": ring_s});
    let made = place(trunk, &call);
    assert_eq!(made.status, 202, "{}", made.text());
    made.json()["id"].as_str().expect("an id").to_owned()
}

fn shown(trunk: &Trunk, id: &str) -> Value {
    trunk.server.read(&format!("/v1/calls/{id}")).json()
}

/// The call once it is in this state.
fn in_state(trunk: &Trunk, id: &str, state: &str) -> Value {
    process::wait_for(state, SOON, || {
        let call = shown(trunk, id);
        (call["state"] == state).then_some(call)
    })
}

/// The request for the call to `to`, once the carrier has it.
fn asked(trunk: &Trunk, to: &str) -> Value {
    process::wait_for("the carrier is asked", SOON, || asked_for(trunk, to).into_iter().next())
}

fn asked_for(trunk: &Trunk, to: &str) -> Vec<Value> {
    let is_to = |dial: &Value| dial["to"] == to || dial["to"][0] == to;
    trunk.commands("dial").into_iter().filter(is_to).collect()
}

/// Twilio says that a call of ours is so far.
fn becomes(trunk: &Trunk, call: &str, to: &str, status: &str) -> Reply {
    let more = [
        ("CallbackSource", "call-progress-events"),
        ("CallStatus", status),
        ("Direction", "outbound-api"),
        ("SequenceNumber", "0"),
    ];
    posts(trunk, call, to, AUTH_TOKEN, &more)
}

/// Somebody has answered, and Twilio asks what they are to hear.
fn answers(trunk: &Trunk, call: &str, token: &str) -> Reply {
    posts(trunk, call, CALLEE, token, &[("CallStatus", "in-progress"), ("Direction", "outbound-api")])
}

#[test]
fn twilio_calls_somebody_who_hears_the_agent_and_is_hung_up_on_when_it_ends() {
    let _quiet = house::among_others();
    let trunk = at_twilio();
    let id = placed(&trunk, "+49 30 123-456", 25);
    let dial = asked(&trunk, CALLEE);
    let (url, call) = (trunk.url(), dial["call"].as_str().expect("a SID").to_owned());
    assert_eq!(
        dial,
        json!({
            "account": SID, "call": call, "to": [CALLEE], "from": [NUMBER], "timeout": ["25"], "url": [url],
            "status_callback": [url], "events": ["ringing", "answered", "completed"], "time_limit": ["3660"],
        })
    );
    let rings = becomes(&trunk, &call, CALLEE, "ringing");
    assert!(rings.status == 200 && rings.text().ends_with("<Response/>"), "{}", rings.text());
    assert_eq!(in_state(&trunk, &id, "ringing")["session_id"], Value::Null);
    assert_eq!(answers(&trunk, &call, "another token").status, 403);
    let other = answers(&trunk, "CA00000000000000000000000000000099", AUTH_TOKEN);
    assert!(
        other.status == 200 && other.text().contains("<Hangup/>"),
        "nobody is told of an error: {}",
        other.text()
    );
    let talked = [("DialCallStatus", "completed"), ("CallStatus", "in-progress")];
    let past =
        posts_to(&trunk, "?try=1", ("CA00000000000000000000000000000098", NUMBER), AUTH_TOKEN, &talked);
    assert!(past.text().contains("<Hangup/>"), "put through long ago: {}", past.text());
    assert_eq!(trunk.counted("carrier_calls_unknown_total{vendor=\"twilio\"}"), 1, "and nothing is wrong");
    let twiml = answers(&trunk, &call, AUTH_TOKEN).text();
    assert!(twiml.contains(&format!("url=\"wss://voice.example.com/media/twilio/{}\"", trunk.id)), "{twiml}");
    let mut phone = stream_of(&trunk, &call, &twiml);
    assert_eq!(phone.listen(25), 25, "the greeting");
    assert_eq!(in_state(&trunk, &id, "answered")["session_id"], json!(id));
    assert!(becomes(&trunk, &call, CALLEE, "in-progress").text().ends_with("<Response/>"), "told late");
    assert!(stream_of(&trunk, &call, &twiml).is_closed(), "a call has one stream");
    phone.play(&[spoken("desk_hours.wav"), silence(1)].concat());
    assert_eq!(phone.listen(25), 25, "the answer");
    phone.play(&[silence(1), spoken("desk_hours.wav"), silence(1)].concat());
    let ended = process::wait_for("the end by REST", Duration::from_secs(30), || {
        trunk.commands("request").first().cloned()
    });
    assert_eq!((&ended["call"], &ended["status"]), (&json!(call), &json!("completed")));
    let over = in_state(&trunk, &id, "ended");
    assert_eq!(
        (&over["outcome"], &over["end_reason"]),
        (&json!("completed"), &json!("agent_ended")),
        "{over}"
    );
    assert_eq!(becomes(&trunk, &call, CALLEE, "completed").status, 200, "it was ours");
    assert_eq!(trunk.counted("carrier_calls_dialled_total{vendor=\"twilio\",outcome=\"answered\"}"), 1);
    let session: Value = trunk.server.read(&format!("/v1/sessions/{id}")).json();
    assert_eq!(
        (&session["transport"], &session["direction"], &session["party"]),
        (&json!("twilio"), &json!("outbound"), &json!("+4930123456")),
        "{session}"
    );
    assert!(
        !trunk.server.log().contains(CALLEE) && !trunk.server.log().contains(AUTH_TOKEN),
        "it is in the log"
    );
}

#[test]
fn of_several_servers_behind_one_name_the_one_that_makes_a_call_is_told_of_it() {
    let trunk = Trunk::one_of_several("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    let id = placed(&trunk, CALLEE, 20);
    let dial = asked(&trunk, CALLEE);
    assert!(trunk.url().starts_with("https://one.voice.example.com/"));
    assert_eq!((&dial["url"], &dial["status_callback"]), (&json!([trunk.url()]), &json!([trunk.url()])));
    let call = dial["call"].as_str().expect("a SID").to_owned();
    assert_eq!(becomes(&trunk, &call, CALLEE, "busy").status, 200);
    assert_eq!(in_state(&trunk, &id, "ended")["outcome"], "busy");
}

#[test]
fn whom_twilio_does_not_reach_is_told_apart_and_let_go() {
    let trunk = at_twilio();
    // Nothing is ever said of this one, once it rings.
    let silent = placed(&trunk, "+4930999999", 5);
    let rings = asked(&trunk, "+4930999999")["call"].as_str().expect("a SID").to_owned();
    assert_eq!(becomes(&trunk, &rings, "+4930999999", "ringing").status, 200);
    let none = placed(&trunk, "+15005550001", 20);
    assert_eq!(in_state(&trunk, &none, "ended")["outcome"], "unknown_number");
    for (status, outcome) in
        [("busy", "busy"), ("no-answer", "no_answer"), ("failed", "failed"), ("completed", "no_answer")]
    {
        let asked_before = asked_for(&trunk, CALLEE).len();
        let id = placed(&trunk, CALLEE, 20);
        let dial = process::wait_for("the carrier is asked", SOON, || {
            asked_for(&trunk, CALLEE).get(asked_before).cloned()
        });
        let call = dial["call"].as_str().expect("a SID").to_owned();
        assert_eq!(becomes(&trunk, &call, CALLEE, status).status, 200);
        assert_eq!(in_state(&trunk, &id, "ended")["outcome"], outcome, "{status}");
    }
    let call = asked(&trunk, "+4930999999")["call"].clone();
    let over = process::wait_for("patience to end", Duration::from_secs(60), || {
        let call = shown(&trunk, &silent);
        (call["state"] == "ended").then_some(call)
    });
    assert_eq!(over["outcome"], "no_answer");
    let let_go = trunk.commands("request");
    assert_eq!((&let_go[0]["call"], &let_go[0]["status"], let_go.len()), (&call, &json!("completed"), 1));
}

/// Twilio's word for a call that came to nothing is `failed`; the status of SIP says what was wrong, and is on the call.
#[test]
fn a_carrier_that_has_too_many_calls_is_asked_again_and_why_a_call_failed_is_on_it() {
    let trunk = at_twilio();
    let again = "+15005550421";
    let id = placed(&trunk, again, 20);
    let asked_twice = process::wait_for("another try", SOON, || {
        let asked = asked_for(&trunk, again);
        (asked.len() == 2).then_some(asked)
    });
    let call = asked_twice[1]["call"].as_str().expect("a SID").to_owned();
    let failed = [
        ("CallbackSource", "call-progress-events"),
        ("CallStatus", "failed"),
        ("Direction", "outbound-api"),
        ("SipResponseCode", "404"),
    ];
    assert_eq!(posts(&trunk, &call, again, AUTH_TOKEN, &failed).status, 200);
    let over = in_state(&trunk, &id, "ended");
    assert_eq!((&over["outcome"], &over["sip_status"]), (&json!("unknown_number"), &json!(404)), "{over}");
    // One that stays so is given up, and campaigns call again after that.
    let never = "+15005550429";
    let id = placed(&trunk, never, 20);
    assert_eq!(in_state(&trunk, &id, "ended")["outcome"], "unreachable");
    assert_eq!(asked_for(&trunk, never).len(), 3);
    assert_eq!(trunk.counted("carrier_calls_dialled_total{vendor=\"twilio\",outcome=\"unreachable\"}"), 1);
}

#[test]
fn what_an_account_or_a_number_lacks_is_said_before_anybody_is_called() {
    let trunk = at_twilio();
    let call = |change: Value| {
        let mut call = json!({"agent": "front-desk", "trunk": "main", "to": CALLEE, "from": NUMBER});
        for (name, value) in change.as_object().expect("fields") {
            call[name] = value.clone();
        }
        call
    };
    let refused = |change: Value, pointer: &str| {
        let said = place(&trunk, &call(change)).json();
        assert_eq!(
            (&said["status"], &said["errors"][0]["pointer"]),
            (&json!(422), &json!(pointer)),
            "{said}"
        );
        said["detail"].as_str().unwrap_or_default().to_owned() + &said["errors"][0]["detail"].to_string()
    };
    assert!(refused(json!({"from": null}), "/from").contains("one of the account's numbers"));
    refused(json!({"from": "front desk"}), "/from");
    refused(json!({"to": "030123456"}), "/to");
    let unknown = place(&trunk, &call(json!({"trunk": "another"}))).json();
    assert_eq!(unknown["code"], "REFERENCE_UNKNOWN", "{unknown}");
    let base = json!(format!("http://{}/telnyx", trunk.world.address));
    let telnyx = json!({"name": "other", "vendor": "telnyx", "key": "KEY0123456789", "options": {"public_key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "base_url": base}});
    crate::vendors::account(&trunk.server, &telnyx);
    process::wait_for("the account", SOON, || {
        let said = place(&trunk, &call(json!({"trunk": "other"}))).json();
        said["errors"][0]["detail"].as_str()?.contains("connection_id").then_some(())
    });
    // Nobody has said how carriers reach this server.
    let hidden = crate::carriers::Trunk::at("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    let light = |server: &Server, name: &str| -> Value {
        let trunks: Value = server.read("/v1/trunks").json();
        let found = trunks["data"].as_array().expect("a list").iter().find(|one| one["name"] == name);
        found.expect("it is listed").clone()
    };
    let main = light(&trunk.server, "main");
    assert_eq!(
        (&main["kind"], &main["state"], &main["caller"]),
        (&json!("twilio"), &json!("ready"), &Value::Null)
    );
    let other = light(&trunk.server, "other");
    assert_eq!((&other["kind"], &other["state"]), (&json!("telnyx"), &json!("unfit")), "{other}");
    assert!(other["detail"].to_string().contains("connection_id"), "{other}");
    assert!(light(&hidden.server, "main")["detail"].to_string().contains("server.public_url"));
    let said = place(&hidden, &call(json!({}))).json();
    assert!(said["errors"][0]["detail"].to_string().contains("server.public_url"), "{said}");
    assert_eq!(trunk.commands("dial"), [] as [Value; 0]);
}

#[test]
fn telnyx_calls_somebody_for_foundry_dial_and_the_callee_hangs_up() {
    let _quiet = house::among_others();
    let pair = telnyx_key();
    let options = json!({"public_key": STANDARD.encode(pair.public_key()), "connection_id": "7267"});
    let trunk = Trunk::out("telnyx", "KEY0123456789", options);
    let mut dial = Command::new(house::PROGRAM);
    dial.env("FOUNDRY_TOKEN", trunk.server.token())
        .args(["dial", CALLEE, "--trunk", "main", "--from", NUMBER]);
    dial.args(["--ring", "30", "--url", trunk.server.url()]);
    let dial = std::thread::spawn(move || process::run(&mut dial, Duration::from_secs(60)));
    let dialled = asked(&trunk, CALLEE);
    let sent = ["connection_id", "from", "timeout_secs", "time_limit_secs", "webhook_url"];
    let sent = sent.map(|name| &dialled[name]);
    assert_eq!(sent, [&json!("7267"), &json!(NUMBER), &json!(30), &json!(3660), &json!(trunk.url())]);
    let call = dialled["call"].as_str().expect("a name").to_owned();
    let payload = |call: &str, state: &Value| json!({"call_control_id": call, "connection_id": "7267", "direction": "outgoing", "from": NUMBER, "to": CALLEE, "client_state": state});
    let ours = payload(&call, &dialled["client_state"]);
    assert_eq!(signed(&trunk, &pair, "call.initiated", &ours).status, 200);
    // Of a call that another server has made, and of one that this server does not know any more.
    let elsewhere = json!(STANDARD.encode("by srv_019ab0e61c7a7d53a1d1d8ea5e3a6f10"));
    let other = signed(&trunk, &pair, "call.answered", &payload("v3:other", &elsewhere));
    assert_eq!((other.status, &other.json()["code"]), (421, &json!("CALL_ELSEWHERE")));
    assert_eq!(
        signed(&trunk, &pair, "call.answered", &payload("v3:lost", &dialled["client_state"])).status,
        200
    );
    assert_eq!(trunk.commands("hangup"), [json!({"call": "v3:lost"})]);
    assert_eq!(signed(&trunk, &pair, "call.answered", &ours).status, 200);
    let mut phone: Stream = telnyx_stream(&trunk, &call);
    assert_eq!(phone.listen(25), 25, "the greeting");
    phone.play(&silence(1)); // as a carrier does for whoever listens
    let said = dial.join().expect("no panic");
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("answered: the session is ses_"), "{}", said.stdout);
    phone
        .socket
        .say(&json!({"event": "stop", "stream_id": "s-1", "stop": {}}).to_string())
        .expect("it is read");
    let mut over = ours.clone();
    over["hangup_cause"] = json!("normal_clearing");
    assert_eq!(signed(&trunk, &pair, "call.hangup", &over).status, 200);
    let calls: Value = trunk.server.read("/v1/calls").json();
    let id = calls["data"][0]["id"].as_str().expect("an id").to_owned();
    let ended = in_state(&trunk, &id, "ended");
    assert_eq!(
        (&ended["outcome"], &ended["end_reason"]),
        (&json!("completed"), &json!("caller_left")),
        "{ended}"
    );
    process::wait_for("an end at the carrier too", SOON, || {
        trunk.commands("hangup").contains(&json!({"call": call})).then_some(())
    });
}

#[test]
fn a_campaign_goes_by_an_account_at_a_carrier() {
    let _quiet = house::among_others();
    let trunk = at_twilio();
    let campaign = json!({
        "title": "Reminders", "agent": "front-desk", "trunk": "main", "from": NUMBER, "ring_s": 20, "concurrency": 2, "per_minute": 600,
        "retry": {"outcomes": [], "attempts": 1, "after_s": 1}
    });
    let id = post(&trunk.server, "/v1/campaigns", &campaign)["id"].as_str().expect("an id").to_owned();
    imported(&trunk.server, &id, "number,name\n+4930001001,Ana\n+4930001002,Ben\n");
    post(&trunk.server, &format!("/v1/campaigns/{id}/start"), &json!({}));
    let (ana, ben) = (asked(&trunk, "+4930001001"), asked(&trunk, "+4930001002"));
    let sid = |dial: &Value| dial["call"].as_str().expect("a SID").to_owned();
    assert_eq!(becomes(&trunk, &sid(&ana), "+4930001001", "busy").status, 200);
    let twiml = answers(&trunk, &sid(&ben), AUTH_TOKEN).text();
    let mut phone = stream_of(&trunk, &sid(&ben), &twiml);
    assert_eq!(phone.listen(25), 25, "the greeting");
    phone.play(&silence(1)); // as a carrier does for whoever listens
    phone
        .socket
        .say(&json!({"event": "stop", "streamSid": "MZ1", "stop": {}}).to_string())
        .expect("it is read");
    let campaign = process::wait_for("the campaign's end", Duration::from_secs(60), || {
        let campaign: Value = trunk.server.read(&format!("/v1/campaigns/{id}")).json();
        (campaign["state"] == "completed").then_some(campaign)
    });
    assert_eq!(campaign["progress"]["outcomes"], json!({"busy": 1, "completed": 1}), "{campaign}");
}
