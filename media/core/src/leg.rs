//! What passes between a transport and a session. Every transport speaks these two enums; the session knows no transport.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::packet::Packet;

/// What a transport does with a packet that cannot arrive on time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delivery {
    /// It may be lost (RTP): after a short wait it is not coming.
    #[default]
    Datagrams,
    /// It comes late, in order (a socket): silence put in its place would cut words apart.
    Stream,
}

/// From the transport to the session, in order of arrival.
#[derive(Debug, Clone, PartialEq)]
pub enum LegEvent {
    /// Media can flow both ways from now on (ICE and DTLS are up; the socket is open and the client ready).
    Active,
    Packet(Packet),
    /// What the caller said before we were there, in order, and what came since: all at once, and followed by `Packet`s.
    Earlier(Vec<Packet>),
    /// A message of the client protocol (RTVI JSON) as text.
    Message(String),
    Quality(Quality),
    /// A message of the signalling between the transport and the caller's network, for whoever looks into a call.
    Signal(Signal),
    /// The connection broke. The caller may come back on this leg, which then says `Active` again, or on another; a
    /// transport that does not wait for them closes its channel.
    Lost,
    /// The caller hung up on purpose.
    Closed,
}

/// From the session to the transport. The session sends audio on time; the transport sends at once and keeps no queue of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum LegCommand {
    Packet(Packet),
    Message(String),
    /// Drop what the far end may have buffered of our audio, where the transport has a way to say so.
    Clear,
    Close,
}

/// A message of the signalling, without anything secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// By us, or to us.
    pub sent: bool,
    /// What it is: a method, or a status with its phrase.
    pub what: String,
    /// The whole message; may be cut.
    pub text: String,
}

/// What a transport alone can know of its connection; what it does not is absent. How its own packets arrive is measured behind it, alike for
/// all (`meter`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// How our packets arrive, as the far end says.
    pub received: Option<Received>,
    pub round_trip: Option<Duration>,
}

/// As the far end has counted our packets since the first (RTCP).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The highest sequence number that it has seen, with its wraps.
    pub highest: u64,
    pub lost: u64,
    pub jitter: Duration,
}
