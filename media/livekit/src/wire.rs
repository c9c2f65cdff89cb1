//! The part of LiveKit's protocol that we speak, as protobuf messages: signalling, data packets, agent dispatch.
//!
//! Field numbers are those of the protocol's published definitions (`livekit_models.proto`, `livekit_rtc.proto`, `livekit_agent.proto`);
//! fields that we neither read nor write are left out, and skipped where they come.

mod data;
mod worker;

use std::collections::HashMap;

use prost::{Enumeration, Message, Oneof};

pub(crate) use data::*;
pub(crate) use worker::*;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SignalRequest {
    #[prost(oneof = "Request", tags = "1, 2, 3, 4, 6, 8, 12, 15, 16")]
    pub(crate) message: Option<Request>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Request {
    #[prost(message, tag = "1")]
    Offer(SessionDescription),
    #[prost(message, tag = "2")]
    Answer(SessionDescription),
    #[prost(message, tag = "3")]
    Trickle(Trickle),
    #[prost(message, tag = "4")]
    AddTrack(AddTrack),
    #[prost(message, tag = "6")]
    Subscription(UpdateSubscription),
    #[prost(message, tag = "8")]
    Leave(Leave),
    #[prost(message, tag = "12")]
    SyncState(SyncState),
    #[prost(message, tag = "15")]
    UpdateMetadata(UpdateMetadata),
    #[prost(message, tag = "16")]
    Ping(Ping),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SignalResponse {
    #[prost(oneof = "Response", tags = "1, 2, 3, 4, 5, 6, 8, 16, 19, 20, 23")]
    pub(crate) message: Option<Response>,
}

#[derive(Clone, PartialEq, Oneof)]
#[expect(clippy::large_enum_variant, reason = "one is read at a time, and lives for a moment")]
pub(crate) enum Response {
    #[prost(message, tag = "1")]
    Join(Join),
    #[prost(message, tag = "2")]
    Answer(SessionDescription),
    #[prost(message, tag = "3")]
    Offer(SessionDescription),
    #[prost(message, tag = "4")]
    Trickle(Trickle),
    #[prost(message, tag = "5")]
    Update(ParticipantUpdate),
    #[prost(message, tag = "6")]
    TrackPublished(TrackPublished),
    #[prost(message, tag = "8")]
    Leave(Leave),
    #[prost(string, tag = "16")]
    RefreshToken(String),
    #[prost(message, tag = "19")]
    Reconnect(Reconnect),
    #[prost(message, tag = "20")]
    Pong(Pong),
    #[prost(message, tag = "23")]
    TrackSubscribed(TrackSubscribed),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Join {
    #[prost(message, optional, tag = "1")]
    pub(crate) room: Option<Room>,
    #[prost(message, optional, tag = "2")]
    pub(crate) participant: Option<Participant>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) others: Vec<Participant>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) ice_servers: Vec<IceServer>,
    #[prost(message, optional, tag = "8")]
    pub(crate) client: Option<ClientConfiguration>,
    /// In seconds.
    #[prost(int32, tag = "10")]
    pub(crate) ping_timeout: i32,
    #[prost(int32, tag = "11")]
    pub(crate) ping_interval: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct IceServer {
    #[prost(string, repeated, tag = "1")]
    pub(crate) urls: Vec<String>,
    #[prost(string, tag = "2")]
    pub(crate) username: String,
    #[prost(string, tag = "3")]
    pub(crate) credential: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClientConfiguration {
    /// 0 unset, 1 no, 2 yes: whether audio is to go by a relay alone.
    #[prost(int32, tag = "5")]
    pub(crate) force_relay: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Reconnect {
    #[prost(uint32, tag = "4")]
    pub(crate) last_message_seq: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionDescription {
    #[prost(string, tag = "1")]
    pub(crate) r#type: String,
    #[prost(string, tag = "2")]
    pub(crate) sdp: String,
    /// Answers carry the number of their offer.
    #[prost(uint32, tag = "3")]
    pub(crate) id: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Trickle {
    #[prost(string, tag = "1")]
    pub(crate) candidate_init: String,
    #[prost(enumeration = "Target", tag = "2")]
    pub(crate) target: i32,
    #[prost(bool, tag = "3")]
    pub(crate) last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Target {
    Publisher = 0,
    Subscriber = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AddTrack {
    #[prost(string, tag = "1")]
    pub(crate) cid: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(enumeration = "TrackType", tag = "3")]
    pub(crate) r#type: i32,
    #[prost(enumeration = "TrackSource", tag = "8")]
    pub(crate) source: i32,
    #[prost(bool, tag = "13")]
    pub(crate) disable_red: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackPublished {
    #[prost(string, tag = "1")]
    pub(crate) cid: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) track: Option<Track>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackSubscribed {
    #[prost(string, tag = "1")]
    pub(crate) track_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantUpdate {
    #[prost(message, repeated, tag = "1")]
    pub(crate) participants: Vec<Participant>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Leave {
    #[prost(enumeration = "DisconnectReason", tag = "2")]
    pub(crate) reason: i32,
    #[prost(enumeration = "LeaveAction", tag = "3")]
    pub(crate) action: i32,
}

/// What a participant who is told to leave is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum LeaveAction {
    Disconnect = 0,
    Resume = 1,
    Reconnect = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SyncState {
    #[prost(message, optional, tag = "1")]
    pub(crate) answer: Option<SessionDescription>,
    #[prost(message, optional, tag = "2")]
    pub(crate) subscription: Option<UpdateSubscription>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) publish_tracks: Vec<TrackPublished>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UpdateSubscription {
    #[prost(string, repeated, tag = "1")]
    pub(crate) track_sids: Vec<String>,
    #[prost(bool, tag = "2")]
    pub(crate) subscribe: bool,
    #[prost(message, repeated, tag = "3")]
    pub(crate) participant_tracks: Vec<ParticipantTracks>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantTracks {
    #[prost(string, tag = "1")]
    pub(crate) participant_sid: String,
    #[prost(string, repeated, tag = "2")]
    pub(crate) track_sids: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UpdateMetadata {
    #[prost(map = "string, string", tag = "3")]
    pub(crate) attributes: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ping {
    /// In milliseconds.
    #[prost(int64, tag = "1")]
    pub(crate) timestamp: i64,
    #[prost(int64, tag = "2")]
    pub(crate) rtt: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pong {
    #[prost(int64, tag = "1")]
    pub(crate) last_ping_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Room {
    #[prost(string, tag = "1")]
    pub(crate) sid: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Participant {
    #[prost(string, tag = "1")]
    pub(crate) sid: String,
    #[prost(string, tag = "2")]
    pub(crate) identity: String,
    #[prost(enumeration = "ParticipantState", tag = "3")]
    pub(crate) state: i32,
    #[prost(message, repeated, tag = "4")]
    pub(crate) tracks: Vec<Track>,
    #[prost(string, tag = "5")]
    pub(crate) metadata: String,
    #[prost(string, tag = "9")]
    pub(crate) name: String,
    #[prost(enumeration = "ParticipantKind", tag = "14")]
    pub(crate) kind: i32,
    #[prost(map = "string, string", tag = "15")]
    pub(crate) attributes: HashMap<String, String>,
    #[prost(enumeration = "DisconnectReason", tag = "16")]
    pub(crate) disconnect_reason: i32,
    /// What its client knows of what clients do among themselves.
    #[prost(int32, tag = "20")]
    pub(crate) client_protocol: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum ParticipantState {
    Joining = 0,
    Joined = 1,
    Active = 2,
    Disconnected = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum ParticipantKind {
    Standard = 0,
    Ingress = 1,
    Egress = 2,
    Sip = 3,
    Agent = 4,
    Connector = 7,
    Bridge = 8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum DisconnectReason {
    Unknown = 0,
    ClientInitiated = 1,
    DuplicateIdentity = 2,
    ServerShutdown = 3,
    ParticipantRemoved = 4,
    RoomDeleted = 5,
    StateMismatch = 6,
    JoinFailure = 7,
    Migration = 8,
    SignalClose = 9,
    RoomClosed = 10,
    UserUnavailable = 11,
    UserRejected = 12,
    SipTrunkFailure = 13,
    ConnectionTimeout = 14,
    MediaFailure = 15,
    AgentError = 16,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Track {
    #[prost(string, tag = "1")]
    pub(crate) sid: String,
    #[prost(enumeration = "TrackType", tag = "2")]
    pub(crate) r#type: i32,
    #[prost(bool, tag = "4")]
    pub(crate) muted: bool,
    #[prost(enumeration = "TrackSource", tag = "9")]
    pub(crate) source: i32,
    #[prost(int32, repeated, tag = "19")]
    pub(crate) audio_features: Vec<i32>,
}

/// Of `audio_features`: what was said before the track was published comes as a byte stream.
pub(crate) const PRE_CONNECT_BUFFER: i32 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum TrackType {
    Audio = 0,
    Video = 1,
    Data = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum TrackSource {
    Unknown = 0,
    Camera = 1,
    Microphone = 2,
    ScreenShare = 3,
    ScreenShareAudio = 4,
}
