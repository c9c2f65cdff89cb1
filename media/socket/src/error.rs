//! Why we close a socket on a client, with the code it is told.

use domain::Failure;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no audio and no client-ready came within {0} ms")]
    Silent(u64),
    #[error("a message could not be read: {0}")]
    BadMessage(String),
    #[error("a message is larger than the {0} bytes allowed")]
    TooLarge(usize),
    #[error("audio at {0} Hz: send 8000 to 48000 Hz, in a multiple of 50")]
    Rate(u32),
    #[error("audio with {0} channels: send mono or stereo")]
    Channels(u32),
    #[error("audio with {0} bytes is not whole 16-bit samples of every channel")]
    Samples(usize),
    #[error("media in {0}: only mu-law, of Telnyx also A-law, at 8000 Hz mono is taken")]
    Format(String),
}

impl Refusal {
    #[must_use]
    pub const fn failure(&self) -> Failure {
        Failure::caller(match self {
            Self::Silent(_) => "SOCKET_SILENT",
            Self::BadMessage(_) => "SOCKET_BAD_MESSAGE",
            Self::TooLarge(_) => "SOCKET_MESSAGE_TOO_LARGE",
            Self::Rate(_) => "SOCKET_RATE_UNSUPPORTED",
            Self::Channels(_) => "SOCKET_CHANNELS_UNSUPPORTED",
            Self::Samples(_) => "SOCKET_SAMPLES_BROKEN",
            Self::Format(_) => "SOCKET_FORMAT_UNSUPPORTED",
        })
    }

    /// RFC 6455 section 7.4.1.
    pub(crate) const fn close_code(&self) -> u16 {
        match self {
            Self::Silent(_) => 1008,
            Self::TooLarge(_) => 1009,
            Self::BadMessage(_) | Self::Samples(_) => 1007,
            Self::Rate(_) | Self::Channels(_) | Self::Format(_) => 1003,
        }
    }
}
