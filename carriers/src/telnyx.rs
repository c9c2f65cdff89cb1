//! Telnyx: webhooks are JSON signed with Ed25519, and calls are answered, connected and ended by commands to its API.
//!
//! A call is answered first, and its audio asked for once it is: what was decided when it rang comes back in its `client_state`.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Key, Keys, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::twilio::part;
use crate::{Command, Dial, End, Progress, Ringing, Unanswered, Unheard};

pub const API: &str = "https://api.telnyx.com";
/// The headers of a webhook that prove who sent it, and when.
pub const SIGNATURE: &str = "telnyx-signature-ed25519";
pub const TIMESTAMP: &str = "telnyx-timestamp";
/// Seconds that a webhook may be on its way: later it may be a repetition.
const FRESH_S: u64 = 300;
/// Telnyx's word for a call that is over.
const ENDED: &str = "90018";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A call comes in.
    Ringing(Ringing),
    /// It was answered; `state` is what the answer gave along.
    Answered { call: String, state: String },
    /// What becomes of a call that we made, or that somebody is put through to; `state` is what we gave along.
    Progress { call: String, state: String, what: Progress },
    /// Nothing that anybody here waits for.
    Other,
}

#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub signature: Option<&'a str>,
    pub timestamp: Option<&'a str>,
    pub body: &'a [u8],
}

/// A webhook; `now_s` counts from 1970.
///
/// # Errors
/// Who did not sign it, and what cannot be read.
pub fn event(public_key: &str, signed: Signed<'_>, now_s: u64) -> Result<Event, Unheard> {
    let key = STANDARD.decode(public_key.trim()).map_err(|_| Unheard::Lacking("a public key in base64"))?;
    let timestamp = signed.timestamp.unwrap_or_default();
    let signature = STANDARD.decode(signed.signature.unwrap_or_default()).map_err(|_| Unheard::Unsigned)?;
    let text = [timestamp.as_bytes(), b"|", signed.body].concat();
    UnparsedPublicKey::new(&ED25519, key).verify(&text, &signature).map_err(|_| Unheard::Unsigned)?;
    let sent_s: u64 = timestamp.parse().map_err(|_| Unheard::Unsigned)?;
    if now_s.abs_diff(sent_s) > FRESH_S {
        return Err(Unheard::Stale);
    }
    read(signed.body)
}

fn read(body: &[u8]) -> Result<Event, Unheard> {
    let webhook: Webhook = serde_json::from_slice(body).map_err(|_| Unheard::Unreadable)?;
    let Data { event_type, payload } = webhook.data;
    let call = payload.call_control_id.clone().filter(|call| !call.is_empty());
    match event_type.as_str() {
        "call.initiated" if payload.direction.as_deref() == Some("incoming") => Ok(Event::Ringing(Ringing {
            call: call.ok_or(Unheard::Unreadable)?,
            from: payload.from.unwrap_or_default(),
            to: payload.to.ok_or(Unheard::Unreadable)?,
            headers: payload.custom_headers.into_iter().map(|header| (header.name, header.value)).collect(),
        })),
        "call.initiated" | "call.hangup" => {
            let what = match event_type.as_str() {
                "call.initiated" => Progress::Ringing,
                _ => Progress::Ended(over(&payload)),
            };
            match (call, state(payload.client_state)) {
                (Some(call), Some(state)) => Ok(Event::Progress { call, state, what }),
                _ => Ok(Event::Other),
            }
        }
        "call.answered" => {
            match state(payload.client_state) {
                Some(state) => Ok(Event::Answered { call: call.ok_or(Unheard::Unreadable)?, state }),
                // Somebody else answered it.
                None => Ok(Event::Other),
            }
        }
        _ => Ok(Event::Other),
    }
}

/// What a command gave along.
fn state(given: Option<String>) -> Option<String> {
    given.and_then(|state| String::from_utf8(STANDARD.decode(state).ok()?).ok())
}

