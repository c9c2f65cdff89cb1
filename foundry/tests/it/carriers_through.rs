//! Callers of carriers who are put through by their carrier: taken by somebody, or brought back to the agent.

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::process;

use crate::carriers::{
    AUTH_TOKEN, NUMBER, SID, Stream, Trunk, only_call, posts, posts_to, rings, signed, silence, stream_of,
    telnyx_key, telnyx_stream,
};
use crate::house;
use crate::phones::spoken;
use crate::transfers::states;

const SOON: Duration = Duration::from_secs(30);

/// What Twilio is given along with the first try to put a caller through.
const TRY: &str = "?try=1";

/// A caller at Twilio who has asked for a person, and whom Twilio was told to put through.
fn put_through(trunk: &Trunk) -> Stream {
    let mut stream = asking_at_twilio(trunk);
    let asked = process::wait_for("a transfer", Duration::from_secs(20), || {
        let wanted =
            |command: &Value| command["twiml"].as_str().is_some_and(|twiml| twiml.contains("<Dial "));
        trunk.commands("request").into_iter().find(wanted)
    });
    assert_eq!(asked["call"], "CA7");
    let dial = asked["twiml"].as_str().expect("TwiML");
    assert!(
        dial.contains(&format!("action=\"{}{TRY}\"", trunk.url())) && dial.contains(">+49301</Number>"),
        "{dial}"
    );
    // What Twilio does with a stream whose call has other things to do.
    stream
        .socket
        .say(&json!({"event": "stop", "streamSid": "MZ1", "stop": {"callSid": "CA7"}}).to_string())
        .expect("it is read");
    stream
}

/// Which calls are ended if the server dies now.
fn is_on_record(trunk: &Trunk, calls: &str) {
    process::wait_for("the record", Duration::from_secs(10), || {
        let held = "select coalesce(string_agg(call, ' '), '') from app.carrier_calls";
        (testkit::postgres::sql(trunk.server.database(), held) == calls).then_some(())
    });
}

