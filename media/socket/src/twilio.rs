//! Twilio Media Streams: JSON text with mu-law at 8 kHz in base64. Encoding and decoding are public for callers and tests.
//!
//! What was heard goes by the session's own clock, since it paces audio in real time; marks say how far behind the far end is.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::extract::ws::{Message, WebSocket};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use media_core::{Codec, LegEvent, Packet};
use runtime::Tasks;
use serde::{Deserialize, Serialize};

use crate::carrier::{self, Begun, Carried, Marks};
use crate::driver;
use crate::error::Refusal;
use crate::framing::{Counter, Data, Framing};
use crate::options::Options;

/// Serves a socket until it ends; the peer is its session's side.
#[must_use]
pub fn serve(socket: WebSocket, options: &Options, tasks: &Tasks) -> Carried {
    driver::carry(socket, Twilio::default(), Codec::Pcmu, options.clone(), tasks)
}

/// What Twilio sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum FromTwilio {
    Connected,
    Start {
        #[serde(rename = "streamSid")]
        stream: String,
        start: Start,
    },
    Media {
        media: Media,
    },
    Dtmf {
        dtmf: Pressed,
    },
    Mark {
        mark: Mark,
    },
    Stop,
    /// An event that came after this code.
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    #[serde(default)]
    pub call_sid: String,
    pub media_format: Format,
    /// Of `<Parameter>` in the TwiML. Twilio itself names no numbers here: `from` and `to` are whoever wrote it.
    #[serde(default)]
    pub custom_parameters: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Format {
    pub encoding: String,
    pub sample_rate: u32,
    pub channels: u32,
}