/// Why a call is over, by the cause that Telnyx names.
fn over(payload: &Payload) -> End {
    let word = match payload.hangup_cause.as_deref().unwrap_or_default() {
        "user_busy" => Unanswered::Busy,
        "timeout" | "no_answer" => Unanswered::NoAnswer,
        "call_rejected" => Unanswered::Declined,
        "originator_cancel" => Unanswered::Cancelled,
        "not_found" => Unanswered::UnknownNumber,
        "normal_clearing" | "time_limit" => Unanswered::Over,
        _ => Unanswered::Failed,
    };
    End::of(word, payload.sip_hangup_cause.as_ref().and_then(|status| status.parse().ok()))
}

/// Calls somebody by the connection (the Voice API application). `state` comes back with whatever becomes of it. Whether a machine takes the
/// call is heard by us.
#[must_use]
pub fn dial(
    api: &str,
    key: &Secret<String>,
    connection: &str,
    dial: Dial<'_>,
    state: &str,
    id: &str,
) -> Command {
    let mut body = json!({
        "connection_id": connection,
        "to": dial.to,
        "from": dial.from,
        "timeout_secs": dial.ring_s,
        "webhook_url": dial.webhook,
        "client_state": STANDARD.encode(state),
        "command_id": id,
    });
    if let Some(limit_s) = dial.limit_s {
        body["time_limit_secs"] = limit_s.into();
    }
    post(api, key, "calls", &body)
}

/// The name of the call that was begun, by Telnyx's answer to `dial`.
#[must_use]
pub fn dialled(answer: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Made {
        data: Call,
    }
    #[derive(Deserialize)]
    struct Call {
        call_control_id: String,
    }
    serde_json::from_str::<Made>(answer)
        .ok()
        .map(|made| made.data.call_control_id)
        .filter(|call| !call.is_empty())
}

/// Why Telnyx makes no call, by its refusal of `dial`.
#[must_use]
pub fn refused(status: u16, body: &str) -> Unanswered {
    match status {
        401 | 403 => Unanswered::Forbidden,
        // A field is wrong, and the error points at it: the number that was to be called, or something of the account's.
        400 | 422 if points_at(body, "/to") => Unanswered::UnknownNumber,
        400 | 422 if points_at(body, "/from") => Unanswered::Forbidden,
        429 | 500.. => Unanswered::Unreachable,
        _ => Unanswered::Failed,
    }
}

fn points_at(body: &str, field: &str) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        errors: Vec<Wrong>,
    }
    #[derive(Deserialize)]
    struct Wrong {
        #[serde(default)]
        source: Source,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Source {
        pointer: String,
    }
    let points = |refusal: Refusal| refusal.errors.iter().any(|wrong| wrong.source.pointer == field);
    serde_json::from_str(body).is_ok_and(points)
}

/// Puts the caller through: the call stays ours until somebody takes it. `state` comes with what becomes of the call with them.
#[must_use]
pub fn transfer(
    api: &str,
    key: &Secret<String>,
    call: &str,
    dial: Dial<'_>,
    state: &str,
    id: &str,
) -> Command {
    let mut body = json!({
        "to": dial.to,
        "timeout_secs": dial.ring_s,
        "webhook_url": dial.webhook,
        "target_leg_client_state": STANDARD.encode(state),
        "command_id": id,
    });
    if !dial.from.is_empty() {
        body["from"] = dial.from.into();
    }
    command(api, key, call, "transfer", &body)
}

/// Presses keys in the call, as tones of 100 ms.
#[must_use]
pub fn press(api: &str, key: &Secret<String>, call: &str, keys: &Keys, id: &str) -> Command {
    let body = json!({
        "digits": keys.to_string(),
        "duration_millis": Key::PRESS.as_millis() as u64,
        "command_id": id,
    });
    command(api, key, call, "send_dtmf", &body)
}

/// Takes the call. `id` makes a repetition of the command nothing new.
#[must_use]
pub fn answer(api: &str, key: &Secret<String>, call: &str, state: &str, id: &str) -> Command {
    command(api, key, call, "answer", &json!({ "client_state": STANDARD.encode(state), "command_id": id }))
}

