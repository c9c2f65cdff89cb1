//! What a client may say, read tolerantly: unknown fields are ignored, numbers pass as ids, deprecated names still work.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Digit;
use serde::Deserialize;
use serde_json::Value;

use crate::version::Version;

pub(crate) const LABEL: &str = "rtvi-ai";

/// Why a message was not understood, with the code its sender can look up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the message has {length} bytes, the limit is {limit}")]
    TooLong { length: usize, limit: usize },
    #[error("not an RTVI message: {0}")]
    Malformed(String),
    #[error("unknown message type {0:?}")]
    UnknownType(String),
    #[error("{kind}: {why}")]
    BadData { kind: &'static str, why: String },
}

impl Error {
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "RTVI_MESSAGE_TOO_LONG",
            Self::Malformed(_) => "RTVI_MALFORMED",
            Self::UnknownType(_) => "RTVI_UNKNOWN_TYPE",
            Self::BadData { .. } => "RTVI_BAD_DATA",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    Ready {
        version: Option<Version>,
    },
    Text(String),
    Digits(Vec<Digit>),
    /// A request of the application's own; answered by `server-response` where we know `t`.
    Request {
        t: String,
        d: Value,
    },
    Disconnect,
    /// Understood, and nothing to do.
    Nothing,
}

pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: Result<Incoming, Error>,
}

#[derive(Deserialize)]
struct Envelope {
    label: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    data: Value,
}

/// `None` for what is no message at all and wants no answer: keep-alives and the transport's own signalling.
pub(crate) fn read(text: &str, longest: usize) -> Option<Message> {
    if text.len() > longest {
        let body = Err(Error::TooLong { length: text.len(), limit: longest });
        return Some(Message { id: String::new(), body });
    }
    if text.starts_with("ping") || text.trim().is_empty() {
        return None;
    }
    let envelope: Envelope = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        Err(error) => {
            return Some(Message { id: String::new(), body: Err(Error::Malformed(error.to_string())) });
        }
    };
    if envelope.kind.as_deref() == Some("signalling") {
        return None;
    }
    let id = match envelope.id {
        Value::String(id) => id.chars().take(128).collect(),
        Value::Number(id) => id.to_string(),
        _ => String::new(),
    };
    let body = match (envelope.label.as_deref(), envelope.kind) {
        (Some(LABEL), Some(kind)) => understand(&kind, envelope.data),
        (Some(LABEL), None) => Err(Error::Malformed("it has no type".to_owned())),
        _ => Err(Error::Malformed(format!("its label is not {LABEL:?}"))),
    };
    Some(Message { id, body })
}

fn understand(kind: &str, data: Value) -> Result<Incoming, Error> {
    match kind {
        "client-ready" => {
            let version = data.get("version").and_then(Value::as_str).and_then(Version::parse);
            Ok(Incoming::Ready { version })
        }
        "send-text" => text("send-text", &data),
        "append-to-context" => append(&data),
        "dtmf" => digits(&data),
        "client-message" => request(data),
        "disconnect-bot" => Ok(Incoming::Disconnect),
        // Results of calls that no agent of ours makes through the client; and reports of pages that we do not steer.
        "llm-function-call-result" | "ui-event" | "ui-snapshot" | "ui-cancel-job-group" => {
            Ok(Incoming::Nothing)
        }
        // Transports that carry audio this way take it out before it comes here.
        "raw-audio" | "raw-audio-batch" => Ok(Incoming::Nothing),
        unknown => Err(Error::UnknownType(unknown.chars().take(64).collect())),
    }
}

fn text(kind: &'static str, data: &Value) -> Result<Incoming, Error> {
    match data.get("content").and_then(Value::as_str).map(str::trim) {
        Some(content) if !content.is_empty() => Ok(Incoming::Text(content.to_owned())),
        _ => Err(Error::BadData { kind, why: "content must be text".to_owned() }),
    }
}

/// How 1.x clients sent text.
fn append(data: &Value) -> Result<Incoming, Error> {
    match data.get("role").and_then(Value::as_str) {
        Some("user") => text("append-to-context", data),
        _ => Err(Error::BadData { kind: "append-to-context", why: "role must be user".to_owned() }),
    }
}

fn digits(data: &Value) -> Result<Incoming, Error> {
    /// More keys in one message are no person's.
    const MOST: usize = 64;
    let bad = |why: &str| Error::BadData { kind: "dtmf", why: why.to_owned() };
    let legacy = data.get("button").map(std::slice::from_ref);
    let keys = data.get("buttons").and_then(Value::as_array).map(Vec::as_slice).or(legacy);
    let keys = keys.filter(|keys| !keys.is_empty() && keys.len() <= MOST);
    let keys = keys.ok_or_else(|| bad("buttons must be a list of 1 to 64 keys"))?;
    let digit = |key: &Value| {
        let mut chars = key.as_str()?.chars();
        chars.next().filter(|_| chars.next().is_none()).and_then(|key| Digit::try_from(key).ok())
    };
    let digits: Option<Vec<_>> = keys.iter().map(digit).collect();
    digits.map(Incoming::Digits).ok_or_else(|| bad("a key must be one of 0-9, *, #, A-D"))
}

fn request(mut data: Value) -> Result<Incoming, Error> {
    let d = data.get_mut("d").map(Value::take).unwrap_or_default();
    match data.get("t").and_then(Value::as_str) {
        Some(t) => Ok(Incoming::Request { t: t.chars().take(128).collect(), d }),
        None => Err(Error::BadData { kind: "client-message", why: "t must be text".to_owned() }),
    }
}

