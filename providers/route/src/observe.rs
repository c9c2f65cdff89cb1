//! What a route tells whoever measures and pays: every attempt, whatever became of it, and what changed.

use std::sync::Arc;
use std::time::Duration;

use domain::{SessionId, TurnId};
use providers_api::{Ability, Error, ErrorKind, ProviderInfo, Usage};

use crate::health::Key;

/// Called on the path of a request: must neither wait nor block.
pub trait Observer: Send + Sync {
    fn attempt(&self, attempt: Attempt);
    fn event(&self, event: RouteEvent);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {
    fn attempt(&self, _attempt: Attempt) {}
    fn event(&self, _event: RouteEvent) {}
}

/// One request to one provider, when it is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub session: SessionId,
    /// `None`: of none alone, as a stream of recognition, which hears many.
    pub turn: Option<TurnId>,
    /// Whose key was used.
    pub tenant: Arc<str>,
    pub ability: Ability,
    pub provider: Arc<ProviderInfo>,
    /// Counts the attempts of one request (one turn of TTS, one stream of STT), from 1.
    pub number: u32,
    pub why: Why,
    /// Until the provider had taken the request; `None` where it never did.
    pub connect: Option<Duration>,
    /// From when progress was waited for to the first: a useful token, a voiced sample, words. For STT the first of the stream.
    pub first_progress: Option<Duration>,
    pub took: Duration,
    pub outcome: Outcome,
    /// As the provider counted, else from what it was given and gave, marked. What is charged for is here alone: the
    /// `Usage` events that a route passes on are those of whoever served.
    pub usage: Usage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    First,
    /// Another had failed.
    Fallback,
    /// Another was slow.
    Hedge,
    /// To find out whether it works again.
    Probe,
    /// The same, without a caller.
    Check,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Served,
    Failed(Error),
    /// No progress within the deadline.
    TimedOut,
    /// Another was faster.
    Abandoned,
    /// The caller hung up.
    Cancelled,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RouteEvent {
    /// A provider is not asked for a while. `because` of refused credentials or quota, somebody must act.
    BreakerOpened {
        key: Arc<Key>,
        because: ErrorKind,
        lasts: Duration,
    },
    BreakerClosed {
        key: Arc<Key>,
    },
    /// Another serves than began.
    Switched {
        session: SessionId,
        ability: Ability,
        from: Arc<ProviderInfo>,
        to: Arc<ProviderInfo>,
    },
    /// No alternative is left; the error went up.
    AllFailed {
        session: SessionId,
        ability: Ability,
        error: Error,
    },
}
