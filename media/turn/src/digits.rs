//! Keys of the telephone, collected into one entry.

use std::time::Instant;

use domain::Digit;

use crate::options::{self, ms};

#[derive(Debug, Default)]
pub(crate) struct Digits {
    keys: String,
    last: Option<Instant>,
    ended: bool,
}

impl Digits {
    pub(crate) fn press(&mut self, digit: Digit, options: &options::Digits, t: Instant) {
        let key = char::from(digit);
        self.last = Some(t);
        if options.end.contains(key) && !self.keys.is_empty() {
            self.ended = true;
            return;
        }
        self.keys.push(key);
        self.ended |= options.max > 0 && self.keys.len() >= options.max as usize;
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
}