impl Default for Format {
    fn default() -> Self {
        Self { encoding: "audio/x-mulaw".to_owned(), sample_rate: 8_000, channels: 1 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<String>,
    /// Base64 of mu-law.
    pub payload: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressed {
    pub digit: String,
}

/// What we send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum ToTwilio {
    Media {
        #[serde(rename = "streamSid")]
        stream: String,
        media: Media,
    },
    Mark {
        #[serde(rename = "streamSid")]
        stream: String,
        mark: Mark,
    },
    Clear {
        #[serde(rename = "streamSid")]
        stream: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub name: String,
}

impl Media {
    #[must_use]
    pub fn of(mulaw: &[u8]) -> Self {
        Self { track: None, payload: STANDARD.encode(mulaw) }
    }

    /// The mu-law bytes.
    ///
    /// # Errors
    /// When they are no base64.
    pub fn decode(&self) -> Result<Vec<u8>, base64::DecodeError> {
        STANDARD.decode(&self.payload)
    }
}

#[derive(Default)]
pub(crate) struct Twilio {
    stream: Option<String>,
    begun: Option<Begun>,
    counter: Counter,
    marks: Marks,
}

impl Twilio {
    fn started(&mut self, stream: String, start: Start) -> Result<Vec<LegEvent>, Refusal> {
        let format = &start.media_format;
        if *format != Format::default() {
            return Err(Refusal::Format(format!(
                "{} at {} Hz, {} channels",
                format.encoding, format.sample_rate, format.channels
            )));
        }
        if self.stream.replace(stream).is_some() {
            return Err(Refusal::BadMessage("a second start".to_owned()));
        }
        let mut parameters = start.custom_parameters;
        self.begun = Some(Begun {
            call: start.call_sid,
            codec: Codec::Pcmu,
            from: parameters.remove("from"),
            to: parameters.remove("to"),
            parameters,
        });
        Ok(vec![carrier::ready("twilio-media-streams")])
    }

    fn heard(&mut self, media: &Media, now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        if self.stream.is_none() {
            return Err(Refusal::BadMessage("media before start".to_owned()));
        }
        // With `both_tracks` our own voice comes back, too.
        if media.track.as_deref().is_some_and(|track| track != "inbound") {
            return Ok(Vec::new());
        }
        let mulaw = carrier::samples(&media.payload)?;
        if mulaw.is_empty() {
            return Ok(Vec::new());
        }
        let packet = self.counter.packet(Codec::Pcmu, mulaw.len(), Bytes::from(mulaw), now);
        Ok(vec![LegEvent::Packet(packet)])
    }
}

fn text(event: &ToTwilio) -> Message {
    let json = serde_json::to_string(event).expect("names and strings always serialise");
    Message::Text(json.into())
}

impl Framing for Twilio {
    const NAME: &'static str = "twilio";

    fn read(&mut self, message: Data, now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        let Data::Text(text) = message else {
            return Err(Refusal::BadMessage("binary instead of JSON text".to_owned()));
        };
        let event = serde_json::from_str(&text).map_err(|error| Refusal::BadMessage(error.to_string()))?;
        match event {
            FromTwilio::Start { stream, start } => self.started(stream, start),
            FromTwilio::Media { media } => self.heard(&media, now),
            FromTwilio::Dtmf { .. } if self.stream.is_none() => {
                Err(Refusal::BadMessage("a key before start".to_owned()))
            }
            FromTwilio::Dtmf { dtmf } => Ok(vec![carrier::pressed(&dtmf.digit)?]),
            FromTwilio::Mark { mark } => Ok(self.marks.returned(&mark.name, now)),
            FromTwilio::Stop => Ok(vec![LegEvent::Closed]),
            FromTwilio::Connected | FromTwilio::Other => Ok(Vec::new()),
        }
    }

    fn audio(&mut self, packet: &Packet) -> Option<Message> {
        let stream = self.stream.clone().filter(|_| packet.codec == Codec::Pcmu)?;
        Some(text(&ToTwilio::Media { stream, media: Media::of(&packet.payload) }))
    }

    fn message(&mut self, _: String) -> Option<Message> {
        None
    }

    fn mark(&mut self, now: Instant) -> Option<Message> {
        let stream = self.stream.clone()?;
        let name = self.marks.due(now)?;
        Some(text(&ToTwilio::Mark { stream, mark: Mark { name } }))
    }

    fn begun(&mut self) -> Option<Begun> {
        self.begun.take()
    }

    fn clear(&mut self) -> Option<Message> {
        self.marks.cleared();
        self.stream.clone().map(|stream| text(&ToTwilio::Clear { stream }))
    }

    /// Twilio shows the close frame's reason in its debugger.
    fn refusal(&mut self, _: &Refusal) -> Option<Message> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn read(twilio: &mut Twilio, text: &str) -> Result<Vec<LegEvent>, Refusal> {
        twilio.read(Data::Text(text.to_owned()), now())
    }

    const START: &str = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"a":"b","from":"+4930123"}}}"#;