/// Sends the audio of a call that was answered to a socket, with what the socket is told.
#[must_use]
pub fn stream(
    api: &str,
    key: &Secret<String>,
    call: &str,
    socket: &str,
    parameters: &[(&str, &str)],
    id: &str,
) -> Command {
    let parameters: Vec<Value> =
        parameters.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let body = json!({
        "stream_url": socket,
        "stream_track": "inbound_track",
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_codec": "PCMU",
        "custom_parameters": parameters,
        "command_id": id,
    });
    command(api, key, call, "streaming_start", &body)
}

/// As a call that is not wanted, or as one that comes at a bad time.
#[must_use]
pub fn reject(api: &str, key: &Secret<String>, call: &str, busy: bool) -> Command {
    let cause = if busy { "user_busy" } else { "call_rejected" }.to_ascii_uppercase();
    command(api, key, call, "reject", &json!({ "cause": cause }))
}

#[must_use]
pub fn hang_up(api: &str, key: &Secret<String>, call: &str) -> Command {
    command(api, key, call, "hangup", &json!({}))
}

/// Whether Telnyx's refusal says that the call is over already.
#[must_use]
pub fn is_gone(status: u16, body: &str) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        errors: Vec<Wrong>,
    }
    #[derive(Deserialize)]
    struct Wrong {
        code: String,
    }
    let ended = |refusal: Refusal| refusal.errors.iter().any(|wrong| wrong.code == ENDED);
    status == 422 && serde_json::from_str::<Refusal>(body).is_ok_and(ended)
}

fn command(api: &str, key: &Secret<String>, call: &str, action: &str, body: &Value) -> Command {
    post(api, key, &format!("calls/{}/actions/{action}", part(call)), body)
}

fn post(api: &str, key: &Secret<String>, path: &str, body: &Value) -> Command {
    Command {
        url: format!("{}/v2/{path}", api.trim_end_matches('/')),
        authorization: Secret::new(format!("Bearer {}", key.expose())),
        content_type: "application/json",
        body: body.to_string(),
    }
}

#[derive(Deserialize)]
struct Webhook {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    event_type: String,
    #[serde(default)]
    payload: Payload,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    call_control_id: Option<String>,
    direction: Option<String>,
    from: Option<String>,
    to: Option<String>,
    client_state: Option<String>,
    hangup_cause: Option<String>,
    sip_hangup_cause: Option<String>,
    custom_headers: Vec<CustomHeader>,
}

#[derive(Deserialize)]
struct CustomHeader {
    name: String,
    value: String,
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    const NOW: u64 = 1_764_180_000;
    const RINGS: &str = r#"{"data":{"record_type":"event","event_type":"call.initiated","id":"0ccc7b54","occurred_at":"2026-11-26T18:00:00.000000Z","payload":{"call_control_id":"v3:abc","connection_id":"7267","call_leg_id":"1","call_session_id":"2","client_state":null,"from":"+35319605860","to":"+13129457420","direction":"incoming","state":"parked","custom_headers":[{"name":"X-Line","value":"vip"}]}},"meta":{"attempt":1,"delivered_to":"https://example.com"}}"#;

    struct Carrier(Ed25519KeyPair);

    impl Carrier {
        fn new() -> Self {
            Self(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed"))
        }

        fn key(&self) -> String {
            STANDARD.encode(self.0.public_key())
        }

        fn heard(&self, body: &str, sent: u64) -> Result<Event, Unheard> {
            let timestamp = sent.to_string();
            let signature = STANDARD.encode(self.0.sign(format!("{timestamp}|{body}").as_bytes()));
            let signed =
                Signed { signature: Some(&signature), timestamp: Some(&timestamp), body: body.as_bytes() };
            event(&self.key(), signed, NOW)
        }
    }

