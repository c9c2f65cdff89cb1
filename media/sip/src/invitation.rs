//! A call that rings: who calls whom, and whether somebody takes it.

use std::net::SocketAddr;

use domain::Pii;
use media_core::{Codec, LegCommand, LegEvent};
use tokio::sync::{mpsc, oneshot};

use crate::control::Control;
use crate::headers::Headers;

/// What a call is known by while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallKey(pub(crate) std::sync::Arc<str>);

/// Dropping it refuses the call.
#[derive(Debug)]
pub struct Invitation {
    /// Whom the caller asks for: the user of the request's URI, such as `front-desk` or a number.
    pub called: Pii<String>,
    /// What the caller says who they are: the user of the From header.
    pub caller: Pii<String>,
    pub source: SocketAddr,
    /// Those of its headers that the options name.
    pub headers: Headers,
    /// The trunk that it came by, where its address is one's.
    pub trunk: Option<String>,
    /// The running call whose place this one takes (RFC 3891), which whoever holds it is to go on with here and to hang up there. It is of the same
    /// trunk, or of the same address.
    pub replaces: Option<CallKey>,
    pub(crate) key: CallKey,
    pub(crate) codec: Codec,
    pub(crate) events: mpsc::Receiver<LegEvent>,
    pub(crate) commands: mpsc::Sender<LegCommand>,
    pub(crate) control: Control,
    pub(crate) verdict: oneshot::Sender<Result<(), Refusal>>,
}

/// A call as its session holds it. Dropping it hangs up.
#[derive(Debug)]
pub struct Peer {
    pub key: CallKey,
    /// What to send; packets from the caller name their own codec.
    pub codec: Codec,
    pub events: mpsc::Receiver<LegEvent>,
    pub commands: mpsc::Sender<LegCommand>,
    pub control: Control,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody of that name is here.
    Unknown,
    /// No room for another call now.
    Busy,
    /// Not now.
    Unavailable,
}

impl Refusal {
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Unknown => 404,
            Self::Busy => 486,
            Self::Unavailable => 480,
        }
    }
}

impl Invitation {
    /// Answers the call. Media flows once the peer says `Active`.
    #[must_use]
    pub fn accept(self) -> Peer {
        // A caller who is gone already is told through the events.
        let _gone = self.verdict.send(Ok(()));
        let Self { key, codec, events, commands, control, .. } = self;
        Peer { key, codec, events, commands, control }
    }

    pub fn refuse(self, refusal: Refusal) {
        let _gone = self.verdict.send(Err(refusal));
    }
}
