//! Twilio: webhooks are forms signed with HMAC-SHA1 under the account's auth token, answered in TwiML; calls are ended by REST.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use serde::Deserialize;

use crate::{Command, Dial, End, Progress, Ringing, Unanswered, Unheard};

pub const API: &str = "https://api.twilio.com";
/// The header of a webhook that proves who sent it.
pub const SIGNATURE: &str = "x-twilio-signature";
/// What an address says of the try that is spoken of: Twilio repeats and signs it.
const TRY: &str = "try";
const FETCHED: &str = "fetched";
/// Of headers that the call came with by SIP.
const HEADER: &str = "SipHeader_";
/// Twilio's words for a call that is over: it is not there, or is in no state in which it could be ended.
const NOT_THERE: u64 = 20404;
const NO_STATE: u64 = 21220;

/// The account's name at Twilio, and its auth token.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    pub sid: &'a str,
    pub token: &'a Secret<String>,
}

/// Why a call is not taken, as its caller hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The number does not exist.
    Unknown,
    Busy,
}

/// What a webhook says. All of them come to one address, and differ by what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A call comes in.
    Ringing(Ringing),
    /// A call of ours was answered, and Twilio asks what to do with it.
    Asks { call: String },
    /// What becomes of a call.
    Progress { call: String, leg: Leg, what: Progress },
    /// The caller is back from whoever they were put through to at this try, or could not be: Twilio asks what to do with them, unless they have
    /// `left` meanwhile.
    Back { call: String, number: u32, why: Unanswered, left: bool },
    /// The caller was fetched from this try, and Twilio asks what to do with them.
    Fetched { call: String, number: u32 },
}

/// Whose call it is that something becomes of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leg {
    /// We made it.
    Made,
    /// The call with the person whom the caller of this call is put through to, at this try.
    For { caller: String, number: u32 },
    /// It came in.
    Came,
}

/// A webhook. `url` is the address that Twilio was given, letter by letter.
///
/// # Errors
/// Who did not sign it, and what cannot be read.
pub fn event(
    credentials: Credentials<'_>,
    url: &str,
    signature: Option<&str>,
    body: &[u8],
) -> Result<Event, Unheard> {
    let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let signed = STANDARD.decode(signature.unwrap_or_default()).map_err(|_| Unheard::Unsigned)?;
    hmac::verify(&key(credentials.token), text(url, &fields).as_bytes(), &signed)
        .map_err(|_| Unheard::Unsigned)?;
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    if field("AccountSid").as_deref() != Some(credentials.sid) {
        return Err(Unheard::Unsigned);
    }
    let headers = fields
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(HEADER)?.to_owned(), value.clone())))
        .collect();
    let call = field("CallSid").filter(|call| !call.is_empty()).ok_or(Unheard::Unreadable)?;
    if let Some(status) = field("DialCallStatus") {
        let left = field("CallStatus").is_some_and(|status| is_over(&status));
        return Ok(Event::Back {
            call,
            number: said(url, TRY).unwrap_or_default(),
            why: over(&status),
            left,
        });
    }
    if let Some(number) = said(url, FETCHED) {
        return Ok(Event::Fetched { call, number });
    }
    let is_made = field("Direction").is_some_and(|direction| direction.starts_with("outbound"));
    if field("CallbackSource").is_some() {
        let what = match field("CallStatus").ok_or(Unheard::Unreadable)?.as_str() {
            "queued" | "initiated" | "ringing" => Progress::Ringing,
            "in-progress" | "answered" => Progress::Answered,
            status => {
                let sip = field("SipResponseCode").and_then(|status| status.parse().ok());
                Progress::Ended(End::of(over(status), sip))
            }
        };
        let leg = match field("ParentCallSid").filter(|caller| !caller.is_empty()) {
            Some(caller) => Leg::For { caller, number: said(url, TRY).unwrap_or_default() },
            None if is_made => Leg::Made,
            None => Leg::Came,
        };
        return Ok(Event::Progress { call, leg, what });
    }
    if is_made {
        return Ok(Event::Asks { call });
    }
    Ok(Event::Ringing(Ringing {
        call,
        from: field("From").unwrap_or_default(),
        to: field("To").ok_or(Unheard::Unreadable)?,
        headers,
    }))
}

/// A number in the query of an address.
fn said(url: &str, name: &str) -> Option<u32> {
    let (_, query) = url.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name)?.1.parse().ok()
}