/// Audio that a client put into a message instead of a frame of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAudio {
    /// 16-bit little-endian samples, interleaved where there is more than one channel.
    pub pcm: Vec<u8>,
    pub rate_hz: u32,
    pub channels: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAudioData {
    base64_audio: Option<String>,
    #[serde(default)]
    base64_audio_batch: Vec<String>,
    sample_rate: u32,
    num_channels: u32,
}

/// The audio of a `raw-audio` or `raw-audio-batch` message; `None` for every other message.
#[must_use]
pub fn raw_audio(text: &str) -> Option<Result<RawAudio, Error>> {
    // Every message passes here: look before parsing.
    if !text.contains("\"raw-audio") {
        return None;
    }
    let envelope: Envelope = serde_json::from_str(text).ok()?;
    if envelope.label.as_deref() != Some(LABEL)
        || !matches!(envelope.kind.as_deref(), Some("raw-audio" | "raw-audio-batch"))
    {
        return None;
    }
    let bad = |why: String| Error::BadData { kind: "raw-audio", why };
    Some(
        serde_json::from_value::<RawAudioData>(envelope.data)
            .map_err(|error| bad(error.to_string()))
            .and_then(|data| {
                let mut pcm = Vec::new();
                for piece in data.base64_audio.iter().chain(&data.base64_audio_batch) {
                    STANDARD.decode_vec(piece, &mut pcm).map_err(|error| bad(error.to_string()))?;
                }
                Ok(RawAudio { pcm, rate_hz: data.sample_rate, channels: data.num_channels })
            }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(text: &str) -> Result<Incoming, Error> {
        read(text, 1 << 16).expect("a message").body
    }

    fn say(kind: &str, data: &str) -> Result<Incoming, Error> {
        read_one(&format!(r#"{{"label":"rtvi-ai","type":"{kind}","id":"1","data":{data}}}"#))
    }

    #[test]
    fn the_messages_of_the_published_clients_are_understood() {
        let version = Version::parse("2.1.0");
        let ready = r#"{"version":"2.1.0","about":{"library":"x","platform_details":{"browser":"y"}}}"#;
        assert_eq!(say("client-ready", ready), Ok(Incoming::Ready { version }));
        let typed = r#"{"content":" hello ","options":{"run_immediately":true,"audio_response":true}}"#;
        assert_eq!(say("send-text", typed), Ok(Incoming::Text("hello".to_owned())));
        assert_eq!(
            say("append-to-context", r#"{"role":"user","content":"hi"}"#),
            Ok(Incoming::Text("hi".to_owned()))
        );
        let digits = ['1', '#'].map(|key| Digit::try_from(key).expect("a key")).to_vec();
        assert_eq!(say("dtmf", r##"{"buttons":["1","#"]}"##), Ok(Incoming::Digits(digits.clone())));
        assert_eq!(say("dtmf", r#"{"button":"1"}"#), Ok(Incoming::Digits(digits[..1].to_vec())));
        assert_eq!(say("disconnect-bot", "{}"), Ok(Incoming::Disconnect));
        let request = Incoming::Request { t: "x".to_owned(), d: serde_json::json!([1]) };
        assert_eq!(say("client-message", r#"{"t":"x","d":[1]}"#), Ok(request));
        assert_eq!(say("llm-function-call-result", "{}"), Ok(Incoming::Nothing));
    }

    #[test]
    fn what_is_wrong_has_a_code() {
        let codes = [
            (say("teleport", "{}"), "RTVI_UNKNOWN_TYPE"),
            (say("dtmf", r#"{"buttons":["x"]}"#), "RTVI_BAD_DATA"),
            (say("dtmf", r#"{"buttons":[]}"#), "RTVI_BAD_DATA"),
            (say("dtmf", r#"{"buttons":["12"]}"#), "RTVI_BAD_DATA"),
            (say("send-text", r#"{"content":""}"#), "RTVI_BAD_DATA"),
            (say("client-message", "{}"), "RTVI_BAD_DATA"),
            (read_one("{"), "RTVI_MALFORMED"),
            (read_one("[]"), "RTVI_MALFORMED"),
            (read_one(r#"{"type":"client-ready"}"#), "RTVI_MALFORMED"),
            (read_one(&"[".repeat(50_000)), "RTVI_MALFORMED"),
            (read_one(&" ".repeat(70_000)), "RTVI_MESSAGE_TOO_LONG"),
        ];
        for (result, code) in codes {
            assert_eq!(result.map_err(|error| error.code()), Err(code));
        }
    }

    #[test]
    fn keep_alives_and_signalling_want_no_answer() {
        let signalling =
            r#"{"type":"signalling","message":{"type":"trackStatus","receiver_index":0,"enabled":true}}"#;
        for quiet in ["ping: 1700000000000", "", " \n", signalling] {
            assert!(read(quiet, 1 << 16).is_none(), "{quiet:?}");
        }
    }

    #[test]
    fn raw_audio_is_taken_out_of_its_message() {
        let message = r#"{"label":"rtvi-ai","type":"raw-audio-batch","id":"1","data":{"base64AudioBatch":["AQI=","AwQ="],"sampleRate":16000,"numChannels":1}}"#;
        let audio = RawAudio { pcm: vec![1, 2, 3, 4], rate_hz: 16_000, channels: 1 };
        assert_eq!(raw_audio(message), Some(Ok(audio)));
        assert!(raw_audio(&message.replace("AQI=", "%")).is_some_and(|result| result.is_err()));
        assert_eq!(
            raw_audio(r#"{"label":"rtvi-ai","type":"send-text","data":{"content":"\"raw-audio"}}"#),
            None
        );
    }
}
