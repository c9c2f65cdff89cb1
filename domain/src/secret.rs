//! Redaction is a type: what must not be shown cannot be printed by accident.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

/// A key or password. Never shown, never serialised.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The one way to the value; every call is a place to review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What a person said or who they are. Stored and sent where the product needs it, but absent from logs: shown as `[pii]`
/// unless `show_pii` was called.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pii<T>(pub T);

/// One answer for the process: a deployment decides it once, at start.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// From now on this process's logs may say what people said: for a deployment that asks for it.
pub fn show_pii(show: bool) {
    SHOWN.store(show, Ordering::Relaxed);
}

impl<T: fmt::Debug> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SHOWN.load(Ordering::Relaxed) { self.0.fmt(f) } else { f.write_str("[pii]") }
    }
}

impl<T: fmt::Display> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SHOWN.load(Ordering::Relaxed) { self.0.fmt(f) } else { f.write_str("[pii]") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_key_nor_a_name_can_be_printed() {
        let shown =
            format!("{:?} {} {:?} {}", Secret::new("sk-1"), Secret::new("sk-1"), Pii("Maria"), Pii("Maria"));
        assert!(!shown.contains("sk-1") && !shown.contains("Maria"));
    }
}
