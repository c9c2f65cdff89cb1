//! What participants send each other over data channels.

use std::collections::HashMap;

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DataPacket {
    #[prost(string, tag = "4")]
    pub(crate) participant_identity: String,
    #[prost(string, repeated, tag = "5")]
    pub(crate) destination_identities: Vec<String>,
    #[prost(oneof = "Data", tags = "6, 7, 10, 11, 12, 13, 14, 15")]
    pub(crate) value: Option<Data>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Data {
    #[prost(message, tag = "6")]
    SipDtmf(SipDtmf),
    #[prost(message, tag = "7")]
    Transcription(Transcription),
    #[prost(message, tag = "10")]
    RpcRequest(RpcRequest),
    #[prost(message, tag = "11")]
    RpcAck(RpcAck),
    #[prost(message, tag = "12")]
    RpcResponse(RpcResponse),
    #[prost(message, tag = "13")]
    StreamHeader(StreamHeader),
    #[prost(message, tag = "14")]
    StreamChunk(StreamChunk),
    #[prost(message, tag = "15")]
    StreamTrailer(StreamTrailer),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SipDtmf {
    #[prost(uint32, tag = "3")]
    pub(crate) code: u32,
    #[prost(string, tag = "4")]
    pub(crate) digit: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcRequest {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) method: String,
    #[prost(string, tag = "3")]
    pub(crate) payload: String,
    #[prost(uint32, tag = "4")]
    pub(crate) response_timeout_ms: u32,
    #[prost(uint32, tag = "5")]
    pub(crate) version: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcAck {
    #[prost(string, tag = "1")]
    pub(crate) request_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcResponse {
    #[prost(string, tag = "1")]
    pub(crate) request_id: String,
    #[prost(oneof = "RpcResult", tags = "2, 3")]
    pub(crate) result: Option<RpcResult>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum RpcResult {
    #[prost(string, tag = "2")]
    Payload(String),
    #[prost(message, tag = "3")]
    Error(RpcError),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcError {
    #[prost(uint32, tag = "1")]
    pub(crate) code: u32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(string, tag = "3")]
    pub(crate) data: String,
}

/// As clients older than text streams read it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Transcription {
    #[prost(string, tag = "2")]
    pub(crate) transcribed_participant_identity: String,
    #[prost(string, tag = "3")]
    pub(crate) track_id: String,
    #[prost(message, repeated, tag = "4")]
    pub(crate) segments: Vec<TranscriptionSegment>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TranscriptionSegment {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) text: String,
    #[prost(bool, tag = "5")]
    pub(crate) r#final: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamHeader {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    /// In milliseconds.
    #[prost(int64, tag = "2")]
    pub(crate) timestamp: i64,
    #[prost(string, tag = "3")]
    pub(crate) topic: String,
    #[prost(string, tag = "4")]
    pub(crate) mime_type: String,
    #[prost(uint64, optional, tag = "5")]
    pub(crate) total_length: Option<u64>,
    #[prost(map = "string, string", tag = "8")]
    pub(crate) attributes: HashMap<String, String>,
    /// 0 unless the content is compressed.
    #[prost(int32, tag = "12")]
    pub(crate) compression: i32,
    #[prost(bytes = "vec", optional, tag = "11")]
    pub(crate) inline_content: Option<Vec<u8>>,
    #[prost(message, optional, tag = "9")]
    pub(crate) text: Option<TextHeader>,
    #[prost(message, optional, tag = "10")]
    pub(crate) bytes: Option<ByteHeader>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteHeader {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextHeader {
    /// 0 creates.
    #[prost(int32, tag = "1")]
    pub(crate) operation_type: i32,
    #[prost(bool, tag = "5")]
    pub(crate) generated: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamChunk {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(uint64, tag = "2")]
    pub(crate) chunk_index: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) content: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamTrailer {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(string, tag = "2")]
    pub(crate) reason: String,
    #[prost(map = "string, string", tag = "3")]
    pub(crate) attributes: HashMap<String, String>,
}