#[test]
fn a_caller_whom_nobody_takes_comes_back_from_twilio_to_the_same_session() {
    let _quiet = house::among_others();
    let trunk = Trunk::through("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    drop(put_through(&trunk));
    is_on_record(&trunk, "");
    let no_answer = [("DialCallStatus", "no-answer"), ("CallStatus", "in-progress")];
    let caller = ("CA7", NUMBER);
    let forged = posts_to(&trunk, TRY, caller, "another token", &no_answer);
    assert_eq!(forged.status, 403);
    let stale = posts_to(&trunk, "?try=2", caller, AUTH_TOKEN, &no_answer);
    assert!(stale.text().ends_with("<Response/>"), "of a try that is not: {}", stale.text());
    let back = posts_to(&trunk, TRY, caller, AUTH_TOKEN, &no_answer);
    let mut stream = stream_of(&trunk, "CA7", &back.text());
    assert!(stream.listen(25) >= 25, "the agent says that nobody could take the call");
    is_on_record(&trunk, "CA7");
    drop(stream);
    let call = only_call(&trunk);
    let states: Vec<&Value> =
        call["notes"].as_array().expect("notes").iter().filter(|note| note["name"] == "transfer").collect();
    let codes: Vec<&Value> = states.iter().map(|note| &note["value"]["code"]).collect();
    assert_eq!(states[0]["value"]["state"], "begun", "{states:?}");
    assert_eq!(codes.last(), Some(&&json!("TRANSFER_UNANSWERED")), "{states:?}");
}

/// Of this transfer Twilio says nothing at all: neither that anybody takes it nor that nobody does.
#[test]
fn a_caller_at_twilio_whose_transfer_stays_silent_is_fetched_back_to_the_agent() {
    let _quiet = house::among_others();
    let trunk = Trunk::through("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    drop(put_through(&trunk));
    let fetched = process::wait_for("a request to fetch them", Duration::from_secs(60), || {
        trunk.commands("request").into_iter().find(|command| command["url"].is_string())
    });
    assert_eq!((&fetched["call"], &fetched["status"]), (&json!("CA7"), &Value::Null));
    let url = fetched["url"].as_str().expect("an address").to_owned();
    let query = url.strip_prefix(&trunk.url()).expect("at this server");
    let late =
        [("CallbackSource", "call-progress-events"), ("ParentCallSid", "CA7"), ("CallStatus", "in-progress")];
    assert_eq!(posts_to(&trunk, TRY, ("CA8", "+49301"), AUTH_TOKEN, &late).status, 200);
    let asks = [("CallStatus", "in-progress"), ("Direction", "inbound")];
    let back = posts_to(&trunk, query, ("CA7", NUMBER), AUTH_TOKEN, &asks);
    let mut stream = stream_of(&trunk, "CA7", &back.text());
    assert!(stream.listen(25) >= 25, "the agent says that nobody could take the call");
    drop(stream);
    let call = only_call(&trunk);
    let notes = call["notes"].as_array().expect("notes").iter().filter(|note| note["name"] == "transfer");
    let codes: Vec<&Value> = notes.map(|note| &note["value"]["code"]).collect();
    assert_eq!(codes.last(), Some(&&json!("TRANSFER_UNANSWERED")), "{codes:?}");
    is_ended_at_twilio(&trunk);
}

/// Whether they have left, the carrier knows: a call that goes on would be paid for.
fn is_ended_at_twilio(trunk: &Trunk) {
    process::wait_for("the end by REST", Duration::from_secs(10), || {
        let is_end = |command: &Value| command["call"] == "CA7" && command["status"] == "completed";
        trunk.commands("request").iter().any(is_end).then_some(())
    });
}

#[test]
fn a_caller_who_was_taken_at_twilio_is_left_there() {
    let _quiet = house::among_others();
    let trunk = Trunk::through("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    drop(put_through(&trunk));
    let answered =
        [("CallbackSource", "call-progress-events"), ("ParentCallSid", "CA7"), ("CallStatus", "in-progress")];
    let told = posts_to(&trunk, TRY, ("CA8", "+49301"), AUTH_TOKEN, &answered);
    assert!(told.text().ends_with("<Response/>"), "{}", told.text());
    assert_eq!(only_call(&trunk)["end_reason"], "transferred");
    // When the two have talked.
    let over = posts_to(&trunk, TRY, ("CA7", NUMBER), AUTH_TOKEN, &[("DialCallStatus", "completed")]);
    assert!(over.text().contains("<Hangup/>"), "{}", over.text());
    assert!(
        trunk.commands("request").iter().all(|command| command["status"].is_null()),
        "nobody hung up on them"
    );
}

/// A caller who hangs up while somebody else is called for them is gone, and nobody waits for their audio.
#[test]
fn a_caller_at_twilio_who_hangs_up_while_somebody_is_called_has_left() {
    let _quiet = house::among_others();
    let trunk = Trunk::through("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    drop(put_through(&trunk));
    let left = [("DialCallStatus", "canceled"), ("CallStatus", "completed"), ("Direction", "inbound")];
    let told = posts_to(&trunk, TRY, ("CA7", NUMBER), AUTH_TOKEN, &left).text();
    assert!(told.ends_with("<Response/>"), "{told}");
    assert_eq!(only_call(&trunk)["end_reason"], "caller_left");
    is_ended_at_twilio(&trunk);
}

/// A caller at Telnyx who has asked for a person, and what Telnyx was told then.
fn put_through_at_telnyx(trunk: &Trunk, pair: &Ed25519KeyPair) -> (Stream, Value) {
    let mut call = json!({"call_control_id": "v3:abc", "direction": "incoming", "from": "+41791112233", "to": NUMBER, "client_state": null});
    let answer = process::wait_for("an answer", Duration::from_secs(10), || {
        assert_eq!(signed(trunk, pair, "call.initiated", &call).status, 200);
        trunk.commands("answer").pop()
    });
    call["client_state"] = answer["client_state"].clone();
    assert_eq!(signed(trunk, pair, "call.answered", &call).status, 200);
    let mut phone = telnyx_stream(trunk, "v3:abc");
    assert_eq!(phone.listen(25), 25, "the greeting");
    phone.play(&[spoken("desk_yes.wav"), silence(1)].concat());
    let through = process::wait_for("a transfer", Duration::from_secs(20), || {
        trunk.commands("transfer").first().cloned()
    });
    assert_eq!((&through["call"], &through["to"]), (&json!("v3:abc"), &json!("+49301")));
    (phone, through)
}

/// A server with an account at Telnyx, whose agent puts callers through.
fn through_at_telnyx() -> (Trunk, Ed25519KeyPair) {
    let pair = telnyx_key();
    let options = json!({"public_key": STANDARD.encode(pair.public_key())});
    (Trunk::through("telnyx", "KEY0123456789", options), pair)
}

#[test]
fn a_caller_at_telnyx_who_hangs_up_while_somebody_is_called_has_left() {
    let _quiet = house::among_others();
    let (trunk, pair) = through_at_telnyx();
    let (mut phone, through) = put_through_at_telnyx(&trunk, &pair);
    phone
        .socket
        .say(&json!({"event": "stop", "stream_id": "s-1", "stop": {"call_control_id": "v3:abc"}}).to_string())
        .expect("it is read");
    assert!(phone.is_closed());
    let let_go = json!({"call_control_id": "v3:new", "direction": "outgoing", "hangup_cause": "originator_cancel",
        "client_state": through["target_leg_client_state"]});
    assert_eq!(signed(&trunk, &pair, "call.hangup", &let_go).status, 200);
    assert_eq!(only_call(&trunk)["end_reason"], "caller_left");
    is_ended_at_telnyx(&trunk);
}

/// Whether they have left, the carrier knows: a call that goes on would be paid for.
fn is_ended_at_telnyx(trunk: &Trunk) {
    let ended = process::wait_for("the end by a command", Duration::from_secs(10), || {
        trunk.commands("hangup").first().cloned()
    });
    assert_eq!(ended, json!({"call": "v3:abc"}));
}

/// A socket that breaks says nothing of the call, which goes on at the carrier with nobody in it.
#[test]
fn a_caller_at_telnyx_whose_socket_breaks_while_somebody_is_called_is_hung_up_on() {
    let _quiet = house::among_others();
    let (trunk, pair) = through_at_telnyx();
    let (phone, through) = put_through_at_telnyx(&trunk, &pair);
    drop(phone);
    let busy = json!({"call_control_id": "v3:new", "direction": "outgoing", "hangup_cause": "user_busy",
        "client_state": through["target_leg_client_state"]});
    assert_eq!(signed(&trunk, &pair, "call.hangup", &busy).status, 200);
    assert_eq!(only_call(&trunk)["end_reason"], "connection_lost");
    is_ended_at_telnyx(&trunk);
}

#[test]
fn a_caller_at_telnyx_stays_with_the_agent_when_whoever_was_called_is_busy() {
    let _quiet = house::among_others();
    let (trunk, pair) = through_at_telnyx();
    let (mut phone, through) = put_through_at_telnyx(&trunk, &pair);
    let busy = json!({"call_control_id": "v3:new", "direction": "outgoing", "hangup_cause": "user_busy",
        "client_state": through["target_leg_client_state"]});
    assert_eq!(signed(&trunk, &pair, "call.hangup", &busy).status, 200);
    assert_eq!(phone.listen(25), 25, "the agent says that nobody could take the call");
    drop(phone);
    let call = only_call(&trunk);
    let notes = call["notes"].as_array().expect("notes").iter().filter(|note| note["name"] == "transfer");
    let codes: Vec<&Value> = notes.map(|note| &note["value"]["code"]).collect();
    assert_eq!(codes.last(), Some(&&json!("TRANSFER_UNANSWERED")), "{codes:?}");
}

/// Whether the stream goes on while somebody is called is Telnyx's affair.
#[test]
fn a_caller_whose_stream_telnyx_ends_for_a_transfer_is_brought_back() {
    let _quiet = house::among_others();
    let (trunk, pair) = through_at_telnyx();
    let (mut phone, through) = put_through_at_telnyx(&trunk, &pair);
    let stop = json!({"event": "stop", "stream_id": "s-1", "stop": {"call_control_id": "v3:abc"}});
    phone.socket.say(&stop.to_string()).expect("it is read");
    assert!(phone.is_closed());
    let busy = json!({"call_control_id": "v3:new", "direction": "outgoing", "hangup_cause": "user_busy",
        "client_state": through["target_leg_client_state"]});
    assert_eq!(signed(&trunk, &pair, "call.hangup", &busy).status, 200);
    assert_eq!(trunk.commands("streaming_start").len(), 2);
    let mut phone = telnyx_stream(&trunk, "v3:abc");
    assert_eq!(phone.listen(25), 25, "the agent says that nobody could take the call");
    drop(phone);
    only_call(&trunk);
    is_ended_at_telnyx(&trunk);
}

/// What a person who is called by Twilio for a caller hears first: whose call it is.
fn person_at_twilio(trunk: &Trunk) -> Stream {
    let dial = process::wait_for("the carrier is asked", SOON, || trunk.commands("dial").into_iter().next());
    assert_eq!(
        (&dial["to"], &dial["from"], &dial["timeout"]),
        (&json!(["+49301"]), &json!([NUMBER]), &json!(["10"])),
        "from the number that the caller called: {dial}"
    );
    let call = dial["call"].as_str().expect("a SID");
    let answered = [("CallStatus", "in-progress"), ("Direction", "outbound-api")];
    let twiml = posts(trunk, call, "+49301", AUTH_TOKEN, &answered).text();
    let mut person = stream_of(trunk, call, &twiml);
    assert!(person.listen(60) >= 60, "the briefing");
    person
}

/// A caller who has asked for a person.
fn asking_at_twilio(trunk: &Trunk) -> Stream {
    let twiml = process::wait_for("the route", Duration::from_secs(10), || {
        let answer = rings(trunk, "CA7", NUMBER, AUTH_TOKEN).text();
        answer.contains("<Connect>").then_some(answer)
    });
    let mut caller = stream_of(trunk, "CA7", &twiml);
    assert!(caller.listen(25) >= 25, "the greeting");
    caller.play(&[spoken("desk_yes.wav"), silence(1)].concat());
    caller
}

#[test]
fn a_person_is_called_by_the_account_told_of_the_caller_and_connected_with_them() {
    let _quiet = house::among_others();
    let trunk = Trunk::consulting("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    let mut caller = asking_at_twilio(&trunk);
    let mut person = person_at_twilio(&trunk);
    let key = json!({"event": "dtmf", "streamSid": "MZ1", "sequenceNumber": "9", "dtmf": {"track": "inbound_track", "digit": "1"}});
    person.socket.say(&key.to_string()).expect("it is read");
    process::wait_for("two people who talk", SOON, || {
        let live: Value = trunk.server.read("/v1/live").json();
        live["data"].as_array()?.iter().any(|call| call["state"] == "bridged").then_some(())
    });
    std::thread::scope(|scope| {
        let caller = &mut caller;
        scope.spawn(|| caller.play(&[spoken("desk_hours.wav"), silence(1)].concat()));
        person.catch_up();
        assert!(person.listen(40) >= 40, "the person hears the caller");
    });
    std::thread::scope(|scope| {
        let person = &mut person;
        scope.spawn(|| person.play(&[spoken("desk_price.wav"), silence(1)].concat()));
        caller.catch_up();
        assert!(caller.listen(40) >= 40, "the caller hears the person");
    });
    caller
        .socket
        .say(&json!({"event": "stop", "streamSid": "MZ1", "stop": {"callSid": "CA7"}}).to_string())
        .expect("it is read");
    process::wait_for("the person's end at the carrier", SOON, || {
        let ended = trunk.commands("request").into_iter();
        ended.into_iter().any(|one| one["status"] == "completed" && one["call"] != "CA7").then_some(())
    });
    let call = process::wait_for("the call on record", SOON, || {
        let all: Value = trunk.server.read("/v1/sessions").json();
        let all = all["data"].as_array()?.iter().filter(|call| call["end_reason"] == "transferred");
        let mut all = all
            .map(|call| trunk.server.read(&format!("/v1/sessions/{}", call["id"].as_str().expect("an id"))));
        // The person's is on record, too.
        all.find_map(|call| Some(call.json()).filter(|call| !states(call).is_empty()))
    });
    assert_eq!(states(&call), ["begun", "connected"], "{call}");
    assert_eq!(trunk.counted("carrier_calls_dialled_total{vendor=\"twilio\",outcome=\"answered\"}"), 1);
}

#[test]
fn a_caller_whose_person_is_busy_at_the_carrier_comes_back_to_the_agent() {
    let _quiet = house::among_others();
    let trunk = Trunk::consulting("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    let mut caller = asking_at_twilio(&trunk);
    let dial = process::wait_for("the carrier is asked", SOON, || trunk.commands("dial").into_iter().next());
    let busy = [
        ("CallbackSource", "call-progress-events"),
        ("CallStatus", "busy"),
        ("Direction", "outbound-api"),
        ("SequenceNumber", "0"),
    ];
    let told = posts(&trunk, dial["call"].as_str().expect("a SID"), "+49301", AUTH_TOKEN, &busy);
    assert_eq!(told.status, 200, "{}", told.text());
    caller.catch_up();
    assert!(caller.listen(60) >= 60, "an apology");
    caller
        .socket
        .say(&json!({"event": "stop", "streamSid": "MZ1", "stop": {"callSid": "CA7"}}).to_string())
        .expect("it is read");
    let call = only_call(&trunk);
    assert_eq!(states(&call), ["begun", "failed"], "{call}");
    assert!(call["notes"].to_string().contains("TRANSFER_UNANSWERED"), "{call}");
}
