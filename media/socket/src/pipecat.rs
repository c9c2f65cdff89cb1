//! Pipecat's protobuf frames with RTVI inside: what the published JavaScript client and our widget's fallback speak.

use std::time::Instant;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use media_core::{Codec, LegEvent, Packet};
use media_rtvi::pipecat::{Audio, Frame};
use runtime::Tasks;

use crate::driver::{self, Peer};
use crate::error::Refusal;
use crate::framing::{Counter, Data, Framing};
use crate::options::Options;

/// The published client plays 24 kHz whatever a frame says.
pub const PLAYBACK: Codec = Codec::Pcm16 { rate_hz: 24_000 };

/// Serves a socket until it ends; the peer is its session's side.
#[must_use]
pub fn serve(socket: WebSocket, options: &Options, tasks: &Tasks) -> Peer {
    driver::serve(socket, Pipecat::default(), PLAYBACK, options.clone(), tasks)
}

#[derive(Default)]
pub(crate) struct Pipecat {
    counter: Counter,
}

impl Pipecat {
    fn heard(&mut self, audio: Audio, now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        let Audio { pcm, rate_hz, channels } = audio;
        if !(8_000..=48_000).contains(&rate_hz) || !rate_hz.is_multiple_of(50) {
            return Err(Refusal::Rate(rate_hz));
        }
        let mono = match channels {
            // Absent in protobuf is 0.
            0 | 1 if pcm.len().is_multiple_of(2) => pcm,
            2 if pcm.len().is_multiple_of(4) => downmix(&pcm),
            0..=2 => return Err(Refusal::Samples(pcm.len())),
            more => return Err(Refusal::Channels(more)),
        };
        if mono.is_empty() {
            return Ok(Vec::new());
        }
        let samples = mono.len() / 2;
        let packet = self.counter.packet(Codec::Pcm16 { rate_hz }, samples, mono, now);
        Ok(vec![LegEvent::Packet(packet)])
    }

    fn said(&mut self, text: String, now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        match media_rtvi::raw_audio(&text) {
            Some(Ok(raw)) => {
                self.heard(Audio { pcm: raw.pcm.into(), rate_hz: raw.rate_hz, channels: raw.channels }, now)
            }
            Some(Err(error)) => Err(Refusal::BadMessage(error.to_string())),
            None => Ok(vec![LegEvent::Message(text)]),
        }
    }
}

impl Framing for Pipecat {
    const NAME: &'static str = "pipecat";

    fn read(&mut self, message: Data, now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        let frame = match message {
            // Not Pipecat's way, but unmistakable: RTVI without its frame.
            Data::Text(text) => return self.said(text, now),
            Data::Binary(bytes) => {
                Frame::decode(bytes).map_err(|error| Refusal::BadMessage(error.to_string()))?
            }
        };
        match frame {
            Frame::Audio(audio) => self.heard(audio, now),
            Frame::Message(text) => self.said(text, now),
            // Frames that only a server sends, and those invented after this code.
            Frame::Text(_) | Frame::Transcription { .. } | Frame::Nothing => Ok(Vec::new()),
        }
    }

    fn audio(&mut self, packet: &Packet) -> Option<Message> {
        let Codec::Pcm16 { rate_hz } = packet.codec else { return None };
        let audio = Audio { pcm: packet.payload.clone(), rate_hz, channels: 1 };
        Some(Message::Binary(Frame::Audio(audio).encode()))
    }

    fn message(&mut self, text: String) -> Option<Message> {
        Some(Message::Binary(Frame::Message(text).encode()))
    }

    /// The client plays as it comes and keeps under 100 ms; the dialect has no way to drop that.
    fn clear(&mut self) -> Option<Message> {
        None
    }

    fn refusal(&mut self, refusal: &Refusal) -> Option<Message> {
        let code = refusal.failure().code;
        let data = serde_json::json!({ "error": refusal.to_string(), "message": refusal.to_string(), "code": code, "fatal": true });
        let error =
            serde_json::json!({ "label": "rtvi-ai", "type": "error", "id": "srv-refused", "data": data });
        self.message(error.to_string())
    }
}

