//! What can go wrong on the way into a room, each with the code its user can look up.

use std::time::Duration;

use domain::{Failure, Retry};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("bad LiveKit option: {0}")]
    Options(String),
    #[error(
        "LiveKit at {host} refused us (HTTP {status}): check LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and that the token is for this server"
    )]
    Refused { host: String, status: u16 },
    #[error("LiveKit at {host} cannot be reached")]
    Unreachable {
        host: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("LiveKit at {host} did not answer within {within:?}")]
    Silent { host: String, within: Duration },
    #[error("LiveKit said what we cannot follow: {0}")]
    Protocol(String),
    #[error("the room may not be entered while another server may have the call")]
    Shut,
    #[error("the connection for audio could not be made")]
    Media(#[from] media_rtc::Error),
    #[error("a LiveKit token could not be signed")]
    Token(#[source] jsonwebtoken::errors::Error),
}

impl Error {
    #[must_use]
    pub fn failure(&self) -> Failure {
        const SOON: Retry = Retry::After(Duration::from_secs(2));
        match self {
            Self::Options(_) | Self::Token(_) => Failure::platform("LIVEKIT_OPTIONS", Retry::Never),
            Self::Refused { .. } => Failure::platform("LIVEKIT_REFUSED", Retry::Never),
            Self::Unreachable { .. } | Self::Silent { .. } | Self::Protocol(_) | Self::Shut => {
                Failure::platform("LIVEKIT_UNREACHABLE", SOON)
            }
            Self::Media(error) => error.failure(),
        }
    }

    /// Whether the same attempt may succeed later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        !matches!(self.failure().retry, Retry::Never)
    }
}
