//! Keys of the telephone, collected into one entry.

use std::time::Instant;

use domain::Digit;

use crate::options::{self, ms};

/// Most keys in one entry, whatever the options say. While the agent must not be interrupted an entry only grows; the longest
/// that anyone keys in, an account number with its bank, has 34.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Digits {
    keys: String,
    /// Keys that found no room.
    refused: u32,
    last: Option<Instant>,
    ended: bool,
}

impl Digits {
    /// Whether there was room for the key.
    pub(crate) fn press(&mut self, digit: Digit, options: &options::Digits, t: Instant) -> bool {
        let key = char::from(digit);
        self.last = Some(t);
        if options.end.contains(key) && !self.keys.is_empty() {
            self.ended = true;
            return true;
        }
        if self.keys.len() >= MOST {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        self.keys.push(key);
        self.ended |= options.max > 0 && self.keys.len() >= options.max as usize;
        true
    }

    pub(crate) const fn refused(&self) -> u32 {
        self.refused
    }

    pub(crate) fn deadline(&self, options: &options::Digits) -> Option<Instant> {
        self.last.map(|last| if self.ended { last } else { last + ms(options.pause_ms) })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn take(&mut self) -> String {
        std::mem::take(self).keys
    }

    /// When the last key was pressed.
    pub(crate) const fn last(&self) -> Option<Instant> {
        self.last
    }
}
