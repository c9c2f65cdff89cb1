//! What the caller typed while the agent must not be interrupted, until it may be said.

use std::time::Instant;

/// Most bytes that wait: more than anyone asks in one breath. What is typed past it is dropped, the newest first.
const MOST_BYTES: usize = 16_384;

#[derive(Debug, Default)]
pub(crate) struct Typed {
    text: String,
    /// When the first of it came.
    since: Option<Instant>,
    /// Texts that found no room.
    refused: u32,
}

impl Typed {
    /// Whether there was room for the text.
    pub(crate) fn push(&mut self, text: &str, t: Instant) -> bool {
        if self.text.len() + text.len() >= MOST_BYTES {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(text);
        self.since.get_or_insert(t);
        true
    }

    pub(crate) const fn refused(&self) -> u32 {
        self.refused
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// With when the first of it came.
    pub(crate) fn take(&mut self) -> Option<(String, Instant)> {
        let Self { text, since, .. } = std::mem::take(self);
        Some((text, since?))
    }
}