    #[test]
    fn a_call_as_the_documentation_shows_it() {
        let mut twilio = Twilio::default();
        assert_eq!(
            read(&mut twilio, r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#),
            Ok(Vec::new())
        );
        let ready = read(&mut twilio, START).expect("started");
        assert!(matches!(&ready[..], [LegEvent::Message(text)] if text.contains("client-ready")));
        let begun = twilio.begun().expect("begun");
        assert_eq!((begun.call.as_str(), begun.from.as_deref(), begun.to), ("CA1", Some("+4930123"), None));
        assert_eq!(begun.parameters, BTreeMap::from([("a".to_owned(), "b".to_owned())]));
        assert_eq!(twilio.begun(), None, "once");
        let media = r#"{"event":"media","sequenceNumber":"3","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"/////w=="}}"#;
        let heard = read(&mut twilio, media).expect("heard");
        let [LegEvent::Packet(packet)] = &heard[..] else { unreachable!("{heard:?}") };
        assert_eq!((packet.codec, &packet.payload[..]), (Codec::Pcmu, &[0xff; 4][..]));
        assert_eq!(read(&mut twilio, &media.replace("inbound", "outbound")), Ok(Vec::new()));
        let dtmf = read(
            &mut twilio,
            r#"{"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"5"}}"#,
        );
        assert!(
            matches!(dtmf.as_deref(), Ok([LegEvent::Message(text)]) if text.contains(r#""buttons":["5"]"#))
        );
        assert_eq!(
            read(&mut twilio, r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"x"}}"#),
            Ok(Vec::new())
        );
        assert_eq!(read(&mut twilio, r#"{"event":"news","streamSid":"MZ1"}"#), Ok(Vec::new()));
        assert_eq!(
            read(&mut twilio, r#"{"event":"stop","streamSid":"MZ1","stop":{}}"#),
            Ok(vec![LegEvent::Closed])
        );
    }

    #[test]
    fn what_we_send_names_the_stream() {
        let mut twilio = Twilio::default();
        let packet = Counter::default().packet(Codec::Pcmu, 2, Bytes::from_static(&[0xff, 0x7f]), now());
        assert!(twilio.audio(&packet).is_none() && twilio.clear().is_none(), "no stream yet");
        read(&mut twilio, START).expect("started");
        let media = r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/38="}}"#;
        assert_eq!(twilio.audio(&packet), Some(Message::Text(media.into())));
        assert_eq!(twilio.clear(), Some(Message::Text(r#"{"event":"clear","streamSid":"MZ1"}"#.into())));
        let mark = r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"played-1"}}"#;
        let sent = now();
        assert_eq!(twilio.mark(sent), Some(Message::Text(mark.into())));
        assert_eq!(twilio.mark(sent), None, "one at a time");
    }

    #[test]
    fn a_mark_that_comes_back_says_how_far_behind_the_caller_hears() {
        let mut twilio = Twilio::default();
        read(&mut twilio, START).expect("started");
        let sent = now();
        twilio.mark(sent).expect("sent");
        let back = r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"played-1"}}"#;
        let later = sent + std::time::Duration::from_millis(140);
        let events = twilio.read(Data::Text(back.to_owned()), later).expect("a mark");
        let [LegEvent::Quality(quality)] = &events[..] else { unreachable!("{events:?}") };
        assert_eq!(quality.round_trip, Some(std::time::Duration::from_millis(140)));
    }

    #[test]
    fn what_is_wrong_is_refused_by_name() {
        let code = |result: Result<_, Refusal>| result.err().map(|refusal| refusal.failure().code.0);
        let mut twilio = Twilio::default();
        let media = r#"{"event":"media","media":{"payload":"AA=="}}"#;
        assert_eq!(code(read(&mut twilio, media)), Some("SOCKET_BAD_MESSAGE"));
        // A call that has not begun is not kept up by keys.
        assert_eq!(
            code(read(&mut twilio, r#"{"event":"dtmf","dtmf":{"digit":"1"}}"#)),
            Some("SOCKET_BAD_MESSAGE")
        );
        assert_eq!(
            code(read(&mut twilio, &START.replace("8000", "16000"))),
            Some("SOCKET_FORMAT_UNSUPPORTED")
        );
        read(&mut twilio, START).expect("started");
        assert_eq!(code(read(&mut twilio, START)), Some("SOCKET_BAD_MESSAGE"));
        assert_eq!(code(read(&mut twilio, &media.replace("AA==", "%%"))), Some("SOCKET_BAD_MESSAGE"));
        assert_eq!(code(read(&mut twilio, "{")), Some("SOCKET_BAD_MESSAGE"));
        assert_eq!(
            code(read(&mut twilio, r#"{"event":"dtmf","dtmf":{"digit":"x"}}"#)),
            Some("SOCKET_BAD_MESSAGE")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let mut twilio = Twilio::default();
            let _ = read(&mut twilio, &text);
            let _ = read(&mut twilio, START);
            let _ = read(&mut twilio, &text);
        }
    }
}