    #[test]
    fn a_call_that_telnyx_signed_is_heard_and_nobody_elses() {
        let carrier = Carrier::new();
        let Ok(Event::Ringing(heard)) = carrier.heard(RINGS, NOW - 2) else { unreachable!("it is Telnyx") };
        assert_eq!(
            (heard.call.as_str(), heard.from.as_str(), heard.to.as_str()),
            ("v3:abc", "+35319605860", "+13129457420")
        );
        assert_eq!(heard.headers, [("X-Line".to_owned(), "vip".to_owned())]);
        assert_eq!(carrier.heard(RINGS, NOW - 301), Err(Unheard::Stale), "a repetition");
        let at = NOW.to_string();
        let unsigned = Signed { signature: None, timestamp: Some(&at), body: RINGS.as_bytes() };
        assert_eq!(event(&carrier.key(), unsigned, NOW), Err(Unheard::Unsigned));
        let signature = STANDARD.encode(carrier.0.sign(format!("{at}|{RINGS}").as_bytes()));
        let forged = RINGS.replace("7420", "7421");
        let forged = Signed { signature: Some(&signature), timestamp: Some(&at), body: forged.as_bytes() };
        assert_eq!(event(&carrier.key(), forged, NOW), Err(Unheard::Unsigned));
        let signed = Signed { signature: Some(&signature), timestamp: Some(&at), body: RINGS.as_bytes() };
        assert_eq!(event("none!", signed, NOW), Err(Unheard::Lacking("a public key in base64")));
    }

    #[test]
    fn what_was_decided_when_it_rang_comes_back_when_it_is_answered() {
        let carrier = Carrier::new();
        let key = Secret::new("KEY".to_owned());
        let taken = answer(API, &key, "v3:abc", "rte_1", "1");
        assert_eq!(taken.url, "https://api.telnyx.com/v2/calls/v3%3Aabc/actions/answer");
        assert_eq!(taken.authorization.expose(), "Bearer KEY");
        let sent: Value = serde_json::from_str(&taken.body).expect("JSON");
        let answered = json!({"data": {"event_type": "call.answered", "payload": {"call_control_id": "v3:abc", "client_state": sent["client_state"]}}});
        let heard = carrier.heard(&answered.to_string(), NOW);
        assert_eq!(heard, Ok(Event::Answered { call: "v3:abc".to_owned(), state: "rte_1".to_owned() }));
        let others = json!({"data": {"event_type": "call.answered", "payload": {"call_control_id": "v3:abc", "client_state": null}}});
        assert_eq!(carrier.heard(&others.to_string(), NOW), Ok(Event::Other));
        for body in [
            RINGS.replace("incoming", "outgoing"),
            RINGS.replace("initiated", "hangup"),
            r#"{"data":{"event_type":"streaming.started"}}"#.to_owned(),
        ] {
            assert_eq!(carrier.heard(&body, NOW), Ok(Event::Other));
        }
        assert_eq!(carrier.heard("{}", NOW), Err(Unheard::Unreadable));
    }

