//! Deepgram's JSON, as documented for `v1/listen`, `v2/listen` and `v1/speak`. The only place that knows it.

use std::time::Duration;

use providers_api::ErrorKind;
use providers_link::hearing::PieceWord;
use providers_link::{Fault, Frame};
use serde::{Deserialize, Serialize};

/// Control messages of the listening sockets.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(crate) enum Listen {
    KeepAlive,
    Finalize,
    CloseStream,
    /// Flux alone.
    ForceEndTurn,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Heard {
    Results(Results),
    /// Metadata, SpeechStarted, UtteranceEnd, and what may come later.
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Results {
    /// Seconds from the start of the socket's audio.
    pub(crate) start: f64,
    pub(crate) duration: f64,
    #[serde(default)]
    pub(crate) is_final: bool,
    #[serde(default)]
    pub(crate) from_finalize: bool,
    pub(crate) channel: Channel,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Channel {
    #[serde(default)]
    pub(crate) alternatives: Vec<Alternative>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Alternative {
    #[serde(default)]
    pub(crate) transcript: String,
    pub(crate) confidence: Option<f32>,
    #[serde(default)]
    pub(crate) words: Vec<Word>,
    /// Of multilingual models, the most spoken first.
    #[serde(default)]
    pub(crate) languages: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Word {
    pub(crate) word: String,
    pub(crate) punctuated_word: Option<String>,
    /// Flux may leave both out.
    pub(crate) start: Option<f64>,
    pub(crate) end: Option<f64>,
    pub(crate) confidence: Option<f32>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Flux {
    Connected,
    TurnInfo(TurnInfo),
    Error {
        #[serde(default)]
        code: String,
        #[serde(default)]
        description: String,
    },
    /// ConfigureSuccess, ConfigureFailure, and what may come later.
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TurnInfo {
    pub(crate) event: TurnEvent,
    #[serde(default)]
    pub(crate) audio_window_start: f64,
    #[serde(default)]
    pub(crate) audio_window_end: f64,
    /// Of the whole turn so far.
    #[serde(default)]
    pub(crate) transcript: String,
    #[serde(default)]
    pub(crate) words: Vec<Word>,
    pub(crate) end_of_turn_confidence: Option<f32>,
    #[serde(default)]
    pub(crate) languages: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum TurnEvent {
    StartOfTurn,
    Update,
    EagerEndOfTurn,
    TurnResumed,
    EndOfTurn,
    #[serde(other)]
    Other,
}

/// Control messages of the speaking socket.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(crate) enum Say<'a> {
    Speak { text: &'a str },
    Flush,
    Clear,
}

/// Text answers of the speaking socket; audio comes as binary frames.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Spoken {
    Flushed,
    Cleared,
    Warning {
        #[serde(alias = "code", default)]
        warn_code: String,
    },
    #[serde(alias = "error")]
    Error {
        #[serde(alias = "code", default)]
        err_code: String,
        #[serde(alias = "err_msg", alias = "message", default)]
        description: String,
    },
    #[serde(other)]
    Other,
}

/// Of a request over HTTP.
#[derive(Debug, Serialize)]
pub(crate) struct SpeakOnce<'a> {
    pub(crate) text: &'a str,
}

#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    err_code: String,
    #[serde(default)]
    err_msg: String,
}

/// What a refusal's body says.
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) reason: String,
}

pub(crate) fn refusal(body: &str) -> Refused {
    let Problem { err_code, err_msg } = serde_json::from_str(body).unwrap_or_default();
    let reason = match (err_code.is_empty(), err_msg.is_empty()) {
        (true, true) => "no reason given".to_owned(),
        (true, false) => err_msg,
        (false, true) => err_code.clone(),
        (false, false) => format!("{err_code}: {err_msg}"),
    };
    Refused { code: err_code, reason }
}

/// What an error message on an open socket means.
pub(crate) fn fault(code: &str, description: &str) -> Fault {
    let upper = code.to_ascii_uppercase();
    let is = |part: &str| upper.contains(part);
    let kind = if is("PAYMENT") || is("CREDIT") || is("QUOTA") {
        ErrorKind::Exhausted
    } else if is("AUTH") || is("PERMISSION") {
        ErrorKind::Unauthorized
    } else if is("RATE") || is("LIMIT") || is("TOO_MANY") {
        ErrorKind::Limited(None)
    } else if is("INTERNAL") || is("NET-") || is("TIMEOUT") || is("UNAVAILABLE") {
        ErrorKind::Closed
    } else {
        ErrorKind::Rejected
    };
    Fault::new(kind, format!("{code}: {description}"))
}

pub(crate) fn control<T: Serialize>(message: &T) -> Frame {
    Frame::Text(serde_json::to_string(message).expect("these messages hold only strings"))
}

/// # Errors
/// When it is no JSON of the shape. Without the text, which may be what was said.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| {
        Fault::protocol(format!("unreadable message at line {} column {}", error.line(), error.column()))
    })
}

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

