//! Why SIP could not be listened for.

use std::io;
use std::net::SocketAddr;

use domain::{Failure, Retry};

use crate::tls::RootsError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen for SIP on {transport} {address}: {source}")]
    Listen { transport: &'static str, address: SocketAddr, source: io::Error },
    #[error("the SIP stack did not start: {0}")]
    Stack(String),
    #[error("the options of SIP are wrong: {0}")]
    Options(String),
    #[error(transparent)]
    Roots(#[from] RootsError),
}

impl Error {
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Listen { .. } | Self::Stack(_) => Failure::platform("SIP_LISTEN_FAILED", Retry::Never),
            Self::Options(_) => Failure::caller("CONFIG_INVALID"),
            Self::Roots(_) => Failure::platform("SIP_CA_UNREADABLE", Retry::Never),
        }
    }
}
