//! How a caller reaches a server: each transport ends in the same pair of channels that a server's session has, seen from the other side.

mod bootstrap;
mod carrier;
pub mod livekit;
mod mulaw;
pub mod sip;
mod socket;
mod telnyx;
mod webrtc;
mod websocket;

use std::time::Duration;

use control_api::Problem;
use domain::{Code, Failure, Retry, Secret, Source};
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
    /// The same in Telnyx's messages, with A-law.
    Telnyx,
}

#[derive(Debug, Clone)]
pub struct Target {
    /// Base URL of the server, such as `http://localhost:7860`.
    pub url: String,
    pub agent: String,
    /// What a closed server asks for.
    pub token: Option<Secret<String>>,
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
    #[error("{url} shows a certificate that is not trusted here ({reason}); --insecure takes any")]
    Untrusted { url: String, reason: String },
    /// As the server says it, where it is one of ours.
    #[error("{url} answered {status}: {detail}")]
    Refused { url: String, status: u16, retry_after: Option<Duration>, code: Option<Code>, detail: String },
    #[error("{url} answered what this client does not understand: {reason}")]
    Protocol { url: String, reason: String },
    #[error("could not set up the connection: {reason}")]
    Local { reason: String },
    #[error(transparent)]
    Room(#[from] media_livekit::Error),
    #[error(
        "no agent came into the room at {url} within {within:?}: is one of that name served there, and registered with this LiveKit server?"
    )]
    NoAgent { url: String, within: Duration },
    #[error("{address} did not take the call: {why} ({status})")]
    NotAnswered { address: String, why: &'static str, status: u16 },
}

impl DialError {
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Unreachable { .. } => Failure::platform("SERVER_UNREACHABLE", Retry::Now),
            Self::Untrusted { .. } => Failure::caller("CERTIFICATE_UNTRUSTED"),
            Self::Refused { code: Some(code), retry_after, .. } => Failure {
                source: Source::Platform,
                retry: retry_after.map_or(Retry::Never, Retry::After),
                code: *code,
            },
            Self::Refused { code: None, .. } | Self::Protocol { .. } => {
                Failure::platform("SERVER_ANSWER_UNKNOWN", Retry::Never)
            }
            Self::Local { .. } => Failure::caller("CALL_SETUP_FAILED"),
            Self::Room(error) => error.failure(),
            Self::NotAnswered { .. } => Failure::platform("CALL_NOT_ANSWERED", Retry::Now),
            Self::NoAgent { .. } => Failure::platform("LIVEKIT_NO_AGENT", Retry::Now),
        }
    }

    /// From an answer that is no success.
    fn refused(url: String, status: u16, retry_after: Option<Duration>, body: &str) -> Self {
        let problem: Option<Problem> = serde_json::from_str(body).ok();
        // A code that this program does not know has no page here either: the server's words say it.
        let known = problem.as_ref().and_then(|problem| {
            control_api::problem::ALL.iter().find(|known| known.code().0 == problem.code)
        });
        let detail = match &problem {
            Some(problem) => problem.detail.clone(),
            None => body.chars().take(LONGEST_BODY_SHOWN).collect(),
        };
        Self::Refused { url, status, retry_after, code: known.map(|known| known.code()), detail }
    }

    /// From a failure to connect: the innermost cause says what to mend, the outer ones only repeat the URL.
    fn unreachable(url: String, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut inner = error;
        loop {
            if let Some(reason) = untrusted(inner) {
                return Self::Untrusted { url, reason };
            }
            match inner.source() {
                Some(source) => inner = source,
                None => return Self::Unreachable { url, reason: inner.to_string() },
            }
        }
    }
}

/// A proxy's whole error page is no help.
const LONGEST_BODY_SHOWN: usize = 300;

/// What TLS finds wrong with the certificate. Its error travels inside those of I/O, which as a source are passed over.
fn untrusted(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut error = error;
    while let Some(io) = error.downcast_ref::<std::io::Error>() {
        error = io.get_ref()?;
    }
    let tls = error.downcast_ref::<rustls::Error>()?;
    matches!(tls, rustls::Error::InvalidCertificate(_)).then(|| tls.to_string())
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
        Transport::Telnyx => telnyx::dial(target).await,
    }
}
