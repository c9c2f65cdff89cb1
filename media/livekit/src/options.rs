//! How a participant behaves, and when it gives up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use media_rtc::Trust;

/// Whom a participant speaks with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum With {
    /// A person or a telephone: the participant is an agent.
    #[default]
    People,
    /// An agent: the participant is a caller.
    Agents,
}

/// Whether a room that was lost may be entered anew: shut while somebody else may have the participant's place. Cheap to clone; all
/// clones are one door.
#[derive(Debug, Clone, Default)]
pub struct Door(Arc<AtomicBool>);

impl Door {
    pub fn shut(&self, shut: bool) {
        self.0.store(shut, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for Door {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Door {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub with: With,
    /// The identity of whom the conversation was with before, who has the preference where they are there.
    pub other: Option<String>,
    /// Where sockets for audio are opened. The unspecified address offers every interface and loopback.
    pub listen: SocketAddr,
    /// Audio goes by the relays that the server names and by nothing else.
    pub relay_only: bool,
    /// Whom servers behind TLS are verified by: LiveKit's own and those that relay.
    pub trust: Trust,
    /// How long one attempt to reach the server may take.
    pub connect_within_ms: u64,
    /// How long a caller is waited for in a room that nobody is in.
    pub caller_within_ms: u64,
    /// So long after a caller was seen the conversation begins, even where the server does not say that they hear us.
    pub heard_within_ms: u64,
    /// So long a lost connection is tried to be resumed, before the room is entered anew.
    pub resume_within_ms: u64,
    /// So long the room is tried to be entered anew, before the visit ends.
    pub rejoin_within_ms: u64,
    /// Whether it may be.
    pub door: Door,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            with: With::People,
            other: None,
            listen: media_rtc::Link::anywhere(),
            relay_only: false,
            trust: Trust::default(),
            connect_within_ms: 5_000,
            caller_within_ms: 300_000,
            heard_within_ms: 2_000,
            resume_within_ms: 10_000,
            rejoin_within_ms: 60_000,
            door: Door::default(),
        }
    }
}

impl Options {
    pub(crate) const fn connect_within(&self) -> Duration {
        Duration::from_millis(self.connect_within_ms)
    }

    pub(crate) const fn caller_within(&self) -> Duration {
        Duration::from_millis(self.caller_within_ms)
    }

    pub(crate) const fn heard_within(&self) -> Duration {
        Duration::from_millis(self.heard_within_ms)
    }

    pub(crate) const fn resume_within(&self) -> Duration {
        Duration::from_millis(self.resume_within_ms)
    }

    pub(crate) const fn rejoin_within(&self) -> Duration {
        Duration::from_millis(self.rejoin_within_ms)
    }
}