    #[test]
    fn calls_are_made_and_put_through_and_what_becomes_of_them_names_them() {
        let (carrier, key) = (Carrier::new(), Secret::new("KEY".to_owned()));
        let wanted = Dial {
            to: "+15550100",
            from: "+15550199",
            webhook: "https://v.example.com/x",
            ring_s: 25,
            limit_s: Some(3660),
        };
        let command = dial(API, &key, "7267", wanted, "ses_1", "ses_1");
        assert_eq!(command.url, "https://api.telnyx.com/v2/calls");
        let body: Value = serde_json::from_str(&command.body).expect("JSON");
        assert_eq!(
            (&body["connection_id"], &body["to"], &body["timeout_secs"], &body["time_limit_secs"]),
            (&json!("7267"), &json!("+15550100"), &json!(25), &json!(3660))
        );
        assert_eq!(
            dialled(r#"{"data":{"call_control_id":"v3:new","is_alive":false}}"#).as_deref(),
            Some("v3:new")
        );
        assert_eq!(dialled("{}"), None);
        let wrong = r#"{"errors":[{"code":"10016","title":"Phone number must be in +E164 format","source":{"pointer":"/to"}}]}"#;
        assert_eq!(refused(422, wrong), Unanswered::UnknownNumber);
        assert_eq!(refused(422, &wrong.replace("/to", "/from")), Unanswered::Forbidden);
        assert_eq!(refused(422, &wrong.replace("/to", "/connection_id")), Unanswered::Failed);
        assert_eq!((refused(403, ""), refused(500, "?")), (Unanswered::Forbidden, Unanswered::Unreachable));
        let through = transfer(API, &key, "v3:abc", Dial { from: "", ..wanted }, "to", "7");
        assert_eq!(through.url, "https://api.telnyx.com/v2/calls/v3%3Aabc/actions/transfer");
        let target: Value = serde_json::from_str(&through.body).expect("JSON");
        assert_eq!(
            (&target["from"], &target["target_leg_client_state"]),
            (&Value::Null, &json!(STANDARD.encode("to")))
        );
        let heard = |event: &str, cause: &str| {
            let payload = json!({"call_control_id": "v3:new", "direction": "outgoing", "client_state": body["client_state"], "hangup_cause": cause});
            carrier.heard(&json!({"data": {"event_type": event, "payload": payload}}).to_string(), NOW)
        };
        let progress =
            |what| Ok(Event::Progress { call: "v3:new".to_owned(), state: "ses_1".to_owned(), what });
        assert_eq!(heard("call.initiated", ""), progress(Progress::Ringing));
        for (cause, why) in [
            ("user_busy", Unanswered::Busy),
            ("timeout", Unanswered::NoAnswer),
            ("call_rejected", Unanswered::Declined),
            ("normal_clearing", Unanswered::Over),
            ("no_answer", Unanswered::NoAnswer),
            ("not_found", Unanswered::UnknownNumber),
            ("time_limit", Unanswered::Over),
            ("unspecified", Unanswered::Failed),
        ] {
            assert_eq!(heard("call.hangup", cause), progress(Progress::Ended(why.into())), "{cause}");
        }
        let payload = json!({"call_control_id": "v3:new", "client_state": body["client_state"], "hangup_cause": "call_rejected", "sip_hangup_cause": "403"});
        let refused = json!({"data": {"event_type": "call.hangup", "payload": payload}});
        let end = End { why: Unanswered::Declined, status: Some(403) };
        assert_eq!(carrier.heard(&refused.to_string(), NOW), progress(Progress::Ended(end)));
    }

    #[test]
    fn keys_are_pressed_with_their_pauses() {
        let key = Secret::new("KEY".to_owned());
        let command = press(API, &key, "v3:abc", &"1W2#".parse().expect("keys"), "3");
        assert_eq!(command.url, "https://api.telnyx.com/v2/calls/v3%3Aabc/actions/send_dtmf");
        let body: Value = serde_json::from_str(&command.body).expect("JSON");
        assert_eq!(body, json!({"digits": "1ww2#", "duration_millis": 100, "command_id": "3"}));
    }

    #[test]
    fn audio_is_asked_for_both_ways_with_what_the_socket_is_told() {
        let key = Secret::new("KEY".to_owned());
        let command =
            stream("http://127.0.0.1:1/", &key, "v3:abc", "wss://v.example.com/x", &[("token", "t")], "2");
        assert_eq!(command.url, "http://127.0.0.1:1/v2/calls/v3%3Aabc/actions/streaming_start");
        let body: Value = serde_json::from_str(&command.body).expect("JSON");
        assert_eq!(body["custom_parameters"], json!([{"name": "token", "value": "t"}]));
        assert_eq!(
            (&body["stream_bidirectional_mode"], &body["stream_bidirectional_codec"]),
            (&json!("rtp"), &json!("PCMU"))
        );
        assert!(is_gone(
            422,
            r#"{"errors":[{"code":"90018","title":"Call has already ended","detail":""}]}"#
        ));
        assert!(!is_gone(422, r#"{"errors":[{"code":"10015"}]}"#) && !is_gone(500, "") && !is_gone(422, "?"));
    }
}
