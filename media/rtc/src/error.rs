//! What can go wrong before media flows, each with the code its user can look up.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::{Code, Failure, Retry, Source};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the offer is not a WebRTC offer we can answer: {0}")]
    OfferInvalid(String),
    #[error("the offer has no audio in Opus: add an audio transceiver before creating the offer")]
    OfferWithoutAudio,
    #[error("the answer does not fit our offer: {0}")]
    AnswerInvalid(String),
    #[error("no connection with the id {0:?}: it ended or never was; send a new offer without pc_id")]
    PeerUnknown(String),
    #[error("{live} of {limit} connections are in use")]
    Full { live: usize, limit: usize },
    #[error("{half_open} connections are being set up and have not sent media yet, the limit is {limit}")]
    TooManyConnecting { half_open: usize, limit: usize },
    #[error(
        "{half_open} connections of {from} are being set up and have not sent media yet, the limit is {limit}"
    )]
    TooManyConnectingFrom { from: IpAddr, half_open: usize, limit: usize },
    #[error("cannot listen for WebRTC on UDP {address}")]
    Bind {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("cannot read the addresses of this machine's network interfaces")]
    Interfaces(#[source] io::Error),
    #[error("the peer ended while it was being changed")]
    PeerEnded,
    #[error("bad WebRTC option: {0}")]
    Options(String),
}

impl Error {
    #[must_use]
    pub const fn failure(&self) -> Failure {
        const SOON: Retry = Retry::After(Duration::from_secs(2));
        match self {
            Self::OfferInvalid(_) => Failure::caller("OFFER_INVALID"),
            Self::OfferWithoutAudio => Failure::caller("OFFER_WITHOUT_AUDIO"),
            Self::AnswerInvalid(_) => Failure::caller("ANSWER_INVALID"),
            Self::PeerUnknown(_) | Self::PeerEnded => Failure::caller("PEER_UNKNOWN"),
            Self::Full { .. } => Failure::platform("PEERS_FULL", SOON),
            Self::TooManyConnecting { .. } => Failure::platform("PEERS_CONNECTING", SOON),
            Self::TooManyConnectingFrom { .. } => {
                Failure { source: Source::Caller, retry: SOON, code: Code("TOO_MANY_CONNECTING") }
            }
            Self::Bind { .. } | Self::Interfaces(_) => Failure::platform("RTC_BIND", Retry::Never),
            Self::Options(_) => Failure::platform("RTC_OPTIONS", Retry::Never),
        }
    }
}