fn downmix(stereo: &[u8]) -> Bytes {
    let sample = |low: u8, high: u8| i32::from(i16::from_le_bytes([low, high]));
    let mixed =
        stereo.as_chunks::<4>().0.iter().map(|[a, b, c, d]| ((sample(*a, *b) + sample(*c, *d)) / 2) as i16);
    mixed.flat_map(i16::to_le_bytes).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn audio(pcm: &'static [u8], rate_hz: u32, channels: u32) -> Data {
        Data::Binary(Frame::Audio(Audio { pcm: Bytes::from_static(pcm), rate_hz, channels }).encode())
    }

    fn packet(events: Result<Vec<LegEvent>, Refusal>) -> Packet {
        match events.as_deref() {
            Ok([LegEvent::Packet(packet)]) => packet.clone(),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn audio_of_any_fair_rate_is_counted_in_its_own_samples() {
        let mut pipecat = Pipecat::default();
        let first = packet(pipecat.read(audio(&[0; 512], 16_000, 1), now()));
        let second = packet(pipecat.read(audio(&[0; 512], 16_000, 0), now()));
        assert_eq!((first.sequence, first.timestamp, first.marker), (0, 0, true));
        assert_eq!((second.sequence, second.timestamp, second.marker), (1, 256, false));
        assert_eq!(second.codec, Codec::Pcm16 { rate_hz: 16_000 });
        let other = packet(pipecat.read(audio(&[0; 4], 44_100, 1), now()));
        assert_eq!(other.codec, Codec::Pcm16 { rate_hz: 44_100 });
        assert_eq!(pipecat.read(audio(&[], 16_000, 1), now()), Ok(Vec::new()));
    }

    #[test]
    fn stereo_becomes_its_mean() {
        let stereo =
            packet(Pipecat::default().read(audio(&[10, 0, 20, 0, 0xff, 0x7f, 0xff, 0x7f], 48_000, 2), now()));
        assert_eq!(&stereo.payload[..], [15, 0, 0xff, 0x7f]);
    }

    #[test]
    fn audio_we_cannot_use_is_refused_by_name() {
        let refused =
            |data| Pipecat::default().read(data, now()).err().map(|refusal| refusal.failure().code.0);
        assert_eq!(refused(audio(&[0; 4], 4_000, 1)), Some("SOCKET_RATE_UNSUPPORTED"));
        assert_eq!(refused(audio(&[0; 4], 96_000, 1)), Some("SOCKET_RATE_UNSUPPORTED"));
        assert_eq!(refused(audio(&[0; 4], 11_025, 1)), Some("SOCKET_RATE_UNSUPPORTED"));
        assert_eq!(refused(audio(&[0; 12], 16_000, 6)), Some("SOCKET_CHANNELS_UNSUPPORTED"));
        assert_eq!(refused(audio(&[0; 3], 16_000, 1)), Some("SOCKET_SAMPLES_BROKEN"));
        assert_eq!(refused(audio(&[0; 6], 16_000, 2)), Some("SOCKET_SAMPLES_BROKEN"));
        assert_eq!(refused(Data::Binary(Bytes::from_static(&[0xff; 9]))), Some("SOCKET_BAD_MESSAGE"));
    }

    #[test]
    fn rtvi_passes_in_a_frame_or_as_plain_text_and_raw_audio_becomes_audio() {
        let mut pipecat = Pipecat::default();
        let said = Ok(vec![LegEvent::Message("{}".to_owned())]);
        assert_eq!(pipecat.read(Data::Binary(Frame::Message("{}".to_owned()).encode()), now()), said);
        assert_eq!(pipecat.read(Data::Text("{}".to_owned()), now()), said);
        let raw = r#"{"label":"rtvi-ai","type":"raw-audio","id":"1","data":{"base64Audio":"AQI=","sampleRate":16000,"numChannels":1}}"#;
        assert_eq!(packet(pipecat.read(Data::Text(raw.to_owned()), now())).payload[..], [1, 2]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), text in ".{0,100}") {
            let _ = Pipecat::default().read(Data::Binary(bytes.into()), now());
            let _ = Pipecat::default().read(Data::Text(text), now());
        }
    }
}
