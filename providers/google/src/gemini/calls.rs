//! What the vendor wants back with a call of a tool: the signature of the thoughts that led to it, and the name it gave it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Calls whose signatures are kept; the oldest is forgotten first. A call that was forgotten is sent as one of another vendor.
const KEPT: usize = 4_096;
/// A longer signature is none.
const LONGEST_SIGNATURE: usize = 64 << 10;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The identifier is the vendor's own.
    pub(crate) is_named: bool,
    /// Of parallel calls only the first has one.
    pub(crate) signature: Option<String>,
}

/// By the identifier of the call, which is unique.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    kept: HashMap<String, Kept>,
    order: VecDeque<String>,
}

impl Calls {
    pub(crate) fn keep(&self, id: &str, mut call: Kept) {
        call.signature = call.signature.filter(|signature| signature.len() <= LONGEST_SIGNATURE);
        let mut inner = self.lock();
        if inner.kept.insert(id.to_owned(), call).is_none() {
            inner.order.push_back(id.to_owned());
        }
        if inner.order.len() > KEPT
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.kept.remove(&oldest);
        }
    }

    /// None where the call is not of here, or forgotten.
    pub(crate) fn find(&self, id: &str) -> Option<Kept> {
        self.lock().kept.get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_call_is_forgotten_first() {
        let calls = Calls::default();
        let call = Kept { is_named: true, signature: Some("x".to_owned()) };
        for number in 0..=KEPT {
            calls.keep(&number.to_string(), call.clone());
        }
        assert_eq!(calls.find("0"), None);
        assert_eq!(calls.find("1"), Some(call));
        assert_eq!(calls.lock().kept.len(), KEPT);
    }
}