/// Those that have times.
pub(crate) fn timed(words: Vec<Word>) -> Vec<PieceWord> {
    words
        .into_iter()
        .filter_map(|word| {
            let (from, to) = (seconds(word.start?), seconds(word.end?));
            Some(PieceWord { text: word.punctuated_word.unwrap_or(word.word), from, to })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json<T: Serialize>(message: &T) -> String {
        match control(message) {
            Frame::Text(text) => text,
            Frame::Binary(_) => panic!("control messages are text"),
        }
    }

    #[test]
    fn the_documented_frames_are_read() {
        let results = r#"{"type":"Results","channel_index":[0,1],"duration":1.98,"start":0.0,"is_final":true,"speech_final":true,"from_finalize":false,
            "channel":{"alternatives":[{"transcript":"Hello there.","confidence":0.99,"words":[{"word":"hello","start":0.1,"end":0.4,"confidence":0.99,"punctuated_word":"Hello"}]}]},
            "metadata":{"request_id":"r"}}"#;
        let Ok(Heard::Results(results)) = read(results) else { panic!("Results expected") };
        assert_eq!(results.channel.alternatives[0].transcript, "Hello there.");
        assert!(matches!(read(r#"{"type":"UtteranceEnd","last_word_end":2.1}"#), Ok(Heard::Other)));
        assert!(matches!(read(r#"{"type":"Flushed","sequence_id":0}"#), Ok(Spoken::Flushed)));
        let turn = r#"{"type":"TurnInfo","request_id":"r","sequence_id":3,"event":"EagerEndOfTurn","turn_index":0,"audio_window_start":0.0,"audio_window_end":1.2,
            "transcript":"Hello","words":[{"word":"Hello","confidence":0.9}],"end_of_turn_confidence":0.6}"#;
        let Ok(Flux::TurnInfo(turn)) = read(turn) else { panic!("TurnInfo expected") };
        assert_eq!((turn.event, turn.words.len()), (TurnEvent::EagerEndOfTurn, 1));
        assert!(timed(turn.words).is_empty());
    }

    #[test]
    fn an_unreadable_message_is_not_repeated() {
        let fault =
            read::<Heard>(r#"{"type":"Results","transcript":"my PIN is 1234""#).expect_err("broken off");
        assert_eq!(fault.kind, ErrorKind::Protocol);
        assert!(!fault.reason.contains("PIN"));
    }

    #[test]
    fn control_messages_have_the_documented_shape() {
        assert_eq!(json(&Listen::Finalize), r#"{"type":"Finalize"}"#);
        assert_eq!(json(&Listen::ForceEndTurn), r#"{"type":"ForceEndTurn"}"#);
        assert_eq!(json(&Say::Speak { text: "Hi." }), r#"{"type":"Speak","text":"Hi."}"#);
        assert_eq!(json(&Say::Clear), r#"{"type":"Clear"}"#);
    }

    #[test]
    fn errors_on_an_open_socket_have_their_kinds() {
        for (code, kind) in [
            ("INVALID_AUTH", ErrorKind::Unauthorized),
            ("INSUFFICIENT_PERMISSIONS", ErrorKind::Unauthorized),
            ("ASR_PAYMENT_REQUIRED", ErrorKind::Exhausted),
            ("TOO_MANY_REQUESTS", ErrorKind::Limited(None)),
            ("INTERNAL_SERVER_ERROR", ErrorKind::Closed),
            ("NET-0001", ErrorKind::Closed),
            ("DATA-0000", ErrorKind::Rejected),
            ("UNPARSABLE_CLIENT_MESSAGE", ErrorKind::Rejected),
        ] {
            assert_eq!(fault(code, "").kind, kind, "{code}");
        }
    }
}