/// Of `CallStatus`.
fn is_over(status: &str) -> bool {
    ["completed", "busy", "no-answer", "canceled", "failed"].contains(&status)
}

/// Of `CallStatus` and `DialCallStatus`.
fn over(status: &str) -> Unanswered {
    match status {
        "completed" | "answered" => Unanswered::Over,
        "busy" => Unanswered::Busy,
        "no-answer" => Unanswered::NoAnswer,
        "canceled" => Unanswered::Cancelled,
        _ => Unanswered::Failed,
    }
}

/// Calls somebody. Whether a machine takes the call is heard by us.
#[must_use]
pub fn dial(api: &str, credentials: Credentials<'_>, dial: Dial<'_>) -> Command {
    let ring_s = dial.ring_s.to_string();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("To", dial.to).append_pair("From", dial.from).append_pair("Timeout", &ring_s);
    for name in ["Url", "StatusCallback"] {
        form.append_pair(name, dial.webhook);
    }
    for event in ["ringing", "answered", "completed"] {
        form.append_pair("StatusCallbackEvent", event);
    }
    if let Some(limit_s) = dial.limit_s {
        form.append_pair("TimeLimit", &limit_s.to_string());
    }
    post(api, credentials, "Calls.json", form.finish())
}

/// The name of the call that was begun, by Twilio's answer to `dial`.
#[must_use]
pub fn dialled(answer: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Made {
        sid: String,
    }
    serde_json::from_str::<Made>(answer).ok().map(|made| made.sid).filter(|sid| !sid.is_empty())
}

/// Why Twilio makes no call, by its refusal of `dial`.
#[must_use]
pub fn refused(status: u16, body: &str) -> Unanswered {
    #[derive(Deserialize)]
    struct Refusal {
        code: u64,
    }
    let code = serde_json::from_str::<Refusal>(body).map(|refusal| refusal.code).unwrap_or_default();
    match (status, code) {
        // No number, or none that can be reached.
        (_, 21211 | 21214 | 21217) => Unanswered::UnknownNumber,
        // Not from this number, not to this country or number; the account itself.
        (_, 21210 | 21212 | 21213 | 21215 | 21216 | 21219) | (401 | 403, _) => Unanswered::Forbidden,
        (429 | 500.., _) => Unanswered::Unreachable,
        _ => Unanswered::Failed,
    }
}

/// Puts the caller through to `dial.to`, a number or a SIP address; their audio leaves us with that. Twilio says when somebody takes it, and
/// asks what to do with the caller when nobody does; whatever it says of this try names its `number`.
#[must_use]
pub fn transfer(api: &str, credentials: Credentials<'_>, call: &str, dial: Dial<'_>, number: u32) -> Command {
    let webhook = format!("{}?{TRY}={number}", dial.webhook);
    let noun = if dial.to.starts_with("sip:") || dial.to.starts_with("sips:") { "Sip" } else { "Number" };
    let (to, from, webhook, ring_s) = (escaped(dial.to), escaped(dial.from), escaped(&webhook), dial.ring_s);
    let caller = if from.is_empty() { String::new() } else { format!(" callerId=\"{from}\"") };
    let twiml = format!(
        "{PROLOGUE}<Response><Dial action=\"{webhook}\" timeout=\"{ring_s}\"{caller}><{noun} statusCallback=\"{webhook}\" \
         statusCallbackEvent=\"answered\">{to}</{noun}></Dial></Response>"
    );
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Twiml", &twiml);
    if let Some(limit_s) = dial.limit_s {
        form.append_pair("TimeLimit", &limit_s.to_string());
    }
    let body = form.finish();
    post(api, credentials, &format!("Calls/{}.json", part(call)), body)
}

/// Ends a try and has Twilio ask at `webhook` what to do with the caller.
#[must_use]
pub fn fetch(api: &str, credentials: Credentials<'_>, call: &str, webhook: &str, number: u32) -> Command {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Url", &format!("{webhook}?{FETCHED}={number}")).append_pair("Method", "POST");
    post(api, credentials, &format!("Calls/{}.json", part(call)), form.finish())
}

/// Nothing is to be done.
#[must_use]
pub fn nothing() -> String {
    format!("{PROLOGUE}<Response/>")
}

