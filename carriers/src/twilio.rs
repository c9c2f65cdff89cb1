//! Twilio: webhooks are forms signed with HMAC-SHA1 under the account's auth token, answered in TwiML; calls are ended by REST.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use serde::Deserialize;

use crate::{Command, Ringing, Unheard};

pub const API: &str = "https://api.twilio.com";
/// The header of a webhook that proves who sent it.
pub const SIGNATURE: &str = "x-twilio-signature";
/// Of headers that the call came with by SIP.
const HEADER: &str = "SipHeader_";
/// Twilio's word for a call that is over.
const NOT_THERE: u64 = 20404;

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

/// A webhook of a call that comes in. `url` is the address that Twilio was given, letter by letter.
///
/// # Errors
/// Who did not sign it, and what cannot be read.
pub fn ringing(
    credentials: Credentials<'_>,
    url: &str,
    signature: Option<&str>,
    body: &[u8],
) -> Result<Ringing, Unheard> {
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
    Ok(Ringing {
        call,
        from: field("From").unwrap_or_default(),
        to: field("To").ok_or(Unheard::Unreadable)?,
        headers,
    })
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
    let user = STANDARD.encode(format!("{}:{}", credentials.sid, credentials.token.expose()));
    let (sid, call) = (part(credentials.sid), part(call));
    Command {
        url: format!("{}/2010-04-01/Accounts/{sid}/Calls/{call}.json", api.trim_end_matches('/')),
        authorization: Secret::new(format!("Basic {user}")),
        content_type: "application/x-www-form-urlencoded",
        body: "Status=completed".to_owned(),
    }
}

/// Whether Twilio's refusal says that the call is over already.
#[must_use]
pub fn is_gone(status: u16, body: &str) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        code: u64,
    }
    status == 404 && serde_json::from_str::<Refusal>(body).is_ok_and(|refusal| refusal.code == NOT_THERE)
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
        let heard = ringing(credentials, URL, Some(&signed), body.as_bytes()).expect("it is Twilio");
        assert_eq!((heard.call.as_str(), heard.to.as_str()), ("CA1234567890ABCDE", "+18005551212"));
        assert_eq!(heard.headers, [("X-Line".to_owned(), "vip & more".to_owned())]);
        let unsigned = |credentials, url, signed: Option<&str>, body: &str| {
            assert_eq!(ringing(credentials, url, signed, body.as_bytes()), Err(Unheard::Unsigned));
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
        assert!(!is_gone(404, "no route") && !is_gone(401, r#"{"code": 20003}"#));
    }
}
