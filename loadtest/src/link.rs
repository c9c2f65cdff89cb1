//! How a caller reaches a server: each transport ends in the same pair of channels that a server's session has, seen from the other side.

mod bootstrap;
mod mulaw;
mod socket;
mod webrtc;
mod websocket;

use std::time::Duration;

use media_core::{Codec, LegCommand, LegEvent};
use runtime::Tasks;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Half a second of frames: a caller that lags so far behind has lost its call anyway, and the transport says so.
const QUEUE: usize = 25;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// RTP over DTLS-SRTP with Opus, RTVI on a data channel.
    Webrtc,
    /// Pipecat's protobuf frames with 16-bit PCM, RTVI inside.
    Websocket,
    /// A carrier's media stream (Twilio's messages) with G.711 mu-law at 8 kHz.
    Mulaw,
}

#[derive(Debug, Clone)]
pub struct Target {
    /// Base URL of the server, such as `http://localhost:7860`.
    pub url: String,
    pub agent: String,
    /// Take any certificate: for a server that made its own.
    pub insecure: bool,
}

/// A connected caller's two ends. Dropping it hangs up.
pub struct Link {
    pub codec: Codec,
    pub events: mpsc::Receiver<LegEvent>,
    pub commands: mpsc::Sender<LegCommand>,
    _tasks: Tasks,
}

#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("could not reach {url}: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("{url} answered {status}: {body}")]
    Refused { url: String, status: u16, retry_after: Option<Duration>, body: String },
    #[error("{url} answered what this client does not understand: {reason}")]
    Protocol { url: String, reason: String },
    #[error("could not set up the connection: {reason}")]
    Local { reason: String },
}

/// Connects a caller. Returns when the transport is up or negotiated; media flows after `LegEvent::Active`.
///
/// # Errors
/// When the server cannot be reached, refuses the call, or answers something else than its protocol.
pub async fn dial(target: &Target, transport: Transport) -> Result<Link, DialError> {
    match transport {
        Transport::Webrtc => webrtc::dial(target).await,
        Transport::Websocket => websocket::dial(target).await,
        Transport::Mulaw => mulaw::dial(target).await,
    }
}