/// Ends a call that Twilio asks about.
#[must_use]
pub fn goodbye() -> String {
    format!("{PROLOGUE}<Response><Hangup/></Response>")
}

/// As Twilio signs a form that it sends to `url`.
#[must_use]
pub fn signature(token: &Secret<String>, url: &str, fields: &[(String, String)]) -> String {
    STANDARD.encode(hmac::sign(&key(token), text(url, fields).as_bytes()))
}

/// Answers the call and sends its audio to a socket, with what the socket is told.
#[must_use]
pub fn connect(socket: &str, parameters: &[(&str, &str)]) -> String {
    let parameters: String = parameters
        .iter()
        .map(|(name, value)| format!("<Parameter name=\"{}\" value=\"{}\"/>", escaped(name), escaped(value)))
        .collect();
    let socket = escaped(socket);
    format!(
        "{PROLOGUE}<Response><Connect><Stream url=\"{socket}\">{parameters}</Stream></Connect></Response>"
    )
}

#[must_use]
pub fn reject(why: Rejection) -> String {
    let reason = match why {
        Rejection::Unknown => "rejected",
        Rejection::Busy => "busy",
    };
    format!("{PROLOGUE}<Response><Reject reason=\"{reason}\"/></Response>")
}

/// Ends a call.
#[must_use]
pub fn hang_up(api: &str, credentials: Credentials<'_>, call: &str) -> Command {
    post(api, credentials, &format!("Calls/{}.json", part(call)), "Status=completed".to_owned())
}

fn post(api: &str, credentials: Credentials<'_>, path: &str, body: String) -> Command {
    let user = STANDARD.encode(format!("{}:{}", credentials.sid, credentials.token.expose()));
    Command {
        url: format!("{}/2010-04-01/Accounts/{}/{path}", api.trim_end_matches('/'), part(credentials.sid)),
        authorization: Secret::new(format!("Basic {user}")),
        content_type: "application/x-www-form-urlencoded",
        body,
    }
}

/// Whether Twilio's refusal says that the call is over already.
#[must_use]
pub fn is_gone(status: u16, body: &str) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        code: u64,
    }
    let code = serde_json::from_str::<Refusal>(body).map(|refusal| refusal.code).unwrap_or_default();
    matches!((status, code), (404, NOT_THERE) | (400, NO_STATE))
}

const PROLOGUE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// Twilio signs so; there is no other choice.
fn key(token: &Secret<String>) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose().as_bytes())
}

