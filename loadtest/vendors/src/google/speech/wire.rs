//! Messages of `google.cloud.speech.v2` as its service reads and writes them, and the frames of gRPC around them.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

/// A request; audio and configuration exclude each other.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    #[prost(string, tag = "3")]
    pub(super) recognizer: String,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub(super) audio: Option<Bytes>,
    #[prost(message, optional, tag = "6")]
    pub(super) streaming_config: Option<StreamingConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamingConfig {
    #[prost(message, optional, tag = "1")]
    pub(super) config: Option<Config>,
    #[prost(message, optional, tag = "2")]
    pub(super) features: Option<StreamingFeatures>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamingFeatures {
    #[prost(bool, tag = "2")]
    pub(super) interim_results: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Config {
    #[prost(message, optional, tag = "2")]
    pub(super) features: Option<Features>,
    #[prost(message, optional, tag = "6")]
    pub(super) adaptation: Option<Adaptation>,
    #[prost(message, optional, tag = "8")]
    pub(super) decoding: Option<Decoding>,
    #[prost(string, tag = "9")]
    pub(super) model: String,
    #[prost(string, repeated, tag = "10")]
    pub(super) languages: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Features {
    #[prost(bool, tag = "2")]
    pub(super) word_times: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Decoding {
    #[prost(int32, tag = "1")]
    pub(super) encoding: i32,
    #[prost(int32, tag = "2")]
    pub(super) rate_hz: i32,
    #[prost(int32, tag = "3")]
    pub(super) channels: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Adaptation {
    #[prost(message, repeated, tag = "1")]
    pub(super) sets: Vec<Set>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Set {
    #[prost(message, optional, tag = "2")]
    pub(super) inline: Option<Phrases>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Phrases {
    #[prost(message, repeated, tag = "3")]
    pub(super) phrases: Vec<Phrase>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Phrase {
    #[prost(string, tag = "1")]
    pub(super) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    #[prost(message, optional, tag = "5")]
    pub(super) metadata: Option<Metadata>,
    #[prost(message, repeated, tag = "6")]
    pub(super) results: Vec<Recognised>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(message, optional, tag = "6")]
    pub(super) billed: Option<Span>,
    #[prost(string, tag = "9")]
    pub(super) request_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Recognised {
    #[prost(message, repeated, tag = "1")]
    pub(super) alternatives: Vec<Alternative>,
    #[prost(bool, tag = "2")]
    pub(super) is_final: bool,
    #[prost(float, tag = "3")]
    pub(super) stability: f32,
    #[prost(message, optional, tag = "4")]
    pub(super) end: Option<Span>,
    #[prost(string, tag = "6")]
    pub(super) language: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Alternative {
    #[prost(string, tag = "1")]
    pub(super) transcript: String,
    #[prost(float, tag = "2")]
    pub(super) confidence: f32,
    #[prost(message, repeated, tag = "3")]
    pub(super) words: Vec<Word>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Word {
    #[prost(message, optional, tag = "1")]
    pub(super) start: Option<Span>,
    #[prost(message, optional, tag = "2")]
    pub(super) end: Option<Span>,
    #[prost(string, tag = "3")]
    pub(super) word: String,
    #[prost(float, tag = "4")]
    pub(super) confidence: f32,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Span {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

impl Span {
    pub(super) fn of(seconds: f64) -> Self {
        Self { seconds: seconds.trunc() as i64, nanos: (seconds.fract() * 1e9) as i32 }
    }
}

/// `google.rpc.Status`, for its details alone.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Rich {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Detail>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Detail {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Retry {
    #[prost(message, optional, tag = "1")]
    pub(super) delay: Option<Span>,
}

/// One message in its frame.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0); // not compressed
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// The next message of what has come, or an error where there is none in it.
pub(super) fn unframed(come: &mut BytesMut) -> Option<Result<Request, &'static str>> {
    let head = come.get(..5)?;
    if head[0] != 0 {
        return Some(Err("compressed messages are not taken"));
    }
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if come.len() < 5 + length {
        return None;
    }
    come.advance(5);
    Some(Request::decode(come.split_to(length)).map_err(|_| "a message that cannot be read"))
}
