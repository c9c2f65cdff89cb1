//! Pipecat's protobuf frames, as its WebSocket transport carries them: audio, and RTVI messages as JSON text.
//!
//! Field numbers are those of Pipecat's `frames.proto`; the derives are written by hand, so that no generator runs.

use bytes::Bytes;
use prost::Message as _;

/// What a frame holds. `Nothing` is a frame of a kind that came after this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Audio(Audio),
    /// RTVI JSON.
    Message(String),
    Text(String),
    Transcription {
        text: String,
        user_id: String,
        timestamp: String,
    },
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// 16-bit little-endian samples, interleaved where there is more than one channel.
    pub pcm: Bytes,
    pub rate_hz: u32,
    pub channels: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Pipecat frame: {0}")]
pub struct DecodeError(#[from] prost::DecodeError);

impl Frame {
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        Ok(match wire::Frame::decode(bytes)?.frame {
            Some(wire::Kind::Audio(audio)) => Self::Audio(Audio {
                pcm: audio.audio,
                rate_hz: audio.sample_rate,
                channels: audio.num_channels,
            }),
            Some(wire::Kind::Message(message)) => Self::Message(message.data),
            Some(wire::Kind::Text(text)) => Self::Text(text.text),
            Some(wire::Kind::Transcription(heard)) => {
                Self::Transcription { text: heard.text, user_id: heard.user_id, timestamp: heard.timestamp }
            }
            None => Self::Nothing,
        })
    }

    #[must_use]
    pub fn encode(self) -> Bytes {
        let name = |name: &str| name.to_owned();
        let frame = match self {
            Self::Audio(Audio { pcm, rate_hz, channels }) => Some(wire::Kind::Audio(wire::AudioRawFrame {
                id: 0,
                name: name("audio"),
                audio: pcm,
                sample_rate: rate_hz,
                num_channels: channels,
                pts: None,
            })),
            Self::Message(data) => Some(wire::Kind::Message(wire::MessageFrame { data })),
            Self::Text(text) => Some(wire::Kind::Text(wire::TextFrame { id: 0, name: name("text"), text })),
            Self::Transcription { text, user_id, timestamp } => {
                let heard =
                    wire::TranscriptionFrame { id: 0, name: name("transcription"), text, user_id, timestamp };
                Some(wire::Kind::Transcription(heard))
            }
            Self::Nothing => None,
        };
        wire::Frame { frame }.encode_to_vec().into()
    }
}

mod wire {
    use bytes::Bytes;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct TextFrame {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(string, tag = "2")]
        pub(super) name: String,
        #[prost(string, tag = "3")]
        pub(super) text: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct AudioRawFrame {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(string, tag = "2")]
        pub(super) name: String,
        #[prost(bytes = "bytes", tag = "3")]
        pub(super) audio: Bytes,
        #[prost(uint32, tag = "4")]
        pub(super) sample_rate: u32,
        #[prost(uint32, tag = "5")]
        pub(super) num_channels: u32,
        #[prost(uint64, optional, tag = "6")]
        pub(super) pts: Option<u64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct TranscriptionFrame {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(string, tag = "2")]
        pub(super) name: String,
        #[prost(string, tag = "3")]
        pub(super) text: String,
        #[prost(string, tag = "4")]
        pub(super) user_id: String,
        #[prost(string, tag = "5")]
        pub(super) timestamp: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct MessageFrame {
        #[prost(string, tag = "1")]
        pub(super) data: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Frame {
        #[prost(oneof = "Kind", tags = "1, 2, 3, 4")]
        pub(super) frame: Option<Kind>,
    }

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum Kind {
        #[prost(message, tag = "1")]
        Text(TextFrame),
        #[prost(message, tag = "2")]
        Audio(AudioRawFrame),
        #[prost(message, tag = "3")]
        Transcription(TranscriptionFrame),
        #[prost(message, tag = "4")]
        Message(MessageFrame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with the serializer of the published `@pipecat-ai/websocket-transport` 1.7.1; see `fixtures/README.md`.
    const AUDIO: &[u8] = include_bytes!("../fixtures/audio.bin");
    const MESSAGE: &[u8] = include_bytes!("../fixtures/client-ready.bin");
    const TRANSCRIPTION: &[u8] = include_bytes!("../fixtures/transcription.bin");
    const TEXT: &[u8] = include_bytes!("../fixtures/text.bin");

    #[test]
    fn frames_of_the_published_client_are_read() {
        let Ok(Frame::Audio(audio)) = Frame::decode(Bytes::from_static(AUDIO)) else { unreachable!("audio") };
        assert_eq!((audio.rate_hz, audio.channels, audio.pcm.len()), (16_000, 1, 512));
        assert_eq!(&audio.pcm[..6], [0, 0, 1, 0, 2, 0]);
        let Ok(Frame::Message(json)) = Frame::decode(Bytes::from_static(MESSAGE)) else {
            unreachable!("message")
        };
        assert!(json.contains(r#""type":"client-ready""#), "{json}");
        assert_eq!(Frame::decode(Bytes::from_static(TEXT)), Ok(Frame::Text("hällo".to_owned())));
        let heard = Frame::Transcription {
            text: "nine o'clock".to_owned(),
            user_id: "u1".to_owned(),
            timestamp: "2026-11-23T00:00:00Z".to_owned(),
        };
        assert_eq!(Frame::decode(Bytes::from_static(TRANSCRIPTION)), Ok(heard));
    }

    #[test]
    fn what_we_write_is_what_the_published_client_writes() {
        for bytes in [AUDIO, MESSAGE, TRANSCRIPTION, TEXT] {
            let frame = Frame::decode(Bytes::from_static(bytes)).expect("a frame");
            assert_eq!(frame.encode(), bytes);
        }
    }

    #[test]
    fn an_unknown_kind_is_nothing_and_truncation_an_error() {
        assert_eq!(Frame::decode(Bytes::from_static(&[0x7a, 1, 0])), Ok(Frame::Nothing));
        for cut in 1..MESSAGE.len() - 1 {
            assert!(Frame::decode(Bytes::from_static(&MESSAGE[..cut])).is_err(), "{cut}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = Frame::decode(bytes.into());
        }

        #[test]
        fn audio_survives(pcm in proptest::collection::vec(proptest::num::u8::ANY, 0..600), rate_hz: u32, channels: u32) {
            let frame = Frame::Audio(Audio { pcm: pcm.into(), rate_hz, channels });
            proptest::prop_assert_eq!(Frame::decode(frame.clone().encode()), Ok(frame));
        }
    }
}