/// What is signed: the address, then all fields by their names, with nothing between.
fn text(url: &str, fields: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort();
    sorted.dedup();
    sorted.into_iter().fold(url.to_owned(), |text, (name, value)| text + name + value)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// One part of a path.
pub(crate) fn part(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Twilio's documentation ("Validating requests").
    const URL: &str = "https://example.com/myapp.php?foo=1&bar=2";
    const FIELDS: [(&str, &str); 5] = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675310"),
        ("Digits", "1234"),
        ("From", "+14158675310"),
        ("To", "+18005551212"),
    ];

    fn token() -> Secret<String> {
        Secret::new("12345".to_owned())
    }

    fn fields() -> Vec<(String, String)> {
        FIELDS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn form(fields: &[(String, String)]) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }

    #[test]
    fn a_form_is_signed_as_the_documentation_signs_it() {
        assert_eq!(signature(&token(), URL, &fields()), "L/OH5YylLD5NRKLltdqwSvS0BnU=");
    }

    #[test]
    fn a_call_that_twilio_signed_is_heard_and_nobody_elses() {
        let (token, mut fields) = (token(), fields());
        fields.push(("AccountSid".to_owned(), "AC1".to_owned()));
        fields.push(("SipHeader_X-Line".to_owned(), "vip & more".to_owned()));
        let credentials = Credentials { sid: "AC1", token: &token };
        let (body, signed) = (form(&fields), signature(&token, URL, &fields));
        let heard = event(credentials, URL, Some(&signed), body.as_bytes()).expect("it is Twilio");
        let Event::Ringing(heard) = heard else { unreachable!("a call comes in: {heard:?}") };
        assert_eq!((heard.call.as_str(), heard.to.as_str()), ("CA1234567890ABCDE", "+18005551212"));
        assert_eq!(heard.headers, [("X-Line".to_owned(), "vip & more".to_owned())]);
        let unsigned = |credentials, url, signed: Option<&str>, body: &str| {
            assert_eq!(event(credentials, url, signed, body.as_bytes()), Err(Unheard::Unsigned));
        };
        unsigned(credentials, URL, None, &body);
        unsigned(credentials, URL, Some("no base64!"), &body);
        unsigned(credentials, "https://example.com/other", Some(&signed), &body);
        unsigned(credentials, URL, Some(&signed), &body.replace("8005551212", "9005551212"));
        let other = Secret::new("another".to_owned());
        unsigned(Credentials { sid: "AC1", token: &other }, URL, Some(&signed), &body);
        unsigned(Credentials { sid: "AC2", token: &token }, URL, Some(&signed), &body);
    }

    #[test]
    fn what_becomes_of_calls_is_told_by_what_webhooks_hold() {
        let token = token();
        let credentials = Credentials { sid: "AC1", token: &token };
        let heard_at = |query: &str, more: &[(&str, &str)]| {
            let url = format!("{URL}{query}");
            let all = [("AccountSid", "AC1"), ("CallSid", "CA1"), ("From", "+1"), ("To", "+2")];
            let fields: Vec<(String, String)> = all
                .iter()
                .chain(more)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let signed = signature(&token, &url, &fields);
            event(credentials, &url, Some(&signed), form(&fields).as_bytes()).expect("it is Twilio")
        };
        let heard = |more: &[(&str, &str)]| heard_at("", more);
        let call = || "CA1".to_owned();
        let progress = |status, what| {
            let more = [("CallbackSource", "call-progress-events"), ("CallStatus", status)];
            assert_eq!(heard(&more), Event::Progress { call: call(), leg: Leg::Came, what }, "{status}");
            let made = heard(&[&more[..], &[("Direction", "outbound-api")]].concat());
            assert_eq!(made, Event::Progress { call: call(), leg: Leg::Made, what }, "{status}");
        };
        progress("ringing", Progress::Ringing);
        progress("in-progress", Progress::Answered);
        progress("completed", Progress::Ended(Unanswered::Over.into()));
        progress("busy", Progress::Ended(Unanswered::Busy.into()));
        progress("no-answer", Progress::Ended(Unanswered::NoAnswer.into()));
        progress("canceled", Progress::Ended(Unanswered::Cancelled.into()));
        progress("failed", Progress::Ended(Unanswered::Failed.into()));
        let through = [
            ("CallbackSource", "call-progress-events"),
            ("CallStatus", "in-progress"),
            ("Direction", "outbound-dial"),
            ("ParentCallSid", "CA0"),
        ];
        let no_number = [
            ("CallbackSource", "call-progress-events"),
            ("CallStatus", "failed"),
            ("SipResponseCode", "404"),
        ];
        let end = End { why: Unanswered::UnknownNumber, status: Some(404) };
        assert_eq!(
            heard(&no_number),
            Event::Progress { call: call(), leg: Leg::Came, what: Progress::Ended(end) }
        );
        let leg = Leg::For { caller: "CA0".to_owned(), number: 2 };
        assert_eq!(
            heard_at("&try=2", &through),
            Event::Progress { call: call(), leg, what: Progress::Answered }
        );
        let asks = [("Direction", "outbound-api"), ("CallStatus", "in-progress")];
        assert_eq!(heard(&asks), Event::Asks { call: call() });
        let back = [("Direction", "inbound"), ("DialCallStatus", "no-answer"), ("CallStatus", "in-progress")];
        let nobody = Event::Back { call: call(), number: 3, why: Unanswered::NoAnswer, left: false };
        assert_eq!(heard_at("&try=3", &back), nobody);
        let fetched = heard_at("&fetched=3", &[("Direction", "inbound"), ("CallStatus", "in-progress")]);
        assert_eq!(fetched, Event::Fetched { call: call(), number: 3 });
        let left = [("Direction", "inbound"), ("DialCallStatus", "canceled"), ("CallStatus", "completed")];
        assert_eq!(
            heard(&left),
            Event::Back { call: call(), number: 0, why: Unanswered::Cancelled, left: true }
        );
        assert!(matches!(heard(&[("Direction", "inbound"), ("CallStatus", "ringing")]), Event::Ringing(_)));
    }

    #[test]
    fn calls_are_made_and_put_through_by_forms() {
        let token = token();
        let credentials = Credentials { sid: "AC1", token: &token };
        let wanted = Dial {
            to: "+15550100",
            from: "+15550199",
            webhook: "https://v.example.com/c/1/voice",
            ring_s: 25,
            limit_s: Some(3660),
        };
        let command = dial(API, credentials, wanted);
        assert_eq!(command.url, "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls.json");
        assert_eq!(
            command.body,
            "To=%2B15550100&From=%2B15550199&Timeout=25&Url=https%3A%2F%2Fv.example.com%2Fc%2F1%2Fvoice&StatusCallback=https%3A%2F%2Fv.example.com%2Fc%2F1%2Fvoice&StatusCallbackEvent=ringing&StatusCallbackEvent=answered&StatusCallbackEvent=completed&TimeLimit=3660"
        );
        assert_eq!(dialled(r#"{"sid": "CA7", "status": "queued"}"#).as_deref(), Some("CA7"));
        assert_eq!(dialled(r#"{"code": 21211}"#), None);
        for (status, code, why) in [
            (400, 21211, Unanswered::UnknownNumber),
            (400, 21215, Unanswered::Forbidden),
            (401, 20003, Unanswered::Forbidden),
            (429, 20429, Unanswered::Unreachable),
        ] {
            assert_eq!(refused(status, &format!("{{\"code\": {code}}}")), why, "{code}");
        }
        assert_eq!(refused(400, "no JSON"), Unanswered::Failed);
        let command = transfer(API, credentials, "CA1", wanted, 2);
        assert_eq!(command.url, "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls/CA1.json");
        let twiml = form_urlencoded::parse(command.body.as_bytes())
            .find(|(name, _)| name == "Twiml")
            .expect("TwiML")
            .1;
        assert!(
            twiml.ends_with(
                "<Response><Dial action=\"https://v.example.com/c/1/voice?try=2\" timeout=\"25\" callerId=\"+15550199\"><Number statusCallback=\"https://v.example.com/c/1/voice?try=2\" statusCallbackEvent=\"answered\">+15550100</Number></Dial></Response>"
            ),
            "{twiml}"
        );
        assert!(command.body.ends_with("&TimeLimit=3660"), "two people are given their own time");
        let back = fetch(API, credentials, "CA1", wanted.webhook, 2);
        assert_eq!(back.url, command.url);
        assert_eq!(back.body, "Url=https%3A%2F%2Fv.example.com%2Fc%2F1%2Fvoice%3Ffetched%3D2&Method=POST");
        let of_others = Dial { to: "sip:a@b&c", from: "", limit_s: None, ..wanted };
        let by_sip = transfer(API, credentials, "CA1", of_others, 1);
        assert!(!by_sip.body.contains("TimeLimit"));
        let twiml = form_urlencoded::parse(by_sip.body.as_bytes()).next().expect("TwiML").1.into_owned();
        assert!(
            twiml.contains("<Sip ") && twiml.contains(">sip:a@b&amp;c</Sip>") && !twiml.contains("callerId")
        );
    }

    #[test]
    fn what_twilio_is_told_is_xml_whatever_it_holds() {
        assert_eq!(
            connect("wss://v.example.com/media/twilio/a", &[("token", "a\"<b>&")]),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect><Stream url=\"wss://v.example.com/media/twilio/a\"><Parameter name=\"token\" value=\"a&quot;&lt;b&gt;&amp;\"/></Stream></Connect></Response>"
        );
        assert!(reject(Rejection::Unknown).ends_with("<Response><Reject reason=\"rejected\"/></Response>"));
        assert!(reject(Rejection::Busy).contains("busy"));
    }

    #[test]
    fn a_call_is_ended_at_its_own_address_and_one_that_is_over_is_over() {
        let token = token();
        let command = hang_up(API, Credentials { sid: "AC1", token: &token }, "CA1/../x");
        assert_eq!(command.url, "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls/CA1%2F..%2Fx.json");
        assert_eq!(
            (command.authorization.expose().as_str(), command.body.as_str()),
            ("Basic QUMxOjEyMzQ1", "Status=completed")
        );
        assert!(is_gone(404, r#"{"code": 20404, "message": "not found", "status": 404}"#));
        assert!(is_gone(400, r#"{"code": 21220, "message": "Invalid call state"}"#));
        assert!(
            !is_gone(404, "no route")
                && !is_gone(400, r#"{"code": 21211}"#)
                && !is_gone(401, r#"{"code": 20003}"#)
        );
    }
}
