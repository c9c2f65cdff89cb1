//! Telnyx Media Streaming: JSON text with G.711 at 8 kHz in base64, as `stream_bidirectional_mode: rtp` gives and takes it. What the
//! caller's side is coded in is sent back, so that both codecs of the stream are to be the same.
//!
//! Telnyx does not promise that media comes in order: chunks are numbered, and put in order here.

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
    driver::carry(socket, Telnyx::default(), Codec::Pcmu, options.clone(), tasks)
}

/// What Telnyx sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum FromTelnyx {
    Connected,
    Start {
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
    Error {
        payload: Wrong,
    },
    Stop,
    /// An event that came after this code.
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
struct Start {
    call_control_id: String,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    custom_parameters: BTreeMap<String, String>,
    media_format: Format,
}

#[derive(Debug, Deserialize)]
struct Format {
    encoding: String,
    sample_rate: u32,
    channels: u32,
}

#[derive(Debug, Deserialize)]
struct Media {
    track: Option<String>,
    /// A number as text.
    chunk: Option<String>,
    /// Base64, without RTP's header.
    payload: String,
}

#[derive(Debug, Deserialize)]
struct Pressed {
    digit: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wrong {
    code: u32,
    title: String,
}

/// What we send.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum ToTelnyx {
    Media { media: Spoken },
    Mark { mark: Mark },
    Clear,
}

#[derive(Debug, Serialize)]
struct Spoken {
    payload: String,
}

#[derive(Default)]
pub(crate) struct Telnyx {
    /// From `start` on.
    codec: Option<Codec>,
    begun: Option<Begun>,
    order: Order,
    counter: Counter,
    marks: Marks,
}

impl Telnyx {
    fn started(&mut self, start: Start) -> Result<Vec<LegEvent>, Refusal> {
        let format = start.media_format;
        let codec = match (format.encoding.as_str(), format.sample_rate, format.channels) {
            ("PCMU", 8_000, 1) => Codec::Pcmu,
            ("PCMA", 8_000, 1) => Codec::Pcma,
            (encoding, rate, channels) => {
                return Err(Refusal::Format(format!("{encoding:.16} at {rate} Hz, {channels} channels")));
            }
        };
        if self.codec.replace(codec).is_some() {
            return Err(Refusal::BadMessage("a second start".to_owned()));
        }
        self.begun = Some(Begun {
            call: start.call_control_id,
            codec,
            from: start.from,
            to: start.to,
            parameters: start.custom_parameters,
        });
        Ok(vec![carrier::ready("telnyx-media-streaming")])
    }

    fn heard(&mut self, media: &Media, now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        let codec = self.codec.ok_or_else(|| Refusal::BadMessage("media before start".to_owned()))?;
        // With `both_tracks` our own voice comes back, too.
        if media.track.as_deref().is_some_and(|track| track != "inbound") {
            return Ok(Vec::new());
        }
        let chunk = media.chunk.as_deref().map(str::parse).transpose();
        let chunk = chunk.map_err(|_| Refusal::BadMessage("a chunk whose number is none".to_owned()))?;
        let payload = carrier::samples(&media.payload)?;
        if payload.is_empty() {
            return Ok(Vec::new());
        }
        let next = self.order.take(chunk, payload);
        let packet = |payload: Vec<u8>| self.counter.packet(codec, payload.len(), Bytes::from(payload), now);
        Ok(next.into_iter().map(packet).map(LegEvent::Packet).collect())
    }
}

/// Chunks that came too early wait for those before them; of too many, the first does no longer.
#[derive(Debug, Default)]
struct Order {
    next: Option<u64>,
    early: BTreeMap<u64, Vec<u8>>,
}

/// 100 ms: as much as a jitter buffer would wait.
const EARLY_MOST: usize = 5;

impl Order {
    /// What can be heard now. A chunk without a number is taken to be in its place.
    fn take(&mut self, chunk: Option<u64>, payload: Vec<u8>) -> Vec<Vec<u8>> {
        let Some(chunk) = chunk else { return vec![payload] };
        let mut next = self.next.unwrap_or(chunk);
        let mut ready = Vec::new();
        if chunk >= next {
            self.early.insert(chunk, payload);
        }
        if self.early.len() > EARLY_MOST
            && let Some((first, _)) = self.early.first_key_value()
        {
            next = *first;
        }
        while let Some(payload) = self.early.remove(&next) {
            ready.push(payload);
            next = next.saturating_add(1);
        }
        self.next = Some(next);
        ready
    }
}

fn text(event: &ToTelnyx) -> Message {
    let json = serde_json::to_string(event).expect("names and strings always serialise");
    Message::Text(json.into())
}

impl Framing for Telnyx {
    const NAME: &'static str = "telnyx";

    fn read(&mut self, message: Data, now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        let Data::Text(text) = message else {
            return Err(Refusal::BadMessage("binary instead of JSON text".to_owned()));
        };
        let event = serde_json::from_str(&text).map_err(|error| Refusal::BadMessage(error.to_string()))?;
        match event {
            FromTelnyx::Start { start } => self.started(start),
            FromTelnyx::Media { media } => self.heard(&media, now),
            FromTelnyx::Dtmf { .. } if self.codec.is_none() => {
                Err(Refusal::BadMessage("a key before start".to_owned()))
            }
            FromTelnyx::Dtmf { dtmf } => Ok(vec![carrier::pressed(&dtmf.digit)?]),
            FromTelnyx::Mark { mark } => Ok(self.marks.returned(&mark.name, now)),
            FromTelnyx::Error { payload } => {
                tracing::warn!(
                    code = payload.code,
                    title = payload.title,
                    "Telnyx found something wrong with the stream"
                );
                Ok(Vec::new())
            }
            FromTelnyx::Stop => Ok(vec![LegEvent::Closed]),
            FromTelnyx::Connected | FromTelnyx::Other => Ok(Vec::new()),
        }
    }

    fn audio(&mut self, packet: &Packet) -> Option<Message> {
        self.codec.filter(|codec| *codec == packet.codec)?;
        let media = Spoken { payload: STANDARD.encode(&packet.payload) };
        Some(text(&ToTelnyx::Media { media }))
    }

    fn mark(&mut self, now: Instant) -> Option<Message> {
        self.codec?;
        let name = self.marks.due(now)?;
        Some(text(&ToTelnyx::Mark { mark: Mark { name } }))
    }

    fn begun(&mut self) -> Option<Begun> {
        self.begun.take()
    }

    fn message(&mut self, _: String) -> Option<Message> {
        None
    }

    fn clear(&mut self) -> Option<Message> {
        self.marks.cleared();
        self.codec.map(|_| text(&ToTelnyx::Clear))
    }

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

    fn read(telnyx: &mut Telnyx, text: &str) -> Result<Vec<LegEvent>, Refusal> {
        telnyx.read(Data::Text(text.to_owned()), now())
    }

    const START: &str = r#"{"event":"start","sequence_number":"1","stream_id":"32DE0DEA","start":{"user_id":"3E6F995F","call_control_id":"v2:T02ll","call_session_id":"ff55a038","from":"+13122010094","to":"+13122123456","tags":["TAG1"],"client_state":"aGF2ZQ==","custom_parameters":{"customer_id":"customer_123"},"media_format":{"encoding":"PCMA","sample_rate":8000,"channels":1}}}"#;

    fn media(chunk: u32, byte: u8) -> String {
        let payload = STANDARD.encode([byte; 160]);
        format!(
            r#"{{"event":"media","sequence_number":"{}","stream_id":"32DE0DEA","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{}","payload":"{payload}"}}}}"#,
            chunk + 1,
            chunk * 20
        )
    }

    fn heard(telnyx: &mut Telnyx, chunk: u32) -> Vec<u8> {
        let events = read(telnyx, &media(chunk, chunk as u8)).expect("media");
        events
            .iter()
            .map(|event| match event {
                LegEvent::Packet(packet) => packet.payload[0],
                other => unreachable!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_call_as_the_documentation_shows_it() {
        let mut telnyx = Telnyx::default();
        assert_eq!(read(&mut telnyx, r#"{"event":"connected","version":"1.0.0"}"#), Ok(Vec::new()));
        let ready = read(&mut telnyx, START).expect("started");
        assert!(matches!(&ready[..], [LegEvent::Message(text)] if text.contains("client-ready")));
        let begun = telnyx.begun().expect("begun");
        assert_eq!((begun.call.as_str(), begun.codec), ("v2:T02ll", Codec::Pcma));
        assert_eq!(
            (begun.from.as_deref(), begun.to.as_deref()),
            (Some("+13122010094"), Some("+13122123456"))
        );
        assert_eq!(begun.parameters["customer_id"], "customer_123");
        let events = read(&mut telnyx, &media(1, 0xd5)).expect("heard");
        let [LegEvent::Packet(packet)] = &events[..] else { unreachable!("{events:?}") };
        assert_eq!((packet.codec, packet.payload.len()), (Codec::Pcma, 160));
        assert_eq!(read(&mut telnyx, &media(2, 0).replace("inbound", "outbound")), Ok(Vec::new()));
        let dtmf = r#"{"event":"dtmf","stream_id":"32DE0DEA","occurred_at":"2026-01-01T10:00:00Z","sequence_number":"5","dtmf":{"digit":"1"}}"#;
        let pressed = read(&mut telnyx, dtmf).expect("a key");
        assert!(matches!(&pressed[..], [LegEvent::Message(text)] if text.contains(r#""buttons":["1"]"#)));
        let wrong = r#"{"event":"error","stream_id":"32DE0DEA","payload":{"code":100004,"title":"invalid_media","detail":"x"}}"#;
        assert_eq!(read(&mut telnyx, wrong), Ok(Vec::new()));
        let stop = r#"{"event":"stop","sequence_number":"9","stop":{"user_id":"3E6F995F","call_control_id":"v2:T02ll"},"stream_id":"32DE0DEA"}"#;
        assert_eq!(read(&mut telnyx, stop), Ok(vec![LegEvent::Closed]));
    }

    #[test]
    fn what_we_send_is_coded_as_what_we_hear() {
        let mut telnyx = Telnyx::default();
        let packet = |codec| Counter::default().packet(codec, 2, Bytes::from_static(&[0xd5, 0x55]), now());
        assert!(telnyx.audio(&packet(Codec::Pcma)).is_none() && telnyx.clear().is_none(), "no stream yet");
        read(&mut telnyx, START).expect("started");
        let media = r#"{"event":"media","media":{"payload":"1VU="}}"#;
        assert_eq!(telnyx.audio(&packet(Codec::Pcma)), Some(Message::Text(media.into())));
        assert_eq!(telnyx.audio(&packet(Codec::Pcmu)), None);
        assert_eq!(
            telnyx.mark(now()),
            Some(Message::Text(r#"{"event":"mark","mark":{"name":"played-1"}}"#.into()))
        );
        assert_eq!(telnyx.clear(), Some(Message::Text(r#"{"event":"clear"}"#.into())));
    }

    #[test]
    fn media_out_of_order_is_put_in_order_and_never_waits_for_long() {
        let mut telnyx = Telnyx::default();
        read(&mut telnyx, START).expect("started");
        assert_eq!(heard(&mut telnyx, 1), [1]);
        assert!(heard(&mut telnyx, 3).is_empty());
        assert_eq!(heard(&mut telnyx, 2), [2, 3]);
        assert!(heard(&mut telnyx, 2).is_empty(), "twice");
        let early: Vec<u8> = (5..10).flat_map(|chunk| heard(&mut telnyx, chunk)).collect();
        assert!(early.is_empty(), "the fourth may still come");
        assert_eq!(heard(&mut telnyx, 10), [5, 6, 7, 8, 9, 10]);
        assert!(heard(&mut telnyx, 4).is_empty(), "too late");
        assert_eq!(heard(&mut telnyx, 11), [11]);
    }

    #[test]
    fn what_is_wrong_is_refused_by_name() {
        let code = |result: Result<_, Refusal>| result.err().map(|refusal| refusal.failure().code.0);
        let mut telnyx = Telnyx::default();
        assert_eq!(code(read(&mut telnyx, &media(1, 0))), Some("SOCKET_BAD_MESSAGE"));
        // A call that has not begun is not kept up by keys.
        assert_eq!(
            code(read(&mut telnyx, r#"{"event":"dtmf","dtmf":{"digit":"1"}}"#)),
            Some("SOCKET_BAD_MESSAGE")
        );
        assert_eq!(
            code(read(&mut telnyx, &START.replace("PCMA", "OPUS"))),
            Some("SOCKET_FORMAT_UNSUPPORTED")
        );
        read(&mut telnyx, START).expect("started");
        assert_eq!(code(read(&mut telnyx, START)), Some("SOCKET_BAD_MESSAGE"));
        let unnumbered = media(1, 0).replace(r#""chunk":"1""#, r#""chunk":"one""#);
        assert_eq!(code(read(&mut telnyx, &unnumbered)), Some("SOCKET_BAD_MESSAGE"));
        assert_eq!(code(read(&mut telnyx, "{")), Some("SOCKET_BAD_MESSAGE"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}", chunk in proptest::num::u64::ANY) {
            let mut telnyx = Telnyx::default();
            let _ = read(&mut telnyx, &text);
            let _ = read(&mut telnyx, START);
            let _ = read(&mut telnyx, &text);
            let _ = read(&mut telnyx, &media(1, 0).replace(r#""chunk":"1""#, &format!(r#""chunk":"{chunk}""#)));
            let _ = read(&mut telnyx, &media(1_000, 0));
        }
    }
}
