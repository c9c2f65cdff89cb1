//! Deepgram's JSON, as documented for `v1/listen` and `v1/speak`. The only place that knows it.

use serde::{Deserialize, Serialize};

/// Control messages of the listening socket.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(crate) enum Listen {
    KeepAlive,
    Finalize,
    CloseStream,
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
}

#[derive(Debug, Deserialize)]
pub(crate) struct Word {
    pub(crate) word: String,
    pub(crate) punctuated_word: Option<String>,
    pub(crate) start: f64,
    pub(crate) end: f64,
}

/// Control messages of the speaking socket.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(crate) enum Speak<'a> {
    Speak { text: &'a str },
    Flush,
}

/// Text answers of the speaking socket; audio comes as binary frames.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Spoken {
    Flushed,
    Warning {
        #[serde(alias = "warn_msg", default)]
        description: String,
    },
    #[serde(alias = "error")]
    Error {
        #[serde(alias = "err_msg", alias = "message", default)]
        description: String,
    },
    #[serde(other)]
    Other,
}

pub(crate) fn json<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("these messages hold only strings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_frames_are_read() {
        let results = r#"{"type":"Results","channel_index":[0,1],"duration":1.98,"start":0.0,"is_final":true,"speech_final":true,"from_finalize":false,
            "channel":{"alternatives":[{"transcript":"Hello there.","confidence":0.99,"words":[{"word":"hello","start":0.1,"end":0.4,"confidence":0.99,"punctuated_word":"Hello"}]}]},
            "metadata":{"request_id":"r"}}"#;
        let Ok(Heard::Results(results)) = serde_json::from_str(results) else { panic!("Results expected") };
        assert_eq!(results.channel.alternatives[0].transcript, "Hello there.");
        assert!(matches!(
            serde_json::from_str(r#"{"type":"UtteranceEnd","last_word_end":2.1}"#),
            Ok(Heard::Other)
        ));
        assert!(matches!(serde_json::from_str(r#"{"type":"Flushed","sequence_id":0}"#), Ok(Spoken::Flushed)));
    }

    #[test]
    fn control_messages_have_the_documented_shape() {
        assert_eq!(json(&Listen::Finalize), r#"{"type":"Finalize"}"#);
        assert_eq!(json(&Speak::Speak { text: "Hi." }), r#"{"type":"Speak","text":"Hi."}"#);
    }
}
