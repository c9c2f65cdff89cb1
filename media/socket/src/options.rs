//! When a socket is given up, and how much may wait in it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// How long an open socket may say nothing useful (no `client-ready`, no audio, no `start`) before it is closed.
    pub ready_within_ms: u64,
    /// A ping goes out this often. A socket from which nothing came for two of these is lost.
    pub ping_every_ms: u64,
    /// Audio frames of 20 ms that may wait for a slow receiver. One more and the peer is lost: what it would hear is old.
    pub queued_frames: usize,
    /// Largest message taken. Whoever upgrades the socket sets it there too (`max_message_size`), where it is enforced.
    pub longest_message_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ready_within_ms: 10_000,
            ping_every_ms: 15_000,
            queued_frames: 40,
            longest_message_bytes: 256 * 1024,
        }
    }
}

impl Options {
    /// What is wrong with the options, in words.
    pub fn validate(&self) -> Result<(), String> {
        if self.ready_within_ms < 100 || self.ping_every_ms < 100 {
            return Err("ready_within_ms and ping_every_ms must be at least 100".to_owned());
        }
        if self.queued_frames == 0 || self.longest_message_bytes < 4_096 {
            return Err("queued_frames must be at least 1 and longest_message_bytes at least 4096".to_owned());
        }
        Ok(())
    }

    pub(crate) const fn ready_within(&self) -> Duration {
        Duration::from_millis(self.ready_within_ms)
    }

    pub(crate) const fn ping_every(&self) -> Duration {
        Duration::from_millis(self.ping_every_ms)
    }
}
