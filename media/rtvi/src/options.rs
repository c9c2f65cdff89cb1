//! What a session tells its client, and what it takes from it.

use std::time::{Duration, SystemTime};

/// Longest message taken from a client, in bytes, unless told otherwise.
pub(crate) const LONGEST_MESSAGE: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub struct Options {
    /// In bytes. Longer messages are answered with `RTVI_MESSAGE_TOO_LONG` and not read.
    pub longest_message: usize,
    /// Told to the client after `bot-ready`, with the token by which it may come back to this session.
    pub session_id: Option<String>,
    pub resume_token: Option<String>,
    /// How long the session waits for a client that was lost; told beside the token.
    pub resume_within: Option<Duration>,
    /// When the session began: transcripts carry wall-clock times, which are this plus their place on the track.
    pub started: SystemTime,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            longest_message: LONGEST_MESSAGE,
            session_id: None,
            resume_token: None,
            resume_within: None,
            started: SystemTime::UNIX_EPOCH,
        }
    }
}
